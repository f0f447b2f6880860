//! States whose entries expire (semantics §15): the same on every backend.
//!
//! A task with such states opens its backend inside a [`TimedBackend`]. The value of an entry is kept with
//! the time at which it was written before it, so backends, which do not know of expiry, only carry it.
//! Invariants: an entry that has expired is never returned; reading does not prolong its life; states
//! without a time to live pass through untouched.
//!
//! Expired entries also go without being read: RocksDB drops them when it compacts, and each access to
//! the memory backend looks at some other entries.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_actor::Clock;
use wasmill_types::job::StateSpec;
use wasmill_types::operator::{ChangeKind, Changes, OptionalBlobs, Page};
use wasmill_types::{Blobs, BlobsView, TaskFailure};

use crate::backend::{IsExpired, KeyedBackend};
use crate::columns;
use crate::error::StateError;
use crate::snapshot::FrozenRows;

/// The length of the time before a value: milliseconds since the epoch, little-endian.
pub(crate) const STAMP_BYTES: usize = 8;

/// How many entries are looked at for each one that is accessed (semantics §15.4).
const SWEPT_PER_ACCESS: usize = 5;

/// Which states of a task expire, and when.
#[derive(Debug, Clone)]
pub struct Expiry {
    clock: Clock,
    /// Milliseconds to live, by state.
    ttl: BTreeMap<u32, i64>,
}

impl Expiry {
    /// The expiry of these states.
    pub fn new(clock: Clock, states: &[StateSpec]) -> Self {
        let keyed = states.iter().filter(|state| state.kind.is_keyed());
        let ttl = |state: &StateSpec| {
            let ttl = i64::try_from(state.ttl?).unwrap_or(i64::MAX);
            Some((state.id, ttl))
        };
        Self {
            clock,
            ttl: keyed.filter_map(ttl).collect(),
        }
    }

    /// The states whose values begin with when they were written.
    pub fn timed(&self) -> BTreeSet<u32> {
        self.ttl.keys().copied().collect()
    }

    /// Whether no state expires.
    pub fn is_empty(&self) -> bool {
        self.ttl.is_empty()
    }

    /// The time, for [`Expiry::is_expired`].
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Whether a value of a state, as it is kept, has expired.
    pub(crate) fn is_expired(&self, state: u32, kept: &[u8], now: i64) -> bool {
        let Some(ttl) = self.ttl.get(&state) else {
            return false;
        };
        let (written, _) = split_stamp(kept);
        written.saturating_add(*ttl) <= now
    }
}

/// A value with the time at which it was written before it.
pub(crate) fn stamped(written: i64, value: &[u8]) -> Vec<u8> {
    [&written.to_le_bytes(), value].concat()
}

/// The time before a value, and the value. One that is too short, which no backend makes, was never
/// written.
pub(crate) fn split_stamp(kept: &[u8]) -> (i64, &[u8]) {
    match kept.split_first_chunk::<STAMP_BYTES>() {
        Some((stamp, value)) => (i64::from_le_bytes(*stamp), value),
        None => (i64::MIN, &[]),
    }
}

/// A backend some of whose states expire.
#[derive(Debug)]
pub struct TimedBackend {
    inner: Box<dyn KeyedBackend>,
    expiry: Expiry,
}

impl TimedBackend {
    /// Puts expiry around a backend whose timed states hold stamped values, if any state expires.
    pub fn around(inner: Box<dyn KeyedBackend>, expiry: Expiry) -> Box<dyn KeyedBackend> {
        if expiry.is_empty() {
            return inner;
        }
        Box::new(Self { inner, expiry })
    }

    fn is_timed(&self, state: u32) -> bool {
        self.expiry.ttl.contains_key(&state)
    }

    fn sweep_after(&mut self, accesses: usize) {
        let now = self.expiry.now();
        let expiry = &self.expiry;
        let is_expired = |state: u32, kept: &[u8]| expiry.is_expired(state, kept, now);
        self.inner.sweep(SWEPT_PER_ACCESS * accesses, &is_expired);
    }
}

impl KeyedBackend for TimedBackend {
    fn get(
        &self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        let kept = self.inner.get(state, keys, sub_keys)?;
        if !self.is_timed(state) {
            return Ok(kept);
        }
        let now = self.expiry.now();
        let mut found = OptionalBlobs::default();
        for (kept_value, is_present) in kept.values.view().iter().zip(kept.present) {
            let is_alive = is_present && !self.expiry.is_expired(state, kept_value, now);
            found.present.push(is_alive);
            let value = if is_alive {
                split_stamp(kept_value).1
            } else {
                &[]
            };
            found.values.push(value);
        }
        Ok(found)
    }

    fn write(&mut self, state: u32, changes: &Changes<'_>) -> Result<(), TaskFailure> {
        if !self.is_timed(state) {
            return self.inner.write(state, changes);
        }
        columns::check_changes(changes)?;
        let now = self.expiry.now();
        let mut values = Blobs::default();
        for (kind, value) in changes.kinds.iter().zip(changes.values.iter()) {
            if *kind == ChangeKind::Put {
                values.push(&stamped(now, value));
            } else {
                values.push(&[]);
            }
        }
        let stamped = Changes {
            kinds: changes.kinds.clone(),
            values: values.view(),
            ..*changes
        };
        self.inner.write(state, &stamped)?;
        self.sweep_after(changes.kinds.len());
        Ok(())
    }

    fn scan(
        &self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        if !self.is_timed(state) {
            return self.inner.scan(state, key, after, limit);
        }
        let now = self.expiry.now();
        let mut alive = Page::default();
        let mut last = after.map(<[u8]>::to_owned);
        // A page may have expired altogether, and a page without rows would mean that none follow.
        loop {
            let page = self.inner.scan(state, key, last.as_deref(), limit)?;
            let (sub_keys, values) = (page.sub_keys.view(), page.values.view());
            for (sub_key, kept) in sub_keys.iter().zip(values.iter()) {
                if !self.expiry.is_expired(state, kept, now) {
                    alive.sub_keys.push(sub_key);
                    alive.values.push(split_stamp(kept).1);
                }
            }
            alive.more = page.more;
            if !alive.sub_keys.ends.is_empty() || !page.more || limit == 0 {
                return Ok(alive);
            }
            let end = sub_keys.len() - 1;
            last = Some(sub_keys.get(end).to_owned());
        }
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn snapshot(&mut self, checkpoint: u64) -> Result<Box<dyn FrozenRows>, StateError> {
        self.inner.snapshot(checkpoint)
    }

    fn sweep(&mut self, entries: usize, is_expired: &IsExpired<'_>) {
        self.inner.sweep(entries, is_expired);
    }

    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }
}

#[cfg(test)]
mod tests;
