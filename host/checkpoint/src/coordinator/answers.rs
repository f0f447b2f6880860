//! What tasks answer to a barrier, in time or too late.
//!
//! Invariant: each file of an answer is kept with its checkpoint or ordered to be deleted, once, however
//! often the answer arrives.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_types::id::AttemptId;

use super::event::Now;
use super::pending::{Garbage, Pending, Step, private_files};
use super::{Action, Coordinator};
use crate::CheckpointId;
use crate::failure::{Failure, FailureReason};
use crate::handles::{AnyFile, FileHandle, TaskSnapshot};
use crate::layout;
use crate::registry::UnknownFile;
use crate::statistics::{SnapshotMetrics, SubtaskRecord};

/// For how many ended checkpoints it is known who has answered. Answers to older ones are left where
/// they are, until the job's directory goes.
const MEMORY: usize = 16;

/// Who has answered to checkpoints that have ended.
#[derive(Debug, Default)]
pub(super) struct Answered {
    by_checkpoint: BTreeMap<CheckpointId, Ended>,
}

#[derive(Debug)]
struct Ended {
    directory: String,
    answered: BTreeSet<AttemptId>,
}

impl Answered {
    /// A checkpoint ended.
    pub(super) fn remember(&mut self, pending: &Pending) {
        let subtasks = pending.snapshots.keys();
        let attempts = subtasks.filter_map(|subtask| pending.plan.running.get(subtask));
        let ended = Ended {
            directory: pending.directory.clone(),
            answered: attempts.copied().collect(),
        };
        self.by_checkpoint.insert(pending.id, ended);
        if self.by_checkpoint.len() > MEMORY {
            self.by_checkpoint.pop_first();
        }
    }

    /// The directory of the checkpoint, if this is the first answer of this attempt to it.
    fn first_answer(&mut self, id: CheckpointId, attempt: AttemptId) -> Option<String> {
        let ended = self.by_checkpoint.get_mut(&id)?;
        let is_first = ended.answered.insert(attempt);
        is_first.then(|| ended.directory.clone())
    }
}

impl Coordinator {
    /// A task has written its state.
    pub(super) fn acknowledged(
        &mut self,
        attempt: AttemptId,
        id: CheckpointId,
        mut snapshot: TaskSnapshot,
        metrics: SnapshotMetrics,
        now: Now,
    ) {
        if attempt.job != self.job {
            return;
        }
        let Some(pending) = self.pending.get(&id) else {
            self.too_late(attempt, id, &snapshot);
            return;
        };
        let Some(subtask) = pending.participant(attempt) else {
            // It was never sent the barrier, so there is nothing of it.
            return;
        };
        if !pending.waits_for(attempt) {
            return;
        }
        if let Err(detail) = self.admit(attempt, id, &mut snapshot) {
            // Taken in before it is given up, so that its files go with those of the others; what did not
            // get into the registry is found here.
            let directory = self.directory_of(id);
            self.delete_unregistered(id, &snapshot, &directory);
            self.take_in(id, attempt, snapshot);
            let failure = Failure::because(FailureReason::CheckpointDeclined, detail);
            self.give_up(id, failure, now);
            return;
        }
        let triggered = pending_trigger(&self.pending, id);
        let record = SubtaskRecord {
            index: subtask.index,
            ack_ms: now.unix_ms,
            duration_ms: u64::try_from(now.unix_ms.saturating_sub(triggered)).unwrap_or(0),
            state_size: snapshot.size(),
            metrics,
        };
        self.statistics.acknowledged(id, subtask.vertex, record);
        self.take_in(id, attempt, snapshot);
        self.advance(id, now);
    }

    /// Checks an answer and registers its shared files.
    fn admit(
        &mut self,
        attempt: AttemptId,
        id: CheckpointId,
        snapshot: &mut TaskSnapshot,
    ) -> Result<(), String> {
        let is_savepoint = self.pending.get(&id).is_some_and(|p| p.kind.is_savepoint());
        let mut seen = BTreeSet::new();
        for part in &mut snapshot.operators {
            let uid = part.operator;
            if !self.topology.has(attempt.vertex, uid) || !seen.insert(uid) {
                return Err(format!(
                    "task {attempt} sent state of operator {uid}, which it does not run"
                ));
            }
            if is_savepoint && part.state.shared_mut().next().is_some() {
                return Err(format!("task {attempt} put shared files into a savepoint"));
            }
        }
        let mut copies = Vec::new();
        let mut unknown: Option<UnknownFile> = None;
        for part in &mut snapshot.operators {
            match self.registry.register(id, &mut part.state) {
                Ok(second) => copies.extend(second),
                Err(error) => {
                    unknown = Some(error);
                    break;
                }
            }
        }
        let directory = self.directory_of(id);
        self.delete_files(&copies, &directory);
        unknown.map_or(Ok(()), |error| Err(error.to_string()))
    }

    fn directory_of(&self, id: CheckpointId) -> String {
        let pending = self.pending.get(&id);
        pending
            .map(|pending| pending.directory.clone())
            .unwrap_or_default()
    }

