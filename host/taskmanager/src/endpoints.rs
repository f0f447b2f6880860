//! What is done to a job's sources and sinks as a whole: prepare, commit, discard.
//!
//! The executor runs each of them on a thread of its own, since files and guests block. Invariant: all
//! of them can be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmill_connectors::{Access, Committable};
use wasmill_graph::JobGraph;
use wasmill_rpc::protocol::{
    Commit, JobDescription, PartData, Prepare, Prepared, Recover, Removes, SlotMemory,
    SourceSplits, SplitData,
};
use wasmill_task::endpoints::{Commits, Endpoints};
use wasmill_types::id::{OperatorId, VertexId};
use wasmill_types::job::OperatorKind;

use crate::budget;
use crate::deploy::{graph, limits};
use crate::jobs::Refused;
use crate::programs::Program;

/// Finds the splits of sources, and makes the targets of sinks ready.
pub(crate) fn prepare(
    prepare: &Prepare,
    access: &Access,
    memory: &SlotMemory,
    program: Option<&Arc<dyn Program>>,
) -> Result<Prepared, Refused> {
    let job = &prepare.job;
    let graph = graph(job)?;
    check_sinks(&graph)?;
    let budget = budget::guest(memory, 1, &job.settings);
    let code = program.map(|program| program.code(limits(budget, job)));
    let failed = |error: wasmill_task::JobFailure| Refused::Failed(error.to_string());
    let endpoints = Endpoints::open(&graph, access).map_err(failed)?;
    let commits = match commits_at_checkpoints(job) {
        true => Commits::AtCheckpoints,
        false => Commits::AtEnd,
    };
    let splits = match &prepare.only {
        Some(only) => endpoints.splits(&graph, code.as_ref(), &job.args, only),
        None => endpoints.prepare(&graph, code.as_ref(), &job.args, commits),
    };
    let sources = splits.map_err(failed)?.into_iter();
    let sources = sources.map(|(vertex, splits)| SourceSplits {
        vertex,
        splits: splits
            .into_iter()
            .map(|split| SplitData {
                name: split.name,
                state: split.state,
            })
            .collect(),
    });
    Ok(Prepared {
        sources: sources.collect(),
    })
}

/// Makes the output of a sink visible.
pub(crate) fn commit(commit: Commit, access: &Access) -> Result<(), Refused> {
    let graph = graph(&commit.job)?;
    let endpoints = open(&graph, access)?;
    let parts = commit.parts.into_iter().map(committable).collect();
    let committed = match commit.after_snapshot {
        true => endpoints.sinks.commit_checkpoint(commit.sink, parts),
        false => endpoints.sinks.commit(commit.sink, parts),
    };
    committed.map_err(|error| Refused::Failed(error.to_string()))
}

/// Whether the sinks of a job make their output visible at checkpoints (semantics §10.5).
pub(crate) fn commits_at_checkpoints(job: &JobDescription) -> bool {
    let checkpoints = &job.settings.checkpoints;
    checkpoints.interval.is_some() && checkpoints.after_tasks_finish
}

/// Brings the targets of a job's sinks to where a checkpoint was.
pub(crate) fn recover(recover: &Recover, access: &Access) -> Result<(), Refused> {
    let graph = graph(&recover.job)?;
    let endpoints = open(&graph, access)?;
    let commit = by_sink(recover.commit.iter().cloned());
    let runs = format!("{}-", recover.job.job);
    let everything = recover.removes == Removes::Everything;
    let only = recover.only.as_ref().map(|only| subtasks(&graph, only));
    let sinks = &endpoints.sinks;
    let recovered = sinks.recover(&runs, commit, everything, only.as_ref());
    recovered.map_err(|error| Refused::Failed(error.to_string()))
}

/// Which subtasks of each sink are in these parts of vertices.
fn subtasks(
    graph: &JobGraph,
    only: &BTreeMap<VertexId, BTreeSet<u32>>,
) -> BTreeMap<OperatorId, BTreeSet<u32>> {
    let vertices = graph.vertices.iter();
    let some = vertices.filter_map(|vertex| Some((vertex, only.get(&vertex.id)?)));
    let of_operators = some.flat_map(|(vertex, subtasks)| {
        let operators = vertex.operators.iter();
        operators.map(|operator| (*operator, subtasks.clone()))
    });
    of_operators.collect()
}

/// Removes what sinks have staged.
pub(crate) fn discard(
    job: &JobDescription,
    parts: Vec<PartData>,
    access: &Access,
) -> Result<(), Refused> {
    let by_sink = by_sink(parts);
    if by_sink.is_empty() {
        return Ok(());
    }
    let endpoints = open(&graph(job)?, access)?;
    let discarded = endpoints.sinks.discard(by_sink.into_iter().collect());
    discarded.map_err(|error| Refused::Failed(error.to_string()))
}

fn open(graph: &JobGraph, access: &Access) -> Result<Endpoints, Refused> {
    Endpoints::open(graph, access).map_err(|error| Refused::Failed(error.to_string()))
}

fn check_sinks(graph: &JobGraph) -> Result<(), Refused> {
    let operators = graph.logical().operators().iter();
    let sinks: Vec<_> = operators
        .filter_map(|operator| match &operator.kind {
            OperatorKind::SinkConnector(spec) => Some((operator.name.as_str(), spec)),
            OperatorKind::SourceConnector(_) | OperatorKind::Guest | OperatorKind::GuestSource => {
                None
            }
        })
        .collect();
    wasmill_connectors::check_sinks(&sinks).map_err(|error| Refused::Failed(error.to_string()))
}

fn by_sink(parts: impl IntoIterator<Item = PartData>) -> BTreeMap<OperatorId, Vec<Committable>> {
    let mut by_sink: BTreeMap<OperatorId, Vec<Committable>> = BTreeMap::new();
    for part in parts {
        by_sink
            .entry(part.sink)
            .or_default()
            .push(committable(part));
    }
    by_sink
}

fn committable(part: PartData) -> Committable {
    Committable {
        name: part.name,
        state: part.state,
    }
}
