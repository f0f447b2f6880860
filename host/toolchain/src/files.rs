//! Files that several builds share: the lock they wait for and the result they replace.
//!
//! Called by `bundle` and `wasm_std`. Invariant: a reader sees the old bytes or the new ones, never a
//! part of either.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::BuildError;

/// A lock between processes, held until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock, and calls `wait` first when another process has it.
    pub(crate) fn take(path: &Path, wait: impl FnOnce()) -> Result<Self, BuildError> {
        let failed = |source| io_error("lock", path, source);
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        if let Err(error) = file.try_lock() {
            match error {
                fs::TryLockError::WouldBlock => wait(),
                fs::TryLockError::Error(source) => return Err(failed(source)),
            }
            file.lock().map_err(failed)?;
        }
        Ok(Self { _file: file })
    }
}

/// Makes a directory and those above it.
pub(crate) fn create_dir(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path).map_err(|source| io_error("create", path, source))
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| io_error("read", path, source))
}

/// Makes `path` hold `bytes`; false when it did already and was not touched.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<bool, BuildError> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    if let Err(source) = written {
        // The error that matters is the first one; a leftover would be overwritten by the next try.
        drop(fs::remove_file(&partial));
        return Err(io_error("write", path, source));
    }
    Ok(true)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> BuildError {
    BuildError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_the_same_bytes_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("word-count.wasm");
        let steps: [(&[u8], bool); 4] =
            [(b"one", true), (b"one", false), (b"two", true), (b"", true)];
        for (bytes, changed) in steps {
            assert_eq!(replace(&path, bytes).unwrap(), changed, "{bytes:?}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "a partial file was left behind"
        );
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = replace(Path::new("/nowhere/at/all.wasm"), b"")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("cannot write `/nowhere/at/all.wasm`: "),
            "{error}"
        );
    }

    #[test]
    fn the_second_to_lock_is_told_that_it_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FileLock::take(&path, || panic!("nobody else has the lock")).unwrap();
        let mut waited = false;
        let second = FileLock::take(&path, || {
            waited = true;
            drop(first);
        });
        assert!(second.is_ok());
        assert!(waited);
    }
}
