//! The end of a job: output becomes visible, or is removed.
//!
//! Invariants: a commit is tried a bounded number of times, and all sinks are tried (semantics §10.8);
//! when one fails the job fails, says what is visible and what is not, and removes the rest.

use std::collections::BTreeMap;

use wasmill_rpc::protocol::PartData;
use wasmill_types::id::OperatorId;
use wasmill_types::{ExecutionState, FailureCause, FailureKind, JobStatus};

use super::{Action, Phase, Scheduler, Timer};

/// The sinks whose output is being made visible.
#[derive(Debug, Default)]
pub(super) struct Committing {
    sinks: BTreeMap<OperatorId, SinkCommit>,
    /// Whether the job fails because of one.
    has_failed: bool,
}

#[derive(Debug)]
struct SinkCommit {
    parts: Vec<PartData>,
    tries: u32,
    result: Option<Result<(), String>>,
}

impl Scheduler {
    pub(super) fn commit_when_finished(&mut self) {
        let is_finished = |state| state == ExecutionState::Finished;
        if !self.tasks.iter().all(|task| is_finished(task.state())) {
            return;
        }
        self.phase = Phase::Committing;
        for task in self.tasks.iter_mut() {
            for part in task.parts.drain(..) {
                let commit = self.commits.sinks.entry(part.sink);
                let commit = commit.or_insert_with(|| SinkCommit {
                    parts: Vec::new(),
                    tries: 1,
                    result: None,
                });
                commit.parts.push(part);
            }
        }
        for (sink, commit) in &self.commits.sinks {
            self.actions.push(Action::Commit {
                sink: *sink,
                parts: commit.parts.clone(),
            });
        }
        self.finish_when_committed();
    }

    pub(super) fn committed(&mut self, sink: OperatorId, result: Result<(), String>) {
        if self.phase != Phase::Committing || self.is_stopping() {
            return;
        }
        let Some(commit) = self.commits.sinks.get_mut(&sink) else {
            return;
        };
        if result.is_err() && commit.tries < self.patience.commit_tries {
            let doublings = commit.tries - 1;
            let delay = self.patience.commit_delay * 2_u32.saturating_pow(doublings);
            commit.tries += 1;
            return self
                .actions
                .push(Action::StartTimer(Timer::Commit(sink), delay));
        }
        commit.result = Some(result);
        self.finish_when_committed();
    }

    pub(super) fn commit_again(&mut self, sink: OperatorId) {
        let is_committing = self.phase == Phase::Committing && !self.is_stopping();
        let commit = self.commits.sinks.get(&sink).filter(|_| is_committing);
        self.actions.extend(commit.map(|commit| Action::Commit {
            sink,
            parts: commit.parts.clone(),
        }));
    }

    fn finish_when_committed(&mut self) {
        if self
            .commits
            .sinks
            .values()
            .any(|commit| commit.result.is_none())
        {
            return;
        }
        let name = |id: &OperatorId| format!("`{}`", self.graph.operator(*id).name);
        let mut visible = Vec::new();
        let mut failures = Vec::new();
        for (id, commit) in &mut self.commits.sinks {
            match &commit.result {
                Some(Err(error)) => failures.push(format!(
                    "the output of {} was not made visible: {error}",
                    name(id)
                )),
                _ => {
                    commit.parts.clear();
                    visible.push(name(id));
                }
            }
        }
        if failures.is_empty() {
            return self.end(JobStatus::Finished);
        }
        let mut message = failures.join("; ");
        match visible.is_empty() {
            true => message.push_str("; nothing is visible"),
            false => message.push_str(&format!(
                "; visible is the output of {}",
                visible.join(", ")
            )),
        }
        let cause = FailureCause::new(FailureKind::Host, message);
        let exception = self.job_exception(cause);
        self.history.open(exception);
        self.commits.has_failed = true;
        self.stop_all(JobStatus::Failing);
    }

    /// Begins to remove what is staged and will not be committed: that of the pending regions, or of a job
    /// that ends all. Whether there is any.
    pub(super) fn discard_staged(&mut self) -> bool {
        let is_ending = self.is_stopping();
        let mut parts = Vec::new();
        for task in self.tasks.iter_mut() {
            if is_ending || self.pending.contains(&task.region) {
                parts.append(&mut task.parts);
            }
        }
        for commit in self.commits.sinks.values_mut() {
            parts.append(&mut commit.parts);
        }
        if parts.is_empty() {
            return false;
        }
        self.discards += 1;
        self.actions.push(Action::Discard {
            parts,
            is_awaited: true,
        });
        true
    }

    pub(super) fn discarded(&mut self, result: Result<(), String>) {
        self.discards = self.discards.saturating_sub(1);
        if let Err(error) = &result {
            let job_id = self.description.job;
            tracing::warn!(%job_id, error, "left unfinished output behind");
        }
        if !self.commits.has_failed {
            return;
        }
        let rest = match result {
            Ok(()) => "; what did not become visible was removed".to_owned(),
            Err(error) => format!("; what did not become visible could not be removed: {error}"),
        };
        if let Some(root) = self.history.newest_mut() {
            root.cause.message.push_str(&rest);
        }
    }

    /// Ends a job that fails or is canceled, once nothing of it runs and nothing staged is left.
    pub(super) fn end_when_stopped(&mut self) {
        let is_running = self.tasks.iter().any(super::tasks::Task::is_live);
        if is_running || self.discards > 0 || self.discard_staged() {
            return;
        }
        let status = match self.status {
            JobStatus::Cancelling => JobStatus::Canceled,
            _ => JobStatus::Failed,
        };
        self.end(status);
    }

    fn end(&mut self, status: JobStatus) {
        self.turn(status);
        self.actions.push(Action::End);
    }
}
