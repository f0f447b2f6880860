//! The workload `latency`: records that come when they are due, and how late they are at the sink.
//!
//! Source and sink are in one process, and their clock is the same ([`clock`]). Invariants: a record is never made
//! before it is due; what waits when a source falls behind counts as late; memory does not grow with the
//! records ([`Latencies`]).

use std::num::NonZeroU64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_types::job::ConnectorSpec;
use wasmill_types::{Batch, BatchView};

use super::{Indices, mix};
use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::sink::{Committable, Sink, SinkWriter, WriterContext};

const SKIP: &str = "skip";

/// The sink's doc.
pub(crate) const SINK: ConnectorDoc = ConnectorDoc {
    name: "bench",
    kind: ConnectorKind::Sink,
    summary: "Measures how late the records of the workload `latency` come.",
    options: &[OptionDoc::new(
        SKIP,
        OptionDefault::Value("0"),
        "how many records of each split are left out, from its beginning",
    )],
};

/// The shortest pause of a source: records that are due within it come together.
const LEAST_PAUSE: Duration = Duration::from_micros(100);

const NANOS: u128 = 1_000_000_000;

/// A record: key, count, number within its split, when it was due; eight bytes each.
const RECORD: usize = 32;

/// The clock of all sources and sinks of this process.
fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    CLOCK.get_or_init(Clock::system)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// When the records of a split are due.
#[derive(Debug)]
pub(super) struct Pace {
    started: Duration,
    /// Of the split, times the number of splits.
    rate: NonZeroU64,
    splits: u32,
    first: u64,
}

impl Pace {
    /// The record after those that were made is due now.
    pub(super) fn begin(rate: NonZeroU64, split: &Indices) -> Self {
        Self {
            started: clock().monotonic(),
            rate,
            splits: split.splits.max(1),
            first: split.next,
        }
    }

    fn due(&self, index: u64) -> Duration {
        let before = u128::from(index - self.first) * u128::from(self.splits);
        let nanos = before * NANOS / u128::from(self.rate.get());
        self.started + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Makes the split's next record if it is due; otherwise says how long nothing is.
    pub(super) fn push_if_due(
        &self,
        split: &Indices,
        keys: NonZeroU64,
        out: &mut Batch,
    ) -> Option<Duration> {
        let (due, now) = (self.due(split.next), clock().monotonic());
        if due > now {
            return Some((due - now).max(LEAST_PAUSE));
        }
        let mut record = [0; RECORD];
        let number = split.next - split.first;
        for (to, value) in
            record
                .chunks_exact_mut(8)
                .zip([mix(split.next) % keys, 1, number, nanos(due)])
        {
            to.copy_from_slice(&value.to_le_bytes());
        }
        out.push(&record);
        None
    }
}

/// How many of a power of two's parts are told apart: two latencies of one part differ by less than 2 %.
const PARTS: u32 = 64;
const BUCKETS: usize = 64 * PARTS as usize;

/// How late records came: so many in each of a fixed number of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    buckets: Vec<u64>,
    longest: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            longest: 0,
        }
    }
}

impl Latencies {
    fn add(&mut self, nanos: u64) {
        self.buckets[bucket(nanos)] += 1;
        self.longest = self.longest.max(nanos);
    }

    fn merge(&mut self, other: &Self) {
        for (to, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *to += count;
        }
        self.longest = self.longest.max(other.longest);
    }

    /// How many records were measured.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// What this share of the records did not exceed, to 2 %; nothing when there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_nanos(upper(index).min(self.longest));
            }
        }
        Duration::ZERO
    }
}

/// Which bucket a number is in: small ones have one of their own.
fn bucket(number: u64) -> usize {
    let bits = (u64::BITS - number.leading_zeros()).saturating_sub(PARTS.ilog2() + 1);
    let part = (number >> bits) as usize;
    bits as usize * PARTS as usize + part
}

