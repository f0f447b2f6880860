//! What happens to a job: pure decisions, from events to actions.
//!
//! The JobMaster feeds it with everything that it hears and does what it is told. Follow a job: `deploy`
//! asks for slots, prepares and deploys; `failover` stops and starts again what a failure has met;
//! `finish` makes output visible or removes it and ends the job; `tasks` has the attempts. Invariants: states
//! change along the edges of `types::status` only; a subtask has at most one attempt that may be running;
//! output is committed only when every task has finished, and whatever else was staged is discarded; one
//! failover is under way at a time, and what fails meanwhile belongs to it.

mod deploy;
mod failover;
mod finish;
mod picture;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wasmill_graph::{ExecutionGraph, JobGraph, RegionId, Subtask};
use wasmill_rpc::protocol::{JobDescription, PartData, TaskCounters, TaskPlace};
use wasmill_types::id::{AttemptId, OperatorId, RegistrationId};
use wasmill_types::{ExecutionState, FailureCause, JobStatus};

use crate::history::History;
use crate::restart::Restart;
use crate::slots::{Demand, SharedSlots, SlotRef};
use crate::view::Location;

use finish::Committing;
use tasks::Tasks;

/// How patient the scheduler is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a task may take to stop.
    pub(crate) cancellation: Duration,
    /// How often the commit of a sink is tried.
    pub(crate) commit_tries: u32,
    /// The time before the second try; each further one waits twice as long.
    pub(crate) commit_delay: Duration,
}

/// The time of an event, on both clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Now {
    /// Milliseconds since the epoch, for people.
    pub(crate) ms: i64,
    /// For delays.
    pub(crate) monotonic: Duration,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The JobMaster runs.
    Start,
    /// A request for slots is served.
    SlotsGranted {
        /// The request.
        request: u32,
        /// The slots, in any order.
        slots: Vec<(SlotRef, Location)>,
    },
    /// A request for slots waits; the text says for what.
    SlotsMissing {
        /// The request.
        request: u32,
        /// What is missing.
        missing: String,
    },
    /// A request for slots has waited too long.
    SlotsRefused {
        /// The request.
        request: u32,
        /// What was missing.
        missing: String,
    },
    /// Sources and sinks are prepared, or not.
    Prepared {
        /// Which preparation.
        number: u32,
        /// How it ended.
        result: Result<(), FailureCause>,
    },
    /// A deployment was taken by a TaskManager, or not.
    Deployed {
        /// The TaskManager.
        registration: RegistrationId,
        /// The attempts.
        attempts: Vec<AttemptId>,
        /// How it ended.
        result: Result<(), FailureCause>,
    },
    /// A TaskManager tells of an attempt.
    TaskChanged(Box<TaskChange>),
    /// A TaskManager is gone, with all that ran there.
    TaskManagerLost {
        /// Its registration.
        registration: RegistrationId,
        /// Why, as part of a sentence.
        reason: String,
    },
    /// The output of a sink is visible, or not.
    Committed {
        /// The sink.
        sink: OperatorId,
        /// How it ended.
        result: Result<(), String>,
    },
    /// Parts are removed, or could not be.
    Discarded(Result<(), String>),
    /// A timer has run out.
    Timer(Timer),
    /// The whole job has to start again.
    Fail(FailureCause),
    /// The user wants the job to end.
    Cancel,
    /// The JobManager ends.
    Suspend,
}

