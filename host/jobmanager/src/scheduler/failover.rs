//! Failures: which tasks are stopped, whether and when they start again (semantics §11.5–6).
//!
//! Invariants: a failure stops the regions of the tasks that it has met and no others, unless the job ends;
//! regions start again only when none of their attempts may be running and nothing staged by them is left;
//! whoever does not stop in time is given up, so that a job never hangs on a task.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_graph::{RegionId, Subtask};
use wasmill_types::id::{AttemptId, RegistrationId};
use wasmill_types::{ExecutionState, FailureCause, FailureKind, JobStatus};

use super::tasks::Task;
use super::{Action, Phase, Scheduler, TaskChange, Timer};
use crate::restart::Decision;
use crate::view::ExceptionView;

impl Scheduler {
    /// Whether the job is being stopped for good, or was.
    pub(super) fn is_stopping(&self) -> bool {
        match self.status {
            JobStatus::Failing
            | JobStatus::Failed
            | JobStatus::Cancelling
            | JobStatus::Canceled
            | JobStatus::Finished
            | JobStatus::Suspended => true,
            JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Restarting
            | JobStatus::Reconciling => false,
        }
    }

    pub(super) fn task_changed(&mut self, change: TaskChange) {
        let task = self.tasks.of_attempt(change.attempt);
        let task = task.filter(|task| task.registration() == Some(change.registration));
        let Some(task) = task.filter(|task| !task.state().is_terminal()) else {
            return self.told_late(change);
        };
        task.current.counters = change.counters;
        let was = task.state();
        match change.state {
            ExecutionState::Initializing | ExecutionState::Running => {
                if was.can_become(change.state) {
                    task.turn(change.state, self.now);
                }
            }
            ExecutionState::Finished => {
                if !was.can_become(ExecutionState::Finished) {
                    // What it told before was lost on the way.
                    task.turn(ExecutionState::Running, self.now);
                }
                task.turn(ExecutionState::Finished, self.now);
                task.parts = change.parts;
            }
            ExecutionState::Canceled => {
                task.turn(ExecutionState::Canceled, self.now);
                task.parts = change.parts;
                if was != ExecutionState::Canceling {
                    task.current.failure = change.failure.or_else(|| {
                        let message = "its TaskManager stopped it";
                        Some(FailureCause::new(FailureKind::Consequence, message))
                    });
                    self.failed_together(&[change.attempt]);
                }
            }
            ExecutionState::Failed => {
                let cause = change.failure.unwrap_or_else(|| {
                    FailureCause::new(FailureKind::Host, "it failed without saying why")
                });
                task.fail(cause, self.now);
                task.parts = change.parts;
                self.failed_together(&[change.attempt]);
            }
            // Nothing that a TaskManager decides.
            ExecutionState::Created
            | ExecutionState::Scheduled
            | ExecutionState::Deploying
            | ExecutionState::Canceling
            | ExecutionState::Reconciling => {}
        }
    }

    /// What an attempt has staged that does not count any more is removed; a repeated message is not one.
    fn told_late(&mut self, change: TaskChange) {
        let current = self.tasks.find(change.attempt);
        let is_repeated = current.is_some_and(|task| task.state() == change.state);
        if !is_repeated && !change.parts.is_empty() {
            self.actions.push(Action::Discard {
                parts: change.parts,
                is_awaited: false,
            });
        }
    }

    pub(super) fn task_manager_lost(&mut self, registration: RegistrationId, reason: &str) {
        let had_slots = self.forget_slots(registration);
        let mut failed = Vec::new();
        for task in self.tasks.iter_mut() {
            if task.registration() == Some(registration) && task.is_live() {
                let location = task.current.location.as_ref();
                let name = location.map_or("?", |it| it.task_manager.as_str());
                let message = format!("TaskManager `{name}` is lost: {reason}");
                task.fail(FailureCause::new(FailureKind::Lost, message), self.now);
                failed.push(task.current.id);
            }
        }
        self.failed_together(&failed);
        let is_affected = matches!(self.phase, Phase::Slots | Phase::Preparing);
        if had_slots && is_affected && !self.is_stopping() {
            self.acquire();
        }
    }