/// The largest number of a bucket.
fn upper(index: usize) -> u64 {
    let parts = PARTS as usize;
    if index < 2 * parts {
        return index as u64;
    }
    let bits = index / parts - 1;
    let part = (index - bits * parts) as u128;
    let end = ((part + 1) << bits) - 1;
    u64::try_from(end).unwrap_or(u64::MAX)
}

fn measured() -> std::sync::MutexGuard<'static, Latencies> {
    static MEASURED: OnceLock<Mutex<Latencies>> = OnceLock::new();
    let measured = MEASURED.get_or_init(Mutex::default);
    measured.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all sinks of this process have measured since the last call.
pub fn take_latencies() -> Latencies {
    std::mem::take(&mut *measured())
}

/// The sink that measures.
#[derive(Debug)]
pub(crate) struct LatencySink {
    skip: u64,
}

struct LatencyWriter {
    skip: u64,
    latencies: Latencies,
}

impl LatencySink {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SINK)?;
        let skip = options.always_parsed(SKIP)?;
        Ok(Self { skip })
    }
}

impl Sink for LatencySink {
    fn prepare(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn writer(&self, _: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(LatencyWriter {
            skip: self.skip,
            latencies: Latencies::default(),
        }))
    }

    fn commit(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn discard(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

impl SinkWriter for LatencyWriter {
    fn write(&mut self, records: &BatchView<'_>) -> Result<(), ConnectorError> {
        let now = nanos(clock().monotonic());
        for record in records.records() {
            // Other records have no time.
            let Some([.., number, due]) = numbers(record) else {
                continue;
            };
            if number >= self.skip {
                self.latencies.add(now.saturating_sub(due));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<Committable>, ConnectorError> {
        measured().merge(&self.latencies);
        Ok(Vec::new())
    }
}

fn numbers(record: &[u8]) -> Option<[u64; 4]> {
    let record: &[u8; RECORD] = record.try_into().ok()?;
    let mut numbers = [0; 4];
    for (to, bytes) in numbers.iter_mut().zip(record.chunks_exact(8)) {
        *to = u64::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_in_a_bucket_that_is_hardly_larger() {
        let powers = (0..64).map(|bits| 1_u64 << bits);
        let around = powers.flat_map(|power| [power - 1, power, power + power / 3]);
        for number in around.chain([u64::MAX]) {
            let index = bucket(number);
            assert!(index < BUCKETS, "{number}");
            let upper = upper(index);
            assert!(upper >= number, "{number} {upper}");
            assert!(upper - number <= number / 60, "{number} {upper}");
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), Duration::ZERO);
        let mut half = Latencies::default();
        (1..=50).for_each(|micros| half.add(micros * 1000));
        (51..=100).for_each(|micros| latencies.add(micros * 1000));
        latencies.merge(&half);
        assert_eq!(latencies.count(), 100);
        for (share, micros) in [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)] {
            let found = latencies.quantile(share).as_nanos() as f64 / 1000.0;
            assert!(
                (found / f64::from(micros) - 1.0).abs() < 0.02,
                "{share} {found}"
            );
        }
        assert_eq!(latencies.max(), Duration::from_micros(100));
    }

    #[test]
    fn records_come_at_the_rate_of_all_splits_together() {
        let split = Indices {
            next: 500,
            end: 1000,
            first: 500,
            splits: 2,
        };
        let pace = Pace::begin(NonZeroU64::new(1000).unwrap(), &split);
        let after = |index| pace.due(index) - pace.started;
        assert_eq!(after(500), Duration::ZERO);
        assert_eq!(after(750), Duration::from_millis(500));
        let mut out = Batch::default();
        let keys = NonZeroU64::new(10).unwrap();
        assert_eq!(pace.push_if_due(&split, keys, &mut out), None);
        let record = numbers(out.view().records().next().unwrap()).unwrap();
        assert_eq!(record, [mix(500) % 10, 1, 0, nanos(pace.started)]);
        let last = Indices { next: 999, ..split };
        assert!(pace.push_if_due(&last, keys, &mut out) > Some(LEAST_PAUSE));
    }
}
