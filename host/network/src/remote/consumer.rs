//! The consumer's end of a remote channel: from the stream into the task's gate, and credit back as the
//! task takes what came.
//!
//! Invariants: a producer that sends beyond its credit loses its connection; what lies in the gate and
//! what may still come together fit into the channel's buffers, so batches find room in a gate that holds
//! as many elements; where events fill the gate, the stream waits and nothing else; the buffers stay the
//! channel's until the task has taken what is in them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use quinn::{ReadError, RecvStream};
use wasmill_actor::{CancelToken, Signal};
use wasmill_types::Element;

use super::channel::ChannelId;
use super::credit::Allotment;
use super::frame::{Decoded, Decoder, buffers_of_batch};
use super::link::{InUse, Outbox};
use super::metrics::Metrics;
use super::pool::{BufferPool, Floating, Reservation};
use super::wire::{CONSUMER_GONE, Wire};
use crate::sender::{Sender, TrySendError};

/// How many packets are taken from the transport at a time: some frames.
const PIECES: usize = 128;

/// The consumer's end of one channel.
pub(crate) struct Subscription {
    pub(crate) channel: ChannelId,
    pub(crate) sender: Sender,
    pub(crate) allotment: Allotment,
    /// The exclusive buffers and the use of the connection, until this is dropped.
    pub(crate) kept: (Reservation, InUse),
    pub(crate) floating: Floating,
    /// Notified when the task has taken something, when it is gone, and when floating buffers are free.
    pub(crate) signal: Signal,
    pub(crate) cancel: CancelToken,
}

/// A subscription whose stream has come.
pub(crate) struct Consumer {
    subscription: Subscription,
    tag: u32,
    wire: Arc<Wire>,
    outbox: Arc<Outbox>,
    pool: BufferPool,
    metrics: Arc<Metrics>,
    decoder: Decoder,
    /// The buffers of each element that the task has not taken, oldest first; of events none.
    untaken: VecDeque<u32>,
    /// The task has to be woken for what lies in the gate. Once for all that came together.
    wake: bool,
}

/// What the consumers of a connection share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) wire: Arc<Wire>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) pool: BufferPool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) max_record: u32,
}

/// How the channel ends.
enum Ended {
    /// With the end of the partition.
    Whole,
    /// Before it; why, when it was not the producer's task that ended.
    Lost(Option<Arc<str>>),
    /// Nobody takes from it any more.
    ConsumerGone,
}

/// What the next look at the gate waits for.
#[derive(Clone, Copy)]
enum Until {
    /// The next piece of the stream, or that the task takes something where nothing will come otherwise.
    More,
    /// That the task takes something.
    Taken,
}

impl Subscription {
    /// Ends a channel whose stream has not come.
    pub(crate) fn fail(self, reason: Arc<str>) {
        self.sender.fail(reason);
    }
}

impl Consumer {
    pub(crate) fn new(subscription: Subscription, tag: u32, around: Surroundings) -> Self {
        let Surroundings {
            wire,
            outbox,
            pool,
            metrics,
            max_record,
        } = around;
        Self {
            subscription,
            tag,
            wire,
            outbox,
            pool,
            metrics,
            decoder: Decoder::new(max_record),
            untaken: VecDeque::new(),
            wake: false,
        }
    }

    /// Moves what comes into the gate, until one of both ends or the attempt is over.
    pub(crate) async fn run(mut self, mut stream: RecvStream) {
        let cancel = self.subscription.cancel.clone();
        tokio::select! {
            biased;
            // Dropping the stream ends it for the producer.
            () = cancel.cancelled() => {}
            () = self.work(&mut stream) => {}
        }
        let overdraft = self.subscription.allotment.overdraft();
        self.pool.overdraw(overdraft, 0);
    }

    async fn work(&mut self, stream: &mut RecvStream) {
        match self.pump(stream).await {
            // Whatever the error says, the stream has ended already.
            Ended::ConsumerGone => drop(stream.stop(CONSUMER_GONE)),
            Ended::Whole => self.linger().await,
            Ended::Lost(reason) => {
                self.subscription.sender.leave(reason);
                self.linger().await;
            }
        }
    }

