//! Writes what a task took at a barrier: files of the backend, operator state, what sinks handed over.
//!
//! Runs as an errand. Invariant: a file is written under a name that nobody used before, so that what a
//! repeated or late try writes never replaces anything.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use wasmill_actor::{CancelToken, Clock};
use wasmill_checkpoint::barrier::{Format, SnapshotKind};
use wasmill_checkpoint::failure::{Failure, FailureReason};
use wasmill_checkpoint::handles::{
    CanonicalState, Committables, Elements, FileHandle, InFlight, KeyedState, ListState,
    NativeState, OperatorPart, OperatorState, Place, SharedFile, SplitPosition, Spread,
    SubtaskState, TaskSnapshot,
};
use wasmill_checkpoint::statistics::SnapshotMetrics;
use wasmill_checkpoint::storage::{Storage, StorageError};
use wasmill_checkpoint::{Barrier, handles};
use wasmill_state::{KeyedSnapshot, SnapshotFile, snapshot::FileKind};
use wasmill_task::keeper::{ChannelRecords, Taken};
use wasmill_types::job::StateKind;

use super::{AttemptState, OperatorStates, in_flight, whole};
use crate::errand;

/// How much of a file is read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// What a task wrote, and what that took.
pub(crate) type Saved = (TaskSnapshot, SnapshotMetrics);

/// Writes everything and says what was written.
///
/// # Errors
/// When storage or the backend cannot; what was written by then is in the checkpoint's directory, or
/// nowhere referred to.
pub(crate) async fn save(
    state: &Arc<AttemptState>,
    taken: Taken,
    storage: &Storage,
    clock: &Clock,
) -> Result<Saved, Failure> {
    let (times, overtakes) = (taken.times, taken.barrier.overtakes());
    let mut saving = Saving {
        state,
        storage,
        barrier: Arc::clone(&taken.barrier),
        written: 0,
        files: 0,
    };
    let (snapshot, persisted) = saving.all(taken).await?;
    let metrics = SnapshotMetrics {
        checkpointed_size: saving.written,
        sync: times.sync,
        asynchronous: clock.monotonic().saturating_sub(times.taken_at),
        alignment: times.alignment,
        processed: 0,
        persisted,
        start_delay: times.start_delay,
        unaligned: overtakes,
    };
    Ok((snapshot, metrics))
}

struct Saving<'a> {
    state: &'a Arc<AttemptState>,
    storage: &'a Storage,
    barrier: Arc<Barrier>,
    /// Bytes that were written.
    written: u64,
    /// How many files were named.
    files: u32,
}

