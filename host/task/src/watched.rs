//! What other threads have of a running task.
//!
//! Invariant: its counters are read only, so the task never waits for who looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::TaskMetrics;
use crate::orders::Orders;

/// The counters of a task and what they mean.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The counters.
    pub metrics: Arc<TaskMetrics>,
    /// Where the records come from.
    pub role: Role,
    /// What it is told about checkpoints.
    pub orders: Orders,
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
