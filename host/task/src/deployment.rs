//! Builds the tasks of a job in one process, connects them, and starts them.
//!
//! In this order: `endpoints` (connectors parse their options, sources find their splits, sinks check
//! their targets), `channels` (who sends to whom), `parts` (all that each task needs), `launch` (threads).
//! What can fail without data fails before the first task runs. Invariant: of a job that does not start
//! no thread, file or channel is left, though its sinks may have made their directories.

mod channels;
mod endpoints;
mod launch;
mod parts;

use std::sync::Arc;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_connectors::Access;
use wasmill_graph::JobGraph;
use wasmill_types::id::{JobId, OperatorId, TenantId};
use wasmill_types::{HostError, TaskFailure};

use crate::guest::GuestCode;
use crate::job::{JobFailure, RunningJob};
use crate::options::Options;
use crate::plan::VertexPlan;

use endpoints::Endpoints;
use parts::Builder;

/// A job that is to run in this process.
pub struct Deployment {
    /// Who owns it.
    pub tenant: TenantId,
    /// Its id.
    pub job_id: JobId,
    /// The graph.
    pub graph: JobGraph,
    /// The code of its guest operators; may be missing when it has none.
    pub code: Option<Arc<dyn GuestCode>>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// What its connectors may touch.
    pub access: Access,
    /// Its settings.
    pub options: Options,
    /// The clock.
    pub clock: Clock,
    /// The randomness of the run.
    pub rng: Rng,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("job_id", &self.job_id)
            .finish_non_exhaustive()
    }
}

/// Starts a job.
///
/// # Errors
/// When a connector, the bundle or the machine refuses; nothing runs then.
pub fn deploy(job: Deployment) -> Result<RunningJob, JobFailure> {
    let vertices = &job.graph.vertices;
    let plans: Vec<VertexPlan> = vertices
        .iter()
        .map(|vertex| VertexPlan::new(&job.graph, vertex))
        .collect();
    let cancel = CancelToken::new();
    let endpoints = Endpoints::open(&job, &plans)?;
    let tasks = Builder::new(&job, &plans, &endpoints, &cancel).tasks()?;
    launch::launch(&job, tasks, endpoints.sinks, cancel)
}

/// A failure with the vertex that it is about.
fn at(vertex: &str, failure: impl Into<TaskFailure>) -> JobFailure {
    JobFailure {
        task: Some(vertex.to_owned()),
        failure: failure.into(),
    }
}

/// The failure of one operator of a vertex, which may have many.
fn of_operator(job: &Deployment, id: OperatorId, failure: impl Into<TaskFailure>) -> TaskFailure {
    match failure.into() {
        TaskFailure::Host(error) => {
            let name = &job.graph.operator(id).name;
            HostError::new(format!("operator `{}`: {error}", name.escape_debug())).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
