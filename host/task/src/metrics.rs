//! What a task counts, and where its time goes. Written by the task's thread, read by whoever shows
//! progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_types::metric;

/// The counters of one task.
#[derive(Debug, Default)]
pub struct TaskMetrics {
    /// [`metric::RECORDS_IN`].
    pub records_in: AtomicU64,
    /// [`metric::BYTES_IN`].
    pub bytes_in: AtomicU64,
    /// [`metric::RECORDS_OUT`].
    pub records_out: AtomicU64,
    /// [`metric::BYTES_OUT`].
    pub bytes_out: AtomicU64,
    /// [`metric::RECORDS_SENT`].
    pub records_sent: AtomicU64,
    /// [`metric::WATERMARK_IN`].
    pub watermark_in: Watermark,
    /// [`metric::WATERMARK_OUT`].
    pub watermark_out: Watermark,
    /// When a source made its first records, by the monotonic clock.
    pub first_record: OnceLock<Duration>,
    /// Where its time goes.
    pub times: TaskTimes,
    guest: Mutex<GuestMetrics>,
}

/// How far event time has come somewhere.
#[derive(Debug)]
pub struct Watermark(AtomicI64);

impl Default for Watermark {
    /// Nothing has been said of it.
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Watermark {
    /// It has come here.
    pub fn set(&self, time: i64) {
        self.0.store(time, Ordering::Relaxed);
    }

    /// Where it is, in milliseconds since the epoch; none before the first watermark.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|time| *time > i64::MIN)
    }
}

/// Where the time of a task goes: it works unless it waits, and it looks at the clock only where it waits,
/// which is rare in a task that has much to do.
#[derive(Debug, Default)]
pub struct TaskTimes {
    /// When the task began, by the monotonic clock.
    begun: OnceLock<Duration>,
    /// When it ended.
    ended: OnceLock<Duration>,
    /// What it waited in all, in microseconds, by [`Wait`].
    waited: [AtomicU64; 2],
    /// While it waits: since when, in microseconds plus one, and twice that plus for what. Else 0.
    waiting: AtomicU64,
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Input, or the time of a timer: it is idle.
    Input = 0,
    /// Room in an output: it is backpressured.
    Room = 1,
}

/// Where the time of a task went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// It worked.
    pub busy: Duration,
    /// It waited for room in its outputs.
    pub backpressured: Duration,
    /// It waited for input.
    pub idle: Duration,
}

/// What guest code names itself. The sandbox bounds the number of names.
#[derive(Debug, Default, Clone)]
pub struct GuestMetrics {
    /// Sums.
    pub counters: BTreeMap<String, u64>,
    /// Last values.
    pub gauges: BTreeMap<String, f64>,
    /// Numbers and sums of values.
    pub histograms: BTreeMap<String, Histogram>,
}

/// A histogram, as far as it is kept here.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Histogram {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl TaskMetrics {
    /// Counts records that came in.
    pub fn add_in(&self, records: usize, bytes: usize) {
        add(&self.records_in, records as u64);
        add(&self.bytes_in, bytes as u64);
    }

    /// Counts records that went out.
    pub fn add_out(&self, records: usize, bytes: usize) {
        add(&self.records_out, records as u64);
        add(&self.bytes_out, bytes as u64);
    }

    /// Counts records that a sink took.
    pub fn add_sent(&self, records: usize) {
        add(&self.records_sent, records as u64);
    }

    /// Changes what guest code named.
    pub fn with_guest<R>(&self, f: impl FnOnce(&mut GuestMetrics) -> R) -> R {
        f(&mut self.guest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds to a counter by name, one of the table or one of the guest's.
    pub fn count(&self, name: &str, delta: u64) {
        self.with_guest(|guest| match guest.counters.get_mut(name) {
            Some(counter) => *counter = counter.saturating_add(delta),
            None => {
                guest.counters.insert(name.to_owned(), delta);
            }
        });
    }

    /// The value of a counter by name; 0 when nobody has added to it.
    pub fn counter(&self, name: &str) -> u64 {
        self.with_guest(|guest| guest.counters.get(name).copied().unwrap_or(0))
    }

    /// How many records a source of the bundle made: what it has counted itself, else what has left its
    /// task.
    pub fn made_by_guest(&self) -> u64 {
        match self.counter(metric::RECORDS_IN) {
            0 => self.records_out.load(Ordering::Relaxed),
            counted => counted,
        }
    }

    /// How many records were left out as bad.
    pub fn bad_records(&self) -> u64 {
        self.counter(metric::BAD_RECORDS)
    }
}

impl TaskTimes {
    /// The task begins.
    pub(crate) fn begin(&self, now: Duration) {
        self.begun.get_or_init(|| now);
    }

    /// The task has ended.
    pub(crate) fn end(&self, now: Duration) {
        self.ended.get_or_init(|| now);
    }

    /// Does what may wait.
    pub(crate) fn wait<R>(&self, clock: &Clock, wait: Wait, may_wait: impl FnOnce() -> R) -> R {
        let since = micros(clock.monotonic());
        let waiting = (since + 1) << 1 | wait as u64;
        self.waiting.store(waiting, Ordering::Relaxed);
        let result = may_wait();
        let waited = micros(clock.monotonic()).saturating_sub(since);
        add(&self.waited[wait as usize], waited);
        self.waiting.store(0, Ordering::Relaxed);
        result
    }

    /// Where the time went up to now. About: a wait that ends while somebody looks may be missing.
    pub fn spent(&self, now: Duration) -> Spent {
        let Some(&begun) = self.begun.get() else {
            return Spent::default();
        };
        let now = self.ended.get().copied().unwrap_or(now);
        let mut waited = [0, 1].map(|wait: usize| self.waited[wait].load(Ordering::Relaxed));
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting != 0 {
            let since = (waiting >> 1) - 1;
            waited[(waiting & 1) as usize] += micros(now).saturating_sub(since);
        }
        let [idle, backpressured] = waited.map(Duration::from_micros);
        let total = now.saturating_sub(begun);
        Spent {
            busy: total.saturating_sub(idle).saturating_sub(backpressured),
            backpressured,
            idle,
        }
    }
}

/// Sixty-three bits of microseconds are enough for all time.
fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// One thread writes, so a load and a store do without a locked instruction.
fn add(counter: &AtomicU64, delta: u64) {
    counter.store(counter.load(Ordering::Relaxed) + delta, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
