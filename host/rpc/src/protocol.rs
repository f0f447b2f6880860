//! The messages between the JobManager and its TaskManagers; the embedded runner uses the same ones.
//!
//! Follow a job: [`Register`] a TaskManager, [`Prepare`] the job's sources and sinks at one of them,
//! [`Deploy`] its tasks, hear of each by [`TaskChanged`], give out [`NextSplit`], [`Commit`] or [`Discard`]
//! what its sinks have staged, [`Release`] what the job still holds. Follow a checkpoint: [`Trigger`] it at
//! the tasks where it starts, hear of each task by [`Acknowledge`] or [`Decline`], [`Notify`] all; after a
//! failure [`Recover`] the sinks' targets and deploy with a [`TaskRestore`] per task. Invariants: every message to a task
//! carries the [`LeaderId`](wasmill_types::id::LeaderId) of the JobMaster that sends it, every message from a TaskManager its
//! [`RegistrationId`](wasmill_types::id::RegistrationId), and a receiver that knows a newer one refuses; the answer to a call says that it
//! was taken, never that the work is done, unless its doc comment says so.

mod state;
mod to_job_manager;
mod to_task_manager;

use serde::{Deserialize, Serialize};
use wasmill_checkpoint::Options;
use wasmill_checkpoint::coordinator::ClaimMode;
use wasmill_types::id::{Digest, JobId, OperatorId, TenantId, VertexId};
use wasmill_types::job::JobSpec;
use wasmill_types::operator::BadRecordPolicy;

pub use state::{MAX_STATE_BYTES, ReadState, StateRows};
pub use to_job_manager::{
    Acknowledge, Acknowledged, Decline, Deregister, Hardware, Heartbeat, NextSplit, Register,
    Registered, SlotMemory, SlotUse, TaskChanged, TaskCounters, TaskReport, ToJobManager,
};
pub use to_task_manager::{
    Cancel, Commit, Deploy, Discard, JobLog, LogLine, Notify, Peer, Prepare, Prepared, Recover,
    Release, Removes, RestoredOperator, TaskPlace, TaskRestore, ToTaskManager, Trigger,
};

/// The version of these messages; both sides of a connection must have the same.
pub const VERSION: u32 = 1;

/// A job, as everybody who has to do with it needs to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDescription {
    /// The job.
    pub job: JobId,
    /// Who owns it.
    pub tenant: TenantId,
    /// Its graph, as the bundle described it. Each side checks and expands it itself, which gives the
    /// same graph everywhere.
    pub spec: JobSpec,
    /// The bundle; none for a job without code of its own.
    pub bundle: Option<Digest>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// What the submitter chose.
    pub settings: JobSettings,
}

/// What the submitter of a job may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSettings {
    /// The parallelism of operators that name none.
    pub parallelism: u32,
    /// What to do with records that cannot be read.
    pub on_bad_record: BadRecordPolicy,
    /// How much keyed state each subtask may keep in the sandbox, in bytes; none for what the slot allows.
    pub cache_bytes: Option<u64>,
    /// How much memory an instance of the bundle may have, in bytes; none for what the slot allows.
    pub memory_bytes: Option<u64>,
    /// How long a call into the bundle may take, in milliseconds; none for the TaskManager's limit.
    pub call_timeout_ms: Option<u64>,
    /// The randomness of the job; the same one in every run of it.
    pub seed: u64,
    /// How its checkpoints are taken.
    pub checkpoints: Options,
    /// Where keyed state is kept; none for what the TaskManager says.
    pub backend: Option<Backend>,
    /// The snapshot that it starts from.
    pub restore: Option<Restore>,
}

/// Where keyed state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// In memory.
    #[default]
    Memory,
    /// In RocksDB, on local disk.
    Rocksdb,
}

/// The snapshot that a job starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The directory of a savepoint or of a checkpoint that was kept.
    pub path: String,
    /// Whether state may be left behind that no operator takes (semantics §8.3).
    pub allow_non_restored: bool,
    /// Who owns it from then on.
    pub claim: ClaimMode,
}

/// A part of a source's input, which one subtask reads; what it holds only the source understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitData {
    /// For logs and errors.
    pub name: String,
    /// The source's own.
    pub state: Vec<u8>,
}

/// Output that a sink has staged: complete, durable and not yet visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartData {
    /// The sink.
    pub sink: OperatorId,
    /// For logs and errors.
    pub name: String,
    /// The sink's own.
    pub state: Vec<u8>,
}

/// The splits of one source, in the order in which they are given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSplits {
    /// The vertex whose subtasks read them.
    pub vertex: VertexId,
    /// The splits.
    pub splits: Vec<SplitData>,
}