impl Saving<'_> {
    /// Writes everything; how many bytes of records in flight there were.
    async fn all(&mut self, mut taken: Taken) -> Result<(TaskSnapshot, u64), Failure> {
        let channels = [
            std::mem::take(&mut taken.inputs),
            std::mem::take(&mut taken.outputs),
        ];
        let [inputs, outputs] = self.in_flight(channels).await?;
        let taken = &taken;
        let mut parts = Vec::new();
        for operator in &self.state.operators {
            let mut part = SubtaskState {
                lists: self.lists(operator, taken).await?,
                committables: self.committables(operator, taken).await?,
                inputs: of(&inputs, |channel| channel.edge.downstream == operator.uid),
                outputs: of(&outputs, |channel| channel.edge.upstream == operator.uid),
                ..SubtaskState::default()
            };
            if operator.uid == self.state.head {
                part.splits = positions(taken);
            }
            parts.push(OperatorPart {
                operator: operator.uid,
                state: part,
            });
        }
        if let Some(keyed) = &taken.keyed {
            let keyed = self.keyed(Arc::clone(keyed)).await?;
            let head = parts.iter_mut().find(|it| it.operator == self.state.head);
            if let Some(head) = head {
                head.state.keyed = Some(keyed);
            }
        }
        parts.retain(|part| !part.state.is_empty());
        let persisted = inputs.iter().chain(&outputs);
        let persisted = persisted.map(|channel| channel.range.end - channel.range.start);
        let persisted = persisted.sum();
        let snapshot = TaskSnapshot {
            operators: parts,
            operators_finished: taken.is_finished,
        };
        Ok((snapshot, persisted))
    }

    /// Writes the records that the barrier overtook, of inputs and outputs, into one file.
    async fn in_flight(
        &mut self,
        sides: [Vec<ChannelRecords>; 2],
    ) -> Result<[Vec<InFlight>; 2], Failure> {
        let mut stream = Vec::new();
        let mut found = [Vec::new(), Vec::new()];
        for (channels, found) in sides.into_iter().zip(&mut found) {
            for channel in channels {
                let Some(edge) = self.state.edges.get(&channel.edge) else {
                    continue;
                };
                let start = stream.len() as u64;
                in_flight::write(&mut stream, channel.batches).map_err(asynchronous)?;
                found.push((*edge, channel.peer, start..stream.len() as u64));
            }
        }
        if stream.is_empty() {
            return Ok([Vec::new(), Vec::new()]);
        }
        let stream = self.bytes(stream, "channels").await?;
        Ok(found.map(|channels| {
            let placed = channels.into_iter().map(|(edge, peer, range)| InFlight {
                edge,
                peer,
                stream: stream.clone(),
                range,
            });
            placed.collect()
        }))
    }

    async fn keyed(&mut self, keyed: Arc<KeyedSnapshot>) -> Result<KeyedState, Failure> {
        let is_canonical = matches!(
            self.barrier.kind,
            SnapshotKind::Savepoint(Format::Canonical)
                | SnapshotKind::Stop {
                    format: Format::Canonical,
                    ..
                }
        );
        // The errand is never cancelled: what it writes has to be told.
        let cancel = CancelToken::new();
        let native = match is_canonical {
            true => None,
            false => {
                let keyed = Arc::clone(&keyed);
                blocking("complete snapshot", move || keyed.native_files(&cancel)).await?
            }
        };
        match native {
            Some(files) => self.native(&keyed, files).await.map(KeyedState::Native),
            None => self.canonical(keyed).await.map(KeyedState::Canonical),
        }
    }

    async fn native(
        &mut self,
        keyed: &KeyedSnapshot,
        files: Vec<SnapshotFile>,
    ) -> Result<NativeState, Failure> {
        let mut state = NativeState {
            backend: "rocksdb".to_owned(),
            key_groups: keyed.head().groups.clone(),
            shared: BTreeMap::new(),
            private: BTreeMap::new(),
        };
        let barrier = Arc::clone(&self.barrier);
        for file in files {
            let may_share = file.kind == FileKind::Shared && barrier.shared.is_some();
            if !may_share {
                let place = Place::Own(self.name("private"));
                let handle = self.upload(&file.path, file.bytes, place).await?;
                state.private.insert(file.name, handle);
                continue;
            }
            let known = self.state.files().confirmed(&file.name);
            let shared = match known.filter(|_| !barrier.full) {
                Some(known) => known,
                None => {
                    let key = format!("{}/{}", self.state.instance, file.name);
                    let place = Place::Shared(self.name("shared"));
                    let handle = self.upload(&file.path, file.bytes, place).await?;
                    SharedFile {
                        key,
                        uploaded_for: barrier.checkpoint,
                        handle,
                    }
                }
            };
            let local = &self.state.local;
            local
                .keep(barrier.checkpoint, &shared.handle, &file.path)
                .await;
            state.shared.insert(file.name, shared);
        }
        let complete = self.state.files().complete;
        if let Some(complete) = complete {
            self.state.local.prune(complete).await;
        }
        if barrier.shared.is_some() {
            self.state.files().written(&state.shared);
        }
        Ok(state)
    }

    async fn canonical(&mut self, keyed: Arc<KeyedSnapshot>) -> Result<CanonicalState, Failure> {
        let directory = self.state.directory.clone();
        let key_groups = keyed.head().groups.clone();
        let spool = move || {
            let cancel = CancelToken::new();
            std::fs::create_dir_all(&directory)?;
            let mut file = tempfile::tempfile_in(&directory)?;
            let mut to = BufWriter::with_capacity(PIECE_BYTES, &mut file);
            let summary = keyed.write_canonical(&mut to, &cancel);
            let summary = summary.map_err(io::Error::other)?;
            to.flush()?;
            drop(to);
            file.seek(SeekFrom::Start(0))?;
            Ok::<_, io::Error>((file, summary.bytes))
        };
        let (file, bytes) = blocking("write snapshot", spool).await?;
        let place = Place::Own(self.name("keyed"));
        let stream = self.stream(file.into(), bytes, place).await?;
        Ok(CanonicalState { key_groups, stream })
    }

    async fn lists(
        &mut self,
        operator: &OperatorStates,
        taken: &Taken,
    ) -> Result<Option<OperatorState>, Failure> {
        let mut stream = Vec::new();
        let mut lists = Vec::new();
        for list in taken.lists.iter().filter(|it| it.operator == operator.id) {
            let spec = operator.states.iter().find(|spec| spec.id == list.state);
            let Some((spec, spread)) = spec.and_then(|spec| Some((spec, spread(spec.kind)?)))
            else {
                let problem = format!("the bundle returned operator state {}", list.state);
                let detail = format!("{problem}, which its graph does not declare");
                return Err(Failure::because(FailureReason::CheckpointDeclined, detail));
            };
            let items = list.items.view();
            lists.push(ListState {
                name: spec.name.clone(),
                spread,
                elements: append(&mut stream, items.iter()),
            });
        }
        if lists.is_empty() {
            return Ok(None);
        }
        let stream = self.bytes(stream, "lists").await?;
        Ok(Some(OperatorState { stream, lists }))
    }

    async fn committables(
        &mut self,
        operator: &OperatorStates,
        taken: &Taken,
    ) -> Result<Vec<Committables>, Failure> {
        let mut all = Vec::new();
        let own = taken.committables.iter();
        for pending in own.filter(|it| it.sink == operator.id) {
            let encoded: Result<Vec<Vec<u8>>, _> =
                pending.parts.iter().map(serde_json::to_vec).collect();
            let encoded = encoded.map_err(asynchronous)?;
            let mut stream = Vec::new();
            let elements = append(&mut stream, encoded.iter().map(Vec::as_slice));
            all.push(Committables {
                checkpoint: pending.checkpoint,
                stream: self.bytes(stream, "committables").await?,
                elements,
            });
        }
        Ok(all)
    }

    async fn bytes(&mut self, bytes: Vec<u8>, what: &str) -> Result<FileHandle, Failure> {
        let (name, count) = (self.name(what), bytes.len() as u64);
        let directory = &self.barrier.directory;
        let handle = self
            .storage
            .write_handle(directory, Place::Own(name), Bytes::from(bytes));
        let handle = handle.await.map_err(of_storage)?;
        self.written += count;
        Ok(handle)
    }

    async fn upload(
        &mut self,
        path: &Path,
        bytes: u64,
        place: Place,
    ) -> Result<FileHandle, Failure> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(|error| {
            let detail = format!("open `{}`: {error}", path.display());
            Failure::because(FailureReason::CheckpointAsyncException, detail)
        })?;
        self.stream(file, bytes, place).await
    }

    async fn stream(
        &mut self,
        mut file: tokio::fs::File,
        bytes: u64,
        place: Place,
    ) -> Result<FileHandle, Failure> {
        if bytes <= handles::INLINE_BYTES {
            let mut content = Vec::new();
            file.read_to_end(&mut content).await.map_err(asynchronous)?;
            self.written += content.len() as u64;
            return Ok(FileHandle::inline(content));
        }
        let mut handle = FileHandle {
            place,
            size: 0,
            checksum: 0,
        };
        let url = handle.url(&self.barrier.directory).unwrap_or_default();
        let mut writer = self.storage.writer(&url).map_err(of_storage)?;
        let mut piece = vec![0; PIECE_BYTES];
        let copied = async {
            loop {
                let count = file.read(&mut piece).await.map_err(asynchronous)?;
                if count == 0 {
                    return Ok(());
                }
                writer.write(&piece[..count]).await.map_err(of_storage)?;
            }
        };
        if let Err(failure) = copied.await {
            writer.abort().await;
            return Err(failure);
        }
        let written = writer.finish().await.map_err(of_storage)?;
        (handle.size, handle.checksum) = (written.size, written.checksum);
        self.written += handle.size;
        Ok(handle)
    }

    /// A name that no other file has.
    fn name(&mut self, what: &str) -> String {
        self.files += 1;
        let (instance, checkpoint) = (&self.state.instance, self.barrier.checkpoint);
        format!("{instance}-{checkpoint}-{}-{what}", self.files)
    }
}

