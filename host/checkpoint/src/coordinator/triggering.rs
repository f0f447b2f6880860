//! A wish becomes a checkpoint: what it is, where it goes, and the barrier that is sent.
//!
//! Invariant: an id is used once, also by a checkpoint that fails at once.

use super::Coordinator;
use super::event::{Action, Now, Wanted};
use super::pending::Pending;
use super::queue::Cause;
use super::topology::Plan;
use crate::barrier::{Alignment, Barrier, SnapshotKind};
use crate::failure::{Failure, FailureReason};
use crate::layout::{self, JobDirectory};
use crate::options::Mode;
use crate::statistics::CheckpointRecord;

impl Coordinator {
    pub(super) fn try_start(&mut self, cause: Cause, now: Now) {
        let after_finish = self.options.after_tasks_finish;
        let plan = self
            .tasks
            .plan(&self.topology, after_finish)
            .map_err(|why| Failure::because(FailureReason::NotAllRequiredTasksRunning, why));
        let started = plan.and_then(|plan| {
            let place = self.place(&cause)?;
            self.trigger(&cause, plan, place, now);
            Ok(())
        });
        if let Err(failure) = started {
            self.statistics.rejected();
            if let Cause::Asked(request) = cause {
                self.refuse(&request, failure);
            }
        }
    }

    /// What is taken, where, and whether in full.
    fn place(&mut self, cause: &Cause) -> Result<(SnapshotKind, String, bool), Failure> {
        let (kind, target) = match cause {
            Cause::Asked(request) => match &request.wanted {
                Wanted::Checkpoint { full } => return self.checkpoint_place(*full),
                Wanted::Savepoint { target, format } => (SnapshotKind::Savepoint(*format), target),
                Wanted::Stop {
                    target,
                    format,
                    drain,
                } => (
                    SnapshotKind::Stop {
                        format: *format,
                        drain: *drain,
                    },
                    target,
                ),
            },
            Cause::Periodic | Cause::Final => return self.checkpoint_place(false),
        };
        let target = target
            .as_ref()
            .or(self.options.savepoint_directory.as_ref());
        let target = target.ok_or_else(|| no_place("savepoint-dir"))?;
        Ok((
            kind,
            layout::savepoint(target, self.job, self.rng.next_u64()),
            true,
        ))
    }

    fn checkpoint_place(&self, full: bool) -> Result<(SnapshotKind, String, bool), Failure> {
        let job = self.job_directory().ok_or_else(|| no_place("dir"))?;
        let directory = job.checkpoint(self.next_id);
        Ok((SnapshotKind::Checkpoint, directory, full || self.full_next))
    }

    fn trigger(
        &mut self,
        cause: &Cause,
        plan: Plan,
        place: (SnapshotKind, String, bool),
        now: Now,
    ) {
        let (kind, directory, full) = place;
        let id = self.next_id;
        self.next_id = id.next();
        let request = match cause {
            Cause::Asked(request) => Some(request.id),
            Cause::Periodic | Cause::Final => None,
        };
        let barrier = Barrier {
            checkpoint: id,
            triggered_ms: now.unix_ms,
            alignment: self.alignment(kind),
            kind,
            shared: self
                .job_directory()
                .filter(|_| !kind.is_savepoint())
                .map(|job| job.shared()),
            directory: directory.clone(),
            full,
        };
        let vertices = self.topology.vertices().iter().map(|vertex| {
            let subtasks = plan.running.keys();
            let participants = subtasks
                .filter(|subtask| subtask.vertex == vertex.id)
                .count();
            (vertex.id, vertex.parallelism, participants as u32)
        });
        let record = CheckpointRecord::new(id, kind, now.unix_ms, vertices);
        self.statistics.triggered(record);
        self.actions.push(Action::Trigger {
            tasks: plan.starts.clone(),
            barrier,
        });
        let deadline = now.monotonic.saturating_add(self.options.timeout);
        let pending = Pending::new(id, kind, request, directory, plan, (now, deadline));
        self.pending.insert(id, pending);
        self.stop_triggered(id, kind);
    }

    pub(super) fn alignment(&self, kind: SnapshotKind) -> Alignment {
        let timeout = self.options.aligned_timeout;
        match self.options.mode {
            Mode::AtLeastOnce => Alignment::AtLeastOnce,
            Mode::ExactlyOnce if kind.is_savepoint() || !self.options.unaligned => {
                Alignment::Aligned
            }
            Mode::ExactlyOnce if timeout.is_zero() => Alignment::Unaligned,
            Mode::ExactlyOnce => Alignment::AlignedFor(timeout),
        }
    }

    pub(super) fn job_directory(&self) -> Option<JobDirectory> {
        let directory = self.options.directory.as_ref();
        directory.map(|directory| JobDirectory::new(directory, self.job))
    }
}

fn no_place(key: &str) -> Failure {
    let detail = format!("no directory for it is known; set `execution.checkpointing.{key}`");
    Failure::because(FailureReason::TriggerCheckpointFailure, detail)
}
