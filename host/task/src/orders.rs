//! What a task is told from outside about checkpoints, while it runs.
//!
//! The TaskManager puts orders in, the task takes them out between two elements. Invariants: the task
//! looks at one flag when there is nothing; what waits is bounded, and the newest stays.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmill_actor::Signal;
use wasmill_types::Barrier;
use wasmill_types::id::CheckpointId;

/// How many orders wait at most: some per checkpoint that is under way.
const MAX_ORDERS: usize = 1_024;

/// Something that a task is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A checkpoint starts here.
    Trigger(Arc<Barrier>),
    /// A checkpoint is complete.
    Complete(CheckpointId),
    /// A checkpoint was given up.
    Aborted(CheckpointId),
}

/// The orders of one task; clones are the same.
#[derive(Debug, Clone)]
pub struct Orders(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: Mutex<VecDeque<Order>>,
    has_some: AtomicBool,
    /// Wakes the task.
    signal: Signal,
}

impl Orders {
    /// None wait; the signal is the task's.
    pub fn new(signal: Signal) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::default(),
            has_some: AtomicBool::new(false),
            signal,
        }))
    }

    /// Tells the task something.
    pub fn give(&self, order: Order) {
        let mut waiting = self.waiting();
        if waiting.len() == MAX_ORDERS {
            waiting.pop_front();
        }
        waiting.push_back(order);
        self.0.has_some.store(true, Ordering::Release);
        drop(waiting);
        self.0.signal.notify();
    }

    /// Whether something waits.
    #[inline]
    pub fn has_some(&self) -> bool {
        self.0.has_some.load(Ordering::Acquire)
    }

    /// The oldest order.
    pub fn take(&self) -> Option<Order> {
        let mut waiting = self.waiting();
        let order = waiting.pop_front();
        self.0
            .has_some
            .store(!waiting.is_empty(), Ordering::Release);
        order
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Order>> {
        // Nothing panics under this lock.
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_orders_stay() {
        let orders = Orders::new(Signal::new());
        assert!(!orders.has_some());
        for id in 0..MAX_ORDERS as u64 + 2 {
            orders.give(Order::Complete(CheckpointId(id)));
        }
        assert_eq!(orders.take(), Some(Order::Complete(CheckpointId(2))));
        while orders.take().is_some() {}
        assert!(!orders.has_some());
    }
}
