//! What is said about checkpoints, by the JobManager and by tasks.
//!
//! Invariant: for each task that a barrier reaches there is an answer to the JobManager, or the JobManager
//! loses the connection and gives the checkpoint up.

use std::sync::Arc;

use wasmill_actor::{CancelToken, Reply};
use wasmill_checkpoint::FailureReason;
use wasmill_checkpoint::failure::Failure;
use wasmill_rpc::protocol::{
    Acknowledge, Decline, Notify, Recover, TaskRestore, ToJobManager, Trigger,
};
use wasmill_rpc::{Answer, Request};
use wasmill_task::keeper::{Declined, Taken};
use wasmill_task::orders::Order;
use wasmill_types::TaskFailure;
use wasmill_types::id::{AttemptId, CheckpointId};

use super::Executor;
use crate::jobs::Refused;
use crate::snapshots::{AttemptState, Fetched, fetch, save};
use crate::{endpoints, errand};

impl Executor {
    /// A checkpoint starts at tasks here.
    pub(super) fn trigger(&mut self, trigger: Trigger) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        let barrier = Arc::new(trigger.barrier);
        for attempt in trigger.attempts {
            self.jobs.follow(attempt.job, trigger.leader, now)?;
            if !self.order(attempt, Order::Trigger(Arc::clone(&barrier))) {
                let reason = FailureReason::CheckpointDeclinedTaskNotReady;
                self.decline(attempt, barrier.checkpoint, Failure::new(reason));
            }
        }
        Ok(())
    }

    /// A checkpoint is complete, or was given up.
    pub(super) fn notify(&mut self, notify: Notify) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        for attempt in notify.attempts {
            self.jobs.follow(attempt.job, notify.leader, now)?;
            let order = match notify.is_complete {
                true => Order::Complete(notify.checkpoint),
                false => Order::Aborted(notify.checkpoint),
            };
            self.order(attempt, order);
        }
        Ok(())
    }

    /// Brings the targets of a job's sinks to where a checkpoint was.
    pub(super) fn recover(&mut self, recover: Recover, reply: Reply<Result<Answer, Refused>>) {
        let now = self.clock.monotonic();
        if let Err(refused) = self.jobs.follow(recover.job.job, recover.leader, now) {
            return reply.give(Err(refused));
        }
        let site = Arc::clone(&self.site);
        self.errand("recover", async move {
            let work = errand::on_thread("recover", move || {
                endpoints::recover(&recover, &site.access)
            });
            let recovered = work.await.map_err(Refused::Failed).flatten();
            reply.give(recovered.map(Recover::answer));
        });
    }

    /// A task waits for what it starts with.
    pub(super) fn fetch(
        &mut self,
        state: Arc<AttemptState>,
        restore: TaskRestore,
        cancel: CancelToken,
        reply: Reply<Result<Fetched, TaskFailure>>,
    ) {
        let storage = self.site.state.storage.clone();
        self.errand("restore", async move {
            reply.give(fetch(&state, restore, &storage, &cancel).await);
        });
    }

    /// A task has taken a checkpoint: it is written and told.
    pub(super) fn taken(&mut self, state: Arc<AttemptState>, taken: Taken) {
        let attempt = state.attempt;
        let (checkpoint, given_splits) = (taken.barrier.checkpoint, taken.given_splits);
        let storage = self.site.state.storage.clone();
        let clock = self.clock.clone();
        let teller = self.teller(attempt);
        self.errand("save", async move {
            let saved = save(&state, taken, &storage, &clock).await;
            if let Err(failure) = &saved {
                tracing::warn!(%attempt, %checkpoint, %failure, "checkpoint not written");
            }
            let Some(teller) = teller else { return };
            match saved {
                Ok((snapshot, metrics)) => {
                    let acknowledge = Acknowledge {
                        registration: teller.registration,
                        leader: teller.leader,
                        attempt,
                        checkpoint,
                        snapshot,
                        metrics,
                        given_splits,
                    };
                    teller.tell(acknowledge).await;
                }
                Err(failure) => {
                    let decline = teller.decline(attempt, checkpoint, failure);
                    teller.tell(decline).await;
                }
            }
        });
    }

    /// A task has not taken a checkpoint.
    pub(super) fn declined(&mut self, attempt: AttemptId, checkpoint: CheckpointId, why: Declined) {
        let failure = match why {
            Declined::Subsumed => Failure::new(FailureReason::CheckpointDeclinedSubsumed),
            Declined::Failed(detail) => Failure::because(FailureReason::CheckpointDeclined, detail),
        };
        self.decline(attempt, checkpoint, failure);
    }

    fn decline(&mut self, attempt: AttemptId, checkpoint: CheckpointId, failure: Failure) {
        let Some(teller) = self.teller(attempt) else {
            return;
        };
        let decline = teller.decline(attempt, checkpoint, failure);
        self.errand("decline", async move { teller.tell(decline).await });
    }

    /// Tells a task something; false when it does not run.
    fn order(&mut self, attempt: AttemptId, order: Order) -> bool {
        let known = self.jobs.attempt(attempt).filter(|known| !known.is_over());
        let watched = known.and_then(|known| known.watched.as_ref());
        watched.is_some_and(|watched| {
            watched.orders.give(order);
            true
        })
    }

    fn teller(&mut self, attempt: AttemptId) -> Option<Teller> {
        let (job_manager, _) = self.job_manager.clone()?;
        let timeout = self.options.call_timeout;
        let known = self.jobs.attempt(attempt)?;
        Some(Teller {
            job_manager,
            timeout,
            registration: known.registration,
            leader: known.leader,
        })
    }
}

/// Tells the JobManager about one attempt.
struct Teller {
    job_manager: crate::gateway::JobManager,
    timeout: std::time::Duration,
    registration: wasmill_types::id::RegistrationId,
    leader: wasmill_types::id::LeaderId,
}

impl Teller {
    fn decline(&self, attempt: AttemptId, checkpoint: CheckpointId, failure: Failure) -> Decline {
        Decline {
            registration: self.registration,
            leader: self.leader,
            attempt,
            checkpoint,
            failure,
        }
    }

    /// Without an answer the checkpoint expires.
    async fn tell<R: Request<Message = ToJobManager>>(&self, request: R) {
        if let Err(error) = self.job_manager.call(request, self.timeout).await {
            tracing::warn!(%error, "the JobManager was not told about a checkpoint");
        }
    }
}
