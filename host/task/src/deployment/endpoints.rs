//! Where a job's records come from and where they end: its connectors, opened, and its splits.
//!
//! Invariant: sinks touch their targets last, when nothing else of this step can fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_connectors::{Source, Split};
use wasmill_types::id::VertexId;
use wasmill_types::{HostError, TaskFailure};

use super::{Deployment, at, of_operator};
use crate::guest::GuestCode;
use crate::job::{JobFailure, JobSink, JobSinks};
use crate::plan::{VertexPlan, connector};
use crate::source::SplitQueue;

/// The sources and sinks of a job.
pub(super) struct Endpoints {
    pub(super) sources: BTreeMap<VertexId, Splits>,
    pub(super) sinks: JobSinks,
}

/// The splits of a source operator, shared by its subtasks.
pub(super) enum Splits {
    Connector(Box<dyn Source>, Arc<SplitQueue<Split>>),
    Guest(Arc<SplitQueue<Vec<u8>>>),
}

impl Endpoints {
    pub(super) fn open(job: &Deployment, plans: &[VertexPlan]) -> Result<Self, JobFailure> {
        let mut sources = BTreeMap::new();
        let mut sinks = JobSinks::new();
        for (vertex, plan) in job.graph.vertices.iter().zip(plans) {
            let named = |failure| at(&vertex.name, failure);
            let splits = splits(job, plan, vertex.parallelism).map_err(named)?;
            sources.extend(splits.map(|splits| (vertex.id, splits)));
            open_sinks(job, plan, &mut sinks).map_err(named)?;
        }
        for (vertex, plan) in job.graph.vertices.iter().zip(plans) {
            for sink in plan.sinks() {
                let prepared = sinks[&sink].sink.prepare();
                prepared.map_err(|error| at(&vertex.name, of_operator(job, sink, error)))?;
            }
        }
        Ok(Self { sources, sinks })
    }
}

/// The code of the bundle.
pub(super) fn code(job: &Deployment) -> Result<&Arc<dyn GuestCode>, TaskFailure> {
    let missing =
        || HostError::new("the job has operators of a bundle, but no bundle came with it");
    Ok(job.code.as_ref().ok_or_else(missing)?)
}

fn splits(
    job: &Deployment,
    plan: &VertexPlan,
    parallelism: u32,
) -> Result<Option<Splits>, TaskFailure> {
    let connected = plan
        .source
        .and_then(|id| Some((id, connector(&job.graph, id)?)));
    if let Some((id, spec)) = connected {
        let failed = |error| of_operator(job, id, error);
        let source = wasmill_connectors::source(spec, &job.access).map_err(failed)?;
        let splits = source.splits(parallelism).map_err(failed)?;
        return Ok(Some(Splits::Connector(source, SplitQueue::new(splits))));
    }
    if !plan.has_guest_source {
        return Ok(None);
    }
    let splits = code(job)?.splits(&job.args, plan.guests[0], parallelism)?;
    let splits = splits.view().iter().map(<[u8]>::to_vec);
    Ok(Some(Splits::Guest(SplitQueue::new(splits))))
}

fn open_sinks(
    job: &Deployment,
    plan: &VertexPlan,
    sinks: &mut JobSinks,
) -> Result<(), TaskFailure> {
    for id in plan.sinks() {
        let Some(spec) = connector(&job.graph, id) else {
            continue;
        };
        let name = job.graph.operator(id).name.clone();
        let sink = wasmill_connectors::sink(spec, &job.access);
        let sink = sink.map_err(|error| of_operator(job, id, error))?;
        sinks.insert(id, JobSink { name, sink });
    }
    Ok(())
}
