//! What a task counts. Written by the task's thread, read by whoever shows progress.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

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
    /// When a source made its first records, by the monotonic clock.
    pub first_record: OnceLock<Duration>,
    guest: Mutex<GuestMetrics>,
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

/// One thread writes, so a load and a store do without a locked instruction.
fn add(counter: &AtomicU64, delta: u64) {
    counter.store(counter.load(Ordering::Relaxed) + delta, Ordering::Relaxed);
}
