//! A vertex: its subtasks, when they were in which state, and where they run.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::{AttemptView, Location};
use wasmill_types::ExecutionState;

use super::io::{Aggregated, IoMetrics};
use super::subtasks::SubtaskDetails;
use super::times::{NEVER, Times, attempt_timestamps, count_states};
use crate::call::Call;
use crate::error::ApiError;

/// A vertex with its subtasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobVertexDetailsInfo {
    id: String,
    name: String,
    parallelism: u32,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    now: i64,
    subtasks: Vec<SubtaskDetails>,
    aggregated: Aggregated,
}

/// `GET /jobs/:jobid/vertices/:vertexid`
pub(crate) fn detail(call: &Call) -> Result<JobVertexDetailsInfo, ApiError> {
    let vertex = call.vertex()?;
    let now_ms = call.now_ms();
    let planned = vertex.planned();
    let subtasks = vertex.view().subtasks.iter();
    Ok(JobVertexDetailsInfo {
        id: planned.uid.to_string(),
        name: planned.name.clone(),
        parallelism: planned.parallelism,
        max_parallelism: planned.max_parallelism,
        now: now_ms,
        subtasks: subtasks
            .map(|subtask| SubtaskDetails::of(&subtask.current, now_ms))
            .collect(),
        aggregated: Aggregated::of_vertex(vertex.view(), now_ms),
    })
}

/// When the subtasks of a vertex were in which state.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubtasksTimesInfo {
    id: String,
    name: String,
    now: i64,
    subtasks: Vec<SubtaskTimeInfo>,
}

/// When a subtask was in which state.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubtaskTimeInfo {
    subtask: u32,
    host: String,
    endpoint: String,
    duration: i64,
    timestamps: BTreeMap<&'static str, i64>,
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasktimes`
pub(crate) fn subtask_times(call: &Call) -> Result<SubtasksTimesInfo, ApiError> {
    let vertex = call.vertex()?;
    let now_ms = call.now_ms();
    let subtasks = vertex.view().subtasks.iter().map(|subtask| {
        let attempt = &subtask.current;
        SubtaskTimeInfo {
            subtask: attempt.id.subtask,
            host: endpoint(attempt),
            endpoint: endpoint(attempt),
            duration: Times::of_attempt(attempt, now_ms).duration,
            timestamps: attempt_timestamps(attempt),
        }
    });
    Ok(SubtasksTimesInfo {
        id: vertex.planned().uid.to_string(),
        name: vertex.planned().name.clone(),
        now: now_ms,
        subtasks: subtasks.collect(),
    })
}

/// The subtasks of a vertex by TaskManager.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobVertexTaskManagersInfo {
    id: String,
    name: String,
    now: i64,
    taskmanagers: Vec<JobVertexTaskManagerInfo>,
}

/// What the subtasks of a vertex do on one TaskManager.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobVertexTaskManagerInfo {
    host: String,
    endpoint: String,
    status: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    metrics: IoMetrics,
    status_counts: BTreeMap<&'static str, u32>,
    taskmanager_id: String,
    aggregated: Aggregated,
}

/// `GET /jobs/:jobid/vertices/:vertexid/taskmanagers`
pub(crate) fn task_managers(call: &Call) -> Result<JobVertexTaskManagersInfo, ApiError> {
    let vertex = call.vertex()?;
    let now_ms = call.now_ms();
    let mut groups: BTreeMap<(String, String), Vec<&AttemptView>> = BTreeMap::new();
    for subtask in &vertex.view().subtasks {
        let attempt = &subtask.current;
        let place = (task_manager(attempt), endpoint(attempt));
        groups.entry(place).or_default().push(attempt);
    }
    let groups = groups.into_iter();
    Ok(JobVertexTaskManagersInfo {
        id: vertex.planned().uid.to_string(),
        name: vertex.planned().name.clone(),
        now: now_ms,
        taskmanagers: groups
            .map(|(place, attempts)| group(place, &attempts, now_ms))
            .collect(),
    })
}

fn group(
    (taskmanager_id, endpoint): (String, String),
    attempts: &[&AttemptView],
    now_ms: i64,
) -> JobVertexTaskManagerInfo {
    let states = || attempts.iter().map(|attempt| attempt.state);
    let times = || {
        let all = attempts.iter();
        all.map(|attempt| Times::of_attempt(attempt, now_ms))
    };
    let known = |time: &i64| *time != NEVER;
    let start = times().map(|it| it.start).filter(known).min();
    let all_ended = states().all(ExecutionState::is_terminal);
    let end = times().map(|it| it.end).filter(known).max();
    let end = end.filter(|_| all_ended && start.is_some());
    let duration = start.map(|start| (end.unwrap_or(now_ms) - start).max(0));
    JobVertexTaskManagerInfo {
        host: endpoint.clone(),
        endpoint,
        status: ExecutionState::aggregate(states()).name(),
        start_time: start.unwrap_or(NEVER),
        end_time: end.unwrap_or(NEVER),
        duration: duration.unwrap_or(NEVER),
        metrics: attempts.iter().map(|it| IoMetrics::of(it)).sum(),
        status_counts: count_states(states()),
        taskmanager_id,
        aggregated: Aggregated::of(attempts, now_ms),
    }
}

/// What Flink shows for where a task that has no slot runs.
const UNASSIGNED: &str = "(unassigned)";

/// The host and port of where an attempt runs.
pub(crate) fn endpoint(attempt: &AttemptView) -> String {
    place(attempt, |location| location.endpoint.clone())
}

/// The TaskManager that runs an attempt.
pub(crate) fn task_manager(attempt: &AttemptView) -> String {
    place(attempt, |location| location.task_manager.to_string())
}

fn place(attempt: &AttemptView, show: fn(&Location) -> String) -> String {
    let location = attempt.location.as_ref();
    location.map_or_else(|| UNASSIGNED.to_owned(), show)
}
