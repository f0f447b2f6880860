//! What a job's tasks have logged. Not Flink's: its logs are those of processes.

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;

/// How many lines are shown unless said.
const LINES: u32 = 100;

/// The most lines that can be asked for.
const MAX_LINES: u32 = 10_000;

/// The last lines that a job's tasks have logged, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobLogLines {
    lines: Vec<JobLogLine>,
}

/// A line.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobLogLine {
    /// When, in milliseconds since the epoch.
    timestamp: i64,
    /// The task that logged it, with its subtask.
    task: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    level: String,
    message: String,
}

/// `GET /jobs/:jobid/log`
pub(crate) async fn log(call: Call) -> Result<JobLogLines, ApiError> {
    let lines = call.parsed_query("lines", "a number from 0")?;
    let lines = lines.unwrap_or(LINES).min(MAX_LINES);
    let job = call.job()?;
    let found = call.api.cluster.job_log(job.id(), lines).await?;
    // The newest, should there be more than was asked for.
    let surplus = found.len().saturating_sub(lines as usize);
    let found = found.into_iter().skip(surplus);
    Ok(JobLogLines {
        lines: found
            .map(|line| JobLogLine {
                timestamp: line.at_ms,
                task: line.task,
                level: line.level,
                message: line.message,
            })
            .collect(),
    })
}
