//! A list per key.
//!
//! Item `i` is the row with sub-key `i` (u32, big endian), and the row with the empty sub-key holds how
//! many items were ever appended: so an item can be appended to a list that is not in memory, for the
//! price of that one row, which is fetched together with those of other keys. Only looking at a list
//! reads it, and only an update rewrites it. Invariant: the length is written after the items it counts,
//! and what is not written counts toward the cache.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;

use super::average::Average;
use super::cache::{ChangedSlots, Column};
use super::changes::ChangeList;
use super::scan::scan_rows;
use super::table::Cursor;
use crate::codec::{Record, from_postcard, to_postcard};
use crate::host::{self, Blobs, blobs_iter, empty_blobs};

/// The sub-key of the row that holds the length.
const LENGTH: &[u8] = &[];

/// A list per key.
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// # let numbers = env.guest_source(generate(6, |i| i));
/// let out = numbers.key_by(|n| n % 2).process(|states| {
///     let seen = states.list::<u64>("seen");
///     move |n: u64, _cx, out| {
///         seen.add(n)?;
///         out.emit(seen.get()?);
///         Ok(())
///     }
/// });
/// # out.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<Vec<u64>>("Sink: blackhole"), [vec![0], vec![1], vec![0, 2], vec![1, 3], vec![0, 2, 4], vec![1, 3, 5]]);
/// ```
pub struct ListState<V> {
    column: Rc<RefCell<ListColumn<V>>>,
    cursor: Rc<Cursor>,
}

impl<V> std::fmt::Debug for ListState<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListState").finish_non_exhaustive()
    }
}

impl<V: Record> ListState<V> {
    pub(crate) fn new(column: Rc<RefCell<ListColumn<V>>>, cursor: Rc<Cursor>) -> Self {
        Self { column, cursor }
    }

    /// Appends an item to the list of the current key, without reading what is there.
    ///
    /// # Errors
    /// Outside a record there is no list.
    pub fn add(&self, item: V) -> Result<()> {
        let mut column = self.column.borrow_mut();
        if column.encoded.wants_sample() {
            let mut bytes = Vec::new();
            to_postcard(&item, &mut bytes).map_err(anyhow::Error::msg)?;
            column.encoded.sample(bytes.len());
        }
        column.known(&self.cursor)?.items.push(item);
        column.items += 1;
        column.change(self.cursor.slot()?);
        Ok(())
    }

    /// A copy of the list of the current key.
    ///
    /// # Errors
    /// When a stored item is not a `V`.
    pub fn get(&self) -> Result<Vec<V>>
    where
        V: Clone,
    {
        self.read(<[V]>::to_vec)
    }

    /// Looks at the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::get`].
    pub fn read<R>(&self, f: impl FnOnce(&[V]) -> R) -> Result<R> {
        let mut column = self.column.borrow_mut();
        Ok(f(&column.load(&self.cursor)?.items))
    }

    /// Replaces the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn update(&self, items: Vec<V>) -> Result<()> {
        let slot = self.cursor.slot()?;
        let mut column = self.column.borrow_mut();
        if column.encoded.wants_sample()
            && let Some(item) = items.last()
        {
            let mut bytes = Vec::new();
            to_postcard(item, &mut bytes).map_err(anyhow::Error::msg)?;
            column.encoded.sample(bytes.len());
        }
        let length = items.len();
        let new = Entry {
            items,
            written: 0,
            stored: 0,
            loaded: true,
            rewrite: true,
            changed: false,
        };
        let old = column.at(slot).replace(new);
        column.items += length;
        match &old {
            Some(old) => column.items -= old.items.len(),
            None => column.entered += 1,
        }
        // A slot is listed once while it waits to be written.
        let was_changed = old.is_some_and(|old| old.changed);
        column.entries[slot].as_mut().expect("set above").changed = was_changed;
        column.change(slot);
        Ok(())
    }

    /// Removes the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn clear(&self) -> Result<()> {
        self.update(Vec::new())
    }
}

/// The cached lists of one state.
pub(crate) struct ListColumn<V> {
    state: u32,
    entries: Vec<Option<Entry<V>>>,
    changed: ChangedSlots,
    /// How many entries there are.
    entered: usize,
    /// Items in all entries.
    items: usize,
    encoded: Average,
}

struct Entry<V> {
    /// The whole list once it is loaded; before, what was appended and is not written.
    items: Vec<V>,
    /// How many of `items`, from the front, the host has.
    written: usize,
    /// The sub-key of the next item that is written.
    stored: u32,
    loaded: bool,
    /// Whether the host's rows must go first.
    rewrite: bool,
    changed: bool,
}

impl<V> Entry<V> {
    /// The entry of a list of which the host has so many items.
    fn stored(length: u32) -> Self {
        Self {
            items: Vec::new(),
            written: 0,
            stored: length,
            loaded: length == 0,
            rewrite: false,
            changed: false,
        }
    }
}

fn is_changed<V>(entries: &[Option<Entry<V>>], slot: usize) -> bool {
    entries[slot].as_ref().is_some_and(|entry| entry.changed)
}

