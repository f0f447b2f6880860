//! A set of timers that gives them out in order of time.
//!
//! Most timers share their time with many others: all windows that end at once. So the set keeps a bucket per
//! time, finds a timer by its hash, and sorts a bucket when it is its turn. Used by [`super::TimerService`],
//! one per domain. Invariants: each timer has one slot, and stands there once in the bucket of its time, at the
//! position written down for the slot; no bucket is empty; a sorted bucket ends with the first to fire.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use super::slots::{FrozenSlots, Slots};
use super::timer::Timer;

/// Timers, each once.
#[derive(Debug, Default)]
pub(super) struct TimerSet {
    slots: Slots,
    /// Where in its bucket each slot stands.
    positions: Vec<u32>,
    /// The slots by the hash of their timers.
    index: HashTable<Indexed>,
    /// Seeded anew in each process, so that nobody can choose timers that collide.
    hasher: DefaultHashBuilder,
    times: BTreeMap<i64, Bucket>,
}

/// An entry of the index.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    slot: u32,
    /// The low half of the timer's hash.
    hash: u32,
}

/// The timers of one time.
#[derive(Debug, Default)]
struct Bucket {
    slots: SmallVec<[u32; 4]>,
    is_sorted: bool,
}

impl TimerSet {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a timer; whether it was not there.
    pub(super) fn insert(&mut self, timer: Timer) -> bool {
        let hash = self.hash(&timer);
        if self.find(hash, &timer).is_some() {
            return false;
        }
        let time = timer.time;
        let slot = self.slots.put(timer);
        let bucket = self.times.entry(time).or_default();
        if self.positions.len() <= slot as usize {
            self.positions.resize(slot as usize + 1, 0);
        }
        self.positions[slot as usize] = bucket.slots.len() as u32;
        bucket.slots.push(slot);
        bucket.is_sorted = bucket.slots.len() == 1;
        let of_entry = |entry: &Indexed| spread(entry.hash);
        self.index
            .insert_unique(spread(hash), Indexed { slot, hash }, of_entry);
        true
    }

    /// Removes a timer; whether it was there.
    pub(super) fn remove(&mut self, timer: &Timer) -> bool {
        let Some(slot) = self.find(self.hash(timer), timer) else {
            return false;
        };
        let position = self.positions[slot as usize] as usize;
        if let Entry::Occupied(mut entry) = self.times.entry(timer.time) {
            let bucket = entry.get_mut();
            bucket.is_sorted &= position + 1 == bucket.slots.len();
            bucket.slots.swap_remove(position);
            if let Some(&moved) = bucket.slots.get(position) {
                self.positions[moved as usize] = position as u32;
            }
            if bucket.slots.is_empty() {
                entry.remove();
            }
        }
        self.forget(slot);
        true
    }

    /// When the earliest timer fires.
    pub(super) fn first_time(&self) -> Option<i64> {
        self.times.first_key_value().map(|(&time, _)| time)
    }

    /// The earliest timer.
    pub(super) fn first(&mut self) -> Option<&Timer> {
        let mut earliest = self.times.first_entry()?;
        let bucket = earliest.get_mut();
        if !bucket.is_sorted {
            sort(bucket, &self.slots);
            for (position, &slot) in bucket.slots.iter().enumerate() {
                self.positions[slot as usize] = position as u32;
            }
        }
        let slot = *bucket.slots.last()?;
        Some(self.slots.get(slot))
    }

    /// Takes the earliest timer out.
    pub(super) fn pop_first(&mut self) -> Option<Timer> {
        self.first()?;
        let mut earliest = self.times.first_entry()?;
        let slot = earliest.get_mut().slots.pop()?;
        if earliest.get().slots.is_empty() {
            earliest.remove();
        }
        Some(self.forget(slot))
    }

    /// The timers as they are now.
    pub(super) fn freeze(&self) -> FrozenSlots {
        self.slots.freeze()
    }

    fn hash(&self, timer: &Timer) -> u32 {
        self.hasher.hash_one(timer) as u32
    }

    fn find(&self, hash: u32, timer: &Timer) -> Option<u32> {
        let is_it = |entry: &Indexed| entry.hash == hash && self.slots.get(entry.slot) == timer;
        let found = self.index.find(spread(hash), is_it);
        found.map(|entry| entry.slot)
    }

    /// Takes a timer out that is in no bucket any more.
    fn forget(&mut self, slot: u32) -> Timer {
        let timer = self.slots.take(slot);
        let hash = self.hash(&timer);
        if let Ok(entry) = self
            .index
            .find_entry(spread(hash), |entry| entry.slot == slot)
        {
            entry.remove();
        }
        if self.slots.len() == 0 {
            // Memory that many timers have needed once is not kept for ever.
            let hasher = self.hasher.clone();
            *self = Self {
                hasher,
                ..Self::default()
            };
        }
        timer
    }
}

/// The index takes a place from the low bits of a hash and a mark from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

fn sort(bucket: &mut Bucket, slots: &Slots) {
    let prefixed = |&slot: &u32| (slots.get(slot).prefix(), slot);
    let mut order: Vec<_> = bucket.slots.iter().map(prefixed).collect();
    order.sort_unstable_by(|(a, of_a), (b, of_b)| {
        let exactly = || slots.get(*of_b).cmp(slots.get(*of_a));
        b.cmp(a).then_with(exactly)
    });
    bucket.slots.clear();
    bucket.slots.extend(order.into_iter().map(|(_, slot)| slot));
    bucket.is_sorted = true;
}

#[cfg(test)]
mod tests;
