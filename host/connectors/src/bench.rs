//! The connector `bench`: a source of the benchmark workloads' records, and a sink that measures how late they
//! come.
//!
//! | option of the source | default | meaning |
//! |---|---|---|
//! | `workload` | required | `map-filter` (100-byte records), `word-count` (lines of ten words), or `latency` |
//! | `records` | required | how many records |
//! | `keys` | `100000` | how many keys `latency` has |
//! | `rate` | `50000` | how many records of `latency` are due in a second |
//!
//! | option of the sink | default | meaning |
//! |---|---|---|
//! | `skip` | `0` | how many records of each split are left out, from its beginning |
//!
//! Used by `wasmill bench`. Record `i` is a pure function of `i`, and split `s` of `p` holds the indices
//! from `records · s / p` on, so any engine can run the same and every run adds up to the same sums.

mod latency;
mod text;

use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_types::Batch;
use wasmill_types::job::ConnectorSpec;
use wasmill_types::operator::PollStatus;

use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::source::{Budget, ReaderContext, Source, SourceReader, Split};
use latency::Pace;

pub(crate) use latency::LatencySink;
#[cfg(test)]
pub(crate) use latency::SINK;
pub use latency::{Latencies, take_latencies};

const WORKLOAD: &str = "workload";
const RECORDS: &str = "records";
const KEYS: &str = "keys";
const RATE: &str = "rate";

/// The source's doc.
pub(crate) const SOURCE: ConnectorDoc = ConnectorDoc {
    name: "bench",
    kind: ConnectorKind::Source,
    summary: "Makes the records of the benchmark workloads.",
    options: &[
        OptionDoc::new(
            WORKLOAD,
            OptionDefault::Required,
            "`map-filter` (100-byte records), `word-count` (lines of ten words), or `latency`",
        ),
        OptionDoc::new(RECORDS, OptionDefault::Required, "how many records"),
        OptionDoc::new(
            KEYS,
            OptionDefault::Value("100000"),
            "how many keys `latency` has",
        ),
        OptionDoc::new(
            RATE,
            OptionDefault::Value("50000"),
            "how many records of `latency` are due in a second",
        ),
    ],
};

#[derive(Debug, Clone)]
enum Workload {
    MapFilter,
    /// The lines that take turns.
    WordCount(Arc<[String]>),
    /// So many keys, at so many records a second.
    Latency {
        keys: NonZeroU64,
        rate: NonZeroU64,
    },
}

/// What an option says of a workload.
#[derive(Debug, Clone, Copy)]
enum Named {
    MapFilter,
    WordCount,
    Latency,
}

/// The `bench` source.
#[derive(Debug)]
pub(crate) struct BenchSource {
    workload: Workload,
    records: u64,
}

impl BenchSource {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SOURCE)?;
        let named = options.one_of(
            WORKLOAD,
            &[
                ("map-filter", Named::MapFilter),
                ("word-count", Named::WordCount),
                ("latency", Named::Latency),
            ],
        )?;
        let workload = match named {
            Named::MapFilter => Workload::MapFilter,
            Named::WordCount => Workload::WordCount(text::line_pool()),
            Named::Latency => Workload::Latency {
                keys: options.always_parsed(KEYS)?,
                rate: options.always_parsed(RATE)?,
            },
        };
        Ok(Self {
            workload,
            records: options.always_parsed(RECORDS)?,
        })
    }
}

/// The indices that are left of a split.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Indices {
    next: u64,
    end: u64,
    /// The first of the split.
    #[serde(default)]
    first: u64,
    /// How many splits there are, which share the rate.
    #[serde(default)]
    splits: u32,
}

impl Source for BenchSource {
    fn splits(&self, parallelism: u32) -> Result<Vec<Split>, ConnectorError> {
        let bound = |split: u32| {
            (u128::from(self.records) * u128::from(split) / u128::from(parallelism)) as u64
        };
        let indices = (0..parallelism).map(|s| Indices {
            next: bound(s),
            end: bound(s + 1),
            first: bound(s),
            splits: parallelism,
        });
        Ok(indices
            .map(|indices| Split::wrap(format!("records from {}", indices.next), &indices))
            .collect())
    }

