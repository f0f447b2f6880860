//! A file in checkpoint storage as a stream that can be read from any position, in pieces.
//!
//! Read on a thread that may block, which waits for storage. Invariant: at most one piece is in memory; a
//! reader whose asker is gone gets an error instead of the next piece.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use tokio::runtime::Handle;
use wasmill_actor::CancelToken;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::handles::FileHandle;

/// How much is read at once, in bytes: a block of a stream is a little larger before it is packed.
const PIECE_BYTES: u64 = 256 << 10;

/// The file.
#[derive(Debug)]
pub(super) struct Ranges {
    storage: Storage,
    file: FileHandle,
    cancel: CancelToken,
    runtime: Handle,
    at: u64,
    /// A piece of the file, and where it begins.
    piece: (u64, Bytes),
}

impl Ranges {
    /// A file, whose handle is independent of a directory; must be made on a runtime, which brings the pieces.
    pub(super) fn new(storage: Storage, file: FileHandle, cancel: CancelToken) -> Self {
        Self {
            storage,
            file,
            cancel,
            runtime: Handle::current(),
            at: 0,
            piece: (0, Bytes::new()),
        }
    }

    /// What there is at the position without asking storage.
    fn here(&self) -> &[u8] {
        let (begin, piece) = &self.piece;
        let skipped = self.at.checked_sub(*begin);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        skipped
            .and_then(|skipped| piece.get(skipped..))
            .unwrap_or_default()
    }
}

impl Read for Ranges {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.file.size {
            return Ok(0);
        }
        if self.here().is_empty() {
            if self.cancel.is_cancelled() {
                return Err(io::Error::other("nobody waits for it any more"));
            }
            let end = self.file.size.min(self.at + PIECE_BYTES);
            let piece = self.storage.read_range(&self.file, "", self.at..end);
            let piece = self.runtime.block_on(piece).map_err(io::Error::other)?;
            self.piece = (self.at, piece);
        }
        let here = self.here();
        let taken = here.len().min(to.len());
        to[..taken].copy_from_slice(&here[..taken]);
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
