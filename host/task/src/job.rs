//! A whole job in this process: the part of a JobMaster that a run without a cluster needs.
//!
//! Whoever runs the job [`deploy`]s it, waits for it, and may watch it ([`watch`]) and cancel it from
//! other threads. Invariants: output becomes visible only when every task has finished; the failure that
//! is reported is that of the task that failed first, which stops all others; a job that is dropped is
//! stopped.

pub mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_connectors::{Access, Committable};
use wasmill_graph::JobGraph;
use wasmill_network::{Gate, Sender};
use wasmill_types::id::{JobId, OperatorId, TenantId};
use wasmill_types::operator::LogLevel;
use wasmill_types::{HostError, TaskFailure};

use crate::deployment::{self, ChannelEnds, Places, RemoteChannels, RunningTask, Share, TaskSpec};
use crate::endpoints::{Endpoints, JobSplits, Sinks};
use crate::guest::GuestCode;
use crate::options::Options;
use crate::outcome::{Change, Ended, JobFailure, Observer, panicked};
use crate::source::{SplitQueue, SplitSource};

pub use watch::{JobSummary, JobWatch};

/// A job that is to run in this process.
pub struct Deployment {
    /// Who owns it.
    pub tenant: TenantId,
    /// Its id.
    pub job_id: JobId,
    /// The graph.
    pub graph: JobGraph,
    /// The code of its guest operators; may be missing when it has none.
    pub code: Option<Arc<dyn GuestCode>>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// What its connectors may touch.
    pub access: Access,
    /// Its settings.
    pub options: Options,
    /// The clock.
    pub clock: Clock,
    /// The randomness of the run.
    pub rng: Rng,
}

/// A job that runs in this process.
pub struct RunningJob {
    /// Empty once they have been joined.
    tasks: Vec<RunningTask>,
    sinks: Sinks,
    cancel: CancelToken,
    ends: Ends,
    watch: JobWatch,
}

/// How the tasks of a job have ended; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    /// The number of the task that failed first.
    first: Arc<OnceLock<usize>>,
    /// By the number of the task.
    ended: Arc<Mutex<BTreeMap<usize, Ended>>>,
}

/// Hears one task of the job.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) task: usize,
    pub(crate) ends: Ends,
    pub(crate) cancel: CancelToken,
}

/// What is to be committed, by sink.
type Parts = BTreeMap<OperatorId, Vec<Committable>>;

/// Starts a job.
///
/// # Errors
/// When a connector, the bundle or the machine refuses; nothing runs then.
pub fn deploy(deployment: Deployment) -> Result<RunningJob, JobFailure> {
    let Deployment {
        tenant,
        job_id,
        graph,
        code,
        args,
        access,
        options,
        clock,
        rng,
    } = deployment;
    let endpoints = Endpoints::open(&graph, &access)?;
    let splits = endpoints.prepare(&graph, code.as_ref(), &args)?;
    let run = format!("{:016x}", rng.fork(u64::MAX).next_u64());
    let job = deployment::Job {
        tenant,
        job_id,
        graph,
        args,
        options,
        clock,
        rng,
    };
    let (cancel, ends) = (CancelToken::new(), Ends::default());
    let started = (job.clock.clone(), job.clock.monotonic());
    let tasks = deployment::start(Share {
        job: &job,
        endpoints: &endpoints,
        run,
        tasks: specs(&job, splits, code.as_ref(), (&ends, &cancel)),
        places: Places::all_here(&job.graph),
        remote: &Nowhere,
    })?;
    Ok(RunningJob::new(
        tasks,
        endpoints.sinks,
        cancel,
        ends,
        started,
    ))
}

/// All tasks, those of upstream vertices first.
fn specs(
    job: &deployment::Job,
    splits: JobSplits,
    code: Option<&Arc<dyn GuestCode>>,
    (ends, cancel): (&Ends, &CancelToken),
) -> Vec<TaskSpec> {
    let queue = |(vertex, splits)| (vertex, SplitQueue::new(splits));
    let queues: BTreeMap<_, _> = splits.into_iter().map(queue).collect();
    let vertices = job.graph.vertices.iter();
    let subtasks = vertices
        .flat_map(|vertex| (0..vertex.parallelism).map(move |subtask| (vertex.id, subtask)));
    let spec = |(task, (vertex, subtask))| TaskSpec {
        vertex,
        subtask,
        attempt: 0,
        code: code.cloned(),
        cache_bytes: job.options.cache_bytes,
        splits: queues
            .get(&vertex)
            .map(|queue| Box::new(Arc::clone(queue)) as Box<dyn SplitSource>),
        observer: Arc::new(Watcher {
            task,
            ends: ends.clone(),
            cancel: cancel.clone(),
        }),
        cancel: cancel.clone(),
    };
    subtasks.enumerate().map(spec).collect()
}

