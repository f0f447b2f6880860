//! Asking for checkpoints and savepoints, stopping with one, removing one, and how it went.
//!
//! Everything here is an operation in the registry of `operations`: the answer is an id, and the caller
//! polls. Invariant: what can be known at once to fail is refused at once; what fails later is an operation
//! that has completed with a failure, as in Flink.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasmill_checkpoint::barrier::Format;
use wasmill_checkpoint::coordinator::Wanted;
use wasmill_jobmanager::view::JobView;

use super::checkpoints::OFF;
use super::job::{FailureCause, QueueStatus};
use crate::call::{Call, HEX32, parse_hex32};
use crate::error::ApiError;
use crate::operations::{Done, Ended, Scope, TriggerId};

/// The class of a failure, as Flink names the exception.
const CLASS: &str = "org.apache.flink.runtime.checkpoint.CheckpointException";

/// An operation was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct TriggerResponse {
    /// The id to poll with.
    pub(super) request_id: String,
}

/// Asks for a checkpoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CheckpointTrigger {
    /// `CONFIGURED`, `FULL` or `INCREMENTAL`.
    checkpoint_type: Option<CheckpointType>,
    /// An id that the caller chose.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    trigger_id: Option<String>,
}

/// What a checkpoint holds.
#[derive(Serialize, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum CheckpointType {
    Configured,
    Full,
    Incremental,
}

/// `POST /jobs/:jobid/checkpoints`
pub(crate) async fn trigger(
    call: Call,
    request: CheckpointTrigger,
) -> Result<TriggerResponse, ApiError> {
    let id = chosen(request.trigger_id.as_deref())?;
    let job = call.job()?;
    if job.checkpoints.options.directory.is_none() {
        return Err(ApiError::bad_request(OFF));
    }
    let full = request.checkpoint_type == Some(CheckpointType::Full);
    let scope = Scope::Checkpoint(job.id());
    take(&call, &job, scope, id, Wanted::Checkpoint { full }, false)
}

/// How a savepoint is written.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "UPPERCASE")]
enum SavepointFormat {
    Canonical,
    Native,
}

impl SavepointFormat {
    fn of(given: Option<Self>) -> Format {
        match given {
            None | Some(Self::Canonical) => Format::Canonical,
            Some(Self::Native) => Format::Native,
        }
    }
}

/// Asks for a savepoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct SavepointTrigger {
    /// Where its directory is made; null for the job's `execution.checkpointing.savepoint-dir`.
    #[serde(rename = "target-directory")]
    target_directory: Option<String>,
    /// Whether the job is cancelled once the savepoint is complete.
    #[serde(rename = "cancel-job")]
    cancel_job: Option<bool>,
    #[serde(rename = "formatType")]
    format: Option<SavepointFormat>,
    /// An id that the caller chose.
    #[serde(rename = "triggerId")]
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/savepoints`
pub(crate) async fn savepoint(
    call: Call,
    request: SavepointTrigger,
) -> Result<TriggerResponse, ApiError> {
    let id = chosen(request.trigger_id.as_deref())?;
    let job = call.job()?;
    let wanted = Wanted::Savepoint {
        target: target(&job, request.target_directory, "target-directory")?,
        format: SavepointFormat::of(request.format),
    };
    let cancels = request.cancel_job.unwrap_or(false);
    take(&call, &job, Scope::Savepoint(job.id()), id, wanted, cancels)
}

/// Asks for a savepoint, and to stop after it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StopRequest {
    /// Where the savepoint's directory is made; null for the job's
    /// `execution.checkpointing.savepoint-dir`.
    target_directory: Option<String>,
    /// Whether the job finishes as if its input had ended: all timers fire.
    drain: Option<bool>,
    format_type: Option<SavepointFormat>,
    /// An id that the caller chose.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/stop`
pub(crate) async fn stop(call: Call, request: StopRequest) -> Result<TriggerResponse, ApiError> {
    let id = chosen(request.trigger_id.as_deref())?;
    let job = call.job()?;
    let wanted = Wanted::Stop {
        target: target(&job, request.target_directory, "targetDirectory")?,
        format: SavepointFormat::of(request.format_type),
        drain: request.drain.unwrap_or(false),
    };
    take(&call, &job, Scope::Savepoint(job.id()), id, wanted, false)
}

/// Starts to take a checkpoint or a savepoint, after which the job may be cancelled.
fn take(
    call: &Call,
    job: &JobView,
    scope: Scope,
    id: Option<TriggerId>,
    wanted: Wanted,
    cancels: bool,
) -> Result<TriggerResponse, ApiError> {
    let (api, tenant) = (Arc::clone(&call.api), call.caller.tenant.clone());
    let known = id.and_then(|id| api.operations.find(&tenant, scope, id));
    if known.is_none() && job.status.is_terminal() {
        return Err(ApiError::conflict(format!(
            "Job {} is {} already: nothing can be taken of it.",
            job.id(),
            job.status
        )));
    }
    let job = job.id();
    let work = async move {
        let cluster = &api.cluster;
        let taken = cluster.snapshot(&tenant, job, wanted).await;
        let taken = taken.map_err(|error| error.to_string())?;
        let answer = taken.map_err(|failure| failure.to_string())?;
        if cancels {
            let cancelled = cluster.cancel(&tenant, job).await;
            cancelled.map_err(|error| {
                let location = &answer.location;
                format!("the savepoint is at `{location}`, and the job goes on: {error}")
            })?;
        }
        Ok(Done {
            checkpoint: Some(answer.checkpoint.0),
            location: Some(answer.location),
            downtime: None,
        })
    };
    let tenant = &call.caller.tenant;
    started(call.api.operations.start(tenant, scope, id, work))
}

