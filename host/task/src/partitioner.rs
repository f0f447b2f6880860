//! Which channel a record goes to (semantics §5.9). Pure.

use wasmill_actor::Rng;
use wasmill_types::job::Partitioning;
use wasmill_types::{BatchView, TaskFailure, key_group};

/// Chooses channels for the records of one edge of one subtask.
#[derive(Debug)]
pub struct Partitioner {
    rule: Rule,
    channels: u32,
}

#[derive(Debug)]
enum Rule {
    /// There is one channel, or the first is always meant.
    First,
    /// Every channel.
    All,
    /// The next channel.
    Turn { next: u32 },
    /// Any channel.
    Random(Rng),
    /// The owner of the key group: `owners[hash % owners.len()]`.
    Owner { owners: Vec<u16>, mask: Option<u32> },
    /// The channel that the guest put into the hashes.
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
    /// A partitioner for an edge with this number of channels from this subtask.
    ///
    /// `max_parallelism` is that of the reader; `rng` picks the first channel of a rebalance and those of
    /// a shuffle.
    pub fn new(partitioning: Partitioning, channels: u32, max_parallelism: u32, mut rng: Rng) -> Self {
        let rule = match partitioning {
            Partitioning::Broadcast => Rule::All,
            _ if channels == 1 => Rule::First,
            Partitioning::Forward | Partitioning::Global => Rule::First,
            Partitioning::Rebalance => Rule::Turn { next: rng.below(u64::from(channels)) as u32 },
            Partitioning::Rescale => Rule::Turn { next: 0 },
            Partitioning::Shuffle => Rule::Random(rng),
            Partitioning::Hash => {
                let owner = |group| key_group::owner(group, channels, max_parallelism) as u16;
                let mask = max_parallelism.is_power_of_two().then(|| max_parallelism - 1);
                Rule::Owner { owners: (0..max_parallelism).map(owner).collect(), mask }
            }
            Partitioning::Custom => Rule::Chosen,
        };
        Self { rule, channels }
    }

    /// Where the records of a batch go.
    ///
    /// # Errors
    /// When the batch lacks the hashes that the rule needs.
    pub fn targets(&self, records: &BatchView<'_>) -> Result<Targets, TaskFailure> {
        match &self.rule {
            Rule::First => Ok(Targets::One(0)),
            Rule::All if self.channels == 1 => Ok(Targets::One(0)),
            Rule::All => Ok(Targets::Every),
            Rule::Turn { .. } | Rule::Random(_) => Ok(Targets::Each),
            Rule::Owner { .. } | Rule::Chosen if records.hashes.len() == records.len() => Ok(Targets::Each),
            Rule::Owner { .. } | Rule::Chosen => Err(TaskFailure::Contract(format!(
                "a batch of {} records on a hash or custom edge came with {} hashes",
                records.len(),
                records.hashes.len()
            ))),
        }
    }

    /// The channel of the next record; `number` is its entry in `hashes`.
    ///
    /// # Errors
    /// When the guest chose a channel that does not exist.
    #[inline]
    pub fn next(&mut self, number: u32) -> Result<u32, TaskFailure> {
        match &mut self.rule {
            Rule::First | Rule::All => Ok(0),
            Rule::Turn { next } => {
                let channel = *next;
                *next = if channel + 1 == self.channels { 0 } else { channel + 1 };
                Ok(channel)
            }
            Rule::Random(rng) => Ok(rng.below(u64::from(self.channels)) as u32),
            Rule::Owner { owners, mask } => {
                let group = mask.map_or_else(|| number % owners.len() as u32, |mask| number & mask);
                Ok(u32::from(owners[group as usize]))
            }
            Rule::Chosen if number < self.channels => Ok(number),
            Rule::Chosen => Err(TaskFailure::Contract(format!(
                "the bundle chose subtask {number} of {}",
                self.channels
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
