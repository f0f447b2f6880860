//! Another parallelism for a job that runs: it stops with a savepoint and starts again from it, under the
//! same id.
//!
//! Invariants: what can be known to fail is found before the job stops; once it has stopped, every error names
//! the savepoint, from which a person can go on.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use wasmill_checkpoint::barrier::Format;
use wasmill_checkpoint::coordinator::{ClaimMode, Wanted};
use wasmill_graph::JobGraph;
use wasmill_rpc::protocol::Restore;
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::{ExecutionState, JobStatus};

use super::{ASK, Handle, JobManagerError};
use crate::view::JobView;

/// A job that runs at another parallelism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescaled {
    /// The savepoint through which it went; the job owns it and deletes it with a later checkpoint.
    pub savepoint: String,
    /// From the wish until all tasks ran again.
    pub downtime: Duration,
}

impl Handle {
    /// Brings a job to another parallelism of the operators that name none; answers when all tasks run.
    ///
    /// # Errors
    /// When the tenant has no such job, it does not run, its state cannot be spread that far, no savepoint
    /// comes about, or there are no slots in time.
    pub async fn rescale(
        &self,
        tenant: &TenantId,
        job: JobId,
        parallelism: NonZeroU32,
    ) -> Result<Rescaled, JobManagerError> {
        let clock = self.inner.clock.clone();
        let began = clock.monotonic();
        let view = self.job(job);
        let view = view.filter(|view| view.description.tenant == *tenant);
        let unknown = || JobManagerError::NotFound(format!("there is no job {job}"));
        let view = view.ok_or_else(unknown)?;
        let mut description = (*view.description).clone();
        description.settings.parallelism = parallelism.get();
        let graph = self.graph(description.spec.clone(), parallelism.get())?;
        check(&view, &graph)?;
        // Held while neither of the two jobs does.
        let lease = self.leased(&description)?;
        let wanted = Wanted::Stop {
            target: Some(place(&view)?),
            format: Format::Native,
            drain: false,
        };
        let stopped = self.snapshot(tenant, job, wanted).await?;
        let stopped = stopped.map_err(|failure| JobManagerError::Conflict(failure.to_string()))?;
        let savepoint = stopped.location;
        description.settings.restore = Some(Restore {
            path: savepoint.clone(),
            allow_non_restored: false,
            claim: ClaimMode::Claim,
        });
        let again = async {
            self.left(job).await?;
            let strategy = Some(view.restart_strategy);
            self.accept_again(description, strategy, lease).await?;
            self.runs(job).await
        };
        again.await.map_err(|error| {
            let error = error.to_string();
            JobManagerError::Conflict(format!(
                "job {job} has stopped with the savepoint `{savepoint}` and does not run again: {error}"
            ))
        })?;
        let downtime = clock.monotonic().saturating_sub(began);
        tracing::info!(job_id = %job, parallelism, ?downtime, "job rescaled");
        Ok(Rescaled {
            savepoint,
            downtime,
        })
    }

    /// Waits until the JobMaster of a job that has ended is gone, and with it the job's checkpoints.
    async fn left(&self, job: JobId) -> Result<(), JobManagerError> {
        let mut directory = self.inner.directory.clone();
        let gone = directory.wait_for(|jobs| jobs.get(&job).is_none_or(|it| it.master.is_none()));
        let patience = self.inner.options.commit_timeout + ASK;
        let gone = self.inner.clock.timeout(patience, gone).await;
        gone.map(drop)
            .map_err(|late| JobManagerError::TimedOut(late.to_string()))
    }

    /// Waits until all tasks of a job run.
    async fn runs(&self, job: JobId) -> Result<(), JobManagerError> {
        let ended = || JobManagerError::Unavailable("the JobManager ends".to_owned());
        let mut views = self.watch(job).ok_or_else(ended)?;
        let settled = views.wait_for(|view| is_running(view) || view.status.is_terminal());
        let patience = self.inner.options.slot_timeout + self.inner.options.prepare_timeout + ASK;
        let settled = self.inner.clock.timeout(patience, settled).await;
        let settled = settled.map_err(|late| JobManagerError::TimedOut(late.to_string()))?;
        let view = Arc::clone(&*settled.map_err(|_| ended())?);
        match view.status {
            JobStatus::Failed | JobStatus::Canceled => {
                let cause = view.exceptions.first();
                let cause = cause.map_or("nobody said why", |it| it.cause.message.as_str());
                let status = view.status;
                Err(JobManagerError::Conflict(format!(
                    "it is {status}: {cause}"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Whether all tasks run, or have already finished.
fn is_running(view: &JobView) -> bool {
    let subtasks = view.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let mut states = subtasks.map(|subtask| subtask.current.state);
    states.all(|state| matches!(state, ExecutionState::Running | ExecutionState::Finished))
}

/// Refuses what would fail once the job has stopped.
fn check(view: &JobView, graph: &JobGraph) -> Result<(), JobManagerError> {
    let job = view.id();
    if view.status != JobStatus::Running {
        let status = view.status;
        return Err(JobManagerError::Conflict(format!(
            "job {job} is {status}: only one that runs is rescaled"
        )));
    }
    let mut changes = false;
    for new in graph.logical().operators() {
        let old = view.graph.operator(new.id);
        changes |= old.parallelism != new.parallelism;
        if new.parallelism > old.max_parallelism {
            return Err(JobManagerError::Invalid(format!(
                "the parallelism {} of operator `{}` is larger than the max parallelism {} of its state; \
                 lower it to that or less",
                new.parallelism, old.name, old.max_parallelism
            )));
        }
    }
    match changes {
        true => Ok(()),
        false => Err(JobManagerError::Invalid(format!(
            "nothing of job {job} would change: its operators have that parallelism, or name another one"
        ))),
    }
}

/// Where the savepoint goes.
fn place(view: &JobView) -> Result<String, JobManagerError> {
    let options = &view.checkpoints.options;
    let place = options.savepoint_directory.as_ref();
    let place = place.or(options.directory.as_ref()).cloned();
    place.ok_or_else(|| {
        JobManagerError::Invalid(
            "a job is rescaled through a savepoint, and has no place for one; set \
             `execution.checkpointing.savepoint-dir`"
                .to_owned(),
        )
    })
}
