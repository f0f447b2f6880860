//! The queues between the producers of one gate and its consumer: the decisions, without the waiting.
//!
//! [`crate::gate`] and [`crate::sender`] call it under one lock and do what the answers say: wake a
//! thread, or wait. One lock for all channels is enough: it is held for some tens of nanoseconds per
//! element, and an element is a batch of some ten kilobytes.
//!
//! Invariants: a channel is in `ready` exactly when it has something to take and is not paused, and then
//! once; a queue never exceeds its capacity by more than the one slot of the channel's end.

use std::collections::VecDeque;

use wasmill_actor::Signal;
use wasmill_types::{Batch, Element};

/// A batch with more memory than this is not kept for reuse: one giant record must not hold its memory
/// for ever.
const MAX_SPARE_BYTES: usize = 256 << 10;

/// The channels of one gate.
#[derive(Debug)]
pub(crate) struct Exchange {
    channels: Vec<Channel>,
    /// The channels that have something to take, in the order in which they are served.
    ready: VecDeque<usize>,
    /// Elements per channel.
    capacity: usize,
    consumer_gone: bool,
    spares: Vec<Batch>,
    max_spares: usize,
}

#[derive(Debug)]
struct Channel {
    queue: VecDeque<Element>,
    producer: Producer,
    paused: bool,
    /// Whom to wake when there is room again; the producer's thread, so at most one.
    wants_room: Option<Signal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Producer {
    /// More may come.
    Live,
    /// The end of the partition was put or taken; nothing comes.
    Ended,
    /// It went without the end of the partition; the consumer has yet to hear it.
    Lost,
}

/// What a producer finds.
#[derive(Debug)]
pub(crate) enum Put {
    /// The element is in its queue; whether the consumer, having seen nothing, has to look again.
    Queued { wake_consumer: bool },
    /// There is no room.
    Full(Element),
    /// Nobody will ever take it.
    ConsumerGone(Element),
}

/// What the consumer finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The next element of a channel, and who waited for the room that it leaves.
    Element(usize, Element, Option<Signal>),
    /// The producer of a channel is gone without the end of its partition.
    Lost(usize),
}

/// What a consumer leaves behind.
#[derive(Debug)]
#[expect(
    dead_code,
    reason = "queues and spares are here to be dropped outside the lock"
)]
pub(crate) struct Left {
    /// Who waits for room and has to be woken.
    pub(crate) waiting: Vec<Signal>,
    queues: Vec<VecDeque<Element>>,
    spares: Vec<Batch>,
}

