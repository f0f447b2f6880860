//! The checkpoints of a job, as its JobMaster's statistics tell of them.
//!
//! Asking for one is in `snapshots`. Invariant: a job that takes none by itself and of which none was ever
//! taken answers 404 with the text that Flink's pages know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::options::{Mode, Retention};
use wasmill_checkpoint::statistics::{CheckpointRecord, Statistics, Summaries, Summary};
use wasmill_jobmanager::view::JobView;
use wasmill_rpc::protocol::Backend;

use self::record::{CheckpointStatistics, VertexStatistics};
use crate::call::Call;
use crate::error::ApiError;

pub(crate) mod record;

/// Flink's text, which its pages know.
pub(super) const OFF: &str = "Checkpointing has not been enabled.";

/// Flink's interval of a job that takes no checkpoints by itself.
const NEVER_MS: i64 = i64::MAX;

/// A job's checkpoints in short, and the latest one by one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checkpointing {
    counts: CheckpointCounts,
    summary: CheckpointSummary,
    latest: LatestCheckpoints,
    /// The newest first.
    history: Vec<CheckpointStatistics>,
}

/// How many checkpoints there were.
#[derive(Serialize, ToSchema)]
struct CheckpointCounts {
    restored: u64,
    total: u64,
    in_progress: u32,
    completed: u64,
    failed: u64,
}

/// Over the checkpoints that completed.
#[derive(Serialize, ToSchema)]
struct CheckpointSummary {
    checkpointed_size: StatsSummary,
    state_size: StatsSummary,
    end_to_end_duration: StatsSummary,
    /// Always zero; its older name.
    alignment_buffered: StatsSummary,
    processed_data: StatsSummary,
    persisted_data: StatsSummary,
}

/// Numbers in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatsSummary {
    min: u64,
    max: u64,
    avg: u64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
}

/// The newest checkpoint of each kind.
#[derive(Serialize, ToSchema)]
struct LatestCheckpoints {
    completed: Option<CheckpointStatistics>,
    savepoint: Option<CheckpointStatistics>,
    failed: Option<CheckpointStatistics>,
    restored: Option<RestoredCheckpoint>,
}

/// The checkpoint from which the job was restored last.
#[derive(Serialize, ToSchema)]
struct RestoredCheckpoint {
    id: u64,
    restore_timestamp: i64,
    is_savepoint: bool,
    external_path: Option<String>,
}

/// `GET /jobs/:jobid/checkpoints`
pub(crate) fn statistics(call: &Call) -> Result<Checkpointing, ApiError> {
    let job = taking(call)?;
    let statistics = &job.checkpoints.statistics;
    let counts = statistics.counts();
    let one = |record: &Arc<CheckpointRecord>| CheckpointStatistics::of(record, BTreeMap::new());
    Ok(Checkpointing {
        counts: CheckpointCounts {
            restored: counts.restored,
            total: counts.total,
            in_progress: counts.in_progress,
            completed: counts.completed,
            failed: counts.failed,
        },
        summary: statistics.summaries().into(),
        latest: LatestCheckpoints {
            completed: statistics.latest_completed().map(one),
            savepoint: statistics.latest_savepoint().map(one),
            failed: statistics.latest_failed().map(one),
            restored: restored(statistics),
        },
        history: statistics.history().map(one).collect(),
    })
}

fn restored(statistics: &Statistics) -> Option<RestoredCheckpoint> {
    let restored = statistics.restored()?;
    Some(RestoredCheckpoint {
        id: restored.id.0,
        restore_timestamp: restored.restored_ms,
        is_savepoint: restored.is_savepoint,
        external_path: restored.external_path.clone(),
    })
}

/// How a job's checkpoints are taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointConfig {
    /// `exactly_once` or `at_least_once`.
    mode: &'static str,
    /// In milliseconds; the largest number of 64 bits for a job that takes none by itself.
    interval: i64,
    timeout: i64,
    min_pause: i64,
    max_concurrent: u32,
    externalization: Externalization,
    /// `hashmap` or `rocksdb`; `default` for what each TaskManager is configured for.
    state_backend: &'static str,
    /// The directory.
    checkpoint_storage: Option<String>,
    unaligned_checkpoints: bool,
    tolerable_failed_checkpoints: u32,
    aligned_checkpoint_timeout: i64,
    checkpoints_after_tasks_finish: bool,
    /// Flink's changelog backend, which there is none of.
    state_changelog_enabled: bool,
    changelog_periodic_materialization_interval: i64,
    changelog_storage: Option<String>,
}

/// What happens to checkpoints when the job ends.
#[derive(Serialize, ToSchema)]
struct Externalization {
    enabled: bool,
    delete_on_cancellation: bool,
}

