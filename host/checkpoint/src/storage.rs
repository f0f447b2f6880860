//! The door to checkpoint storage: local directories, S3, Google Cloud Storage, Azure, by URL.
//!
//! Tasks write and read their files here, the JobMaster's driver metadata and deletions, the command line
//! looks at snapshots. In order: `place` (what a URL means), `backend` (how it is reached), `retry` (what
//! is tried again, and for how long), `writer` (streams), `snapshots` (metadata). Invariants: a file is
//! visible under its name only when it is complete, and durable then; every call ends within the budget;
//! bytes that are not those that were written are an error. Needs a tokio runtime with time.

mod backend;
mod error;
mod place;
mod retry;
mod snapshots;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, ObjectStoreExt, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmill_actor::Clock;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use backend::Backend;
use place::Located;
use retry::Retry;

use crate::handles::{FileHandle, Place};

pub use error::StorageError;
pub use snapshots::Found;
pub use writer::{Writer, Written};

/// How storage is used: the configuration's keys under `checkpoint.storage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// `attempts`: how often a call is tried.
    pub attempts: u32,
    /// `budget`: for how long it is tried again.
    pub budget: Duration,
    /// `request-timeout`: how long one try may take.
    pub request_timeout: Duration,
    /// `first-backoff`: the pause before the second try; it doubles with each.
    pub first_backoff: Duration,
    /// `max-backoff`: the longest pause.
    pub max_backoff: Duration,
    /// `part-size`: files larger than this are uploaded in parts of it, at least 5 MiB (what S3 demands).
    pub part_bytes: u64,
    /// `settings`: what the clouds want to know, by `object_store`'s names (`aws_endpoint`,
    /// `aws_access_key_id`, `google_service_account`, `azure_storage_account_key`, …). The environment's
    /// `AWS_…`, `GOOGLE_…` and `AZURE_…` variables count too.
    pub settings: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attempts: 5,
            budget: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            first_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            part_bytes: 8 << 20,
            settings: BTreeMap::new(),
        }
    }
}

/// How many files are deleted at the same time.
const DELETES_AT_ONCE: usize = 16;
/// How many buckets are kept open; more than a cluster uses.
const MAX_BACKENDS: usize = 64;
/// How much of a local file is read at a time to compare it.
const COMPARED_BYTES: usize = 1 << 20;
/// How many files of a directory are listed at most.
pub const MAX_LISTED: usize = 1 << 20;

/// Checkpoint storage. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    clock: Clock,
    /// By scheme and bucket; at most [`MAX_BACKENDS`].
    backends: Mutex<BTreeMap<String, Arc<Backend>>>,
}

/// Whether a local file has exactly the bytes of a handle; it has not when it cannot be read.
pub async fn is_copy(handle: &FileHandle, file: &std::path::Path) -> bool {
    let Ok(mut file) = tokio::fs::File::open(file).await else {
        return false;
    };
    let (mut hasher, mut piece, mut size) = (Xxh3::new(), vec![0; COMPARED_BYTES], 0);
    loop {
        match file.read(&mut piece).await {
            Ok(0) => return size == handle.size && hasher.digest() == handle.checksum,
            Ok(count) => {
                hasher.update(&piece[..count]);
                size += count as u64;
            }
            Err(_) => return false,
        }
    }
}

/// A file in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its URL.
    pub url: String,
    /// How many bytes it has.
    pub size: u64,
}

