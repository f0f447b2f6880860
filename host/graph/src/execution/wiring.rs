//! Which producer subtasks a consumer subtask reads, and the other way round (semantics §5.10–5.11).
//!
//! Pure arithmetic on indices. Invariant: `k` is in `producers(i)` exactly if `i` is in `consumers(k)`,
//! and both are ranges.

use std::ops::Range;

use wasmill_types::job::Partitioning;

/// How the subtasks of the two ends of an edge are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    /// Each with its share of the others, by index.
    Pointwise,
    /// Everybody with everybody.
    AllToAll,
}

impl Wiring {
    /// How edges of this partitioning are wired.
    pub fn of(partitioning: Partitioning) -> Self {
        if partitioning.is_pointwise() {
            Self::Pointwise
        } else {
            Self::AllToAll
        }
    }

    /// The producers of one consumer, of so many producers and consumers.
    pub fn producers(self, consumer: u32, producers: u32, consumers: u32) -> Range<u32> {
        assert!(consumer < consumers, "the consumer is one of the edge's");
        match self {
            Self::AllToAll => 0..producers,
            Self::Pointwise if producers >= consumers => {
                scale_down(consumer, producers, consumers)
                    ..scale_down(consumer + 1, producers, consumers)
            }
            Self::Pointwise => {
                // The producer k with ceil(k*t/s) <= i < ceil((k+1)*t/s), which is k <= i*s/t < k+1.
                let producer = scale_down(consumer, producers, consumers);
                producer..producer + 1
            }
        }
    }

    /// The consumers of one producer, of so many producers and consumers.
    pub fn consumers(self, producer: u32, producers: u32, consumers: u32) -> Range<u32> {
        assert!(producer < producers, "the producer is one of the edge's");
        match self {
            Self::AllToAll => 0..consumers,
            Self::Pointwise if producers >= consumers => {
                // The consumer i with floor(i*s/t) <= k < floor((i+1)*s/t), which is i < (k+1)*t/s <= i+1.
                let end = scale_up(producer + 1, consumers, producers);
                end - 1..end
            }
            Self::Pointwise => {
                scale_up(producer, consumers, producers)
                    ..scale_up(producer + 1, consumers, producers)
            }
        }
    }

    /// How many channels so many producers and consumers have.
    pub fn channels(self, producers: u32, consumers: u32) -> u64 {
        match self {
            Self::AllToAll => u64::from(producers) * u64::from(consumers),
            Self::Pointwise => u64::from(producers.max(consumers)),
        }
    }
}

/// `index * to / from`, rounded down.
fn scale_down(index: u32, to: u32, from: u32) -> u32 {
    (u64::from(index) * u64::from(to) / u64::from(from)) as u32
}

/// `index * to / from`, rounded up.
fn scale_up(index: u32, to: u32, from: u32) -> u32 {
    (u64::from(index) * u64::from(to)).div_ceil(u64::from(from)) as u32
}