    fn reader(&self, _: ReaderContext) -> Result<Box<dyn SourceReader>, ConnectorError> {
        Ok(Box::new(Reader {
            workload: self.workload.clone(),
            splits: Vec::new(),
            pace: None,
        }))
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn format(&self) -> &'static str {
        match self.workload {
            Workload::MapFilter | Workload::Latency { .. } => "postcard",
            Workload::WordCount(_) => "text",
        }
    }
}

struct Reader {
    workload: Workload,
    splits: Vec<Indices>,
    /// When records are due, of `latency`.
    pace: Option<Pace>,
}

impl SourceReader for Reader {
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError> {
        self.splits.push(split.unwrap_state()?);
        self.pace = None;
        Ok(())
    }

    fn poll(
        &mut self,
        _: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError> {
        while let Some(split) = self.splits.last_mut() {
            while split.next < split.end && !budget.is_used_up(out) {
                match &self.workload {
                    Workload::MapFilter => push_event(split.next, out),
                    Workload::WordCount(lines) => {
                        out.push(lines[split.next as usize % lines.len()].as_bytes());
                    }
                    Workload::Latency { keys, rate } => {
                        let begin = || Pace::begin(*rate, split);
                        let pace = self.pace.get_or_insert_with(begin);
                        match pace.push_if_due(split, *keys, out) {
                            Some(pause) if out.is_empty() => return Ok(PollStatus::IdleFor(pause)),
                            Some(_) => return Ok(PollStatus::Ready),
                            None => {}
                        }
                    }
                }
                split.next += 1;
            }
            if split.next < split.end {
                return Ok(PollStatus::Ready);
            }
            self.splits.pop();
        }
        Ok(PollStatus::Finished)
    }

    fn locate(&self, _: u32) -> Option<String> {
        None
    }

    fn bad_records(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> Vec<Split> {
        let name = |indices: &Indices| format!("records from {}", indices.next);
        self.splits
            .iter()
            .map(|indices| Split::wrap(name(indices), indices))
            .collect()
    }
}

/// The finaliser of splitmix64 over multiples of the golden ratio.
fn mix(i: u64) -> u64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The payload of an event, in bytes.
const PAYLOAD: usize = 76;
/// An event in postcard: three numbers of eight bytes, the payload's length, the payload.
const EVENT: usize = 24 + 1 + PAYLOAD;

#[inline]
fn push_event(i: u64, out: &mut Batch) {
    let h = mix(i);
    let mut record = [0; EVENT];
    record[..8].copy_from_slice(&i.to_le_bytes());
    record[8..16].copy_from_slice(&(1_700_000_000_000 + i / 1000).to_le_bytes());
    record[16..24].copy_from_slice(&(h & 0xF_FFFF).to_le_bytes());
    record[24] = PAYLOAD as u8;
    for (k, word) in record[25..97].chunks_exact_mut(8).enumerate() {
        let value = h.wrapping_add((k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        word.copy_from_slice(&value.to_le_bytes());
    }
    record[97..].copy_from_slice(&(h as u32).to_le_bytes());
    out.push(&record);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_hold_every_index_once() {
        let source = BenchSource {
            workload: Workload::MapFilter,
            records: 1000,
        };
        let context = ReaderContext {
            subtask: 0,
            parallelism: 3,
            max_record_bytes: 1000,
            on_bad_record: wasmill_types::operator::BadRecordPolicy::Fail,
            seed: 0,
        };
        let mut ids = Vec::new();
        for split in source.splits(3).unwrap() {
            let mut reader = source.reader(context).unwrap();
            reader.assign(split).unwrap();
            loop {
                let mut out = Batch::default();
                let status = reader
                    .poll(
                        0,
                        Budget {
                            bytes: 1000,
                            records: 7,
                        },
                        &mut out,
                    )
                    .unwrap();
                ids.extend(
                    out.view()
                        .records()
                        .map(|r| u64::from_le_bytes(r[..8].try_into().unwrap())),
                );
                if status == PollStatus::Finished {
                    break;
                }
            }
        }
        assert_eq!(ids, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn the_text_is_the_one_that_other_engines_count() {
        let lines = text::line_pool();
        assert_eq!(lines.len(), 65_536);
        assert!(lines.iter().all(|line| line.split(' ').count() == 10));
        // The most frequent word of a Zipf distribution over 10 000 has one tenth of all.
        let words = lines.iter().flat_map(|line| line.split(' '));
        let first = words.filter(|word| word.starts_with("aaa")).count();
        assert!((60_000..75_000).contains(&first), "{first}");
    }
}