    /// Forgets the slots of a TaskManager that is gone; whether there were any.
    pub(super) fn forget_slots(&mut self, registration: RegistrationId) -> bool {
        let mut had_slots = false;
        for grant in &mut self.grants {
            if matches!(grant, Some((slot, _)) if slot.registration == registration) {
                *grant = None;
                had_slots = true;
            }
        }
        had_slots
    }

    /// Attempts have failed, for one reason: the first is told about, the others beside it.
    pub(super) fn failed_together(&mut self, attempts: &[AttemptId]) {
        let tasks = attempts
            .iter()
            .filter_map(|attempt| self.tasks.find(*attempt));
        let mut regions = BTreeSet::new();
        let mut exceptions = Vec::new();
        for task in tasks {
            regions.insert(task.region);
            exceptions.push(self.exception(task));
        }
        let mut exceptions = exceptions.into_iter();
        let Some(first) = exceptions.next() else {
            return;
        };
        self.fail(regions, first);
        if !self.is_stopping() || self.status == JobStatus::Failing {
            exceptions.for_each(|exception| self.history.add(exception));
        }
    }

    /// The regions that were about to start cannot.
    pub(super) fn fail_pending(&mut self, cause: FailureCause) {
        let exception = self.job_exception(cause);
        self.fail(self.pending.clone(), exception);
    }

    /// All regions start again, or the job ends.
    pub(super) fn fail_all(&mut self, cause: FailureCause) {
        let regions = self.execution.regions().iter().map(|region| region.id);
        let regions = regions.collect();
        let exception = self.job_exception(cause);
        self.fail(regions, exception);
    }

    fn fail(&mut self, regions: BTreeSet<RegionId>, exception: ExceptionView) {
        match self.status {
            JobStatus::Failing => self.history.add(exception),
            // The attempt has it.
            JobStatus::Cancelling => {}
            _ if self.is_stopping() => {}
            _ if matches!(self.phase, Phase::Stopping { .. }) => {
                self.history.add(exception);
                self.stop(&regions);
                self.pending.extend(regions);
            }
            _ => {
                self.history.open(exception);
                match self.restart.on_failure(self.now.monotonic) {
                    Decision::After(delay) => {
                        self.restarts += 1;
                        let timer = Timer::Restart(self.restarts);
                        self.actions.push(Action::StartTimer(timer, delay));
                        self.fail_over(regions);
                    }
                    Decision::GiveUp(reason) => {
                        tracing::info!(job_id = %self.description.job, reason, "no restart");
                        self.stop_all(JobStatus::Failing);
                    }
                }
            }
        }
    }

    fn fail_over(&mut self, regions: BTreeSet<RegionId>) {
        self.withdraw();
        if self.status == JobStatus::Running {
            self.turn(JobStatus::Restarting);
        }
        let is_delay_over = false;
        self.phase = Phase::Stopping { is_delay_over };
        self.stop(&regions);
        self.pending.extend(regions);
    }

    /// Ends the job: by a failure, or by its user.
    pub(super) fn stop_all(&mut self, status: JobStatus) {
        self.withdraw();
        self.turn(status);
        for task in self.tasks.iter_mut() {
            let state = task.state();
            if matches!(state, ExecutionState::Created | ExecutionState::Scheduled) {
                task.turn(ExecutionState::Canceled, self.now);
            }
        }
        let all = self.execution.regions().iter().map(|region| region.id);
        self.stop(&all.collect());
    }

    pub(super) fn cancel(&mut self) {
        // Output that is becoming visible cannot be called back: such a job finishes.
        let is_committing = self.phase == Phase::Committing && self.status == JobStatus::Running;
        if !is_committing && self.status.can_become(JobStatus::Cancelling) {
            self.stop_all(JobStatus::Cancelling);
        }
    }