/// `GET /jobs/:jobid/checkpoints/config`
pub(crate) fn config(call: &Call) -> Result<CheckpointConfig, ApiError> {
    let job = taking(call)?;
    let options = &job.checkpoints.options;
    Ok(CheckpointConfig {
        mode: match options.mode {
            Mode::ExactlyOnce => "exactly_once",
            Mode::AtLeastOnce => "at_least_once",
        },
        interval: options.interval.map_or(NEVER_MS, millis),
        timeout: millis(options.timeout),
        min_pause: millis(options.min_pause),
        max_concurrent: options.max_concurrent.get(),
        externalization: Externalization {
            enabled: options.retention != Retention::NoExternalizedCheckpoints,
            delete_on_cancellation: options.retention != Retention::RetainOnCancellation,
        },
        state_backend: match job.description.settings.backend {
            Some(Backend::Memory) => "hashmap",
            Some(Backend::Rocksdb) => "rocksdb",
            None => "default",
        },
        checkpoint_storage: options.directory.clone(),
        unaligned_checkpoints: options.unaligned,
        tolerable_failed_checkpoints: options.tolerable_failures,
        aligned_checkpoint_timeout: millis(options.aligned_timeout),
        checkpoints_after_tasks_finish: options.after_tasks_finish,
        state_changelog_enabled: false,
        changelog_periodic_materialization_interval: 0,
        changelog_storage: None,
    })
}

/// `GET /jobs/:jobid/checkpoints/details/:checkpointid`
pub(crate) fn detail(call: &Call) -> Result<CheckpointStatistics, ApiError> {
    let id = checkpoint_id(call)?;
    let job = taking(call)?;
    let record = recorded(&job, id)?;
    let vertices = record.vertices.iter().map(|vertex| {
        let uid = job.graph.vertex(vertex.vertex).uid;
        (uid.to_string(), VertexStatistics::of(record, vertex))
    });
    Ok(CheckpointStatistics::of(record, vertices.collect()))
}

/// `GET /jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid`
pub(crate) fn subtasks(call: &Call) -> Result<record::SubtasksOfVertex, ApiError> {
    let id = checkpoint_id(call)?;
    let vertex = call.vertex()?;
    let job = taking(call)?;
    let record = recorded(&job, id)?;
    let uid = vertex.planned().uid;
    let found = record.vertex(vertex.id).ok_or_else(|| {
        ApiError::not_found(format!("Checkpoint {id} has nothing of vertex {uid}."))
    })?;
    Ok(record::SubtasksOfVertex::of(record, found))
}

/// The job, unless it never has to do with checkpoints.
fn taking(call: &Call) -> Result<Arc<JobView>, ApiError> {
    let job = call.job()?;
    let checkpoints = &job.checkpoints;
    let counts = checkpoints.statistics.counts();
    let has_some = counts.total > 0 || counts.restored > 0;
    match checkpoints.options.interval.is_some() || has_some {
        true => Ok(job),
        false => Err(ApiError::not_found(OFF)),
    }
}

fn checkpoint_id(call: &Call) -> Result<CheckpointId, ApiError> {
    let id: i64 = call.parsed("checkpointid", "a number")?;
    let unsigned = u64::try_from(id);
    unsigned.map(CheckpointId).map_err(|_| unknown(id))
}

fn recorded(job: &JobView, id: CheckpointId) -> Result<&CheckpointRecord, ApiError> {
    let record = job.checkpoints.statistics.checkpoint(id);
    record.map(AsRef::as_ref).ok_or_else(|| unknown(id))
}

fn unknown(id: impl std::fmt::Display) -> ApiError {
    ApiError::not_found(format!(
        "Could not find checkpointing statistics for checkpoint {id}."
    ))
}

/// Milliseconds that fit; a longer time is one without end.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<Summary> for StatsSummary {
    fn from(summary: Summary) -> Self {
        Self {
            min: summary.min,
            max: summary.max,
            avg: summary.avg,
            p50: summary.p50,
            p90: summary.p90,
            p95: summary.p95,
            p99: summary.p99,
            p999: summary.p999,
        }
    }
}

impl From<Summaries> for CheckpointSummary {
    fn from(summaries: Summaries) -> Self {
        Self {
            checkpointed_size: summaries.checkpointed_size.into(),
            state_size: summaries.state_size.into(),
            end_to_end_duration: summaries.end_to_end_duration.into(),
            alignment_buffered: Summary::default().into(),
            processed_data: summaries.processed_data.into(),
            persisted_data: summaries.persisted_data.into(),
        }
    }
}
