//! Where the state of the tasks here comes from and goes to: checkpoint storage.
//!
//! Each attempt has an [`AttemptKeeper`], which its thread calls; what takes time is done by errands of the
//! executor: `restore` brings parts of a snapshot here before the task runs, `save` writes what the task
//! took at a barrier. Invariants: a checkpoint refers to an earlier one's file only if that one was told to
//! be complete; what was written is told to the coordinator, however late, so that nothing is forgotten in
//! storage.

mod in_flight;
mod local;
mod restore;
mod save;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmill_actor::{Address, CancelToken, Reply};
use wasmill_checkpoint::handles::{EdgeUid, KeyedState, SharedFile};
use wasmill_graph::{JobGraph, OperatorUid, Vertex};
use wasmill_rpc::protocol::{JobDescription, TaskRestore};
use wasmill_state::{BackendChoice, Opening};
use wasmill_task::keeper::{Declined, Keeper, KeyedSetup, Start, Taken};
use wasmill_types::id::{AttemptId, CheckpointId, EdgeId, OperatorId};
use wasmill_types::job::StateSpec;
use wasmill_types::{HostError, TaskFailure};

use crate::executor::Message;

pub(crate) use local::{LocalFiles, forget};
pub(crate) use restore::{Fetched, fetch};
pub(crate) use save::save;

/// What is known of one attempt by all who save or restore its state.
#[derive(Debug)]
pub(crate) struct AttemptState {
    pub(crate) attempt: AttemptId,
    /// The operators of its chain.
    operators: Vec<OperatorStates>,
    /// The edges of the job, as snapshots name them.
    edges: BTreeMap<EdgeId, EdgeUid>,
    /// The number of key groups of its vertex.
    max_parallelism: u32,
    /// The largest record, in bytes.
    max_record_bytes: u32,
    /// The operator that keyed state, timers and splits belong to.
    head: OperatorUid,
    /// Where keyed state is kept.
    backend: BackendChoice,
    /// A directory for files on their way; made when it is needed.
    directory: PathBuf,
    /// What the names and keys of its files begin with; no other attempt has it.
    instance: String,
    /// What is kept here for the next attempt.
    local: LocalFiles,
    files: Mutex<Files>,
}

/// An operator, and the states that it declares.
#[derive(Debug)]
struct OperatorStates {
    id: OperatorId,
    uid: OperatorUid,
    states: Vec<StateSpec>,
}

/// The shared files that are in storage, by their names in the backend's directory; as many as the backend
/// has.
#[derive(Debug, Default)]
struct Files {
    known: BTreeMap<String, Known>,
    /// The last checkpoint of which it was said that it is complete.
    complete: Option<CheckpointId>,
}

#[derive(Debug, Clone)]
struct Known {
    file: SharedFile,
    /// Whether a checkpoint with it is complete.
    is_confirmed: bool,
}

/// What the keeper of one attempt is made of.
pub(crate) struct Setup<'a> {
    pub(crate) attempt: AttemptId,
    pub(crate) job: &'a JobDescription,
    pub(crate) graph: &'a JobGraph,
    pub(crate) vertex: &'a Vertex,
    pub(crate) backend: BackendChoice,
    pub(crate) directory: PathBuf,
    pub(crate) local: LocalFiles,
    pub(crate) max_record_bytes: u32,
    pub(crate) restore: TaskRestore,
    pub(crate) executor: Address<Message>,
}

/// The keeper of one attempt.
pub(crate) struct AttemptKeeper {
    state: Arc<AttemptState>,
    restore: Option<TaskRestore>,
    executor: Address<Message>,
}

impl AttemptKeeper {
    pub(crate) fn new(setup: Setup<'_>) -> Self {
        let Setup { graph, vertex, .. } = setup;
        let operators = vertex.operators.iter().map(|id| {
            let operator = graph.operator(*id);
            OperatorStates {
                id: *id,
                uid: operator.state_id,
                states: operator.states.clone(),
            }
        });
        let number = u64::from_le_bytes(wasmill_actor::rng::secret());
        let state = AttemptState {
            attempt: setup.attempt,
            operators: operators.collect(),
            edges: edges(graph),
            max_parallelism: vertex.max_parallelism,
            max_record_bytes: setup.max_record_bytes,
            head: graph.operator(vertex.head()).state_id,
            backend: setup.backend,
            directory: setup.directory,
            instance: format!("{}-{}-{number:016x}", vertex.uid, setup.attempt.subtask),
            local: setup.local,
            files: Mutex::default(),
        };
        tracing::trace!(job_id = %setup.job.job, attempt = %setup.attempt, "state goes to storage");
        Self {
            state: Arc::new(state),
            restore: Some(setup.restore),
            executor: setup.executor,
        }
    }

    fn tell(&self, message: Message) {
        // When the executor has ended, nobody takes checkpoints.
        let _ = self.executor.send_blocking(message);
    }

    fn fetched(&self, restore: TaskRestore, cancel: &CancelToken) -> Result<Fetched, TaskFailure> {
        if restore == TaskRestore::default() {
            return Ok(Fetched::default());
        }
        let (state, cancel) = (Arc::clone(&self.state), cancel.clone());
        let ask = |reply: Reply<Result<Fetched, TaskFailure>>| {
            Message::Fetch(state, Box::new(restore), cancel, reply)
        };
        let fetched = self.executor.ask_blocking(ask);
        fetched.map_err(|gone| HostError::new(gone.to_string()))?
    }
}

