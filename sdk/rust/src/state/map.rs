//! A map per key.
//!
//! An entry is a row of its own: reading one does not read the others.

use std::cell::RefCell;
use std::hash::Hash;
use std::rc::Rc;

use anyhow::Result;
use foldhash::fast::FixedState;

use super::average::Average;
use super::cache::{ChangedSlots, Column};
use super::changes::ChangeList;
use super::scan::scan_rows;
use super::table::Cursor;
use crate::codec::{Record, from_postcard, to_postcard};
use crate::host::{self, Blobs};

/// Hashed the same way in every run, so that a job does the same in every run.
type HashMap<K, V> = hashbrown::HashMap<K, V, FixedState>;

/// A map per key.
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// # let numbers = env.guest_source(generate(6, |i| i));
/// let out = numbers.key_by(|n| n % 2).process(|states| {
///     let counts = states.map::<bool, u64>("small and large");
///     move |n: u64, _cx, out| {
///         let is_large = n > 3;
///         let count = counts.get(&is_large)?.unwrap_or_default() + 1;
///         counts.insert(is_large, count)?;
///         out.emit(count);
///         Ok(())
///     }
/// });
/// # out.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [1, 1, 2, 2, 1, 1]);
/// ```
pub struct MapState<K, V> {
    column: Rc<RefCell<MapColumn<K, V>>>,
    cursor: Rc<Cursor>,
}

impl<K, V> std::fmt::Debug for MapState<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapState").finish_non_exhaustive()
    }
}

impl<K: Record + Eq + Hash + Clone, V: Record> MapState<K, V> {
    pub(crate) fn new(column: Rc<RefCell<MapColumn<K, V>>>, cursor: Rc<Cursor>) -> Self {
        Self { column, cursor }
    }

    /// The value at `key` in the map of the current key.
    ///
    /// # Errors
    /// When a stored entry is not of these types.
    pub fn get(&self, key: &K) -> Result<Option<V>>
    where
        V: Clone,
    {
        self.column
            .borrow_mut()
            .read(&self.cursor, key, |value| value.cloned())
    }

    /// Whether there is a value at `key`.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn contains(&self, key: &K) -> Result<bool> {
        self.column
            .borrow_mut()
            .read(&self.cursor, key, |value| value.is_some())
    }

    /// Sets the value at `key`.
    ///
    /// # Errors
    /// Outside a record there is no map.
    pub fn insert(&self, key: K, value: V) -> Result<()> {
        self.column.borrow_mut().put(&self.cursor, key, Some(value))
    }

    /// Removes the value at `key`.
    ///
    /// # Errors
    /// As [`MapState::insert`].
    pub fn remove(&self, key: &K) -> Result<()> {
        self.column
            .borrow_mut()
            .put(&self.cursor, key.clone(), None)
    }

    /// All entries, in no particular order: sort them where the order matters.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn entries(&self) -> Result<Vec<(K, V)>>
    where
        V: Clone,
    {
        let mut column = self.column.borrow_mut();
        let entry = column.load_all(&self.cursor)?;
        let present = entry
            .rows
            .iter()
            .filter_map(|(key, row)| Some((key, row.value.as_ref()?)));
        Ok(present
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    /// Whether the map of the current key has no entries.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn is_empty(&self) -> Result<bool> {
        let mut column = self.column.borrow_mut();
        Ok(column
            .load_all(&self.cursor)?
            .rows
            .values()
            .all(|row| row.value.is_none()))
    }

    /// Removes the map of the current key.
    ///
    /// # Errors
    /// As [`MapState::insert`].
    pub fn clear(&self) -> Result<()> {
        self.column.borrow_mut().clear(&self.cursor)
    }
}

/// The cached maps of one state.
pub(crate) struct MapColumn<K, V> {
    state: u32,
    entries: Vec<Option<Entry<K, V>>>,
    changed: ChangedSlots,
    loaded: usize,
    /// Rows in all cached maps.
    rows: usize,
    encoded: Average,
}

struct Entry<K, V> {
    rows: HashMap<K, Row<V>>,
    /// Whether what is not in `rows` is nowhere.
    complete: bool,
    /// Whether the host's rows must go first.
    cleared: bool,
    changed: bool,
}

struct Row<V> {
    /// None where the row is known to be absent.
    value: Option<V>,
    changed: bool,
}

fn is_changed<K, V>(entries: &[Option<Entry<K, V>>], slot: usize) -> bool {
    entries[slot].as_ref().is_some_and(|entry| entry.changed)
}

impl<K: Record + Eq + Hash, V: Record> MapColumn<K, V> {
    pub(crate) fn new(state: u32) -> Self {
        Self {
            state,
            entries: Vec::new(),
            changed: ChangedSlots::default(),
            loaded: 0,
            rows: 0,
            encoded: Average::default(),
        }
    }

    fn entry(&mut self, cursor: &Cursor) -> Result<&mut Entry<K, V>> {
        let slot = cursor.slot()?;
        if slot >= self.entries.len() {
            self.entries.resize_with(slot + 1, || None);
        }
        if self.entries[slot].is_none() {
            self.loaded += 1;
        }
        Ok(self.entries[slot].get_or_insert_with(|| Entry {
            rows: HashMap::default(),
            complete: cursor.is_complete(),
            cleared: false,
            changed: false,
        }))
    }

