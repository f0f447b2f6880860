//! Private files: written whole or not at all, readable by their owner only.
//!
//! Used by the authority and by members for keys and certificates. Invariant: a file under its final name
//! is complete, and of two processes that make it at the same time one wins and both use what it made.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::IdentityError;

/// The largest file that is read, in bytes: certificates and keys are a few hundred.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Makes the directory, for its owner only.
pub(super) fn make_dir(path: &Path) -> Result<(), IdentityError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| failed("create the directory", path, source))
}

/// Reads a file; none when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let read = || -> io::Result<Vec<u8>> {
        if fs::metadata(path)?.len() > MAX_FILE_BYTES {
            return Err(io::Error::other(format!("over {MAX_FILE_BYTES} bytes")));
        }
        fs::read(path)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source)),
    }
}

/// Reads a private file, which nobody else may be able to read.
pub(super) fn read_private(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let metadata = fs::metadata(path).map_err(|source| failed("inspect", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(IdentityError::Exposed { path, mode });
    }
    Ok(Some(bytes))
}

/// Makes a file if there is none yet; answers whether it was made.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<bool, IdentityError> {
    let file = staged(path, bytes)?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_parent(path).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create", path, error.error)),
    }
}

/// Makes or replaces a file.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    let file = staged(path, bytes)?;
    let persisted = file.persist(path);
    persisted.map_err(|error| failed("write", path, error.error))?;
    sync_parent(path)
}

/// A file beside its final name; temporary files are made with mode 0600.
fn staged(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, IdentityError> {
    let stage = || -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(parent(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    stage().map_err(|source| failed("write", path, source))
}

/// Makes the new name durable.
fn sync_parent(path: &Path) -> Result<(), IdentityError> {
    let dir = parent(path);
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| failed("sync", dir, source))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> IdentityError {
    let path = path.to_owned();
    IdentityError::File { what, path, source }
}
