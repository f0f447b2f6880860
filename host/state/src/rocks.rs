//! Keyed state in RocksDB: one database per subtask, on local disk.
//!
//! A task opens it when its job keeps more state than fits in memory. Rows lie in the order of their
//! places (see [`crate::row`]), so a key's rows, a state and a key group are ranges. There is no write-ahead
//! log: what is not in a checkpoint is replayed from the sources. [`options`] says what it may cost,
//! [`database`] opens and tunes, [`snapshot`] takes checkpoints by hard links, [`restore`] brings them
//! back. Invariants: memory is shared by all databases of a slot and bounded together; the directory
//! is gone when backend and snapshots are.

mod database;
mod expire;
mod home;
mod ingest;
pub mod options;
mod restore;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use rocksdb::{DB, DBPinnableSlice, ReadOptions, WriteBatch, WriteOptions};
use wasmill_types::operator::{ChangeKind, Changes, OptionalBlobs, Page};
use wasmill_types::{BlobsView, TaskFailure};

use crate::backend::KeyedBackend;
use crate::columns;
use crate::error::StateError;
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::rocks::database::Tuning;
use crate::rocks::home::Home;
use crate::rocks::snapshot::{Pending, RocksSnapshot};
use crate::row;
use crate::snapshot::FrozenRows;
use crate::ttl::Expiry;

pub use home::RocksPlace;
pub use options::{Compression, RocksOptions, SharedMemory};
pub(crate) use snapshot::DirectoryReader;

/// How many keys are looked up in one go, which bounds the blocks that are pinned at once.
const KEYS_PER_LOOKUP: usize = 1024;

/// A key with at most this many rows is cleared row by row: every range that was deleted slows later
/// reads down until it is compacted away.
const ROWS_CLEARED_SINGLY: usize = 64;

/// How many bytes are written between two looks at `state.max-bytes`.
const BYTES_PER_CHECK: usize = 1 << 20;

/// The rows of one subtask, in RocksDB.
pub struct RocksBackend {
    // Closed before its directory goes.
    db: Arc<DB>,
    home: Home,
    groups: OwnedGroups,
    options: Options,
    tuning: Tuning,
    write: WriteOptions,
    read: ReadOptions,
    /// The last snapshot.
    pending: Pending,
    unchecked_bytes: usize,
}

/// Byte strings back to back.
#[derive(Default)]
struct Places {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RocksBackend {
    /// A backend without rows, in a new directory.
    ///
    /// # Errors
    /// When the database cannot be made.
    pub fn create(
        place: RocksPlace,
        groups: OwnedGroups,
        options: &Options,
        expiry: &Expiry,
    ) -> Result<Self, StateError> {
        let home = Home::create(place.directory)?;
        let tuning = Tuning::new(&place.options, place.memory, expiry);
        Self::open(home, groups, *options, tuning)
    }

    fn open(
        home: Home,
        groups: OwnedGroups,
        options: Options,
        tuning: Tuning,
    ) -> Result<Self, StateError> {
        let db = Arc::new(tuning.open(&home.database())?);
        let mut write = WriteOptions::default();
        write.disable_wal(true);
        Ok(Self {
            db,
            home,
            groups,
            options,
            tuning,
            write,
            read: ReadOptions::default(),
            pending: Pending::default(),
            unchecked_bytes: 0,
        })
    }

    /// What the places of all rows of a key begin with.
    fn key_prefix(&self, to: &mut Vec<u8>, state: u32, key: &[u8]) -> Result<(), TaskFailure> {
        let group = self.groups.index_of(key)? + self.groups.range().start;
        let group = u16::try_from(group).expect("the largest max parallelism fits in 16 bits");
        row::encode_key(to, group, state, key);
        Ok(())
    }

    fn places(
        &self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<Places, TaskFailure> {
        let mut places = Places::default();
        places.ends.reserve_exact(keys.len());
        for (index, key) in keys.iter().enumerate() {
            self.key_prefix(&mut places.bytes, state, key)?;
            if !sub_keys.is_empty() {
                places.bytes.extend_from_slice(sub_keys.get(index));
            }
            places.ends.push(places.bytes.len());
        }
        Ok(places)
    }

    fn look_up<'a>(
        &self,
        places: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<Result<Option<DBPinnableSlice<'_>>, rocksdb::Error>> {
        let rows = database::rows(&self.db);
        self.db
            .batched_multi_get_cf_opt(rows, places, false, &self.read)
    }

    /// Removes all rows of a key; what came before must be in the database.
    fn clear(&self, prefix: &[u8], batch: &mut WriteBatch) -> Result<(), StateError> {
        let end = row::after_prefix(prefix);
        let mut read = ReadOptions::default();
        read.set_iterate_lower_bound(prefix);
        read.set_iterate_upper_bound(end.as_slice());
        let mut rows = self.db.raw_iterator_opt(read);
        rows.seek_to_first();
        let mut single = Vec::new();
        while let Some(place) = rows.key() {
            if single.len() == ROWS_CLEARED_SINGLY {
                batch.delete_range(prefix, end.as_slice());
                return Ok(());
            }
            single.push(place.to_owned());
            rows.next();
        }
        rows.status().map_err(self.failed("read"))?;
        single.iter().for_each(|place| batch.delete(place));
        Ok(())
    }