    fn read<R>(&mut self, cursor: &Cursor, key: &K, f: impl FnOnce(Option<&V>) -> R) -> Result<R> {
        let state = self.state;
        let entry = self.entry(cursor)?;
        if !entry.complete && !entry.rows.contains_key(key) {
            let (value, bytes) = fetch(state, cursor, key)?;
            let owned = copy(key)?;
            entry.rows.insert(
                owned,
                Row {
                    value,
                    changed: false,
                },
            );
            self.rows += 1;
            self.encoded.add(bytes);
        }
        let entry = self.entry(cursor)?;
        Ok(f(entry.rows.get(key).and_then(|row| row.value.as_ref())))
    }

    fn put(&mut self, cursor: &Cursor, key: K, value: Option<V>) -> Result<()> {
        if self.encoded.wants_sample()
            && let Some(value) = &value
        {
            let mut bytes = Vec::new();
            to_postcard(&key, &mut bytes).map_err(anyhow::Error::msg)?;
            to_postcard(value, &mut bytes).map_err(anyhow::Error::msg)?;
            self.encoded.sample(bytes.len());
        }
        let entry = self.entry(cursor)?;
        let first = !std::mem::replace(&mut entry.changed, true);
        let added = entry
            .rows
            .insert(
                key,
                Row {
                    value,
                    changed: true,
                },
            )
            .is_none();
        self.rows += usize::from(added);
        if first {
            self.list_changed(cursor.slot()?);
        }
        Ok(())
    }

    fn clear(&mut self, cursor: &Cursor) -> Result<()> {
        let entry = self.entry(cursor)?;
        let first = !std::mem::replace(&mut entry.changed, true);
        let removed = entry.rows.len();
        entry.rows.clear();
        entry.complete = true;
        entry.cleared = true;
        self.rows -= removed;
        if first {
            self.list_changed(cursor.slot()?);
        }
        Ok(())
    }

    fn list_changed(&mut self, slot: usize) {
        let entries = &self.entries;
        let is_changed = |slot| is_changed(entries, slot);
        self.changed.add(slot, entries.len(), is_changed);
    }

    fn load_all(&mut self, cursor: &Cursor) -> Result<&mut Entry<K, V>> {
        let state = self.state;
        let entry = self.entry(cursor)?;
        if !entry.complete {
            let before = entry.rows.len();
            let bytes = scan(state, &cursor.key()?, &mut entry.rows)?;
            entry.complete = true;
            let added = entry.rows.len() - before;
            self.rows += added;
            bytes.into_iter().for_each(|bytes| self.encoded.add(bytes));
        }
        self.entry(cursor)
    }
}

fn copy<K: Record>(key: &K) -> Result<K> {
    let mut bytes = Vec::new();
    to_postcard(key, &mut bytes)
        .and_then(|()| from_postcard(&bytes))
        .map_err(anyhow::Error::msg)
}

/// Asks the host for one row; with it comes how many bytes it has.
fn fetch<K: Record, V: Record>(
    state: u32,
    cursor: &Cursor,
    sub_key: &K,
) -> Result<(Option<V>, usize)> {
    let mut bytes = Vec::new();
    to_postcard(sub_key, &mut bytes).map_err(anyhow::Error::msg)?;
    let one = |data: Vec<u8>| Blobs {
        ends: vec![data.len() as u32],
        data,
    };
    let length = bytes.len();
    let found = host::state_get(state, &one(cursor.key()?), &one(bytes));
    if found.present.first() != Some(&true) {
        return Ok((None, length));
    }
    let value = from_postcard(&found.values.data).map_err(anyhow::Error::msg)?;
    Ok((Some(value), length + found.values.data.len()))
}

/// Adds the rows of the host that are not in the cache, and returns how many bytes each has.
fn scan<K: Record + Eq + Hash, V: Record>(
    state: u32,
    key: &[u8],
    rows: &mut HashMap<K, Row<V>>,
) -> Result<Vec<usize>> {
    let mut lengths = Vec::new();
    scan_rows(state, key, |sub_key, bytes| {
        lengths.push(sub_key.len() + bytes.len());
        let sub_key = from_postcard(sub_key).map_err(anyhow::Error::msg)?;
        let value = from_postcard(bytes).map_err(anyhow::Error::msg)?;
        rows.entry(sub_key).or_insert(Row {
            value: Some(value),
            changed: false,
        });
        Ok(())
    })?;
    Ok(lengths)
}

impl<K: Record + Eq + Hash, V: Record> Column for MapColumn<K, V> {
    fn state(&self) -> u32 {
        self.state
    }

    fn bytes(&self) -> usize {
        let row = size_of::<K>() + size_of::<Row<V>>() + self.encoded.bytes();
        self.loaded * size_of::<Entry<K, V>>() + self.rows * row
    }

    /// Which entries a record will look at is not known before.
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
        if entry.cleared {
            changes.clear(key);
        }
        let mut sub_key = Vec::new();
        for (name, row) in entry.rows.iter_mut().filter(|(_, row)| row.changed) {
            sub_key.clear();
            to_postcard(name, &mut sub_key)?;
            match &row.value {
                Some(value) => changes.put(key, &sub_key, |bytes| to_postcard(value, bytes))?,
                None => changes.delete(key, &sub_key),
            }
            row.changed = false;
        }
        entry.cleared = false;
        entry.changed = false;
        if entry.complete {
            // What is not here is nowhere: the rows known to be absent have done their work.
            let before = entry.rows.len();
            entry.rows.retain(|_, row| row.value.is_some());
            self.rows -= before - entry.rows.len();
        }
        Ok(())
    }

    fn forget(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) {
            self.loaded -= 1;
            self.rows -= entry.rows.len();
        }
    }

    fn take_changed(&mut self) -> Vec<u32> {
        let entries = &self.entries;
        self.changed.take(|slot| is_changed(entries, slot))
    }
}
