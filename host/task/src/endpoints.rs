//! Where a job's records come from and where they end: its connectors, opened.
//!
//! Whoever leads a job has one process [`Endpoints::prepare`] them before its tasks start, and commit or
//! discard what the sinks staged after they have ended; every process that runs tasks of the job opens
//! them for its own. Invariants: opening parses options and touches nothing; sinks touch their targets
//! last, when nothing else of the preparation can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmill_connectors::{Access, Committable, Recovery, Sink, Source, Split};
use wasmill_graph::JobGraph;
use wasmill_types::id::{OperatorId, VertexId};
use wasmill_types::{HostError, TaskFailure};

use crate::guest::GuestCode;
use crate::outcome::{JobFailure, Part};
use crate::plan::{VertexPlan, connector};

/// The splits of a job's sources, by the vertex whose subtasks read them.
pub type JobSplits = BTreeMap<VertexId, Vec<Split>>;

/// The sources and sinks of a job.
#[derive(Debug)]
pub struct Endpoints {
    pub(crate) sources: BTreeMap<VertexId, Box<dyn Source>>,
    /// The sinks of a job.
    pub sinks: Sinks,
}

/// When output becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// When all tasks have finished.
    AtEnd,
    /// At each checkpoint that completes.
    AtCheckpoints,
}

/// The sinks of a job, and the names of their operators.
#[derive(Debug, Default)]
pub struct Sinks(BTreeMap<OperatorId, (String, Arc<dyn Sink>)>);

impl Endpoints {
    /// Parses the options of a job's connectors.
    ///
    /// # Errors
    /// When they are refused.
    pub fn open(graph: &JobGraph, access: &Access) -> Result<Self, JobFailure> {
        let mut endpoints = Self {
            sources: BTreeMap::new(),
            sinks: Sinks::default(),
        };
        for vertex in &graph.vertices {
            let named = |failure| JobFailure::at(&vertex.name, failure);
            let plan = VertexPlan::new(graph, vertex);
            let source = open_source(graph, &plan, access).map_err(named)?;
            endpoints
                .sources
                .extend(source.map(|source| (vertex.id, source)));
            for id in plan.sinks() {
                endpoints.sinks.open(graph, id, access).map_err(named)?;
            }
        }
        Ok(endpoints)
    }

    /// Finds the splits of all sources, and makes the targets of all sinks ready. May take long: it
    /// reads directories and runs the bundle.
    ///
    /// # Errors
    /// When a connector or the bundle refuses.
    pub fn prepare(
        &self,
        graph: &JobGraph,
        code: Option<&Arc<dyn GuestCode>>,
        args: &[String],
        commits: Commits,
    ) -> Result<JobSplits, JobFailure> {
        let all = graph.vertices.iter().map(|vertex| vertex.id).collect();
        let splits = self.splits(graph, code, args, &all)?;
        for vertex in &graph.vertices {
            for id in VertexPlan::new(graph, vertex).sinks() {
                let sink = self.sinks.get(id);
                let prepared = match commits {
                    Commits::AtEnd => sink.prepare(),
                    Commits::AtCheckpoints => sink.prepare_for_checkpoints(),
                };
                let named = |error| JobFailure::at(&vertex.name, of_operator(graph, id, error));
                prepared.map_err(named)?;
            }
        }
        Ok(splits)
    }

    /// Finds the splits of the sources among these vertices. May take long, as [`Endpoints::prepare`] does.
    ///
    /// # Errors
    /// When a connector or the bundle refuses.
    pub fn splits(
        &self,
        graph: &JobGraph,
        code: Option<&Arc<dyn GuestCode>>,
        args: &[String],
        vertices: &BTreeSet<VertexId>,
    ) -> Result<JobSplits, JobFailure> {
        let mut splits = JobSplits::new();
        let wanted = graph.vertices.iter();
        for vertex in wanted.filter(|vertex| vertices.contains(&vertex.id)) {
            let plan = VertexPlan::new(graph, vertex);
            let found = match self.sources.get(&vertex.id) {
                Some(source) => of_connector(graph, &plan, source.splits(vertex.parallelism)),
                None if plan.has_guest_source => of_bundle(&plan, code, args, vertex.parallelism),
                None => continue,
            };
            let found = found.map_err(|failure| JobFailure::at(&vertex.name, failure))?;
            splits.insert(vertex.id, found);
        }
        Ok(splits)
    }
}

impl Sinks {
    /// Makes what a sink has staged visible. When that fails, what has not become visible is left as it
    /// is: repeating the commit goes on from there, and discarding removes it.
    ///
    /// # Errors
    /// When there is no such sink, or it could not make everything visible.
    pub fn commit(&self, id: OperatorId, parts: Vec<Committable>) -> Result<(), HostError> {
        let (name, sink) = self.known(id)?;
        let named = |error| {
            let error = HostError::from(error);
            HostError::new(format!("make the output of `{name}` visible: {error}"))
        };
        sink.commit(parts).map_err(named)
    }

