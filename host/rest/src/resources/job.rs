//! One job: its detail, plan, state, result, and cancelling it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wasmill_graph::present::plan_json;
use wasmill_jobmanager::view::{ExceptionView, JobView, VertexView};
use wasmill_types::JobStatus;
use wasmill_types::id::VertexId;

use super::Empty;
use super::io::IoMetrics;
use super::jobs::{JOB_TYPE, SCHEDULER_TYPE};
use super::times::{Times, count_states, job_timestamps, states};
use crate::call::Call;
use crate::error::ApiError;
use crate::throwable;

/// A job with its vertices and its plan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobDetailsInfo {
    jid: String,
    name: String,
    #[serde(rename = "isStoppable")]
    is_stoppable: bool,
    state: &'static str,
    job_type: &'static str,
    start_time: i64,
    /// -1 while it runs.
    end_time: i64,
    duration: i64,
    #[serde(rename = "maxParallelism")]
    max_parallelism: i64,
    now: i64,
    /// When it reached each state; 0 for never.
    timestamps: BTreeMap<&'static str, i64>,
    vertices: Vec<JobDetailsVertexInfo>,
    /// How many vertices are in each state.
    status_counts: BTreeMap<&'static str, u32>,
    #[schema(value_type = Object)]
    plan: Value,
    #[serde(rename = "schedulerType")]
    scheduler_type: &'static str,
    pending_operators: u32,
    /// How often it, or a part of it, was restarted. Not Flink's.
    restarts: u32,
    /// What it is waiting for, if it is. Not Flink's.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
}

/// A vertex of a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobDetailsVertexInfo {
    id: String,
    #[serde(rename = "slotSharingGroupId")]
    slot_sharing_group_id: String,
    name: String,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    parallelism: u32,
    status: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    /// How many subtasks are in each state.
    tasks: BTreeMap<&'static str, u32>,
    metrics: IoMetrics,
}

/// `GET /jobs/:jobid`
pub(crate) fn detail(call: &Call) -> Result<JobDetailsInfo, ApiError> {
    let job = call.job()?;
    let now_ms = call.now_ms();
    let times = Times::of_job(&job, now_ms);
    let vertices = job.vertices.iter().enumerate();
    Ok(JobDetailsInfo {
        jid: job.id().to_string(),
        name: job.graph.name.clone(),
        is_stoppable: false,
        state: job.status.name(),
        job_type: JOB_TYPE,
        start_time: times.start,
        end_time: times.end,
        duration: times.duration,
        max_parallelism: max_parallelism(&job),
        now: now_ms,
        timestamps: job_timestamps(&job),
        vertices: vertices
            .map(|(index, view)| vertex(&job, VertexId(index as u32), view, now_ms))
            .collect(),
        status_counts: count_states(job.vertices.iter().map(VertexView::state)),
        plan: plan_json(Some(job.id()), &job.graph),
        scheduler_type: SCHEDULER_TYPE,
        pending_operators: 0,
        restarts: job.restarts,
        waiting_for: job.waiting_for.clone(),
    })
}

/// The largest of its vertices'; -1 of a job without any, as Flink shows what is not set.
fn max_parallelism(job: &JobView) -> i64 {
    let vertices = job.graph.vertices.iter();
    let largest = vertices.map(|vertex| vertex.max_parallelism).max();
    largest.map_or(-1, i64::from)
}

fn vertex(job: &JobView, id: VertexId, view: &VertexView, now_ms: i64) -> JobDetailsVertexInfo {
    let planned = job.graph.vertex(id);
    let times = Times::of_vertex(view, now_ms);
    let attempts = view.subtasks.iter().map(|subtask| &subtask.current);
    let group = wasmill_graph::OperatorUid::of_uid(&planned.slot_sharing_group);
    JobDetailsVertexInfo {
        id: view.uid.to_string(),
        slot_sharing_group_id: group.to_string(),
        name: planned.name.clone(),
        max_parallelism: planned.max_parallelism,
        parallelism: planned.parallelism,
        status: view.state().name(),
        start_time: times.start,
        end_time: times.end,
        duration: times.duration,
        tasks: count_states(states(view)),
        metrics: attempts.map(IoMetrics::of).sum(),
    }
}

/// A plan.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobPlanInfo {
    /// The vertices as `nodes`, each with its inputs, in the shape that Flink's pages draw.
    #[schema(value_type = Object)]
    pub(crate) plan: Value,
}