/// What a TaskManager tells of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskChange {
    /// Who tells.
    pub(crate) registration: RegistrationId,
    /// The attempt.
    pub(crate) attempt: AttemptId,
    /// Its state.
    pub(crate) state: ExecutionState,
    /// Why it failed.
    pub(crate) failure: Option<FailureCause>,
    /// What it has staged.
    pub(crate) parts: Vec<PartData>,
    /// Its counters.
    pub(crate) counters: TaskCounters,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Asks for slots, to be answered by one of the events.
    RequestSlots {
        /// The number of the request.
        request: u32,
        /// How many.
        slots: usize,
        /// How many the job has already.
        held: usize,
        /// What each must offer.
        demand: Demand,
    },
    /// Takes a request back.
    WithdrawSlots(u32),
    /// Gives slots back.
    ReturnSlots(Vec<SlotRef>),
    /// Gives a slot up whose task does not stop.
    GiveUpSlot(SlotRef),
    /// Prepares sources and sinks.
    Prepare {
        /// The number of the preparation.
        number: u32,
        /// What starts, if other regions of the job run.
        only: Option<Vec<Subtask>>,
    },
    /// Gives the splits of these subtasks out again.
    TakeBackSplits(Vec<Subtask>),
    /// Starts tasks.
    Deploy(Deployment),
    /// Stops tasks.
    Cancel {
        /// Where they run.
        registration: RegistrationId,
        /// The attempts.
        attempts: Vec<AttemptId>,
    },
    /// Makes the output of a sink visible.
    Commit {
        /// The sink.
        sink: OperatorId,
        /// All of it.
        parts: Vec<PartData>,
    },
    /// Removes staged output.
    Discard {
        /// What was staged.
        parts: Vec<PartData>,
        /// Whether [`Event::Discarded`] is waited for.
        is_awaited: bool,
    },
    /// Tells the scheduler after some time.
    StartTimer(Timer, Duration),
    /// The job is over; nothing more comes.
    End,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The delay before the restart of this number.
    Restart(u32),
    /// Attempts that are being stopped may have taken too long.
    Cancellation,
    /// The next try to commit a sink.
    Commit(OperatorId),
}

/// Tasks that start together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// The number of the deployment within the job.
    pub(crate) run: u32,
    /// The tasks by TaskManager; the one that has the first task comes first.
    pub(crate) shares: Vec<Share>,
    /// For each subtask of the job the index of its share, if it is part of this.
    pub(crate) places: Vec<Option<u16>>,
}

/// The tasks that start on one TaskManager, those of upstream vertices first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) registration: RegistrationId,
    pub(crate) tasks: Vec<TaskPlace>,
}

/// What is going on with the tasks that do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All run, or have finished.
    Running,
    /// Some are being stopped, to start again.
    Stopping { is_delay_over: bool },
    /// They wait for slots.
    Slots,
    /// Their sources and sinks are being prepared.
    Preparing,
    /// All have finished and the output is being made visible.
    Committing,
}

/// A slot of the job.
type Grant = Option<(SlotRef, Location)>;

/// The scheduler of one job.
#[derive(Debug)]
pub(crate) struct Scheduler {
    description: Arc<JobDescription>,
    graph: Arc<JobGraph>,
    execution: ExecutionGraph,
    patience: Patience,
    demand: Demand,
    restart: Restart,
    status: JobStatus,
    reached: BTreeMap<JobStatus, i64>,
    tasks: Tasks,
    /// By the number of the shared slot.
    grants: Vec<Grant>,
    /// The shared slots that the request of number `request` is for.
    requested: Vec<usize>,
    request: u32,
    /// The regions that do not run yet.
    pending: BTreeSet<RegionId>,
    phase: Phase,
    preparation: u32,
    is_prepared: bool,
    run: u32,
    restarts: u32,
    history: History,
    /// Discards that are under way.
    discards: u32,
    commits: Committing,
    waiting_for: Option<String>,
    now: Now,
    actions: Vec<Action>,
}

impl Scheduler {
    /// The scheduler of a job that was just accepted.
    pub(crate) fn new(
        description: Arc<JobDescription>,
        graph: Arc<JobGraph>,
        restart: Restart,
        patience: Patience,
        now: Now,
    ) -> Self {
        let execution = ExecutionGraph::expand(&graph);
        let slots = SharedSlots::of(&graph);
        let tasks = Tasks::new(description.job, &graph, &execution, &slots, now.ms);
        Self {
            demand: slots.demand(&graph, &description.settings),
            grants: vec![None; slots.len()],
            pending: execution.regions().iter().map(|region| region.id).collect(),
            description,
            graph,
            execution,
            patience,
            restart,
            status: JobStatus::Initializing,
            reached: BTreeMap::from([(JobStatus::Initializing, now.ms)]),
            tasks,
            requested: Vec::new(),
            request: 0,
            phase: Phase::Slots,
            preparation: 0,
            is_prepared: false,
            run: 0,
            restarts: 0,
            history: History::default(),
            discards: 0,
            commits: Committing::default(),
            waiting_for: None,
            now,
            actions: Vec::new(),
        }
    }

