//! The lists of jobs.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::JobView;

use super::times::{Times, last_modified_ms, states};
use crate::call::Call;
use crate::error::ApiError;

/// The ids of jobs with their states.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobIdsWithStatus {
    jobs: Vec<JobIdWithStatus>,
}

/// A job's id and state.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobIdWithStatus {
    id: String,
    status: &'static str,
}

/// `GET /jobs`
pub(crate) fn ids(call: &Call) -> Result<JobIdsWithStatus, ApiError> {
    let jobs = call.api.jobs(&call.caller.tenant);
    let one = |job: &JobView| JobIdWithStatus {
        id: job.id().to_string(),
        status: job.status.name(),
    };
    Ok(JobIdsWithStatus {
        jobs: jobs.iter().map(|job| one(job)).collect(),
    })
}

/// Jobs in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct MultipleJobsDetails {
    jobs: Vec<JobDetails>,
}

/// A job in short.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobDetails {
    jid: String,
    name: String,
    state: &'static str,
    start_time: i64,
    /// -1 while it runs.
    end_time: i64,
    duration: i64,
    last_modification: i64,
    /// How many subtasks there are (`total`), and how many in each state, in lower case.
    tasks: BTreeMap<String, u32>,
    #[serde(rename = "jobType")]
    job_type: &'static str,
    #[serde(rename = "schedulerType")]
    scheduler_type: &'static str,
    pending_operators: u32,
}

/// Every job here: no batch jobs yet.
pub(crate) const JOB_TYPE: &str = "STREAMING";

/// Flink's name of a scheduler that waits for all of a job's slots.
pub(crate) const SCHEDULER_TYPE: &str = "Default";

/// `GET /jobs/overview`
pub(crate) fn overview(call: &Call) -> Result<MultipleJobsDetails, ApiError> {
    let now_ms = call.now_ms();
    let jobs = call.api.jobs(&call.caller.tenant);
    Ok(MultipleJobsDetails {
        jobs: jobs.iter().map(|job| details(job, now_ms)).collect(),
    })
}

fn details(job: &JobView, now_ms: i64) -> JobDetails {
    let times = Times::of_job(job, now_ms);
    let states = job.vertices.iter().flat_map(states);
    let counts = super::times::count_states(states);
    let total = counts.values().sum();
    let mut tasks: BTreeMap<String, u32> = counts
        .into_iter()
        .map(|(state, count)| (state.to_ascii_lowercase(), count))
        .collect();
    tasks.insert("total".to_owned(), total);
    JobDetails {
        jid: job.id().to_string(),
        name: job.graph.name.clone(),
        state: job.status.name(),
        start_time: times.start,
        end_time: times.end,
        duration: times.duration,
        last_modification: last_modified_ms(job),
        tasks,
        job_type: JOB_TYPE,
        scheduler_type: SCHEDULER_TYPE,
        pending_operators: 0,
    }
}
