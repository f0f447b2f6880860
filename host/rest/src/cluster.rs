//! What the API asks of the cluster: the seam between REST and the actors of the JobManager.
//!
//! `node` implements it over the JobManager's handle, tests with pictures in memory. Invariants: looking
//! never waits, since pictures are made beforehand; whatever waits is a future that may be dropped unless it
//! says otherwise, and an upload that was dropped or has failed leaves nothing behind.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use wasmill_checkpoint::coordinator::{Answer, Wanted};
use wasmill_checkpoint::failure::Failure;
use wasmill_graph::JobGraph;
use wasmill_jobmanager::lookup::{StateAnswer, StateQuestion};
use wasmill_jobmanager::view::{BundleView, JobView, TaskManagerView};
use wasmill_jobmanager::{JobManagerError, Rescaled};
use wasmill_rpc::protocol::{LogLine, Restore};
use wasmill_types::id::{JobId, TenantId};

/// An answer that is awaited; a boxed future, so that the trait can be an object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, JobManagerError>> + Send + 'a>>;

/// The cluster, as REST needs it.
pub trait Cluster: Send + Sync + 'static {
    /// All jobs that are known, of all tenants.
    fn jobs(&self) -> Vec<Arc<JobView>>;

    /// One job, of any tenant.
    fn job(&self, job: JobId) -> Option<Arc<JobView>>;

    /// The TaskManagers.
    fn task_managers(&self) -> Vec<Arc<TaskManagerView>>;

    /// Starts a job; answers when it is listed.
    fn submit(&self, submission: Submission) -> Pending<'_, JobId>;

    /// The graph that a submission would run.
    fn plan(&self, submission: Submission) -> Pending<'_, Arc<JobGraph>>;

    /// Asks a job to stop; answers when it is asked. A job that was canceled already is fine.
    fn cancel<'a>(&'a self, tenant: &'a TenantId, job: JobId) -> Pending<'a, ()>;

    /// Takes a checkpoint or a savepoint; answers when it is complete, or was given up.
    fn snapshot<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        wanted: Wanted,
    ) -> Pending<'a, Result<Answer, Failure>>;

    /// Removes a savepoint, or a checkpoint that was kept, unless it is another tenant's or still needed.
    fn dispose<'a>(&'a self, tenant: &'a TenantId, path: &'a str) -> Pending<'a, ()>;

    /// Brings a job to another parallelism; answers when all of its tasks run again. Once it has begun it is
    /// not to be dropped, for the job stops on the way.
    fn rescale<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        parallelism: NonZeroU32,
    ) -> Pending<'a, Rescaled>;

    /// The last lines that the tasks of a job have logged, oldest first.
    fn job_log(&self, job: JobId, lines: u32) -> Pending<'_, Vec<LogLine>>;

    /// What a job that runs keeps for a key, as its last complete checkpoint has it.
    fn look_up_state<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        question: &'a StateQuestion,
    ) -> Pending<'a, StateAnswer>;

    /// The bundles of a tenant.
    fn bundles<'a>(&'a self, tenant: &'a TenantId) -> Pending<'a, Vec<BundleView>>;

    /// Keeps a bundle.
    fn upload(&self, upload: Upload) -> Pending<'_, BundleView>;

    /// Forgets a bundle.
    fn delete_bundle<'a>(&'a self, tenant: &'a TenantId, bundle: &'a str) -> Pending<'a, ()>;

    /// A token with which TaskManagers may join for this long.
    fn join_token(&self, valid_for: Duration) -> Pending<'_, String>;

    /// Ends the cluster in good order; answers when it has begun to.
    fn shutdown(&self) -> Pending<'_, ()>;
}

/// A job to run, or to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Whose it is.
    pub tenant: TenantId,
    /// The id of an uploaded bundle of that tenant.
    pub bundle: String,
    /// The parallelism of operators that name none.
    pub parallelism: Option<NonZeroU32>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The job's id, when the caller chose one.
    pub job: Option<JobId>,
    /// Options by name, as the caller gave them, not checked.
    pub configuration: BTreeMap<String, String>,
    /// The savepoint to start from; without one the configuration may name it.
    pub restore: Option<Restore>,
}

/// A bundle that is being uploaded.
pub struct Upload {
    /// Whose it is.
    pub tenant: TenantId,
    /// The file's name as the caller gave it, without directories, without control characters and not
    /// longer than [`Upload::MAX_NAME_BYTES`]. It names the bundle for people and must never name a file.
    pub file_name: String,
    /// The most bytes that come.
    pub limit: u64,
    /// The bytes. The end is only reached when the whole request was in order; whatever is wrong with it
    /// is an error of the last read.
    pub bytes: Box<dyn AsyncRead + Send + Unpin>,
}

impl Upload {
    /// The longest name of a file.
    pub const MAX_NAME_BYTES: usize = 255;
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tenant, file_name, ..
        } = self;
        write!(f, "Upload({file_name:?} of {tenant})")
    }
}
