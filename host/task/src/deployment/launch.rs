//! Starts the threads of a job's tasks.
//!
//! Invariant: a thread that was started is joined, by the [`RunningJob`] or, when a later one does not
//! start, here.

use wasmill_actor::{CancelToken, ThreadKind, threads};
use wasmill_types::{HostError, span};

use super::parts::TaskParts;
use super::{Deployment, at};
use crate::job::{JobFailure, JobSinks, RunningJob, TaskHandle};
use crate::outcome::{Ending, FirstFailure, Outcome};
use crate::task::Task;

/// Starts all tasks of a job.
pub(super) fn launch(
    job: &Deployment,
    tasks: Vec<TaskParts>,
    sinks: JobSinks,
    cancel: CancelToken,
) -> Result<RunningJob, JobFailure> {
    let first = FirstFailure::default();
    let started = (job.clock.clone(), job.clock.monotonic());
    let mut handles = Vec::with_capacity(tasks.len());
    let mut refused = None;
    for (number, parts) in tasks.into_iter().enumerate() {
        let outcome = Outcome::default();
        let ending = Ending::new(number, first.clone(), cancel.clone(), outcome.clone());
        match start(job, parts, ending, outcome, &cancel) {
            Ok(handle) => handles.push(handle),
            Err(failure) => {
                refused = Some(failure);
                break;
            }
        }
    }
    let running = RunningJob::new(handles, sinks, cancel, first, started);
    // Dropping the job stops the tasks that did start.
    refused.map_or(Ok(running), Err)
}

fn start(
    job: &Deployment,
    parts: TaskParts,
    ending: Ending,
    outcome: Outcome,
    cancel: &CancelToken,
) -> Result<TaskHandle, JobFailure> {
    let vertex = parts.vertex.clone();
    let (subtask, parallelism) = (parts.context.subtask, parts.context.parallelism);
    let name = format!("{vertex} ({}/{parallelism})", subtask + 1);
    let span = tracing::info_span!(
        "task",
        { span::TENANT } = %job.tenant,
        { span::JOB } = %job.job_id,
        { span::VERTEX } = vertex,
        { span::SUBTASK } = subtask,
    );
    let watched = parts.watched.clone();
    let signal = parts.inlet.signal.clone();
    let woken_by_cancel = cancel.on_cancel(move || signal.notify());
    let staged = outcome.clone();
    let body = move || {
        let _inside = span.entered();
        let _woken_by_cancel = woken_by_cancel;
        let ended = parts.build().and_then(|task: Task| task.run(&staged));
        ending.tell(ended);
    };
    let worker = threads::spawn(ThreadKind::Task, &name, body);
    let worker = worker.map_err(|error| at(&vertex, HostError::new(with_source(&error))))?;
    Ok(TaskHandle {
        name,
        worker,
        outcome,
        watched,
    })
}

/// An error and what caused it, on one line.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
