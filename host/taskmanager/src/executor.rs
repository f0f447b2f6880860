//! The actor that runs the tasks of one TaskManager: the only owner of its book.
//!
//! The JobManager reaches it through a [`Handle`]; tasks, `link` and errands send it messages. It applies
//! one after the other and waits for nothing but the next: what blocks or calls is an errand. Follow a
//! message: `asked` has those of the JobManager, `told` those of tasks and of the link, `checkpoints` what
//! both say about checkpoints. Invariant: each
//! question is answered, if only by the asker's noticing that the executor has ended.

mod asked;
mod checkpoints;
mod told;

use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{
    Actor, ActorKind, Address, CancelToken, Clock, Gone, Mailbox, Reply, Rng, actors, mailbox,
};
use wasmill_connectors::Access;
use wasmill_rpc::protocol::{
    Acknowledged, Deregister, Heartbeat, SlotUse, TaskReport, TaskRestore, ToTaskManager,
};
use wasmill_rpc::{Answer, CallError, Caller, Handler, Handling, Refusal};
use wasmill_task::keeper::{Declined, Taken};
use wasmill_task::outcome::Change;
use wasmill_types::TaskFailure;
use wasmill_types::id::{AttemptId, CheckpointId, RegistrationId};

use crate::channels::Channels;
use crate::deploy::{Site, StatePlaces};
use crate::gateway::{Connect, JobManager};
use crate::jobs::{Jobs, Refused};
use crate::link::Link;
use crate::metrics::{Owner, Snapshot};
use crate::options::Options;
use crate::programs::Programs;
use crate::reports::{Outbox, counters};
use crate::snapshots::{AttemptState, Fetched};
use crate::splits::SplitReply;

/// How many messages wait for the executor before their senders do.
const MAILBOX: usize = 1_024;

/// How many questions wait for the moment in which the executor hears that it is registered.
const MAX_EARLY: usize = 256;

/// What the executor works with.
pub struct Environment {
    /// The way to the JobManager.
    pub connect: Arc<dyn Connect>,
    /// The way to tasks on other TaskManagers.
    pub channels: Arc<dyn Channels>,
    /// The code of bundles.
    pub programs: Arc<dyn Programs>,
    /// What connectors may touch.
    pub access: Access,
    /// The clock.
    pub clock: Clock,
    /// Randomness, for pauses.
    pub rng: Rng,
}

/// Reaches the executor; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    executor: Address<Message>,
}

/// What the TaskManager does now.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Its registration, while it has one.
    pub registration: Option<RegistrationId>,
    /// The slots in use.
    pub slots: Vec<SlotUse>,
    /// The tasks that run.
    pub tasks: Vec<TaskReport>,
    /// Resident memory of the process, in bytes.
    pub resident_bytes: u64,
    /// Network buffers in use, and how many there are.
    pub network_buffers: (u32, u32),
}

/// What the executor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// The JobManager asks.
    Ask(ToTaskManager, Reply<Result<Answer, Refused>>),
    /// These attempts did not come to run.
    NotDeployed(Vec<AttemptId>, Refused),
    /// A task has reached a state.
    Changed(AttemptId, Change),
    /// A task wants a split.
    NextSplit(AttemptId, SplitReply),
    /// A task waits for what it starts with.
    Fetch(
        Arc<AttemptState>,
        Box<TaskRestore>,
        CancelToken,
        Reply<Result<Fetched, TaskFailure>>,
    ),
    /// A task has taken a checkpoint.
    Taken(Arc<AttemptState>, Box<Taken>),
    /// A task has not taken a checkpoint.
    Declined(AttemptId, CheckpointId, Declined),
    /// A connection is there: stop what was deployed over another one, and say when it is gone.
    Clear(Reply<()>),
    /// The TaskManager is registered.
    Linked(JobManager, RegistrationId),
    /// A registration is lost.
    Lost(RegistrationId),
    /// The JobManager has answered to a change, or has not.
    Answered(u64, Result<Acknowledged, CallError>),
    /// Somebody wants to know what it does.
    Status(Reply<Status>),
    /// Somebody wants to know how its tasks are doing.
    Snapshot(Reply<Snapshot>),
    /// The TaskManager ends; answered when nothing runs any more.
    Stop(Reply<()>),
    /// The JobManager knows that it ends, or does not answer.
    Deregistered,
}

/// Starts the executor on the runtime that this is called on, and registers it.
pub fn start(options: Options, environment: Environment) -> (Handle, Actor<()>) {
    let options = Arc::new(options);
    let (address, mailbox) = mailbox("task executor", MAILBOX);
    let link = Link {
        options: Arc::clone(&options),
        connect: Arc::clone(&environment.connect),
        executor: address.clone(),
        clock: environment.clock.clone(),
        rng: environment.rng.fork(1),
    };
    let site = Site {
        id: options.id.clone(),
        memory: options.memory,
        options: options.task.clone(),
        access: environment.access.clone(),
        channels: Arc::clone(&environment.channels),
        clock: environment.clock.clone(),
        executor: address.clone(),
        state: StatePlaces::new(&options, &environment.clock),
        lookups: Arc::default(),
    };
    let executor = Executor {
        jobs: Jobs::new(options.slots, options.cancel_timeout),
        options,
        site: Arc::new(site),
        programs: environment.programs,
        clock: environment.clock,
        rng: environment.rng.fork(2),
        outbox: Outbox::default(),
        job_manager: None,
        is_registering: false,
        early: Vec::new(),
        alone_until: None,
        waiting: Vec::new(),
        stopping: None,
        link: actors::spawn(ActorKind::Errand, "registration", link.run()),
        errands: Vec::new(),
    };
    let name = executor.options.id.to_string();
    let actor = actors::spawn(ActorKind::TaskExecutor, &name, executor.run(mailbox));
    (Handle { executor: address }, actor)
}

