//! What can be seen of jobs, TaskManagers and bundles: immutable pictures, made by the actors whenever
//! something changes, read by REST without asking anybody.
//!
//! Invariant: a picture is consistent in itself; a reader never makes an actor wait. Times are
//! milliseconds since the epoch; a state that was never reached has none.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use wasmill_checkpoint::statistics::Statistics;
use wasmill_graph::{JobGraph, OperatorUid};
use wasmill_rpc::protocol::{Hardware, JobDescription, SlotMemory, TaskCounters};
use wasmill_types::id::{AttemptId, Digest, JobId, SlotId, TaskManagerId, TenantId, VertexId};
use wasmill_types::{ExecutionState, FailureCause, JobStatus};

use crate::restart::Strategy;

/// A job.
#[derive(Debug, Clone)]
pub struct JobView {
    /// What was submitted.
    pub description: Arc<JobDescription>,
    /// Its graph.
    pub graph: Arc<JobGraph>,
    /// Its state.
    pub status: JobStatus,
    /// When it last reached each state.
    pub reached: BTreeMap<JobStatus, i64>,
    /// Its vertices, in the order of the graph's.
    pub vertices: Vec<VertexView>,
    /// What went wrong, newest first.
    pub exceptions: Vec<ExceptionView>,
    /// What happens after a failure.
    pub restart_strategy: Strategy,
    /// How often it, or a part of it, was restarted.
    pub restarts: u32,
    /// Its checkpoints.
    pub checkpoints: Arc<CheckpointsView>,
    /// Why it is waiting, in a state in which it does: for instance the slots that are missing.
    pub waiting_for: Option<String>,
}

/// The checkpoints of a job.
#[derive(Debug, Clone)]
pub struct CheckpointsView {
    /// How they are taken.
    pub options: wasmill_checkpoint::Options,
    /// What became of them.
    pub statistics: Statistics,
}

impl Default for CheckpointsView {
    fn default() -> Self {
        let options = wasmill_checkpoint::Options::default();
        Self {
            statistics: Statistics::new(options.history),
            options,
        }
    }
}

/// A vertex of a job.
#[derive(Debug, Clone)]
pub struct VertexView {
    /// Identifies it over REST.
    pub uid: OperatorUid,
    /// Its subtasks.
    pub subtasks: Vec<SubtaskView>,
}

/// A subtask: the attempt that counts now, and the ones before.
#[derive(Debug, Clone)]
pub struct SubtaskView {
    /// The newest attempt.
    pub current: AttemptView,
    /// Earlier ones, newest first; at most [`KEPT_ATTEMPTS`].
    pub previous: Vec<AttemptView>,
}

/// Earlier attempts of a subtask that are kept (Flink's `jobmanager.execution.attempts-history-size`).
pub const KEPT_ATTEMPTS: usize = 16;

/// An attempt to run a subtask.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// Which it is.
    pub id: AttemptId,
    /// Its state.
    pub state: ExecutionState,
    /// When it reached each state.
    pub reached: BTreeMap<ExecutionState, i64>,
    /// Where it runs, or ran.
    pub location: Option<Location>,
    /// Its counters, as of the last heartbeat or its end.
    pub counters: TaskCounters,
    /// Why it failed.
    pub failure: Option<FailureCause>,
}

/// Where a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The TaskManager.
    pub task_manager: TaskManagerId,
    /// Its host and port, as people see it.
    pub endpoint: String,
    /// The slot.
    pub slot: SlotId,
}

/// Something that went wrong in a job.
#[derive(Debug, Clone)]
pub struct ExceptionView {
    /// When.
    pub at_ms: i64,
    /// What.
    pub cause: FailureCause,
    /// The task, as `name (2/4)`; none when it was the whole job.
    pub task: Option<String>,
    /// Where it ran.
    pub location: Option<Location>,
    /// What else failed before the job had recovered, or because of it.
    pub concurrent: Vec<Self>,
}

/// A TaskManager.
#[derive(Debug, Clone)]
pub struct TaskManagerView {
    /// Its name.
    pub id: TaskManagerId,
    /// The name of its host.
    pub host: String,
    /// Where its data plane listens.
    pub data: Option<SocketAddr>,
    /// Its software version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Its machine.
    pub hardware: Hardware,
    /// What each slot may use.
    pub memory: SlotMemory,
    /// Who uses which slot; a slot that is free has none.
    pub slots: Vec<Option<JobId>>,
    /// How many tasks run there.
    pub tasks: u32,
    /// When it was last heard of.
    pub last_heartbeat_ms: i64,
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// Network buffers in use, and how many there are.
    pub network_buffers: (u32, u32),
}

/// An uploaded bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleView {
    /// Identifies it over REST: `<uuid>_<file name>`.
    pub id: String,
    /// Who owns it.
    pub tenant: TenantId,
    /// The file's name.
    pub name: String,
    /// When it was uploaded.
    pub uploaded_ms: i64,
    /// Its identity.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

impl JobView {
    /// The job's id.
    pub fn id(&self) -> JobId {
        self.description.job
    }

    /// When it was accepted.
    pub fn started_ms(&self) -> i64 {
        self.reached
            .get(&JobStatus::Initializing)
            .copied()
            .unwrap_or_default()
    }

    /// When it ended, if it has.
    pub fn ended_ms(&self) -> Option<i64> {
        let ended = self.status.is_terminal();
        ended.then(|| self.reached.get(&self.status).copied())?
    }

    /// A vertex with its subtasks, by its id over REST.
    pub fn vertex(&self, uid: OperatorUid) -> Option<(VertexId, &VertexView)> {
        let index = self.vertices.iter().position(|vertex| vertex.uid == uid)?;
        Some((VertexId(index as u32), &self.vertices[index]))
    }
}

impl VertexView {
    /// Its state (semantics §17).
    pub fn state(&self) -> ExecutionState {
        let states = self.subtasks.iter().map(|subtask| subtask.current.state);
        ExecutionState::aggregate(states)
    }
}
