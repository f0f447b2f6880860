//! Writes a snapshot in canonical form.
//!
//! Used by [`crate::snapshot`] on the thread that saves a snapshot. Invariant: entries of one key group
//! follow each other, groups ascend, and memory holds one block at a time.

use std::io::Write;

use wasmill_types::operator::TimeDomain;

use crate::canonical::{BLOCK_BYTES, Head, IndexEntry, MAGIC, MAX_BLOCK_BYTES, checksum};
use crate::error::StateError;
use crate::snapshot::{Item, TimerItem};

/// The fastest that still halves most state.
const ZSTD_LEVEL: i32 = 1;

/// Writes one stream.
pub struct CanonicalWriter<'a> {
    to: &'a mut dyn Write,
    packer: zstd::bulk::Compressor<'static>,
    block: Vec<u8>,
    written: u64,
    /// The group between `begin` and `end`.
    open: Option<IndexEntry>,
    index: Vec<IndexEntry>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The stream's length.
    pub bytes: u64,
    /// The rows in it.
    pub rows: u64,
    /// The timers in it.
    pub timers: u64,
}

impl<'a> CanonicalWriter<'a> {
    /// Begins a stream.
    ///
    /// # Errors
    /// When it does not take the head.
    pub fn new(to: &'a mut dyn Write, head: &Head) -> Result<Self, StateError> {
        let packer = zstd::bulk::Compressor::new(ZSTD_LEVEL);
        let packer = packer.map_err(StateError::stream("set up the compression of"))?;
        let head = postcard::to_allocvec(head).expect("a head consists of numbers only");
        let mut writer = Self {
            to,
            packer,
            block: Vec::with_capacity(BLOCK_BYTES),
            written: 0,
            open: None,
            index: Vec::new(),
        };
        let len = u32::try_from(head.len()).expect("the states of an operator are few");
        writer.put(&MAGIC)?;
        writer.put(&len.to_le_bytes())?;
        writer.put(&checksum(&[&head]).to_le_bytes())?;
        writer.put(&head)?;
        Ok(writer)
    }

    /// Begins a key group, which must be greater than the ones before.
    pub fn begin(&mut self, group: u16) {
        assert!(self.open.is_none(), "the group before has ended");
        let before = self.index.last();
        assert!(
            before.is_none_or(|last| last.group < group),
            "groups ascend"
        );
        self.open = Some(IndexEntry {
            group,
            offset: self.written,
            bytes: 0,
            rows: 0,
            timers: 0,
        });
    }

    /// Writes an entry of the group.
    ///
    /// # Errors
    /// When the stream does not take it.
    pub fn push(&mut self, item: Item<'_>) -> Result<(), StateError> {
        let open = self.open.as_mut().expect("a group was begun");
        let block = &mut self.block;
        match item {
            Item::Row(row) => {
                assert_eq!(row.key_group, open.group, "the row is of the group");
                open.rows += 1;
                block.push(0);
                block.extend_from_slice(&row.state.to_le_bytes());
                bytes(block, row.key);
                bytes(block, row.sub_key);
                bytes(block, row.value);
            }
            Item::Timer(timer) => {
                open.timers += 1;
                timer_entry(block, &timer);
            }
        }
        if self.block.len() >= BLOCK_BYTES {
            self.close_block()?;
        }
        Ok(())
    }

    /// Ends the key group.
    ///
    /// # Errors
    /// When the stream does not take it.
    pub fn end(&mut self) -> Result<(), StateError> {
        self.close_block()?;
        let mut entry = self.open.take().expect("a group was begun");
        entry.bytes = self.written - entry.offset;
        if entry.bytes > 0 {
            self.index.push(entry);
        }
        Ok(())
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// When it does not take the index.
    pub fn finish(mut self) -> Result<Summary, StateError> {
        assert!(self.open.is_none(), "the last group has ended");
        let offset = self.written;
        let mut index = Vec::new();
        for entry in &self.index {
            index.extend_from_slice(&entry.group.to_le_bytes());
            for number in [entry.offset, entry.bytes, entry.rows, entry.timers] {
                index.extend_from_slice(&number.to_le_bytes());
            }
        }
        let groups = u32::try_from(self.index.len()).expect("groups fit in 16 bits");
        let (offset, groups) = (offset.to_le_bytes(), groups.to_le_bytes());
        let sum = checksum(&[&index, &offset, &groups]);
        for part in [&index[..], &offset, &groups, &sum.to_le_bytes(), &MAGIC] {
            self.put(part)?;
        }
        Ok(Summary {
            bytes: self.written,
            rows: self.index.iter().map(|entry| entry.rows).sum(),
            timers: self.index.iter().map(|entry| entry.timers).sum(),
        })
    }

    fn close_block(&mut self) -> Result<(), StateError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let raw = u32::try_from(self.block.len()).ok();
        let raw = raw.filter(|len| *len <= MAX_BLOCK_BYTES).ok_or_else(|| {
            let len = self.block.len();
            StateError::Mismatch(format!(
                "a row of {len} bytes is too large for a snapshot; keep smaller values"
            ))
        })?;
        let packed = self.packer.compress(&self.block);
        let packed = packed.map_err(StateError::stream("compress"))?;
        let len = u32::try_from(packed.len()).expect("zstd adds little to a bounded block");
        let (len, raw) = (len.to_le_bytes(), raw.to_le_bytes());
        let sum = checksum(&[&len, &raw, &packed]);
        for part in [&len[..], &raw, &sum.to_le_bytes(), &packed] {
            self.put(part)?;
        }
        self.block.clear();
        self.block.shrink_to(2 * BLOCK_BYTES);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.to
            .write_all(bytes)
            .map_err(StateError::stream("write"))?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

fn timer_entry(block: &mut Vec<u8>, timer: &TimerItem<'_>) {
    block.push(match timer.domain {
        TimeDomain::Event => 1,
        TimeDomain::Processing => 2,
    });
    block.extend_from_slice(&timer.time.to_le_bytes());
    bytes(block, timer.key);
    bytes(block, timer.namespace);
}

fn bytes(block: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("rows come from columns with 32-bit ends");
    block.extend_from_slice(&len.to_le_bytes());
    block.extend_from_slice(bytes);
}

impl std::fmt::Debug for CanonicalWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CanonicalWriter")
            .field("written", &self.written)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
