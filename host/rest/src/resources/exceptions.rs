//! What went wrong in a job, in both shapes that Flink has had.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::ExceptionView;
use wasmill_types::FailureKind;

use super::vertices;
use crate::call::Call;
use crate::error::ApiError;

/// How many are shown unless said.
const SHOWN: usize = 20;

/// What went wrong, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobExceptionsInfo {
    /// The text of the newest one.
    root_exception: Option<String>,
    timestamp: Option<i64>,
    all_exceptions: Vec<ExecutionException>,
    truncated: bool,
    #[serde(rename = "exceptionHistory")]
    history: ExceptionHistory,
}

/// Why an attempt failed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ExecutionException {
    exception: String,
    task: String,
    location: String,
    endpoint: String,
    timestamp: i64,
    taskmanager_id: String,
}

/// What went wrong, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExceptionHistory {
    entries: Vec<RootException>,
    /// Whether there are more.
    truncated: bool,
}

/// Something that went wrong, and what did because of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RootException {
    #[serde(flatten)]
    exception: ExceptionInfo,
    concurrent_exceptions: Vec<ExceptionInfo>,
}

/// Something that went wrong.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExceptionInfo {
    exception_name: &'static str,
    stacktrace: String,
    timestamp: i64,
    /// The task as `name (2/4)`; none when it was the whole job.
    task_name: Option<String>,
    location: Option<String>,
    endpoint: Option<String>,
    task_manager_id: Option<String>,
    /// The kind of failure as `kind`.
    failure_labels: BTreeMap<&'static str, &'static str>,
}

/// `GET /jobs/:jobid/exceptions`
pub(crate) fn exceptions(call: &Call) -> Result<JobExceptionsInfo, ApiError> {
    let wanted = call.parsed_query("maxExceptions", "a number from 0")?;
    let wanted: usize = wanted.map_or(SHOWN, |wanted: u32| wanted as usize);
    let filter = labels(call)?;
    let job = call.job()?;
    let matching = |exception: &&ExceptionView| {
        let label = label(exception.cause.kind);
        let is_other = |(key, value): &(&str, &str)| *key != "kind" || *value != label;
        !filter.iter().any(is_other)
    };
    let found: Vec<_> = job.exceptions.iter().filter(matching).collect();
    let truncated = found.len() > wanted;
    let entries = found.iter().take(wanted).map(|exception| RootException {
        exception: info(exception),
        concurrent_exceptions: exception.concurrent.iter().map(info).collect(),
    });
    let failed = job.vertices.iter().enumerate().flat_map(|(index, vertex)| {
        let name = &job.graph.vertices[index].name;
        let attempts = vertex.subtasks.iter().map(|subtask| &subtask.current);
        let total = vertex.subtasks.len();
        attempts.filter_map(move |attempt| {
            let failure = attempt.failure.as_ref()?;
            Some(ExecutionException {
                exception: failure.message.clone(),
                task: format!("{name} ({}/{total})", attempt.id.subtask + 1),
                location: vertices::endpoint(attempt),
                endpoint: vertices::endpoint(attempt),
                timestamp: attempt.reached.values().max().copied().unwrap_or_default(),
                taskmanager_id: vertices::task_manager(attempt),
            })
        })
    });
    let failed: Vec<_> = failed.take(wanted.saturating_add(1)).collect();
    let root = job.exceptions.first();
    Ok(JobExceptionsInfo {
        root_exception: root.map(|root| root.cause.message.clone()),
        timestamp: root.map(|root| root.at_ms),
        truncated: failed.len() > wanted,
        all_exceptions: failed.into_iter().take(wanted).collect(),
        history: ExceptionHistory {
            entries: entries.collect(),
            truncated,
        },
    })
}

/// The filter `failureLabelFilter=key:value,key:value`.
fn labels(call: &Call) -> Result<Vec<(&str, &str)>, ApiError> {
    let given = call.list_query("failureLabelFilter").unwrap_or_default();
    let pairs = given.into_iter().map(|pair| {
        pair.split_once(':').ok_or_else(|| {
            ApiError::bad_parameter(format!(
                "`failureLabelFilter` must be pairs `key:value`, and has `{pair}`"
            ))
        })
    });
    pairs.collect()
}

fn info(exception: &ExceptionView) -> ExceptionInfo {
    let location = exception.location.as_ref();
    ExceptionInfo {
        exception_name: name_of(exception.cause.kind),
        stacktrace: exception.cause.message.clone(),
        timestamp: exception.at_ms,
        task_name: exception.task.clone(),
        location: location.map(|it| it.endpoint.clone()),
        endpoint: location.map(|it| it.endpoint.clone()),
        task_manager_id: location.map(|it| it.task_manager.to_string()),
        failure_labels: [("kind", label(exception.cause.kind))].into(),
    }
}

/// What stands where Flink has the class of an exception.
pub(crate) fn name_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Guest => "wasmill.GuestFailure",
        FailureKind::BadRecord => "wasmill.BadRecord",
        FailureKind::Trap => "wasmill.Trap",
        FailureKind::Limit => "wasmill.LimitExceeded",
        FailureKind::Contract => "wasmill.ContractBroken",
        FailureKind::Host => "wasmill.HostError",
        FailureKind::Lost => "wasmill.TaskManagerLost",
        FailureKind::Consequence => "wasmill.Consequence",
    }
}

fn label(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Guest => "guest",
        FailureKind::BadRecord => "bad-record",
        FailureKind::Trap => "trap",
        FailureKind::Limit => "limit",
        FailureKind::Contract => "contract",
        FailureKind::Host => "host",
        FailureKind::Lost => "lost",
        FailureKind::Consequence => "consequence",
    }
}
