//! Where nodes keep their things unless told otherwise, and that only one process uses a place.
//!
//! Invariant: a data directory belongs to one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The file that a process holds locked while it uses its data directory.
const LOCK: &str = "lock";

/// A data directory that this process uses alone, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    /// The directory.
    pub(crate) path: PathBuf,
    _lock: File,
}

/// The JobManager's data directory: the chosen one, or the user's when that is empty.
pub(crate) fn job_manager(chosen: &Path) -> Result<PathBuf, Failure> {
    or_users(chosen, "jobmanager")
}

/// The TaskManager's data directory.
pub(crate) fn task_manager(chosen: &Path) -> Result<PathBuf, Failure> {
    or_users(chosen, "taskmanager")
}

fn or_users(chosen: &Path, name: &str) -> Result<PathBuf, Failure> {
    if !chosen.as_os_str().is_empty() {
        return Ok(chosen.to_owned());
    }
    let data = dirs::data_dir().ok_or_else(|| {
        Failure::unusable("there is no home directory; choose a place with `--data-dir`")
    })?;
    Ok(data.join("wasmill").join(name))
}

/// Makes a data directory and takes it for this process.
pub(crate) fn hold(path: PathBuf) -> Result<Held, Failure> {
    let shown = path.display();
    let failed = |error| Failure::failed(format!("use the data directory `{shown}`: {error}"));
    fs::create_dir_all(&path).map_err(failed)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join(LOCK))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Held { path, _lock: lock }),
        Err(TryLockError::WouldBlock) => Err(Failure::failed(format!(
            "the data directory `{shown}` is used by another process; stop that one, or choose another with \
             `--data-dir`"
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
