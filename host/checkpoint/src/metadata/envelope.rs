//! The frame around metadata: magic, version, length, checksum, then the content in postcard.
//!
//! All numbers are little-endian. Invariant: a flipped bit anywhere in the file is an error here.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Inconsistent;

/// What every metadata file begins with.
const MAGIC: [u8; 8] = *b"wasmchkp";
/// The version that is written; versions up to it are read.
pub const VERSION: u32 = 2;
/// Magic, version, length, checksum.
const HEADER_BYTES: usize = 8 + 4 + 8 + 8;
/// The largest metadata that is read: a million files of a hundred bytes.
pub const MAX_METADATA_BYTES: u64 = 256 << 20;

/// Why bytes are not metadata that can be used.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// Another kind of file.
    #[error("the file is not a checkpoint's metadata: it does not begin with `wasmchkp`")]
    NotMetadata,
    /// Written by a later release.
    #[error(
        "the metadata has version {found}, and this release reads up to {VERSION}; restore with the \
         release that wrote it, or a later one"
    )]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// The end is missing.
    #[error("the metadata is truncated: {found} bytes of {expected} are there")]
    Truncated {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Something follows the end.
    #[error("the metadata is followed by {0} bytes that do not belong to it")]
    Trailing(u64),
    /// Larger than anything that is written.
    #[error("the metadata claims {0} bytes; the largest that is read has {MAX_METADATA_BYTES}")]
    TooLarge(u64),
    /// The content is not what was written.
    #[error("the metadata is corrupted: its checksum is {found:016x} instead of {expected:016x}")]
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its content has.
        found: u64,
    },
    /// The content has the right checksum and cannot be read: it was never metadata.
    #[error("the metadata's content cannot be decoded")]
    Content(#[source] postcard::Error),
    /// The content contradicts itself.
    #[error("the metadata contradicts itself: {0}")]
    Inconsistent(#[from] Inconsistent),
}

/// Frames content.
pub(super) fn wrap<T: Serialize>(content: &T) -> Vec<u8> {
    let content = postcard::to_allocvec(content)
        .expect("postcard encodes every value whose parts have lengths, as these do, into memory");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(checksum(VERSION, &content).to_le_bytes());
    bytes.extend(content);
    bytes
}

/// Takes content out of its frame: its version, and its bytes.
pub(super) fn unwrap(bytes: &[u8]) -> Result<(u32, &[u8]), MetadataError> {
    let given = bytes.len() as u64;
    let magic = bytes.first_chunk::<8>();
    if magic.is_none_or(|magic| *magic != MAGIC) {
        // A file that is cut inside the magic was metadata once.
        return Err(if MAGIC.starts_with(bytes) {
            truncated(HEADER_BYTES as u64, given)
        } else {
            MetadataError::NotMetadata
        });
    }
    let Some((header, content)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(truncated(HEADER_BYTES as u64, given));
    };
    let version = u32::from_le_bytes(std::array::from_fn(|at| header[8 + at]));
    if version == 0 || version > VERSION {
        return Err(MetadataError::Version { found: version });
    }
    let length = u64::from_le_bytes(std::array::from_fn(|at| header[12 + at]));
    if length > MAX_METADATA_BYTES {
        return Err(MetadataError::TooLarge(length));
    }
    let found = content.len() as u64;
    if found < length {
        return Err(truncated(HEADER_BYTES as u64 + length, given));
    }
    if found > length {
        return Err(MetadataError::Trailing(found - length));
    }
    let expected = u64::from_le_bytes(std::array::from_fn(|at| header[20 + at]));
    let found = checksum(version, content);
    if expected != found {
        return Err(MetadataError::Checksum { expected, found });
    }
    Ok((version, content))
}

/// Reads content.
pub(super) fn read<T: DeserializeOwned>(content: &[u8]) -> Result<T, MetadataError> {
    postcard::from_bytes(content).map_err(MetadataError::Content)
}

/// Covers the version too, so that a flipped bit there does not read content as something else.
fn checksum(version: u32, content: &[u8]) -> u64 {
    xxh3_64_with_seed(content, u64::from(version))
}

fn truncated(expected: u64, found: u64) -> MetadataError {
    MetadataError::Truncated { expected, found }
}