impl<V: Record> ListColumn<V> {
    pub(crate) fn new(state: u32) -> Self {
        Self {
            state,
            entries: Vec::new(),
            changed: ChangedSlots::default(),
            entered: 0,
            items: 0,
            encoded: Average::default(),
        }
    }

    fn at(&mut self, slot: usize) -> &mut Option<Entry<V>> {
        if slot >= self.entries.len() {
            self.entries.resize_with(slot + 1, || None);
        }
        &mut self.entries[slot]
    }

    /// The entry of the current list, of which at least the length is known.
    fn known(&mut self, cursor: &Cursor) -> Result<&mut Entry<V>> {
        let slot = cursor.slot()?;
        if self.at(slot).is_none() {
            if cursor.is_complete() {
                self.enter(slot, 0);
            } else {
                let key = cursor.key()?;
                let keys = Blobs {
                    ends: vec![key.len() as u32],
                    data: key,
                };
                self.fetch(&[slot as u32], &keys)
                    .map_err(anyhow::Error::msg)?;
            }
        }
        Ok(self.entries[slot].as_mut().expect("entered above"))
    }

    fn enter(&mut self, slot: usize, length: u32) {
        *self.at(slot) = Some(Entry::stored(length));
        self.entered += 1;
    }

    /// The entry of the current list, with all items.
    fn load(&mut self, cursor: &Cursor) -> Result<&mut Entry<V>> {
        if !self.known(cursor)?.loaded {
            let mut items = self.scan(&cursor.key()?)?;
            self.items += items.len();
            let entry = self.known(cursor)?;
            entry.written = items.len();
            items.append(&mut entry.items);
            entry.items = items;
            entry.loaded = true;
        }
        self.known(cursor)
    }

    fn scan(&mut self, key: &[u8]) -> Result<Vec<V>> {
        let mut items = Vec::new();
        let encoded = &mut self.encoded;
        scan_rows(self.state, key, |sub_key, bytes| {
            if sub_key != LENGTH {
                encoded.add(bytes.len());
                items.push(from_postcard(bytes).map_err(anyhow::Error::msg)?);
            }
            Ok(())
        })?;
        Ok(items)
    }

    fn change(&mut self, slot: usize) {
        let Some(entry) = &mut self.entries[slot] else {
            return;
        };
        if !std::mem::replace(&mut entry.changed, true) {
            let entries = &self.entries;
            let is_changed = |slot| is_changed(entries, slot);
            self.changed.add(slot, entries.len(), is_changed);
        }
    }
}

impl<V: Record> Column for ListColumn<V> {
    fn state(&self) -> u32 {
        self.state
    }

    fn bytes(&self) -> usize {
        self.entered * size_of::<Entry<V>>() + self.items * (size_of::<V>() + self.encoded.bytes())
    }

    fn is_missing(&self, slot: u32) -> bool {
        self.entries.get(slot as usize).is_none_or(Option::is_none)
    }

    /// Fetches the lengths only: lists may be long, and each is read when it is first looked at.
    fn fetch(&mut self, slots: &[u32], keys: &Blobs) -> Result<usize, String> {
        let found = host::state_get(self.state, keys, &empty_blobs());
        if found.present.len() != slots.len() {
            return Err(format!(
                "the host returned {} rows for {}",
                found.present.len(),
                slots.len()
            ));
        }
        let values = blobs_iter(&found.values);
        for ((&slot, &present), bytes) in slots.iter().zip(&found.present).zip(values) {
            let length = if present { from_postcard(bytes)? } else { 0 };
            self.enter(slot as usize, length);
        }
        Ok(found.values.data.len())
    }

    fn write(&mut self, slot: u32, key: &[u8], changes: &mut ChangeList) -> Result<(), String> {
        let Some(Some(entry)) = self.entries.get_mut(slot as usize) else {
            return Ok(());
        };
        if !entry.changed {
            return Ok(());
        }
        if entry.rewrite {
            changes.clear(key);
        }
        let unwritten = &entry.items[entry.written..];
        for item in unwritten {
            let sub_key = entry.stored.to_be_bytes();
            changes.put(key, &sub_key, |bytes| to_postcard(item, bytes))?;
            let full = || "a list has more items than a u32 can count".to_owned();
            entry.stored = entry.stored.checked_add(1).ok_or_else(full)?;
        }
        if !unwritten.is_empty() {
            changes.put(key, LENGTH, |bytes| to_postcard(&entry.stored, bytes))?;
        }
        if entry.loaded {
            entry.written = entry.items.len();
        } else {
            self.items -= entry.items.len();
            entry.items = Vec::new();
        }
        entry.rewrite = false;
        entry.changed = false;
        Ok(())
    }

    fn forget(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) {
            self.entered -= 1;
            self.items -= entry.items.len();
        }
    }

    fn take_changed(&mut self) -> Vec<u32> {
        let entries = &self.entries;
        self.changed.take(|slot| is_changed(entries, slot))
    }
}
