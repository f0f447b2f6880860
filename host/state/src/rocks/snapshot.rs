//! Checkpoints of a database: directories of hard links to its files.
//!
//! On the task's thread, taking a snapshot only notes that there is one and hands over what is not in the
//! database yet. The thread that saves it writes that, has what is in memory written out and makes the links;
//! a write that reaches the database earlier does so itself before it changes anything. Tasks keep what they work with in the guest's cache and write at the next barrier,
//! so as a rule nobody waits. Invariants: a snapshot has all that was written before it and nothing that
//! was written after; files that it links to never change; the links are gone with it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, Options, ReadOptions};

use crate::error::StateError;
use crate::rocks::database;
use crate::rocks::home::{Directory, Home};
use crate::rocks::staged::Handover;
use crate::row::{self, Row};
use crate::snapshot::{FrozenRows, GroupReader, Item, Visit};

/// How far ahead a file is read that is read from beginning to end.
const READ_AHEAD_BYTES: usize = 2 << 20;

/// A database as it was at one moment.
pub(super) struct RocksSnapshot {
    // In the order in which they must go: the database has files in the home.
    db: Arc<DB>,
    directory: Directory,
    home: Home,
    /// What has to be in the database first.
    handover: Handover,
    /// How making the links ended; none as long as nobody has made them.
    linked: Mutex<Option<Result<(), rocksdb::Error>>>,
}

/// A snapshot that a writer must not overtake.
#[derive(Debug, Default)]
pub(super) struct Pending(Weak<RocksSnapshot>);

impl RocksSnapshot {
    /// Notes that there is a snapshot.
    pub(super) fn note(
        db: &Arc<DB>,
        home: &Home,
        checkpoint: u64,
        handover: Handover,
    ) -> Result<Arc<Self>, StateError> {
        let directory = home.snapshot(checkpoint)?;
        Ok(Arc::new(Self {
            db: Arc::clone(db),
            directory,
            home: home.clone(),
            handover,
            linked: Mutex::new(None),
        }))
    }

    /// Writes out what is in memory and makes the links, unless that is done; until then, nothing may be
    /// written.
    ///
    /// Whoever comes second waits for the first, which waits for the disk alone.
    fn link(&self) -> Result<(), StateError> {
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        let linked = linked.get_or_insert_with(|| {
            self.handover.write(&self.db, &database::without_log())?;
            let checkpointer = Checkpoint::new(&self.db)?;
            checkpointer.create_checkpoint(self.directory.path())
        });
        let failed = StateError::rocks("take a checkpoint of", self.home.path());
        linked.clone().map_err(failed)
    }
}

impl Pending {
    pub(super) fn on(snapshot: &Arc<RocksSnapshot>) -> Self {
        Self(Arc::downgrade(snapshot))
    }

    /// Lets writers go on.
    pub(super) fn settle(&mut self) -> Result<(), StateError> {
        match std::mem::take(self).0.upgrade() {
            Some(snapshot) => snapshot.link(),
            None => Ok(()),
        }
    }
}

impl FrozenRows for Arc<RocksSnapshot> {
    fn reader(&self) -> Result<Box<dyn GroupReader + '_>, StateError> {
        self.link()?;
        Ok(Box::new(DirectoryReader::open(self.directory.path())?))
    }

    fn directory(&self) -> Result<Option<&Path>, StateError> {
        self.link()?;
        Ok(Some(self.directory.path()))
    }
}

impl fmt::Debug for RocksSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksSnapshot")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Reads the rows of a database that nobody writes to.
pub(crate) struct DirectoryReader {
    db: DB,
}

impl DirectoryReader {
    pub(crate) fn open(directory: &Path) -> Result<Self, StateError> {
        let db = DB::open_for_read_only(&Options::default(), directory, false);
        let db = db.map_err(StateError::rocks("open a checkpoint of", directory))?;
        Ok(Self { db })
    }

    /// Passes the rows of a place's key on, from its sub-key, while they are wanted.
    pub(crate) fn of_key(
        &self,
        from: &Row<'_>,
        wanted: &mut dyn FnMut(&Row<'_>) -> bool,
    ) -> Result<(), StateError> {
        let mut key = Vec::new();
        row::encode_key(&mut key, from.key_group, from.state, from.key);
        let mut read = ReadOptions::default();
        read.set_iterate_upper_bound(row::after_prefix(&key));
        read.fill_cache(false);
        let mut rows = self.db.raw_iterator_opt(read);
        let mut place = Vec::new();
        from.encode_place(&mut place);
        rows.seek(place);
        while let Some((place, value)) = rows.item() {
            let row = row::decode(place, value);
            let row =
                row.ok_or_else(|| StateError::Corrupt("a row has no proper place".to_owned()))?;
            if !wanted(&row) {
                return Ok(());
            }
            rows.next();
        }
        let failed = StateError::rocks("read", self.db.path());
        rows.status().map_err(failed)
    }
}

impl GroupReader for DirectoryReader {
    fn read(&mut self, group: u16, visit: &mut Visit<'_>) -> Result<(), StateError> {
        let mut read = ReadOptions::default();
        read.set_iterate_upper_bound(row::after_prefix(&group.to_be_bytes()));
        read.fill_cache(false);
        read.set_readahead_size(READ_AHEAD_BYTES);
        let mut rows = self.db.raw_iterator_opt(read);
        rows.seek(group.to_be_bytes());
        while let Some((place, value)) = rows.item() {
            let row = row::decode(place, value);
            let row =
                row.ok_or_else(|| StateError::Corrupt("a row has no proper place".to_owned()))?;
            visit(Item::Row(row))?;
            rows.next();
        }
        let failed = StateError::rocks("read", self.db.path());
        rows.status().map_err(failed)
    }
}