impl Keeper for AttemptKeeper {
    fn open(
        &mut self,
        keyed: Option<KeyedSetup>,
        cancel: &CancelToken,
    ) -> Result<Start, TaskFailure> {
        let restore = self.restore.take().unwrap_or_default();
        let is_finished = restore.is_finished;
        let mut fetched = self.fetched(restore, cancel)?;
        let mut start = Start {
            is_finished,
            has_rows: !fetched.keyed.is_empty(),
            lists: std::mem::take(&mut fetched.lists),
            splits: std::mem::take(&mut fetched.splits),
            in_flight: std::mem::take(&mut fetched.in_flight),
            keyed: None,
        };
        if let Some(setup) = keyed {
            let opening = Opening {
                groups: setup.groups,
                options: setup.options,
                expiry: setup.expiry,
                backend: self.state.backend.clone(),
                renumbered: std::mem::take(&mut fetched.renumbered),
            };
            let sources = std::mem::take(&mut fetched.keyed);
            let opened = opening.restore(sources, cancel);
            let opened = opened.map_err(|error| restore::failure(&error))?;
            if opened.keeps_files {
                self.state
                    .files()
                    .adopt(std::mem::take(&mut fetched.shared));
            }
            start.keyed = Some(opened);
        }
        Ok(start)
    }

    fn keep(&mut self, taken: Taken) {
        self.tell(Message::Taken(Arc::clone(&self.state), Box::new(taken)));
    }

    fn decline(&mut self, checkpoint: CheckpointId, why: Declined) {
        self.tell(Message::Declined(self.state.attempt, checkpoint, why));
    }

    fn complete(&mut self, checkpoint: CheckpointId) {
        self.state.files().complete(checkpoint);
    }

    fn aborted(&mut self, _: CheckpointId) {
        // What is being written is told all the same, and the coordinator has it deleted.
    }
}

impl AttemptState {
    fn files(&self) -> MutexGuard<'_, Files> {
        // Nothing panics under this lock.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn operator(&self, id: OperatorId) -> Option<&OperatorStates> {
        self.operators.iter().find(|operator| operator.id == id)
    }
}

impl Drop for AttemptState {
    fn drop(&mut self) {
        // It is there only if something was on its way.
        if let Err(error) = std::fs::remove_dir_all(&self.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let path = self.directory.display();
            tracing::warn!(%path, %error, "left files of a task behind");
        }
    }
}

impl Files {
    /// The backend goes on with the files of the snapshot that it was restored from.
    fn adopt(&mut self, shared: BTreeMap<String, SharedFile>) {
        let known = shared.into_iter().map(|(name, file)| {
            let is_confirmed = true;
            (name, Known { file, is_confirmed })
        });
        self.known = known.collect();
    }

    /// The file of this name, if a checkpoint may refer to it.
    fn confirmed(&self, name: &str) -> Option<SharedFile> {
        let known = self.known.get(name).filter(|known| known.is_confirmed);
        known.map(|known| known.file.clone())
    }

    /// What a checkpoint consists of that was written; names that it has not are forgotten.
    fn written(&mut self, shared: &BTreeMap<String, SharedFile>) {
        self.known.retain(|name, _| shared.contains_key(name));
        for (name, file) in shared {
            let is_same = |known: &Known| known.file == *file;
            if !self.known.get(name).is_some_and(is_same) {
                let known = Known {
                    file: file.clone(),
                    is_confirmed: false,
                };
                self.known.insert(name.clone(), known);
            }
        }
    }

    /// A checkpoint is complete; earlier ones of which that was not said may never be.
    fn complete(&mut self, checkpoint: CheckpointId) {
        self.complete = self.complete.max(Some(checkpoint));
        self.known.retain(|_, known| {
            known.is_confirmed |= known.file.uploaded_for == checkpoint;
            known.is_confirmed || known.file.uploaded_for > checkpoint
        });
    }
}

/// An error with everything behind it, on one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}

/// The edges of a job, as snapshots name them.
fn edges(graph: &JobGraph) -> BTreeMap<EdgeId, EdgeUid> {
    let uid = |id| graph.operator(id).state_id;
    let named = graph.edges().map(|edge| {
        let name = EdgeUid {
            upstream: uid(edge.upstream),
            output: edge.output,
            downstream: uid(edge.downstream),
            input: edge.input,
        };
        (edge.id, name)
    });
    named.collect()
}

/// The shared files of a state, if it is a backend's own.
fn shared_files(state: &KeyedState) -> BTreeMap<String, SharedFile> {
    match state {
        KeyedState::Native(native) => native.shared.clone(),
        KeyedState::Canonical(_) => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use wasmill_checkpoint::handles::FileHandle;

    use super::*;

    #[test]
    fn only_files_of_checkpoints_that_completed_are_referred_to() {
        let file = |checkpoint| SharedFile {
            key: "k".to_owned(),
            uploaded_for: CheckpointId(checkpoint),
            handle: FileHandle::inline(Vec::new()),
        };
        let shared = |files: &[(&str, u64)]| {
            let named = |(name, id): &(&str, u64)| ((*name).to_owned(), file(*id));
            files.iter().map(named).collect::<BTreeMap<_, _>>()
        };
        let mut files = Files::default();
        files.written(&shared(&[("a", 1)]));
        assert_eq!(files.confirmed("a"), None, "not said to be complete");
        files.written(&shared(&[("a", 2), ("b", 2)]));
        files.complete(CheckpointId(2));
        assert_eq!(files.confirmed("a"), Some(file(2)));
        files.written(&shared(&[("a", 2), ("c", 3)]));
        assert_eq!(files.confirmed("a"), Some(file(2)), "still the same file");
        assert_eq!(files.confirmed("b"), None, "the backend has it no more");
        files.complete(CheckpointId(4));
        assert_eq!(files.confirmed("c"), None, "checkpoint 3 was given up");
    }
}
