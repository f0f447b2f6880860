//! What a JobMaster does about checkpoints: the driver of the pure coordinator.
//!
//! The coordinator hears what the scheduler does ([`JobMaster::observe`]) and what tasks answer; its actions
//! are carried out here, by errands where they take time. Invariants: each question of the coordinator to
//! its driver is answered once, also when it failed; while a snapshot's files are being deleted the
//! JobMaster does not end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmill_actor::{Reply, Rng};
use wasmill_checkpoint::coordinator::{
    Action, Answer, ClaimMode, Completed, Event, Now, Request, Topology, Wanted,
};
use wasmill_checkpoint::failure::Failure;
use wasmill_checkpoint::{
    Barrier, CheckpointId, Coordinator, FailureReason, Metadata, RequestId, Storage,
};
use wasmill_graph::{JobGraph, OperatorUid, Subtask};
use wasmill_rpc::protocol::{Acknowledge, Acknowledged, Decline, JobDescription, Notify, Trigger};
use wasmill_types::id::{AttemptId, RegistrationId};
use wasmill_types::status::{ExecutionState, JobStatus};
use wasmill_types::{FailureCause, FailureKind};

use super::{JobMaster, Message, recovery};
use crate::scheduler;
use crate::splits::{Accounted, Splits};
use crate::view::CheckpointsView;

/// The answer to a wish for a checkpoint.
pub(crate) type Wish = Reply<Result<Answer, Failure>>;

/// A JobMaster's checkpoints.
pub(super) struct Checkpoints {
    pub(super) coordinator: Coordinator,
    pub(super) storage: Storage,
    /// What the coordinator was told of each task, in the order of the execution graph.
    told: Vec<Option<(AttemptId, ExecutionState)>>,
    status: JobStatus,
    /// How many splits tasks account for, by checkpoints that are under way.
    accounted: BTreeMap<CheckpointId, Accounted>,
    /// Who waits for a checkpoint.
    wishes: BTreeMap<RequestId, Wish>,
    next_wish: u64,
    /// Deletions that are under way.
    pub(super) cleaning: usize,
    /// Whether savepoints were taken, which may refer to what sinks have handed over.
    pub(super) has_savepoints: bool,
    /// Whether the job store knows that the job has completed a checkpoint.
    is_marked: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Those of a job that has not begun.
    pub(super) fn new(
        description: &JobDescription,
        graph: &JobGraph,
        storage: Storage,
        rng: Rng,
        (snapshot, recovered): (Option<(Completed, ClaimMode)>, Option<&[Completed]>),
    ) -> Self {
        let topology = Topology::new(graph);
        let options = description.settings.checkpoints.clone();
        let owner = (description.tenant.clone(), description.job);
        let mut coordinator = Coordinator::new(owner, topology, options, rng);
        // Whether the earlier JobMaster took savepoints is not known.
        let has_savepoints = snapshot.is_some() || recovered.is_some();
        if let Some((snapshot, mode)) = snapshot {
            coordinator.start_from(snapshot, mode);
        }
        for completed in recovered.unwrap_or_default() {
            coordinator.recover(completed.clone());
        }
        Self {
            coordinator,
            storage,
            told: Vec::new(),
            status: JobStatus::Initializing,
            accounted: BTreeMap::new(),
            wishes: BTreeMap::new(),
            next_wish: 0,
            cleaning: 0,
            has_savepoints,
            is_marked: Arc::default(),
        }
    }

    /// The splits that a job goes on with that starts from a snapshot.
    pub(super) fn splits(&self, graph: &JobGraph) -> Splits {
        let Some(latest) = self.coordinator.latest() else {
            return Splits::default();
        };
        // They were read when the job was accepted.
        let sources = recovery::unread(graph, latest).unwrap_or_else(|error| {
            tracing::error!(error, "no splits are given out");
            Vec::new()
        });
        Splits::new(sources)
    }

    /// What can be seen of them.
    pub(super) fn view(&self) -> CheckpointsView {
        CheckpointsView {
            options: self.coordinator.options().clone(),
            statistics: self.coordinator.statistics().clone(),
        }
    }
}

