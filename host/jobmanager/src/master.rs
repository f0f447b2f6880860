//! A JobMaster: runs one job.
//!
//! The Dispatcher starts one per job. The loop takes messages, hands them to the pure `scheduler` and carries
//! out its actions (`effects`); `checkpoints` does the same with the coordinator, `recovery` goes back to what
//! it has. It never waits for anybody, errands do. Invariants: everything that is sent
//! carries the leader's token; what comes with another one, or for an attempt that does not count any more,
//! is answered as stale; the picture of the job is made again at once when its state changes, and otherwise
//! at most every [`CHANGES_INTERVAL`], or [`NUMBERS_INTERVAL`] when only numbers have changed.

mod checkpoints;
mod effects;
mod recovery;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasmill_actor::{Address, Clock, Mailbox, Reply, Rng};
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::coordinator::{self, ClaimMode, Completed, Wanted};
use wasmill_graph::{JobGraph, Subtask};
use wasmill_rpc::protocol::{
    Acknowledge, Acknowledged, Decline, JobDescription, NextSplit, SplitData, TaskChanged,
    TaskReport,
};
use wasmill_types::JobStatus;
use wasmill_types::id::{LeaderId, OperatorId, RegistrationId};

use crate::bundles::Lease;
use crate::jobs::JobStore;
use crate::options::Options;
use crate::resources::{self, Member};
use crate::restart::Restart;
use crate::scheduler::{Event, Now, Patience, Scheduler, TaskChange, Timer};
use crate::slots::SlotRef;
use crate::splits::Splits;
use crate::view::JobView;
use checkpoints::{Checkpoints, Wish};
use recovery::Preparation;

pub(crate) use recovery::assign;

/// How many messages may wait for a JobMaster.
pub(crate) const MAILBOX: usize = 1_024;
/// How many messages are handled between two looks at timers and pictures.
const MESSAGES_AT_ONCE: usize = 256;
/// The shortest time between two pictures of a job whose state stays the same.
const CHANGES_INTERVAL: Duration = Duration::from_millis(20);
/// The shortest time between two pictures of which only numbers differ.
const NUMBERS_INTERVAL: Duration = Duration::from_millis(200);

/// What a JobMaster can be told and asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// A TaskManager tells of an attempt.
    TaskChanged(Box<TaskChanged>, Reply<Acknowledged>),
    /// A task asks for its next split; an error when it has no right to one.
    NextSplit(NextSplit, Reply<Result<Option<SplitData>, String>>),
    /// The counters of attempts.
    Counters(Vec<TaskReport>),
    /// The ResourceManager serves a request for slots.
    SlotsGranted {
        number: u32,
        slots: Vec<(SlotRef, Arc<Member>)>,
    },
    /// A request for slots waits for these.
    SlotsMissing { number: u32, missing: String },
    /// A request for slots has waited too long.
    SlotsRefused { number: u32, missing: String },
    /// A TaskManager is gone.
    TaskManagerLost(RegistrationId, String),
    /// Ends the job; answers when it has begun to end.
    Cancel(Reply<()>),
    /// Ends the JobMaster and leaves the job as it is.
    Suspend,
    /// An errand has prepared sources and sinks.
    Prepared(u32, Preparation),
    /// A task has written its part of a checkpoint.
    Acknowledge(Box<Acknowledge>, Reply<Acknowledged>),
    /// A task has not taken a checkpoint.
    Decline(Box<Decline>, Reply<Acknowledged>),
    /// Somebody wants a checkpoint; answered when it is complete or given up.
    Wish(Wanted, Wish),
    /// Asks for the newest complete checkpoint.
    Latest(Reply<Option<Completed>>),
    /// The output of a job that has ended early is settled.
    Settled,
    /// An errand has answered the coordinator.
    Coordinated(coordinator::Event),
    /// An errand has done something else.
    Done(Event),
    /// A bug, for the tests of what it does.
    #[cfg(test)]
    Panic,
}

/// What a JobMaster is made of.
pub(crate) struct Setup {
    pub(crate) description: Arc<JobDescription>,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) scheduler: Scheduler,
    pub(crate) options: Arc<Options>,
    pub(crate) leader: LeaderId,
    pub(crate) resources: Address<resources::Message>,
    pub(crate) clock: Clock,
    /// Where its pictures go.
    pub(crate) views: Arc<watch::Sender<Arc<JobView>>>,
    /// Keeps the bundle in the store until the job has ended.
    pub(crate) lease: Option<Lease>,
    /// Where checkpoints go.
    pub(crate) storage: Storage,
    /// The snapshot that the job starts from.
    pub(crate) snapshot: Option<(Completed, ClaimMode)>,
    /// The checkpoints of an earlier JobMaster of this job, oldest first, if there was one.
    pub(crate) recovered: Option<Vec<Completed>>,
    /// Where it is remembered that the job has completed a checkpoint.
    pub(crate) jobs: Option<Arc<JobStore>>,
    /// Names savepoints.
    pub(crate) rng: Rng,
}

