//! When a job's checkpoints are taken and what becomes of them: a state machine without effects.
//!
//! The JobMaster's driver calls [`Coordinator::handle`] with everything that happens and carries out the
//! actions. A checkpoint's way is in these files: `queue` (which wish is next), `topology` (who takes
//! part), `triggering` (what is sent), `pending` (who has answered), `answers` (acknowledged, declined, too late), `completion`
//! (metadata, older ones subsumed), `store` (what is kept), `failures` (how many are borne), `stopping`
//! (the job ends with a savepoint). Invariants: ids only grow; as many are under way as allowed, forced
//! savepoints aside; each file that a task handed over belongs to a pending or completed checkpoint or was
//! ordered to be deleted, once; no file is deleted that a completed checkpoint refers to.

mod answers;
mod completion;
mod event;
mod failures;
mod pending;
mod queue;
mod stopping;
mod store;
mod topology;
mod triggering;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::Rng;
use wasmill_types::id::{AttemptId, JobId, TenantId};
use wasmill_types::status::ExecutionState;

use crate::failure::{Failure, FailureReason};
use crate::handles::{FileHandle, Place};
use crate::layout;
use crate::options::Options;
use crate::registry::Registry;
use crate::statistics::{Restored, Statistics};
use crate::{CheckpointId, RequestId};

use answers::Answered;
use failures::Failures;
use pending::{Garbage, Pending};
use queue::{Cause, Decision, Load, Queue};
use stopping::Stopping;
use store::Store;
use topology::Tasks;

pub use event::{Action, Answer, CleanupId, Event, Now, Request, Wanted};
pub use store::{ClaimMode, Completed};
pub use topology::Topology;

/// How soon the final checkpoint is tried again after one failed.
const FINAL_RETRY: Duration = Duration::from_secs(1);

/// Takes a job's checkpoints.
#[derive(Debug)]
pub struct Coordinator {
    tenant: TenantId,
    job: JobId,
    options: Options,
    topology: Topology,
    rng: Rng,
    phase: Phase,
    tasks: Tasks,
    queue: Queue,
    pending: BTreeMap<CheckpointId, Pending>,
    answered: Answered,
    store: Store,
    registry: Registry,
    failures: Failures,
    statistics: Statistics,
    stopping: Option<Stopping>,
    next_id: CheckpointId,
    /// When the interval is over.
    next_periodic: Option<Duration>,
    last_completion: Option<Duration>,
    backlog: bool,
    /// Whether the next checkpoint refers to no earlier file.
    full_next: bool,
    /// What to delete of checkpoints whose metadata is still being written.
    orphans: BTreeMap<CheckpointId, Garbage>,
    cleaning: BTreeSet<CleanupId>,
    next_cleanup: u64,
    /// What the current event makes happen.
    actions: Vec<Action>,
}

/// Whether checkpoints are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The job is not running.
    Suspended,
    /// The job is running.
    Running,
    /// The job has ended.
    Ended,
}

impl Coordinator {
    /// A coordinator of a job that is not yet running. `rng` names the directories of savepoints.
    pub fn new(
        (tenant, job): (TenantId, JobId),
        topology: Topology,
        options: Options,
        rng: Rng,
    ) -> Self {
        Self {
            tenant,
            job,
            phase: Phase::Suspended,
            tasks: Tasks::new(job, &topology),
            queue: Queue::new(!options.unaligned),
            pending: BTreeMap::new(),
            answered: Answered::default(),
            store: Store::new(options.retained),
            registry: Registry::default(),
            failures: Failures::new(options.tolerable_failures),
            statistics: Statistics::new(options.history),
            stopping: None,
            next_id: CheckpointId::FIRST,
            next_periodic: None,
            last_completion: None,
            backlog: false,
            full_next: false,
            orphans: BTreeMap::new(),
            cleaning: BTreeSet::new(),
            next_cleanup: 0,
            actions: Vec::new(),
            options,
            topology,
            rng,
        }
    }

