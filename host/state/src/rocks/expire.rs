//! Drops rows that have expired whenever RocksDB rewrites files.
//!
//! Set up by [`super::database`] for tasks some of whose states expire. Invariant: only rows go that a read
//! would not return any more (see [`crate::ttl`]).

use std::ffi::CStr;

use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};

use crate::row;
use crate::ttl::Expiry;

const NAME: &CStr = c"wasmill-expiry";

/// Makes a filter for each compaction.
pub(super) struct ExpiryFilters {
    expiry: Expiry,
}

/// Decides for the rows of one compaction.
pub(super) struct ExpiryFilter {
    expiry: Expiry,
    /// When the compaction began: one look at the clock for all rows.
    now: i64,
}

impl ExpiryFilters {
    pub(super) fn new(expiry: Expiry) -> Self {
        Self { expiry }
    }
}

impl CompactionFilterFactory for ExpiryFilters {
    type Filter = ExpiryFilter;

    fn create(&mut self, _: CompactionFilterContext) -> ExpiryFilter {
        ExpiryFilter {
            now: self.expiry.now(),
            expiry: self.expiry.clone(),
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

impl CompactionFilter for ExpiryFilter {
    fn filter(&mut self, _level: u32, place: &[u8], kept: &[u8]) -> CompactionDecision {
        match row::decode(place, kept) {
            Some(row) if self.expiry.is_expired(row.state, kept, self.now) => {
                CompactionDecision::Remove
            }
            _ => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}
