//! A job while it runs in this process, and how it ended.
//!
//! [`crate::deployment`] makes it; whoever runs the job waits for it, and may watch it ([`watch`]) and
//! cancel it from other threads. Invariants: output becomes visible only when every task has finished;
//! the failure that is reported is that of the task that failed first; a job that is dropped is stopped.

pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;
use wasmill_actor::threads::Worker;
use wasmill_actor::{CancelToken, Clock};
use wasmill_connectors::{Committable, Sink};
use wasmill_types::id::OperatorId;
use wasmill_types::{HostError, TaskFailure};

use crate::outcome::{FirstFailure, Outcome};

pub(crate) use watch::Watched;
pub use watch::{JobSummary, JobWatch};

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

/// A task that was started.
pub(crate) struct TaskHandle {
    pub(crate) name: String,
    pub(crate) worker: Worker<()>,
    pub(crate) outcome: Outcome,
    pub(crate) watched: Watched,
}

/// A sink and the name of its operator.
#[derive(Debug)]
pub(crate) struct JobSink {
    pub(crate) name: String,
    pub(crate) sink: Box<dyn Sink>,
}

/// The sinks of a job.
pub(crate) type JobSinks = BTreeMap<OperatorId, JobSink>;

/// What is to be committed, by sink.
type Parts = BTreeMap<OperatorId, Vec<Committable>>;

/// A job that runs in this process.
pub struct RunningJob {
    /// Empty once they have been joined.
    tasks: Vec<TaskHandle>,
    sinks: JobSinks,
    cancel: CancelToken,
    first: FirstFailure,
    watch: JobWatch,
}

impl std::fmt::Debug for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningJob")
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

impl RunningJob {
    /// A job of tasks in the order of their numbers, which started when the clock showed this time.
    pub(crate) fn new(
        tasks: Vec<TaskHandle>,
        sinks: JobSinks,
        cancel: CancelToken,
        first: FirstFailure,
        started: (Clock, Duration),
    ) -> Self {
        let watched = tasks.iter().map(|task| task.watched.clone());
        Self {
            watch: JobWatch::new(watched.collect(), started),
            tasks,
            sinks,
            cancel,
            first,
        }
    }

    /// Cancels the job when used; may be called from any thread, more than once.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Looks at the job from elsewhere.
    pub fn watch(&self) -> JobWatch {
        self.watch.clone()
    }

    /// Waits for the end and makes the output visible.
    ///
    /// # Errors
    /// The first failure, or [`TaskFailure::Cancelled`]; no output is visible then. When the output of a
    /// sink cannot be made visible, that of the others still is, and the failure says which and that the
    /// rest was removed.
    pub fn wait(mut self) -> Result<JobSummary, JobFailure> {
        let (parts, failure) = self.join();
        let summary = self.watch.summary();
        if let Some(failure) = failure {
            self.discard(parts);
            return Err(failure);
        }
        self.commit(parts)?;
        Ok(summary)
    }

    /// Waits for the end of all tasks; what they staged, and the failure that ended the job.
    fn join(&mut self) -> (Parts, Option<JobFailure>) {
        let mut parts = Parts::new();
        let mut failures = Vec::new();
        for task in self.tasks.drain(..) {
            let panicked = task.worker.join().err();
            let panicked = panicked.map(|panicked| {
                let message = panicked.message;
                HostError::new(format!("panicked: {message}; please report this bug")).into()
            });
            for (sink, new) in task.outcome.take_parts() {
                parts.entry(sink).or_default().extend(new);
            }
            failures.push((task.name, panicked.or_else(|| task.outcome.failure())));
        }
        (parts, first(failures, self.first.task()))
    }

    /// Tries all sinks: what is complete is worth more visible than hidden (semantics §10.8). Nobody is
    /// there to repeat a commit after this process, so what one leaves hidden is removed.
    fn commit(&self, parts: Parts) -> Result<(), JobFailure> {
        let mut failures = Vec::new();
        let mut committed = Vec::new();
        for (sink, parts) in parts {
            let JobSink { name, sink } = &self.sinks[&sink];
            let Err(error) = sink.commit(parts.clone()) else {
                committed.push(format!("`{name}`"));
                continue;
            };
            let error = HostError::from(error);
            let rest = match sink.discard(parts).map_err(HostError::from) {
                Ok(()) => "what did not become visible was removed".to_owned(),
                Err(error) => format!("what did not become visible could not be removed: {error}"),
            };
            failures.push(format!(
                "make the output of `{name}` visible: {error}; {rest}"
            ));
        }
        if failures.is_empty() {
            return Ok(());
        }
        let mut message = failures.join("; ");
        if !committed.is_empty() {
            message.push_str("; visible is the output of ");
            message.push_str(&committed.join(", "));
        }
        let failure = HostError::new(message).into();
        Err(JobFailure {
            task: None,
            failure,
        })
    }

    fn discard(&self, parts: Parts) {
        for (sink, parts) in parts {
            let JobSink { name, sink } = &self.sinks[&sink];
            if let Err(error) = sink.discard(parts) {
                let error = HostError::from(error);
                tracing::warn!(sink = name, %error, "left unfinished output behind");
            }
        }
    }
}

impl Drop for RunningJob {
    /// Stops the tasks if nobody has waited for their end, and leaves no output.
    fn drop(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        self.cancel.cancel();
        let (parts, _) = self.join();
        self.discard(parts);
    }
}

/// The failure of a job: that of the task that claimed it. Without one the job was cancelled, if any
/// task ended early at all.
fn first(
    failures: Vec<(String, Option<TaskFailure>)>,
    claimed: Option<usize>,
) -> Option<JobFailure> {
    let was_cut_short = failures.iter().any(|(_, failure)| failure.is_some());
    let claimed = claimed.and_then(|task| failures.into_iter().nth(task));
    match claimed {
        Some((task, Some(failure))) => Some(JobFailure {
            task: Some(task),
            failure,
        }),
        Some((_, None)) | None => was_cut_short.then_some(JobFailure {
            task: None,
            failure: TaskFailure::Cancelled,
        }),
    }
}

#[cfg(test)]
mod tests;
