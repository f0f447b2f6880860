//! Who waits for whom: how much of their time subtasks are busy, idle, or wait for room.

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::AttemptView;

use crate::call::Call;
use crate::error::ApiError;
use wasmill_rpc::rates::Rate;

/// The backpressure of a vertex.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobVertexBackPressureInfo {
    /// `ok`, or `deprecated` while nothing is known.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    backpressure_level: Option<&'static str>,
    #[serde(rename = "backpressureLevel", skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtasks: Option<Vec<SubtaskBackPressureInfo>>,
}

/// The backpressure of a subtask. Ratios are of its time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SubtaskBackPressureInfo {
    subtask: u32,
    attempt_number: u32,
    backpressure_level: &'static str,
    #[serde(rename = "backpressureLevel")]
    level: &'static str,
    /// Waits for room in its outputs.
    ratio: f64,
    #[serde(rename = "idleRatio")]
    idle_ratio: f64,
    #[serde(rename = "busyRatio")]
    busy_ratio: f64,
    #[schema(value_type = Vec<Object>)]
    other_concurrent_attempts: [(); 0],
}

/// `GET /jobs/:jobid/vertices/:vertexid/backpressure`
pub(crate) fn backpressure(call: &Call) -> Result<JobVertexBackPressureInfo, ApiError> {
    let vertex = call.vertex()?;
    let attempts = vertex.view().subtasks.iter().map(|it| &it.current);
    let known = attempts.filter_map(|attempt| Some((attempt, call.api.rate(attempt)?)));
    let known: Vec<_> = known.collect();
    let worst = known.iter().map(|(_, rate)| ratio(rate.backpressured));
    let Some(worst) = worst.max_by(f64::total_cmp) else {
        return Ok(JobVertexBackPressureInfo {
            status: "deprecated",
            backpressure_level: None,
            level: None,
            end_timestamp: None,
            subtasks: None,
        });
    };
    let subtasks = known.iter().map(|(attempt, rate)| subtask(attempt, rate));
    Ok(JobVertexBackPressureInfo {
        status: "ok",
        backpressure_level: Some(level(worst)),
        level: Some(level(worst)),
        end_timestamp: Some(call.now_ms()),
        subtasks: Some(subtasks.collect()),
    })
}

fn subtask(attempt: &AttemptView, rate: &Rate) -> SubtaskBackPressureInfo {
    let level = level(ratio(rate.backpressured));
    SubtaskBackPressureInfo {
        subtask: attempt.id.subtask,
        attempt_number: attempt.id.attempt,
        backpressure_level: level,
        level,
        ratio: ratio(rate.backpressured),
        idle_ratio: ratio(rate.idle),
        busy_ratio: ratio(rate.busy),
        other_concurrent_attempts: [],
    }
}

fn ratio(millis_per_second: f64) -> f64 {
    millis_per_second / 1000.0
}

/// Flink's steps.
fn level(ratio: f64) -> &'static str {
    if ratio <= 0.10 {
        "ok"
    } else if ratio <= 0.5 {
        "low"
    } else {
        "high"
    }
}
