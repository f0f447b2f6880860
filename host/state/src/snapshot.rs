//! The keyed state and the timers of one subtask as they were at one moment.
//!
//! The task makes a [`KeyedSnapshot`] at the barrier, on its own thread, which takes little time
//! ([`KeyedSnapshot::take`]); another thread then saves it, either as the files that the backend keeps
//! anyway ([`KeyedSnapshot::native_files`], for incremental checkpoints) or as a stream that every
//! backend can read ([`KeyedSnapshot::write_canonical`]). Invariant: what is saved is what was there at
//! the barrier, whatever the task did meanwhile.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use wasmill_actor::CancelToken;
use wasmill_types::operator::TimeDomain;

use crate::backend::KeyedBackend;
use crate::canonical::{CanonicalWriter, Head, Summary};
use crate::error::StateError;
use crate::owned::OwnedGroups;
use crate::row::Row;
use crate::timers::{FrozenTimers, TimerService};
use crate::ttl::Expiry;

/// The file beside RocksDB's own that holds the timers and says what the rows are like.
pub const TIMERS_FILE: &str = "wasmill.timers";

/// What a snapshot consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A row of keyed state.
    Row(Row<'a>),
    /// A timer.
    Timer(TimerItem<'a>),
}

/// One timer of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerItem<'a> {
    /// The clock that it belongs to.
    pub domain: TimeDomain,
    /// When it fires.
    pub time: i64,
    /// Its key.
    pub key: &'a [u8],
    /// Its namespace.
    pub namespace: &'a [u8],
}

/// What is called for each item; its error ends the reading.
pub type Visit<'a> = dyn FnMut(Item<'_>) -> Result<(), StateError> + 'a;

/// Reads a snapshot key group by key group.
pub trait GroupReader {
    /// Passes the items of one key group on: rows in canonical order (see [`crate::row`]), then timers.
    ///
    /// # Errors
    /// When the snapshot cannot be read, and those of `visit`.
    fn read(&mut self, group: u16, visit: &mut Visit<'_>) -> Result<(), StateError>;
}

/// The rows of a backend as they were at one moment.
pub trait FrozenRows: Send + Sync + fmt::Debug {
    /// Begins to read.
    ///
    /// # Errors
    /// When the rows cannot be read.
    fn reader(&self) -> Result<Box<dyn GroupReader + '_>, StateError>;

    /// Where the backend keeps the rows as files, if it does. They are gone when this is dropped.
    ///
    /// # Errors
    /// When the files cannot be made.
    fn directory(&self) -> Result<Option<&Path>, StateError>;
}

/// One file of a native snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotFile {
    /// The name, which the file must have again when it is restored.
    pub name: String,
    /// Where it is as long as the snapshot lives.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether later snapshots of the same backend may contain it too.
    pub kind: FileKind,
}

/// Whether a file belongs to one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// It never changes, and under the same name later snapshots of the same backend contain the same.
    Shared,
    /// It is this snapshot's only.
    Private,
}

/// The keyed state and the timers of one subtask at a barrier.
#[derive(Debug)]
pub struct KeyedSnapshot {
    head: Head,
    groups: OwnedGroups,
    rows: Box<dyn FrozenRows>,
    timers: FrozenTimers,
}

impl KeyedSnapshot {
    /// Takes a snapshot, on the task's thread: the synchronous part.
    ///
    /// # Errors
    /// When the backend cannot.
    pub fn take(
        checkpoint: u64,
        backend: &mut dyn KeyedBackend,
        timers: &TimerService,
        expiry: &Expiry,
    ) -> Result<Self, StateError> {
        let groups = timers.groups().clone();
        Ok(Self {
            head: Head {
                max_parallelism: groups.max_parallelism(),
                groups: groups.range(),
                timed: expiry.timed(),
            },
            groups,
            rows: backend.snapshot(checkpoint)?,
            timers: timers.snapshot(),
        })
    }

    /// What the snapshot is about.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Writes everything as a stream that any backend restores, at any parallelism.
    ///
    /// # Errors
    /// When the rows cannot be read or the stream does not take them; [`StateError::Cancelled`].
    pub fn write_canonical(
        &self,
        to: &mut dyn Write,
        cancel: &CancelToken,
    ) -> Result<Summary, StateError> {
        let mut rows = self.rows.reader()?;
        self.write(to, cancel, &mut *rows)
    }

    /// The files that make up the snapshot, for a backend that keeps files; completes them first.
    ///
    /// They are there as long as the snapshot lives. None means that the snapshot has to be written with
    /// [`KeyedSnapshot::write_canonical`].
    ///
    /// # Errors
    /// When the files cannot be completed; [`StateError::Cancelled`].
    pub fn native_files(
        &self,
        cancel: &CancelToken,
    ) -> Result<Option<Vec<SnapshotFile>>, StateError> {
        let Some(directory) = self.rows.directory()? else {
            return Ok(None);
        };
        self.write_timers(&directory.join(TIMERS_FILE), cancel)?;
        let entries = directory.read_dir();
        let failed = || StateError::io("list the files of the snapshot", directory);
        let mut files = Vec::new();
        for entry in entries.map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let bytes = entry.metadata().map_err(failed())?.len();
            let name = entry.file_name().to_string_lossy().into_owned();
            // RocksDB's lock, and its diary: not part of what was kept.
            if name == "LOCK" || name.starts_with("LOG") {
                continue;
            }
            let kind = if name.ends_with(".sst") {
                FileKind::Shared
            } else {
                FileKind::Private
            };
            files.push(SnapshotFile {
                name,
                path: entry.path(),
                bytes,
                kind,
            });
        }
        files.sort();
        Ok(Some(files))
    }

    fn write_timers(&self, path: &Path, cancel: &CancelToken) -> Result<(), StateError> {
        let file = File::create(path).map_err(StateError::io("create", path))?;
        let mut to = BufWriter::new(file);
        self.write(&mut to, cancel, &mut NoRows)?;
        to.flush().map_err(StateError::io("write", path))
    }

    fn write(
        &self,
        to: &mut dyn Write,
        cancel: &CancelToken,
        rows: &mut dyn GroupReader,
    ) -> Result<Summary, StateError> {
        let mut writer = CanonicalWriter::new(to, &self.head)?;
        let timers = self.timers.by_group(&self.groups);
        for group in self.head.groups.clone() {
            let group = u16::try_from(group).expect("key groups fit in 16 bits");
            writer.begin(group);
            rows.read(group, &mut |item| {
                if cancel.is_cancelled() {
                    return Err(StateError::Cancelled);
                }
                writer.push(item)
            })?;
            for timer in timers.of(group) {
                writer.push(Item::Timer(timer))?;
            }
            writer.end()?;
        }
        writer.finish()
    }
}

/// Stands where the rows are saved otherwise.
struct NoRows;

impl GroupReader for NoRows {
    fn read(&mut self, _: u16, _: &mut Visit<'_>) -> Result<(), StateError> {
        Ok(())
    }
}