impl Storage {
    /// Storage that waits by this clock. Connects to nothing yet.
    pub fn new(options: Options, clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                clock,
                backends: Mutex::default(),
            }),
        }
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Whether a directory can be used: understands its URL, writes a file there and deletes it.
    ///
    /// # Errors
    /// As the calls that it makes; the message names the fix.
    pub async fn probe(&self, directory: &str) -> Result<(), StorageError> {
        let number = u64::from_le_bytes(wasmill_actor::rng::secret());
        let url = crate::layout::join(directory, &format!("probe-{number:016x}"));
        self.write(&url, Bytes::from_static(b"probe")).await?;
        self.delete(&url).await
    }

    /// Writes a whole file; one that exists is replaced.
    ///
    /// # Errors
    /// When storage refuses, or does not answer within the budget.
    pub async fn write(&self, url: &str, bytes: Bytes) -> Result<Written, StorageError> {
        let written = Written {
            size: bytes.len() as u64,
            checksum: xxh3_64(&bytes),
        };
        self.put(url, bytes, PutMode::Overwrite).await?;
        Ok(written)
    }

    /// Begins a file that is written piece by piece.
    ///
    /// # Errors
    /// When the URL means nothing.
    pub fn writer(&self, url: &str) -> Result<Writer, StorageError> {
        Ok(Writer::new(self.clone(), self.locate(url)?))
    }

    /// Writes the file of a handle, in a snapshot's directory: small content stays in the handle.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_handle(
        &self,
        directory: &str,
        place: Place,
        bytes: Bytes,
    ) -> Result<FileHandle, StorageError> {
        if bytes.len() as u64 <= crate::handles::INLINE_BYTES {
            return Ok(FileHandle::inline(bytes.to_vec()));
        }
        let mut handle = FileHandle {
            place,
            size: bytes.len() as u64,
            checksum: 0,
        };
        if let Some(url) = handle.url(directory) {
            handle.checksum = self.write(&url, bytes).await?.checksum;
            return Ok(handle);
        }
        Ok(FileHandle::inline(bytes.to_vec()))
    }

    /// Reads the bytes of a handle of a snapshot in this directory, and checks them.
    ///
    /// # Errors
    /// When they cannot be read, or are not those that were written.
    pub async fn read(&self, handle: &FileHandle, directory: &str) -> Result<Bytes, StorageError> {
        let Some(url) = handle.url(directory) else {
            let Place::Inline(bytes) = &handle.place else {
                unreachable!("every handle that is not inline has a URL");
            };
            check("inline", handle, bytes.len() as u64, xxh3_64(bytes))?;
            return Ok(Bytes::from(bytes.clone()));
        };
        let bytes = self.get(&url, None, handle.size).await?;
        check(&url, handle, bytes.len() as u64, xxh3_64(&bytes))?;
        Ok(bytes)
    }

    /// Reads part of a handle. The checksum is of the whole and is not checked here.
    ///
    /// # Errors
    /// When it cannot be read, or has fewer bytes.
    pub async fn read_range(
        &self,
        handle: &FileHandle,
        directory: &str,
        range: Range<u64>,
    ) -> Result<Bytes, StorageError> {
        let Some(url) = handle.url(directory) else {
            let bytes = self.read(handle, directory).await?;
            let (start, end) = (range.start as usize, range.end as usize);
            let part = bytes.get(start..end).map(|_| bytes.slice(start..end));
            return part.ok_or(StorageError::Short {
                url: "inline".to_owned(),
                expected: range.end,
                found: bytes.len() as u64,
            });
        };
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let end = range.end;
        let bytes = self.get(&url, Some(range), length).await?;
        let found = bytes.len() as u64;
        if found != length {
            let found = end - length + found;
            return Err(StorageError::Short {
                url,
                expected: end,
                found,
            });
        }
        Ok(bytes)
    }

    /// Copies the bytes of a handle into a local file, and checks them on the way.
    ///
    /// # Errors
    /// As [`Self::read`], and when the file cannot be written. The file is then not to be used.
    pub async fn download(
        &self,
        handle: &FileHandle,
        directory: &str,
        to: &std::path::Path,
    ) -> Result<(), StorageError> {
        let url = handle.url(directory).unwrap_or_else(|| "inline".to_owned());
        let mut file = tokio::fs::File::create(to)
            .await
            .map_err(|e| StorageError::local(to, e))?;
        let mut hasher = Xxh3::new();
        let mut at = 0;
        // In pieces, each with its own retries, so that a large file does not start again for one of them.
        while at < handle.size {
            let end = handle.size.min(at + self.options().part_bytes);
            let piece = self.read_range(handle, directory, at..end).await?;
            hasher.update(&piece);
            file.write_all(&piece)
                .await
                .map_err(|e| StorageError::local(to, e))?;
            at = end;
        }
        file.flush().await.map_err(|e| StorageError::local(to, e))?;
        check(&url, handle, at, hasher.digest())
    }

    /// The size of a file, or none when there is no such file.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn size(&self, url: &str) -> Result<Option<u64>, StorageError> {
        let located = self.locate(url)?;
        let store = located.backend.store();
        let head = || store.head(&located.path);
        match self.retry("look at", url).run(head).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(StorageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files in a directory and below; none when there is no such directory.
    ///
    /// # Errors
    /// When storage does not answer, or there are more than [`MAX_LISTED`].
    pub async fn list(&self, directory: &str) -> Result<Vec<Entry>, StorageError> {
        let located = self.locate(directory)?;
        let store = located.backend.store();
        let list = || async {
            let files = store.list(Some(&located.path)).take(MAX_LISTED + 1);
            files.try_collect::<Vec<_>>().await
        };
        let files = self.retry("list", directory).run(list).await?;
        if files.len() > MAX_LISTED {
            return Err(StorageError::TooMany {
                url: directory.to_owned(),
            });
        }
        let entries = files.into_iter().map(|meta| Entry {
            url: located.url_of(&meta.location),
            size: meta.size,
        });
        Ok(entries.collect())
    }

    /// Deletes a file; one that is not there is deleted.
    ///
    /// # Errors
    /// When storage refuses, or does not answer.
    pub async fn delete(&self, url: &str) -> Result<(), StorageError> {
        let located = self.locate(url)?;
        let store = located.backend.store();
        let deleted = self
            .retry("delete", url)
            .run(|| store.delete(&located.path))
            .await;
        match deleted {
            Ok(()) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes files, as many as can be; returns what could not be, with the first reason.
    pub async fn delete_files(&self, urls: &[String]) -> Result<(), (usize, StorageError)> {
        // Owned, so that the future may be sent to another thread whatever the borrow.
        let urls: Vec<String> = urls.to_vec();
        let deletes = stream::iter(urls).map(|url| async move { self.delete(&url).await });
        let results = deletes.buffer_unordered(DELETES_AT_ONCE);
        let mut errors: Vec<_> = results
            .filter_map(async |result| result.err())
            .collect()
            .await;
        let count = errors.len();
        match errors.is_empty() {
            true => Ok(()),
            false => Err((count, errors.swap_remove(0))),
        }
    }

    /// Deletes a directory and everything in it; one that is not there is deleted.
    ///
    /// # Errors
    /// When storage refuses, or does not answer.
    pub async fn delete_directory(&self, directory: &str) -> Result<(), StorageError> {
        let located = self.locate(directory)?;
        let deleted = self
            .retry("delete", directory)
            .run(|| located.backend.delete_directory(&located))
            .await;
        match deleted {
            Ok(()) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes a file at once.
    async fn put(&self, url: &str, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        let located = self.locate(url)?;
        let store = located.backend.store();
        let options = PutOptions::from(mode);
        let put = || store.put_opts(&located.path, bytes.clone().into(), options.clone());
        self.retry("write", url).run(put).await.map(drop)
    }

    /// Reads a file, or part of it, but no more than `limit` bytes and one.
    async fn get(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        limit: u64,
    ) -> Result<Bytes, StorageError> {
        let located = self.locate(url)?;
        let store = located.backend.store();
        let options = GetOptions {
            range: range.map(Into::into),
            ..GetOptions::default()
        };
        let get = || async {
            let result = store.get_opts(&located.path, options.clone()).await?;
            let mut pieces = result.into_stream();
            let mut bytes = BytesMut::new();
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece?);
                if bytes.len() as u64 > limit {
                    break;
                }
            }
            Ok(bytes.freeze())
        };
        self.retry("read", url).run(get).await
    }

    fn retry<'a>(&'a self, action: &'static str, url: &'a str) -> Retry<'a> {
        Retry::new(&self.shared.options, &self.shared.clock, action, url)
    }

    /// Finds out what a URL means.
    fn locate(&self, url: &str) -> Result<Located, StorageError> {
        let place = place::parse(url)?;
        let backends = &self.shared.backends;
        // Nothing panics under this lock, so a poisoned one still holds a whole value.
        let mut backends = backends.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = match backends.get(&place.root) {
            Some(backend) => Arc::clone(backend),
            None => {
                let backend = Arc::new(Backend::open(&place, &self.shared.options)?);
                if backends.len() >= MAX_BACKENDS {
                    backends.pop_first();
                }
                backends.insert(place.root.clone(), Arc::clone(&backend));
                backend
            }
        };
        Ok(Located {
            backend,
            path: place.path,
            root: place.root,
        })
    }
}

/// Whether bytes are those of a handle.
fn check(url: &str, handle: &FileHandle, size: u64, checksum: u64) -> Result<(), StorageError> {
    if size < handle.size {
        return Err(StorageError::Short {
            url: url.to_owned(),
            expected: handle.size,
            found: size,
        });
    }
    if size > handle.size || checksum != handle.checksum {
        return Err(StorageError::Changed {
            url: url.to_owned(),
            expected: handle.checksum,
            found: checksum,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
