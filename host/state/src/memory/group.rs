//! The table of one key group, which a snapshot can share with the running task.
//!
//! [`super::MemoryBackend`] has one per owned group. Invariant: a shared table never changes; the first
//! write after a snapshot takes the table back if the snapshot is done with it, and copies it otherwise.

use std::sync::Arc;

use hashbrown::hash_table::HashTable;

use crate::memory::entry::Entry;

/// The rows of one key group.
pub(super) enum Group {
    /// Only the task has them.
    Own(HashTable<Entry>),
    /// A snapshot may have them too.
    Shared(Arc<HashTable<Entry>>),
}

impl Default for Group {
    fn default() -> Self {
        Self::Own(HashTable::new())
    }
}

impl Group {
    /// The table, to look into.
    #[inline]
    pub(super) fn table(&self) -> &HashTable<Entry> {
        match self {
            Self::Own(table) => table,
            Self::Shared(table) => table,
        }
    }

    /// The table, to change it.
    #[inline]
    pub(super) fn table_mut(&mut self) -> &mut HashTable<Entry> {
        if let Self::Shared(_) = self {
            self.take_back();
        }
        match self {
            Self::Own(table) => table,
            Self::Shared(_) => unreachable!("it was taken back"),
        }
    }

    /// The table as it is now, for a snapshot.
    pub(super) fn share(&mut self) -> Arc<HashTable<Entry>> {
        let shared = match std::mem::take(self) {
            Self::Own(table) => Arc::new(table),
            Self::Shared(table) => table,
        };
        *self = Self::Shared(Arc::clone(&shared));
        shared
    }

    #[cold]
    fn take_back(&mut self) {
        if let Self::Shared(table) = std::mem::take(self) {
            *self = Self::Own(Arc::unwrap_or_clone(table));
        }
    }
}