    async fn pump(&mut self, stream: &mut RecvStream) -> Ended {
        let signal = self.subscription.signal.clone();
        let mut pieces = [const { Bytes::new() }; PIECES];
        loop {
            if !self.settle(Until::More) {
                return Ended::ConsumerGone;
            }
            let read = tokio::select! {
                biased;
                () = signal.notified() => continue,
                read = stream.read_chunks(&mut pieces) => read,
            };
            let count = match read {
                Ok(Some(count)) => count,
                Ok(None) => return self.ended(None),
                Err(ReadError::ConnectionLost(error)) => {
                    return self.ended(Some(self.wire.lost(&error)));
                }
                Err(_) => return self.ended(None),
            };
            let mut ended = None;
            for piece in &mut pieces[..count] {
                let piece = std::mem::take(piece);
                if ended.is_none() {
                    ended = self.take_in(piece).await;
                }
            }
            self.wake();
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    /// Decodes a piece and delivers what is complete; answers when that was the last.
    async fn take_in(&mut self, mut piece: Bytes) -> Option<Ended> {
        loop {
            let decoded = match self.decoder.next(&mut piece) {
                Ok(Some(decoded)) => decoded,
                Ok(None) => return None,
                Err(error) => return Some(self.violated(&error)),
            };
            let (element, buffers) = match decoded {
                Decoded::Coming { buffers, backlog } => {
                    if let Some(ended) = self.fill(buffers, backlog) {
                        return Some(ended);
                    }
                    continue;
                }
                Decoded::Batch(batch) => {
                    self.metrics.received(batch.footprint());
                    let buffers = buffers_of_batch(&batch);
                    (Element::Batch(batch), buffers)
                }
                Decoded::Event(event) => (event, 0),
                Decoded::Lost(reason) => {
                    let reason = (!reason.is_empty()).then(|| reason.into());
                    return Some(Ended::Lost(reason));
                }
            };
            if !self.deliver(element, buffers).await {
                return Some(Ended::ConsumerGone);
            }
        }
    }

    /// A batch begins.
    fn fill(&mut self, buffers: u32, backlog: u32) -> Option<Ended> {
        let allotment = &mut self.subscription.allotment;
        let before = allotment.overdraft();
        if let Err(error) = allotment.fill(buffers, backlog) {
            return Some(self.violated(&error));
        }
        self.pool.overdraw(before, allotment.overdraft());
        self.decoder
            .reuse(self.subscription.sender.spare().unwrap_or_default());
        None
    }

    /// Puts an element into the gate; answers whether anybody will take it. Waits only where events have
    /// filled the gate.
    async fn deliver(&mut self, mut element: Element, buffers: u32) -> bool {
        if let Element::Barrier(barrier) = &element
            && barrier.overtakes()
        {
            let Some(behind) = self.subscription.sender.let_overtake(Arc::clone(barrier)) else {
                return false;
            };
            self.wake = true;
            // The barrier fills no buffer; what is behind it does, in the old order.
            let place = self.untaken.len().saturating_sub(behind);
            self.untaken.insert(place, 0);
            return true;
        }
        loop {
            match self.subscription.sender.put(element) {
                Ok(wake) => {
                    self.wake |= wake;
                    break;
                }
                Err(TrySendError::ReceiverGone { .. }) => return false,
                Err(TrySendError::Full(back)) => element = back,
            }
            self.wake();
            if !self.settle(Until::Taken) {
                return false;
            }
            self.subscription.signal.notified().await;
        }
        self.untaken.push_back(buffers);
        true
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.wake) {
            self.subscription.sender.wake();
        }
    }

    /// Turns what the task has taken into credit, and asks for floating buffers; answers whether the task
    /// is still there. The signal tells when to do it again.
    fn settle(&mut self, until: Until) -> bool {
        let Subscription {
            sender,
            allotment,
            floating,
            signal,
            ..
        } = &mut self.subscription;
        let Some(queued) = sender.queued() else {
            return false;
        };
        let taken = self.untaken.len().saturating_sub(queued);
        let buffers: u32 = self.untaken.drain(..taken).sum();
        let mut gained = 0;
        let before = allotment.overdraft();
        if buffers > 0 {
            let freed = allotment.drain(buffers, floating.others_wait());
            floating.give_back(freed.give_back);
            gained += freed.gained;
        }
        if !self.decoder.is_ended() {
            let granted = floating.borrow(allotment.wanted());
            gained += allotment.lend(granted);
            let announce = allotment.announce(gained);
            if announce > 0 {
                self.metrics.granted(announce);
                self.outbox.grant(self.tag, announce);
            }
        }
        self.pool.overdraw(before, allotment.overdraft());
        let below = match (until, queued) {
            // There is time until the next batch.
            (Until::More, _) if allotment.more_will_come() => 0,
            // The task may have taken all since the gate was full; then there is nothing to wait for.
            (Until::Taken, 0) => 1,
            // Few elements: each counts for the producer.
            (_, 0..=2) => queued,
            // Many: it has credit to go on with, and a wake-up per half of them is enough.
            _ => queued.div_ceil(2),
        };
        sender.notify_when_fewer(below, signal);
        true
    }

    /// Keeps the buffers until the task has taken what is in them.
    async fn linger(&mut self) {
        while self.settle(Until::Taken) && !self.untaken.is_empty() {
            self.subscription.signal.notified().await;
        }
    }

    /// The stream has ended, because of a connection that was lost if there is a reason.
    fn ended(&self, reason: Option<Arc<str>>) -> Ended {
        if self.decoder.is_ended() {
            Ended::Whole
        } else {
            Ended::Lost(reason)
        }
    }

    fn violated(&self, error: &dyn std::error::Error) -> Ended {
        let channel = self.subscription.channel;
        let reason = self
            .wire
            .violated(format_args!("channel {channel}: {error}"));
        Ended::Lost(Some(reason))
    }
}
