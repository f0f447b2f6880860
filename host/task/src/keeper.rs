//! Where the state of a task comes from and goes to: the seam between a task and checkpoint storage.
//!
//! The TaskManager implements [`Keeper`] with storage and the coordinator behind it. Invariant: a task
//! hands over what it took at a barrier and goes on; it waits for its keeper only before it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::CancelToken;
use wasmill_connectors::{Committable, Split};
use wasmill_state::{BackendChoice, Expiry, KeyedSnapshot, Opened, Opening, OwnedGroups};
use wasmill_types::id::{CheckpointId, EdgeId, OperatorId};
use wasmill_types::operator::OperatorState;
use wasmill_types::{Barrier, Batch, HostError, TaskFailure};

/// Keeps what one attempt of a task hands over.
pub trait Keeper: Send {
    /// What the task starts with. Called once, on the task's thread; may take long.
    ///
    /// # Errors
    /// When it cannot be read, or does not fit; [`TaskFailure::Cancelled`].
    fn open(
        &mut self,
        keyed: Option<KeyedSetup>,
        cancel: &CancelToken,
    ) -> Result<Start, TaskFailure>;

    /// Keeps what the task took at a barrier, without waiting for that.
    fn keep(&mut self, taken: Taken);

    /// Tells that a checkpoint was not taken, and why.
    fn decline(&mut self, checkpoint: CheckpointId, why: Declined);

    /// A checkpoint is complete: its files may be referred to.
    fn complete(&mut self, checkpoint: CheckpointId);

    /// A checkpoint was given up.
    fn aborted(&mut self, checkpoint: CheckpointId);
}

/// What the keyed state of a task is like.
#[derive(Debug, Clone)]
pub struct KeyedSetup {
    /// The key groups of the subtask.
    pub groups: OwnedGroups,
    /// What it may keep.
    pub options: wasmill_state::Options,
    /// Which states expire.
    pub expiry: Expiry,
}

/// What a task starts with.
#[derive(Debug, Default)]
pub struct Start {
    /// Keyed state and timers, if the task has a keyed operator.
    pub keyed: Option<Opened>,
    /// Whether the keyed state may hold anything.
    pub has_rows: bool,
    /// Operator state.
    pub lists: Vec<OperatorState>,
    /// The splits that it goes on with; none if it is not restored.
    pub splits: Vec<Split>,
    /// What was in flight to it, to be processed before anything else.
    pub in_flight: Vec<(EdgeId, Batch)>,
    /// The operators that had finished: their task only passes the end on.
    pub is_finished: bool,
}

/// Why a checkpoint was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declined {
    /// A newer one came first.
    Subsumed,
    /// The task could not take it.
    Failed(String),
}

/// What a task took at a barrier.
#[derive(Debug)]
pub struct Taken {
    /// The barrier.
    pub barrier: Arc<Barrier>,
    /// Keyed state and timers.
    pub keyed: Option<Arc<KeyedSnapshot>>,
    /// Operator state.
    pub lists: Vec<OperatorState>,
    /// The splits that are not at their end, with their positions.
    pub splits: Vec<Split>,
    /// How many splits the task had been given by then.
    pub given_splits: u64,
    /// What its sinks handed over and nobody has committed yet.
    pub committables: Vec<Pending>,
    /// Whether all operators had finished.
    pub is_finished: bool,
    /// What the barrier overtook on its inputs, by channel.
    pub inputs: Vec<ChannelRecords>,
    /// What it overtook on its outputs.
    pub outputs: Vec<ChannelRecords>,
    /// How long it took.
    pub times: Times,
}

/// Records in flight in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRecords {
    /// The edge.
    pub edge: EdgeId,
    /// The subtask at the other end.
    pub peer: u32,
    /// The records, in order.
    pub batches: Vec<Batch>,
}

/// What a sink handed over at a barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The sink.
    pub sink: OperatorId,
    /// The checkpoint whose completion commits it.
    pub checkpoint: CheckpointId,
    /// What was handed over.
    pub parts: Vec<Committable>,
}

/// How long the parts of a checkpoint took at a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// How long the task stood still.
    pub sync: Duration,
    /// From the first barrier to the last.
    pub alignment: Duration,
    /// From the trigger to the first barrier.
    pub start_delay: Duration,
    /// By the monotonic clock, when the task went on.
    pub taken_at: Duration,
}

/// Keeps nothing: state is in memory and lost with the task.
#[derive(Debug, Clone, Copy)]
pub struct Forgetful;

impl Keeper for Forgetful {
    fn open(&mut self, keyed: Option<KeyedSetup>, _: &CancelToken) -> Result<Start, TaskFailure> {
        let open = |setup: KeyedSetup| {
            let opening = Opening {
                groups: setup.groups,
                options: setup.options,
                expiry: setup.expiry,
                backend: BackendChoice::Memory,
                renumbered: BTreeMap::new(),
            };
            opening
                .fresh()
                .map_err(|error| HostError::new(error.to_string()))
        };
        Ok(Start {
            keyed: keyed.map(open).transpose()?,
            ..Start::default()
        })
    }

    fn keep(&mut self, _: Taken) {}

    fn decline(&mut self, _: CheckpointId, _: Declined) {}

    fn complete(&mut self, _: CheckpointId) {}

    fn aborted(&mut self, _: CheckpointId) {}
}
