//! The bytes of one file, unpacked where its extension says so.
//!
//! Memory per open file: gzip 64 KiB and its window, zstd at most a window of 128 MiB, the largest that
//! the decoder accepts.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use thiserror::Error;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// By the extension.
    pub(super) fn of(path: &Path) -> Self {
        let extension = path.extension().map(|text| text.to_ascii_lowercase());
        match extension.as_deref().and_then(|text| text.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// The bytes that every gzip file starts with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A file whose name promises gzip and whose first bytes are something else.
#[derive(Debug, Error)]
#[error("is not gzip, though its name ends in `.gz`; rename it or pack it")]
pub(super) struct NotGzip;

/// An open file.
pub(super) enum Input {
    /// As it is on disk: can seek.
    Plain(File),
    /// Unpacked: cannot.
    Unpacked(Box<dyn Read + Send>),
}

impl Input {
    /// Opens a file at its start.
    pub(super) fn open(path: &Path, packing: Packing) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(match packing {
            Packing::Plain => Self::Plain(file),
            Packing::Gzip => {
                let mut packed = BufReader::with_capacity(64 << 10, file);
                // A short file of something else would else count as one that is cut off.
                let start = packed.fill_buf()?;
                let known = start.len().min(GZIP_MAGIC.len());
                if start[..known] != GZIP_MAGIC[..known] {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, NotGzip));
                }
                Self::Unpacked(Box::new(flate2::bufread::MultiGzDecoder::new(packed)))
            }
            Packing::Zstd => Self::Unpacked(Box::new(zstd::Decoder::new(file)?)),
        })
    }

    /// Whether [`Input::seek`] works.
    pub(super) fn can_seek(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Moves to an offset.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.seek(SeekFrom::Start(offset)).map(drop),
            Self::Unpacked(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Unpacked(stream) => stream.read(buffer),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Unpacked(_) => "Unpacked",
        })
    }
}
