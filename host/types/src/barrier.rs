//! What travels through the channels to cut the stream (semantics §7.4–7.12).
//!
//! Made by the coordinator, sent to the tasks that start a checkpoint, passed on by every task.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::CheckpointId;

/// The cut between the records that belong to a checkpoint and those that come after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// When the coordinator triggered it, in milliseconds since the epoch.
    pub triggered_ms: i64,
    /// How it passes the channels.
    pub alignment: Alignment,
    /// What the tasks do at it.
    pub kind: SnapshotKind,
    /// The directory in which a task puts files that belong to this checkpoint alone.
    pub directory: String,
    /// The directory in which a task puts files that later checkpoints may refer to; none for savepoints,
    /// which are self-contained.
    pub shared: Option<String>,
    /// Whether the task must upload everything and refer to no earlier file.
    pub full: bool,
}

impl Barrier {
    /// Whether it passes what waits in a channel.
    pub fn overtakes(&self) -> bool {
        self.alignment == Alignment::Unaligned
    }

    /// The barrier with another way to pass channels.
    #[must_use]
    pub fn passing(&self, alignment: Alignment) -> Self {
        Self {
            alignment,
            ..self.clone()
        }
    }
}

/// How a barrier passes the channels of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alignment {
    /// Channels are never blocked; records after the barrier may be replayed (semantics §7.10).
    AtLeastOnce,
    /// A channel is blocked from its barrier until all channels had theirs (semantics §7.5).
    Aligned,
    /// As [`Self::Aligned`], but the barrier overtakes once this long has passed since the trigger
    /// (semantics §7.12).
    AlignedFor(Duration),
    /// The barrier overtakes what is in flight, which becomes part of the checkpoint (semantics §7.11).
    Unaligned,
}

/// What a task does at a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotKind {
    /// Takes its state, in the backend's own format.
    Checkpoint,
    /// Takes its state for a savepoint.
    Savepoint(Format),
    /// Takes its state for a savepoint and stops once that is complete (semantics §8.5–8.7).
    Stop {
        /// The format of the savepoint.
        format: Format,
        /// Whether it finishes first: watermark to the end, timers fire, results are complete.
        drain: bool,
    },
}

impl SnapshotKind {
    /// Whether a user asked for it and owns it.
    pub fn is_savepoint(self) -> bool {
        !matches!(self, Self::Checkpoint)
    }
}

/// How a savepoint is written (semantics §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Format {
    /// Sorted rows by key group, which every backend reads.
    #[default]
    Canonical,
    /// The backend's own files.
    Native,
}

impl Format {
    /// The name over REST.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonical => "CANONICAL",
            Self::Native => "NATIVE",
        }
    }
}
