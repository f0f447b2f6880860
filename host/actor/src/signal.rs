//! The wake-up of one waiting thread, or of one waiting future.
//!
//! A task has one [`Signal`]; its gate, its outputs, its timers and its cancellation all notify it, and
//! the task waits nowhere else. Where the other side of a channel is the network, a future waits in
//! place of a thread. Invariant: a notification is never lost. One that comes while nobody
//! waits makes the next wait return at once, and everything that the notifier wrote before
//! [`Signal::notify`] is visible to the waiter afterwards.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::Clock;

/// Nobody waits, nothing is pending.
const IDLE: u8 = 0;
/// A notification is pending.
const NOTIFIED: u8 = 1;
/// The waiting thread sleeps, or is about to while it holds the lock.
const WAITING: u8 = 2;
/// A future waits, and its waker is in its place.
const POLLED: u8 = 3;

/// A handle on a wake-up; cheap to clone, and clones are the same wake-up.
///
/// Any number of threads may notify; one thread at a time may wait, or one future ([`Signal::notified`]),
/// and a signal is waited for by threads only or by futures only.
#[derive(Clone, Default)]
pub struct Signal {
    inner: Arc<Inner>,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There was a notification; several may have become one.
    Notified,
    /// The time was over.
    TimedOut,
}

#[derive(Default)]
struct Inner {
    state: AtomicU8,
    /// Held from `WAITING` until the sleep begins, so that a notifier cannot slip in between; has the
    /// waker of a future that waits.
    sleep: Mutex<Option<Waker>>,
    wake: Condvar,
}

impl Signal {
    /// A signal without a pending notification.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiting thread, or makes the next wait return at once.
    ///
    /// Costs one atomic exchange when nobody waits.
    pub fn notify(&self) {
        // An exchange and not a load that skips when NOTIFIED is there already: only a write puts this
        // call into the order of the state's changes, so that the waiter which takes NOTIFIED sees what
        // was written before the call, or finds NOTIFIED again the next time.
        match self.inner.state.swap(NOTIFIED, Ordering::AcqRel) {
            WAITING => {
                // The waiter may hold the lock and not sleep yet; taking the lock waits until it does.
                drop(self.lock());
                self.inner.wake.notify_one();
            }
            POLLED => {
                let waker = self.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            _ => {}
        }
    }

    /// Waits for a notification, at most `timeout` if there is one.
    ///
    /// # Panics
    /// If another thread is waiting.
    pub fn wait(&self, timeout: Option<Duration>) -> Woken {
        let state = &self.inner.state;
        if self.take() {
            return Woken::Notified;
        }
        if timeout == Some(Duration::ZERO) {
            return Woken::TimedOut;
        }
        let guard = self.lock();
        match state.compare_exchange(IDLE, WAITING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {}
            Err(found) => {
                assert_eq!(found, NOTIFIED, "only one thread waits on a signal");
                drop(guard);
                return self.take_pending();
            }
        }
        let asleep = |_: &mut Option<Waker>| state.load(Ordering::Acquire) == WAITING;
        let guard = match timeout {
            None => self
                .inner
                .wake
                .wait_while(guard, asleep)
                .unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.inner
                    .wake
                    .wait_timeout_while(guard, timeout, asleep)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        drop(guard);
        self.take_pending()
    }

    /// Waits for a notification until `clock` shows `deadline` (see [`Clock::monotonic`]).
    ///
    /// Moving a manual clock notifies, so a wait may end before its deadline without another cause: the
    /// caller looks again at everything it waits for.
    ///
    /// # Panics
    /// If another thread is waiting.
    pub fn wait_until(&self, clock: &Clock, deadline: Duration) -> Woken {
        clock.block_until(deadline, self, |timeout| self.wait(timeout))
    }

    /// Waits for a notification without blocking the thread.
    ///
    /// May be dropped at any time: a notification that it did not return is found by the next one.
    pub async fn notified(&self) {
        poll_fn(|context| self.poll_notified(context)).await;
    }

    fn poll_notified(&self, context: &Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        // The waker is there before the state says so: whoever finds `POLLED` finds it. A future that
        // waits for several things is polled again and again by the same task, whose waker is there then.
        let mut place = self.lock();
        if !matches!(&*place, Some(waker) if waker.will_wake(context.waker())) {
            *place = Some(context.waker().clone());
        }
        drop(place);
        let state = &self.inner.state;
        match state.compare_exchange(IDLE, POLLED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(POLLED) => Poll::Pending,
            Err(_) => {
                self.take_pending();
                Poll::Ready(())
            }
        }
    }

    /// Whether both are the same wake-up.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Takes a pending notification without touching anything else.
    fn take(&self) -> bool {
        let state = &self.inner.state;
        state
            .compare_exchange(NOTIFIED, IDLE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Leaves the wait: whatever the state was, nobody waits any more.
    fn take_pending(&self) -> Woken {
        match self.inner.state.swap(IDLE, Ordering::AcqRel) {
            NOTIFIED => Woken::Notified,
            _ => Woken::TimedOut,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        // Nothing that can panic half-way happens under the lock.
        let sleep = &self.inner.sleep;
        sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.inner.state.load(Ordering::Relaxed) {
            NOTIFIED => "notified",
            WAITING | POLLED => "waiting",
            _ => "idle",
        };
        write!(f, "Signal({state})")
    }
}

#[cfg(test)]
mod tests;