impl Exchange {
    pub(crate) fn new(channels: usize, capacity: usize) -> Self {
        let channel = || Channel {
            queue: VecDeque::with_capacity(capacity + 1),
            producer: Producer::Live,
            paused: false,
            wants_room: None,
        };
        let max_spares = capacity + channels;
        Self {
            channels: std::iter::repeat_with(channel).take(channels).collect(),
            ready: VecDeque::with_capacity(channels),
            capacity,
            consumer_gone: false,
            spares: Vec::with_capacity(max_spares),
            max_spares,
        }
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Puts an element at the end of a channel.
    pub(crate) fn put(&mut self, channel: usize, element: Element) -> Put {
        if self.consumer_gone {
            return Put::ConsumerGone(element);
        }
        let state = &mut self.channels[channel];
        assert_eq!(state.producer, Producer::Live, "nothing follows the end");
        if matches!(element, Element::EndOfPartition) {
            state.producer = Producer::Ended;
        } else if state.queue.len() >= self.capacity {
            return Put::Full(element);
        }
        state.queue.push_back(element);
        let wake_consumer = self.came(channel);
        Put::Queued { wake_consumer }
    }

    /// Whether a channel takes an element now, or refuses it at once because the consumer is gone.
    pub(crate) fn has_room(&self, channel: usize) -> bool {
        self.consumer_gone || self.channels[channel].queue.len() < self.capacity
    }

    /// Notes whom to wake when a channel has room; answers whether it has some now.
    pub(crate) fn want_room(&mut self, channel: usize, signal: &Signal) -> bool {
        let has_room = self.has_room(channel);
        self.channels[channel].wants_room = (!has_room).then(|| signal.clone());
        has_room
    }

    /// Nobody wants to know about room any more.
    pub(crate) fn forget_room(&mut self, channel: usize) {
        self.channels[channel].wants_room = None;
    }

    /// The producer is gone; answers whether the consumer has to look again.
    pub(crate) fn drop_producer(&mut self, channel: usize) -> bool {
        let state = &mut self.channels[channel];
        state.wants_room = None;
        if state.producer != Producer::Live || self.consumer_gone {
            return false;
        }
        state.producer = Producer::Lost;
        self.came(channel)
    }

    /// Takes the next element: of the channel that has waited longest since it was last served.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let channel = self.ready.pop_front()?;
        let state = &mut self.channels[channel];
        let Some(element) = state.queue.pop_front() else {
            assert_eq!(state.producer, Producer::Lost, "only loss is no element");
            state.producer = Producer::Ended;
            return Some(Taken::Lost(channel));
        };
        // The producer is woken when half of the queue is free, not at the first free slot: then it
        // sends several elements per wake-up, and a wake-up costs more than an element's hand-over.
        let wake = if state.queue.len() <= self.capacity / 2 {
            state.wants_room.take()
        } else {
            None
        };
        if state.has_something() {
            self.ready.push_back(channel);
        }
        Some(Taken::Element(channel, element, wake))
    }

    pub(crate) fn pause(&mut self, channel: usize) {
        self.channels[channel].paused = true;
        self.ready.retain(|other| *other != channel);
    }

    pub(crate) fn resume(&mut self, channel: usize) {
        let state = &mut self.channels[channel];
        if std::mem::take(&mut state.paused) && state.has_something() {
            self.ready.push_back(channel);
        }
    }

    /// The consumer is gone; what it leaves is dropped by the caller, outside the lock.
    pub(crate) fn drop_consumer(&mut self) -> Left {
        self.consumer_gone = true;
        self.ready.clear();
        let mut left = Left {
            waiting: Vec::new(),
            queues: Vec::with_capacity(self.channels.len()),
            spares: std::mem::take(&mut self.spares),
        };
        for channel in &mut self.channels {
            left.waiting.extend(channel.wants_room.take());
            left.queues.push(std::mem::take(&mut channel.queue));
        }
        left
    }

    /// Keeps an emptied batch for a producer; gives it back when it is not worth keeping.
    pub(crate) fn keep_spare(&mut self, batch: Batch) -> Option<Batch> {
        if self.spares.len() >= self.max_spares || memory_of(&batch) > MAX_SPARE_BYTES {
            return Some(batch);
        }
        self.spares.push(batch);
        None
    }

    pub(crate) fn take_spare(&mut self) -> Option<Batch> {
        self.spares.pop()
    }

    /// Something came into a channel; answers whether it is the only thing that can be taken, so that a
    /// consumer which found nothing before has to look again.
    fn came(&mut self, channel: usize) -> bool {
        let state = &self.channels[channel];
        // More than this one thing: then the channel is in `ready` already.
        let was_empty = match state.producer {
            Producer::Lost => state.queue.is_empty(),
            Producer::Live | Producer::Ended => state.queue.len() == 1,
        };
        if state.paused || !was_empty {
            return false;
        }
        self.ready.push_back(channel);
        self.ready.len() == 1
    }
}

impl Channel {
    fn has_something(&self) -> bool {
        !self.queue.is_empty() || self.producer == Producer::Lost
    }
}

/// The bytes that a batch's columns hold allocated.
fn memory_of(batch: &Batch) -> usize {
    batch.data.capacity()
        + batch.ends.capacity() * size_of::<u32>()
        + batch.hashes.capacity() * size_of::<u32>()
        + batch.timestamps.capacity() * size_of::<i64>()
}
