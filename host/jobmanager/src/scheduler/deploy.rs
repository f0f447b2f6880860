//! From waiting tasks to running ones: slots, preparation, deployment.
//!
//! Invariant: regions are deployed whole, and only with a slot for each of their tasks; while some slots
//! are missing, no slots without running tasks are held, so that jobs cannot wait for each other.

use std::collections::BTreeSet;

use wasmill_rpc::protocol::TaskPlace;
use wasmill_types::id::{AttemptId, RegistrationId};
use wasmill_types::{ExecutionState, FailureCause, FailureKind, JobStatus};

use super::{Action, Deployment, Phase, Scheduler, Share};
use crate::slots::SlotRef;
use crate::view::Location;

impl Scheduler {
    /// Gets the slots that the pending regions need; goes on at once when they are there.
    pub(super) fn acquire(&mut self) {
        self.withdraw();
        self.phase = Phase::Slots;
        for task in self.tasks.iter_mut() {
            let is_pending = self.pending.contains(&task.region);
            if is_pending && task.state() == ExecutionState::Created {
                task.turn(ExecutionState::Scheduled, self.now);
            }
        }
        let pending = |region| self.pending.contains(region);
        let needy = self.tasks.iter().filter(|task| pending(&task.region));
        let needed: BTreeSet<usize> = needy.map(|task| task.slot).collect();
        if needed.iter().all(|slot| self.grants[*slot].is_some()) {
            return self.ready();
        }
        self.return_spare();
        let is_missing = |slot: &usize| self.grants[*slot].is_none();
        self.requested = needed.into_iter().filter(is_missing).collect();
        self.request += 1;
        self.actions.push(Action::RequestSlots {
            request: self.request,
            slots: self.requested.len(),
            held: self.grants.iter().flatten().count(),
            demand: self.demand,
        });
    }

    /// Takes the request back that waits, if one does.
    pub(super) fn withdraw(&mut self) {
        self.waiting_for = None;
        if !std::mem::take(&mut self.requested).is_empty() {
            self.actions.push(Action::WithdrawSlots(self.request));
        }
    }

    /// Gives the slots back in which nothing runs.
    fn return_spare(&mut self) {
        let live = self.tasks.iter().filter(|task| task.is_live());
        let busy: BTreeSet<usize> = live.map(|task| task.slot).collect();
        let grants = self.grants.iter_mut().enumerate();
        let spare = grants.filter(|(slot, _)| !busy.contains(slot));
        let returned: Vec<SlotRef> = spare
            .filter_map(|(_, grant)| grant.take().map(|(slot, _)| slot))
            .collect();
        if !returned.is_empty() {
            self.actions.push(Action::ReturnSlots(returned));
        }
    }

    pub(super) fn granted(&mut self, request: u32, slots: Vec<(SlotRef, Location)>) {
        let is_wanted = self.phase == Phase::Slots
            && request == self.request
            && slots.len() == self.requested.len();
        if !is_wanted || self.is_stopping() {
            let slots = slots.into_iter().map(|(slot, _)| slot).collect();
            return self.actions.push(Action::ReturnSlots(slots));
        }
        self.waiting_for = None;
        for (slot, grant) in std::mem::take(&mut self.requested).into_iter().zip(slots) {
            self.grants[slot] = Some(grant);
        }
        self.ready();
    }

    pub(super) fn missing(&mut self, request: u32, missing: String) {
        if request == self.request && !self.requested.is_empty() {
            self.waiting_for = Some(missing);
        }
    }

    pub(super) fn refused(&mut self, request: u32, missing: String) {
        if request != self.request || self.requested.is_empty() || self.is_stopping() {
            return;
        }
        self.requested.clear();
        self.waiting_for = None;
        let cause = FailureCause::new(FailureKind::Host, missing);
        self.fail_pending(cause);
    }