    /// Deletes fresh shared files that did not make it into the registry.
    fn delete_unregistered(&mut self, id: CheckpointId, snapshot: &TaskSnapshot, directory: &str) {
        let states = snapshot.operators.iter().map(|part| &part.state);
        let mut fresh = Vec::new();
        for file in states.flat_map(|state| state.files()) {
            if let AnyFile::Shared(file) = file
                && file.uploaded_for == id
                && !self.registry.has(file)
            {
                fresh.push(file.handle.clone());
            }
        }
        self.delete_files(&fresh, directory);
    }

    fn take_in(&mut self, id: CheckpointId, attempt: AttemptId, snapshot: TaskSnapshot) {
        if let Some(pending) = self.pending.get_mut(&id)
            && let Some(subtask) = pending.participant(attempt)
        {
            pending.snapshots.insert(subtask, snapshot);
        }
    }

    /// An answer to a checkpoint that has ended: its files are deleted, unless they came before
    /// (semantics §7.17).
    fn too_late(&mut self, attempt: AttemptId, id: CheckpointId, snapshot: &TaskSnapshot) {
        let Some(directory) = self.answered.first_answer(id, attempt) else {
            return;
        };
        let states = snapshot.operators.iter().map(|part| &part.state);
        let files = private_files(states, &directory);
        self.clean_up(Garbage {
            files,
            directory: None,
        });
        self.delete_unregistered(id, snapshot, &directory);
    }

    fn delete_files(&mut self, handles: &[FileHandle], directory: &str) {
        let files = handles.iter().filter_map(|handle| handle.url(directory));
        let files = files.collect();
        self.clean_up(Garbage {
            files,
            directory: None,
        });
    }

    /// A task could not write its state, or could not be reached.
    pub(super) fn declined(
        &mut self,
        attempt: AttemptId,
        id: CheckpointId,
        failure: Failure,
        now: Now,
    ) {
        let pending = self.pending.get(&id);
        if pending.is_some_and(|pending| pending.waits_for(attempt)) {
            self.give_up_by_task(id, failure, now);
        }
    }

    /// Gives a checkpoint up because of what a task said.
    fn give_up_by_task(&mut self, id: CheckpointId, failure: Failure, now: Now) {
        let savepoint = self.pending.get(&id).filter(|p| p.kind.is_savepoint());
        let counts = savepoint.is_some() && failure.reason.counts();
        let exceeded = counts && self.failures.failed(id, failure.reason);
        self.give_up(id, failure, now);
        if exceeded
            && !self
                .actions
                .iter()
                .any(|action| matches!(action, Action::FailJob { .. }))
        {
            self.fail_job(super::failures::EXCEEDED.to_owned());
        }
    }

    /// Gives a checkpoint up: files, tasks, who asked, and how much the job bears.
    pub(super) fn give_up(&mut self, id: CheckpointId, failure: Failure, now: Now) {
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        self.statistics.failed(id, now.unix_ms, &failure);
        self.answered.remember(&pending);
        self.actions.push(Action::NotifyAborted {
            tasks: pending.plan.running.values().copied().collect(),
            checkpoint: id,
            latest_completed: self.store.latest().map(|latest| latest.id()),
        });
        let mut files = pending.private_files();
        let shared = self.registry.release(id);
        files.extend(
            shared
                .iter()
                .filter_map(|handle| handle.url(&pending.directory)),
        );
        let garbage = Garbage {
            files,
            directory: Some(pending.directory.clone()),
        };
        if matches!(pending.step, Step::Metadata(_)) {
            // The metadata may appear at any moment until its writer answers.
            self.orphans.insert(id, garbage);
        } else {
            self.clean_up(garbage);
        }
        if self.tasks.all_at_end() && self.next_periodic.is_some() {
            let retry = now.monotonic + super::FINAL_RETRY;
            self.next_periodic = self.next_periodic.min(Some(retry));
        }
        self.answer(pending.request, Err(failure.clone()));
        self.stop_gave_up(id, &failure);
        if !pending.kind.is_savepoint() && self.failures.failed(id, failure.reason) {
            self.fail_job(super::failures::EXCEEDED.to_owned());
        }
    }

    /// Gives up everything that is under way or waits.
    pub(super) fn give_up_all(&mut self, reason: FailureReason, now: Now) {
        let ids: Vec<_> = self.pending.keys().copied().collect();
        for id in ids {
            self.give_up(id, Failure::new(reason), now);
        }
        for cause in self.queue.clear() {
            if let super::Cause::Asked(request) = cause {
                self.refuse(&request, Failure::new(reason));
            }
        }
    }

    pub(super) fn fail_job(&mut self, message: String) {
        self.actions.push(Action::FailJob { message });
    }
}

fn pending_trigger(pending: &BTreeMap<CheckpointId, Pending>, id: CheckpointId) -> i64 {
    pending
        .get(&id)
        .map_or(0, |pending| pending.triggered.unix_ms)
}

/// The directory that goes with all of the job's checkpoints.
pub(super) fn whole(directory: &layout::JobDirectory) -> Garbage {
    Garbage {
        files: Vec::new(),
        directory: Some(directory.path().to_owned()),
    }
}
