//! Keyed state in memory: a hash table from state and key to the rows of that key.
//!
//! A task opens it when its job keeps state in memory. Invariants: every entry in the table has
//! at least one row; the account is the sum of the entries' bytes; the order of the hash table, which
//! differs from run to run, shows nowhere.

mod entry;

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::hash_table::{Entry as TableEntry, HashTable, OccupiedEntry};
use wasmill_types::operator::{ChangeKind, Changes, OptionalBlobs, Page};
use wasmill_types::size::ByteSize;
use wasmill_types::{BlobsView, TaskFailure};

use crate::backend::KeyedBackend;
use crate::columns;
use crate::memory::entry::{Entry, Located, Removed};
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::row::Row;

/// The rows of one subtask, in memory.
pub struct MemoryBackend {
    groups: OwnedGroups,
    max_read_bytes: ByteSize,
    account: Account,
    /// Seeded per process, so that a guest cannot prepare keys that collide.
    hasher: hashbrown::DefaultHashBuilder,
    table: HashTable<Entry>,
}

/// The bytes of all rows, against their limit.
#[derive(Debug)]
struct Account {
    bytes: u64,
    max: ByteSize,
}

impl MemoryBackend {
    /// A backend without rows.
    pub fn new(groups: OwnedGroups, options: &Options) -> Self {
        Self {
            groups,
            max_read_bytes: options.max_read_bytes,
            account: Account {
                bytes: 0,
                max: options.max_bytes,
            },
            hasher: hashbrown::DefaultHashBuilder::default(),
            table: HashTable::new(),
        }
    }

    /// All rows in canonical order (see [`crate::row`]); sorts them on each call.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::with_capacity(self.table.len());
        for entry in &self.table {
            let key = entry.key();
            rows.extend(entry.rows_after(None).map(|(sub_key, value)| Row {
                key_group: self.groups.group_of(key),
                state: entry.state(),
                key,
                sub_key,
                value,
            }));
        }
        rows.sort_unstable_by(Row::compare_place);
        rows
    }

    /// Checks that the keys are owned, and hashes them.
    ///
    /// All at once, before the first look-up (see `get`).
    fn locate<'a>(&self, state: u32, keys: BlobsView<'a>) -> Result<Vec<Located<'a>>, TaskFailure> {
        let mut located = Vec::with_capacity(keys.len());
        for key in keys.iter() {
            self.groups.check(key)?;
            let hash = self.hasher.hash_one((state, key));
            located.push(Located { state, key, hash });
        }
        Ok(located)
    }

    fn find(&self, at: &Located<'_>) -> Option<&Entry> {
        self.table.find(at.hash, |entry| entry.is(at))
    }

    fn find_mut(&mut self, at: &Located<'_>) -> Option<OccupiedEntry<'_, Entry>> {
        self.table.find_entry(at.hash, |entry| entry.is(at)).ok()
    }

    fn put(&mut self, at: &Located<'_>, sub_key: &[u8], value: &[u8]) -> Result<(), TaskFailure> {
        let hasher = &self.hasher;
        let slot = self.table.entry(
            at.hash,
            |entry| entry.is(at),
            |entry| hasher.hash_one((entry.state(), entry.key())),
        );
        match slot {
            TableEntry::Occupied(mut slot) => {
                let entry = slot.get_mut();
                let (goes, comes) = entry.exchange(sub_key, value);
                self.account.replace(goes, comes)?;
                entry.put(sub_key, value);
            }
            TableEntry::Vacant(slot) => {
                let entry = Entry::new(at, sub_key, value);
                self.account.replace(0, entry.bytes())?;
                slot.insert(entry);
            }
        }
        Ok(())
    }

    fn delete(&mut self, at: &Located<'_>, sub_key: &[u8]) {
        let Some(mut slot) = self.find_mut(at) else {
            return;
        };
        let released = match slot.get_mut().delete(sub_key) {
            Removed::Nothing => return,
            Removed::Row { bytes } => bytes,
            Removed::LastRow => slot.remove().0.bytes(),
        };
        self.account.release(released);
    }

    fn clear(&mut self, at: &Located<'_>) {
        let Some(slot) = self.find_mut(at) else {
            return;
        };
        let (entry, _) = slot.remove();
        self.account.release(entry.bytes());
    }

    fn read_too_large(&self, keys: usize) -> TaskFailure {
        TaskFailure::Limit {
            limit: "state.max-read-bytes",
            message: format!(
                "the values of {keys} keys exceed {}; read fewer keys at once",
                self.max_read_bytes
            ),
        }
    }
}