    /// All slots are there.
    fn ready(&mut self) {
        if self.is_prepared {
            return self.deploy();
        }
        self.phase = Phase::Preparing;
        self.preparation += 1;
        let is_partial = self.pending.len() < self.execution.regions().len();
        let pending = self.tasks.iter();
        let pending = pending.filter(|task| self.pending.contains(&task.region));
        let subtasks = pending.map(|task| task.subtask);
        self.actions.push(Action::Prepare {
            number: self.preparation,
            only: is_partial.then(|| subtasks.collect()),
        });
    }

    /// Whether the preparation of this number is waited for.
    pub(crate) fn awaits(&self, preparation: u32) -> bool {
        self.phase == Phase::Preparing && preparation == self.preparation && !self.is_stopping()
    }

    pub(super) fn prepared(&mut self, number: u32, result: Result<(), FailureCause>) {
        if !self.awaits(number) {
            return;
        }
        match result {
            Ok(()) => {
                self.is_prepared = true;
                self.deploy();
            }
            Err(cause) => self.fail_pending(cause),
        }
    }

    fn deploy(&mut self) {
        if self.status != JobStatus::Running {
            self.turn(JobStatus::Running);
        }
        let mut shares: Vec<Share> = Vec::new();
        let mut places = vec![None; self.tasks.len()];
        for (task, share_of) in self.tasks.iter_mut().zip(&mut places) {
            if !self.pending.contains(&task.region) {
                continue;
            }
            let grant = self.grants[task.slot].clone();
            let (place, location) = grant.expect("slots are there for all tasks that start");
            task.deploy(place, location, self.now);
            let is_its = |share: &Share| share.registration == place.registration;
            let index = shares.iter().position(is_its).unwrap_or_else(|| {
                shares.push(Share {
                    registration: place.registration,
                    tasks: Vec::new(),
                });
                shares.len() - 1
            });
            shares[index].tasks.push(TaskPlace {
                vertex: task.subtask.vertex,
                subtask: task.subtask.index,
                attempt: task.current.id.attempt,
                slot: place.slot,
            });
            // Far fewer TaskManagers than that fit into a cluster.
            *share_of = u16::try_from(index).ok();
        }
        self.pending.clear();
        self.phase = Phase::Running;
        self.run += 1;
        self.actions.push(Action::Deploy(Deployment {
            run: self.run,
            shares,
            places,
        }));
    }

    /// A TaskManager has answered a deployment.
    pub(super) fn deployed(
        &mut self,
        registration: RegistrationId,
        attempts: &[AttemptId],
        result: Result<(), FailureCause>,
    ) {
        match result {
            Ok(()) => self.cancel_stopping(registration, attempts),
            Err(cause) => self.not_deployed(registration, attempts, cause),
        }
    }

    /// The wish to stop may have come there before the tasks did: it is told once more.
    fn cancel_stopping(&mut self, registration: RegistrationId, attempts: &[AttemptId]) {
        let is_stopping = |attempt: &&AttemptId| {
            let task = self.tasks.find(**attempt);
            task.is_some_and(|task| task.state() == ExecutionState::Canceling)
        };
        let attempts: Vec<_> = attempts.iter().filter(is_stopping).copied().collect();
        if !attempts.is_empty() {
            self.actions.push(Action::Cancel {
                registration,
                attempts,
            });
        }
    }

    /// Should the tasks run all the same, the TaskManager hears that they are not wanted when it tells.
    fn not_deployed(
        &mut self,
        registration: RegistrationId,
        attempts: &[AttemptId],
        cause: FailureCause,
    ) {
        let mut failed = Vec::new();
        for attempt in attempts {
            let Some(task) = self.tasks.of_attempt(*attempt) else {
                continue;
            };
            match task.state() {
                ExecutionState::Canceling => task.turn(ExecutionState::Canceled, self.now),
                ExecutionState::Deploying => {
                    task.fail(cause.clone(), self.now);
                    failed.push(*attempt);
                }
                _ => {}
            }
        }
        if cause.kind == FailureKind::Lost {
            self.forget_slots(registration);
        }
        self.failed_together(&failed);
    }
}
