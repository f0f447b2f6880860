//! Which operator state a subtask gets back after a restart.
//!
//! Called by the executor. Pure. Invariant: with unchanged parallelism a subtask gets its own state back;
//! of a union list it gets the parts of all.

use super::plan::Plan;
use super::task::Task;
use crate::bindings::exports::wasmill::dataflow::job::{JobGraph, StateKind};
use crate::host::OperatorState;

/// The states of a snapshot that every subtask gets.
pub(super) struct Unions(Vec<OperatorState>);

/// Finds the union lists among the states of all tasks.
pub(super) fn divide(graph: &JobGraph, states: &[Vec<OperatorState>]) -> Unions {
    let all = states.iter().flatten();
    Unions(
        all.filter(|state| is_union(graph, state))
            .cloned()
            .collect(),
    )
}

impl Unions {
    /// What a task gets back.
    pub(super) fn of(
        &self,
        index: usize,
        task: &Task,
        plan: &Plan,
        states: &[Vec<OperatorState>],
    ) -> Vec<OperatorState> {
        let own = states[index].iter();
        let own = own.filter(|state| !is_union(&plan.graph, state));
        let operators = &plan.vertices[task.vertex].operators;
        let shared = self.0.iter();
        let shared = shared.filter(|state| operators.contains(&state.operator));
        own.chain(shared).cloned().collect()
    }
}

fn is_union(graph: &JobGraph, state: &OperatorState) -> bool {
    let specs = &graph.operators[state.operator as usize].states;
    let spec = specs.iter().find(|spec| spec.id == state.state);
    spec.is_some_and(|spec| spec.kind == StateKind::OperatorUnion)
}
