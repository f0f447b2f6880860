//! A file that is written piece by piece.
//!
//! Small files become one request, large ones parts. Invariant: the file appears under its name with
//! [`Writer::finish`] and not otherwise; a writer that is dropped leaves nothing visible.

use std::fmt;

use bytes::{Bytes, BytesMut};
use object_store::multipart::PartId;
use object_store::{MultipartId, MultipartUpload, ObjectStoreExt, PutPayload};
use xxhash_rust::xxh3::Xxh3;

use super::backend::Backend;
use super::place::Located;
use super::{Storage, StorageError};

/// What a file has that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub size: u64,
    /// Their XXH3-64.
    pub checksum: u64,
}

/// A file that is being written. Drop it only after [`Self::finish`] or [`Self::abort`]: a cloud keeps the
/// parts of an upload, and bills for them, until it is told.
pub struct Writer {
    storage: Storage,
    located: Located,
    /// At most one part.
    buffer: BytesMut,
    upload: Option<Upload>,
    hasher: Box<Xxh3>,
    size: u64,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({}, {} bytes)", self.located.url(), self.size)
    }
}

enum Upload {
    Local(Box<dyn MultipartUpload>),
    Cloud { id: MultipartId, parts: Vec<PartId> },
}

impl Writer {
    pub(super) fn new(storage: Storage, located: Located) -> Self {
        Self {
            storage,
            located,
            buffer: BytesMut::new(),
            upload: None,
            hasher: Box::default(),
            size: 0,
        }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When storage refuses, or does not answer within the budget; abort then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        let part = usize::try_from(self.storage.options().part_bytes).unwrap_or(usize::MAX);
        while self.buffer.len() + bytes.len() > part {
            let (now, later) = bytes.split_at(part - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = later;
            let full = self.buffer.split().freeze();
            self.send(full).await?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Makes the file appear.
    ///
    /// # Errors
    /// As [`Self::write`]; nothing is visible then.
    pub async fn finish(mut self) -> Result<Written, StorageError> {
        let written = Written {
            size: self.size,
            checksum: self.hasher.digest(),
        };
        let rest = self.buffer.split().freeze();
        if self.upload.is_none() {
            let url = self.located.url();
            self.storage.write(&url, rest).await?;
            return Ok(written);
        }
        if !rest.is_empty()
            && let Err(error) = self.send(rest).await
        {
            self.abort().await;
            return Err(error);
        }
        match self.complete().await {
            Ok(()) => Ok(written),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives the file up. What cannot be removed now is left to the storage's own rules.
    pub async fn abort(mut self) {
        let url = self.located.url();
        let path = &self.located.path;
        let aborted = match (self.upload.take(), &*self.located.backend) {
            (Some(Upload::Local(mut upload)), _) => upload.abort().await.map_err(|e| e.to_string()),
            (Some(Upload::Cloud { id, .. }), Backend::Cloud(store)) => {
                let retry = self.storage.retry("abort", &url);
                let aborted = retry.run(|| store.abort_multipart(path, &id)).await;
                aborted.map_err(|error| error.to_string())
            }
            (Some(Upload::Cloud { .. }), Backend::Local(_)) | (None, _) => Ok(()),
        };
        if let Err(error) = aborted {
            tracing::debug!(url, error, "an unfinished upload is left behind");
        }
    }

    async fn send(&mut self, part: Bytes) -> Result<(), StorageError> {
        if self.upload.is_none() {
            self.upload = Some(self.begin().await?);
        }
        let url = self.located.url();
        let path = &self.located.path;
        match (&mut self.upload, &*self.located.backend) {
            (Some(Upload::Local(upload)), _) => {
                // Written in place: a second try of the same part could not know how far the first came.
                let written = upload.put_part(PutPayload::from_bytes(part)).await;
                written.map_err(|error| StorageError::of("write", &url, 1, error))
            }
            (Some(Upload::Cloud { id, parts }), Backend::Cloud(store)) => {
                let index = parts.len();
                let put = || store.put_part(path, id, index, PutPayload::from_bytes(part.clone()));
                let sent = self.storage.retry("write", &url).run(put).await?;
                parts.push(sent);
                Ok(())
            }
            (Some(Upload::Cloud { .. }), Backend::Local(_)) | (None, _) => {
                unreachable!("an upload is of the backend that began it")
            }
        }
    }

    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "a shared reference could not go to another thread"
    )]
    async fn begin(&mut self) -> Result<Upload, StorageError> {
        let url = self.located.url();
        let path = &self.located.path;
        let retry = self.storage.retry("write", &url);
        match &*self.located.backend {
            Backend::Local(store) => {
                let upload = retry.run(|| store.put_multipart(path)).await?;
                Ok(Upload::Local(upload))
            }
            Backend::Cloud(store) => {
                let id = retry.run(|| store.create_multipart(path)).await?;
                Ok(Upload::Cloud {
                    id,
                    parts: Vec::new(),
                })
            }
        }
    }

    async fn complete(&mut self) -> Result<(), StorageError> {
        let url = self.located.url();
        let path = &self.located.path;
        match (&mut self.upload, &*self.located.backend) {
            (Some(Upload::Local(upload)), _) => {
                let done = upload.complete().await;
                done.map(drop)
                    .map_err(|error| StorageError::of("write", &url, 1, error))
            }
            (Some(Upload::Cloud { id, parts }), Backend::Cloud(store)) => {
                let complete = || store.complete_multipart(path, id, parts.clone());
                let retry = self.storage.retry("write", &url);
                retry.run(complete).await.map(drop)
            }
            (Some(Upload::Cloud { .. }), Backend::Local(_)) | (None, _) => Ok(()),
        }
    }
}