/// The actor.
struct JobMaster {
    setup: Setup,
    address: Address<Message>,
    splits: Splits,
    checkpoints: Checkpoints,
    /// The TaskManagers that the job has, or had, slots of and that are not lost.
    members: BTreeMap<RegistrationId, Arc<Member>>,
    timers: BTreeMap<(Duration, u64), Timer>,
    next_timer: u64,
    stale: Stale,
    pictured: JobStatus,
    pictured_at: Duration,
    is_over: bool,
}

/// In what the picture of the job is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stale {
    No,
    Numbers,
    Tasks,
}

/// The scheduler of a job that has just been accepted.
pub(crate) fn scheduler(
    (description, graph): (&Arc<JobDescription>, &Arc<JobGraph>),
    restart: Restart,
    options: &Options,
    clock: &Clock,
) -> Scheduler {
    let patience = Patience {
        cancellation: options.cancellation_timeout,
        commit_tries: options.commit_tries.max(1),
        commit_delay: options.commit_delay,
    };
    let (description, graph) = (Arc::clone(description), Arc::clone(graph));
    Scheduler::new(description, graph, restart, patience, now(clock))
}

/// Runs the job to its end.
pub(crate) async fn run(
    mut setup: Setup,
    mut mailbox: Mailbox<Message>,
    address: Address<Message>,
) {
    let clock = setup.clock.clone();
    let checkpoints = Checkpoints::new(
        &setup.description,
        &setup.graph,
        setup.storage.clone(),
        setup.rng.fork(1),
        (setup.snapshot.take(), setup.recovered.as_deref()),
    );
    let mut master = JobMaster {
        splits: checkpoints.splits(&setup.graph),
        checkpoints,
        setup,
        address,
        members: BTreeMap::new(),
        timers: BTreeMap::new(),
        next_timer: 0,
        stale: Stale::Tasks,
        pictured: JobStatus::Initializing,
        pictured_at: clock.monotonic(),
        is_over: false,
    };
    master.happened(Event::Start);
    loop {
        master.publish_if_due();
        if master.is_over && master.checkpoints.cleaning == 0 {
            return;
        }
        // Both arms may be dropped without loss.
        let message = tokio::select! {
            biased;
            message = mailbox.next() => message,
            () = clock.sleep_until(master.due()) => None,
        };
        let more = std::iter::from_fn(|| mailbox.take());
        for message in message.into_iter().chain(more).take(MESSAGES_AT_ONCE) {
            master.handle(message);
        }
        master.fire_timers();
        master.tick();
    }
}

fn now(clock: &Clock) -> Now {
    Now {
        ms: clock.now_ms(),
        monotonic: clock.monotonic(),
    }
}

impl JobMaster {
    fn handle(&mut self, message: Message) {
        match message {
            Message::TaskChanged(change, reply) => reply.give(self.task_changed(*change)),
            Message::NextSplit(ask, reply) => reply.give(self.next_split(ask)),
            Message::Counters(reports) => {
                for report in reports {
                    self.setup.scheduler.count(report.attempt, report.counters);
                }
                self.stale = self.stale.max(Stale::Numbers);
            }
            Message::SlotsGranted { number, slots } => self.granted(number, slots),
            Message::SlotsMissing { number, missing } => self.happened(Event::SlotsMissing {
                request: number,
                missing,
            }),
            Message::SlotsRefused { number, missing } => self.happened(Event::SlotsRefused {
                request: number,
                missing,
            }),
            Message::TaskManagerLost(registration, reason) => {
                self.members.remove(&registration);
                self.happened(Event::TaskManagerLost {
                    registration,
                    reason,
                });
            }
            Message::Cancel(reply) => {
                self.happened(Event::Cancel);
                reply.give(());
            }
            Message::Suspend => self.happened(Event::Suspend),
            Message::Prepared(number, prepared) => {
                // The answer to an earlier preparation may come when the sources are being read already.
                let is_awaited = self.setup.scheduler.awaits(number);
                let result = prepared.map(|prepared| {
                    if let Some(prepared) = prepared.filter(|_| is_awaited) {
                        self.splits.begin(prepared.sources);
                    }
                });
                self.happened(Event::Prepared { number, result });
            }
            Message::Acknowledge(ack, reply) => reply.give(self.acknowledged(*ack)),
            Message::Decline(decline, reply) => reply.give(self.declined(*decline)),
            Message::Wish(wanted, wish) => self.wished(wanted, wish),
            Message::Latest(reply) => reply.give(self.checkpoints.coordinator.latest().cloned()),
            Message::Settled => self.checkpoints.cleaning -= 1,
            Message::Coordinated(event) => {
                let is_cleanup = matches!(event, coordinator::Event::CleanedUp(_));
                self.checkpoints.cleaning -= usize::from(is_cleanup);
                self.coordinate(event);
            }
            Message::Done(event) => self.happened(event),
            #[cfg(test)]
            Message::Panic => panic!("a bug in the JobMaster"),
        }
    }

