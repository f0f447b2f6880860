//! Spreads the records of a batch over the subtasks that read them.
//!
//! One [`Exchange`] per edge and writing subtask; called by the executor with what the subtask emitted.
//! Invariant: the records that one reader gets keep their order.

use anyhow::{Result, ensure};

use super::host::SplitMix;
use super::plan::Link;
use super::wiring;
use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::host::{Batch, empty_batch};

/// The way of the records of one subtask over one edge.
#[derive(Debug)]
pub(super) struct Exchange {
    partitioning: Partitioning,
    max_parallelism: u32,
    /// The first of the reachable readers, and how many there are.
    first: u32,
    count: u32,
    /// Who is next in turn.
    turn: u32,
    random: SplitMix,
}

impl Exchange {
    pub(super) fn new(link: &Link, writer: u32, mut random: SplitMix) -> Self {
        let readers = link.consumers(writer);
        let count = readers.end - readers.start;
        let turn = match link.partitioning {
            Partitioning::Rebalance => random.below(count),
            Partitioning::Forward
            | Partitioning::Hash
            | Partitioning::Rescale
            | Partitioning::Shuffle
            | Partitioning::Broadcast
            | Partitioning::Global
            | Partitioning::Custom => 0,
        };
        Self {
            partitioning: link.partitioning,
            max_parallelism: link.max_parallelism,
            first: readers.start,
            count,
            turn,
            random,
        }
    }

    /// The subtasks that get something, and what.
    pub(super) fn spread(&mut self, batch: Batch) -> Result<Vec<(u32, Batch)>> {
        self.check_numbers(&batch)?;
        match self.partitioning {
            Partitioning::Forward | Partitioning::Global => Ok(vec![(self.first, batch)]),
            Partitioning::Broadcast => Ok((0..self.count)
                .map(|reader| (reader, batch.clone()))
                .collect()),
            Partitioning::Hash
            | Partitioning::Rebalance
            | Partitioning::Rescale
            | Partitioning::Shuffle
            | Partitioning::Custom => self.divide(&batch),
        }
    }

    fn divide(&mut self, batch: &Batch) -> Result<Vec<(u32, Batch)>> {
        let mut parts: Vec<Batch> = (0..self.count).map(|_| empty_batch()).collect();
        let mut start = 0;
        for (index, &end) in batch.ends.iter().enumerate() {
            let number = batch.hashes.get(index).copied();
            let target = self.target(number.unwrap_or_default());
            ensure!(
                target < self.count,
                "a record was sent to subtask {target} of {}",
                self.count
            );
            let part = &mut parts[target as usize];
            part.timestamps.extend(batch.timestamps.get(index));
            if self.partitioning == Partitioning::Hash {
                part.hashes.extend(number);
            }
            part.data
                .extend_from_slice(&batch.data[start..end as usize]);
            part.ends.push(part.data.len() as u32);
            start = end as usize;
        }
        let numbered = (self.first..).zip(parts);
        Ok(numbered.filter(|(_, part)| !part.ends.is_empty()).collect())
    }

    fn target(&mut self, number: u32) -> u32 {
        match self.partitioning {
            Partitioning::Hash => wiring::owner(number, self.count, self.max_parallelism),
            Partitioning::Custom => number,
            Partitioning::Shuffle => self.random.below(self.count),
            Partitioning::Forward
            | Partitioning::Rebalance
            | Partitioning::Rescale
            | Partitioning::Broadcast
            | Partitioning::Global => {
                let target = self.turn;
                self.turn = (target + 1) % self.count;
                target
            }
        }
    }

    /// Records of a hash or custom edge come with a number each, others without.
    fn check_numbers(&self, batch: &Batch) -> Result<()> {
        let numbered = matches!(self.partitioning, Partitioning::Hash | Partitioning::Custom);
        let expected = if numbered { batch.ends.len() } else { 0 };
        ensure!(
            batch.hashes.len() == expected,
            "the SDK broke its contract with the host: a batch of {} records came with {} hashes",
            batch.ends.len(),
            batch.hashes.len()
        );
        Ok(())
    }
}
