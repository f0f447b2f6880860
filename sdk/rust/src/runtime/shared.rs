//! What all operators of a subtask share: the record at hand, the first failure, and what waits for the end
//! of the call.

use std::cell::{Cell, RefCell};

use super::NO_TIMESTAMP;
use crate::host::{self, BadRecord, Failure};
use crate::timers::{PendingTimers, Timer};

/// The number of no split.
const NO_SPLIT: u32 = 0;

/// What all operators of a subtask share while a record passes through them.
pub struct Shared {
    timestamp: Cell<i64>,
    index: Cell<u32>,
    failed: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    skip_bad_records: bool,
    bad_records: Cell<u64>,
    late_records: Cell<u64>,
    /// How far event time has come at the inputs.
    watermark: Cell<i64>,
    timers: RefCell<PendingTimers>,
    /// The split whose records are being made, and all that are being read; [`NO_SPLIT`] where the records come
    /// from elsewhere.
    split: Cell<u32>,
    splits: RefCell<Vec<u32>>,
    /// The edges that leave this subtask and where they go, for people; known once all is built.
    targets: RefCell<Vec<(u32, String)>>,
}

impl Shared {
    pub(super) fn new(skip_bad_records: bool) -> Self {
        Self {
            timestamp: Cell::new(NO_TIMESTAMP),
            index: Cell::new(0),
            failed: Cell::new(false),
            failure: RefCell::new(None),
            skip_bad_records,
            bad_records: Cell::new(0),
            late_records: Cell::new(0),
            watermark: Cell::new(i64::MIN),
            timers: RefCell::new(PendingTimers::new()),
            split: Cell::new(NO_SPLIT),
            splits: RefCell::new(vec![NO_SPLIT]),
            targets: RefCell::default(),
        }
    }

    #[inline]
    pub(crate) fn timestamp(&self) -> i64 {
        self.timestamp.get()
    }

    #[inline]
    pub(crate) fn set_timestamp(&self, timestamp: i64) {
        self.timestamp.set(timestamp);
    }

    /// How far event time has come at the inputs; `i64::MIN` at the start.
    #[inline]
    pub(crate) fn watermark(&self) -> i64 {
        self.watermark.get()
    }

    /// The split that the record at hand comes from.
    #[inline]
    pub(crate) fn split(&self) -> u32 {
        self.split.get()
    }

    /// The splits that are being read here.
    pub(crate) fn splits(&self) -> Vec<u32> {
        self.splits.borrow().clone()
    }

    /// Says from which split the next records come.
    pub(crate) fn set_split(&self, split: u32) {
        self.split.set(split);
    }

    /// Says which splits are being read.
    pub(crate) fn set_splits(&self, splits: impl Iterator<Item = u32>) {
        self.splits.replace(splits.collect());
    }

    /// Registers or deletes a timer; `key` appends the encoded key.
    pub(crate) fn timer(
        &self,
        timer: Timer,
        deletes: bool,
        key: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
        namespace: &[u8],
    ) {
        let mut timers = self.timers.borrow_mut();
        if let Err(problem) = timers.add(timer, deletes, key, namespace) {
            self.fail(Failure::Other(problem));
        }
    }

    /// Says which record of the batch is being processed.
    #[inline]
    pub(crate) fn enter(&self, index: u32, timestamp: i64) {
        self.index.set(index);
        self.timestamp.set(timestamp);
    }

    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// The user's code returned an error; the first one counts.
    #[cold]
    pub(crate) fn fail_user(&self, error: &anyhow::Error) {
        self.fail(Failure::User(format!("{error:#}")));
    }

    /// The record being processed cannot be decoded.
    #[cold]
    pub(crate) fn bad_record(&self, message: String) {
        if self.skip_bad_records {
            self.bad_records.set(self.bad_records.get() + 1);
        } else {
            self.fail(Failure::BadRecord(BadRecord {
                index: self.index.get(),
                message,
            }));
        }
    }

    /// A record came too late for all its windows.
    #[cold]
    pub(crate) fn dropped_late(&self) {
        self.late_records.set(self.late_records.get() + 1);
    }

    /// The job's own code made a record that cannot leave on an edge. That is no bad record: the one
    /// that came in was read.
    #[cold]
    pub(crate) fn fail_output(&self, edge: u32, problem: &str) {
        let targets = self.targets.borrow();
        let known = targets.iter().find(|(id, _)| *id == edge);
        let target = known.map_or_else(|| format!("edge {edge}"), |(_, name)| name.clone());
        self.fail(Failure::User(format!(
            "cannot emit a record to {target}: {problem}"
        )));
    }

    #[cold]
    pub(crate) fn fail(&self, failure: Failure) {
        self.failed.set(true);
        self.failure.borrow_mut().get_or_insert(failure);
    }

    pub(super) fn take_failure(&self) -> Result<(), Failure> {
        if !self.failed.get() {
            return Ok(());
        }
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Event time has advanced at the inputs.
    pub(super) fn advance(&self, time: i64) {
        self.watermark.set(self.watermark.get().max(time));
    }

    /// All is built: the edges that leave the subtask and where they go.
    pub(super) fn set_targets(&self, targets: Vec<(u32, String)>) {
        self.targets.replace(targets);
    }

    /// A call ends: the host hears what it has not heard yet.
    pub(super) fn finish_call(&self) {
        self.timers.borrow_mut().flush();
        for (name, count) in [
            ("numBadRecords", &self.bad_records),
            ("numLateRecordsDropped", &self.late_records),
        ] {
            if count.get() > 0 {
                host::counter_add(name, count.replace(0));
            }
        }
    }
}
