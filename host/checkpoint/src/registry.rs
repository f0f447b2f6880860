//! Which shared files are referred to, and by which checkpoints.
//!
//! The coordinator registers what an acknowledged snapshot refers to and releases a checkpoint when it is
//! aborted or subsumed. Invariants: a file is handed out for deletion once, when the last checkpoint that
//! refers to it is released; a content is kept once, under the handle that came first; a file that the
//! job does not own is never handed out.

use std::collections::{BTreeMap, BTreeSet};

use crate::CheckpointId;
use crate::handles::{FileHandle, SharedFile, SubtaskState};

/// The shared files of one job. Bounded by what its retained and pending checkpoints refer to.
#[derive(Debug, Default)]
pub struct Registry {
    files: BTreeMap<String, Entry>,
    uses: BTreeMap<CheckpointId, BTreeSet<String>>,
}

#[derive(Debug)]
struct Entry {
    handle: FileHandle,
    /// How many checkpoints refer to it.
    users: u32,
    /// Whether the job may delete it; not so with files of a snapshot that it only reads.
    owned: bool,
}

/// A snapshot that refers to a file which is not there any more, or never was.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error(
    "the snapshot refers to the shared file `{key}` uploaded for checkpoint {uploaded_for}, which no \
     completed checkpoint has"
)]
pub struct UnknownFile {
    key: String,
    uploaded_for: CheckpointId,
}

impl Registry {
    /// Takes note of what a part of a checkpoint refers to, and makes its handles those that are kept.
    /// Returns the files that turned out to be second copies.
    ///
    /// # Errors
    /// When it refers to a file of an earlier checkpoint that is not registered; nothing is registered then.
    pub fn register(
        &mut self,
        checkpoint: CheckpointId,
        state: &mut SubtaskState,
    ) -> Result<Vec<FileHandle>, UnknownFile> {
        let unknown = state
            .shared_mut()
            .find(|file| file.uploaded_for != checkpoint && !self.files.contains_key(&file.key));
        if let Some(file) = unknown {
            return Err(UnknownFile {
                key: file.key.clone(),
                uploaded_for: file.uploaded_for,
            });
        }
        let mut copies = Vec::new();
        for file in state.shared_mut() {
            let first = self.add(checkpoint, file, true);
            if first != file.handle {
                let second = std::mem::replace(&mut file.handle, first);
                if file.uploaded_for == checkpoint {
                    copies.push(second);
                }
            }
        }
        Ok(copies)
    }

    /// Takes note of a snapshot from which the job starts. Of its files, those that the job `owns` are
    /// deleted in time.
    pub fn restore(
        &mut self,
        checkpoint: CheckpointId,
        state: &mut SubtaskState,
        owns: impl Fn(&FileHandle) -> bool,
    ) {
        for file in state.shared_mut() {
            file.handle = self.add(checkpoint, file, owns(&file.handle));
        }
    }

    /// Forgets a checkpoint and returns the files to which no other refers.
    pub fn release(&mut self, checkpoint: CheckpointId) -> Vec<FileHandle> {
        let keys = self.uses.remove(&checkpoint).unwrap_or_default();
        let mut unused = Vec::new();
        for key in keys {
            let Some(entry) = self.files.get_mut(&key) else {
                continue;
            };
            entry.users -= 1;
            if entry.users == 0 {
                let entry = self.files.remove(&key);
                unused.extend(entry.filter(|entry| entry.owned).map(|entry| entry.handle));
            }
        }
        unused
    }

    /// Whether some checkpoint refers to this very file, not merely to the same content.
    pub fn has(&self, file: &SharedFile) -> bool {
        let entry = self.files.get(&file.key);
        entry.is_some_and(|entry| entry.handle.place == file.handle.place)
    }

    /// How many files are registered.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file is registered.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds a use; returns the handle that is kept for the content.
    fn add(&mut self, checkpoint: CheckpointId, file: &SharedFile, owned: bool) -> FileHandle {
        let entry = self.files.entry(file.key.clone()).or_insert_with(|| Entry {
            handle: file.handle.clone(),
            users: 0,
            owned,
        });
        let uses = self.uses.entry(checkpoint).or_default();
        if uses.insert(file.key.clone()) {
            entry.users += 1;
        }
        entry.handle.clone()
    }
}

#[cfg(test)]
mod tests;
