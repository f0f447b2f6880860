//! One checkpoint as a whole, of a vertex, and of its subtasks.
//!
//! Invariant: what is not known yet is -1, as in Flink.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_checkpoint::barrier::SnapshotKind;
use wasmill_checkpoint::statistics::{
    CheckpointRecord, Counters, Outcome, SubtaskRecord, Summary, VertexRecord, VertexSummary,
};

use super::{StatsSummary, millis};

/// A checkpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointStatistics {
    /// `completed`, `failed` or `in_progress`.
    #[serde(rename = "className")]
    class_name: &'static str,
    id: u64,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    status: &'static str,
    is_savepoint: bool,
    /// `CANONICAL` or `NATIVE`; null for what is no savepoint.
    #[serde(rename = "savepointFormat")]
    savepoint_format: Option<&'static str>,
    trigger_timestamp: i64,
    #[serde(flatten)]
    sums: Sums,
    /// `CHECKPOINT`, `UNALIGNED_CHECKPOINT`, `SAVEPOINT` or `SYNC_SAVEPOINT`.
    checkpoint_type: &'static str,
    /// By vertex; empty in lists of checkpoints.
    tasks: BTreeMap<String, VertexStatistics>,
    /// Where it is, when it has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_path: Option<String>,
    /// Whether it was deleted since, when it has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<bool>,
    /// When it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_timestamp: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_message: Option<String>,
}

/// Sums over subtasks.
#[derive(Serialize, ToSchema)]
struct Sums {
    latest_ack_timestamp: i64,
    checkpointed_size: u64,
    state_size: u64,
    end_to_end_duration: i64,
    /// Always zero; its older name.
    alignment_buffered: u64,
    processed_data: u64,
    persisted_data: u64,
    num_subtasks: u32,
    num_acknowledged_subtasks: u32,
}

/// A vertex in a checkpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct VertexStatistics {
    id: u64,
    status: &'static str,
    #[serde(flatten)]
    sums: Sums,
}

/// A vertex in a checkpoint, subtask by subtask.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubtasksOfVertex {
    #[serde(flatten)]
    vertex: VertexStatistics,
    summary: SubtasksSummary,
    subtasks: Vec<SubtaskStatistics>,
}

/// Over the subtasks that have answered.
#[derive(Serialize, ToSchema)]
struct SubtasksSummary {
    checkpointed_size: StatsSummary,
    state_size: StatsSummary,
    end_to_end_duration: StatsSummary,
    checkpoint_duration: DurationSummary,
    alignment: AlignmentSummary,
    start_delay: StatsSummary,
}

/// How long the two halves of a snapshot took, in milliseconds.
#[derive(Serialize, ToSchema)]
struct DurationSummary {
    sync: StatsSummary,
    #[serde(rename = "async")]
    asynchronous: StatsSummary,
}

/// What happened between the first barrier and the last.
#[derive(Serialize, ToSchema)]
struct AlignmentSummary {
    buffered: StatsSummary,
    processed: StatsSummary,
    persisted: StatsSummary,
    duration: StatsSummary,
}

/// A subtask in a checkpoint.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum SubtaskStatistics {
    Completed(CompletedSubtask),
    Pending(PendingSubtask),
}

/// A subtask that has not answered.
#[derive(Serialize, ToSchema)]
struct PendingSubtask {
    /// `pending`.
    #[serde(rename = "className")]
    class_name: &'static str,
    index: usize,
    /// `pending_or_failed`.
    status: &'static str,
}

/// A subtask that has answered.
#[derive(Serialize, ToSchema)]
struct CompletedSubtask {
    /// `completed`.
    #[serde(rename = "className")]
    class_name: &'static str,
    index: usize,
    /// `completed`.
    status: &'static str,
    ack_timestamp: i64,
    end_to_end_duration: u64,
    checkpointed_size: u64,
    state_size: u64,
    checkpoint: SubtaskDurations,
    alignment: SubtaskAlignment,
    start_delay: i64,
    unaligned_checkpoint: bool,
    /// Always false: a subtask that gives a checkpoint up does not answer.
    aborted: bool,
}

/// How long the two halves of a snapshot took, in milliseconds.
#[derive(Serialize, ToSchema)]
struct SubtaskDurations {
    sync: i64,
    #[serde(rename = "async")]
    asynchronous: i64,
}

/// What happened between the first barrier and the last.
#[derive(Serialize, ToSchema)]
struct SubtaskAlignment {
    /// Always zero; its older name.
    buffered: u64,
    processed: u64,
    persisted: u64,
    duration: i64,
}

