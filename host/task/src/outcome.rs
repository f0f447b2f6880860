//! How a task ends, and which task's end is the job's.
//!
//! The thread of a task holds an [`Ending`] and leaves an [`Outcome`]; [`crate::job`] reads both when it
//! has joined the thread. Invariants: the first task that fails of itself is the one the job reports,
//! however late its thread is joined, and it stops all others, even if it panics; what a sink has
//! finished is never forgotten, whatever happens to its task afterwards.
//!
//! A task that notices another's end (its channel's other side is gone) ends as cancelled. The other ended
//! before its input did, so it failed, was cancelled, or noticed a third one's end in its turn: following
//! these leads to a task that claims the failure, or to a job that somebody cancelled.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use wasmill_actor::CancelToken;
use wasmill_connectors::Committable;
use wasmill_types::TaskFailure;
use wasmill_types::id::OperatorId;

/// What is to be committed for a sink.
pub type Part = (OperatorId, Vec<Committable>);

/// What a task leaves behind; clones are the same outcome.
#[derive(Debug, Clone, Default)]
pub struct Outcome(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    parts: Vec<Part>,
    failure: Option<TaskFailure>,
}

impl Outcome {
    /// Keeps what a sink has finished.
    pub fn stage(&self, part: Part) {
        self.state().parts.push(part);
    }

    /// Takes out everything that was staged.
    pub fn take_parts(&self) -> Vec<Part> {
        std::mem::take(&mut self.state().parts)
    }

    /// Why the task ended before its input did, if it did.
    pub fn failure(&self) -> Option<TaskFailure> {
        self.state().failure.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task of a job that failed first; clones are the same place.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstFailure(Arc<OnceLock<usize>>);

impl FirstFailure {
    pub(crate) fn task(&self) -> Option<usize> {
        self.0.get().copied()
    }
}

/// Held by the thread of a task. Dropped before it was told how the task ended, the task panicked.
#[derive(Debug)]
pub(crate) struct Ending {
    task: usize,
    first: FirstFailure,
    cancel: CancelToken,
    outcome: Outcome,
    is_told: bool,
}

impl Ending {
    /// The ending of the task with this number in its job.
    pub(crate) fn new(
        task: usize,
        first: FirstFailure,
        cancel: CancelToken,
        outcome: Outcome,
    ) -> Self {
        Self {
            task,
            first,
            cancel,
            outcome,
            is_told: false,
        }
    }

    /// The task has ended.
    pub(crate) fn tell(mut self, ended: Result<(), TaskFailure>) {
        self.is_told = true;
        let Err(failure) = ended else { return };
        let is_consequence = matches!(failure, TaskFailure::Cancelled);
        if !is_consequence {
            tracing::debug!(%failure, "task failed");
        }
        self.outcome.state().failure = Some(failure);
        if !is_consequence {
            self.claim();
        }
    }

    /// What fails in a job that is being stopped is of no interest any more.
    fn claim(&self) {
        if !self.cancel.is_cancelled() {
            self.first.0.get_or_init(|| self.task);
        }
        self.cancel.cancel();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told {
            self.claim();
        }
    }
}

#[cfg(test)]
mod tests;
