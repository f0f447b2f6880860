//! State that somebody looks at while the job runs: which rows of which snapshot, and what they are.

use serde::{Deserialize, Serialize};
use wasmill_checkpoint::handles::KeyedState;
use wasmill_types::id::JobId;

/// The most bytes of rows in an answer; a single row comes whatever its size.
pub const MAX_STATE_BYTES: usize = 4 << 20;

/// Reads rows of one key out of the snapshot of a subtask. It changes nothing, so whoever leads may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadState {
    /// The job.
    pub job: JobId,
    /// Names the subtask's state in all snapshots of the job, so that files can be kept for the next question.
    pub view: String,
    /// The keyed state, with handles that are independent of a directory.
    pub keyed: KeyedState,
    /// The number of key groups of the operator.
    pub max_parallelism: u32,
    /// The state's number in the snapshot.
    pub state: u32,
    /// The encoded key.
    pub key: Vec<u8>,
    /// The encoded key in a map; without one all entries are read.
    pub sub_key: Option<Vec<u8>>,
    /// Values that were written until then have expired, in milliseconds since the epoch.
    pub expired_at_ms: Option<i64>,
    /// The most rows.
    pub max_rows: u32,
}

/// The rows that were found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateRows {
    /// Encoded keys in the map, empty where there is none, and values.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether there are more.
    pub is_more: bool,
}
