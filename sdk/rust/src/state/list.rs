//! A list per key.
//!
//! Item `i` is the row with sub-key `i` (u32, big endian). Appended items are written as rows of their
//! own; only an update rewrites the list.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;

use super::cache::{ChangedSlots, Column};
use super::changes::ChangeList;
use super::table::Cursor;
use super::value::Average;
use crate::codec::{Record, from_postcard, to_postcard};
use crate::host::{self, Blobs, blobs_iter};

/// How many rows one scan returns at most.
const PAGE_ROWS: u32 = 1024;

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

    /// Appends an item to the list of the current key.
    ///
    /// # Errors
    /// When a stored item is not a `V`.
    pub fn add(&self, item: V) -> Result<()> {
        self.with(|entry| entry.items.push(item))
    }

    /// A copy of the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn get(&self) -> Result<Vec<V>>
    where
        V: Clone,
    {
        self.read(<[V]>::to_vec)
    }

    /// Looks at the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn read<R>(&self, f: impl FnOnce(&[V]) -> R) -> Result<R> {
        let mut column = self.column.borrow_mut();
        Ok(f(&column.load(&self.cursor)?.items))
    }

    /// Replaces the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn update(&self, items: Vec<V>) -> Result<()> {
        self.with(|entry| {
            entry.items = items;
            entry.written = 0;
            entry.rewrite = true;
        })
    }

    /// Removes the list of the current key.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn clear(&self) -> Result<()> {
        self.update(Vec::new())
    }

    fn with(&self, f: impl FnOnce(&mut Entry<V>)) -> Result<()> {
        let mut column = self.column.borrow_mut();
        let entry = column.load(&self.cursor)?;
        let before = entry.items.len();
        f(entry);
        let after = entry.items.len();
        let first = !std::mem::replace(&mut entry.changed, true);
        column.sample(&self.cursor)?;
        column.items = column.items + after - before;
        if first {
            let slot = self.cursor.slot()?;
            let ListColumn {
                changed, entries, ..
            } = &mut *column;
            changed.add(slot, entries.len(), |slot| is_changed(entries, slot));
        }
        Ok(())
    }
}

/// The cached lists of one state.
pub(crate) struct ListColumn<V> {
    state: u32,
    entries: Vec<Option<Entry<V>>>,
    changed: ChangedSlots,
    loaded: usize,
    /// Items in all cached lists.
    items: usize,
    encoded: Average,
}

struct Entry<V> {
    items: Vec<V>,
    /// How many items, from the front, the host has.
    written: usize,
    /// Whether the host's rows must go first.
    rewrite: bool,
    changed: bool,
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
            loaded: 0,
            items: 0,
            encoded: Average::default(),
        }
    }

    fn load(&mut self, cursor: &Cursor) -> Result<&mut Entry<V>> {
        let slot = cursor.slot()?;
        if slot >= self.entries.len() {
            self.entries.resize_with(slot + 1, || None);
        }
        if self.entries[slot].is_none() {
            let items = if cursor.is_complete() {
                Vec::new()
            } else {
                self.scan(&cursor.key()?)?
            };
            self.loaded += 1;
            self.items += items.len();
            let written = items.len();
            self.entries[slot] = Some(Entry {
                items,
                written,
                rewrite: false,
                changed: false,
            });
        }
        Ok(self.entries[slot].as_mut().expect("loaded above"))
    }

    fn scan(&self, key: &[u8]) -> Result<Vec<V>> {
        let mut items = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = host::state_scan(self.state, key, after.as_deref(), PAGE_ROWS);
            for bytes in blobs_iter(&page.values) {
                items.push(from_postcard(bytes).map_err(anyhow::Error::msg)?);
            }
            after = blobs_iter(&page.sub_keys).last().map(<[u8]>::to_vec);
            if !page.more || after.is_none() {
                return Ok(items);
            }
        }
    }

    /// Learns how long items are from the last one of the current list.
    fn sample(&mut self, cursor: &Cursor) -> Result<()> {
        if self.encoded.wants_sample()
            && let Some(item) = self.load(cursor)?.items.last()
        {
            let mut bytes = Vec::new();
            to_postcard(item, &mut bytes).map_err(anyhow::Error::msg)?;
            self.encoded.add(bytes.len());
        }
        Ok(())
    }
}

impl<V: Record> Column for ListColumn<V> {
    fn state(&self) -> u32 {
        self.state
    }

    fn bytes(&self) -> usize {
        self.loaded * size_of::<Entry<V>>() + self.items * (size_of::<V>() + self.encoded.bytes())
    }

    /// Lists may be long; each is read when it is first looked at.
    fn is_missing(&self, _: u32) -> bool {
        false
    }

    fn fetch(&mut self, _: &[u32], _: &Blobs) -> Result<usize, String> {
        Ok(0)
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
        for (index, item) in entry.items.iter().enumerate().skip(entry.written) {
            let sub_key = (index as u32).to_be_bytes();
            changes.put(key, &sub_key, |bytes| to_postcard(item, bytes))?;
        }
        entry.written = entry.items.len();
        entry.rewrite = false;
        entry.changed = false;
        Ok(())
    }

    fn forget(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) {
            self.loaded -= 1;
            self.items -= entry.items.len();
        }
    }

    fn take_changed(&mut self) -> Vec<u32> {
        let entries = &self.entries;
        self.changed.take(|slot| is_changed(entries, slot))
    }
}