    fn apply(&mut self, batch: WriteBatch) -> Result<(), TaskFailure> {
        self.unchecked_bytes += batch.size_in_bytes();
        let adapted = self.tuning.adapt(&self.db);
        adapted.map_err(self.failed("adapt the memory of"))?;
        let written = self.db.write_opt(batch, &self.write);
        written.map_err(self.failed("write"))?;
        if self.unchecked_bytes < BYTES_PER_CHECK {
            return Ok(());
        }
        self.unchecked_bytes = 0;
        self.check_size()
    }

    fn check_size(&self) -> Result<(), TaskFailure> {
        let max = self.options.max_bytes;
        if self.bytes() <= max.0 {
            return Ok(());
        }
        Err(TaskFailure::Limit {
            limit: "state.max-bytes",
            message: format!(
                "the keyed state of one subtask would grow beyond {max} on disk; raise the limit, raise \
                 the parallelism, or let state expire"
            ),
        })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(rocksdb::Error) -> StateError + use<> {
        StateError::rocks(action, self.home.path())
    }

    fn property(&self, name: &rocksdb::properties::PropName) -> u64 {
        // A property that cannot be read counts nothing, which is better than failing a job for it.
        let value = self.db.property_int_value(name);
        value.ok().flatten().unwrap_or_default()
    }

    fn read_too_large(&self, keys: usize) -> TaskFailure {
        TaskFailure::Limit {
            limit: "state.max-read-bytes",
            message: format!(
                "the values of {keys} keys exceed {}; read fewer keys at once",
                self.options.max_read_bytes
            ),
        }
    }
}

impl Places {
    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

impl KeyedBackend for RocksBackend {
    fn get(
        &self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        columns::check_get(keys, sub_keys)?;
        let places = self.places(state, keys, sub_keys)?;
        let mut found = OptionalBlobs::default();
        found.present.reserve_exact(keys.len());
        found.values.ends.reserve_exact(keys.len());
        for start in (0..keys.len()).step_by(KEYS_PER_LOOKUP) {
            let end = keys.len().min(start + KEYS_PER_LOOKUP);
            for value in self.look_up((start..end).map(|index| places.get(index))) {
                let value = value.map_err(self.failed("read"))?;
                let bytes = found.values.data.len() + value.as_ref().map_or(0, |v| v.len());
                if bytes as u64 > self.options.max_read_bytes.0 {
                    return Err(self.read_too_large(keys.len()));
                }
                found.present.push(value.is_some());
                found.values.push(value.as_deref().unwrap_or_default());
            }
        }
        Ok(found)
    }

    fn write(&mut self, state: u32, changes: &Changes<'_>) -> Result<(), TaskFailure> {
        columns::check_changes(changes)?;
        self.pending.settle()?;
        let bytes = changes.keys.data.len() + changes.values.data.len();
        let mut batch = WriteBatch::with_capacity_bytes(bytes + 32 * changes.kinds.len());
        let mut place = Vec::new();
        for (index, kind) in changes.kinds.iter().enumerate() {
            place.clear();
            self.key_prefix(&mut place, state, changes.keys.get(index))?;
            match kind {
                ChangeKind::Put => {
                    place.extend_from_slice(changes.sub_keys.get(index));
                    batch.put(&place, changes.values.get(index));
                }
                ChangeKind::Delete => {
                    place.extend_from_slice(changes.sub_keys.get(index));
                    batch.delete(&place);
                }
                ChangeKind::Clear => {
                    self.apply(std::mem::take(&mut batch))?;
                    self.clear(&place, &mut batch)?;
                }
            }
        }
        self.apply(batch)
    }

    fn scan(
        &self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        let mut prefix = Vec::new();
        self.key_prefix(&mut prefix, state, key)?;
        let mut read = ReadOptions::default();
        read.set_iterate_upper_bound(row::after_prefix(&prefix));
        let mut rows = self.db.raw_iterator_opt(read);
        match after {
            None => rows.seek(&prefix),
            // The place that follows directly, whether or not there is a row.
            Some(after) => rows.seek([&prefix, after, &[0]].concat()),
        }
        let mut page = Page::default();
        let mut bytes = 0;
        while let Some((place, value)) = rows.item() {
            let sub_key = &place[prefix.len()..];
            let count = page.sub_keys.ends.len();
            bytes += (sub_key.len() + value.len()) as u64;
            let too_large = count > 0 && bytes > self.options.max_read_bytes.0;
            if count == limit as usize || too_large {
                page.more = true;
                break;
            }
            page.sub_keys.push(sub_key);
            page.values.push(value);
            rows.next();
        }
        rows.status().map_err(self.failed("read"))?;
        Ok(page)
    }

    fn bytes(&self) -> u64 {
        let in_memory = self.property(rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES);
        in_memory + self.property(rocksdb::properties::LIVE_SST_FILES_SIZE)
    }

    fn snapshot(&mut self, checkpoint: u64) -> Result<Box<dyn FrozenRows>, StateError> {
        // Two may be on their way, and each has what the other has.
        self.pending.settle()?;
        let snapshot = RocksSnapshot::note(&self.db, &self.home, checkpoint)?;
        self.pending = Pending::on(&snapshot);
        Ok(Box::new(snapshot))
    }

    /// An empty database takes some bytes too.
    fn is_empty(&self) -> bool {
        let mut rows = self.db.raw_iterator();
        rows.seek_to_first();
        !rows.valid() && rows.status().is_ok()
    }
}

impl fmt::Debug for RocksBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksBackend")
            .field("home", &self.home)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
