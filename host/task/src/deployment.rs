//! Builds tasks of a job in this process, connects them, and starts them.
//!
//! A process runs some tasks of a job, or all of them. In this order: `channels` (who sends to whom, and
//! where the other end is), `parts` (all that each task needs), `launch` (threads). Invariant: of tasks
//! that do not start no thread or file is left, and whoever was to exchange records with them elsewhere
//! sees their channels go.

mod channels;
mod launch;
mod parts;
mod places;

use std::sync::Arc;

use wasmill_actor::{CancelToken, Clock, Rng, Worker};
use wasmill_graph::JobGraph;
use wasmill_network::{Gate, Sender};
use wasmill_types::HostError;
use wasmill_types::id::{EdgeId, JobId, TenantId, VertexId};

use crate::endpoints::Endpoints;
use crate::guest::GuestCode;
use crate::keeper::Keeper;
use crate::options::Options;
use crate::outcome::{JobFailure, Observer};
use crate::source::SplitSource;
use crate::watched::Watched;

pub use places::{Place, Places};

/// A job, as the tasks of all processes see it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Who owns it.
    pub tenant: TenantId,
    /// Its id.
    pub job_id: JobId,
    /// The graph.
    pub graph: JobGraph,
    /// The program's arguments.
    pub args: Vec<String>,
    /// Its settings.
    pub options: Options,
    /// The clock.
    pub clock: Clock,
    /// The randomness of the job.
    pub rng: Rng,
}

/// The part of a job that runs in this process.
pub struct Share<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its connectors.
    pub endpoints: &'a Endpoints,
    /// A name for this run of the tasks that no other run has, in letters, digits and `-`.
    pub run: String,
    /// The tasks to run here.
    pub tasks: Vec<TaskSpec>,
    /// Where the subtasks of the job run; those of `tasks` are here.
    pub places: Places,
    /// The way to tasks elsewhere.
    pub remote: &'a dyn RemoteChannels,
}

/// A task to run.
pub struct TaskSpec {
    /// The vertex.
    pub vertex: VertexId,
    /// The subtask.
    pub subtask: u32,
    /// How often it was started before.
    pub attempt: u32,
    /// The code of its guest operators; may be missing when it has none.
    pub code: Option<Arc<dyn GuestCode>>,
    /// How many bytes of keyed state its guest may cache.
    pub cache_bytes: u64,
    /// Gives it splits, if it starts with a source.
    pub splits: Option<Box<dyn SplitSource>>,
    /// Where its state comes from and goes to; without one it starts empty and its checkpoints fail.
    pub keeper: Option<Box<dyn Keeper>>,
    /// Hears what it does.
    pub observer: Arc<dyn Observer>,
    /// Stops it.
    pub cancel: CancelToken,
}

/// A channel of a job, by its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelEnds {
    /// The edge.
    pub edge: EdgeId,
    /// The subtask that writes.
    pub producer: u32,
    /// The subtask that reads.
    pub consumer: u32,
}

/// The way to tasks in other processes. Nothing here waits: a channel that breaks later fails through its
/// end that was handed over, with a reason.
pub trait RemoteChannels {
    /// What comes out of `gate`, a gate of one channel, is for the consumer elsewhere, who asks for it.
    ///
    /// # Errors
    /// When there is no memory for the channel.
    fn offer(&self, channel: ChannelEnds, gate: Gate) -> Result<(), HostError>;

    /// What the producer at `peer`, as [`Place::At`] has it, makes is to be put into `sender`.
    ///
    /// # Errors
    /// When there is no memory for the channel.
    fn subscribe(&self, channel: ChannelEnds, peer: u16, sender: Sender) -> Result<(), HostError>;
}

/// A task that runs; dropping it lets it run on alone.
#[derive(Debug)]
pub struct RunningTask {
    /// The name of its vertex, with its subtask.
    pub name: String,
    /// Its counters.
    pub watched: Watched,
    /// Its thread.
    pub worker: Worker<()>,
}

/// Starts tasks of a job; they are in the order of the share's.
///
/// # Errors
/// When a connector, the bundle or the machine refuses; nothing runs then.
pub fn start(share: Share<'_>) -> Result<Vec<RunningTask>, JobFailure> {
    let Share {
        job,
        endpoints,
        run,
        tasks,
        places,
        remote,
    } = share;
    let mut builder = parts::Builder::new(job, endpoints, &places, run)?;
    let parts = tasks
        .into_iter()
        .map(|task| builder.task(task))
        .collect::<Result<Vec<_>, _>>()?;
    builder.connect(remote)?;
    launch::launch(job, parts)
}

impl std::fmt::Debug for Share<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Share")
            .field("job", &self.job.job_id)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TaskSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskSpec")
            .field("vertex", &self.vertex)
            .field("subtask", &self.subtask)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
