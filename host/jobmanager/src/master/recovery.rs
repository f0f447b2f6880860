//! Back to a checkpoint: sinks' targets first, then tasks with their parts of it.
//!
//! Invariants: the newest completed checkpoint counts, as it is when the tasks are about to start; targets
//! are brought there while nothing that restarts runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::assignment::{Assignment, NewJob};
use wasmill_checkpoint::coordinator::{Completed, Now};
use wasmill_checkpoint::handles::Committables;
use wasmill_checkpoint::storage::StorageError;
use wasmill_graph::{JobGraph, Subtask, Vertex};
use wasmill_rpc::protocol::{
    PartData, Prepare, Prepared, Recover, Removes, RestoredOperator, SourceSplits, TaskPlace,
    TaskRestore,
};
use wasmill_types::id::{OperatorId, VertexId};
use wasmill_types::{FailureCause, FailureKind, JobStatus};

use super::effects::{Anyone, cause};
use super::{JobMaster, Message};

/// What a sink handed over, as tasks encode it.
#[derive(Deserialize)]
struct Encoded {
    name: String,
    state: Vec<u8>,
}

impl JobMaster {
    /// Makes sources and sinks ready for tasks that are about to start: all of them, or some subtasks.
    pub(super) fn prepare(&mut self, number: u32, starting: Option<Vec<Subtask>>) {
        let is_partial = starting.is_some();
        if !is_partial {
            // Without a checkpoint the sources are looked at anew.
            self.splits.take_back_all();
        }
        let latest = self.checkpoints.coordinator.latest().cloned();
        let job = (*self.setup.description).clone();
        let leader = self.setup.leader;
        let commits = job.settings.checkpoints.interval.is_some();
        let removes = removes(self.checkpoints.has_savepoints);
        let starting = starting.map(by_vertex);
        let is_first = number == 1 && self.setup.recovered.is_none();
        let graph = std::sync::Arc::clone(&self.setup.graph);
        let storage = self.checkpoints.storage.clone();
        let (anyone, deadline) = (self.anyone(), self.setup.options.prepare_timeout);
        let is_restored = latest.is_some();
        let only = latest.as_ref().map(|latest| new_sources(&graph, latest));
        let is_ready = is_partial || only.as_ref().is_some_and(BTreeSet::is_empty);
        self.errand("prepare", async move {
            let work = async {
                let commit = match &latest {
                    Some(latest) => committables(&graph, latest, &storage).await?,
                    None => Vec::new(),
                };
                if is_restored || is_partial || (commits && !is_first) {
                    let recover = Recover {
                        leader,
                        job: Box::new(job.clone()),
                        commit,
                        removes,
                        only: starting,
                    };
                    anyone
                        .call("bring the output to the checkpoint", recover, deadline)
                        .await?;
                }
                if is_ready {
                    return Ok(None);
                }
                let prepare = Prepare { leader, job, only };
                let prepared = anyone.call("prepare the sources and sinks", prepare, deadline);
                prepared.await.map(Some)
            };
            Message::Prepared(number, work.await)
        });
    }

    /// Settles what sinks have handed over of a job that ends before its input: what the newest checkpoint
    /// covers is committed, and the rest goes unless a snapshot that stays may refer to it.
    pub(super) fn settle_output(&mut self) {
        let status = self.setup.scheduler.status();
        let options = &self.setup.description.settings.checkpoints;
        let is_early = matches!(status, JobStatus::Failed | JobStatus::Canceled);
        if !is_early || options.interval.is_none() || self.members.is_empty() {
            return;
        }
        let stays = self.checkpoints.has_savepoints || options.retention.keeps(status);
        let removes = removes(stays);
        let latest = self.checkpoints.coordinator.latest().cloned();
        let job = Box::new((*self.setup.description).clone());
        let leader = self.setup.leader;
        let graph = std::sync::Arc::clone(&self.setup.graph);
        let storage = self.checkpoints.storage.clone();
        let (anyone, deadline) = (self.anyone(), self.setup.options.commit_timeout);
        self.checkpoints.cleaning += 1;
        self.errand("settle output", async move {
            let work = async {
                let commit = match &latest {
                    Some(latest) => committables(&graph, latest, &storage).await?,
                    None => Vec::new(),
                };
                let recover = Recover {
                    leader,
                    job,
                    commit,
                    removes,
                    only: None,
                };
                anyone.call("settle the output", recover, deadline).await
            };
            if let Err(error) = work.await {
                tracing::warn!(%error, "left unfinished output behind");
            }
            Message::Settled
        });
    }

    /// What each task of a deployment starts with, in their order.
    ///
    /// # Errors
    /// When the newest checkpoint does not fit the job, which was checked before.
    pub(super) fn restores(&self, tasks: &[TaskPlace]) -> Result<Vec<TaskRestore>, FailureCause> {
        let Some(latest) = self.checkpoints.coordinator.latest() else {
            return Ok(Vec::new());
        };
        let assignment = assign(&self.setup.graph, latest, true);
        let assignment = assignment.map_err(|error| FailureCause::new(FailureKind::Host, error))?;
        let restore = |task: &TaskPlace| restore_of(&self.setup.graph, &assignment, task);
        Ok(tasks.iter().map(restore).collect())
    }

    /// Notes that tasks start from the newest checkpoint.
    pub(super) fn restored(&mut self) {
        let now = Now::of(&self.setup.clock);
        if let Some(latest) = self.checkpoints.coordinator.latest() {
            let job_id = self.setup.description.job;
            tracing::info!(%job_id, checkpoint = %latest.id(), from = latest.location, "restored");
        }
        self.checkpoints.coordinator.restored_latest(now);
    }
}

