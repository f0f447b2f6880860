//! How fast tasks work now: the difference of their counters between two looks.
//!
//! The server looks every [`INTERVAL`]; pages and monitors ask per attempt. A task's counters of busy,
//! backpressured and idle time together are its wall time, so rates are quotients of counters and do
//! not depend on when a heartbeat came. Invariant: remembered are attempts that run, and no others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmill_jobmanager::view::{AttemptView, JobView};
use wasmill_rpc::protocol::TaskCounters;
use wasmill_types::id::AttemptId;

/// How often the server looks. Longer than the interval of heartbeats.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// What tasks did between the last two looks.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    attempts: Mutex<BTreeMap<AttemptId, Looks>>,
}

/// How fast a task works.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Rate {
    /// Milliseconds of each second.
    pub(crate) busy: f64,
    /// Milliseconds of each second.
    pub(crate) backpressured: f64,
    /// Milliseconds of each second.
    pub(crate) idle: f64,
    /// Records a second.
    pub(crate) records_in: f64,
    /// Records a second.
    pub(crate) records_out: f64,
    /// Bytes a second.
    pub(crate) bytes_in: f64,
    /// Bytes a second.
    pub(crate) bytes_out: f64,
}

#[derive(Debug, Clone, Copy)]
struct Looks {
    before: Counts,
    last: Counts,
}

/// The counters that have a rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Counts {
    busy: u64,
    backpressured: u64,
    idle: u64,
    records_in: u64,
    records_out: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl Rates {
    /// Looks at the counters of all attempts that run.
    pub(crate) fn look(&self, jobs: &[Arc<JobView>]) {
        let mut attempts = self.attempts();
        let running = jobs
            .iter()
            .filter(|job| !job.status.is_terminal())
            .flat_map(|job| &job.vertices)
            .flat_map(|vertex| &vertex.subtasks)
            .map(|subtask| &subtask.current)
            .filter(|attempt| !attempt.state.is_terminal());
        let looks = running.map(|attempt| {
            let counts = Counts::of(&attempt.counters);
            let looks = match attempts.get(&attempt.id) {
                // No heartbeat since: the rate is still that of before.
                Some(looks) if looks.last.wall_ms() >= counts.wall_ms() => *looks,
                Some(looks) => Looks {
                    before: looks.last,
                    last: counts,
                },
                None => Looks {
                    before: Counts::default(),
                    last: counts,
                },
            };
            (attempt.id, looks)
        });
        *attempts = looks.collect();
    }

    /// How fast an attempt works; none while that is not known, or when it has ended. Before the first
    /// look it is the average since its start.
    pub(crate) fn of(&self, attempt: &AttemptView) -> Option<Rate> {
        if attempt.state.is_terminal() {
            return None;
        }
        let looks = self.attempts().get(&attempt.id).copied();
        let looks = looks.unwrap_or_else(|| Looks {
            before: Counts::default(),
            last: Counts::of(&attempt.counters),
        });
        looks.rate()
    }

    fn attempts(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Looks>> {
        // Nothing that can panic half-way happens under the lock.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of(counters: &TaskCounters) -> Self {
        Self {
            busy: counters.busy_ms,
            backpressured: counters.backpressured_ms,
            idle: counters.idle_ms,
            records_in: counters.records_in,
            records_out: counters.records_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
        }
    }

    fn wall_ms(&self) -> u64 {
        let active = self.busy.saturating_add(self.backpressured);
        active.saturating_add(self.idle)
    }
}

impl Looks {
    fn rate(&self) -> Option<Rate> {
        let Self { before, last } = self;
        let wall = last.wall_ms().saturating_sub(before.wall_ms());
        if wall == 0 {
            return None;
        }
        let per_second = |last: u64, before: u64| {
            let change = last.saturating_sub(before) as f64;
            change * 1000.0 / wall as f64
        };
        Some(Rate {
            busy: per_second(last.busy, before.busy),
            backpressured: per_second(last.backpressured, before.backpressured),
            idle: per_second(last.idle, before.idle),
            records_in: per_second(last.records_in, before.records_in),
            records_out: per_second(last.records_out, before.records_out),
            bytes_in: per_second(last.bytes_in, before.bytes_in),
            bytes_out: per_second(last.bytes_out, before.bytes_out),
        })
    }
}

#[cfg(test)]
mod tests;
