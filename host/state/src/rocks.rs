//! Keyed state in RocksDB: one database per subtask, on local disk.
//!
//! A task opens it when its job keeps more state than fits in memory. Rows lie in the order of their
//! places (see [`crate::row`]), so a key's rows, a state and a key group are ranges. There is no write-ahead
//! log: what is not in a checkpoint is replayed from the sources. What a task writes is
//! collected ([`staged`]) until somebody reads or takes a snapshot. [`options`] says what it may cost,
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
mod staged;

use std::cell::RefCell;
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
use crate::rocks::staged::{Handover, Staged};
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

/// How many bytes are written between two looks at `state.max-disk-bytes`.
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
    unwritten: RefCell<Unwritten>,
    unchecked_bytes: usize,
}

/// Changes that are not in the database yet, the earlier ones first.
#[derive(Debug, Default)]
struct Unwritten {
    /// What the last snapshot was handed.
    handover: Handover,
    /// The last snapshot, which later changes must not overtake.
    pending: Pending,
    /// What was written since.
    staged: Staged,
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
        Ok(Self {
            db,
            home,
            groups,
            options,
            tuning,
            write: database::without_log(),
            read: ReadOptions::default(),
            unwritten: RefCell::default(),
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

    /// Writes all changes to the database, so that it can be read.
    fn catch_up(&self) -> Result<(), StateError> {
        let mut unwritten = self.unwritten.borrow_mut();
        let handed = unwritten.handover.write(&self.db, &self.write);
        handed.map_err(self.failed("write"))?;
        if unwritten.staged.is_empty() {
            return Ok(());
        }
        unwritten.pending.settle()?;
        let staged = std::mem::take(&mut unwritten.staged);
        let written = staged.write(&self.db, &self.write);
        written.map_err(self.failed("write"))
    }

    /// Lets nothing stand between the database and a change that is not staged.
    fn overtake_nothing(&self) -> Result<(), StateError> {
        self.catch_up()?;
        self.unwritten.borrow_mut().pending.settle()
    }

    /// Sets a row or removes it.
    fn stage(&mut self, place: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        let bytes = Staged::bytes_of(place, value);
        self.unchecked_bytes += bytes;
        let most = self.tuning.staged_bytes();
        if self.unwritten.get_mut().staged.bytes() + bytes > most {
            self.catch_up()?;
        }
        if bytes <= most {
            self.unwritten.get_mut().staged.push(place, value);
            return Ok(());
        }
        self.overtake_nothing()?;
        let written = match value {
            Some(value) => self.db.put_opt(place, value, &self.write),
            None => self.db.delete_opt(place, &self.write),
        };
        written.map_err(self.failed("write"))
    }

    /// Removes all rows of a key.
    fn clear(&self, prefix: &[u8]) -> Result<(), StateError> {
        self.overtake_nothing()?;
        let end = row::after_prefix(prefix);
        let mut read = ReadOptions::default();
        read.set_iterate_lower_bound(prefix);
        read.set_iterate_upper_bound(end.as_slice());
        let mut rows = self.db.raw_iterator_opt(read);
        rows.seek_to_first();
        let mut batch = WriteBatch::default();
        while let Some(place) = rows.key() {
            if batch.len() == ROWS_CLEARED_SINGLY {
                batch.clear();
                batch.delete_range(prefix, end.as_slice());
                break;
            }
            batch.delete(place);
            rows.next();
        }
        rows.status().map_err(self.failed("read"))?;
        let written = self.db.write_opt(batch, &self.write);
        written.map_err(self.failed("write"))
    }

    fn check_size(&self) -> Result<(), TaskFailure> {
        let max = self.options.max_disk_bytes;
        if self.bytes() <= max.0 {
            return Ok(());
        }
        Err(TaskFailure::Limit {
            limit: "state.max-disk-bytes",
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
        self.catch_up()?;
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
        let adapted = self.tuning.adapt(&self.db);
        adapted.map_err(self.failed("adapt the memory of"))?;
        let mut place = Vec::new();
        for (index, kind) in changes.kinds.iter().enumerate() {
            place.clear();
            self.key_prefix(&mut place, state, changes.keys.get(index))?;
            match kind {
                ChangeKind::Put => {
                    place.extend_from_slice(changes.sub_keys.get(index));
                    self.stage(&place, Some(changes.values.get(index)))?;
                }
                ChangeKind::Delete => {
                    place.extend_from_slice(changes.sub_keys.get(index));
                    self.stage(&place, None)?;
                }
                ChangeKind::Clear => self.clear(&place)?,
            }
        }
        if self.unchecked_bytes < BYTES_PER_CHECK {
            return Ok(());
        }
        self.unchecked_bytes = 0;
        self.check_size()
    }

    fn scan(
        &self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        self.catch_up()?;
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
        let staged = self.unwritten.borrow().staged.bytes() as u64;
        let in_memory = self.property(rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES);
        staged + in_memory + self.property(rocksdb::properties::LIVE_SST_FILES_SIZE)
    }

    fn snapshot(&mut self, checkpoint: u64) -> Result<Box<dyn FrozenRows>, StateError> {
        let unwritten = self.unwritten.get_mut();
        // Two may be on their way, and each has what the other has; one that nobody saves has been handed
        // changes all the same.
        unwritten.pending.settle()?;
        let handed = unwritten.handover.write(&self.db, &self.write);
        handed.map_err(StateError::rocks("write", self.home.path()))?;
        unwritten.handover = Handover::of(std::mem::take(&mut unwritten.staged));
        let handover = unwritten.handover.clone();
        let snapshot = RocksSnapshot::note(&self.db, &self.home, checkpoint, handover)?;
        unwritten.pending = Pending::on(&snapshot);
        Ok(Box::new(snapshot))
    }

    /// An empty database takes some bytes too.
    fn is_empty(&self) -> bool {
        if self.catch_up().is_err() {
            return false;
        }
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
