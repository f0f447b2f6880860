//! Starts the threads of tasks.
//!
//! Invariant: when a thread does not start, those that did are stopped and joined.

use std::cell::Cell;
use std::sync::Arc;

use wasmill_actor::{ThreadKind, threads};
use wasmill_types::{HostError, span};

use super::parts::TaskParts;
use super::{Job, RunningTask};
use crate::outcome::{Change, JobFailure, Outcome};

/// Starts all tasks.
pub(super) fn launch(job: &Job, tasks: Vec<TaskParts>) -> Result<Vec<RunningTask>, JobFailure> {
    let mut running = Vec::with_capacity(tasks.len());
    let mut cancels = Vec::with_capacity(tasks.len());
    for parts in tasks {
        let cancel = parts.cancel.clone();
        match start(job, parts) {
            Ok(task) => {
                running.push(task);
                cancels.push(cancel);
            }
            Err(failure) => {
                cancels.iter().for_each(|cancel| cancel.cancel());
                for task in running {
                    // Its end is told to nobody: the failure is that of the start.
                    let _ = task.worker.join();
                }
                return Err(failure);
            }
        }
    }
    Ok(running)
}

fn start(job: &Job, parts: TaskParts) -> Result<RunningTask, JobFailure> {
    let vertex = parts.vertex.clone();
    let (subtask, parallelism) = (parts.context.subtask, parts.context.parallelism);
    let name = format!("{vertex} ({}/{parallelism})", subtask + 1);
    let span = tracing::info_span!(
        "task",
        { span::TENANT } = %job.tenant,
        { span::JOB } = %job.job_id,
        { span::VERTEX } = vertex,
        { span::SUBTASK } = subtask,
        { span::ATTEMPT } = parts.context.attempt,
    );
    let watched = parts.watched.clone();
    let signal = parts.inlet.signal.clone();
    let woken_by_cancel = parts.cancel.on_cancel(move || signal.notify());
    let niceness = job.options.niceness;
    let body = move || {
        let _inside = span.entered();
        if let Err(error) = threads::give_way(niceness) {
            tracing::debug!(%error, niceness, "the task's priority stays as it is");
        }
        let _woken_by_cancel = woken_by_cancel;
        run(parts);
    };
    let worker = threads::spawn(ThreadKind::Task, &name, body);
    let refused = |error| JobFailure::at(&vertex, HostError::new(with_source(&error)));
    let worker = worker.map_err(refused)?;
    Ok(RunningTask {
        name,
        watched,
        worker,
    })
}

/// Runs a task on its thread, and tells how it goes.
fn run(parts: TaskParts) {
    let (observer, cancel) = (Arc::clone(&parts.observer), parts.cancel.clone());
    let (metrics, clock) = (Arc::clone(&parts.watched.metrics), parts.clock.clone());
    let outcome = Outcome::default();
    observer.changed(Change::Initializing(parts.watched.clone()));
    metrics.times.begin(clock.monotonic());
    // The task is dropped in there: whoever reads from it or writes to it may see it go before its end
    // is told, and takes that for a consequence. The whole job may be stopped because of that, so whether
    // the task had been asked to stop is settled before.
    let was_asked = Cell::new(false);
    let ended = threads::catch(|| {
        let mut task = parts.build()?;
        let _settled_first = OnDrop(|| was_asked.set(cancel.is_cancelled()));
        task.run(&outcome)
    });
    metrics.times.end(clock.monotonic());
    observer.changed(Change::Ended(outcome.end(ended, was_asked.get())));
}

/// Does something when it goes, also in a panic.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// An error and what caused it, on one line.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