    pub(super) fn suspend(&mut self) {
        if self.status.can_become(JobStatus::Suspended) {
            self.stop_all(JobStatus::Suspended);
            self.actions.push(Action::End);
        }
    }

    /// Asks the attempts of regions that run to stop.
    fn stop(&mut self, regions: &BTreeSet<RegionId>) {
        let mut asked: BTreeMap<RegistrationId, Vec<AttemptId>> = BTreeMap::new();
        for task in self.tasks.iter_mut() {
            let is_running = task.is_live() && task.state() != ExecutionState::Canceling;
            let registration = task.registration().filter(|_| is_running);
            if let Some(registration) = registration
                && regions.contains(&task.region)
            {
                task.turn(ExecutionState::Canceling, self.now);
                asked.entry(registration).or_default().push(task.current.id);
            }
        }
        if asked.is_empty() {
            return;
        }
        let late = self.patience.cancellation;
        self.actions
            .push(Action::StartTimer(Timer::Cancellation, late));
        let cancel = |(registration, attempts)| Action::Cancel {
            registration,
            attempts,
        };
        self.actions.extend(asked.into_iter().map(cancel));
    }

    /// Gives up the attempts that have had their time to stop, with their slots.
    pub(super) fn give_up_late(&mut self) {
        let patience = self.patience.cancellation;
        let now = self.now;
        let mut given_up = Vec::new();
        for task in self.tasks.iter_mut() {
            let since = task.stopping_since();
            if since.is_some_and(|since| now.monotonic.saturating_sub(since) >= patience) {
                let message = format!("it did not stop within {patience:?}; its slot is given up");
                task.fail(FailureCause::new(FailureKind::Host, message), now);
                given_up.push((task.current.id, task.place()));
            }
        }
        for (attempt, place) in given_up {
            for grant in &mut self.grants {
                let slot = grant.as_ref().map(|(slot, _)| *slot);
                if slot.is_some() && slot == place {
                    *grant = None;
                    self.actions.extend(slot.map(Action::GiveUpSlot));
                }
            }
            self.failed_together(&[attempt]);
        }
    }

    /// Starts the stopped regions again once they have stopped, what they staged is gone and the delay is over.
    pub(super) fn restart_when_stopped(&mut self, is_delay_over: bool) {
        let pending = |task: &&Task| self.pending.contains(&task.region);
        let is_running = self.tasks.iter().filter(pending).any(Task::is_live);
        if is_running || self.discards > 0 || self.discard_staged() || !is_delay_over {
            return;
        }
        let mut again: Vec<Subtask> = Vec::new();
        for task in self.tasks.iter_mut() {
            if self.pending.contains(&task.region) {
                task.begin_again(self.now);
                again.push(task.subtask);
            }
        }
        self.is_prepared = false;
        if self.pending.len() < self.execution.regions().len() {
            self.actions.push(Action::TakeBackSplits(again));
        }
        self.acquire();
    }

    fn exception(&self, task: &Task) -> ExceptionView {
        let vertex = self.graph.vertex(task.subtask.vertex);
        let (number, total) = (task.subtask.index + 1, vertex.parallelism);
        let unknown = || FailureCause::new(FailureKind::Host, "it ended without saying why");
        ExceptionView {
            at_ms: self.now.ms,
            cause: task.current.failure.clone().unwrap_or_else(unknown),
            task: Some(format!("{} ({number}/{total})", vertex.name)),
            location: task.current.location.clone(),
            concurrent: Vec::new(),
        }
    }

    /// A failure that is no task's.
    pub(super) fn job_exception(&self, cause: FailureCause) -> ExceptionView {
        ExceptionView {
            at_ms: self.now.ms,
            cause,
            task: None,
            location: None,
            concurrent: Vec::new(),
        }
    }
}
