//! The host of one subtask under test: state in a tree, everything else written down.
//!
//! Made by the executor for each instance. Native code cannot be stopped in the middle of a call, so a
//! breach of the contract is remembered and reported after it. Invariant: rows belong to key groups that
//! the subtask owns.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Bound;

use anyhow::{Result, anyhow};

use super::event_time::Timers;
use super::wiring;
use crate::host::{Batch, Blobs, ChangeKind, Changes, Level, OptionalBlobs, Page};
use crate::host::{blobs_iter, empty_blobs};
use crate::keyed::key_hash;
use crate::native::Host;
use crate::timers::TimeDomain;

/// A row: state, key and sub-key.
type RowName = (u32, Vec<u8>, Vec<u8>);

/// Keyed state of a subtask.
pub(super) type Rows = BTreeMap<RowName, Vec<u8>>;

/// Where in the job a host is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) subtask: u32,
    pub(super) parallelism: u32,
    pub(super) max_parallelism: u32,
    /// The size above which a record is refused.
    pub(super) max_record_bytes: u32,
}

/// What a subtask has said about itself.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) counters: BTreeMap<String, u64>,
    pub(super) gauges: BTreeMap<String, f64>,
    pub(super) histograms: BTreeMap<String, Vec<f64>>,
    pub(super) logs: Vec<(Level, String)>,
    /// The bytes of the largest answer to a single read of keyed state.
    pub(super) largest_read: usize,
}

/// Something that leaves a subtask.
#[derive(Debug)]
pub(super) enum Emitted {
    /// Records on an output.
    Records(usize, Batch),
    /// On all outputs.
    Watermark(i64),
    /// Nothing for now, on all outputs.
    Idle,
}

/// The host of one subtask.
pub(super) struct MemoryHost {
    seat: Seat,
    pub(super) rows: Rows,
    pub(super) reports: Reports,
    /// What was emitted since the executor looked.
    pub(super) emitted: Vec<Emitted>,
    pub(super) timers: Timers,
    pub(super) clock: i64,
    random: SplitMix,
    problem: Option<String>,
}

impl MemoryHost {
    pub(super) fn new(seat: Seat, random: SplitMix) -> Self {
        Self {
            seat,
            rows: Rows::new(),
            reports: Reports::default(),
            emitted: Vec::new(),
            timers: Timers::default(),
            clock: 0,
            random,
            problem: None,
        }
    }

    /// Says what broke the contract since the last call.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.problem.take() {
            Some(problem) => Err(anyhow!(
                "the SDK broke its contract with the host: {problem}"
            )),
            None => Ok(()),
        }
    }

    fn breach(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    fn saw_read(&mut self, bytes: usize) {
        self.reports.largest_read = self.reports.largest_read.max(bytes);
    }

    fn clear(&mut self, state: u32, key: &[u8]) {
        let first = (state, key.to_vec(), Vec::new());
        let of_key = |name: &&RowName| name.0 == state && name.1 == key;
        let names = self.rows.range(first..).map(|(name, _)| name);
        let names: Vec<RowName> = names.take_while(of_key).cloned().collect();
        for name in names {
            self.rows.remove(&name);
        }
    }

    fn check_key(&mut self, key: &[u8]) {
        let Seat {
            subtask,
            parallelism,
            max_parallelism,
            ..
        } = self.seat;
        let owner = wiring::owner(key_hash(key), parallelism, max_parallelism);
        if owner != subtask {
            self.breach(format!(
                "subtask {subtask} asked for state of a key of subtask {owner}"
            ));
        }
    }
}

impl Host for MemoryHost {
    fn emit(&mut self, output: u32, records: &Batch) {
        if let Some(problem) = malformed(records, self.seat.max_record_bytes) {
            self.breach(problem);
        }
        let records = records.clone();
        self.emitted
            .push(Emitted::Records(output as usize, records));
    }

    fn emit_watermark(&mut self, time: i64) {
        self.emitted.push(Emitted::Watermark(time));
    }

    fn mark_idle(&mut self) {
        self.emitted.push(Emitted::Idle);
    }

