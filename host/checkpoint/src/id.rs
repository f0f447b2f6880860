//! Names of wishes for checkpoints.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A wish of a user for a checkpoint, chosen by whoever asks; the answer carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
