//! How fast tasks work now: the difference of their counters between two looks.
//!
//! Whoever serves metrics looks now and then; pages and monitors ask per attempt. A task's counters of
//! busy, backpressured and idle time together are its wall time, so rates are quotients of counters and do
//! not depend on when a heartbeat came. Invariant: remembered are the attempts of the last look, and no
//! others.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmill_types::id::AttemptId;

use crate::protocol::TaskCounters;

/// How long to wait between two looks. Longer than the interval of heartbeats.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// What tasks did between the last two looks.
#[derive(Debug, Default)]
pub struct Rates {
    attempts: Mutex<BTreeMap<AttemptId, Looks>>,
}

/// How fast a task works.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// Milliseconds of each second.
    pub busy: f64,
    /// Milliseconds of each second.
    pub backpressured: f64,
    /// Milliseconds of each second.
    pub idle: f64,
    /// Records a second.
    pub records_in: f64,
    /// Records a second.
    pub records_out: f64,
    /// Bytes a second.
    pub bytes_in: f64,
    /// Bytes a second.
    pub bytes_out: f64,
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
    pub fn look<'a>(&self, running: impl IntoIterator<Item = (AttemptId, &'a TaskCounters)>) {
        let mut attempts = self.attempts();
        let looks = running.into_iter().map(|(attempt, counters)| {
            let counts = Counts::of(counters);
            let looks = match attempts.get(&attempt) {
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
            (attempt, looks)
        });
        *attempts = looks.collect();
    }

    /// How fast an attempt works that runs; none while that is not known. Before the first look it is the
    /// average since its start.
    pub fn of(&self, attempt: AttemptId, counters: &TaskCounters) -> Option<Rate> {
        let looks = self.attempts().get(&attempt).copied();
        let looks = looks.unwrap_or_else(|| Looks {
            before: Counts::default(),
            last: Counts::of(counters),
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
