//! What is known of one checkpoint: overall, per vertex, per subtask.
//!
//! Invariant: the totals of a checkpoint are the sums over its subtasks.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmill_types::id::VertexId;

use super::summary::{Summary, summarize};
use crate::CheckpointId;
use crate::barrier::SnapshotKind;
use crate::failure::Failure;

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRecord {
    /// Its id.
    pub id: CheckpointId,
    /// What it is.
    pub kind: SnapshotKind,
    /// When it was triggered, in milliseconds since the epoch.
    pub triggered_ms: i64,
    /// When it completed or failed.
    pub ended_ms: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Sums over the subtasks.
    pub totals: Counters,
    /// The vertices that take part.
    pub vertices: Vec<VertexRecord>,
}

/// What became of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Not all have answered, or the metadata is being written.
    InProgress,
    /// It can be restored from.
    Completed {
        /// Where it is.
        external_path: String,
        /// Whether it was deleted since.
        discarded: bool,
    },
    /// It was given up.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// Sums over subtasks that have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// How many subtasks take part.
    pub subtasks: u32,
    /// How many of them have answered.
    pub acknowledged: u32,
    /// When the last one answered, in milliseconds since the epoch.
    pub latest_ack_ms: Option<i64>,
    /// Bytes that were uploaded.
    pub checkpointed_size: u64,
    /// Bytes of all state.
    pub state_size: u64,
    /// Bytes processed while aligning.
    pub processed: u64,
    /// Bytes in flight that were stored.
    pub persisted: u64,
    /// Whether a barrier overtook somewhere.
    pub unaligned: bool,
}

/// One vertex in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VertexRecord {
    /// The vertex.
    pub vertex: VertexId,
    /// Sums over its subtasks.
    pub totals: Counters,
    /// Its subtasks by index; none for those that have not answered.
    pub subtasks: Vec<Option<SubtaskRecord>>,
}

/// One subtask that has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskRecord {
    /// Which one.
    pub index: u32,
    /// When it answered, in milliseconds since the epoch.
    pub ack_ms: i64,
    /// From the trigger to the answer, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of its state.
    pub state_size: u64,
    /// What it measured.
    pub metrics: SnapshotMetrics,
}

/// What a task measures during a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SnapshotMetrics {
    /// Bytes that it uploaded.
    pub checkpointed_size: u64,
    /// How long processing stood still.
    pub sync: Duration,
    /// How long the rest took, beside processing.
    pub asynchronous: Duration,
    /// From the first barrier to the last.
    pub alignment: Duration,
    /// Bytes processed while aligning.
    pub processed: u64,
    /// Bytes in flight that were stored.
    pub persisted: u64,
    /// From the trigger to the first barrier.
    pub start_delay: Duration,
    /// Whether the barrier overtook.
    pub unaligned: bool,
}

/// The summaries over the subtasks of one vertex.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VertexSummary {
    /// Bytes that were uploaded.
    pub checkpointed_size: Summary,
    /// Bytes of state.
    pub state_size: Summary,
    /// From trigger to answer, in milliseconds.
    pub end_to_end_duration: Summary,
    /// How long processing stood still, in milliseconds.
    pub sync: Summary,
    /// How long the rest took, in milliseconds.
    pub asynchronous: Summary,
    /// Bytes processed while aligning.
    pub alignment_processed: Summary,
    /// Bytes in flight that were stored.
    pub alignment_persisted: Summary,
    /// From the first barrier to the last, in milliseconds.
    pub alignment_duration: Summary,
    /// From the trigger to the first barrier, in milliseconds.
    pub start_delay: Summary,
}

