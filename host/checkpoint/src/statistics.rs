//! What became of a job's checkpoints, in the words of Flink's REST API.
//!
//! The coordinator writes it down; REST shows it. Cloning is cheap: the records are shared. Invariants: the
//! history and the windows of the summaries are bounded; a checkpoint is counted once as completed or
//! failed.

mod record;
mod summary;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use record::{
    CheckpointRecord, Counters, Outcome, SnapshotMetrics, SubtaskRecord, VertexRecord,
    VertexSummary,
};
pub use summary::{Summary, Window};

use crate::CheckpointId;
use crate::failure::Failure;

/// How many checkpoints a summary is over; later ones push out the earliest.
pub const SUMMARY_WINDOW: usize = 1_000;

/// The statistics of one job's checkpoints.
#[derive(Debug, Clone)]
pub struct Statistics {
    counts: Counts,
    /// Newest first; at most `capacity`.
    history: VecDeque<Arc<CheckpointRecord>>,
    capacity: usize,
    latest_completed: Option<Arc<CheckpointRecord>>,
    latest_savepoint: Option<Arc<CheckpointRecord>>,
    latest_failed: Option<Arc<CheckpointRecord>>,
    restored: Option<Restored>,
    windows: Windows,
}

/// How many checkpoints there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// From which the job, or a part of it, was restored.
    pub restored: u64,
    /// All that were triggered.
    pub total: u64,
    /// Under way.
    pub in_progress: u32,
    /// Completed.
    pub completed: u64,
    /// Given up.
    pub failed: u64,
}

/// The checkpoint from which the job was restored last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The checkpoint.
    pub id: CheckpointId,
    /// When it was restored, in milliseconds since the epoch.
    pub restored_ms: i64,
    /// Whether it was a savepoint.
    pub is_savepoint: bool,
    /// Where it is.
    pub external_path: Option<String>,
}

/// Over the checkpoints that completed.
#[derive(Debug, Clone, Default)]
struct Windows {
    checkpointed_size: Arc<Window>,
    state_size: Arc<Window>,
    duration_ms: Arc<Window>,
    processed: Arc<Window>,
    persisted: Arc<Window>,
}

/// The summaries that REST shows beside the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summaries {
    /// Bytes that were uploaded.
    pub checkpointed_size: Summary,
    /// Bytes of all state.
    pub state_size: Summary,
    /// From trigger to completion, in milliseconds.
    pub end_to_end_duration: Summary,
    /// Bytes processed while aligning.
    pub processed_data: Summary,
    /// Bytes in flight that were stored.
    pub persisted_data: Summary,
}

impl Statistics {
    /// No checkpoints yet; remembers this many.
    pub fn new(history: NonZeroU32) -> Self {
        Self {
            counts: Counts::default(),
            history: VecDeque::new(),
            capacity: history.get() as usize,
            latest_completed: None,
            latest_savepoint: None,
            latest_failed: None,
            restored: None,
            windows: Windows::default(),
        }
    }

    /// How many checkpoints there were.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The latest checkpoints, newest first.
    pub fn history(&self) -> impl Iterator<Item = &Arc<CheckpointRecord>> {
        self.history.iter()
    }

    /// A checkpoint, while it is remembered.
    pub fn checkpoint(&self, id: CheckpointId) -> Option<&Arc<CheckpointRecord>> {
        let latest = [
            &self.latest_completed,
            &self.latest_savepoint,
            &self.latest_failed,
        ];
        let all = self.history.iter().chain(latest.into_iter().flatten());
        all.into_iter().find(|record| record.id == id)
    }

    /// The checkpoint that completed last and is no savepoint.
    pub fn latest_completed(&self) -> Option<&Arc<CheckpointRecord>> {
        self.latest_completed.as_ref()
    }

    /// The savepoint that completed last.
    pub fn latest_savepoint(&self) -> Option<&Arc<CheckpointRecord>> {
        self.latest_savepoint.as_ref()
    }

    /// The checkpoint or savepoint that failed last.
    pub fn latest_failed(&self) -> Option<&Arc<CheckpointRecord>> {
        self.latest_failed.as_ref()
    }

