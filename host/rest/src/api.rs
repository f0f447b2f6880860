//! What every handler may use: the cluster, the clock, the options, and what the server remembers.
//!
//! One per server, shared by all requests. Invariant: nothing here grows with the number of requests
//! beyond a bound.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use wasmill_actor::Clock;
use wasmill_jobmanager::view::{AttemptView, BundleView, JobView};
use wasmill_rpc::rates::{Rate, Rates};
use wasmill_types::id::{JobId, TenantId};

use crate::cluster::Cluster;
use crate::error::ApiError;
use crate::gate::Gate;
use crate::operations::Operations;
use crate::options::Options;

/// The API's parts.
pub(crate) struct Api {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) gate: Gate,
    pub(crate) rates: Rates,
    /// Checkpoints and savepoints that callers wait for.
    pub(crate) operations: Arc<Operations>,
    /// When the server started, in milliseconds since the epoch.
    pub(crate) started_ms: i64,
    /// The OpenAPI document, made when it is first asked for.
    pub(crate) document: OnceLock<Bytes>,
}

impl Api {
    pub(crate) fn new(
        cluster: Arc<dyn Cluster>,
        clock: Clock,
        options: Options,
        gate: Gate,
    ) -> Self {
        Self {
            cluster,
            started_ms: clock.now_ms(),
            operations: Operations::new(clock.clone()),
            clock,
            options,
            gate,
            rates: Rates::default(),
            document: OnceLock::new(),
        }
    }

    /// Looks at how fast tasks work.
    pub(crate) fn look(&self) {
        let jobs = self.cluster.jobs();
        let running = jobs
            .iter()
            .filter(|job| !job.status.is_terminal())
            .flat_map(|job| &job.vertices)
            .flat_map(|vertex| &vertex.subtasks)
            .map(|subtask| &subtask.current)
            .filter(|attempt| !attempt.state.is_terminal());
        self.rates
            .look(running.map(|attempt| (attempt.id, &attempt.counters)));
    }

    /// How fast an attempt works; none while that is not known, or when it has ended.
    pub(crate) fn rate(&self, attempt: &AttemptView) -> Option<Rate> {
        if attempt.state.is_terminal() {
            return None;
        }
        self.rates.of(attempt.id, &attempt.counters)
    }

    /// The jobs of a tenant, newest first.
    pub(crate) fn jobs(&self, tenant: &TenantId) -> Vec<Arc<JobView>> {
        let mut jobs = self.cluster.jobs();
        jobs.retain(|job| job.description.tenant == *tenant);
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.started_ms()), job.id()));
        jobs
    }

    /// A job of a tenant; another tenant's does not exist.
    pub(crate) fn job(&self, tenant: &TenantId, id: JobId) -> Result<Arc<JobView>, ApiError> {
        let job = self.cluster.job(id);
        job.filter(|job| job.description.tenant == *tenant)
            .ok_or_else(|| ApiError::not_found(format!("Job {id} could not be found.")))
    }

    /// The bundles of a tenant, newest first.
    pub(crate) async fn bundles(&self, tenant: &TenantId) -> Result<Vec<BundleView>, ApiError> {
        let mut bundles = self.cluster.bundles(tenant).await?;
        bundles.retain(|bundle| bundle.tenant == *tenant);
        bundles.sort_by(|a, b| {
            let newer_first = b.uploaded_ms.cmp(&a.uploaded_ms);
            newer_first.then_with(|| a.id.cmp(&b.id))
        });
        Ok(bundles)
    }
}