fn of(channels: &[InFlight], is_its: impl Fn(&InFlight) -> bool) -> Vec<InFlight> {
    let its = channels.iter().filter(|channel| is_its(channel));
    its.cloned().collect()
}

/// Appends elements to a stream; where they are.
fn append<'a>(stream: &mut Vec<u8>, elements: impl Iterator<Item = &'a [u8]>) -> Elements {
    let offsets = elements.map(|element| {
        let offset = stream.len() as u64;
        stream.extend_from_slice(element);
        offset
    });
    let offsets = offsets.collect();
    Elements {
        offsets,
        end: stream.len() as u64,
    }
}

fn positions(taken: &Taken) -> Vec<SplitPosition> {
    let position = |split: &wasmill_connectors::Split| SplitPosition {
        split: split.name.clone(),
        position: split.state.clone(),
    };
    taken.splits.iter().map(position).collect()
}

fn spread(kind: StateKind) -> Option<Spread> {
    match kind {
        StateKind::OperatorList => Some(Spread::Even),
        StateKind::OperatorUnion => Some(Spread::Union),
        StateKind::Broadcast => Some(Spread::Broadcast),
        StateKind::Value
        | StateKind::List
        | StateKind::Map
        | StateKind::Reducing
        | StateKind::Aggregating => None,
    }
}

fn of_storage(error: StorageError) -> Failure {
    Failure::because(FailureReason::IoException, whole(&error))
}

fn asynchronous<E: std::error::Error>(error: E) -> Failure {
    not_written(whole(&error))
}

fn not_written(detail: String) -> Failure {
    Failure::because(FailureReason::CheckpointAsyncException, detail)
}

/// Does what blocks.
async fn blocking<T: Send + 'static, E: std::error::Error + Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure> {
    let done = errand::on_thread(name, work).await.map_err(not_written)?;
    done.map_err(asynchronous)
}
