//! A checkpoint that is under way.
//!
//! Invariants: a subtask's first answer counts; what it handed over is here until the checkpoint is
//! completed or given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmill_graph::Subtask;
use wasmill_types::id::AttemptId;

use super::event::Now;
use super::topology::Plan;
use crate::barrier::SnapshotKind;
use crate::handles::{AnyFile, SubtaskState, TaskSnapshot};
use crate::{CheckpointId, Metadata, RequestId};

/// A checkpoint between trigger and end.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: CheckpointId,
    pub(super) kind: SnapshotKind,
    pub(super) request: Option<RequestId>,
    pub(super) directory: String,
    pub(super) plan: Plan,
    pub(super) triggered: Now,
    pub(super) snapshots: BTreeMap<Subtask, TaskSnapshot>,
    pub(super) step: Step,
    deadline: Duration,
}

/// What a pending checkpoint waits for.
#[derive(Debug)]
pub(super) enum Step {
    /// Answers of tasks.
    Acknowledgements,
    /// What the JobMaster keeps for the sources.
    Sources,
    /// The metadata to be written.
    Metadata(Arc<Metadata>),
}

/// Files to delete.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    pub(super) files: Vec<String>,
    pub(super) directory: Option<String>,
}

impl Pending {
    pub(super) fn new(
        id: CheckpointId,
        kind: SnapshotKind,
        request: Option<RequestId>,
        directory: String,
        plan: Plan,
        (triggered, deadline): (Now, Duration),
    ) -> Self {
        Self {
            id,
            kind,
            request,
            directory,
            plan,
            triggered,
            snapshots: BTreeMap::new(),
            step: Step::Acknowledgements,
            deadline,
        }
    }

    /// When it is given up. Writing the metadata has its own timeout, and when that is done the checkpoint
    /// is complete whatever the time.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.step {
            Step::Acknowledgements | Step::Sources => Some(self.deadline),
            Step::Metadata(_) => None,
        }
    }

    /// The subtask for which an attempt takes part, if it does.
    pub(super) fn participant(&self, attempt: AttemptId) -> Option<Subtask> {
        let subtask = Subtask {
            vertex: attempt.vertex,
            index: attempt.subtask,
        };
        let expected = self.plan.running.get(&subtask);
        (expected == Some(&attempt)).then_some(subtask)
    }

    /// Whether it waits for the answer of an attempt.
    pub(super) fn waits_for(&self, attempt: AttemptId) -> bool {
        let subtask = self.participant(attempt);
        subtask.is_some_and(|subtask| !self.snapshots.contains_key(&subtask))
    }

    /// Whether all have answered.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.snapshots.len() == self.plan.running.len()
    }

    /// The files that belong to it alone.
    pub(super) fn private_files(&self) -> Vec<String> {
        let snapshots = self.snapshots.values();
        let states = snapshots.flat_map(|snapshot| &snapshot.operators);
        private_files(states.map(|part| &part.state), &self.directory)
    }
}

/// The private files of some states, each once.
pub(super) fn private_files<'a>(
    states: impl Iterator<Item = &'a SubtaskState>,
    directory: &str,
) -> Vec<String> {
    let mut urls = Vec::new();
    for state in states {
        for file in state.files() {
            if let AnyFile::Private(handle) = file {
                urls.extend(handle.url(directory));
            }
        }
    }
    // Several channels share a file.
    urls.sort_unstable();
    urls.dedup();
    urls
}
