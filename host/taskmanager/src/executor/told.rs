//! What tasks and the link tell, and what of it is passed on.

use std::sync::Arc;
use std::time::Duration;

use wasmill_rpc::CallError;
use wasmill_rpc::protocol::{Acknowledged, JobDescription, NextSplit, PartData, TaskChanged};
use wasmill_task::outcome::{Change, Ended};
use wasmill_types::id::{AttemptId, RegistrationId};
use wasmill_types::{ExecutionState, FailureCause, FailureKind, TaskFailure};

use super::{Executor, Message};
use crate::jobs::Refused;
use crate::reports::{Report, counters, parts};
use crate::splits::SplitReply;
use crate::{endpoints, errand};

impl Executor {
    /// A task has reached a state.
    pub(super) fn changed(&mut self, id: AttemptId, change: Change) {
        let Some(attempt) = self.jobs.attempt(id) else {
            return;
        };
        let (state, failure, staged) = match change {
            Change::Initializing(watched) => {
                attempt.watched = Some(watched);
                (ExecutionState::Initializing, None, Vec::new())
            }
            Change::Running => (ExecutionState::Running, None, Vec::new()),
            Change::EndOfData => return self.at_end(id),
            Change::Ended(ended) => ended_as(ended, attempt.cancel.is_cancelled()),
        };
        if attempt.is_abandoned {
            if state.is_terminal() {
                tracing::info!(attempt = %id, "a task that was given up has ended after all");
                let job = self.jobs.description(id.job);
                self.jobs.end(id, state);
                job.into_iter()
                    .for_each(|job| self.discard(job, staged.clone()));
            }
            return;
        }
        if !attempt.state.can_become(state) {
            // Only of a deployment that failed halfway, whose end was told.
            return;
        }
        if !state.is_terminal() {
            attempt.state = state;
        }
        self.report(id, state, failure, staged);
    }

    /// These attempts did not come to run, at least not all of them.
    pub(super) fn not_deployed(&mut self, attempts: &[AttemptId], refused: &Refused) {
        for &id in attempts {
            let is_over = self
                .jobs
                .attempt(id)
                .is_none_or(|attempt| attempt.is_over());
            if !is_over {
                let cause = FailureCause::new(FailureKind::Host, refused.to_string());
                self.report(id, ExecutionState::Failed, Some(cause), Vec::new());
            }
        }
    }

    /// Gives up the threads whose time is over.
    pub(super) fn abandon(&mut self, now: Duration) {
        let after = self.options.cancel_timeout;
        for id in self.jobs.abandon(now) {
            tracing::error!(attempt = %id, ?after, "a cancelled task does not end, its slot is lost");
            let message = format!(
                "the task did not end within {after:?} of being cancelled; its thread was given up and \
                 its slot on TaskManager `{}` is lost until it ends",
                self.options.id
            );
            let cause = FailureCause::new(FailureKind::Host, message);
            self.queue(id, ExecutionState::Failed, Some(cause), Vec::new(), false);
        }
    }

    /// A task wants a split.
    pub(super) fn next_split(&mut self, id: AttemptId, reply: SplitReply) {
        let leader = self.jobs.attempt(id).map(|attempt| attempt.leader);
        let (Some((job_manager, registration)), Some(leader)) = (&self.job_manager, leader) else {
            return reply.give(Err(Refused::NotRegistered.to_string()));
        };
        let next = NextSplit {
            registration: *registration,
            leader,
            attempt: id,
        };
        let (job_manager, timeout) = (job_manager.clone(), self.options.call_timeout);
        self.errand("next split", async move {
            let answer = job_manager.call(next, timeout).await;
            reply.give(answer.map_err(|error| error.to_string()));
        });
    }

    /// A registration is lost; tasks run on for a while, in case that it is found again soon.
    pub(super) fn lost(&mut self, registration: RegistrationId) {
        let is_current = |(_, current): &(_, RegistrationId)| *current == registration;
        if self.job_manager.as_ref().is_some_and(is_current) {
            self.job_manager = None;
            let now = self.clock.monotonic();
            self.alone_until = Some(now + self.options.registration_timeout);
        }
    }

