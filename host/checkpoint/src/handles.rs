//! What a task wrote at a barrier, by reference: the words that tasks, coordinator and metadata share.
//!
//! Tasks make them and send them with their acknowledgement; on restore they get them back through
//! `assignment`. Invariants: a handle names bytes that never change; the checksum is of exactly these
//! bytes; whoever reads them checks it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmill_graph::OperatorUid;
use xxhash_rust::xxh3::xxh3_64;

use crate::{CheckpointId, layout};

/// Up to this many bytes are kept inside the handle instead of a file (`data-inline-threshold`).
pub const INLINE_BYTES: u64 = 20 << 10;

/// Bytes in checkpoint storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileHandle {
    /// Where they are.
    pub place: Place,
    /// How many there are.
    pub size: u64,
    /// Their XXH3-64.
    pub checksum: u64,
}

/// Where the bytes of a handle are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Place {
    /// In the handle.
    Inline(Vec<u8>),
    /// In a file of the checkpoint's own directory: its name there.
    Own(String),
    /// In a file of the job's shared directory: its name there.
    Shared(String),
    /// In a file elsewhere, of another job or snapshot: its URL.
    Elsewhere(String),
}

impl FileHandle {
    /// A handle with the bytes in it.
    pub fn inline(bytes: Vec<u8>) -> Self {
        Self {
            size: bytes.len() as u64,
            checksum: xxh3_64(&bytes),
            place: Place::Inline(bytes),
        }
    }

    /// The URL of the file, if there is one, of a snapshot in this directory.
    pub fn url(&self, directory: &str) -> Option<String> {
        match &self.place {
            Place::Inline(_) => None,
            Place::Own(name) => Some(layout::join(directory, name)),
            Place::Shared(name) => {
                let shared = layout::join(layout::parent(directory), "shared");
                Some(layout::join(&shared, name))
            }
            Place::Elsewhere(url) => Some(url.clone()),
        }
    }

    /// Makes the handle independent of the directory of the snapshot that it came from.
    pub fn make_absolute(&mut self, directory: &str) {
        if let Some(url) = self.url(directory) {
            self.place = Place::Elsewhere(url);
        }
    }
}

/// A file that several checkpoints may refer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SharedFile {
    /// What identifies the content within the job: subtask, instance of the backend and file number. Not
    /// the name of the file in storage, which differs with each upload.
    pub key: String,
    /// The checkpoint for which it was uploaded. A task may refer to an earlier checkpoint's file only if
    /// it was told that the checkpoint is complete.
    pub uploaded_for: CheckpointId,
    /// The bytes.
    pub handle: FileHandle,
}

/// The keyed state, and the timers, of one operator of one subtask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyedState {
    /// The backend's own files.
    Native(NativeState),
    /// Sorted rows, which any backend reads.
    Canonical(CanonicalState),
}

/// A backend's directory, file by file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeState {
    /// The backend's name.
    pub backend: String,
    /// The key groups in it.
    pub key_groups: Range<u32>,
    /// Immutable files by their names in the directory.
    pub shared: BTreeMap<String, SharedFile>,
    /// Files of this snapshot alone by their names in the directory.
    pub private: BTreeMap<String, FileHandle>,
}

/// One stream of rows, sorted by key group; it has an index of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanonicalState {
    /// The key groups in it.
    pub key_groups: Range<u32>,
    /// The stream.
    pub stream: FileHandle,
}

impl NativeState {
    /// All files by their names in the directory.
    pub fn files(&self) -> impl Iterator<Item = (&str, &FileHandle)> {
        let shared = self.shared.iter();
        let shared = shared.map(|(name, file)| (name.as_str(), &file.handle));
        let private = self.private.iter();
        shared.chain(private.map(|(name, handle)| (name.as_str(), handle)))
    }
}

