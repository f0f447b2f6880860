//! Checkpoints and savepoints, as Flink answers for a job that has checkpointing switched off.
//!
//! Every job here has, until the engine can take checkpoints. Invariants: looking is 404 with the text
//! that Flink's pages know; asking for one is refused at once rather than accepted and failed later.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Empty;
use crate::call::{Call, HEX32, parse_hex32};
use crate::error::ApiError;

/// Flink's text, which its pages know.
const OFF: &str = "Checkpointing has not been enabled.";

/// `GET /jobs/:jobid/checkpoints` and `/jobs/:jobid/checkpoints/config`
pub(crate) fn look(call: &Call) -> Result<Empty, ApiError> {
    call.job()?;
    Err(ApiError::not_found(OFF))
}

/// `GET /jobs/:jobid/checkpoints/details/:checkpointid` and below
pub(crate) fn look_at_one(call: &Call) -> Result<Empty, ApiError> {
    call.parsed::<i64>("checkpointid", "a number")?;
    if !call.segment("vertexid").is_empty() {
        call.vertex()?;
    }
    look(call)
}

/// Asks for a checkpoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CheckpointTrigger {
    /// `CONFIGURED`, `FULL` or `INCREMENTAL`.
    checkpoint_type: Option<CheckpointType>,
    /// An id that the caller chose.
    trigger_id: Option<String>,
}

/// What a checkpoint holds.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum CheckpointType {
    Configured,
    Full,
    Incremental,
}

/// `POST /jobs/:jobid/checkpoints`
pub(crate) async fn trigger(call: Call, request: CheckpointTrigger) -> Result<Empty, ApiError> {
    let _ = request.checkpoint_type;
    check_trigger_id(request.trigger_id.as_deref())?;
    call.job()?;
    Err(ApiError::bad_request(OFF))
}

/// How a savepoint is written.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum SavepointFormat {
    Canonical,
    Native,
}

/// Asks for a savepoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct SavepointTrigger {
    #[serde(rename = "target-directory")]
    target_directory: Option<String>,
    #[serde(rename = "cancel-job")]
    cancel_job: Option<bool>,
    #[serde(rename = "formatType")]
    format: Option<SavepointFormat>,
    #[serde(rename = "triggerId")]
    trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/savepoints`
pub(crate) async fn savepoint(call: Call, request: SavepointTrigger) -> Result<Empty, ApiError> {
    let _ = (request.cancel_job, request.format);
    check_trigger_id(request.trigger_id.as_deref())?;
    call.job()?;
    check_directory(request.target_directory, "target-directory")?;
    Err(ApiError::bad_request(OFF))
}

/// Asks for a savepoint, and to stop after it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StopRequest {
    target_directory: Option<String>,
    drain: Option<bool>,
    format_type: Option<SavepointFormat>,
    trigger_id: Option<String>,
}

/// `POST /jobs/:jobid/stop`
pub(crate) async fn stop(call: Call, request: StopRequest) -> Result<Empty, ApiError> {
    let _ = (request.drain, request.format_type);
    check_trigger_id(request.trigger_id.as_deref())?;
    call.job()?;
    check_directory(request.target_directory, "targetDirectory")?;
    Err(ApiError::bad_request(OFF))
}

/// `GET /jobs/:jobid/checkpoints/:triggerid` and `/jobs/:jobid/savepoints/:triggerid`
pub(crate) fn poll(call: &Call) -> Result<Empty, ApiError> {
    let trigger = trigger_id(call)?;
    let job = call.job()?;
    Err(ApiError::not_found(format!(
        "There is no savepoint operation with triggerId={trigger} for job {}.",
        job.id()
    )))
}

/// Asks to remove a savepoint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct DisposalRequest {
    savepoint_path: Option<String>,
}

/// `POST /savepoint-disposal`
pub(crate) async fn dispose(call: Call, request: DisposalRequest) -> Result<Empty, ApiError> {
    drop(call);
    match request.savepoint_path.as_deref() {
        None | Some("") => Err(ApiError::bad_request(
            "Field savepoint-path must not be omitted or be null.",
        )),
        Some(path) => Err(ApiError::bad_request(format!(
            "There is no savepoint at `{path}`."
        ))),
    }
}

/// `GET /savepoint-disposal/:triggerid`
pub(crate) fn poll_disposal(call: &Call) -> Result<Empty, ApiError> {
    let trigger = trigger_id(call)?;
    Err(ApiError::not_found(format!(
        "Operation not found under key: {trigger}"
    )))
}

fn trigger_id(call: &Call) -> Result<&str, ApiError> {
    let text = call.segment("triggerid");
    check_trigger_id(Some(text))?;
    Ok(text)
}

fn check_trigger_id(text: Option<&str>) -> Result<(), ApiError> {
    match text {
        Some(text) if parse_hex32(text).is_none() => Err(ApiError::bad_parameter(format!(
            "a trigger's id must be {HEX32}, and is `{text}`"
        ))),
        _ => Ok(()),
    }
}

fn check_directory(directory: Option<String>, property: &str) -> Result<(), ApiError> {
    match directory {
        Some(directory) if !directory.is_empty() => Ok(()),
        _ => Err(ApiError::bad_request(format!(
            "Config key [execution.checkpointing.savepoint-dir] is not set. \
             Property [{property}] must be provided."
        ))),
    }
}
