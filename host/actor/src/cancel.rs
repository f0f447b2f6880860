//! How a thread is asked to stop.
//!
//! A job makes one [`CancelToken`] and hands clones to its tasks, which ask it between batches and
//! register a wake-up where they block. Invariant: a callback runs once if the token is cancelled while
//! its guard lives, and never otherwise.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::signal::Signal;

/// A flag that turns once, and can call those who wait for it; clones are the same flag.
#[derive(Clone, Default)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

/// Keeps a callback registered; dropping it takes the callback back.
///
/// A callback that has already begun on the cancelling thread may still be running when the drop returns.
#[must_use = "dropping the guard takes the callback back"]
pub struct CancelGuard {
    token: CancelToken,
    /// None when the callback ran at registration.
    id: Option<u64>,
}

type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    callbacks: Mutex<Callbacks>,
}

/// Bounded by the guards alive: a few per task.
#[derive(Default)]
struct Callbacks {
    next_id: u64,
    registered: Vec<(u64, Callback)>,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether somebody asked to stop. Costs one atomic load.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::Acquire)
    }

    /// Asks to stop: runs the registered callbacks, in the order of their registration, on this thread.
    /// Later calls do nothing.
    pub fn cancel(&self) {
        let registered = {
            let mut callbacks = self.callbacks();
            // Set under the lock: a registration comes either before, and is taken here, or after, and
            // sees the flag.
            if self.inner.cancelled.swap(true, Ordering::AcqRel) {
                return;
            }
            std::mem::take(&mut callbacks.registered)
        };
        for (_, callback) in registered {
            callback();
        }
    }

    /// Runs `callback` when the token is cancelled, at once if it already is.
    ///
    /// It should only wake somebody: it runs on the cancelling thread, before the callbacks of others.
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> CancelGuard {
        let mut callbacks = self.callbacks();
        let id = if self.is_cancelled() {
            drop(callbacks);
            callback();
            None
        } else {
            let id = callbacks.next_id;
            callbacks.next_id += 1;
            callbacks.registered.push((id, Box::new(callback)));
            Some(id)
        };
        CancelGuard {
            token: self.clone(),
            id,
        }
    }

    /// Waits, without blocking the thread, until the token is cancelled.
    pub async fn cancelled(&self) {
        let signal = Signal::new();
        let waker = signal.clone();
        let _registered = self.on_cancel(move || waker.notify());
        signal.notified().await;
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        // Callbacks run outside the lock, so nothing panics under it.
        let callbacks = &self.inner.callbacks;
        callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let taken_back = {
            let registered = &mut self.token.callbacks().registered;
            let position = registered.iter().position(|(other, _)| *other == id);
            position.map(|index| registered.remove(index))
        };
        // Outside the lock, for what the callback captured may run code of its own when dropped.
        drop(taken_back);
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_cancelled() {
            "cancelled"
        } else {
            "live"
        };
        write!(f, "CancelToken({state})")
    }
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelGuard")
    }
}

#[cfg(test)]
mod tests;
