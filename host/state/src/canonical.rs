//! The canonical form of a snapshot: one stream per subtask that every backend writes and reads.
//!
//! Savepoints consist of such streams, and so do checkpoints of the memory backend. A stream is sorted by
//! key group and has an index at its end, so a subtask reads the key groups that it owns and no others.
//! Invariants: numbers are little-endian; everything is under a checksum, and a reader takes nothing from
//! a stream before it has checked it; what [`VERSION`] says never changes its meaning.
//!
//! ```text
//! stream   head  blocks  index  tail
//! head     "WMSTATE" VERSION  u32 length  u64 xxh3  postcard of `Head`
//! block    u32 packed length  u32 length  u64 xxh3 of both and what follows  zstd of entries
//! entry    0  u32 state  bytes key  bytes sub-key  bytes value
//!          1  i64 time   bytes key  bytes namespace        an event-time timer
//!          2  i64 time   bytes key  bytes namespace        a processing-time timer
//! bytes    u32 length  the bytes
//! index    per key group that has entries, ascending: u16 group  u64 offset  u64 length  u64 rows  u64 timers
//! tail     u64 offset of the index  u32 groups in it  u64 xxh3 of the index and of these  "WMSTATE" VERSION
//! ```
//!
//! The values of states that expire begin with when they were written (see [`crate::ttl`]); the head
//! names these states.

mod read;
mod write;

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

pub use read::CanonicalReader;
pub use write::{CanonicalWriter, Summary};

/// The version of the form.
pub const VERSION: u8 = 1;

const MAGIC: [u8; 8] = [b'W', b'M', b'S', b'T', b'A', b'T', b'E', VERSION];

/// A block is closed when it has this many bytes of entries, so all but those of single large entries
/// are little larger.
const BLOCK_BYTES: usize = 256 << 10;

/// The largest block that a reader accepts: larger than a row with the largest record can be.
const MAX_BLOCK_BYTES: u32 = 1 << 30;

/// The largest head that a reader accepts: more states than a job may have.
const MAX_HEAD_BYTES: u32 = 1 << 20;

const BLOCK_HEAD_BYTES: usize = 16;
const INDEX_ENTRY_BYTES: usize = 34;
const TAIL_BYTES: usize = 28;

/// What a snapshot is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of key groups of the operator.
    pub max_parallelism: u32,
    /// The key groups that the subtask owned.
    pub groups: Range<u32>,
    /// The states whose values begin with when they were written.
    pub timed: BTreeSet<u32>,
}

/// Where the entries of a key group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IndexEntry {
    group: u16,
    offset: u64,
    bytes: u64,
    rows: u64,
    timers: u64,
}

fn checksum(parts: &[&[u8]]) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests;