/// Asks to remove a savepoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct DisposalRequest {
    /// The savepoint's directory, or its metadata file.
    savepoint_path: Option<String>,
}

/// `POST /savepoint-disposal`
pub(crate) async fn dispose(
    call: Call,
    request: DisposalRequest,
) -> Result<TriggerResponse, ApiError> {
    let path = request.savepoint_path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| {
        ApiError::bad_request("Field savepoint-path must not be omitted or be null.")
    })?;
    let (api, tenant) = (Arc::clone(&call.api), call.caller.tenant.clone());
    let work = async move {
        let disposed = api.cluster.dispose(&tenant, &path).await;
        disposed.map_err(|error| error.to_string())?;
        Ok(Done::default())
    };
    let tenant = &call.caller.tenant;
    let operations = &call.api.operations;
    started(operations.start(tenant, Scope::Disposal, None, work))
}

pub(super) fn started(id: Result<TriggerId, ApiError>) -> Result<TriggerResponse, ApiError> {
    id.map(|id| TriggerResponse {
        request_id: id.to_string(),
    })
}

/// How a checkpoint that was asked for stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointProgress {
    status: QueueStatus,
    /// What came of it, once it has completed.
    operation: Option<CheckpointInfo>,
}

/// What came of a checkpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckpointInfo {
    checkpoint_id: Option<u64>,
    failure_cause: Option<FailureCause>,
}

/// How a savepoint that was asked for stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct SavepointProgress {
    status: QueueStatus,
    /// What came of it, once it has completed.
    operation: Option<SavepointInfo>,
}

/// What came of a savepoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct SavepointInfo {
    location: Option<String>,
    failure_cause: Option<FailureCause>,
}

/// How the removal of a savepoint stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisposalProgress {
    status: QueueStatus,
    /// What came of it, once it has completed.
    operation: Option<DisposalInfo>,
}

/// What came of the removal of a savepoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct DisposalInfo {
    failure_cause: Option<FailureCause>,
}

/// Flink's word for whether there is a result.
pub(super) fn status<T>(ended: Option<&T>) -> QueueStatus {
    let id = match ended {
        Some(_) => "COMPLETED",
        None => "IN_PROGRESS",
    };
    QueueStatus { id }
}

/// `GET /jobs/:jobid/checkpoints/:triggerid`
pub(crate) fn poll_checkpoint(call: &Call) -> Result<CheckpointProgress, ApiError> {
    let ended = poll(call, Scope::Checkpoint, "checkpoint")?;
    Ok(CheckpointProgress {
        status: status(ended.as_ref()),
        operation: ended
            .map(split)
            .map(|(done, failure_cause)| CheckpointInfo {
                checkpoint_id: done.checkpoint,
                failure_cause,
            }),
    })
}

/// `GET /jobs/:jobid/savepoints/:triggerid`
pub(crate) fn poll_savepoint(call: &Call) -> Result<SavepointProgress, ApiError> {
    let ended = poll(call, Scope::Savepoint, "savepoint")?;
    Ok(SavepointProgress {
        status: status(ended.as_ref()),
        operation: ended.map(split).map(|(done, failure_cause)| SavepointInfo {
            location: done.location,
            failure_cause,
        }),
    })
}

/// How an operation on a job stands; also when the job is known no more.
pub(super) fn poll(
    call: &Call,
    scope: fn(wasmill_types::id::JobId) -> Scope,
    name: &str,
) -> Result<Option<Ended>, ApiError> {
    let id = trigger_id(call.segment("triggerid"))?;
    let job = call.job_id()?;
    let found = call
        .api
        .operations
        .find(&call.caller.tenant, scope(job), id);
    match found {
        Some(ended) => Ok(ended),
        None => {
            call.job()?;
            Err(ApiError::not_found(format!(
                "There is no {name} operation with triggerId={id} for job {job}."
            )))
        }
    }
}

/// `GET /savepoint-disposal/:triggerid`
pub(crate) fn poll_disposal(call: &Call) -> Result<DisposalProgress, ApiError> {
    let id = trigger_id(call.segment("triggerid"))?;
    let operations = &call.api.operations;
    let found = operations.find(&call.caller.tenant, Scope::Disposal, id);
    let unknown = || ApiError::not_found(format!("Operation not found under key: {id}"));
    let ended = found.ok_or_else(unknown)?;
    Ok(DisposalProgress {
        status: status(ended.as_ref()),
        operation: ended
            .map(split)
            .map(|(_, failure_cause)| DisposalInfo { failure_cause }),
    })
}

pub(super) fn split(ended: Ended) -> (Done, Option<FailureCause>) {
    match ended {
        Ok(done) => (done, None),
        Err(message) => (Done::default(), Some(FailureCause::new(CLASS, &message))),
    }
}

/// The id that the caller chose, if any.
fn chosen(text: Option<&str>) -> Result<Option<TriggerId>, ApiError> {
    text.map(trigger_id).transpose()
}

fn trigger_id(text: &str) -> Result<TriggerId, ApiError> {
    parse_hex32(text).map(TriggerId).ok_or_else(|| {
        ApiError::bad_parameter(format!("a trigger's id must be {HEX32}, and is `{text}`"))
    })
}

/// Where a savepoint goes: the directory that was given; none for the job's own, which must be there then.
fn target(
    job: &JobView,
    given: Option<String>,
    property: &str,
) -> Result<Option<String>, ApiError> {
    let given = given.filter(|directory| !directory.is_empty());
    if given.is_none() && job.checkpoints.options.savepoint_directory.is_none() {
        return Err(ApiError::bad_request(format!(
            "Config key [execution.checkpointing.savepoint-dir] is not set. \
             Property [{property}] must be provided."
        )));
    }
    Ok(given)
}
