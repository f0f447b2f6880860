//! One value per key, and the states that fold into one.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;

use super::average::Average;
use super::cache::{ChangedSlots, Column};
use super::changes::ChangeList;
use super::table::Cursor;
use crate::codec::{Record, from_postcard, to_postcard};
use crate::host::{self, Blobs, blobs_iter, empty_blobs};
use crate::keyed::Aggregate;

/// One value per key.
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// # let numbers = env.guest_source(generate(6, |i| i));
/// let out = numbers.key_by(|n| n % 2).process(|states| {
///     let last = states.value::<u64>("last");
///     move |n: u64, _cx, out| {
///         out.emit(last.get()?);
///         last.set(n);
///         Ok(())
///     }
/// });
/// # out.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<Option<u64>>("Sink: blackhole"), [None, None, Some(0), Some(1), Some(2), Some(3)]);
/// ```
pub struct ValueState<V> {
    column: Rc<RefCell<ValueColumn<V>>>,
    cursor: Rc<Cursor>,
}

impl<V> std::fmt::Debug for ValueState<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueState").finish_non_exhaustive()
    }
}

impl<V> Clone for ValueState<V> {
    fn clone(&self) -> Self {
        Self {
            column: Rc::clone(&self.column),
            cursor: Rc::clone(&self.cursor),
        }
    }
}

impl<V: Record> ValueState<V> {
    pub(crate) fn new(column: Rc<RefCell<ValueColumn<V>>>, cursor: Rc<Cursor>) -> Self {
        Self { column, cursor }
    }

    /// The value of the current key.
    ///
    /// # Errors
    /// When the stored value is not a `V`.
    pub fn get(&self) -> Result<Option<V>>
    where
        V: Clone,
    {
        Ok(self.column.borrow_mut().load(&self.cursor)?.value.clone())
    }

    /// Whether the current key has a value.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn exists(&self) -> Result<bool> {
        Ok(self.column.borrow_mut().load(&self.cursor)?.value.is_some())
    }

    /// Looks at the value of the current key. The function must not use the state itself.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn read<R>(&self, f: impl FnOnce(Option<&V>) -> R) -> Result<R> {
        Ok(f(self
            .column
            .borrow_mut()
            .load(&self.cursor)?
            .value
            .as_ref()))
    }

    /// Sets the value of the current key. Outside a record it does nothing.
    pub fn set(&self, value: V) {
        self.overwrite(Some(value));
    }

    /// Removes the value of the current key. Outside a record it does nothing.
    pub fn clear(&self) {
        self.overwrite(None);
    }

    /// Changes the value of the current key in place; `None` removes it. The function must not use the
    /// state itself.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    #[inline]
    pub fn entry<R>(&self, f: impl FnOnce(&mut Option<V>) -> R) -> Result<R> {
        let mut column = self.column.borrow_mut();
        let result = f(&mut column.load(&self.cursor)?.value);
        column.change(self.cursor.slot()?);
        Ok(result)
    }

    fn overwrite(&self, value: Option<V>) {
        let Ok(slot) = self.cursor.slot() else { return };
        let mut column = self.column.borrow_mut();
        let entry = column.at(slot);
        entry.value = value;
        if !entry.loaded {
            entry.loaded = true;
            column.loaded += 1;
        }
        column.change(slot);
    }
}

/// One value per key into which others are folded.
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// # let numbers = env.guest_source(generate(6, |i| i));
/// let out = numbers.key_by(|n| n % 2).process(|states| {
///     let largest = states.reducing("largest", u64::max);
///     move |n: u64, _cx, out| {
///         largest.add(n * 7 % 5)?;
///         out.emit(largest.get()?);
///         Ok(())
///     }
/// });
/// # out.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<Option<u64>>("Sink: blackhole"), [0, 2, 4, 2, 4, 2].map(Some));
/// ```
pub struct ReducingState<V> {
    value: ValueState<V>,
    f: Rc<dyn Fn(V, V) -> V>,
}

impl<V> std::fmt::Debug for ReducingState<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReducingState").finish_non_exhaustive()
    }
}

impl<V: Record> ReducingState<V> {
    pub(crate) fn new(value: ValueState<V>, f: impl Fn(V, V) -> V + 'static) -> Self {
        Self {
            value,
            f: Rc::new(f),
        }
    }

    /// Folds a value in.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn add(&self, value: V) -> Result<()> {
        self.value.entry(|known| {
            let next = match known.take() {
                Some(known) => (self.f)(known, value),
                None => value,
            };
            *known = Some(next);
        })
    }

    /// What was folded so far.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn get(&self) -> Result<Option<V>>
    where
        V: Clone,
    {
        self.value.get()
    }

    /// Removes the value of the current key.
    pub fn clear(&self) {
        self.value.clear();
    }
}

/// One accumulator per key; see [`Aggregate`].
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// # let numbers = env.guest_source(generate(6, |i| i));
/// let out = numbers.key_by(|n| n % 2).process(|states| {
///     let count = states.aggregating::<u64, _>("count", Count);
///     move |n: u64, _cx, out| {
///         count.add(n)?;
///         out.emit(count.get()?);
///         Ok(())
///     }
/// });
/// # out.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<Option<u64>>("Sink: blackhole"), [1, 1, 2, 2, 3, 3].map(Some));
/// ```
pub struct AggregatingState<T, A: Aggregate<T>> {
    value: ValueState<A::Accumulator>,
    aggregate: A,
}