    /// Takes an event in and says what is to be done about it, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        match event {
            Event::Started => self.start(now),
            Event::Suspended(reason) => self.suspend(reason, now),
            Event::Ended(status) => self.end(status, now),
            Event::Task { attempt, state } => self.task_changed(attempt, state, now),
            Event::EndOfData(attempt) => self.end_of_data(attempt),
            Event::Tick => {}
            Event::Requested(request) => self.requested(request, now),
            Event::Acknowledged {
                attempt,
                checkpoint,
                snapshot,
                metrics,
            } => self.acknowledged(attempt, checkpoint, *snapshot, metrics, now),
            Event::Declined {
                attempt,
                checkpoint,
                failure,
            } => self.declined(attempt, checkpoint, failure, now),
            Event::SourcesSnapshotted { checkpoint, states } => {
                self.sources_snapshotted(checkpoint, states, now);
            }
            Event::MetadataWritten { checkpoint, result } => {
                self.metadata_written(checkpoint, result, now);
            }
            Event::CleanedUp(cleanup) => {
                self.cleaning.remove(&cleanup);
            }
            Event::Backlog(backlog) => self.set_backlog(backlog, now),
        }
        self.expire(now);
        self.run_timer(now);
        self.start_next(now);
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let deadlines = self.pending.values().filter_map(Pending::deadline);
        let periodic = self.next_periodic.filter(|_| self.takes_periodic());
        deadlines.chain(periodic).min()
    }

    /// The statistics.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The checkpoint from which the job would be restored.
    pub fn latest(&self) -> Option<&Completed> {
        self.store.latest()
    }

    /// The completed checkpoints that are kept, oldest first.
    pub fn completed(&self) -> impl Iterator<Item = &Completed> {
        self.store.iter()
    }

    /// Starts from a snapshot that a user named; called before the job starts, then
    /// [`Self::restored_latest`] as its tasks do. Ids go on after it (semantics §8.10).
    pub fn start_from(&mut self, snapshot: Completed, mode: ClaimMode) {
        let owned = mode == ClaimMode::Claim;
        self.full_next = mode == ClaimMode::NoClaim;
        self.adopt(snapshot, owned, |_| owned);
    }

    /// Goes on from a checkpoint that an earlier JobMaster of this job completed; called before the job
    /// starts, oldest first; then [`Self::restored_latest`]. Files outside of the job's directory are not
    /// the job's to delete: the checkpoint may refer to those of a snapshot that only was read.
    pub fn recover(&mut self, checkpoint: Completed) {
        let directory = self.job_directory();
        let inside = |file: &FileHandle| {
            let Place::Elsewhere(url) = &file.place else {
                return true;
            };
            directory
                .as_ref()
                .is_some_and(|job| layout::is_below(url, job.path()))
        };
        self.adopt(checkpoint, true, inside);
    }

    fn adopt(&mut self, mut snapshot: Completed, owned: bool, owns: impl Fn(&FileHandle) -> bool) {
        let id = snapshot.id();
        let metadata = Arc::make_mut(&mut snapshot.metadata);
        metadata.make_absolute(&snapshot.location);
        for state in metadata.subtasks_mut() {
            self.registry.restore(id, state, &owns);
        }
        self.next_id = self.next_id.max(id.next());
        snapshot.owned = owned;
        // The job has not started, so the clean-up comes with its first event.
        for old in self.store.add(snapshot) {
            self.discard_completed(old);
        }
    }

    /// Notes that the job, or a part of it, is restored from [`Self::latest`].
    pub fn restored_latest(&mut self, now: Now) {
        let restored = self.store.latest().map(|latest| Restored {
            id: latest.id(),
            restored_ms: now.unix_ms,
            is_savepoint: latest.metadata.kind.is_savepoint(),
            external_path: Some(latest.location.clone()),
        });
        if let Some(restored) = restored {
            self.statistics.restored_from(restored);
        }
    }

    fn start(&mut self, now: Now) {
        if self.phase != Phase::Suspended {
            return;
        }
        self.phase = Phase::Running;
        self.next_periodic = self.options.period(self.backlog).map(|period| {
            // Spread, so that many jobs that start together do not write together for ever.
            let least = self.options.min_pause.min(period);
            let spread = u64::try_from((period - least).as_millis()).unwrap_or(u64::MAX);
            let extra = self.rng.below(spread.saturating_add(1));
            now.monotonic + least + Duration::from_millis(extra)
        });
    }

    fn suspend(&mut self, reason: FailureReason, now: Now) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Suspended;
        self.give_up_all(reason, now);
        self.stop_failed_with_the_job();
    }

    fn set_backlog(&mut self, backlog: bool, now: Now) {
        if self.backlog == backlog {
            return;
        }
        self.backlog = backlog;
        let period = self.options.period(backlog);
        self.next_periodic = period.map(|period| now.monotonic + period);
    }

    fn task_changed(&mut self, attempt: AttemptId, state: ExecutionState, now: Now) {
        if !self.tasks.changed(attempt, state) {
            return;
        }
        let reason = match state {
            ExecutionState::Failed | ExecutionState::Canceled | ExecutionState::Canceling => {
                FailureReason::TaskFailure
            }
            ExecutionState::Finished => FailureReason::CheckpointDeclinedTaskClosing,
            ExecutionState::Created
            | ExecutionState::Scheduled
            | ExecutionState::Deploying
            | ExecutionState::Running
            | ExecutionState::Reconciling
            | ExecutionState::Initializing => return,
        };
        let waiting = |pending: &&Pending| pending.waits_for(attempt);
        let affected: Vec<_> = self
            .pending
            .values()
            .filter(waiting)
            .map(|p| p.id)
            .collect();
        for id in affected {
            self.give_up(
                id,
                Failure::because(reason, format!("task {attempt} is {state}")),
                now,
            );
        }
        self.stop_sees_task(attempt, state);
    }

    fn end_of_data(&mut self, attempt: AttemptId) {
        let enabled = self.options.after_tasks_finish && self.options.interval.is_some();
        if self.tasks.end_of_data(attempt) && enabled && self.phase == Phase::Running {
            self.enqueue(Cause::Final);
        }
    }

    fn requested(&mut self, request: Request, now: Now) {
        if self.phase == Phase::Ended {
            let reason = FailureReason::CheckpointCoordinatorShutdown;
            self.answer(Some(request.id), Err(Failure::new(reason)));
            return;
        }
        if matches!(request.wanted, Wanted::Stop { .. }) && !self.begin_stop(&request, now) {
            return;
        }
        self.enqueue(Cause::Asked(request));
    }

    fn enqueue(&mut self, cause: Cause) {
        if let Some(Cause::Asked(dropped)) = self.queue.add(cause) {
            self.refuse(&dropped, Failure::new(queue::DROPPED));
        }
    }

    fn takes_periodic(&self) -> bool {
        self.phase == Phase::Running && self.stopping.is_none()
    }

    fn run_timer(&mut self, now: Now) {
        let due = self.next_periodic.is_some_and(|due| now.monotonic >= due);
        if !due || !self.takes_periodic() {
            return;
        }
        let period = self.options.period(self.backlog);
        self.next_periodic = period.map(|period| now.monotonic + period);
        self.enqueue(Cause::Periodic);
    }

    fn expire(&mut self, now: Now) {
        let expired = |pending: &&Pending| {
            let deadline = pending.deadline();
            deadline.is_some_and(|deadline| now.monotonic >= deadline)
        };
        let ids: Vec<_> = self
            .pending
            .values()
            .filter(expired)
            .map(|p| p.id)
            .collect();
        for id in ids {
            self.give_up(id, Failure::new(FailureReason::CheckpointExpired), now);
        }
    }

    /// Starts what may start now. Each round starts, refuses or drops one wish, so it ends.
    fn start_next(&mut self, now: Now) {
        while self.phase == Phase::Running {
            let pause = self.options.min_pause;
            let load = Load {
                pending: self.pending.len(),
                cleaning: self.cleaning.len(),
                max_concurrent: self.options.max_concurrent.get() as usize,
                pause_until: self
                    .last_completion
                    .map_or(Duration::ZERO, |last| last + pause),
                now: now.monotonic,
            };
            match self.queue.next(load) {
                Decision::Wait => return,
                Decision::Reschedule(at) => self.next_periodic = Some(at),
                Decision::Start(cause) => self.try_start(cause, now),
            }
        }
    }

    fn answer(&mut self, request: Option<RequestId>, result: Result<Answer, Failure>) {
        if let Some(request) = request {
            self.actions.push(Action::Answer { request, result });
        }
    }

    /// Orders files to be deleted; those of a whole checkpoint count as being cleaned up.
    fn clean_up(&mut self, garbage: Garbage) {
        if garbage.files.is_empty() && garbage.directory.is_none() {
            return;
        }
        let cleanup = CleanupId(self.next_cleanup);
        self.next_cleanup += 1;
        if garbage.directory.is_some() {
            self.cleaning.insert(cleanup);
        }
        self.actions.push(Action::CleanUp {
            cleanup,
            files: garbage.files,
            directory: garbage.directory,
        });
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
