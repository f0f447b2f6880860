//! Reads a snapshot in canonical form.
//!
//! Used by [`crate::restore`]. Invariants: nothing of a stream is believed before its checksum was
//! compared; whatever the bytes are, reading ends in items or in an error, and memory is bounded by the
//! largest block.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use wasmill_types::operator::TimeDomain;

use crate::canonical::{
    BLOCK_HEAD_BYTES, Head, INDEX_ENTRY_BYTES, IndexEntry, MAGIC, MAX_BLOCK_BYTES, MAX_HEAD_BYTES,
    TAIL_BYTES, VERSION, checksum,
};
use crate::error::StateError;
use crate::row::Row;
use crate::snapshot::{GroupReader, Item, TimerItem, Visit};

/// A stream opened for reading.
#[derive(Debug)]
pub struct CanonicalReader<R> {
    from: R,
    head: Head,
    index: BTreeMap<u16, IndexEntry>,
}

impl<R: Read + Seek> CanonicalReader<R> {
    /// Reads head and index.
    ///
    /// # Errors
    /// When they cannot be read, are damaged, or are of another version.
    pub fn open(mut from: R) -> Result<Self, StateError> {
        let head = read_head(&mut from)?;
        let index = read_index(&mut from, &head)?;
        Ok(Self { from, head, index })
    }

    /// What the snapshot is about.
    pub fn head(&self) -> &Head {
        &self.head
    }

    fn read_block(&mut self, left: u64) -> Result<(Vec<u8>, u64), StateError> {
        let mut head = [0; BLOCK_HEAD_BYTES];
        exact(&mut self.from, &mut head)?;
        let (len, raw, sum) = (&head[..4], &head[4..8], &head[8..]);
        let (packed_len, raw_len) = (number::<4>(len) as u32, number::<4>(raw) as u32);
        let whole = BLOCK_HEAD_BYTES as u64 + u64::from(packed_len);
        if whole > left || raw_len > MAX_BLOCK_BYTES {
            return Err(damaged("a block is longer than its key group"));
        }
        let mut packed = vec![0; packed_len as usize];
        exact(&mut self.from, &mut packed)?;
        if checksum(&[len, raw, &packed]) != number::<8>(sum) {
            return Err(damaged("the checksum of a block is wrong"));
        }
        let block = zstd::bulk::decompress(&packed, raw_len as usize);
        let block = block.map_err(StateError::stream("decompress"))?;
        Ok((block, whole))
    }
}

impl<R: Read + Seek> GroupReader for CanonicalReader<R> {
    fn read(&mut self, group: u16, visit: &mut Visit<'_>) -> Result<(), StateError> {
        let Some(entry) = self.index.get(&group).copied() else {
            return Ok(());
        };
        seek(&mut self.from, SeekFrom::Start(entry.offset))?;
        let mut left = entry.bytes;
        let (mut rows, mut timers) = (0, 0);
        while left > 0 {
            let (block, bytes) = self.read_block(left)?;
            left -= bytes;
            let mut entries = Entries {
                group,
                left: &block,
            };
            while let Some(item) = entries.next()? {
                match item {
                    Item::Row(_) => rows += 1,
                    Item::Timer(_) => timers += 1,
                }
                visit(item)?;
            }
        }
        if (rows, timers) != (entry.rows, entry.timers) {
            return Err(damaged("entries of a key group are missing"));
        }
        Ok(())
    }
}

/// The entries of a block.
struct Entries<'a> {
    group: u16,
    left: &'a [u8],
}

impl<'a> Entries<'a> {
    fn next(&mut self) -> Result<Option<Item<'a>>, StateError> {
        let Some((&tag, left)) = self.left.split_first() else {
            return Ok(None);
        };
        self.left = left;
        let item = match tag {
            0 => Item::Row(Row {
                key_group: self.group,
                state: number::<4>(self.take(4)?) as u32,
                key: self.bytes()?,
                sub_key: self.bytes()?,
                value: self.bytes()?,
            }),
            1 | 2 => Item::Timer(TimerItem {
                domain: if tag == 1 {
                    TimeDomain::Event
                } else {
                    TimeDomain::Processing
                },
                time: number::<8>(self.take(8)?).cast_signed(),
                key: self.bytes()?,
                namespace: self.bytes()?,
            }),
            _ => return Err(damaged("an entry is of an unknown kind")),
        };
        Ok(Some(item))
    }

    fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let len = number::<4>(self.take(4)?) as usize;
        self.take(len)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], StateError> {
        let split = self.left.split_at_checked(len);
        let (taken, left) = split.ok_or_else(|| damaged("an entry is cut off"))?;
        self.left = left;
        Ok(taken)
    }
}