impl Handle {
    /// What the TaskManager does now.
    ///
    /// # Errors
    /// When the executor has ended.
    pub async fn status(&self) -> Result<Status, Gone> {
        self.executor.ask(Message::Status).await
    }

    /// What the TaskManager does now, with whose the tasks are.
    ///
    /// # Errors
    /// When the executor has ended.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Gone> {
        self.executor.ask(Message::Snapshot).await
    }

    /// Ends in good order: withdraws the slots, stops all tasks and waits for their end, which takes at
    /// most the time of a call and that of a cancellation.
    pub async fn shut_down(&self) {
        // When the executor has ended, so have the tasks.
        let _ = self.executor.ask(Message::Stop).await;
    }
}

impl Handler<ToTaskManager> for Handle {
    fn handle(&self, message: ToTaskManager, _: Caller) -> Handling {
        let executor = self.executor.clone();
        Box::pin(async move {
            let answered = executor.ask(|reply| Message::Ask(message, reply)).await;
            let answered = answered.unwrap_or(Err(Refused::ShuttingDown));
            answered.map_err(|refused| Refusal::because(&refused))
        })
    }
}

impl Status {
    /// What is said of it under a registration.
    pub(crate) fn heartbeat(self, registration: RegistrationId) -> Heartbeat {
        Heartbeat {
            registration,
            slots: self.slots,
            tasks: self.tasks,
            resident_bytes: self.resident_bytes,
            network_buffers: self.network_buffers,
        }
    }
}

/// The actor.
struct Executor {
    options: Arc<Options>,
    site: Arc<Site>,
    programs: Arc<dyn Programs>,
    clock: Clock,
    rng: Rng,
    jobs: Jobs,
    outbox: Outbox,
    /// While registered.
    job_manager: Option<(JobManager, RegistrationId)>,
    /// A registration has been asked for, and there is no answer yet.
    is_registering: bool,
    /// What the JobManager has asked meanwhile; at most [`MAX_EARLY`].
    early: Vec<(ToTaskManager, Reply<Result<Answer, Refused>>)>,
    /// Without a JobManager: how long tasks run on.
    alone_until: Option<Duration>,
    /// Who waits until nothing runs.
    waiting: Vec<Reply<()>>,
    stopping: Option<Stopping>,
    link: Actor<()>,
    /// Those that have not ended, and some that have: bounded by the calls and changes in flight.
    errands: Vec<Actor<()>>,
}

/// The end of the TaskManager.
struct Stopping {
    replies: Vec<Reply<()>>,
    is_deregistered: bool,
}

impl Executor {
    async fn run(mut self, mut mailbox: Mailbox<Message>) {
        loop {
            self.tell_job_manager();
            self.answer_waiting();
            if self.is_done() {
                break;
            }
            let deadline = self.deadline();
            let clock = self.clock.clone();
            // Both can be dropped while they wait: nothing is taken before it is returned.
            let message = tokio::select! {
                biased;
                message = mailbox.next() => message,
                () = sleep_until(&clock, deadline) => {
                    self.on_time();
                    continue;
                }
            };
            let Some(message) = message else {
                break;
            };
            self.apply(message);
        }
        mailbox.close();
        self.end().await;
    }

    fn apply(&mut self, message: Message) {
        match message {
            Message::Ask(message, reply) if self.is_early() => self.early.push((message, reply)),
            Message::Ask(message, reply) => self.asked(message, reply),
            Message::NotDeployed(attempts, refused) => self.not_deployed(&attempts, &refused),
            Message::Changed(attempt, change) => self.changed(attempt, change),
            Message::NextSplit(attempt, reply) => self.next_split(attempt, reply),
            Message::Fetch(state, restore, cancel, reply) => {
                self.fetch(state, *restore, cancel, reply);
            }
            Message::Taken(state, taken) => self.taken(state, *taken),
            Message::Declined(attempt, checkpoint, why) => {
                self.declined(attempt, checkpoint, why);
            }
            Message::Clear(reply) => {
                self.leave_jobs();
                self.refuse_early();
                self.is_registering = true;
                self.waiting.push(reply);
            }
            Message::Linked(job_manager, registration) => {
                self.job_manager = Some((job_manager, registration));
                self.alone_until = None;
                self.is_registering = false;
                for (message, reply) in std::mem::take(&mut self.early) {
                    self.asked(message, reply);
                }
            }
            Message::Lost(registration) => self.lost(registration),
            Message::Answered(number, answer) => self.answered(number, answer),
            Message::Status(reply) => reply.give(self.status()),
            Message::Snapshot(reply) => reply.give(self.snapshot()),
            Message::Stop(reply) => self.stop(reply),
            Message::Deregistered => {
                self.job_manager = None;
                self.is_registering = false;
                self.refuse_early();
                self.leave_jobs();
                if let Some(stopping) = &mut self.stopping {
                    stopping.is_deregistered = true;
                }
                // Only now: what the link holds would tell the JobManager of an end before we have.
                self.link.abort();
            }
        }
    }

