//! A producer's end of one channel.
//!
//! A task's result partition holds one [`Sender`] per consumer. It either blocks in [`Sender::send`], or
//! asks [`Sender::notify_when_room`] and waits for several things at once. Invariants: elements are
//! queued in the order of the calls; nothing is sent after `EndOfPartition`; a sender dropped without it
//! shows at the gate as a lost producer.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use wasmill_actor::{CancelToken, Signal};
use wasmill_types::{Barrier, Batch, Element};

use crate::exchange::{Overtaking, Put, Reason};
use crate::gate::{Shared, because};

/// The producer's end of a channel.
pub struct Sender {
    shared: Arc<Shared>,
    channel: usize,
    /// Wakes this end while it blocks in `send`.
    room: Signal,
}

/// Why an element was not sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The task was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The consumer is gone.
    #[error("the consumer is gone{}", because(.reason))]
    ReceiverGone {
        /// Why, when it was not the consumer's task that ended: the way to it broke. Nobody else
        /// reports that, so the producer's task fails with it.
        reason: Option<Arc<str>>,
    },
}

/// Why an element was not sent at once; it comes back.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TrySendError {
    /// There is no room now.
    #[error("the channel is full")]
    Full(Element),
    /// The consumer is gone.
    #[error("the consumer is gone{}", because(.reason))]
    ReceiverGone {
        /// What was not sent.
        element: Element,
        /// See [`SendError::ReceiverGone`].
        reason: Option<Arc<str>>,
    },
}

#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "a channel has one producer, so sending needs its end exclusively"
)]
impl Sender {
    pub(crate) fn new(shared: Arc<Shared>, channel: usize) -> Self {
        Self {
            shared,
            channel,
            room: Signal::new(),
        }
    }

    /// Sends an element; while the channel is full, blocks until the consumer makes room, the consumer
    /// goes, or the token is cancelled. `EndOfPartition` finds room always.
    ///
    /// # Errors
    /// See [`SendError`]; the element is dropped then.
    ///
    /// # Panics
    /// After `EndOfPartition`.
    pub fn send(&mut self, element: Element, cancel: &CancelToken) -> Result<(), SendError> {
        if cancel.is_cancelled() {
            return Err(SendError::Cancelled);
        }
        match self.try_send(element) {
            Ok(()) => Ok(()),
            Err(TrySendError::ReceiverGone { reason, .. }) => {
                Err(SendError::ReceiverGone { reason })
            }
            Err(TrySendError::Full(element)) => self.send_blocking(element, cancel),
        }
    }

    /// Sends an element if there is room for it.
    ///
    /// # Errors
    /// See [`TrySendError`].
    ///
    /// # Panics
    /// After `EndOfPartition`.
    pub fn try_send(&mut self, element: Element) -> Result<(), TrySendError> {
        if self.put(element)? {
            self.wake();
        }
        Ok(())
    }

    /// Sends a barrier past everything that waits in the channel but earlier barriers; copies of the batches
    /// that it overtook. Never waits.
    ///
    /// # Errors
    /// When the consumer is gone.
    pub fn overtake(&mut self, barrier: Arc<Barrier>) -> Result<Vec<Batch>, SendError> {
        let overtaking = self.shared.lock().overtake(self.channel, barrier);
        match overtaking {
            Overtaking::Before { batches, .. } => {
                // Also one that waits for room in its own outputs has to look.
                self.wake();
                Ok(batches)
            }
            Overtaking::ConsumerGone(reason) => Err(SendError::ReceiverGone { reason }),
        }
    }

    /// As [`Sender::overtake`], for the end of a channel that comes from elsewhere: what was overtaken is
    /// kept for the consumer, which the caller wakes. Answers how many elements are behind the barrier; none
    /// when the consumer is gone.
    pub(crate) fn let_overtake(&mut self, barrier: Arc<Barrier>) -> Option<usize> {
        let mut exchange = self.shared.lock();
        match exchange.overtake(self.channel, barrier) {
            Overtaking::Before { batches, behind } => {
                exchange.keep_overtaken(self.channel, batches);
                Some(behind)
            }
            Overtaking::ConsumerGone(_) => None,
        }
    }

    /// As [`Sender::try_send`], but leaves it to the caller to wake the consumer; answers whether it has to.
    pub(crate) fn put(&mut self, element: Element) -> Result<bool, TrySendError> {
        let put = self.shared.lock().put(self.channel, element);
        match put {
            Put::Queued { wake_consumer } => Ok(wake_consumer),
            Put::Full(element) => Err(TrySendError::Full(element)),
            Put::ConsumerGone(element, reason) => {
                Err(TrySendError::ReceiverGone { element, reason })
            }
        }
    }

    /// Wakes the consumer after [`Sender::put`].
    pub(crate) fn wake(&self) {
        self.shared.consumer.notify();
    }

    /// Whether [`Sender::send`] would not block now. Room stays: nobody else sends on this channel.
    pub fn has_room(&self) -> bool {
        self.shared.lock().has_room(self.channel)
    }

    /// Notifies `signal` once when the channel has room or its consumer goes; at once if that is so now.
    ///
    /// Replaces an earlier wish; a [`Sender::send`] that blocks ends it. A full channel counts as having
    /// room once half of it is free.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        let has_room = self.shared.lock().want_room(self.channel, signal);
        if has_room {
            signal.notify();
        }
    }

    /// An empty batch whose memory the consumer has given back.
    pub fn spare(&mut self) -> Option<Batch> {
        self.shared.lock().take_spare()
    }

    /// Goes without having ended the channel, and tells the consumer why.
    pub fn fail(self, reason: Arc<str>) {
        self.leave(Some(reason));
    }

    /// How many elements the consumer has not taken; none when it is gone.
    pub(crate) fn queued(&self) -> Option<usize> {
        self.shared.lock().queued(self.channel)
    }

    /// Notifies `signal` once when fewer than `below` elements wait or the consumer goes; at once if
    /// that is so now. Replaces an earlier wish.
    pub(crate) fn notify_when_fewer(&mut self, below: usize, signal: &Signal) {
        let is_now = self.shared.lock().want_fewer(self.channel, below, signal);
        if is_now {
            signal.notify();
        }
    }

    /// What tells the gates of senders apart while they live.
    pub(crate) fn gate_address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    /// The channel ends here, before its end if that was not sent; only the first call counts.
    pub(crate) fn leave(&self, reason: Reason) {
        let wake_consumer = self.shared.lock().drop_producer(self.channel, reason);
        if wake_consumer {
            self.shared.consumer.notify();
        }
    }

    fn send_blocking(
        &mut self,
        mut element: Element,
        cancel: &CancelToken,
    ) -> Result<(), SendError> {
        let room = self.room.clone();
        let guard = cancel.on_cancel(move || room.notify());
        let outcome = loop {
            let room_now = self.shared.lock().want_room(self.channel, &self.room);
            if !room_now {
                self.room.wait(None);
            }
            if cancel.is_cancelled() {
                break Err(SendError::Cancelled);
            }
            // The wake-up may be an old one, so look again.
            match self.try_send(element) {
                Ok(()) => break Ok(()),
                Err(TrySendError::ReceiverGone { reason, .. }) => {
                    break Err(SendError::ReceiverGone { reason });
                }
                Err(TrySendError::Full(back)) => element = back,
            }
        };
        drop(guard);
        self.shared.lock().forget_room(self.channel);
        outcome
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.leave(None);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender(channel {})", self.channel)
    }
}
