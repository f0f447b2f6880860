//! From a bundle and arguments to a job that runs, or to its plan.
//!
//! Invariant: what is wrong with a submission is found before a JobMaster exists.

use std::sync::Arc;

use wasmill_actor::rng::secret;
use wasmill_checkpoint::assignment::Assignment;
use wasmill_checkpoint::coordinator::Completed;
use wasmill_graph::{JobGraph, LogicalGraph, Options as GraphOptions};
use wasmill_rpc::protocol::{JobDescription, JobSettings};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::job::JobSpec;

use super::snapshots::check_owner;
use super::{Handle, JobManagerError};
use crate::bundles::Lease;
use crate::dispatcher::{self, Accepted};
use crate::jobs::StoredJob;
use crate::master::assign;
use crate::restart::Strategy;

/// A job to run, or to plan, from an uploaded bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Whose it is.
    pub tenant: TenantId,
    /// The id of an uploaded bundle of that tenant.
    pub bundle: String,
    /// The program's arguments.
    pub args: Vec<String>,
    /// How it runs.
    pub settings: JobSettings,
    /// What happens when it fails; none for what the JobManager's options say.
    pub restart: Option<Strategy>,
    /// The job's id, when the caller chose one.
    pub job: Option<JobId>,
}

/// A job to run that was described elsewhere, as the embedded runner's.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// The job.
    pub description: JobDescription,
    /// What happens when it fails; none for what the JobManager's options say.
    pub restart: Option<Strategy>,
}

impl Handle {
    /// Starts a job; answers when it is listed.
    ///
    /// # Errors
    /// When the bundle is not there, or the program refuses or describes a graph that cannot run.
    pub async fn submit(&self, submission: Submission) -> Result<JobId, JobManagerError> {
        let restart = submission.restart;
        let (description, _, lease) = self.described(submission).await?;
        self.accept(description, restart, Some(lease)).await
    }

    /// The graph that a submission would run.
    ///
    /// # Errors
    /// As [`Handle::submit`].
    pub async fn plan(&self, submission: Submission) -> Result<Arc<JobGraph>, JobManagerError> {
        let (_, graph, _) = self.described(submission).await?;
        Ok(Arc::new(graph))
    }

    /// Starts a job that was described already; answers when it is listed.
    ///
    /// # Errors
    /// When its graph cannot run.
    pub async fn run(&self, request: RunRequest) -> Result<JobId, JobManagerError> {
        let RunRequest {
            description,
            restart,
        } = request;
        self.accept(description, restart, None).await
    }

    async fn described(
        &self,
        submission: Submission,
    ) -> Result<(JobDescription, JobGraph, Lease), JobManagerError> {
        let store = self.store()?;
        let taken = store.bundles.take(&submission.tenant, &submission.bundle);
        let (bundle, lease) = taken?;
        let args = submission.args.clone();
        let spec = store.programs.describe(lease.path(), args).await?;
        let graph = self.graph(spec.clone(), submission.settings.parallelism)?;
        let description = JobDescription {
            job: submission.job.unwrap_or_else(new_job),
            tenant: submission.tenant,
            spec,
            bundle: Some(bundle.digest),
            args: submission.args,
            settings: submission.settings,
        };
        Ok((description, graph, lease))
    }

    /// The snapshot that a job starts from, and whether state may be left behind.
    pub(super) async fn read_snapshot(
        &self,
        description: &JobDescription,
    ) -> Result<Option<(Completed, bool)>, JobManagerError> {
        let Some(restore) = &description.settings.restore else {
            return Ok(None);
        };
        let (directory, metadata) = self.inner.storage.read_metadata(&restore.path).await?;
        check_owner(&description.tenant, &restore.path, &metadata.tenant)?;
        let snapshot = Completed::new(directory, metadata);
        Ok(Some((snapshot, restore.allow_non_restored)))
    }