impl<T, A: Aggregate<T>> std::fmt::Debug for AggregatingState<T, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregatingState").finish_non_exhaustive()
    }
}

impl<T, A: Aggregate<T>> AggregatingState<T, A> {
    pub(crate) fn new(value: ValueState<A::Accumulator>, aggregate: A) -> Self {
        Self { value, aggregate }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn add(&self, record: T) -> Result<()> {
        self.value.entry(|value| {
            let accumulator = value.get_or_insert_with(|| self.aggregate.create());
            self.aggregate.add(accumulator, record);
        })
    }

    /// The result so far.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn get(&self) -> Result<Option<A::Out>> {
        let mut column = self.value.column.borrow_mut();
        let entry = column.load(&self.value.cursor)?;
        Ok(entry
            .value
            .as_ref()
            .map(|accumulator| self.aggregate.result(accumulator)))
    }

    /// Removes the accumulator of the current key.
    pub fn clear(&self) {
        self.value.clear();
    }
}

/// The cached values of one state.
pub(crate) struct ValueColumn<V> {
    state: u32,
    entries: Vec<Entry<V>>,
    changed: ChangedSlots,
    /// How many entries are loaded.
    loaded: usize,
    encoded: Average,
}

struct Entry<V> {
    value: Option<V>,
    loaded: bool,
    changed: bool,
}

impl<V> Entry<V> {
    const UNKNOWN: Self = Self {
        value: None,
        loaded: false,
        changed: false,
    };
}

impl<V: Record> ValueColumn<V> {
    pub(crate) fn new(state: u32) -> Self {
        Self {
            state,
            entries: Vec::new(),
            changed: ChangedSlots::default(),
            loaded: 0,
            encoded: Average::default(),
        }
    }

    #[inline]
    fn at(&mut self, slot: usize) -> &mut Entry<V> {
        if slot >= self.entries.len() {
            self.entries.resize_with(slot + 1, || Entry::UNKNOWN);
        }
        &mut self.entries[slot]
    }

    #[inline]
    fn load(&mut self, cursor: &Cursor) -> Result<&mut Entry<V>> {
        let slot = cursor.slot()?;
        if !self.at(slot).loaded {
            self.load_missing(slot, cursor)?;
        }
        Ok(&mut self.entries[slot])
    }

    fn load_missing(&mut self, slot: usize, cursor: &Cursor) -> Result<()> {
        if !cursor.is_complete() {
            let key = cursor.key()?;
            let keys = Blobs {
                ends: vec![key.len() as u32],
                data: key,
            };
            self.fetch(&[slot as u32], &keys)
                .map_err(anyhow::Error::msg)?;
            return Ok(());
        }
        self.entries[slot].loaded = true;
        self.loaded += 1;
        Ok(())
    }

    #[inline]
    fn change(&mut self, slot: usize) {
        let entry = &mut self.entries[slot];
        // Not only the first change of an entry counts: values grow.
        if self.encoded.wants_sample()
            && let Some(value) = &entry.value
        {
            let mut bytes = Vec::new();
            if to_postcard(value, &mut bytes).is_ok() {
                self.encoded.sample(bytes.len());
            }
        }
        if !entry.changed {
            entry.changed = true;
            let entries = &self.entries;
            let slots = entries.len();
            self.changed.add(slot, slots, |slot| entries[slot].changed);
        }
    }
}

impl<V: Record> Column for ValueColumn<V> {
    fn state(&self) -> u32 {
        self.state
    }

    fn bytes(&self) -> usize {
        self.loaded * (size_of::<Entry<V>>() + self.encoded.bytes())
    }

    fn is_missing(&self, slot: u32) -> bool {
        self.entries
            .get(slot as usize)
            .is_none_or(|entry| !entry.loaded)
    }

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
            let value = if present {
                self.encoded.add(bytes.len());
                Some(from_postcard(bytes)?)
            } else {
                None
            };
            let entry = self.at(slot as usize);
            *entry = Entry {
                value,
                loaded: true,
                changed: false,
            };
            self.loaded += 1;
        }
        Ok(found.values.data.len())
    }

    fn write(&mut self, slot: u32, key: &[u8], changes: &mut ChangeList) -> Result<(), String> {
        let Some(entry) = self
            .entries
            .get_mut(slot as usize)
            .filter(|entry| entry.changed)
        else {
            return Ok(());
        };
        entry.changed = false;
        let encoded = &mut self.encoded;
        match &entry.value {
            None => changes.delete(key, &[]),
            Some(value) => changes.put(key, &[], |bytes| {
                let start = bytes.len();
                to_postcard(value, bytes)?;
                encoded.add(bytes.len() - start);
                Ok(())
            })?,
        }
        Ok(())
    }

    fn forget(&mut self, slot: u32) {
        if let Some(entry) = self
            .entries
            .get_mut(slot as usize)
            .filter(|entry| entry.loaded)
        {
            *entry = Entry::UNKNOWN;
            self.loaded -= 1;
        }
    }

    fn take_changed(&mut self) -> Vec<u32> {
        let entries = &self.entries;
        self.changed.take(|slot| entries[slot].changed)
    }
}