    /// The checkpoint from which the job was restored last.
    pub fn restored(&self) -> Option<&Restored> {
        self.restored.as_ref()
    }

    /// The summaries over the latest completed checkpoints.
    pub fn summaries(&self) -> Summaries {
        let windows = &self.windows;
        Summaries {
            checkpointed_size: windows.checkpointed_size.summary(),
            state_size: windows.state_size.summary(),
            end_to_end_duration: windows.duration_ms.summary(),
            processed_data: windows.processed.summary(),
            persisted_data: windows.persisted.summary(),
        }
    }

    /// A checkpoint was triggered.
    pub(crate) fn triggered(&mut self, record: CheckpointRecord) {
        self.counts.total += 1;
        self.counts.in_progress += 1;
        self.history.push_front(Arc::new(record));
        self.history.truncate(self.capacity);
    }

    /// A checkpoint failed before it had an id.
    pub(crate) fn rejected(&mut self) {
        self.counts.total += 1;
        self.counts.failed += 1;
    }

    /// A subtask answered.
    pub(crate) fn acknowledged(
        &mut self,
        id: CheckpointId,
        vertex: wasmill_types::id::VertexId,
        subtask: SubtaskRecord,
    ) {
        if let Some(record) = self.in_progress(id) {
            record.acknowledged(vertex, subtask);
        }
    }

    /// A checkpoint completed; `record` has what the coordinator knows of it, also when the history has
    /// dropped it.
    pub(crate) fn completed(&mut self, id: CheckpointId, at_ms: i64, path: String) {
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        self.counts.completed += 1;
        let Some(record) = self.in_progress(id) else {
            return;
        };
        record.ended_ms = Some(at_ms);
        record.outcome = Outcome::Completed {
            external_path: path,
            discarded: false,
        };
        let record = self.remembered(id);
        let Some(record) = record else { return };
        let windows = &mut self.windows;
        for (window, value) in [
            (
                &mut windows.checkpointed_size,
                record.totals.checkpointed_size,
            ),
            (&mut windows.state_size, record.totals.state_size),
            (&mut windows.duration_ms, record.duration_ms(at_ms)),
            (&mut windows.processed, record.totals.processed),
            (&mut windows.persisted, record.totals.persisted),
        ] {
            Arc::make_mut(window).add(value);
        }
        if record.kind.is_savepoint() {
            self.latest_savepoint = Some(record);
        } else {
            self.latest_completed = Some(record);
        }
    }

    /// A checkpoint was given up.
    pub(crate) fn failed(&mut self, id: CheckpointId, at_ms: i64, failure: &Failure) {
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        self.counts.failed += 1;
        if let Some(record) = self.in_progress(id) {
            record.ended_ms = Some(at_ms);
            record.outcome = Outcome::Failed {
                failure: failure.clone(),
            };
        }
        self.latest_failed = self.remembered(id).or_else(|| self.latest_failed.take());
    }

    /// The files of a completed checkpoint are gone, or about to be.
    pub(crate) fn discarded(&mut self, id: CheckpointId) {
        let mark = |record: &mut Arc<CheckpointRecord>| {
            if record.id != id {
                return;
            }
            if let Outcome::Completed { discarded, .. } = &mut Arc::make_mut(record).outcome {
                *discarded = true;
            }
        };
        self.history.iter_mut().for_each(mark);
        self.latest_completed.iter_mut().for_each(mark);
    }

    /// The job, or a part of it, starts from a checkpoint.
    pub(crate) fn restored_from(&mut self, restored: Restored) {
        self.counts.restored += 1;
        self.restored = Some(restored);
    }

    fn in_progress(&mut self, id: CheckpointId) -> Option<&mut CheckpointRecord> {
        let mut records = self.history.iter_mut();
        let record = records.find(|record| record.id == id)?;
        matches!(record.outcome, Outcome::InProgress).then(|| Arc::make_mut(record))
    }

    fn remembered(&self, id: CheckpointId) -> Option<Arc<CheckpointRecord>> {
        let record = self.history.iter().find(|record| record.id == id);
        record.map(Arc::clone)
    }
}

#[cfg(test)]
mod tests;
