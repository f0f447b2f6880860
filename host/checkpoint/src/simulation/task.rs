//! The tasks of one attempt: sources that count, channels in order, keyed tasks that write down what they get.
//!
//! Number `n` goes to keyed task `n % 2`, which has to get the numbers of each split in order and without a gap,
//! from the first attempt to the last. What it has written down is in pieces, as a backend's files are: whole ones
//! that checkpoints share, and a rest. Files are known to be shared by the rules of the TaskManager.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use wasmill_actor::Rng;
use wasmill_graph::OperatorUid;

use super::storage::Storage;
use crate::assignment::RestoredState;
use crate::handles::{
    KeyedState, NativeState, OperatorPart, Place, SharedFile, SplitPosition, SubtaskState,
    TaskSnapshot,
};
use crate::{Barrier, CheckpointId};

/// A split, and a number of it.
type Row = (u32, u64);

/// What goes through a channel.
#[derive(Debug, Clone)]
enum Element {
    Row(Row),
    Barrier(Arc<Barrier>),
}

/// All tasks of an attempt.
#[derive(Debug)]
pub(super) struct Tasks {
    pub(super) attempt: u32,
    sources: [Source; 2],
    keyed: [Keyed; 2],
    /// From each source to each keyed task.
    channels: [[VecDeque<Element>; 2]; 2],
}

#[derive(Debug, Default)]
struct Source {
    /// Each split with its next number.
    splits: Vec<Row>,
    triggered: Option<CheckpointId>,
}

#[derive(Debug, Default)]
struct Keyed {
    instance: String,
    pieces: BTreeMap<String, Vec<Row>>,
    rest: Vec<Row>,
    /// The last number of each split.
    last: BTreeMap<u32, u64>,
    known: Known,
    /// The barrier that is waited for, and which channels have brought it.
    aligning: Option<(Arc<Barrier>, [bool; 2])>,
    done: Option<CheckpointId>,
    made: u64,
}

/// The shared files of a task, and whether a checkpoint with them is complete: `snapshots::Files` of the
/// TaskManager.
#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<String, (SharedFile, bool)>,
}

/// What a keyed task took at a barrier, on its way to storage.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) attempt: u32,
    pub(super) subtask: u32,
    pub(super) barrier: Arc<Barrier>,
    instance: String,
    pieces: Vec<(String, Vec<Row>)>,
    rest: Option<Vec<Row>>,
    state: NativeState,
}

impl Tasks {
    /// The tasks with their parts of a checkpoint, or from the beginning.
    pub(super) fn start(
        attempt: u32,
        restored: Option<[Vec<RestoredState>; 2]>,
        storage: &Storage,
        rng: &mut Rng,
    ) -> Self {
        let mut tasks = Self {
            attempt,
            sources: Default::default(),
            keyed: Default::default(),
            channels: Default::default(),
        };
        for (index, keyed) in tasks.keyed.iter_mut().enumerate() {
            keyed.instance = format!("{index}-{:016x}", rng.next_u64());
        }
        match restored {
            Some([sources, keyed]) => tasks.restore(&sources, &keyed, storage),
            None => {
                for (index, source) in tasks.sources.iter_mut().enumerate() {
                    source.splits.push((index as u32, 0));
                }
            }
        }
        tasks.check();
        tasks
    }

    fn restore(&mut self, sources: &[RestoredState], keyed: &[RestoredState], storage: &Storage) {
        for (source, state) in self.sources.iter_mut().zip(sources) {
            let splits = state.splits.iter();
            source.splits = splits
                .map(|split| (split.split.parse().unwrap(), decode(&split.position)))
                .collect();
        }
        for (task, state) in self.keyed.iter_mut().zip(keyed) {
            for part in &state.keyed {
                let KeyedState::Native(native) = &part.state else {
                    panic!("it was not written so");
                };
                task.restore(native, storage);
            }
        }
    }

    /// What the keyed tasks have written down is what the sources have behind them, to the last number.
    fn check(&self) {
        let mut rows = 0;
        for (split, position) in self.sources.iter().flat_map(|source| &source.splits) {
            for (index, keyed) in self.keyed.iter().enumerate() {
                let expected = (0..*position).filter(|number| number % 2 == index as u64);
                let expected: Vec<u64> = expected.collect();
                assert_eq!(
                    keyed.numbers(*split),
                    expected,
                    "split {split} at task {index}"
                );
                rows += expected.len();
            }
        }
        let all: usize = self.keyed.iter().map(|keyed| keyed.rows().count()).sum();
        assert_eq!(all, rows, "rows of a split that nobody reads");
        let splits: usize = self.sources.iter().map(|source| source.splits.len()).sum();
        assert_eq!(splits, 2, "each split is read");
    }