/// What goes of what tasks have left; a snapshot that stays may refer to what was handed over.
fn removes(is_referred_to: bool) -> Removes {
    match is_referred_to {
        true => Removes::Unfinished,
        false => Removes::Everything,
    }
}

/// Subtasks by their vertices.
fn by_vertex(subtasks: Vec<Subtask>) -> BTreeMap<VertexId, BTreeSet<u32>> {
    let mut vertices: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
    for subtask in subtasks {
        let indexes = vertices.entry(subtask.vertex).or_default();
        indexes.insert(subtask.index);
    }
    vertices
}

/// Who gets what of a snapshot.
///
/// # Errors
/// What does not fit; for people.
pub(crate) fn assign(
    graph: &JobGraph,
    snapshot: &Completed,
    allow_non_restored: bool,
) -> Result<Assignment, String> {
    let mut metadata = (*snapshot.metadata).clone();
    metadata.make_absolute(&snapshot.location);
    unread(graph, snapshot)?;
    let job = NewJob::new(graph);
    let assignment = Assignment::new(&metadata, &job, allow_non_restored);
    assignment.map_err(|error| error.to_string())
}

/// The sources of which a snapshot knows nothing: the program has got them since, so they are read from
/// their beginning.
fn new_sources(graph: &JobGraph, snapshot: &Completed) -> BTreeSet<VertexId> {
    let is_new = |vertex: &&Vertex| {
        let kept = snapshot.metadata.operator(vertex.uid);
        let is_source = graph.operator(vertex.head()).kind.is_source();
        is_source && kept.is_none_or(|kept| kept.is_empty() && !kept.is_finished())
    };
    let new = graph.vertices.iter().filter(is_new);
    new.map(|vertex| vertex.id).collect()
}

/// The splits that no subtask accounts for in a snapshot.
///
/// # Errors
/// When they cannot be read; for people.
pub(super) fn unread(graph: &JobGraph, snapshot: &Completed) -> Result<Vec<SourceSplits>, String> {
    let mut sources = Vec::new();
    for vertex in &graph.vertices {
        let source = snapshot.metadata.operator(vertex.uid);
        let Some(bytes) = source.and_then(|source| source.coordinator.as_ref()) else {
            continue;
        };
        let splits = postcard::from_bytes(bytes).map_err(|error| {
            let name = &vertex.name;
            format!("the splits of `{name}` in the snapshot cannot be read: {error}")
        })?;
        sources.push(SourceSplits {
            vertex: vertex.id,
            splits,
        });
    }
    Ok(sources)
}

fn restore_of(graph: &JobGraph, assignment: &Assignment, task: &TaskPlace) -> TaskRestore {
    let vertex = graph.vertex(task.vertex);
    let mut finished = 0;
    let mut operators = Vec::new();
    for id in &vertex.operators {
        let uid = graph.operator(*id).state_id;
        let Some(assigned) = assignment.operators.get(&uid) else {
            continue;
        };
        finished += usize::from(assigned.finished);
        let state = assigned.subtasks.get(task.subtask as usize).cloned();
        let state = state.unwrap_or_default();
        operators.push(RestoredOperator {
            operator: *id,
            state,
            state_ids: assigned.state_ids.clone(),
        });
    }
    let is_finished = finished == vertex.operators.len();
    TaskRestore {
        operators,
        is_finished,
    }
}

/// What sinks had handed over at a checkpoint and may not be visible yet, in the order of checkpoints.
async fn committables(
    graph: &JobGraph,
    snapshot: &Completed,
    storage: &Storage,
) -> Result<Vec<PartData>, FailureCause> {
    let mut all: BTreeMap<_, Vec<(OperatorId, &Committables)>> = BTreeMap::new();
    for operator in graph.logical().operators() {
        let kept = snapshot.metadata.operator(operator.state_id);
        let states = kept.into_iter().flat_map(|kept| kept.subtasks.values());
        for some in states.flat_map(|state| &state.committables) {
            all.entry(some.checkpoint)
                .or_default()
                .push((operator.id, some));
        }
    }
    let mut parts = Vec::new();
    for (sink, some) in all.into_values().flatten() {
        let stream = storage.read(&some.stream, &snapshot.location).await;
        let stream = stream.map_err(|error: StorageError| broken(&error.to_string()))?;
        for index in 0..some.elements.offsets.len() {
            let range = some.elements.range(index);
            let bytes = stream.get(range.start as usize..range.end as usize);
            let encoded = bytes.and_then(|bytes| serde_json::from_slice::<Encoded>(bytes).ok());
            let Encoded { name, state } =
                encoded.ok_or_else(|| broken("what a sink handed over cannot be read"))?;
            parts.push(PartData { sink, name, state });
        }
    }
    Ok(parts)
}

fn broken(problem: &str) -> FailureCause {
    FailureCause::new(
        FailureKind::Host,
        format!("restore the checkpoint: {problem}"),
    )
}

impl Anyone {
    /// Calls one that is there.
    async fn call<R>(
        &self,
        action: &str,
        request: R,
        deadline: std::time::Duration,
    ) -> Result<R::Reply, FailureCause>
    where
        R: wasmill_rpc::Request<Message = wasmill_rpc::protocol::ToTaskManager>,
    {
        match self.find().await {
            Ok(member) => {
                let answer = member.gateway.call(request, deadline).await;
                answer.map_err(|error| cause(action, &error))
            }
            Err(nobody) => Err(FailureCause::new(FailureKind::Lost, nobody)),
        }
    }
}

/// What a preparation brought: splits, of sources that nothing is restored of.
pub(crate) type Preparation = Result<Option<Prepared>, FailureCause>;