fn read_head(from: &mut (impl Read + Seek)) -> Result<Head, StateError> {
    seek(from, SeekFrom::Start(0))?;
    let mut fixed = [0; 20];
    exact(from, &mut fixed)?;
    check_magic(&fixed[..8])?;
    let len = number::<4>(&fixed[8..12]) as u32;
    if len > MAX_HEAD_BYTES {
        return Err(damaged("the head is too long"));
    }
    let mut head = vec![0; len as usize];
    exact(from, &mut head)?;
    if checksum(&[&head]) != number::<8>(&fixed[12..]) {
        return Err(damaged("the checksum of the head is wrong"));
    }
    postcard::from_bytes(&head).map_err(|_| damaged("the head makes no sense"))
}

fn read_index(
    from: &mut (impl Read + Seek),
    head: &Head,
) -> Result<BTreeMap<u16, IndexEntry>, StateError> {
    let end = seek(from, SeekFrom::End(0))?;
    let tail_at = end.checked_sub(TAIL_BYTES as u64);
    let tail_at = tail_at.ok_or_else(|| damaged("it is cut off"))?;
    seek(from, SeekFrom::Start(tail_at))?;
    let mut tail = [0; TAIL_BYTES];
    exact(from, &mut tail)?;
    check_magic(&tail[20..])?;
    let (offset, groups) = (number::<8>(&tail[..8]), number::<4>(&tail[8..12]));
    let bytes = groups * INDEX_ENTRY_BYTES as u64;
    if groups > 1 << 16 || offset.checked_add(bytes) != Some(tail_at) {
        return Err(damaged("the index is not where it should be"));
    }
    seek(from, SeekFrom::Start(offset))?;
    let mut index = vec![0; bytes as usize];
    exact(from, &mut index)?;
    if checksum(&[&index, &tail[..12]]) != number::<8>(&tail[12..20]) {
        return Err(damaged("the checksum of the index is wrong"));
    }
    let entry = |entry: &[u8]| IndexEntry {
        group: number::<2>(&entry[..2]) as u16,
        offset: number::<8>(&entry[2..10]),
        bytes: number::<8>(&entry[10..18]),
        rows: number::<8>(&entry[18..26]),
        timers: number::<8>(&entry[26..]),
    };
    let entries = index.chunks_exact(INDEX_ENTRY_BYTES).map(entry);
    let index: BTreeMap<_, _> = entries.map(|entry| (entry.group, entry)).collect();
    if index
        .keys()
        .any(|group| !head.groups.contains(&u32::from(*group)))
    {
        return Err(damaged("it has key groups that its subtask did not own"));
    }
    Ok(index)
}

fn check_magic(magic: &[u8]) -> Result<(), StateError> {
    if magic == MAGIC {
        return Ok(());
    }
    if magic[..7] == MAGIC[..7] {
        return Err(StateError::Mismatch(format!(
            "the snapshot's state is of version {}, this program reads version {VERSION}; restore it with \
             the program that wrote it",
            magic[7]
        )));
    }
    Err(damaged("it does not begin and end as a snapshot does"))
}

/// A little-endian number of `N` bytes.
fn number<const N: usize>(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    whole[..N].copy_from_slice(&bytes[..N]);
    u64::from_le_bytes(whole)
}

fn exact(from: &mut impl Read, to: &mut [u8]) -> Result<(), StateError> {
    from.read_exact(to).map_err(StateError::stream("read"))
}

fn seek(from: &mut impl Seek, to: SeekFrom) -> Result<u64, StateError> {
    from.seek(to).map_err(StateError::stream("seek in"))
}

fn damaged(how: &str) -> StateError {
    StateError::Corrupt(how.to_owned())
}
