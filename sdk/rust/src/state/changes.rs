//! Changes to keyed state on their way to the host, in batches.

use crate::host::{self, ChangeKind, Changes, blobs_push, empty_blobs};

/// At which size a batch of changes is handed over, in bytes.
const WRITE_BYTES: usize = 512 << 10;

/// Collects the changes to one state and writes them when there are enough.
pub(crate) struct ChangeList {
    state: u32,
    changes: Changes,
}

impl ChangeList {
    pub(crate) fn new(state: u32) -> Self {
        let (keys, sub_keys, values) = (empty_blobs(), empty_blobs(), empty_blobs());
        Self {
            state,
            changes: Changes {
                kinds: Vec::new(),
                keys,
                sub_keys,
                values,
            },
        }
    }

    /// Sets a row; `fill` appends the value.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        sub_key: &[u8],
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        blobs_push(&mut self.changes.values, fill)?;
        self.change(ChangeKind::Put, key, sub_key);
        Ok(())
    }

    /// Removes a row.
    #[inline]
    pub(crate) fn delete(&mut self, key: &[u8], sub_key: &[u8]) {
        self.changes
            .values
            .ends
            .push(self.changes.values.data.len() as u32);
        self.change(ChangeKind::Delete, key, sub_key);
    }

    /// Removes all rows of a key.
    pub(crate) fn clear(&mut self, key: &[u8]) {
        self.changes
            .values
            .ends
            .push(self.changes.values.data.len() as u32);
        self.change(ChangeKind::Clear, key, &[]);
    }

    /// Hands over what has been collected.
    pub(crate) fn write(&mut self) {
        if self.changes.kinds.is_empty() {
            return;
        }
        host::state_write(self.state, &self.changes);
        self.changes.kinds.clear();
        for blobs in [
            &mut self.changes.keys,
            &mut self.changes.sub_keys,
            &mut self.changes.values,
        ] {
            blobs.ends.clear();
            blobs.data.clear();
        }
    }

    #[inline]
    fn change(&mut self, kind: ChangeKind, key: &[u8], sub_key: &[u8]) {
        self.changes.kinds.push(kind);
        for (blobs, bytes) in [
            (&mut self.changes.keys, key),
            (&mut self.changes.sub_keys, sub_key),
        ] {
            blobs.data.extend_from_slice(bytes);
            blobs.ends.push(blobs.data.len() as u32);
        }
        let lists = [
            &self.changes.keys,
            &self.changes.sub_keys,
            &self.changes.values,
        ];
        if lists.map(|list| list.data.len()).iter().sum::<usize>() > WRITE_BYTES {
            self.write();
        }
    }
}