impl CheckpointStatistics {
    pub(super) fn of(record: &CheckpointRecord, tasks: BTreeMap<String, VertexStatistics>) -> Self {
        let mut statistics = Self {
            class_name: "in_progress",
            id: record.id.0,
            status: record.status_name(),
            is_savepoint: record.kind.is_savepoint(),
            savepoint_format: match record.kind {
                SnapshotKind::Checkpoint => None,
                SnapshotKind::Savepoint(format) | SnapshotKind::Stop { format, .. } => {
                    Some(format.name())
                }
            },
            trigger_timestamp: record.triggered_ms,
            sums: Sums::of(&record.totals, record.triggered_ms),
            checkpoint_type: record.type_name(),
            tasks,
            external_path: None,
            discarded: None,
            failure_timestamp: None,
            failure_message: None,
        };
        match &record.outcome {
            Outcome::InProgress => {}
            Outcome::Completed {
                external_path,
                discarded,
            } => {
                statistics.class_name = "completed";
                statistics.external_path = Some(external_path.clone());
                statistics.discarded = Some(*discarded);
            }
            Outcome::Failed { failure } => {
                statistics.class_name = "failed";
                let ended_ms = record.ended_ms.unwrap_or(record.triggered_ms);
                statistics.sums.end_to_end_duration = (ended_ms - record.triggered_ms).max(0);
                statistics.failure_timestamp = Some(ended_ms);
                statistics.failure_message = Some(failure.to_string());
            }
        }
        statistics
    }
}

impl Sums {
    fn of(counters: &Counters, triggered_ms: i64) -> Self {
        let acked_ms = counters.latest_ack_ms;
        Self {
            latest_ack_timestamp: acked_ms.unwrap_or(-1),
            checkpointed_size: counters.checkpointed_size,
            state_size: counters.state_size,
            end_to_end_duration: acked_ms.map_or(-1, |acked_ms| (acked_ms - triggered_ms).max(0)),
            alignment_buffered: 0,
            processed_data: counters.processed,
            persisted_data: counters.persisted,
            num_subtasks: counters.subtasks,
            num_acknowledged_subtasks: counters.acknowledged,
        }
    }
}

impl VertexStatistics {
    pub(super) fn of(record: &CheckpointRecord, vertex: &VertexRecord) -> Self {
        let totals = &vertex.totals;
        let is_whole = totals.acknowledged == totals.subtasks;
        Self {
            id: record.id.0,
            status: match record.outcome {
                _ if is_whole => "COMPLETED",
                Outcome::Failed { .. } => "FAILED",
                Outcome::InProgress | Outcome::Completed { .. } => "IN_PROGRESS",
            },
            sums: Sums::of(totals, record.triggered_ms),
        }
    }
}

impl SubtasksOfVertex {
    pub(super) fn of(record: &CheckpointRecord, vertex: &VertexRecord) -> Self {
        let subtasks = vertex.subtasks.iter().enumerate();
        Self {
            vertex: VertexStatistics::of(record, vertex),
            summary: vertex.summary().into(),
            subtasks: subtasks
                .map(|(index, answered)| SubtaskStatistics::of(index, answered.as_ref()))
                .collect(),
        }
    }
}

impl SubtaskStatistics {
    fn of(index: usize, answered: Option<&SubtaskRecord>) -> Self {
        let Some(record) = answered else {
            return Self::Pending(PendingSubtask {
                class_name: "pending",
                index,
                status: "pending_or_failed",
            });
        };
        let metrics = &record.metrics;
        Self::Completed(CompletedSubtask {
            class_name: "completed",
            index,
            status: "completed",
            ack_timestamp: record.ack_ms,
            end_to_end_duration: record.duration_ms,
            checkpointed_size: metrics.checkpointed_size,
            state_size: record.state_size,
            checkpoint: SubtaskDurations {
                sync: millis(metrics.sync),
                asynchronous: millis(metrics.asynchronous),
            },
            alignment: SubtaskAlignment {
                buffered: 0,
                processed: metrics.processed,
                persisted: metrics.persisted,
                duration: millis(metrics.alignment),
            },
            start_delay: millis(metrics.start_delay),
            unaligned_checkpoint: metrics.unaligned,
            aborted: false,
        })
    }
}

impl From<VertexSummary> for SubtasksSummary {
    fn from(summary: VertexSummary) -> Self {
        Self {
            checkpointed_size: summary.checkpointed_size.into(),
            state_size: summary.state_size.into(),
            end_to_end_duration: summary.end_to_end_duration.into(),
            checkpoint_duration: DurationSummary {
                sync: summary.sync.into(),
                asynchronous: summary.asynchronous.into(),
            },
            alignment: AlignmentSummary {
                buffered: Summary::default().into(),
                processed: summary.alignment_processed.into(),
                persisted: summary.alignment_persisted.into(),
                duration: summary.alignment_duration.into(),
            },
            start_delay: summary.start_delay.into(),
        }
    }
}
