//! The event time and the timers of one subtask under test.
//!
//! The same rules as the host's, which the SDK cannot import (semantics §1.3–1.7, §2). Pure. Invariants:
//! what [`EventTime`] lets through increases strictly; a timer exists at most once.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::{Blobs, blobs_iter, empty_blobs};
use crate::timers::TimeDomain;

/// A channel: the input, and the subtask that writes.
pub(super) type Channel = (usize, u32);

/// How far event time has come.
#[derive(Debug)]
pub(super) struct EventTime {
    /// By channel, its watermark, and whether it is idle.
    channels: BTreeMap<Channel, (i64, bool)>,
    combined: i64,
    /// What the readers of the subtask were told.
    told: Option<i64>,
}

impl EventTime {
    pub(super) fn new(channels: impl IntoIterator<Item = Channel>) -> Self {
        let start = |channel| (channel, (i64::MIN, false));
        Self {
            channels: channels.into_iter().map(start).collect(),
            combined: i64::MIN,
            told: None,
        }
    }

    /// The subtask has started again: only what has ended stays as it was.
    pub(super) fn reset(&mut self) {
        for (time, is_idle) in self.channels.values_mut() {
            if *time < i64::MAX {
                (*time, *is_idle) = (i64::MIN, false);
            }
        }
        (self.combined, self.told) = (i64::MIN, None);
    }

    /// A watermark has come on a channel; what the subtask learns from it.
    pub(super) fn watermark(&mut self, channel: Channel, time: i64) -> Option<i64> {
        let (known, is_idle) = self.channels.get_mut(&channel)?;
        (*known, *is_idle) = (time.max(*known), false);
        self.advance()
    }

    /// A channel has nothing for now; what the subtask learns from it, and whether none has anything.
    pub(super) fn idle(&mut self, channel: Channel) -> (Option<i64>, bool) {
        if let Some((_, is_idle)) = self.channels.get_mut(&channel) {
            *is_idle = true;
        }
        let all = self.channels.values().all(|(_, is_idle)| *is_idle);
        (self.advance(), all)
    }

    /// Whether the readers are told of a watermark: only of one that exceeds the last.
    pub(super) fn tells(&mut self, time: i64) -> bool {
        let is_new = self.told.is_none_or(|told| time > told);
        if is_new {
            self.told = Some(time);
        }
        is_new
    }

    fn advance(&mut self) -> Option<i64> {
        let active = self.channels.values().filter(|(_, is_idle)| !is_idle);
        let least = active.map(|(time, _)| *time).min();
        let latest = || self.channels.values().map(|(time, _)| *time).max();
        let time = least.or_else(latest)?;
        if time <= self.combined {
            return None;
        }
        self.combined = time;
        Some(time)
    }
}

/// The timers of a subtask.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    event: BTreeSet<Name>,
    processing: BTreeSet<Name>,
}

/// Time, key and namespace.
type Name = (i64, Vec<u8>, Vec<u8>);

/// Timers that fire in one call.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) times: Vec<i64>,
    pub(super) keys: Blobs,
    pub(super) namespaces: Blobs,
}

impl Timers {
    pub(super) fn change(
        &mut self,
        (domain, deletes): (TimeDomain, bool),
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) {
        let names = times
            .iter()
            .zip(blobs_iter(keys))
            .zip(blobs_iter(namespaces));
        for ((time, key), namespace) in names {
            let name = (*time, key.to_vec(), namespace.to_vec());
            match deletes {
                true => self.of(domain).remove(&name),
                false => self.of(domain).insert(name),
            };
        }
    }

    /// Keeps the timers of some keys.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&[u8]) -> bool) {
        for timers in [&mut self.event, &mut self.processing] {
            timers.retain(|(_, key, _)| is_kept(key));
        }
    }

    /// Adds those of another subtask.
    pub(super) fn extend(&mut self, other: &Self) {
        self.event.extend(other.event.iter().cloned());
        self.processing.extend(other.processing.iter().cloned());
    }

    /// When the next timer of processing time fires.
    pub(super) fn next_processing(&self) -> Option<i64> {
        self.processing.first().map(|(time, ..)| *time)
    }

    /// Takes those that fire, at most one per key: the first one may delete the second.
    pub(super) fn due(&mut self, domain: TimeDomain, up_to: i64) -> Option<Due> {
        let timers = self.of(domain);
        let mut keys = BTreeSet::new();
        let mut due = Due {
            times: Vec::new(),
            keys: empty_blobs(),
            namespaces: empty_blobs(),
        };
        while let Some((time, key, _)) = timers.first() {
            if *time > up_to || !keys.insert(key.clone()) {
                break;
            }
            let Some((time, key, namespace)) = timers.pop_first() else {
                break;
            };
            due.times.push(time);
            for (blobs, bytes) in [(&mut due.keys, key), (&mut due.namespaces, namespace)] {
                blobs.data.extend(bytes);
                blobs.ends.push(blobs.data.len() as u32);
            }
        }
        (!due.times.is_empty()).then_some(due)
    }

    fn of(&mut self, domain: TimeDomain) -> &mut BTreeSet<Name> {
        match domain {
            TimeDomain::Event => &mut self.event,
            TimeDomain::Processing => &mut self.processing,
        }
    }
}
