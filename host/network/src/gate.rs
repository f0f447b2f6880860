//! The input of one task: n channels, one ordered wait.
//!
//! A task asks [`Gate::next`] until it has nothing, then waits on the signal that it gave to [`gate`].
//! Invariants: elements of one channel come in the order in which they were sent; a channel that has
//! something is served once before any other is served twice, so a busy channel starves none; each
//! channel ends with `EndOfPartition` or with [`ProducerLost`], and nothing comes after it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use wasmill_actor::Signal;
use wasmill_types::{Batch, Element};

use crate::exchange::{Exchange, Reason, Taken};
use crate::sender::Sender;

/// The consumer's end of n channels; dropping it makes the senders fail.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
}

/// A producer that went without having ended its channel: its task failed or was cancelled.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the producer of input channel {channel} is gone before its end{}", because(.reason))]
pub struct ProducerLost {
    /// The channel.
    pub channel: usize,
    /// Why, when it was not the producer's task that ended: the way to it broke. Nobody else reports
    /// that, so the consumer's task fails with it.
    pub reason: Option<Arc<str>>,
}

/// What the gate and its senders share.
#[derive(Debug)]
pub(crate) struct Shared {
    exchange: Mutex<Exchange>,
    /// Wakes the consumer.
    pub(crate) consumer: Signal,
}

/// Makes a gate and the sender of each of its channels.
///
/// A channel holds `capacity` elements and its end: `EndOfPartition` always finds a place, so that a
/// producer can leave without waiting for a slow consumer. `signal` is notified when something comes
/// after [`Gate::next`] had nothing.
///
/// # Panics
/// If `capacity` is 0: nothing could ever be sent.
pub fn gate(channels: usize, capacity: usize, signal: Signal) -> (Gate, Vec<Sender>) {
    assert!(capacity > 0, "a channel needs room for an element");
    let shared = Arc::new(Shared {
        exchange: Mutex::new(Exchange::new(channels, capacity)),
        consumer: signal,
    });
    let sender = |channel| Sender::new(Arc::clone(&shared), channel);
    let senders = (0..channels).map(sender).collect();
    (Gate { shared }, senders)
}

#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "a gate has one consumer, so taking from it needs it exclusively"
)]
impl Gate {
    /// The next element and its channel, or none when there is nothing to take now.
    ///
    /// Only after it returned none will the signal tell that something came.
    ///
    /// # Errors
    /// Once per channel, after its last element, when its producer went without having ended it.
    #[expect(
        clippy::should_implement_trait,
        reason = "none means nothing now, where an iterator would have ended"
    )]
    pub fn next(&mut self) -> Result<Option<(usize, Element)>, ProducerLost> {
        let taken = self.shared.lock().take();
        match taken {
            None => Ok(None),
            Some(Taken::Lost(channel, reason)) => Err(ProducerLost { channel, reason }),
            Some(Taken::Element(channel, element, wake)) => {
                if let Some(producer) = wake {
                    producer.notify();
                }
                Ok(Some((channel, element)))
            }
        }
    }

    /// The number of channels, ended ones included.
    pub fn channels(&self) -> usize {
        self.shared.lock().channels()
    }

    /// Stops taking from a channel until it is resumed; its producer can fill the queue meanwhile.
    pub fn pause(&mut self, channel: usize) {
        self.shared.lock().pause(channel);
    }

    /// Takes from a channel again. Does not notify the signal: the consumer itself calls it and asks
    /// [`Gate::next`] afterwards.
    pub fn resume(&mut self, channel: usize) {
        self.shared.lock().resume(channel);
    }

    /// Whether what comes next is a barrier.
    pub fn has_barrier(&self) -> bool {
        self.shared.lock().has_barrier()
    }

    /// The batches that the barrier which came last on a channel overtook on this side of the network.
    pub fn take_overtaken(&mut self, channel: usize) -> Vec<Batch> {
        self.shared.lock().take_overtaken(channel)
    }

    /// Gives the memory of a processed batch back to the producers.
    ///
    /// Kept are as many batches as a channel has room for and one per channel, none of them giant.
    pub fn recycle(&mut self, batch: Batch) {
        self.shared.recycle(batch);
    }

    /// Goes, and tells the senders why.
    pub fn fail(self, reason: Arc<str>) {
        self.shared.leave(Some(reason));
    }

    /// How many elements a channel holds.
    pub(crate) fn capacity(&self) -> usize {
        self.shared.lock().capacity()
    }

    /// What is notified when something comes.
    pub(crate) fn signal(&self) -> &Signal {
        &self.shared.consumer
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.leave(None);
    }
}

impl Shared {
    /// The consumer goes; only the first reason counts.
    fn leave(&self, reason: Reason) {
        let left = self.lock().drop_consumer(reason);
        left.waiting.iter().for_each(Signal::notify);
    }

    /// Gives the memory of a batch back to the producers.
    pub(crate) fn recycle(&self, mut batch: Batch) {
        batch.clear();
        let unkept = self.lock().keep_spare(batch);
        drop(unkept);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Exchange> {
        // Only a broken invariant panics under the lock; then the thread's panic fails its job, and the
        // others must still be able to leave.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a message, when there is a reason.
pub(crate) fn because(reason: &Reason) -> String {
    let text = reason.as_ref().map(|reason| format!(": {reason}"));
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests;
