//! The bounded write-back cache of keyed state: the table of keys and one column per state.
//!
//! Invariant: a slot that is evicted leaves nothing unwritten behind, and from the first eviction on a
//! miss asks the host.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Serialize;

use super::changes::ChangeList;
use super::keyed::KeyedStates;
use super::table::{Cursor, Keys, Table};
use crate::host::{Blobs, blobs_push, empty_blobs};
use crate::keyed::Key;

/// The entries of one state, indexed by the slot of their key.
pub(crate) trait Column {
    /// The state's id.
    fn state(&self) -> u32;

    /// What the cached entries occupy, in bytes, estimated.
    fn bytes(&self) -> usize;

    /// Whether an entry should be fetched before its record is processed.
    fn is_missing(&self, slot: u32) -> bool;

    /// Fetches entries and returns how many bytes the host sent; `keys` are the encoded keys of `slots`.
    fn fetch(&mut self, slots: &[u32], keys: &Blobs) -> Result<usize, String>;

    /// Writes an entry if it has changed.
    fn write(&mut self, slot: u32, key: &[u8], changes: &mut ChangeList) -> Result<(), String>;

    /// Forgets an entry that has been written.
    fn forget(&mut self, slot: u32);

    /// The slots whose entries have changed and are not yet written.
    fn take_changed(&mut self) -> Vec<u32>;
}

/// The slots of a column whose entries have changed since they were written.
///
/// An eviction writes an entry and leaves its slot here, where the next key of the slot may add it again.
/// Invariant: there are never more than about twice as many slots here as the column has.
#[derive(Default)]
pub(crate) struct ChangedSlots(Vec<u32>);

/// How many slots may be listed whatever the size of the column.
const CHANGED_SLACK: usize = 64;

impl ChangedSlots {
    /// Adds a slot of a column with so many slots. `is_changed` says which still wait to be written.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize, slots: usize, is_changed: impl Fn(usize) -> bool) {
        self.0.push(slot as u32);
        if self.0.len() > 2 * slots + CHANGED_SLACK {
            self.clean(is_changed);
        }
    }

    /// Takes the slots that still wait to be written.
    pub(crate) fn take(&mut self, is_changed: impl Fn(usize) -> bool) -> Vec<u32> {
        self.clean(is_changed);
        std::mem::take(&mut self.0)
    }

    fn clean(&mut self, is_changed: impl Fn(usize) -> bool) {
        self.0.retain(|slot| is_changed(*slot as usize));
        self.0.sort_unstable();
        self.0.dedup();
    }
}

/// To which share of the budget the cache shrinks when it is full: 7/8, so that writes come in batches.
const KEEP: (usize, usize) = (7, 8);
/// The share of the budget that the state of one group of records may take: an eighth.
const GROUP_SHARE: usize = 8;
/// The bounds of that share, in bytes: below, the calls of the host would cost more than the memory
/// saved; above, they are long enough to cost nothing.
const GROUP_BYTES: (usize, usize) = (64 << 10, 4 << 20);
/// The most records in a group, however small the state of a key is.
const GROUP_RECORDS: usize = 256;
/// How many records are in a group while nothing is known of the size of the state.
const FIRST_GROUP: usize = 64;

/// Keys, their states, and a budget.
pub(crate) struct KeyCache<K> {
    table: Rc<RefCell<Table<K>>>,
    columns: Vec<Rc<RefCell<dyn Column>>>,
    cursor: Rc<Cursor>,
    budget: usize,
    /// How many bytes the state of a key had, on average, when it was last fetched or evicted. Falls
    /// slowly: new keys have no state to fetch, which says nothing of the others.
    bytes_per_key: Cell<Option<usize>>,
}

impl<K> KeyCache<K> {
    /// Whether state was asked for, since this was asked last, while there was no key.
    pub(crate) fn was_missed(&self) -> bool {
        self.cursor.take_missed()
    }
}

impl<K: Key> KeyCache<K> {
    pub(crate) fn new(states: KeyedStates, budget: usize) -> Self {
        let (columns, cursor) = states.into_parts();
        let table = Rc::new(RefCell::new(Table::new()));
        cursor.attach(Rc::clone(&table) as Rc<dyn Keys>);
        Self {
            table,
            columns,
            cursor,
            budget,
            bytes_per_key: Cell::new(None),
        }
    }

    /// How many records to process before the cache is trimmed, so that their state is a small part of
    /// the budget.
    pub(crate) fn group(&self) -> usize {
        let keys = self.table.borrow().len();
        let cached = self.bytes().checked_div(keys);
        match cached.max(self.bytes_per_key.get()) {
            None => FIRST_GROUP,
            Some(bytes_per_key) => group_records(self.budget, bytes_per_key),
        }
    }