    /// Makes what a sink handed over at a barrier visible; repeating it is harmless.
    ///
    /// # Errors
    /// When there is no such sink, or it could not.
    pub fn commit_checkpoint(
        &self,
        id: OperatorId,
        parts: Vec<Committable>,
    ) -> Result<(), HostError> {
        let (name, sink) = self.known(id)?;
        sink.commit_checkpoint(parts).map_err(|error| {
            let error = HostError::from(error);
            HostError::new(format!("make the output of `{name}` visible: {error}"))
        })
    }

    /// Brings the targets of all sinks to where a checkpoint was: what was handed over until then is
    /// committed, what else the job's tasks left goes, as far as `removes_later` says. `runs` is what the
    /// names of the job's runs begin with; `only` are the subtasks of sinks whose files go, if not all do.
    ///
    /// # Errors
    /// The first target that cannot be written. Repeating it goes on.
    pub fn recover(
        &self,
        runs: &str,
        mut commit: BTreeMap<OperatorId, Vec<Committable>>,
        removes_later: bool,
        only: Option<&BTreeMap<OperatorId, BTreeSet<u32>>>,
    ) -> Result<(), HostError> {
        for (id, (name, sink)) in &self.0 {
            let subtasks = only.map(|only| only.get(id).cloned().unwrap_or_default());
            let recovery = Recovery {
                job: runs.to_owned(),
                commit: commit.remove(id).unwrap_or_default(),
                removes_later,
                subtasks,
            };
            sink.recover(&recovery).map_err(|error| {
                let error = HostError::from(error);
                HostError::new(format!(
                    "bring the output of `{name}` to the checkpoint: {error}"
                ))
            })?;
        }
        Ok(())
    }

    /// Removes what sinks have staged and no commit has made visible. Tries all of them.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn discard(&self, parts: Vec<Part>) -> Result<(), HostError> {
        let mut failures = Vec::new();
        for (id, parts) in parts {
            let discarded = self.known(id).and_then(|(name, sink)| {
                let named = |error| {
                    let error = HostError::from(error);
                    HostError::new(format!("remove unfinished output of `{name}`: {error}"))
                };
                sink.discard(parts).map_err(named)
            });
            failures.extend(discarded.err().map(|error| error.message));
        }
        if failures.is_empty() {
            return Ok(());
        }
        Err(HostError::new(failures.join("; ")))
    }

    /// The sink with this id, which is one of the graph's that was opened.
    pub(crate) fn get(&self, id: OperatorId) -> &Arc<dyn Sink> {
        &self.0[&id].1
    }

    fn known(&self, id: OperatorId) -> Result<&(String, Arc<dyn Sink>), HostError> {
        let unknown = || HostError::new(format!("the job has no sink with the number {id}"));
        self.0.get(&id).ok_or_else(unknown)
    }

    fn open(
        &mut self,
        graph: &JobGraph,
        id: OperatorId,
        access: &Access,
    ) -> Result<(), TaskFailure> {
        let Some(spec) = connector(graph, id) else {
            return Ok(());
        };
        let sink = wasmill_connectors::sink(spec, access);
        let sink = sink.map_err(|error| of_operator(graph, id, error))?;
        self.0
            .insert(id, (graph.operator(id).name.clone(), sink.into()));
        Ok(())
    }
}

/// The failure of one operator of a vertex, which may have many.
pub(crate) fn of_operator(
    graph: &JobGraph,
    id: OperatorId,
    failure: impl Into<TaskFailure>,
) -> TaskFailure {
    match failure.into() {
        TaskFailure::Host(error) => {
            let name = &graph.operator(id).name;
            HostError::new(format!("operator `{}`: {error}", name.escape_debug())).into()
        }
        other => other,
    }
}

/// What is said when a job needs code and none came with it.
pub(crate) fn no_bundle() -> HostError {
    HostError::new("the job has operators of a bundle, but no bundle came with it")
}

fn open_source(
    graph: &JobGraph,
    plan: &VertexPlan,
    access: &Access,
) -> Result<Option<Box<dyn Source>>, TaskFailure> {
    let Some((id, spec)) = plan.source.and_then(|id| Some((id, connector(graph, id)?))) else {
        return Ok(None);
    };
    let source = wasmill_connectors::source(spec, access);
    let source = source.map_err(|error| of_operator(graph, id, error))?;
    Ok(Some(source))
}

fn of_connector(
    graph: &JobGraph,
    plan: &VertexPlan,
    splits: Result<Vec<Split>, wasmill_connectors::ConnectorError>,
) -> Result<Vec<Split>, TaskFailure> {
    splits.map_err(|error| match plan.source {
        Some(id) => of_operator(graph, id, error),
        None => error.into(),
    })
}

/// The splits of a source of the bundle; it gives them no names.
fn of_bundle(
    plan: &VertexPlan,
    code: Option<&Arc<dyn GuestCode>>,
    args: &[String],
    parallelism: u32,
) -> Result<Vec<Split>, TaskFailure> {
    let code = code.ok_or_else(no_bundle)?;
    let splits = code.splits(args, plan.guests[0], parallelism)?;
    let named = |(number, state): (usize, &[u8])| Split {
        name: format!("split {number}"),
        state: state.to_vec(),
    };
    Ok(splits.view().iter().enumerate().map(named).collect())
}