impl KeyedState {
    /// The key groups in it.
    pub fn key_groups(&self) -> &Range<u32> {
        match self {
            Self::Native(state) => &state.key_groups,
            Self::Canonical(state) => &state.key_groups,
        }
    }
}

/// How the elements of an operator's list are spread on restore (semantics §5.6–5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Spread {
    /// Divided evenly.
    Even,
    /// All to everybody.
    Union,
    /// They are the same in all subtasks; one copy to everybody.
    Broadcast,
}

/// Elements in a stream: element `i` is from `offsets[i]` to `offsets[i + 1]`, the last up to `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elements {
    /// Where each element begins.
    pub offsets: Vec<u64>,
    /// Where the last element ends.
    pub end: u64,
}

impl Elements {
    /// The place of an element.
    pub fn range(&self, index: usize) -> Range<u64> {
        let next = self.offsets.get(index + 1).copied();
        self.offsets[index]..next.unwrap_or(self.end)
    }
}

/// One named list of an operator's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListState {
    /// The state's name.
    pub name: String,
    /// How it is spread.
    pub spread: Spread,
    /// Its elements in the stream.
    pub elements: Elements,
}

/// All operator state of one operator of one subtask: one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// The stream.
    pub stream: FileHandle,
    /// The states in it.
    pub lists: Vec<ListState>,
}

/// How far a source has read a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitPosition {
    /// Identifies the split within the source.
    pub split: String,
    /// What the source needs to go on; the source's own encoding.
    pub position: Vec<u8>,
}

/// What a sink has staged and not yet committed, of one checkpoint (semantics §10.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committables {
    /// The checkpoint whose completion commits them.
    pub checkpoint: CheckpointId,
    /// Their encodings.
    pub stream: FileHandle,
    /// One element per committable.
    pub elements: Elements,
}

/// An edge between operators, as savepoints name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeUid {
    /// The operator that writes.
    #[serde(with = "crate::operator_uid")]
    pub upstream: OperatorUid,
    /// Which of its outputs.
    pub output: u32,
    /// The operator that reads.
    #[serde(with = "crate::operator_uid")]
    pub downstream: OperatorUid,
    /// Which of its inputs.
    pub input: u32,
}

/// What a barrier overtook in one channel (semantics §7.11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The edge.
    pub edge: EdgeUid,
    /// The subtask at the other end of the channel.
    pub peer: u32,
    /// The file that has the frames; several channels may share one.
    pub stream: FileHandle,
    /// Where in the file they are.
    pub range: Range<u64>,
}

/// Everything that one operator of one subtask put into a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubtaskState {
    /// Keyed state and timers.
    pub keyed: Option<KeyedState>,
    /// Operator state.
    pub lists: Option<OperatorState>,
    /// Positions of a source.
    pub splits: Vec<SplitPosition>,
    /// What a sink has yet to commit.
    pub committables: Vec<Committables>,
    /// What was overtaken on its inputs.
    pub inputs: Vec<InFlight>,
    /// What was overtaken on its outputs.
    pub outputs: Vec<InFlight>,
}

/// A handle in a state, and what kind of file it is.
#[derive(Debug)]
pub enum AnyFile<'a> {
    /// Of this snapshot alone.
    Private(&'a FileHandle),
    /// Maybe of others too.
    Shared(&'a SharedFile),
}

impl<'a> AnyFile<'a> {
    /// Its handle.
    pub fn handle(&self) -> &'a FileHandle {
        match self {
            Self::Private(handle) => handle,
            Self::Shared(file) => &file.handle,
        }
    }
}

