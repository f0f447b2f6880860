//! Which channel a record goes to (semantics §5.9). Pure.
//!
//! A [`crate::partition::ResultPartition`] asks it. Invariants: a target is below the number of channels;
//! what a bundle gets wrong is refused at every parallelism, not only where it would lead astray.

use wasmill_actor::Rng;
use wasmill_types::job::Partitioning;
use wasmill_types::{BatchView, TaskFailure, key_group};

/// Chooses channels for the records of one edge of one subtask.
#[derive(Debug)]
pub struct Partitioner {
    partitioning: Partitioning,
    rule: Rule,
    channels: u32,
}

#[derive(Debug)]
enum Rule {
    /// The first channel is meant, or the only one.
    First,
    /// Every channel.
    All,
    /// The next channel.
    Turn { next: u32 },
    /// Any channel.
    Random(Rng),
    /// The owner of the key group `hash % owners.len()`; a mask does the same where there is one.
    Owner { owners: Vec<u16>, mask: Option<u32> },
    /// The channel that the bundle put into the hashes.
    Chosen,
}

/// Where the records of a batch go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// All to one channel.
    One(u32),
    /// All to every channel.
    Every,
    /// Each to its own: ask [`Partitioner::next`] in order.
    Each,
}

impl Partitioner {
    /// Whether a barrier may overtake on the edge: what it overtakes can be spread again over other readers.
    pub fn spreads_over_all(&self) -> bool {
        match self.partitioning {
            Partitioning::Hash
            | Partitioning::Rebalance
            | Partitioning::Shuffle
            | Partitioning::Global
            | Partitioning::Custom => true,
            Partitioning::Forward | Partitioning::Rescale | Partitioning::Broadcast => false,
        }
    }

    /// A partitioner for an edge with this number of channels from this subtask.
    ///
    /// `max_parallelism` is that of the reader; `rng` picks the first channel of a rebalance and those of
    /// a shuffle.
    ///
    /// # Panics
    /// If there is no channel: every subtask has a reader on each of its edges.
    pub fn new(
        partitioning: Partitioning,
        channels: u32,
        max_parallelism: u32,
        mut rng: Rng,
    ) -> Self {
        assert!(channels > 0, "an edge leads somewhere");
        let rule = match partitioning {
            Partitioning::Custom => Rule::Chosen,
            _ if channels == 1 => Rule::First,
            Partitioning::Forward | Partitioning::Global => Rule::First,
            Partitioning::Broadcast => Rule::All,
            Partitioning::Rebalance => Rule::Turn {
                next: rng.below(u64::from(channels)) as u32,
            },
            Partitioning::Rescale => Rule::Turn { next: 0 },
            Partitioning::Shuffle => Rule::Random(rng),
            Partitioning::Hash => {
                let owner = |group| key_group::owner(group, channels, max_parallelism) as u16;
                Rule::Owner {
                    owners: (0..max_parallelism).map(owner).collect(),
                    mask: max_parallelism
                        .is_power_of_two()
                        .then(|| max_parallelism - 1),
                }
            }
        };
        Self {
            partitioning,
            rule,
            channels,
        }
    }

    /// Where the records of a batch go.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] when the batch lacks the hashes that the edge needs.
    pub fn targets(&self, records: &BatchView<'_>) -> Result<Targets, TaskFailure> {
        let needs_hashes = matches!(self.partitioning, Partitioning::Hash | Partitioning::Custom);
        if needs_hashes && records.hashes.len() != records.len() {
            return Err(TaskFailure::Contract(format!(
                "a batch of {} records on a {} edge came with {} hashes",
                records.len(),
                self.partitioning,
                records.hashes.len()
            )));
        }
        Ok(match &self.rule {
            Rule::First => Targets::One(0),
            Rule::All => Targets::Every,
            Rule::Turn { .. } | Rule::Random(_) | Rule::Owner { .. } | Rule::Chosen => {
                Targets::Each
            }
        })
    }

    /// Whether the records of the edge have hashes.
    #[inline]
    pub fn uses_hashes(&self) -> bool {
        matches!(self.partitioning, Partitioning::Hash | Partitioning::Custom)
    }

    /// The channel of the next record; `hash` is its entry in the batch's hashes, anything if there are
    /// none.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] when the bundle chose a channel that does not exist.
    #[inline]
    pub fn next(&mut self, hash: u32) -> Result<u32, TaskFailure> {
        match &mut self.rule {
            Rule::First | Rule::All => Ok(0),
            Rule::Turn { next } => {
                let channel = *next;
                *next = if channel + 1 == self.channels {
                    0
                } else {
                    channel + 1
                };
                Ok(channel)
            }
            Rule::Random(rng) => Ok(rng.below(u64::from(self.channels)) as u32),
            Rule::Owner { owners, mask } => {
                let group = mask.map_or_else(|| hash % owners.len() as u32, |mask| hash & mask);
                Ok(u32::from(owners[group as usize]))
            }
            Rule::Chosen if hash < self.channels => Ok(hash),
            Rule::Chosen => Err(TaskFailure::Contract(format!(
                "its partitioner chose subtask {hash} of a reader with {}, counted from 0",
                self.channels
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