impl JobMaster {
    /// Tells the coordinator what the scheduler has done.
    pub(super) fn observe(&mut self) {
        let states: Vec<_> = self.setup.scheduler.states().collect();
        self.checkpoints.told.resize(states.len(), None);
        for (index, state) in states.into_iter().enumerate() {
            if self.checkpoints.told[index].replace(state) != Some(state) {
                let (attempt, state) = state;
                self.coordinate(Event::Task { attempt, state });
            }
        }
        let status = self.setup.scheduler.status();
        let was = std::mem::replace(&mut self.checkpoints.status, status);
        if was == status {
            return;
        }
        if status.is_terminal() {
            return self.coordinate(Event::Ended(status));
        }
        match (was, status) {
            (_, JobStatus::Running) => self.coordinate(Event::Started),
            (JobStatus::Running, JobStatus::Restarting) => {
                self.coordinate(Event::Suspended(FailureReason::JobFailoverRegion));
            }
            (JobStatus::Running, _) => {
                let reason = FailureReason::CheckpointCoordinatorSuspend;
                self.coordinate(Event::Suspended(reason));
            }
            _ => {}
        }
    }

    /// Hands an event to the coordinator and does what it says.
    pub(super) fn coordinate(&mut self, event: Event) {
        let now = Now::of(&self.setup.clock);
        let actions = self.checkpoints.coordinator.handle(event, now);
        for action in actions {
            self.carry_out(action);
        }
    }

    /// Lets the coordinator do what is due.
    pub(super) fn tick(&mut self) {
        let now = self.setup.clock.monotonic();
        let due = self.checkpoints.coordinator.next_wakeup();
        if !self.is_over && due.is_some_and(|due| due <= now) {
            self.coordinate(Event::Tick);
        }
    }

    /// Somebody wants a checkpoint.
    pub(super) fn wished(&mut self, wanted: Wanted, wish: Wish) {
        self.checkpoints.has_savepoints |= !matches!(wanted, Wanted::Checkpoint { .. });
        let id = RequestId(self.checkpoints.next_wish);
        self.checkpoints.next_wish += 1;
        self.checkpoints.wishes.insert(id, wish);
        self.coordinate(Event::Requested(Request { id, wanted }));
    }

    /// A task has written its part of a checkpoint. The coordinator has to know of it even if the attempt
    /// does not count any more: it has the files deleted.
    pub(super) fn acknowledged(&mut self, ack: Acknowledge) -> Acknowledged {
        if ack.leader != self.setup.leader {
            return Acknowledged::Stale;
        }
        let is_current = self
            .setup
            .scheduler
            .is_current(ack.attempt, ack.registration);
        if is_current {
            let accounted = self
                .checkpoints
                .accounted
                .entry(ack.checkpoint)
                .or_default();
            accounted.insert(subtask(ack.attempt), ack.given_splits);
        }
        self.coordinate(Event::Acknowledged {
            attempt: ack.attempt,
            checkpoint: ack.checkpoint,
            snapshot: Box::new(ack.snapshot),
            metrics: ack.metrics,
        });
        match is_current {
            true => Acknowledged::Taken,
            false => Acknowledged::Stale,
        }
    }

