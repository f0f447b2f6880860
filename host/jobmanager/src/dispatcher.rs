//! The Dispatcher: starts a JobMaster for each job, and knows all jobs that run or have ended lately.
//!
//! Jobs that go on with this JobManager and cannot yet are in `waiting`. Invariants: a job's id is used once; a
//! JobMaster that panics ends as a failed job, with its tasks released and its slots free, and touches no
//! other; what has ended is kept within bounds (`retention`).

mod retention;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_actor::{Address, CancelToken, Clock, Mailbox, Reply, Rng, mailbox};
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::coordinator::{ClaimMode, Completed};
use wasmill_graph::JobGraph;
use wasmill_rpc::protocol::{JobDescription, Release};
use wasmill_types::id::{JobId, LeaderId};
use wasmill_types::{FailureCause, FailureKind, JobStatus};

use crate::bundles::Lease;
use crate::handle::JobManagerError;
use crate::jobs::JobStore;
use crate::master;
use crate::options::Options;
use crate::resources;
use crate::restart::{Restart, Strategy};
use crate::view::{ExceptionView, JobView};
use retention::Retention;
use waiting::Waiting;

pub(crate) use waiting::Obstacle;

/// How many messages may wait for the Dispatcher.
pub(crate) const MAILBOX: usize = 1_024;
/// How long a TaskManager may take to forget a job.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the Dispatcher can be told and asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// Starts a job; answers when it is listed.
    Submit(Box<Accepted>, Reply<Result<JobId, JobManagerError>>),
    /// A job of the store cannot go on yet; answers with what ends the tries.
    Waits(Box<Obstacle>, Reply<Result<CancelToken, JobManagerError>>),
    /// Cancels a job that waits; answers whether it did.
    GiveUp(JobId, Reply<bool>),
    /// A JobMaster has ended; with the text of its panic.
    Ended(JobId, Option<String>),
    /// Takes no more jobs.
    Close(Reply<()>),
    /// Ends the actor.
    Stop(Reply<()>),
}

/// A job that can run.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) description: Arc<JobDescription>,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) strategy: Strategy,
    pub(crate) lease: Option<Lease>,
    /// The snapshot that it starts from.
    pub(crate) snapshot: Option<(Completed, ClaimMode)>,
    /// The checkpoints that an earlier JobManager has completed, oldest first, of a job that goes on.
    pub(crate) recovered: Option<Vec<Completed>>,
    /// Whether it takes the place of a job of its id that has ended.
    pub(crate) replaces: bool,
}

/// All jobs that are known.
pub(crate) type Directory = Arc<BTreeMap<JobId, Entry>>;

/// A job, for those who look at it or tell it something.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its pictures.
    pub(crate) views: watch::Receiver<Arc<JobView>>,
    /// Its JobMaster, while it runs.
    pub(crate) master: Option<Address<master::Message>>,
}

/// What the actor is made of.
pub(crate) struct Setup {
    pub(crate) options: Arc<Options>,
    pub(crate) resources: Address<resources::Message>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) storage: Storage,
    /// Where the jobs are that run; none for a JobManager without a data directory.
    pub(crate) jobs: Option<Arc<JobStore>>,
    pub(crate) directory: watch::Sender<Directory>,
}

/// The actor.
struct Dispatcher {
    setup: Setup,
    address: Address<Message>,
    /// The jobs whose JobMasters run.
    running: BTreeMap<JobId, Running>,
    /// The jobs that cannot go on yet; bounded by what the store has.
    waiting: BTreeMap<JobId, Waiting>,
    ended: Retention,
    is_closed: bool,
}

struct Running {
    leader: LeaderId,
    views: Arc<watch::Sender<Arc<JobView>>>,
}

/// Runs the Dispatcher until it is told to stop.
pub(crate) async fn run(setup: Setup, mut mailbox: Mailbox<Message>, address: Address<Message>) {
    let clock = setup.clock.clone();
    let ended = Retention::new(setup.options.kept_jobs, setup.options.kept_for);
    let mut dispatcher = Dispatcher {
        setup,
        address,
        running: BTreeMap::new(),
        waiting: BTreeMap::new(),
        ended,
        is_closed: false,
    };
    loop {
        let due = dispatcher.ended.due().unwrap_or(Duration::MAX / 4);
        // Both arms may be dropped without loss.
        let message = tokio::select! {
            biased;
            message = mailbox.next() => message,
            () = clock.sleep_until(due) => None,
        };
        match message {
            Some(Message::Submit(accepted, reply)) => reply.give(dispatcher.submit(*accepted)),
            Some(Message::Waits(obstacle, reply)) => reply.give(dispatcher.waits(*obstacle)),
            Some(Message::GiveUp(job, reply)) => reply.give(dispatcher.give_up(job)),
            Some(Message::Ended(job, panic)) => dispatcher.ended(job, panic),
            Some(Message::Close(reply)) => {
                dispatcher.is_closed = true;
                dispatcher.end_tries();
                reply.give(());
            }
            Some(Message::Stop(reply)) => return reply.give(()),
            None => {}
        }
        dispatcher.forget_old();
    }
}

/// A job that is listed. Only such a job starts: a TaskManager may ask something of it before the Dispatcher
/// has done anything else.
struct Listed(JobId);

impl Listed {
    fn start(self, work: impl Future<Output = ()> + Send + 'static) -> Actor<()> {
        actors::spawn(ActorKind::JobMaster, &self.0.to_string(), work)
    }
}

