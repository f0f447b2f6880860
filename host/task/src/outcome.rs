//! How a task goes, told to whoever deployed it, and how it ends.
//!
//! The thread of a task tells its [`Observer`] each [`Change`], the end last. Invariants: every task that
//! has a thread ends exactly once, even if it panics; what a sink has finished is never forgotten,
//! whatever happens to its task afterwards; a task that was asked to stop ends as cancelled, whatever
//! it met on the way out.
//!
//! A task that notices another's end (its channel's other side is gone) ends as cancelled too. The other
//! ended before its input did, so it failed, was cancelled, or noticed a third one's end in its turn:
//! following these leads to a task that tells its own failure, or to one that somebody cancelled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use wasmill_connectors::Committable;
use wasmill_types::id::OperatorId;
use wasmill_types::operator::LogLevel;
use wasmill_types::{HostError, TaskFailure};

use crate::watched::Watched;

/// What is to be committed for a sink.
pub type Part = (OperatorId, Vec<Committable>);

/// Why a job failed: which task, and what it said.
#[derive(Debug, Error, Clone)]
#[error("{}{failure}", .task.as_ref().map(|task| format!("task `{task}`: ")).unwrap_or_default())]
pub struct JobFailure {
    /// The task that failed first: the name of its vertex, with its subtask if it had begun to run. None
    /// when the job failed as a whole.
    pub task: Option<String>,
    /// What ended it.
    pub failure: TaskFailure,
}

impl JobFailure {
    /// A failure with the task or vertex that it is about.
    pub(crate) fn at(task: &str, failure: impl Into<TaskFailure>) -> Self {
        Self {
            task: Some(task.to_owned()),
            failure: failure.into(),
        }
    }
}

/// Hears what one task does, on the task's thread, which it must not keep waiting.
pub trait Observer: Send + Sync {
    /// The task has reached a state.
    fn changed(&self, change: Change);

    /// The bundle has logged a line.
    fn logged(&self, level: LogLevel, message: &str);
}

/// Nobody.
impl Observer for () {
    fn changed(&self, _: Change) {}

    fn logged(&self, _: LogLevel, _: &str) {}
}

/// A state that a task has reached.
#[derive(Debug, Clone)]
pub enum Change {
    /// It has a thread; its operators are being made. Its counters are these.
    Initializing(Watched),
    /// Its operators are open.
    Running,
    /// It has processed all of its input and waits for the last checkpoint (semantics §9.3).
    EndOfData,
    /// It is over, and its thread about to end.
    Ended(Ended),
}

/// How a task has ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Why it ended before its input did, if it did: [`TaskFailure::Cancelled`] when somebody else has
    /// the reason.
    pub failure: Option<TaskFailure>,
    /// What its sinks have finished; not only of a task that ended well.
    pub parts: Vec<Part>,
}

/// Where a task leaves what its sinks have finished; clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct Outcome(Arc<Mutex<Vec<Part>>>);

impl Outcome {
    /// Keeps what a sink has finished.
    pub fn stage(&self, part: Part) {
        self.parts().push(part);
    }

    /// Takes out everything that was staged.
    pub fn take_parts(&self) -> Vec<Part> {
        std::mem::take(&mut self.parts())
    }

    /// The end of the task: what it returned, or the message of its panic, and whether it had been asked to
    /// stop by then.
    pub(crate) fn end(
        &self,
        ended: Result<Result<(), TaskFailure>, String>,
        was_asked: bool,
    ) -> Ended {
        let failure = match ended {
            Ok(Ok(())) => None,
            // What fails in a task that is being stopped is of no interest any more.
            Ok(Err(_)) | Err(_) if was_asked => Some(TaskFailure::Cancelled),
            Ok(Err(failure)) => Some(failure),
            Err(message) => Some(panicked(&message)),
        };
        if let Some(failure) = &failure
            && !matches!(failure, TaskFailure::Cancelled)
        {
            tracing::debug!(%failure, "task failed");
        }
        Ended {
            failure,
            parts: self.take_parts(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Part>> {
        // Nothing panics under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure of a task that panicked.
pub(crate) fn panicked(message: &str) -> TaskFailure {
    HostError::new(format!("panicked: {message}; please report this bug")).into()
}

#[cfg(test)]
mod tests;
