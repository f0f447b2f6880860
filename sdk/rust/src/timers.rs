//! Timers: what a keyed operator asks to be called for later (semantics §2).
//!
//! The operator's function registers timers through its context; they wait in `PendingTimers` until the
//! call of the host ends, so that the host hears of them in batches. Invariant: a registration and a
//! deletion of one timer reach the host in the order in which they were made.

pub use crate::bindings::wasmill::dataflow::types::TimeDomain;

use crate::host::{self, Blobs, blobs_push, empty_blobs};

/// A timer that fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// The clock that it was registered for.
    pub domain: TimeDomain,
    /// The time that it was registered for, in milliseconds since the epoch.
    pub time: i64,
}

/// A timer that fires, as the host hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Fired<'a> {
    pub(crate) timer: Timer,
    pub(crate) namespace: &'a [u8],
}

/// How many timers may wait for the end of a call.
const MAX_PENDING: usize = 4096;

/// The timers that a call has registered or deleted.
pub(crate) struct PendingTimers {
    event: Run,
    processing: Run,
}

/// Registrations in a row, or deletions.
struct Run {
    domain: TimeDomain,
    deletes: bool,
    times: Vec<i64>,
    keys: Blobs,
    namespaces: Blobs,
}

impl PendingTimers {
    pub(crate) fn new() -> Self {
        Self {
            event: Run::new(TimeDomain::Event),
            processing: Run::new(TimeDomain::Processing),
        }
    }

    /// Adds a registration or a deletion; `key` appends the encoded key.
    pub(crate) fn add(
        &mut self,
        timer: Timer,
        deletes: bool,
        key: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
        namespace: &[u8],
    ) -> Result<(), String> {
        let run = match timer.domain {
            TimeDomain::Event => &mut self.event,
            TimeDomain::Processing => &mut self.processing,
        };
        if run.deletes != deletes || run.times.len() >= MAX_PENDING {
            run.flush();
            run.deletes = deletes;
        }
        blobs_push(&mut run.keys, key)?;
        run.times.push(timer.time);
        run.namespaces.data.extend_from_slice(namespace);
        run.namespaces.ends.push(run.namespaces.data.len() as u32);
        Ok(())
    }

    /// Tells the host.
    pub(crate) fn flush(&mut self) {
        self.event.flush();
        self.processing.flush();
    }
}

impl Run {
    fn new(domain: TimeDomain) -> Self {
        Self {
            domain,
            deletes: false,
            times: Vec::new(),
            keys: empty_blobs(),
            namespaces: empty_blobs(),
        }
    }

    fn flush(&mut self) {
        if self.times.is_empty() {
            return;
        }
        let (keys, namespaces) = (&self.keys, &self.namespaces);
        if self.deletes {
            host::delete_timers(self.domain, &self.times, keys, namespaces);
        } else {
            host::register_timers(self.domain, &self.times, keys, namespaces);
        }
        self.times.clear();
        for blobs in [&mut self.keys, &mut self.namespaces] {
            blobs.ends.clear();
            blobs.data.clear();
        }
    }
}
