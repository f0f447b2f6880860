//! The job as the coordinator sees it: its operators, its tasks and their states, and which of them take
//! part in a checkpoint.
//!
//! Invariant: a checkpoint's plan names each subtask once, as running or as finished.

use std::collections::BTreeMap;

use wasmill_graph::{ExecutionGraph, JobGraph, Operator, OperatorUid, Subtask, Vertex};
use wasmill_types::id::{AttemptId, JobId, VertexId};
use wasmill_types::job::StateKind;
use wasmill_types::status::ExecutionState;

use crate::metadata::{OperatorSnapshot, describe_states};

/// The job's shape.
#[derive(Debug)]
pub struct Topology {
    graph: JobGraph,
    execution: ExecutionGraph,
}

/// Who takes part in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// The tasks that must answer.
    pub(super) running: BTreeMap<Subtask, AttemptId>,
    /// The tasks that had finished.
    pub(super) finished: Vec<Subtask>,
    /// The tasks where it starts.
    pub(super) starts: Vec<AttemptId>,
}

/// The states of all tasks.
#[derive(Debug)]
pub(super) struct Tasks {
    job: JobId,
    /// By vertex, then subtask.
    states: Vec<Vec<Task>>,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    attempt: u32,
    state: ExecutionState,
    end_of_data: bool,
}

impl Topology {
    /// The shape of a job.
    pub fn new(graph: &JobGraph) -> Self {
        Self {
            execution: ExecutionGraph::expand(graph),
            graph: graph.clone(),
        }
    }

    /// The vertices.
    pub(super) fn vertices(&self) -> &[Vertex] {
        &self.graph.vertices
    }

    /// Whether an operator belongs to a vertex.
    pub(super) fn has(&self, vertex: VertexId, uid: OperatorUid) -> bool {
        let operators = &self.graph.vertex(vertex).operators;
        operators
            .iter()
            .any(|id| self.graph.operator(*id).state_id == uid)
    }

    /// The operators of a vertex, without state yet.
    pub(super) fn operators(
        &self,
        vertex: &Vertex,
    ) -> impl Iterator<Item = (OperatorSnapshot, bool)> {
        let operators = vertex.operators.iter();
        operators.map(|id| Self::blank(self.graph.operator(*id)))
    }

    /// Whether sources are read, whose splits the JobMaster has.
    pub(super) fn has_sources(&self) -> bool {
        let operators = self.graph.logical().operators();
        operators.iter().any(|operator| operator.kind.is_source())
    }

    /// An operator without state, and whether it keeps union lists (semantics §9.7).
    fn blank(operator: &Operator) -> (OperatorSnapshot, bool) {
        let snapshot = OperatorSnapshot {
            uid: operator.state_id,
            name: operator.name.clone(),
            parallelism: operator.parallelism,
            max_parallelism: operator.max_parallelism,
            states: describe_states(operator),
            coordinator: None,
            subtasks: BTreeMap::new(),
            finished: std::collections::BTreeSet::new(),
        };
        let mut kinds = operator.states.iter().map(|state| state.kind);
        let has_union = kinds.any(|kind| kind == StateKind::OperatorUnion);
        (snapshot, has_union)
    }
}

impl Tasks {
    /// All tasks before their first attempt.
    pub(super) fn new(job: JobId, topology: &Topology) -> Self {
        let task = Task {
            attempt: 0,
            state: ExecutionState::Created,
            end_of_data: false,
        };
        let vertices = topology.vertices().iter();
        Self {
            job,
            states: vertices
                .map(|vertex| vec![task; vertex.parallelism as usize])
                .collect(),
        }
    }

    /// Notes an attempt's state; false for a message of an attempt that was replaced or is not the job's.
    pub(super) fn changed(&mut self, attempt: AttemptId, state: ExecutionState) -> bool {
        let Some(task) = self.task_mut(attempt) else {
            return false;
        };
        if attempt.attempt < task.attempt {
            return false;
        }
        if attempt.attempt > task.attempt {
            task.attempt = attempt.attempt;
            task.end_of_data = false;
        }
        task.state = state;
        true
    }

