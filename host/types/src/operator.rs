//! The contract between a task and the code it runs (`wit/operator.wit`), as Rust traits.
//!
//! `wasm` implements [`Operator`] with a component instance; the benchmarks implement it with the same
//! code compiled natively, so that both run behind the same data path. `task` implements
//! [`OperatorHost`]: what the code may ask for while it runs. Calls take batches, so a virtual call per
//! call costs nothing. Invariant: one operator is used by one thread.

use serde::{Deserialize, Serialize};

use crate::batch::{BatchView, Blobs, BlobsView};
use crate::failure::TaskFailure;
use crate::id::{EdgeId, OperatorId};

/// The operators of one chain in one subtask, run by guest code.
///
/// Every method fails as [`TaskFailure`] says; after a failure the operator is dropped.
pub trait Operator<H> {
    /// The host side that was handed over at creation.
    fn host(&mut self) -> &mut H;

    /// Builds the operators; called first, once.
    fn open(&mut self, context: &TaskContext) -> Result<(), TaskFailure>;

    /// Processes records of one input.
    fn process(&mut self, input: u32, records: &BatchView<'_>) -> Result<(), TaskFailure>;

    /// Fires timers.
    fn on_timers(&mut self, domain: TimeDomain, timers: &Timers) -> Result<(), TaskFailure>;

    /// Says that event time reached `time` on all inputs, before the timers that this fires.
    fn on_watermark(&mut self, time: i64) -> Result<(), TaskFailure>;

    /// Says that an input has ended.
    fn end_of_input(&mut self, input: u32) -> Result<(), TaskFailure>;

    /// Writes cached keyed state to the host and returns the operator state.
    fn snapshot(&mut self, checkpoint: u64) -> Result<Vec<OperatorState>, TaskFailure>;

    /// Says that a checkpoint is complete; it covers earlier ones of which that was not said (semantics
    /// §7.17).
    fn checkpoint_complete(&mut self, _checkpoint: u64) -> Result<(), TaskFailure> {
        Ok(())
    }

    /// Says that a checkpoint was given up.
    fn checkpoint_aborted(&mut self, _checkpoint: u64) -> Result<(), TaskFailure> {
        Ok(())
    }

    /// The splits of a guest source that are not at their end, with their positions.
    fn snapshot_splits(&mut self) -> Result<Blobs, TaskFailure> {
        Ok(Blobs::default())
    }

    /// Gives splits to a chain that starts with a guest source.
    fn assign_splits(&mut self, splits: &Blobs) -> Result<(), TaskFailure>;

    /// Lets a guest source make at most about `max_records` records.
    fn poll(&mut self, max_records: u32) -> Result<PollStatus, TaskFailure>;

    /// Ends the subtask in good order.
    fn close(&mut self) -> Result<(), TaskFailure>;
}

/// What guest code may ask of the task that runs it. An error ends the task.
pub trait OperatorHost {
    /// Takes records that leave the chain on output `output`. The columns are not yet checked.
    fn emit(&mut self, output: u32, records: BatchView<'_>) -> Result<(), TaskFailure>;
    /// Takes a watermark for all outputs.
    fn emit_watermark(&mut self, time: i64) -> Result<(), TaskFailure>;
    /// Marks all outputs idle.
    fn mark_idle(&mut self) -> Result<(), TaskFailure>;
    /// Reads one row per key; `sub_keys` has as many elements, or none for empty ones.
    fn state_get(
        &mut self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure>;
    /// Applies changes to rows in order.
    fn state_write(&mut self, state: u32, changes: Changes<'_>) -> Result<(), TaskFailure>;
    /// Reads rows of one key in order.
    fn state_scan(
        &mut self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure>;
    /// Registers timers; a timer that exists is not registered again.
    fn register_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure>;
    /// Deletes timers that exist.
    fn delete_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure>;
    /// The host's clock, in milliseconds since the epoch.
    fn now(&mut self) -> i64;
    /// Random bits.
    fn random(&mut self) -> u64;
    /// Takes a line for the job's log.
    fn log(&mut self, level: LogLevel, message: &str) -> Result<(), TaskFailure>;
    /// Adds to a counter.
    fn counter_add(&mut self, name: &str, delta: u64);
    /// Sets a gauge.
    fn gauge_set(&mut self, name: &str, value: f64);
    /// Adds a value to a histogram.
    fn histogram_record(&mut self, name: &str, value: f64);
}

/// Which part of the job an operator is, and what it may use (`wit/operator.wit`, `task-context`).
#[derive(Debug, Clone)]
pub struct TaskContext {
    /// The job's name.
    pub job: String,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The guest operators of the chain, upstream before downstream.
    pub operators: Vec<OperatorId>,
    /// The edge behind each input.
    pub inputs: Vec<EdgeId>,
    /// The edge behind each output, with the number of subtasks that read it.
    pub outputs: Vec<(EdgeId, u32)>,
    /// The index of the subtask.
    pub subtask: u32,
    /// The number of subtasks.
    pub parallelism: u32,
    /// The number of key groups.
    pub max_parallelism: u32,
    /// How often the subtask was started before.
    pub attempt: u32,
    /// Operator state to start from.
    pub restored: Vec<OperatorState>,
    /// Whether keyed state may hold anything at the start.
    pub has_keyed_state: bool,
    /// How many bytes of keyed state the guest may cache.
    pub cache_bytes: u64,
    /// At which size an output batch should be emitted.
    pub batch_bytes: u32,
    /// The largest record, in bytes.
    pub max_record_bytes: u32,
    /// What to do with records that cannot be decoded.
    pub on_bad_record: BadRecordPolicy,
}

/// What to do with records that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadRecordPolicy {
    /// End the job.
    #[default]
    Fail,
    /// Leave the record out and count it.
    Skip,
}

/// What a poll of a source left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollStatus {
    /// There may be more at once.
    Ready,
    /// There is nothing before this time, in milliseconds since the epoch.
    IdleUntil(i64),
    /// There is nothing for so long, of a source that knows it better than to the millisecond.
    IdleFor(std::time::Duration),
    /// All assigned splits are at their end.
    Finished,
}

/// The clock that a timer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeDomain {
    /// Time as the records tell it.
    Event,
    /// Time as the clock tells it.
    Processing,
}

/// Timers as columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timers {
    /// When each fires, in milliseconds since the epoch.
    pub times: Vec<i64>,
    /// The key of each.
    pub keys: Blobs,
    /// The namespace of each.
    pub namespaces: Blobs,
}

/// Byte strings of which some are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionalBlobs {
    /// Whether the string is there.
    pub present: Vec<bool>,
    /// The strings; absent ones are empty.
    pub values: Blobs,
}

/// What a change does to rows of keyed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Sets the row.
    Put,
    /// Removes the row.
    Delete,
    /// Removes all rows of the key.
    Clear,
}

/// Changes to rows, as columns of equal length.
#[derive(Debug, Clone)]
pub struct Changes<'a> {
    /// What each change does.
    pub kinds: Vec<ChangeKind>,
    /// The key of each.
    pub keys: BlobsView<'a>,
    /// The sub-key of each.
    pub sub_keys: BlobsView<'a>,
    /// The new value of each `Put`.
    pub values: BlobsView<'a>,
}

/// Rows of one key, in ascending order of the sub-key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The sub-keys.
    pub sub_keys: Blobs,
    /// Their values.
    pub values: Blobs,
    /// Whether rows follow.
    pub more: bool,
}

/// The non-keyed state of one operator of one subtask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorState {
    /// The operator.
    pub operator: OperatorId,
    /// The state's id within it.
    pub state: u32,
    /// The elements.
    pub items: Blobs,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// A person must look.
    Error,
    /// Unexpected, but handled.
    Warn,
    /// A change of state worth knowing.
    Info,
    /// For finding faults.
    Debug,
    /// For following single records.
    Trace,
}
