//! What the JobManager asks of a TaskManager.
//!
//! Invariant: a TaskManager can be asked the same thing twice and does it once: an attempt is deployed
//! once, and cancelling, discarding or releasing what is gone is done already.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::assignment::RestoredState;
use wasmill_types::Barrier;
use wasmill_types::id::{AttemptId, JobId, LeaderId, OperatorId, SlotId, TaskManagerId, VertexId};

use super::{JobDescription, PartData, ReadState, SourceSplits};

/// Everything that a JobManager may ask of a TaskManager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToTaskManager {
    /// See [`Prepare`]. Answered by [`Prepared`].
    Prepare(Box<Prepare>),
    /// See [`Deploy`]. Answered by nothing, once all tasks have a thread.
    Deploy(Box<Deploy>),
    /// See [`Cancel`]. Answered by nothing, at once.
    Cancel(Cancel),
    /// See [`Commit`]. Answered by nothing, when the output is visible.
    Commit(Commit),
    /// See [`Discard`]. Answered by nothing, when the parts are gone.
    Discard(Discard),
    /// See [`Recover`]. Answered by nothing, when it is done.
    Recover(Box<Recover>),
    /// See [`Trigger`]. Answered by nothing, at once.
    Trigger(Box<Trigger>),
    /// See [`Notify`]. Answered by nothing, at once.
    Notify(Notify),
    /// See [`Release`]. Answered by nothing, at once.
    Release(Release),
    /// See [`JobLog`]. Answered by a list of [`LogLine`].
    JobLog(JobLog),
    /// See [`ReadState`]. Answered by [`StateRows`](super::StateRows).
    ReadState(Box<ReadState>),
}

/// Finds the splits of a job's sources, and checks and makes ready the targets of its sinks, which a job that
/// goes on from a snapshot has already. Done when answered; what is wrong with them is the answer's refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepare {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The job.
    pub job: JobDescription,
    /// The sources that a job which goes on from a snapshot has not begun to read; the sinks are left alone
    /// then. None for a job that starts: all sources and sinks.
    pub only: Option<BTreeSet<VertexId>>,
}

/// The sources and sinks are ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The splits of each vertex that starts with a source.
    pub sources: Vec<SourceSplits>,
}

/// Starts tasks of a job: all that run here of those that start together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The job.
    pub job: JobDescription,
    /// The number of the deployment within the job. Tasks that exchange records start together, so it is
    /// part of the names of their channels: nothing of an earlier deployment reaches a later one.
    pub run: u32,
    /// The tasks that start here, those of upstream vertices first.
    pub tasks: Vec<TaskPlace>,
    /// What each of them starts with, in the same order; empty when all start with nothing.
    pub restores: Vec<TaskRestore>,
    /// The TaskManagers that run tasks of this deployment.
    pub peers: Vec<Peer>,
    /// For each subtask of the job, by its number in the execution graph, the index in `peers` of the
    /// TaskManager that runs it; none for one that is not part of this deployment.
    pub places: Vec<Option<u16>>,
}

/// One task to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPlace {
    /// The vertex.
    pub vertex: VertexId,
    /// The subtask.
    pub subtask: u32,
    /// How often it was started before.
    pub attempt: u32,
    /// The slot that it runs in; tasks of a job may share one.
    pub slot: SlotId,
}

/// What one task starts with: of each operator of its chain that has something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskRestore {
    /// The operators.
    pub operators: Vec<RestoredOperator>,
    /// Whether all of its operators had finished (semantics §9.6).
    pub is_finished: bool,
}

/// What one operator of one subtask starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredOperator {
    /// The operator.
    pub operator: OperatorId,
    /// Its parts of a snapshot.
    pub state: RestoredState,
    /// The number of each state by its number in the snapshot; rows of others are left out.
    pub state_ids: BTreeMap<u32, u32>,
}

/// Starts a checkpoint at tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The attempts; one that is not there declines.
    pub attempts: Vec<AttemptId>,
    /// The barrier.
    pub barrier: Barrier,
}

/// Says what became of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The attempts.
    pub attempts: Vec<AttemptId>,
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Whether it is complete; otherwise it was given up.
    pub is_complete: bool,
}

/// Brings the targets of a job's sinks to where a checkpoint was, while none of the tasks runs whose files go.
/// Repeating it goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recover {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The job.
    pub job: Box<JobDescription>,
    /// What was handed over until the checkpoint, in the order in which it is committed.
    pub commit: Vec<PartData>,
    /// What else is removed of what tasks of the job have left.
    pub removes: Removes,
    /// Of which subtasks of which vertices, while the others run; of all if absent.
    pub only: Option<BTreeMap<VertexId, BTreeSet<u32>>>,
}

/// What is removed when targets are brought to where a checkpoint was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removes {
    /// What was being written. A savepoint may refer to the rest.
    Unfinished,
    /// Everything that was not committed.
    Everything,
}

/// A TaskManager, as others reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Which it is.
    pub id: TaskManagerId,
    /// Where its data plane listens; none when it has none, as the embedded one.
    pub data: Option<SocketAddr>,
}

/// Stops tasks of a job; each ends as cancelled, which is told by [`super::TaskChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The attempts.
    pub attempts: Vec<AttemptId>,
}

/// Makes the output of a sink visible. Repeating it goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The job.
    pub job: Box<JobDescription>,
    /// The sink.
    pub sink: OperatorId,
    /// All that its subtasks have staged.
    pub parts: Vec<PartData>,
    /// Whether the job has a snapshot behind it, with which output has become visible: what stands there is
    /// its own then, and this comes after it.
    pub after_snapshot: bool,
}

/// Removes what sinks have staged, of a job that will not commit it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discard {
    /// Who leads the job.
    pub leader: LeaderId,
    /// The job.
    pub job: Box<JobDescription>,
    /// What was staged.
    pub parts: Vec<PartData>,
}

/// Forgets a job: its tasks are stopped, its slots are free, its targets are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Who led the job.
    pub leader: LeaderId,
    /// The job.
    pub job: JobId,
}

/// Asks for the last lines that a job's tasks have logged here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLog {
    /// The job.
    pub job: JobId,
    /// How many lines at most.
    pub lines: u32,
}

/// A line that a task has logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Which task: its name with its subtask.
    pub task: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// The text.
    pub message: String,
}
