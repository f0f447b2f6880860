//! The network memory of a TaskManager: one bounded number of buffers that all channels share.
//!
//! A channel's exclusive buffers are reserved when it opens and stay its own; floating buffers are lent
//! to the gates, a few to each, where their channels need them (semantics §13.2). The pool counts, the
//! batches themselves are ordinary memory. Invariants: never more is lent than there is; whoever waits
//! for a floating buffer is woken in turn when one comes back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use wasmill_actor::Signal;
use wasmill_types::size::ByteSize;

/// The memory that one buffer stands for, in bytes: 32 KiB of records (semantics §13.5) and a quarter of
/// that for what comes on top, the columns beside the data and the record that filled the frame.
pub const BUFFER_BYTES: usize = 40 << 10;

/// How many floating buffers the channels of a gate share (semantics §13.2).
pub const FLOATING_PER_GATE: u32 = 8;

/// The bounded network memory of one TaskManager; cheap to clone, and clones are the same memory.
#[derive(Debug, Clone)]
pub struct BufferPool {
    inner: Arc<Inner>,
}

/// The pool cannot give a new channel its buffers.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "{what} needs {needed} network buffers of {}, {available} of {total} are free; raise \
     `network.memory`, of which {memory} are for buffers, or lower the parallelism",
    ByteSize(BUFFER_BYTES as u64)
)]
pub struct PoolExhausted {
    /// What was to be opened.
    pub what: String,
    /// The buffers that it needs.
    pub needed: u32,
    /// The buffers that are free.
    pub available: u32,
    /// The buffers that there are.
    pub total: u32,
    /// The memory of all buffers.
    pub memory: ByteSize,
}

/// Buffers that belong to one channel until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the buffers back"]
pub(crate) struct Reservation {
    pool: BufferPool,
    buffers: u32,
}

/// One channel's access to the floating buffers of its gate; dropping it gives back what it was lent.
#[derive(Debug)]
pub(crate) struct Floating {
    pool: BufferPool,
    gate: usize,
    /// Wakes the channel when buffers are free for which it waits.
    signal: Signal,
    is_waiting: Arc<AtomicBool>,
    lent: u32,
}

#[derive(Debug)]
struct Inner {
    total: u32,
    memory: ByteSize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_use: u32,
    /// Giant batches that exceed the buffers of their channels, in buffers. At most one batch per channel
    /// overdraws at a time, and the largest record bounds a batch.
    overdrawn: u64,
    gates: HashMap<usize, GateUse>,
    /// The gates whose channels found the pool empty; each at most once.
    starved: VecDeque<usize>,
}

/// What the channels of one gate have together.
#[derive(Debug, Default)]
struct GateUse {
    channels: u32,
    lent: u32,
    /// The channels that wait for a floating buffer; each at most once.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    signal: Signal,
    /// Tells the channel that it is no longer in the queue.
    is_waiting: Arc<AtomicBool>,
}

impl BufferPool {
    /// A pool of as many buffers as fit into this memory.
    pub fn new(memory: ByteSize) -> Self {
        let total = memory.0 / BUFFER_BYTES as u64;
        Self {
            inner: Arc::new(Inner {
                total: u32::try_from(total).unwrap_or(u32::MAX),
                memory,
                state: Mutex::default(),
            }),
        }
    }

    /// The number of buffers.
    pub fn total(&self) -> u32 {
        self.inner.total
    }

    /// The number of buffers that are reserved or lent.
    pub fn in_use(&self) -> u32 {
        self.lock().in_use
    }

    /// By how many buffers giant batches exceed the buffers of their channels now.
    pub fn overdrawn(&self) -> u64 {
        self.lock().overdrawn
    }

    /// Reserves buffers for a channel; `what` names it in the error.
    pub(crate) fn reserve(&self, buffers: u32, what: &str) -> Result<Reservation, PoolExhausted> {
        let mut state = self.lock();
        let available = self.inner.total - state.in_use;
        if buffers > available {
            return Err(PoolExhausted {
                what: what.to_owned(),
                needed: buffers,
                available,
                total: self.inner.total,
                memory: self.inner.memory,
            });
        }
        state.in_use += buffers;
        drop(state);
        Ok(Reservation {
            pool: self.clone(),
            buffers,
        })
    }