    fn register_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) {
        blobs_iter(keys).for_each(|key| self.check_key(key));
        let change = (domain, false);
        self.timers.change(change, times, keys, namespaces);
    }

    fn delete_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) {
        let change = (domain, true);
        self.timers.change(change, times, keys, namespaces);
    }

    fn state_get(&mut self, state: u32, keys: &Blobs, sub_keys: &Blobs) -> OptionalBlobs {
        let mut found = OptionalBlobs {
            present: Vec::new(),
            values: empty_blobs(),
        };
        let mut sub_keys = blobs_iter(sub_keys);
        for key in blobs_iter(keys) {
            self.check_key(key);
            let row = (
                state,
                key.to_vec(),
                sub_keys.next().unwrap_or_default().to_vec(),
            );
            let value = self.rows.get(&row);
            found.present.push(value.is_some());
            push(&mut found.values, value.map_or(&[], Vec::as_slice));
        }
        self.saw_read(found.values.data.len());
        found
    }

    fn state_write(&mut self, state: u32, changes: &Changes) {
        let count = changes.kinds.len();
        let lists = [&changes.keys, &changes.sub_keys, &changes.values];
        if lists.iter().any(|list| list.ends.len() != count) {
            return self.breach(format!("{count} changes came with lists of other lengths"));
        }
        let rows = blobs_iter(&changes.keys)
            .zip(blobs_iter(&changes.sub_keys))
            .zip(blobs_iter(&changes.values));
        for (kind, ((key, sub_key), value)) in changes.kinds.iter().zip(rows) {
            self.check_key(key);
            let row = (state, key.to_vec(), sub_key.to_vec());
            match kind {
                ChangeKind::Put => {
                    self.rows.insert(row, value.to_vec());
                }
                ChangeKind::Delete => {
                    self.rows.remove(&row);
                }
                ChangeKind::Clear => self.clear(state, key),
            }
        }
    }

    fn state_scan(&mut self, state: u32, key: &[u8], after: Option<&[u8]>, limit: u32) -> Page {
        self.check_key(key);
        let row = |sub_key: &[u8]| (state, key.to_vec(), sub_key.to_vec());
        let start = match after {
            Some(sub_key) => Bound::Excluded(row(sub_key)),
            None => Bound::Included(row(&[])),
        };
        let of_key = |name: &RowName| name.0 == state && name.1 == key;
        let mut rows = self
            .rows
            .range((start, Bound::Unbounded))
            .take_while(|(name, _)| of_key(name));
        let mut page = Page {
            sub_keys: empty_blobs(),
            values: empty_blobs(),
            more: false,
        };
        for (name, value) in rows.by_ref().take(limit as usize) {
            push(&mut page.sub_keys, &name.2);
            push(&mut page.values, value);
        }
        page.more = rows.next().is_some();
        self.saw_read(page.sub_keys.data.len() + page.values.data.len());
        page
    }

    fn now(&mut self) -> i64 {
        self.clock
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }

    fn log(&mut self, level: Level, message: &str) {
        self.reports.logs.push((level, message.to_owned()));
    }

    fn counter_add(&mut self, name: &str, delta: u64) {
        let counter = self.reports.counters.entry(name.to_owned()).or_default();
        *counter += delta;
    }

    fn gauge_set(&mut self, name: &str, value: f64) {
        self.reports.gauges.insert(name.to_owned(), value);
    }

    fn histogram_record(&mut self, name: &str, value: f64) {
        let histogram = self.reports.histograms.entry(name.to_owned()).or_default();
        histogram.push(value);
    }
}

/// The host that the executor gave to an instance.
pub(super) fn memory(host: &mut dyn Host) -> &mut MemoryHost {
    (host as &mut dyn Any)
        .downcast_mut()
        .expect("instances under test are opened with a memory host")
}

fn push(blobs: &mut Blobs, bytes: &[u8]) {
    blobs.data.extend_from_slice(bytes);
    blobs.ends.push(blobs.data.len() as u32);
}

/// What is wrong with a batch that was emitted.
fn malformed(batch: &Batch, max_record_bytes: u32) -> Option<String> {
    let count = batch.ends.len();
    let columns = [batch.timestamps.len(), batch.hashes.len()];
    if columns.iter().any(|len| *len != 0 && *len != count) {
        let [timestamps, hashes] = columns;
        return Some(format!(
            "a batch has {count} records, {timestamps} timestamps and {hashes} hashes"
        ));
    }
    let mut start = 0;
    for &end in &batch.ends {
        if end < start || end - start > max_record_bytes {
            return Some(format!("a record reaches from byte {start} to {end}"));
        }
        start = end;
    }
    let bytes = batch.data.len();
    (start as usize != bytes).then(|| format!("the last of {bytes} bytes is not that of a record"))
}

/// Random numbers that are the same in every run.
#[derive(Debug, Clone, Copy)]
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    /// Numbers of their own for a part of the job.
    pub(super) fn fork(self, part: u64) -> Self {
        let mut forked = Self(self.0 ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03));
        forked.next();
        forked
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound)) as u32
    }
}
