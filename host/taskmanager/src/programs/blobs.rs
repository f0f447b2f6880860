//! The files of bundles on disk, named by their digests.
//!
//! Invariants: a file is complete and what its name says, or it is not used; no more than the bound is
//! kept, and what was not used for longest goes first; files appear and go whole.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use wasmill_actor::Clock;
use wasmill_types::id::Digest;

use crate::errand;

/// The ending of a file's name.
const EXTENSION: &str = "bundle";

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The bytes of a bundle, as they come.
pub type Bytes = Pin<Box<dyn AsyncRead + Send>>;

/// Why a file was not kept.
#[derive(Debug, Error)]
pub enum BlobError {
    /// The disk, or the other side.
    #[error("{action} `{}`: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// More came than a bundle may have.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Something else came.
    #[error("what came has the digest {0}")]
    WrongDigest(Digest),
    /// No thread, or a bug.
    #[error("{0}")]
    Broken(String),
}

/// A directory of bundles.
#[derive(Debug, Clone)]
pub struct Blobs {
    directory: PathBuf,
    /// The most bytes of one.
    max_blob: u64,
    /// The most bytes of all.
    max_all: u64,
    clock: Clock,
}

impl Blobs {
    /// Opens a directory of bundles, and makes it if there is none.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(
        directory: PathBuf,
        max_blob: u64,
        max_all: u64,
        clock: Clock,
    ) -> Result<Self, BlobError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory);
        made.map_err(|source| failed("make", &directory, source))?;
        Ok(Self {
            directory,
            max_blob,
            max_all,
            clock,
        })
    }

    /// The path of a bundle, if it is here and sound. One that is broken is removed.
    ///
    /// # Errors
    /// When the disk does not let us look.
    pub async fn find(&self, bundle: Digest) -> Result<Option<PathBuf>, BlobError> {
        let blobs = self.clone();
        let found = errand::on_thread("check bundle", move || blobs.check(bundle)).await;
        found.map_err(BlobError::Broken)?
    }

    /// Keeps a bundle; its path.
    ///
    /// # Errors
    /// When it does not come whole, or is not what it should be; nothing of it is left then.
    pub async fn store(&self, bundle: Digest, bytes: Bytes) -> Result<PathBuf, BlobError> {
        let path = self.path(bundle);
        let temporary = NamedTempFile::new_in(&self.directory);
        let temporary =
            temporary.map_err(|source| failed("make a file in", &self.directory, source))?;
        let found = self.receive(bytes, &temporary).await?;
        if found != bundle {
            return Err(BlobError::WrongDigest(found));
        }
        let blobs = self.clone();
        let kept = errand::on_thread("keep bundle", move || blobs.keep(temporary, path));
        kept.await.map_err(BlobError::Broken)?
    }

    fn path(&self, bundle: Digest) -> PathBuf {
        self.directory.join(format!("{bundle}.{EXTENSION}"))
    }

    fn check(&self, bundle: Digest) -> Result<Option<PathBuf>, BlobError> {
        let path = self.path(bundle);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path, error)),
        };
        let found = digest(&mut file).map_err(|error| failed("read", &path, error))?;
        if found == bundle {
            // A failure makes it look older than it is, no more.
            let since_epoch = Duration::from_millis(self.clock.now_ms().max(0).unsigned_abs());
            let _ = file.set_modified(SystemTime::UNIX_EPOCH + since_epoch);
            return Ok(Some(path));
        }
        tracing::warn!(path = %path.display(), %found, "a bundle on disk is broken, fetch it again");
        remove(&path)?;
        Ok(None)
    }

    /// Writes what comes into a file, and says what its digest is.
    async fn receive(&self, mut bytes: Bytes, to: &NamedTempFile) -> Result<Digest, BlobError> {
        let path = to.path();
        let writing = |source| failed("write", path, source);
        let file = to.reopen().map_err(writing)?;
        let mut file = tokio::fs::File::from_std(file);
        let (mut hasher, mut length) = (Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = bytes.read(&mut chunk).await;
            let read = read.map_err(|source| failed("receive", path, source))?;
            if read == 0 {
                break;
            }
            length += read as u64;
            if length > self.max_blob {
                return Err(BlobError::TooLarge(self.max_blob));
            }
            hasher.update(&chunk[..read]);
            file.write_all(&chunk[..read]).await.map_err(writing)?;
        }
        file.sync_all().await.map_err(writing)?;
        Ok(Digest(hasher.finalize().into()))
    }

    fn keep(&self, temporary: NamedTempFile, path: PathBuf) -> Result<PathBuf, BlobError> {
        let persisted = temporary.persist(&path);
        persisted.map_err(|error| failed("write", &path, error.error))?;
        self.evict(&path)?;
        Ok(path)
    }

    /// Removes files until the rest has its bounds, but never this one.
    fn evict(&self, kept: &Path) -> Result<(), BlobError> {
        let listing = |source| failed("list", &self.directory, source);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(listing)? {
            let path = entry.map_err(listing)?.path();
            let is_blob = path.extension().is_some_and(|end| end == EXTENSION);
            // Gone since: somebody else has removed it.
            if is_blob && let Ok(metadata) = fs::metadata(&path) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, metadata.len(), path));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= self.max_all {
                break;
            }
            if path != kept {
                remove(&path)?;
                total -= length;
            }
        }
        Ok(())
    }
}

fn digest(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            read => hasher.update(&chunk[..read]),
        }
    }
}

fn remove(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> BlobError {
    BlobError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