impl KeyedBackend for MemoryBackend {
    fn get(
        &self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        columns::check_get(keys, sub_keys)?;
        let mut found = OptionalBlobs::default();
        found.present.reserve_exact(keys.len());
        found.values.ends.reserve_exact(keys.len());
        // Hashing, looking up and copying are three loops because the processor overlaps the memory
        // accesses of neighbouring keys only while little else lies between them: 90 ns a key on a
        // million rows, against 220 in one loop.
        let located = self.locate(state, keys)?;
        let entries: Vec<_> = located.iter().map(|at| self.find(at)).collect();
        for (index, entry) in entries.into_iter().enumerate() {
            let sub_key = if sub_keys.is_empty() {
                &[][..]
            } else {
                sub_keys.get(index)
            };
            let value = entry.and_then(|entry| entry.get(sub_key));
            let bytes = found.values.data.len() + value.map_or(0, <[u8]>::len);
            if bytes as u64 > self.max_read_bytes.0 {
                return Err(self.read_too_large(keys.len()));
            }
            found.present.push(value.is_some());
            found.values.push(value.unwrap_or_default());
        }
        Ok(found)
    }

    fn write(&mut self, state: u32, changes: &Changes<'_>) -> Result<(), TaskFailure> {
        columns::check_changes(changes)?;
        let located = self.locate(state, changes.keys)?;
        let rows = changes.sub_keys.iter().zip(changes.values.iter());
        for ((at, (sub_key, value)), kind) in located.iter().zip(rows).zip(&changes.kinds) {
            match kind {
                ChangeKind::Put => self.put(at, sub_key, value)?,
                ChangeKind::Delete => self.delete(at, sub_key),
                ChangeKind::Clear => self.clear(at),
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        self.groups.check(key)?;
        let mut page = Page::default();
        let hash = self.hasher.hash_one((state, key));
        let Some(entry) = self.find(&Located { state, key, hash }) else {
            return Ok(page);
        };
        let mut bytes = 0;
        for (sub_key, value) in entry.rows_after(after) {
            let count = page.sub_keys.ends.len();
            bytes += (sub_key.len() + value.len()) as u64;
            let too_large = count > 0 && bytes > self.max_read_bytes.0;
            if count == limit as usize || too_large {
                page.more = true;
                break;
            }
            page.sub_keys.push(sub_key);
            page.values.push(value);
        }
        Ok(page)
    }

    fn bytes(&self) -> u64 {
        self.account.bytes
    }
}

impl Account {
    /// Lets `goes` bytes go and `comes` bytes come.
    fn replace(&mut self, goes: u64, comes: u64) -> Result<(), TaskFailure> {
        assert!(goes <= self.bytes, "what goes was counted when it came");
        let bytes = self.bytes - goes + comes;
        if bytes > self.max.0 && comes > goes {
            return Err(TaskFailure::Limit {
                limit: "state.max-bytes",
                message: format!(
                    "the keyed state of one subtask would grow beyond {}; raise the limit, raise the \
                     parallelism, or let state expire",
                    self.max
                ),
            });
        }
        self.bytes = bytes;
        Ok(())
    }

    fn release(&mut self, bytes: u64) {
        assert!(bytes <= self.bytes, "what goes was counted when it came");
        self.bytes -= bytes;
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("groups", &self.groups)
            .field("keys", &self.table.len())
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
