//! Producers and consumers that do next to nothing but exchange: what remains is the exchange's cost.
//!
//! They are the threads of a TaskManager process. Records go through the result partition of real tasks,
//! which copies each into the frame of the channel that owns its key. Invariant: what was sent is counted
//! like what was taken, so that a lost or doubled record shows.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use wasmill_actor::threads::{self, Worker};
use wasmill_actor::{CancelToken, Rng, Signal, ThreadKind, Woken};
use wasmill_network::{Gate, Sender};
use wasmill_task::Options;
use wasmill_task::partition::ResultPartition;
use wasmill_task::partitioner::Partitioner;
use wasmill_types::job::Partitioning;
use wasmill_types::{Batch, Element, key_group};

use super::protocol::Amount;

/// How many records a producer emits at a time, each with a key of its own.
const BATCH_RECORDS: usize = 1_024;

/// How much producers and consumers give way to the threads that move records: as the tasks of a
/// TaskManager do, by `taskmanager.task-niceness`.
const NICENESS: u8 = 19;

/// Longer than any round takes that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// A thread of a round, and what it moved.
pub(super) type Mover = Worker<Result<Amount>>;

/// Starts a producer that sends so many records, spread over these channels by their keys' hashes.
pub(super) fn producer(senders: Vec<Sender>, records: u64, record_bytes: usize) -> Result<Mover> {
    let produce = move || {
        threads::give_way(NICENESS).context("lower a producer's priority")?;
        let channels = u32::try_from(senders.len()).context("count the channels")?;
        let groups = key_group::default_max_parallelism(channels);
        let rule = Partitioner::new(Partitioning::Hash, channels, groups, Rng::seeded(0));
        let frame_bytes = Options::default().frame_bytes;
        let partition = ResultPartition::new(senders, rule, frame_bytes, CancelToken::new());
        produce(partition, records, record_bytes)
    };
    Ok(threads::spawn(ThreadKind::Task, "producer", produce)?)
}

/// Starts a consumer that takes all that comes, once it is let go if it is held up.
pub(super) fn consumer(gate: Gate, signal: Signal, hold: Option<Signal>) -> Result<Mover> {
    let consume = move || {
        threads::give_way(NICENESS).context("lower a consumer's priority")?;
        if let Some(hold) = hold {
            ensure!(
                hold.wait(Some(PATIENCE)) == Woken::Notified,
                "nobody let a consumer go on within {PATIENCE:?}"
            );
        }
        consume(gate, &signal)
    };
    Ok(threads::spawn(ThreadKind::Task, "consumer", consume)?)
}

fn produce(mut partition: ResultPartition, records: u64, record_bytes: usize) -> Result<Amount> {
    let all = batch(BATCH_RECORDS, record_bytes);
    let rest = batch((records % BATCH_RECORDS as u64) as usize, record_bytes);
    let whole = records / BATCH_RECORDS as u64;
    let batches = std::iter::repeat_n(&all, usize::try_from(whole)?);
    let mut sent = Amount::default();
    for batch in batches.chain(Some(&rest)) {
        partition
            .emit(&batch.view())
            .map_err(|failure| anyhow!("{failure:?}"))?;
        sent.add(amount(batch));
    }
    partition
        .broadcast(&Element::EndOfPartition)
        .map_err(|failure| anyhow!("{failure:?}"))?;
    Ok(sent)
}

fn consume(mut gate: Gate, signal: &Signal) -> Result<Amount> {
    let mut open = gate.channels();
    let mut taken = Amount::default();
    while open > 0 {
        match gate.next()? {
            None => ensure!(
                signal.wait(Some(PATIENCE)) == Woken::Notified,
                "nothing came within {PATIENCE:?}"
            ),
            Some((_, Element::Batch(batch))) => {
                taken.add(amount(&batch));
                gate.recycle(batch);
            }
            Some((_, Element::EndOfPartition)) => open -= 1,
            Some(_) => {}
        }
    }
    Ok(taken)
}

/// Records that begin with their number, which is their key.
fn batch(records: usize, record_bytes: usize) -> Batch {
    let mut batch = Batch::default();
    let mut record = vec![7; record_bytes];
    let mut hashes = Vec::with_capacity(records);
    for number in 0..records {
        let key = (number as u64).to_le_bytes();
        let length = key.len().min(record_bytes);
        record[..length].copy_from_slice(&key[..length]);
        batch.push(&record);
        hashes.push(key_group::hash(&key));
    }
    batch.hashes = hashes;
    batch
}

fn amount(batch: &Batch) -> Amount {
    let hashes = batch.hashes.iter();
    Amount {
        records: batch.len() as u64,
        bytes: batch.data.len() as u64,
        checksum: hashes.fold(0, |sum, hash| sum.wrapping_add(u64::from(*hash))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_network::gate;

    #[test]
    fn threads_give_way_as_those_of_tasks_do_by_default() {
        let line = format!("task-niceness = {NICENESS}");
        assert!(crate::config::DEFAULT.lines().any(|found| found == line));
    }

    #[test]
    fn what_producers_send_is_what_consumers_take() {
        for (records, record_bytes) in [(0, 100), (1, 1), (1_024, 100), (5_000, 8), (3_000, 40_000)]
        {
            let mut movers = Vec::new();
            let mut senders = Vec::new();
            for _ in 0..3 {
                let signal = Signal::new();
                let (gate, sender) = gate(1, 10, signal.clone());
                senders.extend(sender);
                movers.push(consumer(gate, signal, None).unwrap());
            }
            let sent = producer(senders, records, record_bytes).unwrap();
            let sent = sent.join().unwrap().unwrap();
            let mut taken = Amount::default();
            for mover in movers {
                taken.add(mover.join().unwrap().unwrap());
            }
            assert_eq!(taken, sent);
            assert_eq!(sent.records, records);
            assert_eq!(sent.bytes, records * record_bytes as u64);
        }
    }
}