    /// Notes that the operators of an attempt have finished. Says whether those of all tasks have now.
    pub(super) fn end_of_data(&mut self, attempt: AttemptId) -> bool {
        let Some(task) = self.task_mut(attempt) else {
            return false;
        };
        if task.attempt == attempt.attempt {
            task.end_of_data = true;
        }
        self.all_at_end()
    }

    /// Whether the operators of all tasks have finished, and some task still waits.
    pub(super) fn all_at_end(&self) -> bool {
        let finished = |task: &Task| task.state == ExecutionState::Finished;
        let mut tasks = self.states.iter().flatten();
        let all = tasks.all(|task| task.end_of_data || finished(task));
        all && !self.states.iter().flatten().all(finished)
    }

    /// The attempts that run.
    pub(super) fn running(&self) -> Vec<AttemptId> {
        let all = self.all();
        all.filter(|(_, task)| task.state == ExecutionState::Running)
            .map(|(subtask, task)| self.attempt(subtask, task))
            .collect()
    }

    /// Whether all have ended, and if so, whether all finished.
    pub(super) fn ended(&self) -> Option<bool> {
        let mut tasks = self.states.iter().flatten();
        let ended = self
            .states
            .iter()
            .flatten()
            .all(|task| task.state.is_terminal());
        ended.then(|| tasks.all(|task| task.state == ExecutionState::Finished))
    }

    /// Who takes part in a checkpoint now, or why there can be none (semantics §7.3, §9.6).
    pub(super) fn plan(&self, topology: &Topology, after_finish: bool) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for (subtask, task) in self.all() {
            match task.state {
                ExecutionState::Running => {
                    plan.running.insert(subtask, self.attempt(subtask, task));
                }
                ExecutionState::Finished => plan.finished.push(subtask),
                other => {
                    let name = &topology.graph.vertex(subtask.vertex).name;
                    return Err(format!("subtask {} of `{name}` is {other}", subtask.index));
                }
            }
        }
        if plan.running.is_empty() {
            return Err("all tasks have finished".to_owned());
        }
        if !plan.finished.is_empty() && !after_finish {
            return Err(
                "some tasks have finished, and `checkpoints-after-tasks-finish` is off".to_owned(),
            );
        }
        let running = plan.running.iter();
        let starts = running.filter(|(subtask, _)| !self.has_running_producer(topology, **subtask));
        plan.starts = starts.map(|(_, attempt)| *attempt).collect();
        Ok(plan)
    }

    fn has_running_producer(&self, topology: &Topology, subtask: Subtask) -> bool {
        let vertex = topology.graph.vertex(subtask.vertex);
        vertex.inputs.iter().any(|edge| {
            let upstream = topology.graph.edge(*edge).from;
            let producers = topology.execution.producers(*edge, subtask.index);
            let tasks = &self.states[upstream.0 as usize];
            let tasks = &tasks[producers.start as usize..producers.end as usize];
            // In a job without finished tasks the first look answers, so the whole costs one per edge.
            tasks
                .iter()
                .any(|task| task.state == ExecutionState::Running)
        })
    }

    fn all(&self) -> impl Iterator<Item = (Subtask, &Task)> {
        let vertices = (0..).map(VertexId).zip(&self.states);
        vertices.flat_map(|(vertex, tasks)| {
            let subtasks = (0..).zip(tasks);
            subtasks.map(move |(index, task)| (Subtask { vertex, index }, task))
        })
    }

    fn attempt(&self, subtask: Subtask, task: &Task) -> AttemptId {
        AttemptId {
            job: self.job,
            vertex: subtask.vertex,
            subtask: subtask.index,
            attempt: task.attempt,
        }
    }

    fn task_mut(&mut self, attempt: AttemptId) -> Option<&mut Task> {
        if attempt.job != self.job {
            return None;
        }
        let vertex = self.states.get_mut(attempt.vertex.0 as usize)?;
        vertex.get_mut(attempt.subtask as usize)
    }
}
