//! What RocksDB may cost, and the memory that the databases of a slot share.
//!
//! `node` fills [`RocksOptions`] from the configuration; a TaskManager makes one [`SharedMemory`] per slot.
//! Invariant: blocks, indexes, filters and write buffers of all databases of a slot together stay within
//! the budget, apart from what is being read at the moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rocksdb::{Cache, WriteBufferManager};
use wasmill_types::size::ByteSize;

/// How RocksDB is set up. Each field names its configuration key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RocksOptions {
    /// `state.rocksdb.memory`: what all databases of a slot may take.
    pub memory: ByteSize,
    /// `state.rocksdb.write-buffer-percent`: how much of it may be taken by rows that are not yet in files;
    /// what they do not take holds blocks of files. From 10 to 75.
    pub write_buffer_percent: u8,
    /// `state.rocksdb.block-size`: how much is read and decompressed to get at one row.
    pub block_size: ByteSize,
    /// `state.rocksdb.file-size`: the size that files are made to; checkpoints upload whole files.
    pub file_size: ByteSize,
    /// `state.rocksdb.bloom-bits`: bits per row by which files without it are recognised; 0 for none.
    pub bloom_bits: u8,
    /// `state.rocksdb.compression`: how blocks are packed.
    pub compression: Compression,
    /// `state.rocksdb.background-jobs`: threads that flush and compact, for all databases of a process.
    pub background_jobs: u8,
    /// `state.rocksdb.max-open-files`: of one database.
    pub max_open_files: u16,
}

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// With LZ4, which costs little.
    #[default]
    Lz4,
    /// New files with LZ4, old ones with Zstandard, which packs more tightly.
    Zstd,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            memory: ByteSize(256 << 20),
            write_buffer_percent: 40,
            block_size: ByteSize(4 << 10),
            file_size: ByteSize(32 << 20),
            bloom_bits: 10,
            compression: Compression::Lz4,
            background_jobs: 2,
            max_open_files: 512,
        }
    }
}

/// The memory that the databases of one slot share; clones are the same memory.
#[derive(Clone)]
pub struct SharedMemory {
    pub(super) cache: Cache,
    pub(super) write_buffers: WriteBufferManager,
    write_buffer_bytes: usize,
    /// How many databases share it.
    databases: Arc<AtomicUsize>,
}

/// One database's part of the memory; given back when it is dropped.
pub(super) struct MemoryShare {
    memory: SharedMemory,
    /// Among how many databases the memory was divided when the part was last looked at.
    databases: usize,
}

/// Write buffers smaller than this would be written out as files too small to be useful.
const MIN_WRITE_BUFFER: usize = 1 << 20;
/// Larger ones gain little, and a checkpoint takes until the buffer is written out.
const MAX_WRITE_BUFFER: usize = 64 << 20;

impl SharedMemory {
    /// Memory for one slot.
    pub fn new(options: &RocksOptions) -> Self {
        let total = usize::try_from(options.memory.0).unwrap_or(usize::MAX);
        let percent = usize::from(options.write_buffer_percent.clamp(10, 75));
        let buffers = total / 100 * percent;
        // Write buffers are charged to the cache, so that one bound holds for both.
        let cache = Cache::new_lru_cache(total);
        let manager =
            WriteBufferManager::new_write_buffer_manager_with_cache(buffers, false, cache.clone());
        Self {
            cache,
            write_buffers: manager,
            write_buffer_bytes: buffers,
            databases: Arc::default(),
        }
    }

    /// A part for one more database.
    pub(super) fn share(&self) -> MemoryShare {
        MemoryShare {
            memory: self.clone(),
            databases: 1 + self.databases.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What is in use, with write buffers.
    pub fn used_bytes(&self) -> u64 {
        self.cache.get_usage() as u64
    }
}

impl MemoryShare {
    /// The size of a write buffer. A database has two, so that one fills while the other is written out,
    /// and waits when both are full: with what is staged, all databases together stay within their part.
    pub(super) fn write_buffer(&self) -> usize {
        let each = self.memory.write_buffer_bytes / self.databases / 4;
        each.clamp(MIN_WRITE_BUFFER, MAX_WRITE_BUFFER)
    }

    /// How much a database may stage: half of its part. While a snapshot is made, there may be as much
    /// again that is being written.
    pub(super) fn staged(&self) -> usize {
        let each = self.memory.write_buffer_bytes / self.databases / 2;
        each.clamp(MIN_WRITE_BUFFER, MAX_WRITE_BUFFER)
    }

    /// The new size of a write buffer, if databases have come or gone since the last look.
    pub(super) fn changed(&mut self) -> Option<usize> {
        let databases = self.memory.databases.load(Ordering::Relaxed);
        if databases == self.databases {
            return None;
        }
        self.databases = databases;
        Some(self.write_buffer())
    }

    pub(super) fn memory(&self) -> &SharedMemory {
        &self.memory
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.memory.databases.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory")
            .field("used_bytes", &self.used_bytes())
            .finish_non_exhaustive()
    }
}
