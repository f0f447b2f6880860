//! The job ends with a savepoint (semantics §8.5–8.7).
//!
//! A stop switches periodic checkpoints off and gives up what is under way; its savepoint makes the tasks
//! stop, which they do once told that it is complete. The answer is given when all tasks have finished.
//! Invariants: each wish to stop is answered once; while tasks may have stopped reading, a failure fails
//! the job, so that it is restarted.

use wasmill_types::id::AttemptId;
use wasmill_types::status::{ExecutionState, JobStatus};

use super::event::{Answer, Now, Request, Wanted};
use super::{Coordinator, Phase};
use crate::barrier::SnapshotKind;
use crate::failure::{Failure, FailureReason};
use crate::{CheckpointId, RequestId};

/// A stop that is under way.
#[derive(Debug)]
pub(super) struct Stopping {
    request: RequestId,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The savepoint waits for its turn.
    Queued,
    /// The barrier is on its way.
    Savepoint(CheckpointId),
    /// The savepoint is complete; the tasks are finishing.
    Finishing(Answer),
}

impl Coordinator {
    /// A user wants the job to stop. False when it is stopping already.
    pub(super) fn begin_stop(&mut self, request: &Request, now: Now) -> bool {
        if self.stopping.is_some() {
            let failure = Failure::because(
                FailureReason::TriggerCheckpointFailure,
                "the job is stopping with a savepoint already",
            );
            self.answer(Some(request.id), Err(failure));
            return false;
        }
        let under_way = self.pending.values().filter(|p| !p.kind.is_savepoint());
        let ids: Vec<_> = under_way.map(|pending| pending.id).collect();
        for id in ids {
            let reason = FailureReason::CheckpointCoordinatorSuspend;
            self.give_up(id, Failure::new(reason), now);
        }
        self.stopping = Some(Stopping {
            request: request.id,
            step: Step::Queued,
        });
        true
    }

    /// A wish is not fulfilled and never was begun.
    pub(super) fn refuse(&mut self, request: &Request, failure: Failure) {
        if matches!(request.wanted, Wanted::Stop { .. }) {
            self.stopping = None;
        }
        self.answer(Some(request.id), Err(failure));
    }

    /// A checkpoint was triggered.
    pub(super) fn stop_triggered(&mut self, id: CheckpointId, kind: SnapshotKind) {
        if let SnapshotKind::Stop { .. } = kind
            && let Some(stopping) = &mut self.stopping
        {
            stopping.step = Step::Savepoint(id);
        }
    }

    /// A checkpoint was given up, and who asked was told.
    pub(super) fn stop_gave_up(&mut self, id: CheckpointId, failure: &Failure) {
        let stopping = self.stopping.as_ref();
        if stopping.is_none_or(|stopping| !matches!(stopping.step, Step::Savepoint(s) if s == id)) {
            return;
        }
        self.stopping = None;
        if self.phase == Phase::Running {
            // Sources may have stopped at the barrier; only a restart makes them read again.
            self.fail_job(format!("stop with savepoint {id} failed: {failure}"));
        }
    }

    /// The savepoint is complete.
    pub(super) fn stop_completed(&mut self, answer: Answer) {
        if let Some(stopping) = &mut self.stopping {
            stopping.step = Step::Finishing(answer);
        }
        self.stop_if_all_finished();
    }

    /// A task's state changed.
    pub(super) fn stop_sees_task(&mut self, attempt: AttemptId, state: ExecutionState) {
        if state == ExecutionState::Finished {
            self.stop_if_all_finished();
        } else if let Some(failure) = self.unfinished(&format!("task {attempt} is {state}")) {
            self.fail_job(failure.to_string());
        }
    }

    fn stop_if_all_finished(&mut self) {
        let finished = self.tasks.ended() == Some(true);
        let stopping = self
            .stopping
            .take_if(|stopping| finished && matches!(stopping.step, Step::Finishing(_)));
        if let Some(Stopping {
            request,
            step: Step::Finishing(answer),
        }) = stopping
        {
            self.answer(Some(request), Ok(answer));
        }
    }

    /// The job left the running state.
    pub(super) fn stop_failed_with_the_job(&mut self) {
        drop(self.unfinished("the job is restarting"));
        // Anything else was in the queue or under way, and is answered there.
        self.stopping = None;
    }

    /// The job has ended.
    pub(super) fn stop_ended(&mut self, status: JobStatus) {
        if status == JobStatus::Finished
            && let Some(Stopping {
                request,
                step: Step::Finishing(answer),
            }) = &self.stopping
        {
            let (request, answer) = (*request, answer.clone());
            self.answer(Some(request), Ok(answer));
            self.stopping = None;
        }
        drop(self.unfinished(&format!("the job is {status}")));
    }

    /// The savepoint is complete and the job will not finish: says so to who asked.
    fn unfinished(&mut self, why: &str) -> Option<Failure> {
        let stopping = self
            .stopping
            .take_if(|s| matches!(s.step, Step::Finishing(_)))?;
        let Step::Finishing(answer) = stopping.step else {
            return None;
        };
        let detail = format!(
            "the savepoint `{}` is complete, and the job did not finish: {why}; what it wrote after the \
             savepoint may be committed again",
            answer.location
        );
        let failure = Failure::because(FailureReason::TaskFailure, detail);
        self.answer(Some(stopping.request), Err(failure.clone()));
        Some(failure)
    }
}