impl Dispatcher {
    fn submit(&mut self, accepted: Accepted) -> Result<JobId, JobManagerError> {
        let job = accepted.description.job;
        if self.is_closed {
            let closed = "the JobManager is ending and takes no more jobs";
            return Err(JobManagerError::Unavailable(closed.to_owned()));
        }
        let goes_on = accepted.recovered.is_some() && self.waiting.contains_key(&job);
        let is_taken = match accepted.replaces || goes_on {
            true => self.running.contains_key(&job),
            false => self.setup.directory.borrow().contains_key(&job),
        };
        if is_taken {
            return Err(JobManagerError::Conflict(format!(
                "there is a job {job} already"
            )));
        }
        let most = self.setup.options.max_jobs;
        if self.running.len() >= most {
            let full =
                format!("{most} jobs run, which is the limit; try again when some have ended");
            return Err(JobManagerError::Unavailable(full));
        }
        self.ended.remove(job);
        self.start(accepted);
        Ok(job)
    }

    fn start(&mut self, accepted: Accepted) {
        let job = accepted.description.job;
        let leader = LeaderId(self.setup.rng.next_u64());
        let rng = Rng::seeded(self.setup.rng.next_u64());
        let job_of = (&accepted.description, &accepted.graph);
        let restart = Restart::new(accepted.strategy, rng);
        let (options, clock) = (&self.setup.options, &self.setup.clock);
        let mut scheduler = master::scheduler(job_of, restart, options, clock);
        let views = match self.waiting.remove(&job) {
            Some(waiting) => {
                scheduler.remember(waiting.history);
                waiting.views.send_replace(Arc::new(scheduler.picture()));
                waiting.views
            }
            None => Arc::new(watch::channel(Arc::new(scheduler.picture())).0),
        };
        let setup = master::Setup {
            description: accepted.description,
            graph: accepted.graph,
            scheduler,
            options: Arc::clone(&self.setup.options),
            leader,
            resources: self.setup.resources.clone(),
            clock: self.setup.clock.clone(),
            views: Arc::clone(&views),
            lease: accepted.lease,
            storage: self.setup.storage.clone(),
            snapshot: accepted.snapshot,
            recovered: accepted.recovered,
            jobs: self.setup.jobs.clone(),
            rng: Rng::seeded(self.setup.rng.next_u64()),
        };
        let entry = Entry {
            views: views.subscribe(),
            master: None,
        };
        let (address, mailbox) = mailbox("JobMaster", master::MAILBOX);
        let work = master::run(setup, mailbox, address.clone());
        let master = Some(address);
        let listed = self.list(job, Entry { master, ..entry });
        let mut actor = listed.start(work);
        let dispatcher = self.address.clone();
        let supervise = async move {
            let panic = actor.join().await.err().map(|it| it.message);
            // Nobody is there to be told when the Dispatcher has ended.
            let _told = dispatcher.send(Message::Ended(job, panic)).await;
        };
        let _ends_with_the_job = actors::spawn(ActorKind::Errand, "supervise", supervise);
        self.running.insert(job, Running { leader, views });
    }

    fn ended(&mut self, job: JobId, panic: Option<String>) {
        let Some(running) = self.running.remove(&job) else {
            return;
        };
        if let Some(panic) = panic {
            self.fail(&running, job, &panic);
        }
        let is_over = running.views.borrow().status.is_terminal();
        if is_over {
            self.forget_stored(job);
        }
        let entry = Entry {
            views: running.views.subscribe(),
            master: None,
        };
        self.list(job, entry);
        self.ended.add(job, self.setup.clock.monotonic());
    }

    fn forget_stored(&self, job: JobId) {
        if let Some(jobs) = &self.setup.jobs
            && let Err(error) = jobs.remove(job)
        {
            tracing::warn!(job_id = %job, %error, "a job that has ended stays in the store");
        }
    }

    /// Ends a job whose JobMaster has not.
    fn fail(&self, running: &Running, job: JobId, panic: &str) {
        let message = format!("the job's JobMaster broke, which is a bug of Wasmill: {panic}");
        let at_ms = self.setup.clock.now_ms();
        running.views.send_modify(|view| {
            let view = Arc::make_mut(view);
            if view.status.is_terminal() {
                return;
            }
            view.status = JobStatus::Failed;
            view.reached.insert(JobStatus::Failed, at_ms);
            view.waiting_for = None;
            let exception = ExceptionView {
                at_ms,
                cause: FailureCause::new(FailureKind::Host, message),
                task: None,
                location: None,
                concurrent: Vec::new(),
            };
            view.exceptions.insert(0, exception);
        });
        let (resources, leader) = (self.setup.resources.clone(), running.leader);
        let release = async move {
            if let Ok(members) = resources.ask(resources::Message::Members).await {
                for member in members {
                    let release = Release { leader, job };
                    let released = member.gateway.call(release, RELEASE_TIMEOUT).await;
                    if let Err(error) = released {
                        tracing::debug!(%error, "job not released");
                    }
                }
            }
            // Its slots are free only now that its tasks are told to stop.
            let _told = resources.send(resources::Message::JobEnded(job)).await;
        };
        let _ends_by_its_deadlines = actors::spawn(ActorKind::Errand, "release", release);
    }

    fn forget_old(&mut self) {
        for job in self.ended.expire(self.setup.clock.monotonic()) {
            self.change(job, None);
        }
    }

    fn list(&self, job: JobId, entry: Entry) -> Listed {
        self.change(job, Some(entry));
        Listed(job)
    }

    fn change(&self, job: JobId, entry: Option<Entry>) {
        self.setup.directory.send_modify(|directory| {
            let directory = Arc::make_mut(directory);
            match entry {
                Some(entry) => directory.insert(job, entry),
                None => directory.remove(&job),
            };
        });
    }
}
