//! Subtasks and their attempts.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::AttemptView;

use super::io::IoMetrics;
use super::times::{Times, status_duration};
use super::vertices::{endpoint, task_manager};
use crate::call::{Call, subtask};
use crate::error::ApiError;

/// An attempt to run a subtask.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SubtaskDetails {
    subtask: u32,
    status: &'static str,
    attempt: u32,
    host: String,
    endpoint: String,
    start_time: i64,
    end_time: i64,
    duration: i64,
    metrics: IoMetrics,
    taskmanager_id: String,
    status_duration: BTreeMap<&'static str, i64>,
    /// The same as `start-time`; Flink's pages read this one.
    #[serde(rename = "start_time")]
    start_time_again: i64,
    /// Other attempts that run at the same time: there is never one.
    #[schema(value_type = Vec<Object>)]
    other_concurrent_attempts: [(); 0],
}

impl SubtaskDetails {
    pub(crate) fn of(attempt: &AttemptView, now_ms: i64) -> Self {
        let times = Times::of_attempt(attempt, now_ms);
        Self {
            subtask: attempt.id.subtask,
            status: attempt.state.name(),
            attempt: attempt.id.attempt,
            host: endpoint(attempt),
            endpoint: endpoint(attempt),
            start_time: times.start,
            end_time: times.end,
            duration: times.duration,
            metrics: IoMetrics::of(attempt),
            taskmanager_id: task_manager(attempt),
            status_duration: status_duration(attempt, now_ms),
            start_time_again: times.start,
            other_concurrent_attempts: [],
        }
    }
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex`
pub(crate) fn current(call: &Call) -> Result<SubtaskDetails, ApiError> {
    let (vertex, index) = call.subtask()?;
    let attempt = &subtask(&vertex, index).current;
    Ok(SubtaskDetails::of(attempt, call.now_ms()))
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt`
pub(crate) fn attempt(call: &Call) -> Result<SubtaskDetails, ApiError> {
    let number: u32 = call.parsed("attempt", "a number from 0")?;
    let (vertex, index) = call.subtask()?;
    let subtask = subtask(&vertex, index);
    let mut attempts = std::iter::once(&subtask.current).chain(&subtask.previous);
    let attempt = attempts.find(|attempt| attempt.id.attempt == number);
    let attempt = attempt.ok_or_else(|| {
        ApiError::not_found(format!(
            "Could not find an attempt {number} of subtask {index}: there was none, or it is forgotten."
        ))
    })?;
    Ok(SubtaskDetails::of(attempt, call.now_ms()))
}
