//! What a TaskManager tells the JobManager, and asks of it.
//!
//! Invariant: the state of an attempt is told by [`TaskChanged`], in order, until it is acknowledged; a
//! heartbeat only counts.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::failure::Failure;
use wasmill_checkpoint::handles::TaskSnapshot;
use wasmill_checkpoint::statistics::SnapshotMetrics;
use wasmill_types::id::{AttemptId, JobId, LeaderId, RegistrationId, SlotId, TaskManagerId};
use wasmill_types::{ExecutionState, FailureCause};

use super::PartData;

/// Everything that a TaskManager may tell or ask the JobManager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToJobManager {
    /// See [`Register`]. Answered by [`Registered`].
    Register(Box<Register>),
    /// See [`Heartbeat`]. Answered by [`Acknowledged`].
    Heartbeat(Box<Heartbeat>),
    /// See [`TaskChanged`]. Answered by [`Acknowledged`].
    TaskChanged(Box<TaskChanged>),
    /// See [`NextSplit`]. Answered by a split, or none when all are given out.
    NextSplit(NextSplit),
    /// See [`Acknowledge`]. Answered by [`Acknowledged`].
    Acknowledge(Box<Acknowledge>),
    /// See [`Decline`]. Answered by [`Acknowledged`].
    Decline(Box<Decline>),
    /// See [`Deregister`]. Answered by nothing.
    Deregister(Deregister),
}

/// Offers the slots of a TaskManager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// Its name. The same process takes its place again; another one is refused while that lives.
    pub id: TaskManagerId,
    /// The name of its host, for people.
    pub host: String,
    /// Where its data plane listens, as other TaskManagers reach it; none for the embedded one.
    pub data: Option<SocketAddr>,
    /// Its software version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// How many slots it has.
    pub slots: u32,
    /// What each slot may use.
    pub memory: SlotMemory,
    /// The machine.
    pub hardware: Hardware,
}

/// What a slot may use, in bytes: the TaskManager's memory divided by its slots, and by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotMemory {
    /// The linear memories of the instances in the slot, together.
    pub guest: u64,
    /// Of these, the keyed state that they cache.
    pub cache: u64,
    /// Network buffers.
    pub network: u64,
    /// Keyed state outside of the sandbox.
    pub state: u64,
}

impl SlotMemory {
    /// All of it; the cache is a part of the guests' memory.
    pub fn total(&self) -> u64 {
        self.guest + self.network + self.state
    }
}

/// The machine that a TaskManager runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hardware {
    /// Its processors.
    pub cpu_cores: u32,
    /// Its memory, in bytes.
    pub physical_memory: u64,
}

/// The TaskManager is known; what it says from now on carries this registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The registration.
    pub registration: RegistrationId,
    /// How often it should send a heartbeat, in milliseconds.
    pub heartbeat_interval_ms: u64,
    /// After which silence the other side counts as lost, in milliseconds.
    pub heartbeat_timeout_ms: u64,
}

/// Says that the TaskManager is alive, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who says it.
    pub registration: RegistrationId,
    /// The slots that are in use.
    pub slots: Vec<SlotUse>,
    /// The counters of the tasks that run.
    pub tasks: Vec<TaskReport>,
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// Network buffers in use, and how many there are.
    pub network_buffers: (u32, u32),
}

/// A slot in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotUse {
    /// The slot.
    pub slot: SlotId,
    /// The job that uses it.
    pub job: JobId,
}

/// What a task has done so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its counters.
    pub counters: TaskCounters,
}

/// The counters of a task; their names over REST are in `types::metric`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskCounters {
    /// Records that came in; of a source those that it made.
    pub records_in: u64,
    /// Bytes of them.
    pub bytes_in: u64,
    /// Records that left.
    pub records_out: u64,
    /// Bytes of them.
    pub bytes_out: u64,
    /// Records that a sink took.
    pub records_sent: u64,
    /// Records that were left out as bad.
    pub bad_records: u64,
    /// How long the task worked, in milliseconds since its start.
    pub busy_ms: u64,
    /// How long it waited for room in its outputs.
    pub backpressured_ms: u64,
    /// How long it waited for input.
    pub idle_ms: u64,
    /// The first record of a source, in milliseconds since the epoch.
    pub first_record_ms: Option<i64>,
    /// How far event time has come at the inputs, in milliseconds since the epoch; none before the first
    /// watermark, and the end of event time is `i64::MAX`.
    pub watermark_in: Option<i64>,
    /// The same at the outputs.
    pub watermark_out: Option<i64>,
    /// By how much that is behind the clock, in milliseconds; none at the end of event time.
    pub watermark_lag_ms: Option<i64>,
    /// Whether the records that came in are those of the job's sources.
    pub is_source: bool,
    /// Counters that the bundle named.
    pub custom: Vec<(String, u64)>,
}

/// An attempt has reached a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskChanged {
    /// Who says it.
    pub registration: RegistrationId,
    /// Who led the job when the attempt was deployed.
    pub leader: LeaderId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its state.
    pub state: ExecutionState,
    /// Why it failed, or was cut short.
    pub failure: Option<FailureCause>,
    /// What its sinks have staged; only of one that has finished, or that failed after they had.
    pub parts: Vec<PartData>,
    /// Whether all of its operators have finished, and it waits for the last checkpoint.
    pub end_of_data: bool,
    /// Its counters.
    pub counters: TaskCounters,
}

/// A task has written its part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// Who says it.
    pub registration: RegistrationId,
    /// Who led the job when the attempt was deployed.
    pub leader: LeaderId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// What it wrote.
    pub snapshot: TaskSnapshot,
    /// What it measured.
    pub metrics: SnapshotMetrics,
    /// How many of the splits that it was given are accounted for in the snapshot; later ones count as
    /// not given.
    pub given_splits: u64,
}

/// A task has not taken a checkpoint, or could not write its part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decline {
    /// Who says it.
    pub registration: RegistrationId,
    /// Who led the job when the attempt was deployed.
    pub leader: LeaderId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Why.
    pub failure: Failure,
}

/// Whether what was told is still of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledged {
    /// It was taken.
    Taken,
    /// The registration or the attempt is not known (any more): the TaskManager registers again, or stops
    /// the attempt.
    Stale,
}

/// Asks for the next split of the source that an attempt reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextSplit {
    /// Who asks.
    pub registration: RegistrationId,
    /// Who leads the job.
    pub leader: LeaderId,
    /// The attempt.
    pub attempt: AttemptId,
}

/// Withdraws a TaskManager that ends in good order: its tasks are failed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deregister {
    /// Who says it.
    pub registration: RegistrationId,
}