    /// Lets a channel of a gate borrow the gate's floating buffers; `signal` tells it to ask again.
    pub(crate) fn floating(&self, gate: usize, signal: Signal) -> Floating {
        self.lock().gates.entry(gate).or_default().channels += 1;
        Floating {
            pool: self.clone(),
            gate,
            signal,
            is_waiting: Arc::default(),
            lent: 0,
        }
    }

    /// Counts what a giant batch exceeds its channel's buffers by, before and after a change.
    pub(crate) fn overdraw(&self, before: u64, after: u64) {
        if before != after {
            let mut state = self.lock();
            state.overdrawn = (state.overdrawn + after).saturating_sub(before);
        }
    }

    /// Takes buffers back from a gate, if they were floating, and wakes those who may have them.
    fn give_back(&self, state: &mut State, gate: Option<usize>, buffers: u32) {
        assert!(state.in_use >= buffers, "only what was taken comes back");
        state.in_use -= buffers;
        let mut free = self.inner.total - state.in_use;
        // The gate's own share first; then those that found the pool empty, in turn.
        if let Some(gate) = gate {
            free = state.wake(gate, free);
        }
        for _ in 0..state.starved.len() {
            let Some(starved) = state.starved.pop_front().filter(|_| free > 0) else {
                return;
            };
            free = state.wake(starved, free);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only a broken invariant panics under the lock; then the channel fails, and the others must
        // still be able to give back.
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes the channels of a gate that may have one of `free` buffers each; answers how many are left.
    fn wake(&mut self, gate: usize, mut free: u32) -> u32 {
        let Some(gate) = self.gates.get_mut(&gate) else {
            return free;
        };
        let mut share = FLOATING_PER_GATE - gate.lent;
        while free.min(share) > 0 {
            let Some(waiting) = gate.waiting.pop_front() else {
                break;
            };
            waiting.is_waiting.store(false, Ordering::Release);
            waiting.signal.notify();
            free -= 1;
            share -= 1;
        }
        free
    }
}

impl Floating {
    /// Borrows up to `wanted` buffers. When it gets fewer, its signal tells when to ask again; until then
    /// it gets none.
    pub(crate) fn borrow(&mut self, wanted: u32) -> u32 {
        if wanted == 0 || self.is_waiting.load(Ordering::Acquire) {
            return 0;
        }
        let mut state = self.pool.lock();
        let free = self.pool.inner.total - state.in_use;
        let gate = state.gates.entry(self.gate).or_default();
        let share = FLOATING_PER_GATE - gate.lent;
        let granted = wanted.min(free).min(share);
        gate.lent += granted;
        self.lent += granted;
        if granted < wanted {
            self.is_waiting.store(true, Ordering::Release);
            gate.waiting.push_back(Waiting {
                signal: self.signal.clone(),
                is_waiting: Arc::clone(&self.is_waiting),
            });
        }
        state.in_use += granted;
        if granted < wanted && granted < share && !state.starved.contains(&self.gate) {
            state.starved.push_back(self.gate);
        }
        granted
    }

    /// Gives borrowed buffers back.
    pub(crate) fn give_back(&mut self, buffers: u32) {
        if buffers == 0 {
            return;
        }
        self.lent -= buffers;
        let mut state = self.pool.lock();
        if let Some(gate) = state.gates.get_mut(&self.gate) {
            gate.lent -= buffers;
        }
        self.pool.give_back(&mut state, Some(self.gate), buffers);
    }

    /// Whether another channel waits for a floating buffer.
    pub(crate) fn others_wait(&self) -> bool {
        let state = self.pool.lock();
        let waiting = state
            .gates
            .get(&self.gate)
            .map_or(0, |gate| gate.waiting.len());
        let own = usize::from(self.is_waiting.load(Ordering::Acquire));
        waiting > own || state.starved.iter().any(|gate| *gate != self.gate)
    }
}

impl Drop for Floating {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(gate) = state.gates.get_mut(&self.gate) {
            let own = &self.is_waiting;
            gate.waiting
                .retain(|waiting| !Arc::ptr_eq(&waiting.is_waiting, own));
            gate.lent -= self.lent;
            gate.channels -= 1;
            if gate.channels == 0 {
                state.gates.remove(&self.gate);
                state.starved.retain(|starved| *starved != self.gate);
            }
        }
        // Also with nothing lent: a wake-up that was meant for this channel must reach another.
        self.pool.give_back(&mut state, Some(self.gate), self.lent);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        self.pool.give_back(&mut state, None, self.buffers);
    }
}

#[cfg(test)]
mod tests;
