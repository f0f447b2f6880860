//! Checkpoints and savepoints that somebody asks for, and their removal.
//!
//! Invariant: nothing is removed of another tenant's job, nor what a job that runs may go back to.

use wasmill_checkpoint::Metadata;
use wasmill_checkpoint::coordinator::{Answer, Wanted};
use wasmill_checkpoint::failure::Failure;
use wasmill_checkpoint::storage::StorageError;
use wasmill_types::JobStatus;
use wasmill_types::id::{JobId, TenantId};

use super::{ASK, Handle, JobManagerError};
use crate::master;

impl Handle {
    /// Takes a checkpoint or a savepoint of a job; answers when it is complete or given up, and when the job
    /// is to stop with it, when it has.
    ///
    /// # Errors
    /// When the tenant has no such job, it does not stop, or the JobManager ends.
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
        job: JobId,
        wanted: Wanted,
    ) -> Result<Result<Answer, Failure>, JobManagerError> {
        let entry = self.entry(job);
        let entry = entry.filter(|entry| entry.view().description.tenant == *tenant);
        let unknown = || JobManagerError::NotFound(format!("there is no job {job}"));
        let entry = entry.ok_or_else(unknown)?;
        let over = || JobManagerError::Conflict(format!("job {job} has ended"));
        let view = entry.view();
        let master = entry.master.ok_or_else(over)?;
        let stops = matches!(wanted, Wanted::Stop { .. });
        let patience = view.description.settings.checkpoints.timeout + ASK;
        let wish = |reply| master::Message::Wish(wanted, reply);
        let clock = &self.inner.clock;
        // The checkpoint has a timeout of its own; this one is for a JobMaster that does not answer.
        let answer = clock.timeout(patience, master.ask(wish)).await;
        let answer = answer.map_err(|late| JobManagerError::TimedOut(late.to_string()))?;
        let answer = answer.map_err(|_| over())?;
        if let (true, Ok(taken)) = (stops, &answer) {
            // Whoever starts again from the savepoint finds the output whole and the slots free.
            let ended = clock.timeout(patience, self.wait(job)).await;
            let status = ended.ok().flatten().map(|view| view.status);
            if status != Some(JobStatus::Finished) {
                let is =
                    status.map_or_else(|| "still running".to_owned(), |status| status.to_string());
                let location = &taken.location;
                return Err(JobManagerError::Conflict(format!(
                    "the savepoint is at `{location}`, but job {job} has not stopped with it: it is {is}"
                )));
            }
        }
        Ok(answer)
    }

    /// Deletes a savepoint, or a checkpoint that was kept.
    ///
    /// # Errors
    /// When there is none, when it is of a job of another tenant or one that a running job may still go
    /// back to, or when storage refuses.
    pub async fn dispose(&self, tenant: &TenantId, path: &str) -> Result<(), JobManagerError> {
        match self.inner.storage.read_metadata(path).await {
            Ok((_, metadata)) => self.check_disposal(tenant, path, &metadata)?,
            // Damaged: it serves nobody, and as it names no tenant it is the default one's.
            Err(StorageError::Metadata { .. }) => check_owner(tenant, path, &TenantId::default())?,
            Err(error) => return Err(error.into()),
        }
        Ok(self.inner.storage.dispose(path).await?)
    }

    fn check_disposal(
        &self,
        tenant: &TenantId,
        path: &str,
        metadata: &Metadata,
    ) -> Result<(), JobManagerError> {
        check_owner(tenant, path, &metadata.tenant)?;
        let Some(job) = self.job(metadata.job) else {
            return Ok(());
        };
        if !job.status.is_terminal() && !metadata.kind.is_savepoint() {
            return Err(JobManagerError::Conflict(format!(
                "`{path}` is a checkpoint of job {}, which runs and may go back to it; end the job first",
                metadata.job
            )));
        }
        Ok(())
    }
}

/// Nobody restores from a snapshot of another tenant's job, or removes it, whoever they are otherwise: an
/// administrator can make a token of that tenant.
pub(super) fn check_owner(
    tenant: &TenantId,
    path: &str,
    owner: &TenantId,
) -> Result<(), JobManagerError> {
    if tenant == owner {
        return Ok(());
    }
    Err(JobManagerError::Forbidden(format!(
        "`{path}` belongs to tenant `{owner}`, and you speak for tenant `{tenant}`; use a token of \
         tenant `{owner}`"
    )))
}