    /// A task has not taken a checkpoint.
    pub(super) fn declined(&mut self, decline: Decline) -> Acknowledged {
        let (attempt, registration) = (decline.attempt, decline.registration);
        let is_current = self.setup.scheduler.is_current(attempt, registration);
        if decline.leader != self.setup.leader || !is_current {
            return Acknowledged::Stale;
        }
        self.coordinate(Event::Declined {
            attempt,
            checkpoint: decline.checkpoint,
            failure: decline.failure,
        });
        Acknowledged::Taken
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Trigger { tasks, barrier } => self.trigger(tasks, &barrier),
            Action::SnapshotSources { checkpoint } => self.snapshot_sources(checkpoint),
            Action::WriteMetadata {
                checkpoint,
                directory,
                metadata,
            } => self.write_metadata(checkpoint, directory, metadata),
            Action::NotifyComplete { tasks, checkpoint } => {
                if let Some(accounted) = self.checkpoints.accounted.remove(&checkpoint) {
                    self.splits.completed(&accounted);
                }
                self.checkpoints.accounted = self.checkpoints.accounted.split_off(&checkpoint);
                self.notify(tasks, checkpoint, true);
            }
            Action::NotifyAborted {
                tasks, checkpoint, ..
            } => {
                self.checkpoints.accounted.remove(&checkpoint);
                self.notify(tasks, checkpoint, false);
            }
            Action::CleanUp {
                cleanup,
                files,
                directory,
            } => {
                let storage = self.checkpoints.storage.clone();
                self.checkpoints.cleaning += 1;
                self.errand("clean up", async move {
                    let done = storage.clean_up(&files, directory.as_deref()).await;
                    if let Err((count, error)) = done {
                        tracing::warn!(count, %error, "files of a checkpoint were not deleted");
                    }
                    Message::Coordinated(Event::CleanedUp(cleanup))
                });
            }
            Action::Answer { request, result } => {
                if let Some(wish) = self.checkpoints.wishes.remove(&request) {
                    wish.give(result);
                }
            }
            Action::FailJob { message } => {
                let cause = FailureCause::new(FailureKind::Host, message);
                // Not at once: the scheduler may be in the middle of what made the coordinator say so.
                self.address
                    .post(Message::Done(scheduler::Event::Fail(cause)));
            }
        }
        self.stale = self.stale.max(super::Stale::Tasks);
    }

    fn trigger(&self, tasks: Vec<AttemptId>, barrier: &Barrier) {
        let job_id = self.setup.description.job;
        tracing::debug!(%job_id, checkpoint = %barrier.checkpoint, "checkpoint triggered");
        let leader = self.setup.leader;
        for (registration, attempts) in self.by_place(tasks) {
            let request = Trigger {
                leader,
                attempts,
                barrier: barrier.clone(),
            };
            self.order(registration, request);
        }
    }

    fn notify(&self, tasks: Vec<AttemptId>, checkpoint: CheckpointId, is_complete: bool) {
        let leader = self.setup.leader;
        for (registration, attempts) in self.by_place(tasks) {
            let request = Notify {
                leader,
                attempts,
                checkpoint,
                is_complete,
            };
            self.order(registration, request);
        }
    }

    fn by_place(&self, tasks: Vec<AttemptId>) -> BTreeMap<RegistrationId, Vec<AttemptId>> {
        let mut places: BTreeMap<RegistrationId, Vec<AttemptId>> = BTreeMap::new();
        for attempt in tasks {
            if let Some(registration) = self.setup.scheduler.place_of(attempt) {
                places.entry(registration).or_default().push(attempt);
            }
        }
        places
    }

    /// Takes what is kept here for the sources.
    fn snapshot_sources(&mut self, checkpoint: CheckpointId) {
        let none = Accounted::new();
        let accounted = self.checkpoints.accounted.get(&checkpoint).unwrap_or(&none);
        let graph = &self.setup.graph;
        let encoded = self.splits.unread(accounted).map(|(vertex, splits)| {
            let bytes = postcard::to_stdvec(&splits).expect("splits are plain data");
            (graph.vertex(vertex).uid, bytes)
        });
        let states: BTreeMap<OperatorUid, Vec<u8>> = encoded.collect();
        self.coordinate(Event::SourcesSnapshotted { checkpoint, states });
    }

    fn write_metadata(&self, checkpoint: CheckpointId, directory: String, metadata: Arc<Metadata>) {
        let storage = self.checkpoints.storage.clone();
        let is_marked = Arc::clone(&self.checkpoints.is_marked);
        let jobs = self.setup.jobs.clone();
        let jobs = jobs.filter(|_| !is_marked.load(Ordering::Relaxed));
        let job = self.setup.description.job;
        self.errand("write metadata", async move {
            let written = storage.write_metadata(&directory, &metadata).await;
            let mut result = written.map_err(|error| error.to_string());
            if let (Ok(bytes), Some(jobs)) = (&result, jobs) {
                let bytes = *bytes;
                let marked = tokio::task::spawn_blocking(move || jobs.mark(job)).await;
                result = match marked {
                    Ok(marked) => marked.map(|()| bytes).map_err(|error| error.to_string()),
                    Err(panic) => Err(panic.to_string()),
                };
                is_marked.store(result.is_ok(), Ordering::Relaxed);
            }
            Message::Coordinated(Event::MetadataWritten { checkpoint, result })
        });
    }
}

fn subtask(attempt: AttemptId) -> Subtask {
    Subtask {
        vertex: attempt.vertex,
        index: attempt.subtask,
    }
}