    /// Takes an event and says what to do, in this order.
    pub(crate) fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        self.now = now;
        match event {
            Event::Start => self.start(),
            Event::SlotsGranted { request, slots } => self.granted(request, slots),
            Event::SlotsMissing { request, missing } => self.missing(request, missing),
            Event::SlotsRefused { request, missing } => self.refused(request, missing),
            Event::Prepared { number, result } => self.prepared(number, result),
            Event::Deployed {
                registration,
                attempts,
                result,
            } => self.deployed(registration, &attempts, result),
            Event::TaskChanged(change) => self.task_changed(*change),
            Event::TaskManagerLost {
                registration,
                reason,
            } => self.task_manager_lost(registration, &reason),
            Event::Committed { sink, result } => self.committed(sink, result),
            Event::Discarded(result) => self.discarded(result),
            Event::Timer(timer) => self.timer(timer),
            Event::Fail(cause) => self.fail_all(cause),
            Event::Cancel => self.cancel(),
            Event::Suspend => self.suspend(),
        }
        self.proceed();
        std::mem::take(&mut self.actions)
    }

    /// Notes the counters of an attempt; those of attempts that do not count any more are left out.
    pub(crate) fn count(&mut self, attempt: AttemptId, counters: TaskCounters) {
        if let Some(task) = self.tasks.of_attempt(attempt) {
            task.current.counters = counters;
        }
    }

    /// Whether an attempt is the one of its subtask that counts, and runs at that TaskManager.
    pub(crate) fn is_current(&self, attempt: AttemptId, registration: RegistrationId) -> bool {
        let task = self.tasks.find(attempt);
        task.is_some_and(|task| task.registration() == Some(registration))
    }

    /// The attempts that count, with their states, in the order of the execution graph.
    pub(crate) fn states(&self) -> impl Iterator<Item = (AttemptId, ExecutionState)> {
        let tasks = self.tasks.iter();
        tasks.map(|task| (task.current.id, task.state()))
    }

    /// Where an attempt runs, if it counts.
    pub(crate) fn place_of(&self, attempt: AttemptId) -> Option<RegistrationId> {
        self.tasks.find(attempt)?.registration()
    }

    /// The job's state.
    pub(crate) fn status(&self) -> JobStatus {
        self.status
    }

    fn start(&mut self) {
        if self.status == JobStatus::Initializing {
            self.turn(JobStatus::Created);
            self.acquire();
        }
    }

    /// Does what has become possible.
    fn proceed(&mut self) {
        match self.status {
            JobStatus::Finished
            | JobStatus::Failed
            | JobStatus::Canceled
            | JobStatus::Suspended => {}
            JobStatus::Failing | JobStatus::Cancelling => self.end_when_stopped(),
            JobStatus::Initializing
            | JobStatus::Created
            | JobStatus::Running
            | JobStatus::Restarting
            | JobStatus::Reconciling => match self.phase {
                Phase::Stopping { is_delay_over } => self.restart_when_stopped(is_delay_over),
                Phase::Running => self.commit_when_finished(),
                Phase::Slots | Phase::Preparing | Phase::Committing => {}
            },
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Restart(number) => {
                if let Phase::Stopping { is_delay_over } = &mut self.phase
                    && number == self.restarts
                {
                    *is_delay_over = true;
                }
            }
            Timer::Cancellation => self.give_up_late(),
            Timer::Commit(sink) => self.commit_again(sink),
        }
    }

    /// What went wrong before the job could go on.
    pub(crate) fn remember(&mut self, history: History) {
        self.history = history;
    }

    fn turn(&mut self, next: JobStatus) {
        assert!(
            self.status.can_become(next),
            "a job does not go from {} to {next}",
            self.status
        );
        self.status = next;
        self.reached.insert(next, self.now.ms);
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
pub(crate) mod tests;