    pub(super) fn graph(
        &self,
        spec: JobSpec,
        parallelism: u32,
    ) -> Result<JobGraph, JobManagerError> {
        let options = GraphOptions {
            parallelism,
            limits: self.inner.options.graph.clone(),
        };
        let checked = LogicalGraph::check(spec, &options);
        let checked = checked.map_err(|error| JobManagerError::Invalid(error.to_string()))?;
        Ok(JobGraph::from_logical(&checked))
    }

    async fn accept(
        &self,
        description: JobDescription,
        restart: Option<Strategy>,
        lease: Option<Lease>,
    ) -> Result<JobId, JobManagerError> {
        let accepted = self.checked(description, restart, lease).await?;
        self.start_job(accepted).await
    }

    /// Starts a job that has ended once more, under its id.
    pub(super) async fn accept_again(
        &self,
        description: JobDescription,
        restart: Option<Strategy>,
        lease: Option<Lease>,
    ) -> Result<JobId, JobManagerError> {
        let mut accepted = self.checked(description, restart, lease).await?;
        accepted.replaces = true;
        self.start_job(accepted).await
    }

    /// A job whose graph can run, and which the snapshot fits that it starts from.
    async fn checked(
        &self,
        mut description: JobDescription,
        restart: Option<Strategy>,
        lease: Option<Lease>,
    ) -> Result<Accepted, JobManagerError> {
        let parallelism = description.settings.parallelism;
        let graph = self.graph(description.spec.clone(), parallelism)?;
        let invalid = |problem: String| JobManagerError::Invalid(problem);
        let checked = description.settings.checkpoints.check(&graph);
        checked.map_err(|error| invalid(error.to_string()))?;
        let snapshot = self.read_snapshot(&description).await?;
        let graph = match &snapshot {
            Some((snapshot, allows)) => {
                let assignment = assign(&graph, snapshot, *allows).map_err(invalid)?;
                adopt_key_groups(&mut description.spec, &graph, &assignment);
                self.graph(description.spec.clone(), parallelism)?
            }
            None => graph,
        };
        let claim = description.settings.restore.as_ref().map(|it| it.claim);
        let snapshot = snapshot.map(|(snapshot, _)| (snapshot, claim.unwrap_or_default()));
        let strategy = restart.unwrap_or(self.inner.options.restart);
        Ok(Accepted {
            description: Arc::new(description),
            graph: Arc::new(graph),
            strategy,
            lease,
            snapshot,
            recovered: None,
            replaces: false,
        })
    }

    async fn start_job(&self, accepted: Accepted) -> Result<JobId, JobManagerError> {
        let job = accepted.description.job;
        let jobs = self.inner.store.as_ref().map(|store| &store.jobs);
        if let Some(jobs) = jobs {
            let kept = jobs.put(&StoredJob {
                description: (*accepted.description).clone(),
                strategy: accepted.strategy,
            });
            kept.map_err(|error| JobManagerError::Internal(super::story(&error)))?;
        }
        let accepted = Box::new(accepted);
        let submit = |reply| dispatcher::Message::Submit(accepted, reply);
        let submitted = self.ask(&self.inner.dispatcher, submit).await.flatten();
        // One that runs already under this id is stored for good reason.
        if !matches!(submitted, Ok(_) | Err(JobManagerError::Conflict(_)))
            && let Some(jobs) = jobs
            && let Err(error) = jobs.remove(job)
        {
            tracing::warn!(%error, "a job that did not start stays in the store");
        }
        submitted
    }
}

/// The operators get the key groups of their state (semantics §5.4).
fn adopt_key_groups(spec: &mut JobSpec, graph: &JobGraph, assignment: &Assignment) {
    for operator in &mut spec.operators {
        let uid = graph.operator(operator.id).state_id;
        if let Some(assigned) = assignment.operators.get(&uid) {
            operator.max_parallelism = Some(assigned.max_parallelism);
        }
    }
}

fn new_job() -> JobId {
    JobId(u128::from_be_bytes(secret()))
}
