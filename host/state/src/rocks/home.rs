//! The directory of one subtask's database and snapshots.
//!
//! Invariant: nobody else uses the directory, and it is gone when the last of backend and snapshots is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StateError;
use crate::rocks::options::{RocksOptions, SharedMemory};

/// Where a subtask keeps its database, and with what.
#[derive(Debug, Clone)]
pub struct RocksPlace {
    /// A directory for this attempt of this subtask alone; made, emptied if it is there, and removed at
    /// the end. Restores are fastest from the same file system.
    pub directory: PathBuf,
    /// The slot's memory.
    pub memory: SharedMemory,
    /// How RocksDB is set up.
    pub options: RocksOptions,
}

/// The directory; clones keep it alive.
#[derive(Debug, Clone)]
pub(super) struct Home(Arc<Directory>);

/// A directory that is removed with everything in it when this is dropped.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Home {
    pub(super) fn create(path: PathBuf) -> Result<Self, StateError> {
        remove(&path)?;
        let home = Self(Arc::new(Directory(path)));
        for part in [home.path().to_owned(), home.scratch(), home.snapshots()] {
            fs::create_dir_all(&part).map_err(StateError::io("make", &part))?;
        }
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.0
    }

    /// The database's directory.
    pub(super) fn database(&self) -> PathBuf {
        self.path().join("db")
    }

    /// For files that are on their way into the database.
    pub(super) fn scratch(&self) -> PathBuf {
        self.path().join("scratch")
    }

    /// A directory for a snapshot, which is not there yet.
    pub(super) fn snapshot(&self, checkpoint: u64) -> Result<Directory, StateError> {
        let path = self.snapshots().join(format!("chk-{checkpoint}"));
        remove(&path)?;
        Ok(Directory(path))
    }

    fn snapshots(&self) -> PathBuf {
        self.path().join("snapshots")
    }
}

impl Directory {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nobody is there to hear of a failure; whoever makes the directory again empties it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StateError::io("empty", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a file available in another directory: as a hard link, or as a copy where that cannot be.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> Result<(), StateError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let copied = fs::copy(from, to);
    copied.map(drop).map_err(StateError::io("copy", from))
}