    /// A source makes a number.
    pub(super) fn emit(&mut self, rng: &mut Rng) {
        let index = rng.below(2) as usize;
        let source = &mut self.sources[index];
        if source.splits.is_empty() {
            return;
        }
        let which = rng.below(source.splits.len() as u64) as usize;
        let (split, number) = &mut source.splits[which];
        let row = (*split, *number);
        *number += 1;
        self.channels[index][(row.1 % 2) as usize].push_back(Element::Row(row));
    }

    /// A source gets a barrier: what it answers, unless it knew it.
    pub(super) fn trigger(&mut self, subtask: u32, barrier: &Barrier) -> Option<TaskSnapshot> {
        let source = &mut self.sources[subtask as usize];
        if source.triggered >= Some(barrier.checkpoint) {
            return None;
        }
        source.triggered = Some(barrier.checkpoint);
        let barrier = Arc::new(barrier.clone());
        for channel in &mut self.channels[subtask as usize] {
            channel.push_back(Element::Barrier(Arc::clone(&barrier)));
        }
        let splits = source.splits.iter().map(|(split, number)| SplitPosition {
            split: split.to_string(),
            position: encode(number),
        });
        let state = SubtaskState {
            splits: splits.collect(),
            ..SubtaskState::default()
        };
        Some(of_operator("source", state))
    }

    /// A keyed task takes what is next in a channel that it does not block; what it took, if that was the last
    /// barrier. Also whether it was a number.
    pub(super) fn deliver(&mut self, rng: &mut Rng) -> (bool, Option<Upload>) {
        let (keyed, channels) = (&self.keyed, &self.channels);
        let mut open = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .into_iter()
            .filter(|(from, to)| {
                let aligning = keyed[*to].aligning.as_ref();
                let is_blocked = aligning.is_some_and(|(_, has)| has[*from]);
                !is_blocked && !channels[*from][*to].is_empty()
            });
        let count = open.clone().count().max(1) as u64;
        let Some((from, to)) = open.nth(rng.below(count) as usize) else {
            return (false, None);
        };
        let (keyed, channel) = (&mut self.keyed[to], &mut self.channels[from][to]);
        match channel.pop_front() {
            None => (false, None),
            Some(Element::Row(row)) => {
                keyed.take(row);
                (true, None)
            }
            Some(Element::Barrier(barrier)) => {
                let taken = keyed.barrier(barrier, from);
                let upload = taken.map(|barrier| keyed.snapshot(self.attempt, to as u32, barrier));
                (false, upload)
            }
        }
    }

    /// A keyed task makes a whole piece of its rest, or one of all that it has.
    pub(super) fn compact(&mut self, rng: &mut Rng) {
        let keyed = &mut self.keyed[rng.below(2) as usize];
        let mut rows = Vec::new();
        if rng.below(3) == 0 {
            rows = keyed.rows().copied().collect();
            keyed.pieces.clear();
            keyed.rest.clear();
        }
        rows.append(&mut keyed.rest);
        keyed.made += 1;
        // Pieces are read in the order of their names.
        let name = format!("{:06}", keyed.pieces.len() as u64 + 1000 * keyed.made);
        keyed.pieces.insert(name, rows);
    }

    /// A keyed task hears what became of a checkpoint.
    pub(super) fn hear(&mut self, subtask: u32, checkpoint: CheckpointId, is_complete: bool) {
        let keyed = &mut self.keyed[subtask as usize];
        if is_complete {
            keyed.known.complete(checkpoint);
        } else if keyed
            .aligning
            .as_ref()
            .map(|(barrier, _)| barrier.checkpoint)
            == Some(checkpoint)
        {
            keyed.aligning = None;
            keyed.done = keyed.done.max(Some(checkpoint));
        }
    }

    /// The shared files that a checkpoint of a keyed task may refer to.
    fn known(&mut self, upload: &Upload) -> Option<&mut Known> {
        let is_there = self.attempt == upload.attempt;
        is_there.then(|| &mut self.keyed[upload.subtask as usize].known)
    }
}

impl Keyed {
    fn restore(&mut self, native: &NativeState, storage: &Storage) {
        for (name, file) in &native.shared {
            let rows = decode(storage.read(&file.handle, ""));
            self.pieces.insert(name.clone(), rows);
        }
        let rest = native.private.values();
        self.rest = rest
            .flat_map(|handle| decode::<Vec<Row>>(storage.read(handle, "")))
            .collect();
        self.last = self.rows().copied().collect();
        let last = self.pieces.keys().next_back();
        let last: u64 = last.map_or(0, |name| name.parse().unwrap());
        self.made = last / 1000 + 1;
        let known = native.shared.iter();
        self.known.files = known
            .map(|(name, file)| (name.clone(), (file.clone(), true)))
            .collect();
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.pieces.values().flatten().chain(&self.rest)
    }

