//! Which operator state a subtask gets back after a restart.
//!
//! Called by the executor. Pure. Invariant: with unchanged parallelism a subtask gets its own state back;
//! of a union list it gets the parts of all.

use crate::bindings::exports::wasmill::dataflow::job::{JobGraph, StateKind};
use crate::host::OperatorState;

/// What the subtask with the states `own` and these operators gets back of a snapshot.
pub(super) fn given_back(
    graph: &JobGraph,
    operators: &[u32],
    own: &[OperatorState],
    snapshot: &[Vec<OperatorState>],
) -> Vec<OperatorState> {
    let own = own.iter().filter(|state| !is_union(graph, state));
    let unions = snapshot.iter().flatten();
    let unions =
        unions.filter(|state| operators.contains(&state.operator) && is_union(graph, state));
    own.chain(unions).cloned().collect()
}

fn is_union(graph: &JobGraph, state: &OperatorState) -> bool {
    let specs = &graph.operators[state.operator as usize].states;
    let spec = specs.iter().find(|spec| spec.id == state.state);
    spec.is_some_and(|spec| spec.kind == StateKind::OperatorUnion)
}
