//! Jobs of the store that cannot go on yet, because their checkpoints cannot be had.
//!
//! `handle/recover` tries again and again, and tells here what keeps it. Invariants: such a job is listed as
//! reconciling, with what keeps it among its exceptions; whoever cancels it ends the tries, and no job goes on
//! whose tries have ended; when the JobManager ends, it stays in the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasmill_actor::{CancelToken, Rng};
use wasmill_graph::JobGraph;
use wasmill_rpc::protocol::JobDescription;
use wasmill_types::id::JobId;
use wasmill_types::{FailureCause, FailureKind, JobStatus};

use super::{Dispatcher, Entry};
use crate::handle::JobManagerError;
use crate::history::History;
use crate::master;
use crate::restart::{Restart, Strategy};
use crate::view::{ExceptionView, JobView};

/// What keeps a job from going on.
#[derive(Debug)]
pub(crate) struct Obstacle {
    pub(crate) description: Arc<JobDescription>,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) strategy: Strategy,
    /// For people.
    pub(crate) reason: String,
    /// After which time it is tried again.
    pub(crate) pause: Duration,
}

/// A job that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) views: Arc<watch::Sender<Arc<JobView>>>,
    pub(super) history: History,
    /// Ends the tries.
    tries: CancelToken,
}

impl Dispatcher {
    /// Lists a job that does not go on yet; what ends the tries.
    pub(super) fn waits(&mut self, obstacle: Obstacle) -> Result<CancelToken, JobManagerError> {
        let job = obstacle.description.job;
        if self.is_closed {
            let closed = "the JobManager is ending";
            return Err(JobManagerError::Unavailable(closed.to_owned()));
        }
        let is_new = !self.waiting.contains_key(&job);
        if is_new {
            self.begin_to_wait(&obstacle)?;
        }
        let waiting = self.waiting.get_mut(&job);
        let waiting = waiting.expect("it was there, or was put there above");
        let newest = waiting.history.newest_mut();
        if newest.is_none_or(|newest| newest.cause.message != obstacle.reason) {
            waiting.history.open(ExceptionView {
                at_ms: self.setup.clock.now_ms(),
                cause: FailureCause::new(FailureKind::Host, obstacle.reason),
                task: None,
                location: None,
                concurrent: Vec::new(),
            });
        }
        waiting.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.exceptions = waiting.history.entries(true);
            let pause = obstacle.pause.as_secs();
            let waits = format!("its checkpoints, which are looked for again in {pause} s");
            view.waiting_for = Some(waits);
        });
        let tries = waiting.tries.clone();
        if is_new {
            // With its reason, from the first picture on.
            let views = waiting.views.subscribe();
            let master = None;
            self.list(job, Entry { views, master });
        }
        Ok(tries)
    }

    /// Takes a job in that was not known to wait.
    fn begin_to_wait(&mut self, obstacle: &Obstacle) -> Result<(), JobManagerError> {
        let job = obstacle.description.job;
        if self.setup.directory.borrow().contains_key(&job) {
            let ended = format!("job {job} was ended before it could go on");
            return Err(JobManagerError::Conflict(ended));
        }
        let restart = Restart::new(obstacle.strategy, Rng::seeded(self.setup.rng.next_u64()));
        let job_of = (&obstacle.description, &obstacle.graph);
        let scheduler = master::scheduler(job_of, restart, &self.setup.options, &self.setup.clock);
        let mut view = scheduler.picture();
        view.status = JobStatus::Reconciling;
        let now_ms = self.setup.clock.now_ms();
        view.reached.insert(JobStatus::Reconciling, now_ms);
        let (views, _) = watch::channel(Arc::new(view));
        let waiting = Waiting {
            views: Arc::new(views),
            history: History::default(),
            tries: CancelToken::new(),
        };
        self.waiting.insert(job, waiting);
        Ok(())
    }

    /// Cancels a job that waits; whether it did.
    pub(super) fn give_up(&mut self, job: JobId) -> bool {
        let Some(waiting) = self.waiting.remove(&job) else {
            return false;
        };
        waiting.tries.cancel();
        self.turn(&waiting, JobStatus::Canceled);
        tracing::warn!(
            job_id = %job,
            "job canceled that waited for its checkpoints; they are left alone, and so is what its sinks have \
             not made visible"
        );
        self.forget_stored(job);
        self.ended.add(job, self.setup.clock.monotonic());
        true
    }

    /// Ends all tries; the jobs stay in the store.
    pub(super) fn end_tries(&mut self) {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            waiting.tries.cancel();
            self.turn(&waiting, JobStatus::Suspended);
        }
    }

    fn turn(&self, waiting: &Waiting, status: JobStatus) {
        let now_ms = self.setup.clock.now_ms();
        waiting.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.status = status;
            view.reached.insert(status, now_ms);
            view.waiting_for = None;
        });
    }
}