/// There is nothing elsewhere.
struct Nowhere;

impl RemoteChannels for Nowhere {
    fn offer(&self, _: ChannelEnds, _: Gate) -> Result<(), HostError> {
        Err(HostError::new("there are no other processes"))
    }

    fn subscribe(&self, _: ChannelEnds, _: u16, _: Sender) -> Result<(), HostError> {
        Err(HostError::new("there are no other processes"))
    }
}

impl Observer for Watcher {
    fn changed(&self, change: Change) {
        match change {
            Change::Initializing(_) | Change::Running => {}
            Change::Ended(ended) => {
                let is_cause = matches!(&ended.failure, Some(failure)
                    if !matches!(failure, TaskFailure::Cancelled));
                self.ends.ended().insert(self.task, ended);
                if is_cause {
                    self.ends.first.get_or_init(|| self.task);
                    self.cancel.cancel();
                }
            }
        }
    }

    fn logged(&self, _: LogLevel, _: &str) {}
}

impl Ends {
    /// The number of the task that failed first.
    pub(crate) fn first(&self) -> Option<usize> {
        self.first.get().copied()
    }

    fn ended(&self) -> MutexGuard<'_, BTreeMap<usize, Ended>> {
        // Nothing panics under this lock.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningJob {
    /// A job of tasks in the order of their numbers, which started when the clock showed this time.
    pub(crate) fn new(
        tasks: Vec<RunningTask>,
        sinks: Sinks,
        cancel: CancelToken,
        ends: Ends,
        started: (Clock, Duration),
    ) -> Self {
        let watched = tasks.iter().map(|task| task.watched.clone());
        Self {
            watch: JobWatch::new(watched.collect(), started),
            tasks,
            sinks,
            cancel,
            ends,
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
        for (number, task) in self.tasks.drain(..).enumerate() {
            let joined = task.worker.join();
            let ended = self.ends.ended().remove(&number);
            let failure = match (joined, ended) {
                (_, Some(ended)) => {
                    for (sink, new) in ended.parts {
                        parts.entry(sink).or_default().extend(new);
                    }
                    ended.failure
                }
                (Err(broken), None) => Some(panicked(&broken.message)),
                (Ok(()), None) => None,
            };
            failures.push((task.name, failure));
        }
        (parts, first(failures, self.ends.first()))
    }

    /// Tries all sinks: what is complete is worth more visible than hidden (semantics §10.8). Nobody is
    /// there to repeat a commit after this process, so what one leaves hidden is removed.
    fn commit(&self, parts: Parts) -> Result<(), JobFailure> {
        let mut failures = Vec::new();
        let mut committed = Vec::new();
        for (id, parts) in parts {
            let Err(error) = self.sinks.commit(id, parts.clone()) else {
                committed.push(format!("`{}`", self.sinks.name(id)));
                continue;
            };
            let discarded = self.sinks.get(id).discard(parts);
            let rest = match discarded.map_err(HostError::from) {
                Ok(()) => "what did not become visible was removed".to_owned(),
                Err(error) => format!("what did not become visible could not be removed: {error}"),
            };
            failures.push(format!("{error}; {rest}"));
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
        if let Err(error) = self.sinks.discard(parts.into_iter().collect()) {
            tracing::warn!(%error, "left unfinished output behind");
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

/// The failure of a job: that of the task that was first. Without one the job was cancelled, if any task
/// ended early at all.
fn first(
    mut failures: Vec<(String, Option<TaskFailure>)>,
    first: Option<usize>,
) -> Option<JobFailure> {
    let is_cause = |(_, failure): &(String, Option<TaskFailure>)| matches!(failure, Some(failure) if !matches!(failure, TaskFailure::Cancelled));
    // A task that panicked where it told its end could not claim it.
    let first = first.or_else(|| failures.iter().position(is_cause));
    match first.map(|task| failures.swap_remove(task)) {
        Some((task, Some(failure))) => Some(JobFailure::at(&task, failure)),
        Some((_, None)) | None => {
            let was_cut_short = failures.iter().any(|(_, failure)| failure.is_some());
            was_cut_short.then_some(JobFailure {
                task: None,
                failure: TaskFailure::Cancelled,
            })
        }
    }
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("job_id", &self.job_id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningJob")
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