    /// Whether the JobManager knows of the registration already and we do not: what it asks then must wait
    /// for a moment, and not be refused.
    fn is_early(&self) -> bool {
        self.is_registering && self.stopping.is_none() && self.early.len() < MAX_EARLY
    }

    /// The registration that was asked for has not come.
    fn refuse_early(&mut self) {
        for (_, reply) in self.early.drain(..) {
            reply.give(Err(Refused::NotRegistered));
        }
    }

    fn on_time(&mut self) {
        let now = self.clock.monotonic();
        if self.alone_until.is_some_and(|until| until <= now) {
            tracing::warn!("no JobManager for too long, stop all tasks");
            self.alone_until = None;
            self.leave_jobs();
        }
        self.abandon(now);
    }

    /// When something has to be done though nobody says anything.
    fn deadline(&self) -> Option<Duration> {
        let deadlines = [self.jobs.deadline(), self.outbox.due(), self.alone_until];
        deadlines.into_iter().flatten().min()
    }

    /// Stops everything; nobody is there who would want to know about it.
    fn leave_jobs(&mut self) {
        self.alone_until = None;
        self.jobs.release_all(self.clock.monotonic());
        for report in self.outbox.clear() {
            self.discard(report.job, report.changed.parts);
        }
    }

    fn stop(&mut self, reply: Reply<()>) {
        if let Some(stopping) = &mut self.stopping {
            return stopping.replies.push(reply);
        }
        self.stopping = Some(Stopping {
            replies: vec![reply],
            is_deregistered: false,
        });
        let executor = self.site.executor.clone();
        let timeout = self.options.call_timeout;
        let registered = self.job_manager.clone();
        self.errand("deregister", async move {
            if let Some((job_manager, registration)) = registered {
                let withdrawn = job_manager.call(Deregister { registration }, timeout);
                if let Err(error) = withdrawn.await {
                    tracing::warn!(%error, "not withdrawn at the JobManager");
                }
            }
            // The executor runs until it has heard this.
            let _ = executor.send(Message::Deregistered).await;
        });
    }

    fn is_done(&self) -> bool {
        let stopping = self.stopping.as_ref();
        stopping.is_some_and(|stopping| stopping.is_deregistered) && self.jobs.live() == 0
    }

    /// What is under way is awaited: it may be the removal of output.
    async fn end(mut self) {
        let timeout = self.options.call_timeout;
        let clock = self.clock.clone();
        let all = async {
            for errand in &mut self.errands {
                // Its panic is in the log.
                let _ = errand.join().await;
            }
        };
        if clock.timeout(timeout, all).await.is_err() {
            tracing::warn!("some work was not done when the TaskManager ended");
        }
        for reply in self
            .stopping
            .into_iter()
            .flat_map(|stopping| stopping.replies)
        {
            reply.give(());
        }
    }

    fn status(&self) -> Status {
        let report = |(attempt, known): (AttemptId, &crate::jobs::Attempt)| {
            let watched = known.watched.as_ref().filter(|_| !known.is_over())?;
            Some(TaskReport {
                attempt,
                counters: counters(watched, &self.clock),
            })
        };
        Status {
            registration: self
                .job_manager
                .as_ref()
                .map(|(_, registration)| *registration),
            slots: self.jobs.slots(),
            tasks: self.jobs.watched().filter_map(report).collect(),
            resident_bytes: resident_bytes(),
            network_buffers: self.site.channels.buffers(),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut status = self.status();
        let known = |task: TaskReport| {
            let (job, vertices) = self.jobs.names(task.attempt.job)?;
            let vertex = vertices.get(task.attempt.vertex.0 as usize)?.clone();
            Some((task, Owner { job, vertex }))
        };
        let tasks = std::mem::take(&mut status.tasks);
        let (tasks, owners) = tasks.into_iter().filter_map(known).unzip();
        Snapshot {
            status: Status { tasks, ..status },
            owners,
            slots: self.options.slots,
            memory: self.options.memory,
            network: self.site.channels.counters(),
        }
    }

    fn answer_waiting(&mut self) {
        if self.jobs.live() == 0 {
            self.waiting.drain(..).for_each(|reply| reply.give(()));
        }
    }

    fn errand(&mut self, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        self.errands.retain(|errand| !errand.is_finished());
        self.errands
            .push(actors::spawn(ActorKind::Errand, name, work));
    }
}

async fn sleep_until(clock: &Clock, deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The resident memory of this process; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

#[cfg(test)]
mod tests;
