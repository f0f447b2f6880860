//! The jobs of an earlier JobManager on the same data directory: they go on from their last checkpoints.
//!
//! Invariants: a job that cannot go on says why in the log and stays in the store; a damaged checkpoint is
//! passed over for the one before, which the log says too; nothing is deleted while storage does not answer, and a
//! job that had checkpoints never starts from the beginning because they cannot be used.

use std::sync::Arc;

use wasmill_checkpoint::coordinator::Completed;
use wasmill_checkpoint::layout::JobDirectory;
use wasmill_types::id::JobId;

use super::snapshots::check_owner;
use super::{Handle, JobManagerError};
use crate::bundles::Lease;
use crate::dispatcher::{self, Accepted};
use crate::jobs::StoredJob;
use crate::master::assign;

/// What becomes of a checkpoint that cannot be used.
const PASSED_OVER: &str =
    "checkpoint passed over; if it was the newest, what became visible with it is written again";

impl Handle {
    /// Starts the jobs that were stored.
    pub(super) async fn recover_all(self, jobs: Vec<StoredJob>) {
        for stored in jobs {
            let job = stored.description.job;
            let lease = self.leased(&stored.description);
            match self.recover(stored).await {
                Ok(_) => tracing::info!(job_id = %job, "job goes on"),
                Err(error) => {
                    tracing::error!(job_id = %job, %error, "job does not go on; it stays in the store");
                    if let Ok(Some(lease)) = lease {
                        lease.keep();
                    }
                }
            }
        }
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
                "none of the {passed_over} checkpoints in `{path}` can be used; mend them, or remove them to \
                 start the job from the beginning"
            );
            return Err(JobManagerError::Invalid(problem));
        }
        let mark = self.store()?.jobs.mark_of(description.job);
        if usable.is_empty() && mark.exists() {
            let (path, mark) = (directory.path(), mark.display());
            let problem = format!(
                "the job has completed checkpoints, and there is none in `{path}`; bring the directory back, or \
                 remove `{mark}` to start the job from the beginning"
            );
            return Err(JobManagerError::Invalid(problem));
        }
        let retained = description.settings.checkpoints.retained.get() as usize;
        usable.truncate(retained);
        usable.reverse();
        let swept = storage.sweep(&directory, &usable).await.map_err(failed)?;
        tracing::debug!(job_id = %description.job, swept, "files of no checkpoint deleted");
        Ok(usable)
    }
}
