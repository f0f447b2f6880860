//! Looks at a running job from another thread: what it has done so far.
//!
//! Invariant: it reads counters only, so the job never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmill_actor::Clock;

use crate::metrics::TaskMetrics;

/// What a job did.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobSummary {
    /// Records that its sources made. Those of a source of the bundle are what it counts itself, or else
    /// what leaves its task.
    pub records_in: u64,
    /// Bytes of records that its sources made; of a source of the bundle those that leave its task.
    pub bytes_in: u64,
    /// Records that its sinks took.
    pub records_out: u64,
    /// Records that were left out as bad.
    pub bad_records: u64,
    /// From the start of the tasks to the first record.
    pub first_record: Option<Duration>,
    /// From the start of the tasks to the last one's end.
    pub elapsed: Duration,
}

/// The counters of a task and what they mean.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The counters.
    pub metrics: Arc<TaskMetrics>,
    /// Where the records come from.
    pub role: Role,
}

/// Where the records of a task come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A connector in the task makes them.
    Connector,
    /// The bundle makes them; the host sees only those that leave, and the bundle's own count.
    GuestSource,
    /// Other tasks send them.
    Inner,
}

/// Looks at a running job from another thread; cheap to clone.
#[derive(Debug, Clone)]
pub struct JobWatch {
    tasks: Arc<[Watched]>,
    clock: Clock,
    started: Duration,
}

impl Watched {
    /// The records that the task has made as a source, and their bytes.
    pub fn made(&self) -> (u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let metrics = &self.metrics;
        match self.role {
            Role::Connector => (get(&metrics.records_in), get(&metrics.bytes_in)),
            Role::GuestSource => (metrics.made_by_guest(), get(&metrics.bytes_out)),
            Role::Inner => (0, 0),
        }
    }
}

impl JobWatch {
    pub(crate) fn new(tasks: Arc<[Watched]>, (clock, started): (Clock, Duration)) -> Self {
        Self {
            tasks,
            clock,
            started,
        }
    }

    /// What the job has done so far.
    pub fn summary(&self) -> JobSummary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut summary = JobSummary {
            elapsed: self.clock.monotonic().saturating_sub(self.started),
            ..JobSummary::default()
        };
        for task in self.tasks.iter() {
            let metrics = &task.metrics;
            let (records, bytes) = task.made();
            summary.records_in += records;
            summary.bytes_in += bytes;
            summary.records_out += get(&metrics.records_sent);
            summary.bad_records += metrics.bad_records();
        }
        let firsts = self
            .tasks
            .iter()
            .filter_map(|task| task.metrics.first_record.get());
        summary.first_record = firsts.min().map(|at| at.saturating_sub(self.started));
        summary
    }

    /// The sum of a counter of the bundle over all tasks.
    pub fn counter(&self, name: &str) -> u64 {
        let of = |task: &Watched| task.metrics.counter(name);
        self.tasks.iter().map(of).sum()
    }
}
