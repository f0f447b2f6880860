//! Where nodes keep their things unless told otherwise, and that only one process uses a place.
//!
//! Invariants: a data directory belongs to one process at a time; a start that fails in a new one leaves
//! nothing in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::io::ErrorKind;
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
    /// What to undo should the start fail.
    made: Made,
}

/// What was made of a data directory by taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Nothing: somebody has used it before, or the start has succeeded.
    Nothing,
    /// What is in it: it was empty.
    Content,
    /// The directory.
    Everything,
}

impl Held {
    /// The node runs: what it has in its directory stays.
    pub(crate) fn keep(&mut self) {
        self.made = Made::Nothing;
    }
}

impl Drop for Held {
    /// Removes what a start that has failed has made. The lock is held until after that, so that all of it
    /// is this process's.
    fn drop(&mut self) {
        let removed = match self.made {
            Made::Nothing => Ok(()),
            Made::Content => remove_content(&self.path),
            Made::Everything => fs::remove_dir_all(&self.path),
        };
        if let Err(error) = removed {
            let path = self.path.display();
            tracing::warn!(%path, %error, "files of the failed start stay in the data directory");
        }
    }
}

/// The JobManager's data directory: the chosen one, or the user's when that is empty.
pub(crate) fn job_manager(chosen: &Path) -> Result<PathBuf, Failure> {
    or_users(chosen, "jobmanager")
}

/// The TaskManager's data directory.
pub(crate) fn task_manager(chosen: &Path) -> Result<PathBuf, Failure> {
    or_users(chosen, "taskmanager")
}

/// Where the checkpoints of jobs go that run in this process, unless they name a directory.
pub(crate) fn local_checkpoints() -> Option<String> {
    let directory = dirs::data_dir()?.join("wasmill").join("checkpoints");
    Some(directory.display().to_string())
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

/// Removes a directory with everything in it; one that is not there is removed.
pub(crate) fn clear(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::failed(format!(
            "remove what an earlier process left in `{}`: {error}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Makes a data directory and takes it for this process.
pub(crate) fn hold(path: PathBuf) -> Result<Held, Failure> {
    let shown = path.display();
    let failed = |error| Failure::failed(format!("use the data directory `{shown}`: {error}"));
    let made = match fs::read_dir(&path) {
        Ok(mut entries) => match entries.next() {
            None => Made::Content,
            Some(_) => Made::Nothing,
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Made::Everything,
        Err(error) => return Err(failed(error)),
    };
    fs::create_dir_all(&path).map_err(failed)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join(LOCK))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Held {
            path,
            _lock: lock,
            made,
        }),
        Err(TryLockError::WouldBlock) => Err(Failure::failed(format!(
            "the data directory `{shown}` is used by another process; stop that one, or choose another with \
             `--data-dir`"
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn remove_content(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is below a directory, or that it is not there.
    fn below(path: &Path) -> Option<Vec<String>> {
        let entries = fs::read_dir(path).ok()?;
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        let names = names.into_iter().map(|name| name.into_string().unwrap());
        Some(names.collect())
    }

    #[test]
    fn only_a_start_that_succeeds_leaves_something_in_a_new_directory() {
        let start = |path: &Path, succeeds: bool| {
            let mut held = hold(path.to_owned()).unwrap();
            fs::create_dir_all(path.join("identity/deep")).unwrap();
            fs::write(path.join("name"), "tm").unwrap();
            assert!(hold(path.to_owned()).is_err());
            if succeeds {
                held.keep();
            }
        };
        let dir = tempfile::tempdir().unwrap();
        let (new, empty) = (dir.path().join("new"), dir.path().join("empty"));
        fs::create_dir(&empty).unwrap();
        for (path, left) in [(&new, None), (&empty, Some(Vec::new()))] {
            start(path, false);
            assert_eq!(below(path), left);
            start(path, true);
            let all = ["identity", "lock", "name"].map(str::to_owned).to_vec();
            assert_eq!(below(path), Some(all.clone()));
            start(path, false);
            assert_eq!(below(path), Some(all));
        }
    }
}
