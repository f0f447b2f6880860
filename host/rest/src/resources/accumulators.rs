//! Accumulators: the counters that a bundle names, in Flink's shape.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::AttemptView;

use super::vertices::endpoint;
use crate::call::Call;
use crate::error::ApiError;

/// A counter.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct UserAccumulator {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
}

/// The counters of a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobAccumulatorsInfo {
    #[schema(value_type = Vec<Object>)]
    job_accumulators: [(); 0],
    user_task_accumulators: Vec<UserAccumulator>,
    /// Values as Java would write them: never any.
    #[schema(value_type = BTreeMap<String, String>)]
    serialized_user_task_accumulators: BTreeMap<String, String>,
}

/// `GET /jobs/:jobid/accumulators`
pub(crate) fn of_job(call: &Call) -> Result<JobAccumulatorsInfo, ApiError> {
    let job = call.job()?;
    let subtasks = job.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    Ok(JobAccumulatorsInfo {
        job_accumulators: [],
        user_task_accumulators: sums(subtasks.map(|subtask| &subtask.current)),
        serialized_user_task_accumulators: BTreeMap::new(),
    })
}

/// The counters of a vertex.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobVertexAccumulatorsInfo {
    id: String,
    user_accumulators: Vec<UserAccumulator>,
}

/// `GET /jobs/:jobid/vertices/:vertexid/accumulators`
pub(crate) fn of_vertex(call: &Call) -> Result<JobVertexAccumulatorsInfo, ApiError> {
    let vertex = call.vertex()?;
    let subtasks = vertex.view().subtasks.iter();
    Ok(JobVertexAccumulatorsInfo {
        id: vertex.planned().uid.to_string(),
        user_accumulators: sums(subtasks.map(|subtask| &subtask.current)),
    })
}

/// The counters of a vertex by subtask.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubtasksAllAccumulatorsInfo {
    id: String,
    parallelism: u32,
    subtasks: Vec<SubtaskAccumulatorsInfo>,
}

/// The counters of a subtask.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SubtaskAccumulatorsInfo {
    subtask: u32,
    attempt: u32,
    host: String,
    endpoint: String,
    user_accumulators: Vec<UserAccumulator>,
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasks/accumulators`
pub(crate) fn of_subtasks(call: &Call) -> Result<SubtasksAllAccumulatorsInfo, ApiError> {
    let vertex = call.vertex()?;
    let attempts = vertex.view().subtasks.iter().map(|it| &it.current);
    Ok(SubtasksAllAccumulatorsInfo {
        id: vertex.planned().uid.to_string(),
        parallelism: vertex.planned().parallelism,
        subtasks: attempts
            .map(|attempt| SubtaskAccumulatorsInfo {
                subtask: attempt.id.subtask,
                attempt: attempt.id.attempt,
                host: endpoint(attempt),
                endpoint: endpoint(attempt),
                user_accumulators: sums([attempt]),
            })
            .collect(),
    })
}

fn sums<'a>(attempts: impl IntoIterator<Item = &'a AttemptView>) -> Vec<UserAccumulator> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for attempt in attempts {
        for (name, value) in &attempt.counters.custom {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(*value);
        }
    }
    let sums = sums.into_iter();
    sums.map(|(name, value)| UserAccumulator {
        name: name.to_owned(),
        kind: "LongCounter",
        value: value.to_string(),
    })
    .collect()
}
