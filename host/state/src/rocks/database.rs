//! How a database is opened and tuned.
//!
//! Used when a backend is made or restored. Invariant: all files are made with the same settings, whoever
//! makes them: flush, compaction or restore.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, LogLevel,
    Options, WriteOptions,
};

use crate::error::StateError;
use crate::rocks::expire::ExpiryFilters;
use crate::rocks::options::{Compression, MemoryShare, RocksOptions, SharedMemory};
use crate::ttl::Expiry;

/// The only column family. All rows are in it: states are ranges, so a state more costs nothing.
const ROWS: &str = "default";

/// How long a file may lie before it is compacted again so that expired rows go.
const EXPIRY_COMPACTION_SECONDS: u64 = 24 * 60 * 60;

/// How many new files there are before they are merged into older ones. Each checkpoint makes one, mostly
/// of rows that the one before has too, and a merge writes anew all older files that have a row between
/// theirs, to be uploaded once more: with RocksDB's 4 the median checkpoint of 2 GiB of which 1 % changes each
/// second uploaded 10.6 %, with 8 it is 0.9 %; those after a merge upload some 40 %, half as often. Readers look at the filters of that many files more.
const FILES_COMPACTED: i32 = 8;

/// The settings of one database.
pub(super) struct Tuning {
    pub(super) options: Options,
    pub(super) file_size: u64,
    memory: MemoryShare,
}

impl Tuning {
    pub(super) fn new(options: &RocksOptions, memory: SharedMemory, expiry: &Expiry) -> Self {
        let memory = memory.share();
        let mut tuned = Options::default();
        tuned.create_if_missing(true);
        set_files(&mut tuned, options);
        set_memory(&mut tuned, options, &memory);
        set_background(&mut tuned, options);
        if !expiry.is_empty() {
            tuned.set_compaction_filter_factory(ExpiryFilters::new(expiry.clone()));
            tuned.set_periodic_compaction_seconds(EXPIRY_COMPACTION_SECONDS);
        }
        Self {
            options: tuned,
            file_size: options.file_size.0,
            memory,
        }
    }

    pub(super) fn open(&self, path: &Path) -> Result<DB, StateError> {
        let rows = ColumnFamilyDescriptor::new(ROWS, self.options.clone());
        let opened = DB::open_cf_descriptors(&self.options, path, [rows]);
        opened.map_err(StateError::rocks("open", path))
    }

    /// How much the changes may take that are not in the database.
    pub(super) fn staged_bytes(&self) -> usize {
        self.memory.staged()
    }

    /// Adapts the write buffer to how many databases there are now.
    pub(super) fn adapt(&mut self, db: &DB) -> Result<(), rocksdb::Error> {
        let Some(bytes) = self.memory.changed() else {
            return Ok(());
        };
        db.set_options(&[("write_buffer_size", &bytes.to_string())])
    }
}

/// Writes without a write-ahead log.
pub(super) fn without_log() -> WriteOptions {
    let mut write = WriteOptions::default();
    write.disable_wal(true);
    write
}

/// Where all rows of a database are.
pub(super) fn rows(db: &DB) -> &ColumnFamily {
    let rows = db.cf_handle(ROWS);
    rows.expect("every database is opened with this column family")
}

fn set_files(tuned: &mut Options, options: &RocksOptions) {
    let (upper, bottom) = match options.compression {
        Compression::None => (DBCompressionType::None, DBCompressionType::None),
        Compression::Lz4 => (DBCompressionType::Lz4, DBCompressionType::Lz4),
        Compression::Zstd => (DBCompressionType::Lz4, DBCompressionType::Zstd),
    };
    tuned.set_compression_type(upper);
    tuned.set_bottommost_compression_type(bottom);
    tuned.set_target_file_size_base(options.file_size.0);
    tuned.set_max_bytes_for_level_base(4 * options.file_size.0);
    tuned.set_level_zero_file_num_compaction_trigger(FILES_COMPACTED);
    tuned.set_max_open_files(i32::from(options.max_open_files.max(16)));
}

fn set_memory(tuned: &mut Options, options: &RocksOptions, share: &MemoryShare) {
    let memory = share.memory();
    let mut table = BlockBasedOptions::default();
    table.set_block_size(usize::try_from(options.block_size.0).unwrap_or(usize::MAX));
    table.set_format_version(5);
    if options.bloom_bits > 0 {
        table.set_bloom_filter(f64::from(options.bloom_bits), false);
    }
    table.set_block_cache(&memory.cache);
    // Indexes and filters count against the budget too, and go last.
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tuned.set_block_based_table_factory(&table);
    tuned.set_write_buffer_manager(&memory.write_buffers);
    tuned.set_write_buffer_size(share.write_buffer());
    tuned.set_max_write_buffer_number(2);
    // A task has one thread, so there is nobody to write at the same time.
    tuned.set_allow_concurrent_memtable_write(false);
    tuned.set_memtable_whole_key_filtering(true);
    tuned.set_memtable_prefix_bloom_ratio(0.05);
}

fn set_background(tuned: &mut Options, options: &RocksOptions) {
    tuned.set_max_background_jobs(i32::from(options.background_jobs.max(1)));
    tuned.set_avoid_unnecessary_blocking_io(true);
    // RocksDB's own log and statistics: little, and no threads for them.
    tuned.set_log_level(LogLevel::Warn);
    tuned.set_keep_log_file_num(1);
    tuned.set_max_log_file_size(1 << 20);
    tuned.set_stats_dump_period_sec(0);
    tuned.set_stats_persist_period_sec(0);
}