impl CheckpointRecord {
    /// A checkpoint that was just triggered: vertices with the numbers of their subtasks, and of those
    /// that take part.
    pub(crate) fn new(
        id: CheckpointId,
        kind: SnapshotKind,
        triggered_ms: i64,
        vertices: impl Iterator<Item = (VertexId, u32, u32)>,
    ) -> Self {
        let vertices: Vec<_> = vertices
            .map(|(vertex, parallelism, participants)| VertexRecord {
                vertex,
                totals: Counters {
                    subtasks: participants,
                    ..Counters::default()
                },
                subtasks: vec![None; parallelism as usize],
            })
            .collect();
        let subtasks = vertices.iter().map(|vertex| vertex.totals.subtasks).sum();
        Self {
            id,
            kind,
            triggered_ms,
            ended_ms: None,
            outcome: Outcome::InProgress,
            totals: Counters {
                subtasks,
                ..Counters::default()
            },
            vertices,
        }
    }

    /// From the trigger to its end, or until now.
    pub fn duration_ms(&self, now_ms: i64) -> u64 {
        let end = self.ended_ms.unwrap_or(now_ms);
        u64::try_from(end.saturating_sub(self.triggered_ms)).unwrap_or(0)
    }

    /// One vertex of it.
    pub fn vertex(&self, vertex: VertexId) -> Option<&VertexRecord> {
        self.vertices.iter().find(|record| record.vertex == vertex)
    }

    /// Flink's `checkpoint_type`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            SnapshotKind::Checkpoint if self.totals.unaligned => "UNALIGNED_CHECKPOINT",
            SnapshotKind::Checkpoint => "CHECKPOINT",
            SnapshotKind::Savepoint(_) => "SAVEPOINT",
            SnapshotKind::Stop { .. } => "SYNC_SAVEPOINT",
        }
    }

    /// Flink's `status`.
    pub fn status_name(&self) -> &'static str {
        match self.outcome {
            Outcome::InProgress => "IN_PROGRESS",
            Outcome::Completed { .. } => "COMPLETED",
            Outcome::Failed { .. } => "FAILED",
        }
    }

    /// A subtask answered; only its first answer counts.
    pub(super) fn acknowledged(&mut self, vertex: VertexId, subtask: SubtaskRecord) {
        let mut vertices = self.vertices.iter_mut();
        let Some(record) = vertices.find(|record| record.vertex == vertex) else {
            return;
        };
        let Some(place @ None) = record.subtasks.get_mut(subtask.index as usize) else {
            return;
        };
        *place = Some(subtask);
        record.totals.add(&subtask);
        self.totals.add(&subtask);
    }
}

impl VertexRecord {
    /// The summaries over the subtasks that have answered.
    pub fn summary(&self) -> VertexSummary {
        let over = |value: fn(&SubtaskRecord) -> u64| {
            let answered = self.subtasks.iter().flatten();
            summarize(answered.map(value).collect())
        };
        VertexSummary {
            checkpointed_size: over(|subtask| subtask.metrics.checkpointed_size),
            state_size: over(|subtask| subtask.state_size),
            end_to_end_duration: over(|subtask| subtask.duration_ms),
            sync: over(|subtask| millis(subtask.metrics.sync)),
            asynchronous: over(|subtask| millis(subtask.metrics.asynchronous)),
            alignment_processed: over(|subtask| subtask.metrics.processed),
            alignment_persisted: over(|subtask| subtask.metrics.persisted),
            alignment_duration: over(|subtask| millis(subtask.metrics.alignment)),
            start_delay: over(|subtask| millis(subtask.metrics.start_delay)),
        }
    }

    /// From the trigger to the last answer so far.
    pub fn duration_ms(&self) -> u64 {
        let answered = self.subtasks.iter().flatten();
        answered
            .map(|subtask| subtask.duration_ms)
            .max()
            .unwrap_or(0)
    }
}

impl Counters {
    fn add(&mut self, subtask: &SubtaskRecord) {
        self.acknowledged += 1;
        self.latest_ack_ms = self.latest_ack_ms.max(Some(subtask.ack_ms));
        self.checkpointed_size += subtask.metrics.checkpointed_size;
        self.state_size += subtask.state_size;
        self.processed += subtask.metrics.processed;
        self.persisted += subtask.metrics.persisted;
        self.unaligned |= subtask.metrics.unaligned;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
