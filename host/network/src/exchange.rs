//! The queues between the producers of one gate and its consumer: the decisions, without the waiting.
//!
//! [`crate::gate`] and [`crate::sender`] call it under one lock and do what the answers say: wake a
//! thread, or wait. One lock for all channels is enough: it is held for some tens of nanoseconds per
//! element, and an element is a batch of some ten kilobytes.
//!
//! Invariants: a channel is in `ready` exactly when it has something to take and is not paused, and then
//! once; a queue never exceeds its capacity by more than the one slot of the channel's end, and one for each
//! barrier that overtook.

use std::collections::VecDeque;
use std::sync::Arc;

use wasmill_actor::Signal;
use wasmill_types::{Barrier, Batch, Element};

/// A batch with more memory than this is not kept for reuse: one giant record must not hold its memory
/// for ever.
const MAX_SPARE_BYTES: usize = 256 << 10;

/// Why the other side of a channel went, where it is known; without it, its task ended by itself.
pub(crate) type Reason = Option<Arc<str>>;

/// The channels of one gate.
#[derive(Debug)]
pub(crate) struct Exchange {
    channels: Vec<Channel>,
    /// The channels that have something to take, in the order in which they are served.
    ready: VecDeque<usize>,
    /// Elements per channel.
    capacity: usize,
    consumer: Consumer,
    /// The elements in all queues.
    total_queued: usize,
    spares: Vec<Batch>,
    max_spares: usize,
}

#[derive(Debug)]
struct Channel {
    queue: VecDeque<Element>,
    producer: Producer,
    paused: bool,
    /// Whom to wake when there is room again; the producer, so at most one.
    wish: Option<Wish>,
    /// What the last barrier overtook that came from elsewhere, until the consumer asks; no more than the
    /// queue has held.
    overtaken: Vec<Batch>,
}

/// A producer that waits for its channel to empty.
#[derive(Debug)]
struct Wish {
    signal: Signal,
    /// Wakes when fewer elements than these are left; at 0 only when the consumer goes.
    below: usize,
}

#[derive(Debug)]
enum Consumer {
    Live,
    Gone(Reason),
}

#[derive(Debug, PartialEq, Eq)]
enum Producer {
    /// More may come.
    Live,
    /// The end of the partition was put or taken; nothing comes.
    Ended,
    /// It went without the end of the partition; the consumer has yet to hear it.
    Lost(Reason),
}

/// What a producer finds.
#[derive(Debug)]
pub(crate) enum Put {
    /// The element is in its queue; whether the consumer, having seen nothing, has to look again.
    Queued { wake_consumer: bool },
    /// There is no room.
    Full(Element),
    /// Nobody will ever take it.
    ConsumerGone(Element, Reason),
}

/// What a barrier found that overtakes.
#[derive(Debug)]
pub(crate) enum Overtaking {
    /// It is in its queue, before these batches.
    Before {
        /// Copies of them.
        batches: Vec<Batch>,
        /// How many elements there are behind it.
        behind: usize,
    },
    /// Nobody will ever take it.
    ConsumerGone(Reason),
}

