//! From the last acknowledgement to a completed checkpoint, and its end (semantics §7.16, §7.22).
//!
//! Invariant: what a checkpoint refers to is registered until it is discarded, so a file that two refer to
//! outlives the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_graph::{OperatorUid, Vertex};
use wasmill_types::status::JobStatus;

use super::answers::whole;
use super::event::Now;
use super::pending::{Garbage, Pending, Step, private_files};
use super::store::Completed;
use super::{Action, Answer, Coordinator, Phase};
use crate::barrier::SnapshotKind;
use crate::failure::{Failure, FailureReason};
use crate::metadata::OperatorSnapshot;
use crate::{CheckpointId, Metadata};

impl Coordinator {
    /// Goes on with a checkpoint to which all have answered.
    pub(super) fn advance(&mut self, id: CheckpointId, now: Now) {
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        if !pending.is_acknowledged() || !matches!(pending.step, Step::Acknowledgements) {
            return;
        }
        pending.step = Step::Sources;
        if self.topology.has_sources() {
            self.actions
                .push(Action::SnapshotSources { checkpoint: id });
        } else {
            self.sources_snapshotted(id, BTreeMap::new(), now);
        }
    }

    /// Everything is there: makes the metadata.
    pub(super) fn sources_snapshotted(
        &mut self,
        id: CheckpointId,
        sources: BTreeMap<OperatorUid, Vec<u8>>,
        now: Now,
    ) {
        let pending = self.pending.get(&id);
        let Some(pending) = pending.filter(|p| matches!(p.step, Step::Sources)) else {
            return;
        };
        let operators = match self.operators_of(pending, sources) {
            Ok(operators) => operators,
            Err(detail) => {
                let reason = FailureReason::CheckpointDeclinedTaskClosing;
                self.give_up(id, Failure::because(reason, detail), now);
                return;
            }
        };
        let metadata = Arc::new(Metadata {
            job: self.job,
            checkpoint: id,
            kind: pending.kind,
            triggered_ms: pending.triggered.unix_ms,
            self_contained: pending.kind.is_savepoint(),
            operators,
            tenant: self.tenant.clone(),
        });
        let directory = pending.directory.clone();
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.step = Step::Metadata(Arc::clone(&metadata));
        }
        self.actions.push(Action::WriteMetadata {
            checkpoint: id,
            directory,
            metadata,
        });
    }

    fn operators_of(
        &self,
        pending: &Pending,
        mut sources: BTreeMap<OperatorUid, Vec<u8>>,
    ) -> Result<Vec<OperatorSnapshot>, String> {
        let mut all = Vec::new();
        for vertex in self.topology.vertices() {
            for (mut operator, has_union) in self.topology.operators(vertex) {
                fill(&mut operator, vertex, pending);
                operator.coordinator = sources.remove(&operator.uid);
                let finished = operator.finished.len();
                if has_union && finished > 0 && !operator.is_finished() {
                    return Err(format!(
                        "`{}` keeps union lists, and {finished} of its {} subtasks have finished; \
                         such an operator is checkpointed when none or all have",
                        operator.name, operator.parallelism
                    ));
                }
                all.push(operator);
            }
        }
        Ok(all)
    }

    /// The metadata is there, or not.
    pub(super) fn metadata_written(
        &mut self,
        id: CheckpointId,
        result: Result<u64, String>,
        now: Now,
    ) {
        if let Some(garbage) = self.orphans.remove(&id) {
            self.clean_up(garbage);
            return;
        }
        if let Err(detail) = result {
            let in_time = self.pending.get_mut(&id);
            let Some(pending) = in_time.filter(|p| matches!(p.step, Step::Metadata(_))) else {
                return;
            };
            // The writer has answered: nothing appears any more.
            pending.step = Step::Sources;
            let reason = FailureReason::FinalizeCheckpointFailure;
            self.give_up(id, Failure::because(reason, detail), now);
            return;
        }
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        match &pending.step {
            Step::Metadata(metadata) => {
                let metadata = Arc::clone(metadata);
                self.completed_now(&pending, metadata, now);
            }
            Step::Acknowledgements | Step::Sources => {
                self.pending.insert(id, pending);
            }
        }
    }

    fn completed_now(&mut self, pending: &Pending, metadata: Arc<Metadata>, now: Now) {
        let id = pending.id;
        let path = pending.directory.clone();
        self.statistics.completed(id, now.unix_ms, path.clone());
        self.failures.succeeded(id);
        self.answered.remember(pending);
        let answer = Answer {
            checkpoint: id,
            location: path,
        };
        if let SnapshotKind::Savepoint(_) = pending.kind {
            // A user's savepoint commits nothing and is not used for recovery.
            self.answer(pending.request, Ok(answer));
            return;
        }
        let is_stop = pending.kind.is_savepoint();
        let completed = Completed {
            location: answer.location.clone(),
            metadata,
            owned: !is_stop,
        };
        self.full_next &= is_stop;
        self.last_completion = Some(now.monotonic);
        let subsumed = self.store.add(completed);
        subsumed
            .into_iter()
            .for_each(|old| self.discard_completed(old));
        self.subsume_pending(id, now);
        self.actions.push(Action::NotifyComplete {
            tasks: self.tasks.running(),
            checkpoint: id,
        });
        if is_stop {
            self.stop_completed(answer);
        } else {
            self.answer(pending.request, Ok(answer));
        }
    }

    /// Gives up older checkpoints that are under way; savepoints have their own users and go on.
    fn subsume_pending(&mut self, id: CheckpointId, now: Now) {
        let older = self.pending.range(..id);
        let older = older.filter(|(_, pending)| !pending.kind.is_savepoint());
        let ids: Vec<_> = older.map(|(id, _)| *id).collect();
        for id in ids {
            self.give_up(id, Failure::new(FailureReason::CheckpointSubsumed), now);
        }
    }

    /// Deletes a completed checkpoint, as far as nothing else refers to it and the job owns it.
    pub(super) fn discard_completed(&mut self, old: Completed) {
        let id = old.id();
        let shared = self.registry.release(id);
        let mut files: Vec<_> = shared
            .iter()
            .filter_map(|handle| handle.url(&old.location))
            .collect();
        if !old.owned {
            self.clean_up(Garbage {
                files,
                directory: None,
            });
            return;
        }
        let operators = old.metadata.operators.iter();
        let states = operators.flat_map(|operator| operator.subtasks.values());
        files.extend(private_files(states, &old.location));
        self.statistics.discarded(id);
        self.clean_up(Garbage {
            files,
            directory: Some(old.location),
        });
    }

    /// The job has ended: what is kept depends on how (semantics §7.22).
    pub(super) fn end(&mut self, status: JobStatus, now: Now) {
        if self.phase == Phase::Ended {
            return;
        }
        self.phase = Phase::Ended;
        self.stop_ended(status);
        self.give_up_all(FailureReason::CheckpointCoordinatorShutdown, now);
        if self.options.retention.keeps(status) {
            return;
        }
        for old in self.store.clear() {
            self.discard_completed(old);
        }
        if let Some(directory) = self.job_directory() {
            self.clean_up(whole(&directory));
        }
    }
}

/// Puts what the tasks answered into an operator's part of the metadata.
fn fill(operator: &mut OperatorSnapshot, vertex: &Vertex, pending: &Pending) {
    let gone = pending.plan.finished.iter();
    let gone = gone.filter(|subtask| subtask.vertex == vertex.id);
    operator.finished.extend(gone.map(|subtask| subtask.index));
    for (subtask, snapshot) in &pending.snapshots {
        if subtask.vertex != vertex.id {
            continue;
        }
        if snapshot.operators_finished {
            operator.finished.insert(subtask.index);
        }
        let mut parts = snapshot.operators.iter();
        if let Some(part) = parts.find(|part| part.operator == operator.uid)
            && !part.state.is_empty()
        {
            operator.subtasks.insert(subtask.index, part.state.clone());
        }
    }
}
