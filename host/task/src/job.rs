//! A job while it runs in this process, and how it ended.
//!
//! Invariant: output becomes visible only when every task has finished, and all of it or none.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use wasmill_actor::threads::Worker;
use wasmill_actor::{CancelToken, Clock};
use wasmill_connectors::{Committable, Sink};
use wasmill_types::id::OperatorId;
use wasmill_types::{HostError, TaskFailure};

use crate::metrics::TaskMetrics;
use crate::output::host_failure;

/// Why a job failed: which task, and what it said.
#[derive(Debug, Error, Clone)]
#[error("{}{failure}", .task.as_ref().map(|task| format!("task `{task}`: ")).unwrap_or_default())]
pub struct JobFailure {
    /// The task that failed first; none when the job failed as a whole.
    pub task: Option<String>,
    /// What ended it.
    pub failure: TaskFailure,
}

/// What a job did.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobSummary {
    /// Records that its sources made.
    pub records_in: u64,
    /// Bytes of records that its sources made.
    pub bytes_in: u64,
    /// Records that its last tasks put out.
    pub records_out: u64,
    /// Records that were left out as bad.
    pub bad_records: u64,
    /// From the start of the tasks to the first record.
    pub first_record: Option<Duration>,
    /// From the start of the tasks to the last one's end.
    pub elapsed: Duration,
}

/// How a task ended, once it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome(Arc<Mutex<Option<Ended>>>);

type Ended = Result<Vec<Vec<Committable>>, TaskFailure>;

impl Outcome {
    pub(crate) fn set(&self, ended: Ended) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }

    fn take(&self) -> Option<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A task that was started.
pub(crate) struct TaskHandle {
    pub(crate) name: String,
    pub(crate) vertex: usize,
    pub(crate) worker: Worker<()>,
    pub(crate) outcome: Outcome,
    pub(crate) metrics: Arc<TaskMetrics>,
    /// The sink behind each output of the task.
    pub(crate) sinks: Vec<Option<OperatorId>>,
}

/// A job that runs in this process.
pub struct RunningJob {
    tasks: Vec<TaskHandle>,
    sinks: HashMap<OperatorId, Box<dyn Sink>>,
    cancel: CancelToken,
    watch: JobWatch,
}

impl std::fmt::Debug for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningJob")
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

/// Looks at a running job from another thread.
#[derive(Debug, Clone)]
pub struct JobWatch {
    tasks: Arc<[(usize, Arc<TaskMetrics>)]>,
    clock: Clock,
    started: Duration,
}

impl JobWatch {
    /// What the job has done so far. The first vertices are sources, the last ones hold the sinks.
    pub fn summary(&self) -> JobSummary {
        let elapsed = self.clock.monotonic().saturating_sub(self.started);
        let mut summary = JobSummary {
            elapsed,
            ..JobSummary::default()
        };
        let last = self
            .tasks
            .iter()
            .map(|(vertex, _)| *vertex)
            .max()
            .unwrap_or(0);
        let mut first = None;
        for (vertex, metrics) in self.tasks.iter() {
            let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            let nanos = metrics.first_record_nanos.load(Ordering::Relaxed);
            if let Ok(nanos) = u64::try_from(nanos) {
                let at = Duration::from_nanos(nanos).saturating_sub(self.started);
                first = Some(first.map_or(at, |known: Duration| known.min(at)));
                // Only source tasks note their first record.
                summary.records_in += get(&metrics.records_in);
                summary.bytes_in += get(&metrics.bytes_in);
            }
            if *vertex == last {
                summary.records_out += get(&metrics.records_out);
            }
            summary.bad_records += metrics.bad_records();
        }
        summary.first_record = first;
        summary
    }

    /// The sum of a counter over all tasks.
    pub fn counter(&self, name: &str) -> u64 {
        let of = |metrics: &TaskMetrics| {
            metrics.with_guest(|g| g.counters.get(name).copied().unwrap_or(0))
        };
        self.tasks.iter().map(|(_, metrics)| of(metrics)).sum()
    }
}

impl RunningJob {
    pub(crate) fn new(
        tasks: Vec<TaskHandle>,
        sinks: HashMap<OperatorId, Box<dyn Sink>>,
        cancel: CancelToken,
        clock: Clock,
    ) -> Self {
        let watched = tasks
            .iter()
            .map(|task| (task.vertex, Arc::clone(&task.metrics)))
            .collect();
        let watch = JobWatch {
            tasks: watched,
            started: clock.monotonic(),
            clock,
        };
        Self {
            tasks,
            sinks,
            cancel,
            watch,
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
    /// The first failure, or [`TaskFailure::Cancelled`]; no output is visible then.
    pub fn wait(mut self) -> Result<JobSummary, JobFailure> {
        let (parts, failure) = self.join();
        let summary = self.watch.summary();
        if let Some(failure) = failure {
            self.discard(parts);
            return Err(failure);
        }
        for (sink, parts) in parts {
            self.sinks[&sink]
                .commit(parts)
                .map_err(|error| JobFailure {
                    task: None,
                    failure: host_failure(error),
                })?;
        }
        Ok(summary)
    }

    /// Stops a job that did not fully start.
    pub(crate) fn stop(mut self) {
        let (parts, _) = self.join();
        self.discard(parts);
    }

    fn join(&mut self) -> (HashMap<OperatorId, Vec<Committable>>, Option<JobFailure>) {
        let mut parts: HashMap<OperatorId, Vec<Committable>> = HashMap::new();
        let mut failure: Option<JobFailure> = None;
        for task in self.tasks.drain(..) {
            let panicked = task.worker.join().err();
            if panicked.is_some() {
                self.cancel.cancel();
            }
            let ended = match panicked {
                Some(panic) => Err(HostError::new(panic.to_string()).into()),
                None => task.outcome.take().unwrap_or(Err(TaskFailure::Cancelled)),
            };
            match ended {
                Ok(committables) => {
                    for (sink, new) in task.sinks.iter().zip(committables) {
                        let Some(sink) = sink else { continue };
                        parts.entry(*sink).or_default().extend(new);
                    }
                }
                Err(new) => note(&mut failure, task.name, new),
            }
        }
        (parts, failure)
    }

    fn discard(&self, parts: HashMap<OperatorId, Vec<Committable>>) {
        for (sink, parts) in parts {
            if let Err(error) = self.sinks[&sink].discard(parts) {
                tracing::warn!(error = %error, "remove unfinished output");
            }
        }
    }
}

/// Keeps the failure that came first: those that were merely cancelled came after.
fn note(failure: &mut Option<JobFailure>, task: String, new: TaskFailure) {
    let is_consequence = matches!(new, TaskFailure::Cancelled);
    match failure {
        None => {
            let task = (!is_consequence).then_some(task);
            *failure = Some(JobFailure { task, failure: new });
        }
        Some(known) if matches!(known.failure, TaskFailure::Cancelled) && !is_consequence => {
            *failure = Some(JobFailure {
                task: Some(task),
                failure: new,
            });
        }
        Some(_) => {}
    }
}