    fn granted(&mut self, request: u32, slots: Vec<(SlotRef, Arc<Member>)>) {
        let located = |(slot, member): (SlotRef, Arc<Member>)| {
            let location = member.location(slot);
            self.members.insert(slot.registration, member);
            (slot, location)
        };
        let slots = slots.into_iter().map(located).collect();
        self.happened(Event::SlotsGranted { request, slots });
    }

    fn task_changed(&mut self, changed: TaskChanged) -> Acknowledged {
        let is_known = self.is_current(changed.leader, &changed);
        let is_at_end = changed.end_of_data && is_known;
        let attempt = changed.attempt;
        if changed.leader == self.setup.leader {
            self.happened(Event::TaskChanged(Box::new(TaskChange {
                registration: changed.registration,
                attempt: changed.attempt,
                state: changed.state,
                failure: changed.failure,
                parts: changed.parts,
                counters: changed.counters,
            })));
        }
        if is_at_end {
            self.coordinate(coordinator::Event::EndOfData(attempt));
        }
        match is_known {
            true => Acknowledged::Taken,
            false => Acknowledged::Stale,
        }
    }

    fn is_current(&self, leader: LeaderId, changed: &TaskChanged) -> bool {
        let (attempt, registration) = (changed.attempt, changed.registration);
        leader == self.setup.leader && self.setup.scheduler.is_current(attempt, registration)
    }

    fn next_split(&mut self, ask: NextSplit) -> Result<Option<SplitData>, String> {
        let is_current = self
            .setup
            .scheduler
            .is_current(ask.attempt, ask.registration);
        if ask.leader != self.setup.leader || !is_current {
            return Err(format!("attempt {} does not count any more", ask.attempt));
        }
        Ok(self.splits.next(Subtask {
            vertex: ask.attempt.vertex,
            index: ask.attempt.subtask,
        }))
    }

    /// Hands an event to the scheduler and does what it says.
    fn happened(&mut self, event: Event) {
        if self.is_over {
            return;
        }
        let before = self.setup.scheduler.status();
        let actions = self.setup.scheduler.handle(event, now(&self.setup.clock));
        let status = self.setup.scheduler.status();
        if status != before {
            let job_id = self.setup.description.job;
            tracing::info!(%job_id, from = %before, to = %status, "job changes its state");
        }
        self.stale = Stale::Tasks;
        for action in actions {
            self.perform(action);
        }
        self.observe();
    }

    fn fire_timers(&mut self) {
        let now = self.setup.clock.monotonic();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let timer = entry.remove();
            self.happened(Event::Timer(timer));
        }
    }

    fn due(&self) -> Duration {
        let timer = self.timers.keys().next().map(|(due, _)| *due);
        let checkpoint = self.checkpoints.coordinator.next_wakeup();
        let checkpoint = checkpoint.filter(|_| !self.is_over);
        let dues = [timer, self.picture_due(), checkpoint];
        dues.into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::MAX / 4)
    }

    fn picture_due(&self) -> Option<Duration> {
        let interval = match self.stale {
            Stale::No => return None,
            _ if self.setup.scheduler.status() != self.pictured => Duration::ZERO,
            Stale::Numbers => NUMBERS_INTERVAL,
            Stale::Tasks => CHANGES_INTERVAL,
        };
        Some(self.pictured_at + interval)
    }

    fn publish_if_due(&mut self) {
        let now = self.setup.clock.monotonic();
        let is_due = self.picture_due().is_some_and(|due| due <= now);
        if is_due || (self.is_over && self.stale != Stale::No) {
            self.stale = Stale::No;
            self.pictured = self.setup.scheduler.status();
            self.pictured_at = now;
            let mut picture = self.setup.scheduler.picture();
            picture.checkpoints = Arc::new(self.checkpoints.view());
            self.setup.views.send_replace(Arc::new(picture));
        }
    }
}

/// The name of a sink, for errors.
fn sink_name(graph: &JobGraph, sink: OperatorId) -> String {
    graph.operator(sink).name.clone()
}
