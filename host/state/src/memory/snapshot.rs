//! The rows of a memory backend as they were when a snapshot was taken.
//!
//! Made by [`super::MemoryBackend`] on the task's thread, read on another. Invariant: whatever the task
//! does meanwhile, the rows stay; only one key group at a time is sorted, so reading takes little memory
//! besides the rows.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hashbrown::hash_table::HashTable;

use crate::error::StateError;
use crate::memory::entry::Entry;
use crate::owned::OwnedGroups;
use crate::row::Row;
use crate::snapshot::{FrozenRows, GroupReader, Item, Visit};

/// The tables of all owned key groups.
pub(super) struct SharedGroups {
    groups: OwnedGroups,
    tables: Vec<Arc<HashTable<Entry>>>,
}

impl SharedGroups {
    pub(super) fn new(groups: OwnedGroups, tables: Vec<Arc<HashTable<Entry>>>) -> Self {
        assert_eq!(groups.range().len(), tables.len(), "one table per group");
        Self { groups, tables }
    }
}

impl FrozenRows for SharedGroups {
    fn reader(&self) -> Result<Box<dyn GroupReader + '_>, StateError> {
        Ok(Box::new(Reader(self)))
    }

    fn directory(&self) -> Result<Option<&Path>, StateError> {
        Ok(None)
    }
}

struct Reader<'a>(&'a SharedGroups);

impl GroupReader for Reader<'_> {
    fn read(&mut self, group: u16, visit: &mut Visit<'_>) -> Result<(), StateError> {
        let range = self.0.groups.range();
        if !range.contains(&u32::from(group)) {
            return Ok(());
        }
        let table = &self.0.tables[(u32::from(group) - range.start) as usize];
        let mut rows = Vec::with_capacity(table.len());
        for entry in table.iter() {
            rows.extend(entry.rows_after(None).map(|(sub_key, value)| Row {
                key_group: group,
                state: entry.state(),
                key: entry.key(),
                sub_key,
                value,
            }));
        }
        rows.sort_unstable_by(Row::compare_place);
        rows.into_iter().try_for_each(|row| visit(Item::Row(row)))
    }
}

impl fmt::Debug for SharedGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGroups")
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}