/// What the consumer finds.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The next element of a channel, and who waited for the room that it leaves.
    Element(usize, Element, Option<Signal>),
    /// The producer of a channel is gone without the end of its partition.
    Lost(usize, Reason),
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
            wish: None,
            overtaken: Vec::new(),
        };
        let max_spares = capacity + channels;
        Self {
            channels: std::iter::repeat_with(channel).take(channels).collect(),
            ready: VecDeque::with_capacity(channels),
            capacity,
            consumer: Consumer::Live,
            total_queued: 0,
            spares: Vec::with_capacity(max_spares),
            max_spares,
        }
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts an element at the end of a channel.
    pub(crate) fn put(&mut self, channel: usize, element: Element) -> Put {
        if let Consumer::Gone(reason) = &self.consumer {
            return Put::ConsumerGone(element, reason.clone());
        }
        let state = &mut self.channels[channel];
        assert_eq!(state.producer, Producer::Live, "nothing follows the end");
        if matches!(element, Element::EndOfPartition) {
            state.producer = Producer::Ended;
        } else if state.queue.len() >= self.capacity {
            return Put::Full(element);
        }
        state.queue.push_back(element);
        self.total_queued += 1;
        let wake_consumer = self.came(channel);
        Put::Queued { wake_consumer }
    }

    /// Puts a barrier before everything in a channel but earlier barriers; whether there is room does not
    /// matter. Behind the end of the data it stays in order: what comes before that is soon gone.
    pub(crate) fn overtake(&mut self, channel: usize, barrier: Arc<Barrier>) -> Overtaking {
        if let Consumer::Gone(reason) = &self.consumer {
            return Overtaking::ConsumerGone(reason.clone());
        }
        let state = &mut self.channels[channel];
        assert_eq!(state.producer, Producer::Live, "nothing follows the end");
        let stays = |element: &Element| matches!(element, Element::EndOfData | Element::Barrier(_));
        let place = state
            .queue
            .iter()
            .rposition(stays)
            .map_or(0, |last| last + 1);
        let batches = state
            .queue
            .range(place..)
            .filter_map(|element| match element {
                Element::Batch(batch) => Some(batch.clone()),
                _ => None,
            });
        let batches = batches.collect();
        let behind = state.queue.len() - place;
        state.queue.insert(place, Element::Barrier(barrier));
        self.total_queued += 1;
        self.came(channel);
        if let Some(at) = self.ready.iter().position(|other| *other == channel) {
            // It is what the consumer waits for.
            self.ready.remove(at);
            self.ready.push_front(channel);
        }
        Overtaking::Before { batches, behind }
    }

    /// Keeps what a barrier overtook for the consumer.
    pub(crate) fn keep_overtaken(&mut self, channel: usize, batches: Vec<Batch>) {
        self.channels[channel].overtaken = batches;
    }

    /// Takes what was kept.
    pub(crate) fn take_overtaken(&mut self, channel: usize) -> Vec<Batch> {
        std::mem::take(&mut self.channels[channel].overtaken)
    }

    /// Whether the channel that is served next begins with a barrier that overtakes.
    pub(crate) fn has_barrier(&self) -> bool {
        let next = self.ready.front();
        next.is_some_and(|channel| {
            let first = self.channels[*channel].queue.front();
            matches!(first, Some(Element::Barrier(barrier)) if barrier.overtakes())
        })
    }

    /// Whether a channel takes an element now, or refuses it at once because the consumer is gone.
    pub(crate) fn has_room(&self, channel: usize) -> bool {
        self.has_fewer(channel, self.capacity)
    }

    /// Notes whom to wake when a channel has room; answers whether it has some now.
    ///
    /// The producer is woken when half of the queue is free, not at the first free slot: then it sends
    /// several elements per wake-up, and a wake-up costs more than an element's hand-over.
    pub(crate) fn want_room(&mut self, channel: usize, signal: &Signal) -> bool {
        let has_room = self.has_room(channel);
        self.channels[channel].wish = (!has_room).then(|| Wish {
            signal: signal.clone(),
            below: self.capacity / 2 + 1,
        });
        has_room
    }

    /// Notes whom to wake when fewer than `below` elements are left in a channel or its consumer goes;
    /// answers whether that is so now.
    pub(crate) fn want_fewer(&mut self, channel: usize, below: usize, signal: &Signal) -> bool {
        let is_now = self.has_fewer(channel, below);
        self.channels[channel].wish = (!is_now).then(|| Wish {
            signal: signal.clone(),
            below,
        });
        is_now
    }

    /// Nobody wants to know about room any more.
    pub(crate) fn forget_room(&mut self, channel: usize) {
        self.channels[channel].wish = None;
    }

    /// How many elements of a channel have not been taken; none when nobody takes them any more.
    pub(crate) fn queued(&self, channel: usize) -> Option<usize> {
        match self.consumer {
            Consumer::Live => Some(self.channels[channel].queue.len()),
            Consumer::Gone(_) => None,
        }
    }

    /// The batches of a channel that have not been taken.
    pub(crate) fn queued_batches(&self, channel: usize) -> impl Iterator<Item = &Batch> {
        let queue = self.channels[channel].queue.iter();
        queue.filter_map(|element| match element {
            Element::Batch(batch) => Some(batch),
            Element::Watermark(_)
            | Element::Status(_)
            | Element::Barrier(_)
            | Element::EndOfData
            | Element::EndOfPartition => None,
        })
    }

    fn has_fewer(&self, channel: usize, below: usize) -> bool {
        self.queued(channel).is_none_or(|queued| queued < below)
    }

    /// The producer is gone; answers whether the consumer has to look again.
    pub(crate) fn drop_producer(&mut self, channel: usize, reason: Reason) -> bool {
        let state = &mut self.channels[channel];
        state.wish = None;
        if state.producer != Producer::Live || matches!(self.consumer, Consumer::Gone(_)) {
            return false;
        }
        state.producer = Producer::Lost(reason);
        self.came(channel)
    }

    /// Takes the next element: of the channel that has waited longest since it was last served.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let channel = self.ready.pop_front()?;
        let state = &mut self.channels[channel];
        let Some(element) = state.queue.pop_front() else {
            let lost = std::mem::replace(&mut state.producer, Producer::Ended);
            let Producer::Lost(reason) = lost else {
                unreachable!("only loss is no element");
            };
            return Some(Taken::Lost(channel, reason));
        };
        self.total_queued -= 1;
        let left = state.queue.len();
        let wake = state.wish.take_if(|wish| left < wish.below);
        let wake = wake.map(|wish| wish.signal);
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
    pub(crate) fn drop_consumer(&mut self, reason: Reason) -> Left {
        if matches!(self.consumer, Consumer::Live) {
            self.consumer = Consumer::Gone(reason);
        }
        self.ready.clear();
        self.total_queued = 0;
        let mut left = Left {
            waiting: Vec::new(),
            queues: Vec::with_capacity(self.channels.len()),
            spares: std::mem::take(&mut self.spares),
        };
        for channel in &mut self.channels {
            let wish = channel.wish.take();
            left.waiting.extend(wish.map(|wish| wish.signal));
            left.queues.push(std::mem::take(&mut channel.queue));
        }
        left
    }

    /// Keeps an emptied batch for a producer; gives it back when it is not worth keeping.
    ///
    /// Spares and what is queued together are never more than the queues have room for: a producer whose
    /// channels are full needs no spares, and what the network was lent comes back just then.
    pub(crate) fn keep_spare(&mut self, batch: Batch) -> Option<Batch> {
        // Ends of partitions are queued beyond the capacity.
        let needed = (self.channels.len() * self.capacity).saturating_sub(self.total_queued);
        if self.spares.len() >= self.max_spares.min(needed) || memory_of(&batch) > MAX_SPARE_BYTES {
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
            Producer::Lost(_) => state.queue.is_empty(),
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
        !self.queue.is_empty() || matches!(self.producer, Producer::Lost(_))
    }
}

/// The bytes that a batch's columns hold allocated.
fn memory_of(batch: &Batch) -> usize {
    batch.data.capacity()
        + batch.ends.capacity() * size_of::<u32>()
        + batch.hashes.capacity() * size_of::<u32>()
        + batch.timestamps.capacity() * size_of::<i64>()
}
