//! The jobs of an earlier JobManager on the same data directory: they go on from their last checkpoints.
//!
//! Invariants: a job that cannot go on stays in the store and says why, in the log and, while its checkpoints
//! may yet be had, as its state and its exception: then it is tried again with growing pauses; a damaged checkpoint is
//! passed over for the one before, which the log says too; nothing is deleted while storage does not answer, and a
//! job that had checkpoints never starts from the beginning because they cannot be used.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmill_actor::CancelToken;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_checkpoint::coordinator::Completed;
use wasmill_checkpoint::layout::JobDirectory;
use wasmill_types::id::JobId;

use super::snapshots::check_owner;
use super::{Handle, JobManagerError};
use crate::bundles::Lease;
use crate::dispatcher::{self, Accepted, Obstacle};
use crate::jobs::StoredJob;
use crate::master::assign;

/// How many jobs look for their checkpoints at a time.
const TRIES_AT_ONCE: usize = 8;
/// The time between the first try and the second; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What becomes of a checkpoint that cannot be used.
const PASSED_OVER: &str =
    "checkpoint passed over; if it was the newest, what became visible with it is written again";

impl Handle {
    /// Starts the jobs that were stored, each as soon as it can go on.
    pub(super) fn recover_all(&self, jobs: Vec<StoredJob>) {
        let turns = Arc::new(Semaphore::new(TRIES_AT_ONCE));
        for stored in jobs {
            let work = self.clone().go_on(stored, Arc::clone(&turns));
            let _ends_with_the_job_manager = actors::spawn(ActorKind::Errand, "recover job", work);
        }
    }

