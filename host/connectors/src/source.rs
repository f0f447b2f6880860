//! What every source is: the traits between connectors and the task that runs them.
//!
//! A [`Source`] lives with the job and plans; a [`SourceReader`] lives with one subtask and reads. A
//! split holds its own position, so what [`SourceReader::snapshot`] returns can be assigned again, to
//! the same subtask or another. Invariant: every record of a split comes exactly once, in order.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmill_types::Batch;
use wasmill_types::operator::{BadRecordPolicy, PollStatus};

use crate::error::ConnectorError;

/// A source with its options, parsed.
pub trait Source: Send + Sync + fmt::Debug {
    /// Divides the input among about `parallelism` readers. Touches the input: what is missing or
    /// cannot be read fails here, before any task starts.
    ///
    /// # Errors
    /// Input that is missing, not allowed, or unreadable.
    fn splits(&self, parallelism: u32) -> Result<Vec<Split>, ConnectorError>;

    /// A reader for one subtask, without splits.
    ///
    /// # Errors
    /// None of the built-in sources fails here.
    fn reader(&self, context: ReaderContext) -> Result<Box<dyn SourceReader>, ConnectorError>;

    /// Whether the input has an end.
    fn is_bounded(&self) -> bool;

    /// How records are encoded: `text`, `fields` or `json`, as on an edge of the graph.
    fn format(&self) -> &'static str;
}

/// A part of the input that one subtask reads on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// For logs and errors.
    pub name: String,
    /// What only the connector understands; holds the position.
    pub state: Vec<u8>,
}

/// Which subtask a reader belongs to, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct ReaderContext {
    /// The index of the subtask.
    pub subtask: u32,
    /// The number of subtasks.
    pub parallelism: u32,
    /// The largest record, in bytes; a larger one is a bad record.
    pub max_record_bytes: u32,
    /// What to do with bad records.
    pub on_bad_record: BadRecordPolicy,
    /// The run's randomness, equal in all subtasks of a run.
    pub seed: u64,
}

/// When a poll has made enough; the last record may exceed it.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of records.
    pub bytes: u32,
    /// Number of records.
    pub records: u32,
}

/// Reads splits on the thread of one subtask.
pub trait SourceReader: Send {
    /// Gives one more split to this reader; splits are read in the order in which they came, except
    /// that those without end take turns.
    ///
    /// # Errors
    /// A split that is not of this connector, or that the configuration does not allow.
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError>;

    /// Appends records to `out`, which arrives empty, until about `budget` is used up. Returns within
    /// about 50 ms whatever the input does. [`PollStatus::Finished`] means that all assigned splits are
    /// at their end, with the records in `out`; another split may be assigned then.
    ///
    /// # Errors
    /// Input that breaks, and bad records under [`BadRecordPolicy::Fail`]; the reader is of no use
    /// afterwards.
    fn poll(
        &mut self,
        now_ms: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError>;

    /// Where record `index` of the last polled batch came from, for a person: `data.csv, byte 1234`.
    fn locate(&self, index: u32) -> Option<String>;

    /// How many records were left out as bad.
    fn bad_records(&self) -> u64;

    /// The unfinished splits with their positions.
    fn snapshot(&self) -> Vec<Split>;
}

impl Split {
    /// Wraps a connector's own state.
    pub(crate) fn wrap(name: String, state: &impl Serialize) -> Self {
        let state = serde_json::to_vec(state).expect("split states are plain data");
        Self { name, state }
    }

    /// The connector's own state.
    pub(crate) fn unwrap_state<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ConnectorError> {
        serde_json::from_slice(&self.state).map_err(|error| ConnectorError::Foreign {
            name: self.name.clone(),
            what: "split",
            reason: error.to_string(),
        })
    }
}

impl Budget {
    /// The largest budget that counts, in bytes: columns end at 32-bit positions, and the last record
    /// may exceed the budget.
    pub(crate) const MAX_BYTES: u32 = 1 << 30;

    /// Whether `out` has enough.
    #[inline]
    pub(crate) fn is_used_up(&self, out: &Batch) -> bool {
        out.data.len() >= self.bytes as usize || out.ends.len() >= self.records as usize
    }

    /// The budget with both numbers in their useful range.
    pub(crate) fn clamped(self) -> Self {
        Self {
            bytes: self.bytes.clamp(1, Self::MAX_BYTES),
            records: self.records.max(1),
        }
    }
}

impl ReaderContext {
    /// The largest record as a length; larger than [`Budget::MAX_BYTES`] counts as that.
    pub(crate) fn max_record(&self) -> usize {
        self.max_record_bytes.min(Budget::MAX_BYTES) as usize
    }
}
