//! What is remembered, counted and summed.

use std::time::Duration;

use wasmill_types::id::VertexId;

use super::*;
use crate::barrier::{Format, SnapshotKind};
use crate::failure::FailureReason;

const VERTEX: VertexId = VertexId(0);

fn record(id: u64, kind: SnapshotKind) -> CheckpointRecord {
    CheckpointRecord::new(CheckpointId(id), kind, 1_000, [(VERTEX, 2, 2)].into_iter())
}

fn subtask(index: u32, bytes: u64) -> SubtaskRecord {
    SubtaskRecord {
        index,
        ack_ms: 1_000 + i64::from(index),
        duration_ms: u64::from(index),
        state_size: 2 * bytes,
        metrics: SnapshotMetrics {
            checkpointed_size: bytes,
            sync: Duration::from_millis(3),
            persisted: bytes,
            unaligned: bytes > 100,
            ..SnapshotMetrics::default()
        },
    }
}

fn statistics() -> Statistics {
    Statistics::new(NonZeroU32::new(3).unwrap())
}

#[test]
fn answers_are_summed_by_vertex_and_checkpoint_and_count_once() {
    let mut statistics = statistics();
    statistics.triggered(record(1, SnapshotKind::Checkpoint));
    for (index, bytes) in [(0, 10), (1, 200), (1, 999)] {
        statistics.acknowledged(CheckpointId(1), VERTEX, subtask(index, bytes));
    }
    let record = statistics.checkpoint(CheckpointId(1)).unwrap();
    for totals in [record.totals, record.vertex(VERTEX).unwrap().totals] {
        assert_eq!((totals.acknowledged, totals.subtasks), (2, 2));
        assert_eq!((totals.checkpointed_size, totals.state_size), (210, 420));
        assert_eq!(totals.latest_ack_ms, Some(1_001));
    }
    assert_eq!(record.type_name(), "UNALIGNED_CHECKPOINT");
    let summary = record.vertices[0].summary();
    assert_eq!((summary.state_size.min, summary.state_size.max), (20, 400));
    assert_eq!(
        (summary.sync.avg, summary.alignment_persisted.avg),
        (3, 105)
    );
}

#[test]
fn the_history_is_bounded_and_newest_first_and_counts_go_on() {
    let mut statistics = statistics();
    for id in 1..=5 {
        statistics.triggered(record(id, SnapshotKind::Checkpoint));
        statistics.completed(CheckpointId(id), 1_000 + id as i64, format!("chk-{id}"));
    }
    let ids: Vec<u64> = statistics.history().map(|record| record.id.0).collect();
    assert_eq!(ids, [5, 4, 3]);
    let counts = statistics.counts();
    assert_eq!(
        (counts.total, counts.completed, counts.in_progress),
        (5, 5, 0)
    );
    let durations = statistics.summaries().end_to_end_duration;
    assert_eq!((durations.min, durations.max, durations.avg), (1, 5, 3));
}

#[test]
fn the_latest_of_each_kind_is_remembered() {
    let mut statistics = statistics();
    let savepoint = SnapshotKind::Savepoint(Format::Canonical);
    statistics.triggered(record(1, savepoint));
    statistics.completed(CheckpointId(1), 1_001, "savepoint".to_owned());
    for id in 2..=6 {
        statistics.triggered(record(id, SnapshotKind::Checkpoint));
        if id == 2 {
            let failure = Failure::new(FailureReason::CheckpointExpired);
            statistics.failed(CheckpointId(id), 1_002, &failure);
        } else {
            statistics.completed(CheckpointId(id), 1_003, "chk".to_owned());
        }
    }
    statistics.discarded(CheckpointId(6));
    let id = |record: Option<&Arc<CheckpointRecord>>| record.map(|record| record.id.0);
    assert_eq!(id(statistics.latest_savepoint()), Some(1));
    assert_eq!(id(statistics.latest_failed()), Some(2));
    assert_eq!(id(statistics.latest_completed()), Some(6));
    assert!(statistics.checkpoint(CheckpointId(1)).is_some());
    let outcome = &statistics.latest_completed().unwrap().outcome;
    assert!(matches!(
        outcome,
        Outcome::Completed {
            discarded: true,
            ..
        }
    ));
}