    fn numbers(&self, split: u32) -> Vec<u64> {
        let of_split = self.rows().filter(|(of, _)| *of == split);
        of_split.map(|(_, number)| *number).collect()
    }

    fn take(&mut self, row: Row) {
        let last = self.last.insert(row.0, row.1);
        let expected = last.map_or(row.1 % 2, |number| number + 2);
        assert_eq!(row.1, expected, "of split {}", row.0);
        self.rest.push(row);
    }

    /// Notes a barrier; it is returned when it has come on both channels.
    fn barrier(&mut self, barrier: Arc<Barrier>, from: usize) -> Option<Arc<Barrier>> {
        if self.done >= Some(barrier.checkpoint) {
            return None;
        }
        let current = self.aligning.take();
        let mut has = match &current {
            // A newer one takes the place of one that will not come any more.
            Some((waiting, has)) if waiting.checkpoint == barrier.checkpoint => *has,
            Some((waiting, _)) if waiting.checkpoint > barrier.checkpoint => {
                self.aligning = current;
                return None;
            }
            _ => [false; 2],
        };
        has[from] = true;
        if has == [true; 2] {
            self.done = Some(barrier.checkpoint);
            return Some(barrier);
        }
        self.aligning = Some((barrier, has));
        None
    }

    fn snapshot(&self, attempt: u32, subtask: u32, barrier: Arc<Barrier>) -> Upload {
        let pieces = self.pieces.iter();
        Upload {
            attempt,
            subtask,
            barrier,
            instance: self.instance.clone(),
            pieces: pieces.map(|(n, rows)| (n.clone(), rows.clone())).collect(),
            rest: Some(self.rest.clone()),
            state: NativeState {
                backend: "rocksdb".to_owned(),
                key_groups: subtask * 64..subtask * 64 + 64,
                shared: BTreeMap::new(),
                private: BTreeMap::new(),
            },
        }
    }
}

impl Known {
    fn confirmed(&self, name: &str) -> Option<SharedFile> {
        let known = self.files.get(name).filter(|(_, confirmed)| *confirmed);
        known.map(|(file, _)| file.clone())
    }

    fn written(&mut self, shared: &BTreeMap<String, SharedFile>) {
        self.files.retain(|name, _| shared.contains_key(name));
        for (name, file) in shared {
            let is_same = self.files.get(name).is_some_and(|(known, _)| known == file);
            if !is_same {
                self.files.insert(name.clone(), (file.clone(), false));
            }
        }
    }

    fn complete(&mut self, checkpoint: CheckpointId) {
        self.files.retain(|_, (file, confirmed)| {
            *confirmed |= file.uploaded_for == checkpoint;
            *confirmed || file.uploaded_for > checkpoint
        });
    }
}

impl Upload {
    /// Writes one file, or refers to one; the answer to the barrier when it was the last. Also counts what is
    /// referred to.
    pub(super) fn step(
        &mut self,
        tasks: &mut Tasks,
        storage: &mut Storage,
        reused: &mut u64,
    ) -> Option<TaskSnapshot> {
        let id = self.barrier.checkpoint;
        if let Some((name, rows)) = self.pieces.pop() {
            let known = tasks.known(self).and_then(|known| known.confirmed(&name));
            let file = match known.filter(|_| !self.barrier.full) {
                Some(known) => {
                    *reused += 1;
                    known
                }
                None => {
                    let place = Place::Shared(format!("{}-{id}-{name}", self.instance));
                    SharedFile {
                        key: format!("{}/{name}", self.instance),
                        uploaded_for: id,
                        handle: storage.write(&self.barrier, place, encode(&rows)),
                    }
                }
            };
            self.state.shared.insert(name, file);
            return None;
        }
        if let Some(rest) = self.rest.take() {
            let place = Place::Own(format!("{}-{id}-rest", self.instance));
            let handle = storage.write(&self.barrier, place, encode(&rest));
            self.state.private.insert("rest".to_owned(), handle);
            return None;
        }
        if let Some(known) = tasks.known(self) {
            known.written(&self.state.shared);
        }
        let state = SubtaskState {
            keyed: Some(KeyedState::Native(self.state.clone())),
            ..SubtaskState::default()
        };
        Some(of_operator("map", state))
    }
}

fn of_operator(name: &str, state: SubtaskState) -> TaskSnapshot {
    let operator = OperatorUid::of_uid(name);
    TaskSnapshot {
        operators: vec![OperatorPart { operator, state }],
        operators_finished: false,
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap()
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).unwrap()
}