/// `GET /jobs/:jobid/plan`
pub(crate) fn plan(call: &Call) -> Result<JobPlanInfo, ApiError> {
    let job = call.job()?;
    let plan = plan_json(Some(job.id()), &job.graph);
    Ok(JobPlanInfo { plan })
}

/// A job's state.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobStatusInfo {
    status: &'static str,
}

/// `GET /jobs/:jobid/status`
pub(crate) fn status(call: &Call) -> Result<JobStatusInfo, ApiError> {
    let status = call.job()?.status.name();
    Ok(JobStatusInfo { status })
}

/// How a job ended, once it has.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobExecutionResult {
    status: QueueStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_execution_result: Option<JobResult>,
}

/// Whether an operation has completed.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueStatus {
    /// `IN_PROGRESS` or `COMPLETED`.
    pub(super) id: &'static str,
}

/// How a job ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobResult {
    id: String,
    name: String,
    /// `SUCCEEDED`, `FAILED`, `CANCELED` or `UNKNOWN`.
    application_status: &'static str,
    #[schema(value_type = BTreeMap<String, String>)]
    accumulator_results: BTreeMap<String, String>,
    net_runtime: i64,
    start_time: i64,
    end_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_cause: Option<FailureCause>,
}

/// Why a job failed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct FailureCause {
    class: &'static str,
    stack_trace: String,
    /// The failure as an object of Java, in base64: Flink's client reads nothing else of it.
    serialized_throwable: String,
}

/// `GET /jobs/:jobid/execution-result`
pub(crate) fn execution_result(call: &Call) -> Result<JobExecutionResult, ApiError> {
    let job = call.job()?;
    let result = job.status.is_terminal().then(|| result(&job));
    let id = match result {
        Some(_) => "COMPLETED",
        None => "IN_PROGRESS",
    };
    Ok(JobExecutionResult {
        status: QueueStatus { id },
        job_execution_result: result,
    })
}

fn result(job: &JobView) -> JobResult {
    let end_ms = job.ended_ms().unwrap_or_else(|| job.started_ms());
    let times = Times::of_job(job, end_ms);
    let application_status = match job.status {
        JobStatus::Finished => "SUCCEEDED",
        JobStatus::Failed => "FAILED",
        JobStatus::Canceled => "CANCELED",
        _ => "UNKNOWN",
    };
    let failed = (job.status == JobStatus::Failed).then(|| job.exceptions.first());
    let failure_cause = failed.flatten().map(failure_cause);
    JobResult {
        id: job.id().to_string(),
        name: job.graph.name.clone(),
        application_status,
        accumulator_results: BTreeMap::new(),
        net_runtime: times.duration,
        start_time: times.start,
        end_time: times.end,
        failure_cause,
    }
}

fn failure_cause(exception: &ExceptionView) -> FailureCause {
    let class = super::exceptions::name_of(exception.cause.kind);
    FailureCause::new(class, &exception.cause.message)
}

impl FailureCause {
    pub(crate) fn new(class: &'static str, message: &str) -> Self {
        Self {
            class,
            serialized_throwable: throwable::base64(class, message, &format!("{class}: {message}")),
            stack_trace: message.to_owned(),
        }
    }
}

/// `PATCH /jobs/:jobid?mode=cancel`
pub(crate) async fn terminate(call: Call) -> Result<Empty, ApiError> {
    match call.query("mode").unwrap_or("cancel") {
        "cancel" | "" => cancel(call).await,
        "stop" => Err(stop_is_elsewhere()),
        other => Err(ApiError::bad_parameter(format!(
            "`mode` must be `cancel`, and is `{other}`"
        ))),
    }
}

/// `GET /jobs/:jobid/yarn-cancel`
pub(crate) async fn cancel(call: Call) -> Result<Empty, ApiError> {
    let job = call.job()?;
    if job.status.is_terminal() && job.status != JobStatus::Canceled {
        return Err(wasmill_jobmanager::JobManagerError::Conflict(format!(
            "Job {} is {} already and cannot be cancelled.",
            job.id(),
            job.status
        ))
        .into());
    }
    let tenant = &call.caller.tenant;
    call.api.cluster.cancel(tenant, job.id()).await?;
    Ok(Empty {})
}

/// `GET /jobs/:jobid/yarn-stop`
pub(crate) fn yarn_stop(call: &Call) -> Result<Empty, ApiError> {
    call.job()?;
    Err(stop_is_elsewhere())
}

fn stop_is_elsewhere() -> ApiError {
    ApiError::elsewhere(
        "The termination mode \"stop\" has been removed. To stop a job with a savepoint, \
         use POST /jobs/:jobid/stop.",
    )
}
