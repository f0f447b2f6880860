//! The subtasks of a job with their attempts.
//!
//! Invariants: a task's number is its place in the execution graph, upstream before downstream; an attempt
//! changes its state along legal edges only; a new attempt begins only when the one before has ended.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use wasmill_graph::{ExecutionGraph, JobGraph, RegionId, Subtask};
use wasmill_rpc::protocol::{PartData, TaskCounters};
use wasmill_types::id::{AttemptId, JobId, RegistrationId};
use wasmill_types::{ExecutionState, FailureCause};

use super::Now;
use crate::slots::{SharedSlots, SlotRef};
use crate::view::{AttemptView, KEPT_ATTEMPTS, Location};

/// All subtasks of a job.
#[derive(Debug)]
pub(super) struct Tasks {
    all: Vec<Task>,
    /// By vertex, the number of its first subtask.
    first: Vec<usize>,
}

/// A subtask.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) subtask: Subtask,
    pub(super) region: RegionId,
    /// The number of the shared slot that it runs in.
    pub(super) slot: usize,
    /// The attempt that counts.
    pub(super) current: AttemptView,
    /// The attempts before, newest first.
    pub(super) previous: VecDeque<AttemptView>,
    /// Where the current attempt runs.
    place: Option<SlotRef>,
    /// What the current attempt has staged.
    pub(super) parts: Vec<PartData>,
    /// Since when the current attempt is being stopped.
    stopping_since: Option<Duration>,
}

impl Tasks {
    pub(super) fn new(
        job: JobId,
        graph: &JobGraph,
        execution: &ExecutionGraph,
        slots: &SharedSlots,
        now_ms: i64,
    ) -> Self {
        let mut first = Vec::with_capacity(graph.vertices.len());
        let mut all = Vec::new();
        for vertex in execution.vertices() {
            first.push(all.len());
            let group = &graph.vertex(vertex.id).slot_sharing_group;
            all.extend(vertex.subtasks().map(|subtask| {
                let attempt = AttemptId {
                    job,
                    vertex: subtask.vertex,
                    subtask: subtask.index,
                    attempt: 0,
                };
                Task {
                    subtask,
                    region: execution.region_of(subtask),
                    slot: slots.slot_of(group, subtask.index),
                    current: created(attempt, now_ms),
                    previous: VecDeque::new(),
                    place: None,
                    parts: Vec::new(),
                    stopping_since: None,
                }
            }));
        }
        Self { all, first }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Task> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.all.iter_mut()
    }

    /// The tasks of a vertex, whose index must be one of the graph's.
    pub(super) fn of_vertex(&self, vertex: usize) -> &[Task] {
        let end = self.first.get(vertex + 1).copied();
        &self.all[self.first[vertex]..end.unwrap_or(self.all.len())]
    }

    /// The task whose current attempt this is.
    pub(super) fn find(&self, attempt: AttemptId) -> Option<&Task> {
        let task = self.all.get(self.number(attempt)?)?;
        (task.current.id == attempt).then_some(task)
    }

    /// The task whose current attempt this is.
    pub(super) fn of_attempt(&mut self, attempt: AttemptId) -> Option<&mut Task> {
        let number = self.number(attempt)?;
        let task = self.all.get_mut(number)?;
        (task.current.id == attempt).then_some(task)
    }

    /// The number of an attempt's subtask. The id comes from outside: one of no subtask may get the number
    /// of another, whose attempt is not that one.
    fn number(&self, attempt: AttemptId) -> Option<usize> {
        let first = self.first.get(attempt.vertex.0 as usize)?;
        first.checked_add(attempt.subtask as usize)
    }
}

impl Task {
    pub(super) fn state(&self) -> ExecutionState {
        self.current.state
    }

    /// Whether the current attempt may be running somewhere.
    pub(super) fn is_live(&self) -> bool {
        match self.state() {
            ExecutionState::Created
            | ExecutionState::Scheduled
            | ExecutionState::Finished
            | ExecutionState::Canceled
            | ExecutionState::Failed => false,
            ExecutionState::Deploying
            | ExecutionState::Initializing
            | ExecutionState::Running
            | ExecutionState::Canceling
            | ExecutionState::Reconciling => true,
        }
    }

    pub(super) fn place(&self) -> Option<SlotRef> {
        self.place
    }

    pub(super) fn registration(&self) -> Option<RegistrationId> {
        self.place.map(|place| place.registration)
    }

    /// Since when the current attempt is being stopped, if it is.
    pub(super) fn stopping_since(&self) -> Option<Duration> {
        let is_stopping = self.state() == ExecutionState::Canceling;
        self.stopping_since.filter(|_| is_stopping)
    }

    pub(super) fn turn(&mut self, next: ExecutionState, now: Now) {
        let attempt = &mut self.current;
        assert!(
            attempt.state.can_become(next),
            "attempt {} does not go from {} to {next}",
            attempt.id,
            attempt.state
        );
        attempt.state = next;
        attempt.reached.insert(next, now.ms);
        if next == ExecutionState::Canceling {
            self.stopping_since = Some(now.monotonic);
        }
    }

    pub(super) fn fail(&mut self, cause: FailureCause, now: Now) {
        self.turn(ExecutionState::Failed, now);
        self.current.failure = Some(cause);
    }

    pub(super) fn deploy(&mut self, place: SlotRef, location: Location, now: Now) {
        self.turn(ExecutionState::Deploying, now);
        self.place = Some(place);
        self.current.location = Some(location);
    }

    /// Begins a new attempt, unless the current one has never been sent anywhere.
    pub(super) fn begin_again(&mut self, now: Now) {
        assert!(!self.is_live(), "{} may be running", self.current.id);
        assert!(self.parts.is_empty(), "what was staged is gone");
        if !self.state().is_terminal() {
            return;
        }
        let mut id = self.current.id;
        id.attempt += 1;
        let previous = std::mem::replace(&mut self.current, created(id, now.ms));
        self.previous.push_front(previous);
        self.previous.truncate(KEPT_ATTEMPTS);
        self.place = None;
        self.stopping_since = None;
    }
}

fn created(id: AttemptId, now_ms: i64) -> AttemptView {
    AttemptView {
        id,
        state: ExecutionState::Created,
        reached: BTreeMap::from([(ExecutionState::Created, now_ms)]),
        location: None,
        counters: TaskCounters::default(),
        failure: None,
    }
}