    /// Whether what is not cached does not exist.
    pub(crate) fn is_complete(&self) -> bool {
        self.cursor.is_complete()
    }

    /// The slot of a key.
    #[inline]
    pub(crate) fn slot<Q>(&self, hash: Option<u32>, key: &Q) -> u32
    where
        Q: ?Sized + Eq + Serialize + ToOwned<Owned = K>,
        K: std::borrow::Borrow<Q>,
    {
        self.table.borrow_mut().slot(hash, key)
    }

    /// Makes a slot's key the current one while `f` runs.
    #[inline]
    pub(crate) fn with_key(&self, slot: u32, f: impl FnOnce(&K)) {
        self.cursor.enter(slot);
        f(self.table.borrow().key(slot));
        self.cursor.enter(u32::MAX);
    }

    /// Fetches the entries that records will need and that are not cached, in one call per state.
    pub(crate) fn prefetch(&self, slots: impl Iterator<Item = u32>) -> Result<(), String> {
        let mut slots: Vec<u32> = slots.collect();
        slots.sort_unstable();
        slots.dedup();
        let (mut bytes, mut most) = (0, 0);
        for column in &self.columns {
            let mut column = column.borrow_mut();
            let missing: Vec<u32> = slots
                .iter()
                .copied()
                .filter(|slot| column.is_missing(*slot))
                .collect();
            if missing.is_empty() {
                continue;
            }
            let mut keys = empty_blobs();
            for &slot in &missing {
                blobs_push(&mut keys, |bytes| self.table.encode(slot, bytes))?;
            }
            bytes += column.fetch(&missing, &keys)?;
            most = most.max(missing.len());
        }
        if let Some(average) = bytes.checked_div(most) {
            let known = self.bytes_per_key.get().unwrap_or_default();
            self.bytes_per_key.set(Some(average.max(known - known / 8)));
        }
        Ok(())
    }

    /// Evicts until the cache fits its budget.
    pub(crate) fn trim(&self) -> Result<(), String> {
        if self.bytes() <= self.budget {
            return Ok(());
        }
        self.cursor.set_incomplete();
        // An eviction may leave nothing to learn the size of the state from.
        let keys = self.table.borrow().len();
        let cached = self.bytes().checked_div(keys);
        self.bytes_per_key.set(cached.max(self.bytes_per_key.get()));
        let target = self.budget / KEEP.1 * KEEP.0;
        let mut changes: Vec<_> = self
            .columns
            .iter()
            .map(|column| ChangeList::new(column.borrow().state()))
            .collect();
        let mut key = Vec::new();
        while self.bytes() > target {
            let Some(slot) = self.table.borrow_mut().victim() else {
                break;
            };
            key.clear();
            self.table.encode(slot, &mut key)?;
            for (column, changes) in self.columns.iter().zip(&mut changes) {
                column.borrow_mut().write(slot, &key, changes)?;
                column.borrow_mut().forget(slot);
            }
            self.table.borrow_mut().remove(slot);
        }
        changes.iter_mut().for_each(ChangeList::write);
        Ok(())
    }

    /// Writes everything that has changed; the cache stays.
    pub(crate) fn flush(&self) -> Result<(), String> {
        let mut key = Vec::new();
        for column in &self.columns {
            let mut column = column.borrow_mut();
            let mut changes = ChangeList::new(column.state());
            for slot in column.take_changed() {
                key.clear();
                self.table.encode(slot, &mut key)?;
                column.write(slot, &key, &mut changes)?;
            }
            changes.write();
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let columns: usize = self
            .columns
            .iter()
            .map(|column| column.borrow().bytes())
            .sum();
        self.table.borrow().bytes() + columns
    }
}

/// How many records go between two looks at the budget when the state of a key has so many bytes.
fn group_records(budget: usize, bytes_per_key: usize) -> usize {
    let bytes = (budget / GROUP_SHARE).clamp(GROUP_BYTES.0, GROUP_BYTES.1);
    (bytes / bytes_per_key.max(1)).clamp(1, GROUP_RECORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_shrinks_as_the_state_of_a_key_grows() {
        for (budget, bytes_per_key, expected) in [
            (64 << 20, 0, 256),
            (64 << 20, 16 << 10, 256),
            (64 << 20, 50_000, 83),
            (64 << 20, 1 << 20, 4),
            (64 << 20, 100 << 20, 1),
            (0, 1 << 10, 64),
            (0, 1 << 20, 1),
            (usize::MAX, 1 << 20, 4),
        ] {
            let records = group_records(budget, bytes_per_key);
            assert_eq!(records, expected, "{budget} and {bytes_per_key}");
        }
    }
}
