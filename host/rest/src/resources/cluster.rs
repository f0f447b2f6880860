//! The cluster as a whole: its counters, what the dashboard may show, its end, tokens to join it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasmill_types::JobStatus;

use super::Empty;
use crate::call::Call;
use crate::error::ApiError;
use crate::tokens::Role;

/// The cluster's counters and version.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClusterOverview {
    taskmanagers: usize,
    slots_total: usize,
    slots_available: usize,
    jobs_running: usize,
    jobs_finished: usize,
    jobs_cancelled: usize,
    jobs_failed: usize,
    flink_version: String,
    flink_commit: String,
    wasmill_version: String,
}

/// `GET /overview`: the slots of all, the jobs of the caller's tenant.
pub(crate) fn overview(call: &Call) -> Result<ClusterOverview, ApiError> {
    let task_managers = call.api.cluster.task_managers();
    let jobs = call.api.jobs(&call.caller.tenant);
    let count = |wanted: &dyn Fn(JobStatus) -> bool| {
        let statuses = jobs.iter().map(|job| job.status);
        statuses.filter(|status| wanted(*status)).count()
    };
    let slots = task_managers.iter().flat_map(|it| &it.slots);
    let options = &call.api.options;
    Ok(ClusterOverview {
        taskmanagers: task_managers.len(),
        slots_total: slots.clone().count(),
        slots_available: slots.filter(|slot| slot.is_none()).count(),
        jobs_running: count(&|status| !status.is_terminal()),
        jobs_finished: count(&|status| status == JobStatus::Finished),
        jobs_cancelled: count(&|status| status == JobStatus::Canceled),
        jobs_failed: count(&|status| status == JobStatus::Failed),
        flink_version: options.version.clone(),
        flink_commit: options.revision.clone(),
        wasmill_version: options.version.clone(),
    })
}

/// What the dashboard asks first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DashboardConfiguration {
    /// How often pages ask again, in milliseconds.
    refresh_interval: i64,
    timezone_name: &'static str,
    timezone_offset: i32,
    flink_version: String,
    flink_revision: String,
    features: Features,
}

/// What the dashboard offers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Features {
    web_submit: bool,
    web_cancel: bool,
    web_rescale: bool,
    web_history: bool,
}

/// `GET /config`: offers what the caller's role may do.
pub(crate) fn config(call: &Call) -> Result<DashboardConfiguration, ApiError> {
    let options = &call.api.options;
    let may_submit = call.caller.role >= Role::Submitter;
    Ok(DashboardConfiguration {
        refresh_interval: 3000,
        timezone_name: "Coordinated Universal Time",
        timezone_offset: 0,
        flink_version: options.version.clone(),
        flink_revision: options.revision.clone(),
        features: Features {
            web_submit: may_submit,
            web_cancel: may_submit,
            web_rescale: false,
            web_history: false,
        },
    })
}

/// `DELETE /cluster`.
pub(crate) async fn shutdown(call: Call) -> Result<Empty, ApiError> {
    tracing::info!(tenant = %call.caller.tenant, "the cluster was asked to stop");
    call.api.cluster.shutdown().await?;
    Ok(Empty {})
}

/// How long a join token is good unless said.
const JOIN_TTL_SECONDS: u64 = 30 * 24 * 3600;

/// The longest that a join token may be good.
const MAX_JOIN_TTL_SECONDS: u64 = 366 * 24 * 3600;

/// Asks for a token with which TaskManagers may join.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct JoinTokenRequest {
    /// How long it is good, in seconds; 30 days unless said, at most 366.
    #[schema(minimum = 1, maximum = 31622400)]
    ttl_seconds: Option<u64>,
}

/// A token with which TaskManagers may join.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JoinToken {
    token: String,
    /// Until when it is good, in milliseconds since the epoch.
    expires_at: i64,
}

/// `POST /tokens/join`.
pub(crate) async fn join_token(
    call: Call,
    request: JoinTokenRequest,
) -> Result<JoinToken, ApiError> {
    let seconds = request.ttl_seconds.unwrap_or(JOIN_TTL_SECONDS);
    if !(1..=MAX_JOIN_TTL_SECONDS).contains(&seconds) {
        return Err(ApiError::bad_request(format!(
            "`ttl-seconds` must be from 1 to {MAX_JOIN_TTL_SECONDS}, and is {seconds}"
        )));
    }
    let valid_for = Duration::from_secs(seconds);
    let token = call.api.cluster.join_token(valid_for).await?;
    Ok(JoinToken {
        token,
        expires_at: call.now_ms() + valid_for.as_millis() as i64,
    })
}