    /// The JobManager has answered to a change, or has not.
    pub(super) fn answered(&mut self, number: u64, answer: Result<Acknowledged, CallError>) {
        let now = self.clock.monotonic();
        match answer {
            Ok(Acknowledged::Taken) => drop(self.outbox.taken(number)),
            Ok(Acknowledged::Stale) => {
                if let Some(report) = self.outbox.taken(number) {
                    self.jobs.cancel(&[report.changed.attempt], now);
                    self.discard(report.job, report.changed.parts);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a task's state was not told, try again");
                let (options, rng) = (&self.options, &mut self.rng);
                let pause = |failures| options.pause(failures, rng);
                self.outbox.failed(number, now, pause);
            }
        }
    }

    /// Tells the next change, if none is on its way.
    pub(super) fn tell_job_manager(&mut self) {
        let Some((job_manager, _)) = &self.job_manager else {
            return;
        };
        let Some((number, changed)) = self.outbox.tell(self.clock.monotonic()) else {
            return;
        };
        let (job_manager, executor) = (job_manager.clone(), self.site.executor.clone());
        let timeout = self.options.call_timeout;
        self.errand("task changed", async move {
            let answer = job_manager.call(changed, timeout).await;
            // The executor ends only after its errands.
            let _ = executor.send(Message::Answered(number, answer)).await;
        });
    }

    /// Removes what nobody will commit.
    pub(super) fn discard(&mut self, job: Arc<JobDescription>, staged: Vec<PartData>) {
        if staged.is_empty() {
            return;
        }
        let site = Arc::clone(&self.site);
        self.errand("discard", async move {
            let work = move || endpoints::discard(&job, staged, &site.access);
            let discarded = errand::on_thread("discard", work).await;
            if let Err(error) = discarded.map_err(Refused::Failed).flatten() {
                tracing::warn!(%error, "left unfinished output behind");
            }
        });
    }

    /// An attempt has reached a state, which the book and the JobManager have to know.
    fn report(
        &mut self,
        id: AttemptId,
        state: ExecutionState,
        failure: Option<FailureCause>,
        staged: Vec<PartData>,
    ) {
        self.queue(id, state, failure, staged, false);
        if !state.is_terminal() {
            return;
        }
        // What has finished is read by others as long as the job has not been released.
        let runs = self.jobs.runs(id.job);
        self.jobs.end(id, state);
        let useless = match self.jobs.description(id.job) {
            Some(_) => self.jobs.useless_run(id).into_iter().collect(),
            None => runs,
        };
        for run in useless {
            self.site.channels.release(id.job, run);
        }
    }

    /// All operators of a task have finished, and it waits for the last checkpoint.
    fn at_end(&mut self, id: AttemptId) {
        if self
            .jobs
            .attempt(id)
            .is_some_and(|attempt| !attempt.is_over())
        {
            self.queue(id, ExecutionState::Running, None, Vec::new(), true);
        }
    }

    fn queue(
        &mut self,
        id: AttemptId,
        state: ExecutionState,
        failure: Option<FailureCause>,
        staged: Vec<PartData>,
        end_of_data: bool,
    ) {
        let job = self.jobs.description(id.job);
        let (Some(job), Some(attempt)) = (job, self.jobs.attempt(id)) else {
            return;
        };
        let watched = attempt.watched.as_ref();
        let changed = TaskChanged {
            registration: attempt.registration,
            leader: attempt.leader,
            attempt: id,
            state,
            failure,
            parts: staged,
            end_of_data,
            counters: watched
                .map(|task| counters(task, &self.clock))
                .unwrap_or_default(),
        };
        // Without a registration it may be told as soon as one is there again, unless that is another.
        let current = self
            .job_manager
            .as_ref()
            .map(|(_, registration)| *registration);
        let is_wanted = match current {
            Some(current) => current == changed.registration,
            None => self.alone_until.is_some(),
        };
        if is_wanted {
            self.outbox.push(Report { changed, job });
        } else {
            self.discard(job, changed.parts);
        }
    }
}

/// The state of a task that has ended. One that ended early because of another says so, unless it was
/// asked to.
fn ended_as(
    ended: Ended,
    was_asked: bool,
) -> (ExecutionState, Option<FailureCause>, Vec<PartData>) {
    let cause = ended.failure.as_ref().map(FailureCause::from);
    let (state, cause) = match ended.failure {
        None => (ExecutionState::Finished, None),
        Some(TaskFailure::Cancelled) => (ExecutionState::Canceled, cause.filter(|_| !was_asked)),
        Some(_) => (ExecutionState::Failed, cause),
    };
    (state, cause, parts(ended.parts))
}