impl SubtaskState {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All handles. A file that several parts refer to comes several times.
    pub fn files(&self) -> Vec<AnyFile<'_>> {
        let mut files = Vec::new();
        match &self.keyed {
            Some(KeyedState::Native(native)) => {
                files.extend(native.shared.values().map(AnyFile::Shared));
                files.extend(native.private.values().map(AnyFile::Private));
            }
            Some(KeyedState::Canonical(state)) => files.push(AnyFile::Private(&state.stream)),
            None => {}
        }
        let lists = self.lists.iter().map(|lists| &lists.stream);
        let committables = self.committables.iter().map(|some| &some.stream);
        let in_flight = self.inputs.iter().chain(&self.outputs);
        let channels = in_flight.map(|channel| &channel.stream);
        files.extend(
            lists
                .chain(committables)
                .chain(channels)
                .map(AnyFile::Private),
        );
        files
    }

    /// The shared files, to be replaced by what the registry has.
    pub fn shared_mut(&mut self) -> impl Iterator<Item = &mut SharedFile> {
        let native = match &mut self.keyed {
            Some(KeyedState::Native(native)) => Some(&mut native.shared),
            Some(KeyedState::Canonical(_)) | None => None,
        };
        native.into_iter().flat_map(BTreeMap::values_mut)
    }

    /// Calls `change` with each handle.
    pub fn for_each_handle(&mut self, mut change: impl FnMut(&mut FileHandle)) {
        match &mut self.keyed {
            Some(KeyedState::Native(native)) => {
                for file in native.shared.values_mut() {
                    change(&mut file.handle);
                }
                native.private.values_mut().for_each(&mut change);
            }
            Some(KeyedState::Canonical(state)) => change(&mut state.stream),
            None => {}
        }
        if let Some(lists) = &mut self.lists {
            change(&mut lists.stream);
        }
        for committables in &mut self.committables {
            change(&mut committables.stream);
        }
        for channel in self.inputs.iter_mut().chain(&mut self.outputs) {
            change(&mut channel.stream);
        }
    }

    /// The bytes of all state in it, whoever uploaded them.
    pub fn size(&self) -> u64 {
        let keyed = match &self.keyed {
            Some(KeyedState::Native(native)) => {
                let shared = native.shared.values().map(|file| file.handle.size);
                shared
                    .chain(native.private.values().map(|file| file.size))
                    .sum()
            }
            Some(KeyedState::Canonical(state)) => state.stream.size,
            None => 0,
        };
        let lists = self.lists.as_ref().map_or(0, |lists| lists.stream.size);
        let splits: usize = self.splits.iter().map(|split| split.position.len()).sum();
        let committables: u64 = self.committables.iter().map(|some| some.stream.size).sum();
        let in_flight = self.inputs.iter().chain(&self.outputs);
        let channels: u64 = in_flight
            .map(|channel| channel.range.end - channel.range.start)
            .sum();
        keyed + lists + splits as u64 + committables + channels
    }
}

/// What a task answers to a barrier: the state of each operator of its chain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// The state by operator; operators without state may be absent.
    pub operators: Vec<OperatorPart>,
    /// Whether all operators had finished: the task only waits for this checkpoint to complete
    /// (semantics §9.3).
    pub operators_finished: bool,
}

/// The part of one operator of a chain in a task's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorPart {
    /// The operator.
    #[serde(with = "crate::operator_uid")]
    pub operator: OperatorUid,
    /// Its state.
    pub state: SubtaskState,
}

impl TaskSnapshot {
    /// The bytes of all state in it.
    pub fn size(&self) -> u64 {
        self.operators.iter().map(|part| part.state.size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_relative_to_their_snapshot() {
        let place = |place| FileHandle {
            place,
            size: 1,
            checksum: 0,
        };
        for (handle, url) in [
            (place(Place::Own("a".to_owned())), Some("/c/job/chk-3/a")),
            (
                place(Place::Shared("b".to_owned())),
                Some("/c/job/shared/b"),
            ),
            (
                place(Place::Elsewhere("s3://x/y".to_owned())),
                Some("s3://x/y"),
            ),
            (FileHandle::inline(vec![1]), None),
        ] {
            assert_eq!(handle.url("/c/job/chk-3").as_deref(), url);
        }
    }
}
