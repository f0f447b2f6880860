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
use wasmill_types::{Batch, Element};

use crate::exchange::Put;
use crate::gate::Shared;

/// The producer's end of a channel.
pub struct Sender {
    shared: Arc<Shared>,
    channel: usize,
    /// Wakes this end while it blocks in `send`.
    room: Signal,
}

/// Why an element was not sent.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The task was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The consumer is gone: its task failed or was cancelled.
    #[error("the consumer is gone")]
    ReceiverGone,
}

/// Why an element was not sent at once; it comes back.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TrySendError {
    /// There is no room now.
    #[error("the channel is full")]
    Full(Element),
    /// The consumer is gone: its task failed or was cancelled.
    #[error("the consumer is gone")]
    ReceiverGone(Element),
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
            Err(TrySendError::ReceiverGone(_)) => Err(SendError::ReceiverGone),
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
        let put = self.shared.lock().put(self.channel, element);
        match put {
            Put::Queued { wake_consumer } => {
                if wake_consumer {
                    self.shared.consumer.notify();
                }
                Ok(())
            }
            Put::Full(element) => Err(TrySendError::Full(element)),
            Put::ConsumerGone(element) => Err(TrySendError::ReceiverGone(element)),
        }
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
                Err(TrySendError::ReceiverGone(_)) => break Err(SendError::ReceiverGone),
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
        let wake_consumer = self.shared.lock().drop_producer(self.channel);
        if wake_consumer {
            self.shared.consumer.notify();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender(channel {})", self.channel)
    }
}
