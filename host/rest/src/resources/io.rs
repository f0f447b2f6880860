//! What tasks have read and written, and how that spreads over the subtasks of a vertex.
//!
//! Invariant: sums saturate; a summary is of at least one value, or all zero.

use std::collections::BTreeMap;
use std::iter::Sum;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::{AttemptView, VertexView};
use wasmill_types::ExecutionState;

use super::times::{NEVER, status_duration};

/// What tasks have read and written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct IoMetrics {
    read_bytes: u64,
    /// Whether the number is known from all tasks.
    read_bytes_complete: bool,
    write_bytes: u64,
    write_bytes_complete: bool,
    read_records: u64,
    read_records_complete: bool,
    write_records: u64,
    write_records_complete: bool,
    /// In milliseconds.
    accumulated_backpressured_time: u64,
    accumulated_idle_time: u64,
    accumulated_busy_time: f64,
}

impl IoMetrics {
    pub(crate) fn of(attempt: &AttemptView) -> Self {
        let counters = &attempt.counters;
        // Counters come with heartbeats, and heartbeats speak of tasks that run.
        let known = attempt.state.is_terminal()
            || matches!(
                attempt.state,
                ExecutionState::Running | ExecutionState::Canceling
            );
        Self {
            read_bytes: counters.bytes_in,
            read_bytes_complete: known,
            write_bytes: counters.bytes_out,
            write_bytes_complete: known,
            read_records: counters.records_in,
            read_records_complete: known,
            write_records: counters.records_out,
            write_records_complete: known,
            accumulated_backpressured_time: counters.backpressured_ms,
            accumulated_idle_time: counters.idle_ms,
            accumulated_busy_time: counters.busy_ms as f64,
        }
    }

    fn nothing() -> Self {
        Self {
            read_bytes: 0,
            read_bytes_complete: true,
            write_bytes: 0,
            write_bytes_complete: true,
            read_records: 0,
            read_records_complete: true,
            write_records: 0,
            write_records_complete: true,
            accumulated_backpressured_time: 0,
            accumulated_idle_time: 0,
            accumulated_busy_time: 0.0,
        }
    }

    fn plus(self, other: Self) -> Self {
        let times = |a: u64, b: u64| a.saturating_add(b);
        Self {
            read_bytes: times(self.read_bytes, other.read_bytes),
            read_bytes_complete: self.read_bytes_complete && other.read_bytes_complete,
            write_bytes: times(self.write_bytes, other.write_bytes),
            write_bytes_complete: self.write_bytes_complete && other.write_bytes_complete,
            read_records: times(self.read_records, other.read_records),
            read_records_complete: self.read_records_complete && other.read_records_complete,
            write_records: times(self.write_records, other.write_records),
            write_records_complete: self.write_records_complete && other.write_records_complete,
            accumulated_backpressured_time: times(
                self.accumulated_backpressured_time,
                other.accumulated_backpressured_time,
            ),
            accumulated_idle_time: times(self.accumulated_idle_time, other.accumulated_idle_time),
            accumulated_busy_time: self.accumulated_busy_time + other.accumulated_busy_time,
        }
    }
}

impl Sum for IoMetrics {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::nothing(), Self::plus)
    }
}

/// How values spread.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub(crate) struct Spread {
    min: i64,
    max: i64,
    avg: i64,
    sum: i64,
    median: i64,
    p25: i64,
    p75: i64,
    p95: i64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            return Self::default();
        };
        let sum = values
            .iter()
            .fold(0, |sum: i64, it| sum.saturating_add(*it));
        // The nearest rank: the smallest value that at least this share is not above.
        let at = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            min: *min,
            max: *max,
            avg: sum / values.len() as i64,
            sum,
            median: at(50),
            p25: at(25),
            p75: at(75),
            p95: at(95),
        }
    }
}

/// How what subtasks did spreads over them, by name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Aggregated {
    metrics: BTreeMap<&'static str, Spread>,
    status_duration: BTreeMap<&'static str, Spread>,
}

impl Aggregated {
    pub(crate) fn of_vertex(vertex: &VertexView, now_ms: i64) -> Self {
        let attempts = vertex.subtasks.iter().map(|subtask| &subtask.current);
        Self::of(&attempts.collect::<Vec<_>>(), now_ms)
    }

    pub(crate) fn of(attempts: &[&AttemptView], now_ms: i64) -> Self {
        let spread = |value: fn(&IoMetrics) -> u64| {
            let values = attempts
                .iter()
                .map(|attempt| value(&IoMetrics::of(attempt)));
            Spread::of(
                values
                    .map(|it| i64::try_from(it).unwrap_or(i64::MAX))
                    .collect(),
            )
        };
        let metrics = [
            ("read-bytes", spread(|io| io.read_bytes)),
            ("write-bytes", spread(|io| io.write_bytes)),
            ("read-records", spread(|io| io.read_records)),
            ("write-records", spread(|io| io.write_records)),
            (
                "accumulated-backpressured-time",
                spread(|io| io.accumulated_backpressured_time),
            ),
            (
                "accumulated-idle-time",
                spread(|io| io.accumulated_idle_time),
            ),
            (
                "accumulated-busy-time",
                spread(|io| io.accumulated_busy_time as u64),
            ),
        ];
        let mut durations: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
        for attempt in attempts {
            for (state, millis) in status_duration(attempt, now_ms) {
                let known = durations.entry(state).or_default();
                known.extend((millis != NEVER).then_some(millis));
            }
        }
        let durations = durations.into_iter();
        Self {
            metrics: metrics.into(),
            status_duration: durations
                .map(|(state, values)| (state, Spread::of(values)))
                .collect(),
        }
    }
}