    /// Tries to start a job until it runs, cannot ever, is canceled, or the JobManager ends.
    async fn go_on(self, stored: StoredJob, turns: Arc<Semaphore>) {
        let job = stored.description.job;
        let held = Held(self.leased(&stored.description).ok().flatten());
        let mut pause = FIRST_PAUSE;
        loop {
            let tried = {
                // Nobody closes it, and what has no turn is no worse.
                let _turn = turns.acquire().await;
                self.recover(stored.clone()).await
            };
            let Err(error) = tried else {
                held.release();
                return tracing::info!(job_id = %job, "job goes on");
            };
            let is_listed = pause > FIRST_PAUSE;
            if !is_listed && !is_temporary(&error) {
                return tracing::error!(job_id = %job, %error, "job does not go on; it stays in the store");
            }
            tracing::warn!(job_id = %job, %error, ?pause, "job does not go on yet");
            let tries = match self.wait_for(&stored, &error, pause).await {
                Ok(tries) => tries,
                Err(error) => return tracing::debug!(job_id = %job, %error, "no more tries"),
            };
            // Both arms may be dropped without loss.
            tokio::select! {
                biased;
                () = tries.cancelled() => return,
                () = self.inner.clock.sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Lists a job with what keeps it from going on; what ends the tries.
    async fn wait_for(
        &self,
        stored: &StoredJob,
        error: &JobManagerError,
        pause: Duration,
    ) -> Result<CancelToken, JobManagerError> {
        let description = &stored.description;
        let graph = self.graph(description.spec.clone(), description.settings.parallelism)?;
        let obstacle = Box::new(Obstacle {
            description: Arc::new(description.clone()),
            graph: Arc::new(graph),
            strategy: stored.strategy,
            reason: error.to_string(),
            pause,
        });
        let waits = |reply| dispatcher::Message::Waits(obstacle, reply);
        self.ask(&self.inner.dispatcher, waits).await?
    }

    async fn recover(&self, stored: StoredJob) -> Result<JobId, JobManagerError> {
        let StoredJob {
            description,
            strategy,
        } = stored;
        let parallelism = description.settings.parallelism;
        let graph = self.graph(description.spec.clone(), parallelism)?;
        let lease = self.leased(&description)?;
        let recovered = self.completed(&description).await?;
        let snapshot = match recovered.is_empty() {
            true => self.read_snapshot(&description).await?,
            false => None,
        };
        if let Some(newest) = recovered.last() {
            assign(&graph, newest, true).map_err(JobManagerError::Invalid)?;
        }
        let claim = description.settings.restore.as_ref().map(|it| it.claim);
        let accepted = Box::new(Accepted {
            description: Arc::new(description),
            graph: Arc::new(graph),
            strategy,
            lease,
            snapshot: snapshot.map(|(snapshot, _)| (snapshot, claim.unwrap_or_default())),
            recovered: Some(recovered),
            replaces: false,
        });
        let submit = |reply| dispatcher::Message::Submit(accepted, reply);
        self.ask(&self.inner.dispatcher, submit).await?
    }

    /// The right to use the bundle of a job that goes on; none for a job without one.
    pub(super) fn leased(
        &self,
        description: &wasmill_rpc::protocol::JobDescription,
    ) -> Result<Option<Lease>, JobManagerError> {
        let Some(digest) = description.bundle else {
            return Ok(None);
        };
        let lease = self.store()?.bundles.lease(digest);
        let gone = || JobManagerError::NotFound(format!("bundle {digest} is gone"));
        lease.ok_or_else(gone).map(Some)
    }

    /// The checkpoints of a job that can be used, oldest first; what else its tasks left is deleted.
    async fn completed(
        &self,
        description: &wasmill_rpc::protocol::JobDescription,
    ) -> Result<Vec<Completed>, JobManagerError> {
        let Some(directory) = &description.settings.checkpoints.directory else {
            return Ok(Vec::new());
        };
        let storage = &self.inner.storage;
        let directory = JobDirectory::new(directory, description.job);
        let failed = |error: wasmill_checkpoint::storage::StorageError| {
            JobManagerError::Unavailable(error.to_string())
        };
        let mut usable = Vec::new();
        let mut passed_over = 0;
        for found in storage.checkpoints(&directory).await.map_err(failed)? {
            let checked = match found.metadata {
                Ok(metadata) => {
                    let files = storage.check_files(&found.directory, &metadata).await;
                    files.map(|()| metadata)
                }
                Err(error) => Err(error),
            };
            match checked {
                Ok(metadata) => {
                    // A job's id may be chosen, so its directory may be one of somebody else's job.
                    check_owner(&description.tenant, &found.directory, &metadata.tenant)?;
                    usable.push(Completed::new(found.directory, metadata));
                }
                // What storage does not tell today it may tell tomorrow: nothing is swept.
                Err(error) if !error.is_damage() => return Err(failed(error)),
                Err(error) => {
                    let (job, checkpoint) = (description.job, found.id);
                    tracing::warn!(job_id = %job, %checkpoint, %error, "{PASSED_OVER}");
                    passed_over += 1;
                }
            }
        }
        if usable.is_empty() && passed_over > 0 {
            let path = directory.path();
            let problem = format!(
                "none of the {passed_over} checkpoints in `{path}` can be used; mend them, or cancel the job"
            );
            return Err(JobManagerError::Unavailable(problem));
        }
        let mark = self.store()?.jobs.mark_of(description.job);
        if usable.is_empty() && mark.exists() {
            let (path, mark) = (directory.path(), mark.display());
            let problem = format!(
                "the job has completed checkpoints, and there is none in `{path}`; bring the directory back, or \
                 remove `{mark}` to start the job from the beginning"
            );
            return Err(JobManagerError::Unavailable(problem));
        }
        let retained = description.settings.checkpoints.retained.get() as usize;
        usable.truncate(retained);
        usable.reverse();
        let swept = storage.sweep(&directory, &usable).await.map_err(failed)?;
        tracing::debug!(job_id = %description.job, swept, "files of no checkpoint deleted");
        Ok(usable)
    }
}

/// The right to use the bundle of a job that does not run yet: it stays in the store whatever becomes of the
/// tries, for the next JobManager may go on with the job.
struct Held(Option<Lease>);

impl Held {
    /// The job runs, with a right of its own.
    fn release(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take() {
            lease.keep();
        }
    }
}

/// Whether a later try may do better.
fn is_temporary(error: &JobManagerError) -> bool {
    match error {
        JobManagerError::Unavailable(_) | JobManagerError::TimedOut(_) => true,
        JobManagerError::NotFound(_)
        | JobManagerError::Invalid(_)
        | JobManagerError::Forbidden(_)
        | JobManagerError::Conflict(_)
        | JobManagerError::TooLarge(_)
        | JobManagerError::Internal(_) => false,
    }
}
