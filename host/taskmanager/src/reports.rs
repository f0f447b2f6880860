//! What is to be told to the JobManager: one change after the other, until it has taken it. Pure.
//!
//! Invariants: changes are told in the order in which they came; one is on its way at a time; what the
//! JobManager has not taken is told again, or handed back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_rpc::protocol::{JobDescription, PartData, TaskChanged, TaskCounters};
use wasmill_task::outcome::Part;
use wasmill_task::watched::{Role, Watched};
use wasmill_types::metric;

/// A change, and the job that it is about.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) changed: TaskChanged,
    pub(crate) job: Arc<JobDescription>,
}

/// Changes that the JobManager has yet to take. Each attempt adds a few, so slots and parallelism bound it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    changes: VecDeque<(u64, Report)>,
    /// The number of the next change.
    next: u64,
    /// The change that is on its way.
    told: Option<u64>,
    /// Not before this time, after a failure.
    not_before: Option<Duration>,
    failures: u32,
}

impl Outbox {
    pub(crate) fn push(&mut self, report: Report) {
        self.changes.push_back((self.next, report));
        self.next += 1;
    }

    /// The change to tell now, if any; it counts as told.
    pub(crate) fn tell(&mut self, now: Duration) -> Option<(u64, TaskChanged)> {
        if self.told.is_some() || self.not_before.is_some_and(|time| time > now) {
            return None;
        }
        let (number, report) = self.changes.front()?;
        self.told = Some(*number);
        Some((*number, report.changed.clone()))
    }

    /// The JobManager has answered to a change, which is done; none when it was handed back meanwhile.
    pub(crate) fn taken(&mut self, number: u64) -> Option<Report> {
        if self.told != Some(number) {
            return None;
        }
        (self.told, self.not_before, self.failures) = (None, None, 0);
        self.changes.pop_front().map(|(_, report)| report)
    }

    /// There was no answer; it is told again after the pause that `pause` says for the number of failures.
    pub(crate) fn failed(
        &mut self,
        number: u64,
        now: Duration,
        pause: impl FnOnce(u32) -> Duration,
    ) {
        if self.told != Some(number) {
            return;
        }
        self.told = None;
        self.not_before = Some(now + pause(self.failures));
        self.failures += 1;
    }

    /// When to look again, if something waits.
    pub(crate) fn due(&self) -> Option<Duration> {
        let waits = self.told.is_none() && !self.changes.is_empty();
        self.not_before.filter(|_| waits)
    }

    /// Hands back everything that was never told: nobody is there to be told. What was told and not
    /// answered may have been taken, so what it staged may be needed.
    pub(crate) fn clear(&mut self) -> Vec<Report> {
        if self.told.is_some() || self.failures > 0 {
            self.changes.pop_front();
        }
        (self.told, self.not_before, self.failures) = (None, None, 0);
        self.changes.drain(..).map(|(_, report)| report).collect()
    }
}

/// The counters of a task, as they are told.
pub(crate) fn counters(task: &Watched, clock: &Clock) -> TaskCounters {
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let metrics = &task.metrics;
    let now = clock.monotonic();
    let spent = metrics.times.spent(now);
    let is_source = task.role != Role::Inner;
    let (records_in, bytes_in) = if is_source {
        task.made()
    } else {
        (get(&metrics.records_in), get(&metrics.bytes_in))
    };
    let first = metrics.first_record.get();
    let ago = |first: &Duration| millis(now.saturating_sub(*first)).cast_signed();
    let watermark_out = metrics.watermark_out.get();
    let custom = metrics.with_guest(|guest| guest.counters.clone());
    TaskCounters {
        records_in,
        bytes_in,
        records_out: get(&metrics.records_out),
        bytes_out: get(&metrics.bytes_out),
        records_sent: get(&metrics.records_sent),
        bad_records: metrics.bad_records(),
        busy_ms: millis(spent.busy),
        backpressured_ms: millis(spent.backpressured),
        idle_ms: millis(spent.idle),
        first_record_ms: first.map(|first| clock.now_ms() - ago(first)),
        watermark_in: metrics.watermark_in.get(),
        watermark_out,
        watermark_lag_ms: watermark_out
            .filter(|time| *time < i64::MAX)
            .map(|time| clock.now_ms().saturating_sub(time)),
        is_source,
        custom: custom
            .into_iter()
            .filter(|(name, _)| name != metric::BAD_RECORDS)
            .collect(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What sinks have staged, as it is told.
pub(crate) fn parts(staged: Vec<Part>) -> Vec<PartData> {
    let told = |(sink, parts): Part| {
        parts.into_iter().map(move |part| PartData {
            sink,
            name: part.name,
            state: part.state,
        })
    };
    staged.into_iter().flat_map(told).collect()
}

#[cfg(test)]
mod tests;
