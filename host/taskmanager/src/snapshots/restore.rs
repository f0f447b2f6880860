//! Brings the parts of a snapshot that a task starts with here.
//!
//! Runs as an errand while the task's thread waits. Invariant: what is handed over was checked against the
//! handles' sizes and checksums; when it fails or is cancelled, what was downloaded goes with the attempt.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wasmill_actor::CancelToken;
use wasmill_checkpoint::assignment::{InFlightPart, ListPart, RestoredState};
use wasmill_checkpoint::handles::{FileHandle, KeyedState, SharedFile};
use wasmill_checkpoint::storage::{Storage, StorageError};
use wasmill_connectors::Split;
use wasmill_rpc::protocol::TaskRestore;
use wasmill_state::{Source, StateError};
use wasmill_types::id::EdgeId;
use wasmill_types::operator::OperatorState;
use wasmill_types::{Batch, Blobs, HostError, TaskFailure};

use super::{AttemptState, OperatorStates, in_flight, shared_files, whole};

/// Handles that are restored say where their bytes are, whatever the directory.
const ANYWHERE: &str = "";

/// What was brought here.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Keyed state and timers.
    pub(crate) keyed: Vec<Source>,
    /// The shared files behind it, by name, if it is that of one earlier subtask.
    pub(super) shared: BTreeMap<String, SharedFile>,
    /// The numbers of keyed states by their old ones, if some have changed.
    pub(super) renumbered: BTreeMap<u32, u32>,
    /// Operator state.
    pub(super) lists: Vec<OperatorState>,
    /// The splits to go on with.
    pub(super) splits: Vec<Split>,
    /// What was in flight to the task.
    pub(super) in_flight: Vec<(EdgeId, Batch)>,
}

/// Brings everything here.
///
/// # Errors
/// When storage cannot read it, or it does not fit; [`TaskFailure::Cancelled`].
pub(crate) async fn fetch(
    state: &Arc<AttemptState>,
    restore: TaskRestore,
    storage: &Storage,
    cancel: &CancelToken,
) -> Result<Fetched, TaskFailure> {
    let mut fetching = Fetching {
        state,
        storage,
        streams: HashMap::new(),
        fetched: Fetched::default(),
    };
    let work = async {
        for part in restore.operators {
            let operator = state.operator(part.operator).ok_or_else(|| {
                let message = "the state to restore is of an operator of another task";
                TaskFailure::from(HostError::new(message))
            })?;
            fetching.operator(operator, part.state).await?;
            let has_moved = part.state_ids.iter().any(|(old, new)| old != new);
            if operator.uid == state.head && has_moved {
                fetching.fetched.renumbered = part.state_ids;
            }
        }
        Ok(fetching.fetched)
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(TaskFailure::Cancelled),
        fetched = work => fetched,
    }
}

struct Fetching<'a> {
    state: &'a AttemptState,
    storage: &'a Storage,
    /// Streams of operator state, which several parts share.
    streams: HashMap<FileHandle, Bytes>,
    fetched: Fetched,
}

impl Fetching<'_> {
    async fn operator(
        &mut self,
        operator: &OperatorStates,
        state: RestoredState,
    ) -> Result<(), TaskFailure> {
        if let [only] = state.keyed.as_slice() {
            self.fetched.shared = shared_files(&only.state);
        }
        for part in state.keyed {
            let source = self.keyed(&part.state).await?;
            self.fetched.keyed.push(source);
        }
        for (name, parts) in &state.lists {
            let Some(spec) = operator.states.iter().find(|spec| spec.name == *name) else {
                // A state that the program has no more; the JobMaster has agreed.
                continue;
            };
            let items = self.elements(parts).await?;
            self.fetched.lists.push(OperatorState {
                operator: operator.id,
                state: spec.id,
                items,
            });
        }
        for part in &state.in_flight {
            self.in_flight(part).await?;
        }
        self.fetched
            .splits
            .extend(state.splits.into_iter().map(|split| Split {
                name: split.split,
                state: split.position,
            }));
        Ok(())
    }

    async fn in_flight(&mut self, part: &InFlightPart) -> Result<(), TaskFailure> {
        let edge = self.state.edges.iter().find(|(_, uid)| **uid == part.edge);
        let Some((&edge, _)) = edge else {
            // The JobMaster has agreed to lose them.
            return Ok(());
        };
        let (stream, range) = (&part.stream, part.range.clone());
        let bytes = self.storage.read_range(stream, ANYWHERE, range).await;
        let bytes = bytes.map_err(of_storage)?;
        let (groups, most) = (self.state.max_parallelism, self.state.max_record_bytes);
        let batches = in_flight::read(&bytes, &part.filter, groups, most);
        let batches = batches.map_err(HostError::new)?;
        let of_edge = batches.into_iter().map(|batch| (edge, batch));
        self.fetched.in_flight.extend(of_edge);
        Ok(())
    }

    async fn keyed(&mut self, state: &KeyedState) -> Result<Source, TaskFailure> {
        let number = self.fetched.keyed.len();
        let directory = self.state.directory.join(format!("restore-{number}"));
        make(&directory).await?;
        match state {
            KeyedState::Native(native) => {
                let shared = native.shared.iter();
                for (name, file) in shared {
                    let to = directory.join(name);
                    if !self.state.local.fetch(&file.handle, &to).await {
                        self.file(&file.handle, to).await?;
                    }
                }
                for (name, handle) in &native.private {
                    self.file(handle, directory.join(name)).await?;
                }
                Ok(Source::Native(directory))
            }
            KeyedState::Canonical(canonical) => {
                let path = directory.join("canonical");
                self.file(&canonical.stream, path.clone()).await?;
                let file = std::fs::File::open(&path);
                let file = file.map_err(|error| local("open", &path, &error))?;
                Ok(Source::Canonical(Box::new(std::io::BufReader::new(file))))
            }
        }
    }

    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "a shared reference could not go to another thread"
    )]
    async fn file(&mut self, handle: &FileHandle, to: PathBuf) -> Result<(), TaskFailure> {
        let downloaded = self.storage.download(handle, ANYWHERE, &to).await;
        downloaded.map_err(of_storage)
    }

    async fn elements(&mut self, parts: &[ListPart]) -> Result<Blobs, TaskFailure> {
        let mut items = Blobs::default();
        for part in parts {
            if !self.streams.contains_key(&part.stream) {
                let stream = self.storage.read(&part.stream, ANYWHERE).await;
                let stream = stream.map_err(of_storage)?;
                self.streams.insert(part.stream.clone(), stream);
            }
            let stream = &self.streams[&part.stream];
            for range in &part.elements {
                let (start, end) = (range.start as usize, range.end as usize);
                let element = stream.get(start..end).ok_or_else(|| {
                    HostError::new("operator state ends before one of its elements does")
                })?;
                items.push(element);
            }
        }
        Ok(items)
    }
}

async fn make(directory: &Path) -> Result<(), TaskFailure> {
    let made = tokio::fs::create_dir_all(directory).await;
    made.map_err(|error| local("make", directory, &error).into())
}

fn local(action: &str, path: &Path, error: &std::io::Error) -> HostError {
    HostError::new(format!("{action} `{}`: {error}", path.display()))
}

fn of_storage(error: StorageError) -> TaskFailure {
    HostError::new(format!("restore state: {}", whole(&error))).into()
}

/// A failure of the backend at the start of a task.
pub(super) fn failure(error: &StateError) -> TaskFailure {
    match error {
        StateError::Cancelled => TaskFailure::Cancelled,
        other => HostError::new(format!("restore state: {}", whole(other))).into(),
    }
}
