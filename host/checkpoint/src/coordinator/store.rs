//! The completed checkpoints that are kept.
//!
//! Invariant: at most the retained number, oldest first; what leaves is returned to be discarded.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{CheckpointId, Metadata};

/// A completed checkpoint, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Its directory.
    pub location: String,
    /// What it consists of.
    pub metadata: Arc<Metadata>,
    /// Whether the job deletes it when it is subsumed; savepoints belong to their users.
    pub owned: bool,
}

/// Who owns a snapshot from which a job starts (semantics §8.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClaimMode {
    /// The user: the job never deletes it, and its first checkpoint refers to none of its files.
    #[default]
    NoClaim,
    /// The job, which deletes it when it is subsumed.
    Claim,
    /// Nobody: the job does not delete it, and its checkpoints may refer to its files.
    Legacy,
}

impl Completed {
    /// A snapshot that was read from storage.
    pub fn new(location: impl Into<String>, metadata: Metadata) -> Self {
        Self {
            location: location.into(),
            metadata: Arc::new(metadata),
            owned: false,
        }
    }

    /// Its id.
    pub fn id(&self) -> CheckpointId {
        self.metadata.checkpoint
    }
}

/// What is kept.
#[derive(Debug)]
pub(super) struct Store {
    kept: VecDeque<Completed>,
    retained: usize,
}

impl Store {
    pub(super) fn new(retained: NonZeroU32) -> Self {
        Self {
            kept: VecDeque::new(),
            retained: retained.get() as usize,
        }
    }

    pub(super) fn latest(&self) -> Option<&Completed> {
        self.kept.back()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Completed> {
        self.kept.iter()
    }

    /// Adds a checkpoint; returns those that it subsumes.
    pub(super) fn add(&mut self, completed: Completed) -> Vec<Completed> {
        self.kept.push_back(completed);
        let surplus = self.kept.len().saturating_sub(self.retained);
        self.kept.drain(..surplus).collect()
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) -> Vec<Completed> {
        std::mem::take(&mut self.kept).into()
    }
}
