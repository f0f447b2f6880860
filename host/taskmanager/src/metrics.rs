//! What a TaskManager counts, as Prometheus reads it.
//!
//! `node` serves what [`Metrics::families`] makes of one answer of the executor. Invariant: everything is of
//! the same moment; looking costs the executor one message, however many look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmill_actor::{Clock, Gone};
use wasmill_rpc::metrics::{Task, of_tasks};
use wasmill_rpc::protocol::{JobDescription, SlotMemory, TaskReport};
use wasmill_rpc::rates::{INTERVAL, Rates};
use wasmill_types::metric;
use wasmill_types::metric::prometheus::{self as table, Family, Labels, Metric};

use crate::executor::{Handle, Status};

/// What the executor tells those who want to know how its tasks are doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// What the TaskManager does.
    pub status: Status,
    /// Of each task in `status`, whose it is.
    pub owners: Vec<Owner>,
    /// How many slots there are.
    pub slots: u32,
    /// What each may use.
    pub memory: SlotMemory,
    /// What the data plane has moved, by names of [`wasmill_types::metric`].
    pub network: Vec<(&'static str, u64)>,
}

/// Whose a task is.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// Its job.
    pub job: Arc<JobDescription>,
    /// The id of its vertex over REST, and its name.
    pub vertex: (String, String),
}

/// Makes the metrics of one TaskManager.
#[derive(Debug)]
pub struct Metrics {
    handle: Handle,
    clock: Clock,
    started: Duration,
    rates: Rates,
    /// When rates were last looked at.
    looked: Mutex<Option<Duration>>,
}

/// The counters of the data plane, and how Prometheus knows them.
const NETWORK: [(&str, &Metric); 6] = [
    (metric::NETWORK_FRAMES_IN, table::OWN_FRAMES_IN),
    (metric::NETWORK_FRAMES_OUT, table::OWN_FRAMES_OUT),
    (metric::NETWORK_BYTES_IN, table::OWN_BYTES_IN),
    (metric::NETWORK_BYTES_OUT, table::OWN_BYTES_OUT),
    (metric::NETWORK_CREDITS_IN, table::OWN_CREDITS_IN),
    (metric::NETWORK_CREDITS_OUT, table::OWN_CREDITS_OUT),
];

impl Metrics {
    /// The metrics of the TaskManager behind a handle; it counts as started now.
    pub fn new(handle: Handle, clock: Clock) -> Self {
        Self {
            handle,
            started: clock.monotonic(),
            clock,
            rates: Rates::default(),
            looked: Mutex::default(),
        }
    }

    /// The metrics as they are now. Rates are of the time between the last two calls that were at least
    /// [`INTERVAL`] apart.
    ///
    /// # Errors
    /// When the executor has ended.
    pub async fn families(&self) -> Result<Vec<Family>, Gone> {
        let snapshot = self.handle.snapshot().await?;
        let now = self.clock.monotonic();
        if self.is_time_to_look(now) {
            let running = snapshot.status.tasks.iter();
            self.rates
                .look(running.map(|task| (task.attempt, &task.counters)));
        }
        let up = now.saturating_sub(self.started);
        let mut families = of_process(&snapshot, up);
        families.extend(self.tasks(&snapshot));
        Ok(families)
    }

    fn is_time_to_look(&self, now: Duration) -> bool {
        // Nothing can panic half-way under the lock.
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = looked.is_none_or(|looked| now.saturating_sub(looked) >= INTERVAL);
        if is_time {
            *looked = Some(now);
        }
        is_time
    }

    fn tasks(&self, snapshot: &Snapshot) -> Vec<Family> {
        let tasks = snapshot.status.tasks.iter().zip(&snapshot.owners);
        of_tasks(tasks.map(|(task, owner)| {
            let TaskReport { attempt, counters } = task;
            Task {
                tenant: &owner.job.tenant,
                attempt: *attempt,
                vertex: owner.vertex.0.clone(),
                name: &owner.vertex.1,
                counters,
                rate: self.rates.of(*attempt, counters),
            }
        }))
    }
}

/// The metrics of the process as a whole.
fn of_process(snapshot: &Snapshot, up: Duration) -> Vec<Family> {
    let Snapshot {
        status,
        slots,
        memory,
        network,
        ..
    } = snapshot;
    let (used, total) = status.network_buffers;
    let free_slots = (*slots as usize).saturating_sub(status.slots.len());
    let all = |bytes: u64| bytes.saturating_mul(u64::from(*slots)) as f64;
    let pools = [
        ("guest", memory.guest),
        ("cache", memory.cache),
        ("network", memory.network),
        ("state", memory.state),
    ];
    let pools = pools.map(|(pool, bytes)| (Labels::from([("pool", pool.to_owned())]), all(bytes)));
    let is_registered = u8::from(status.registration.is_some());
    let mut families = vec![
        Family::one(table::OWN_REGISTERED, f64::from(is_registered)),
        Family::one(table::OWN_SLOTS, f64::from(*slots)),
        Family::one(table::OWN_SLOTS_FREE, free_slots as f64),
        Family::one(table::OWN_TASKS, status.tasks.len() as f64),
        Family::of(table::OWN_MEMORY, pools),
        Family::one(table::OWN_RESIDENT, status.resident_bytes as f64),
        Family::one(table::OWN_UPTIME, up.as_secs_f64()),
        Family::one(table::OWN_BUFFERS, f64::from(total)),
        Family::one(table::OWN_BUFFERS_USED, f64::from(used)),
        Family::one(
            table::OWN_BUFFERS_FREE,
            f64::from(total.saturating_sub(used)),
        ),
    ];
    families.extend(NETWORK.iter().filter_map(|(name, metric)| {
        let (_, value) = network.iter().find(|(known, _)| known == name)?;
        Some(Family::one(metric, *value as f64))
    }));
    families
}

#[cfg(test)]
mod tests;
