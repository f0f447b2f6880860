//! Which operator state a subtask gets back after a restart.
//!
//! Called by the executor. Pure. Invariant: with unchanged parallelism a subtask gets its own state back;
//! of a union list it gets the parts of all. With another parallelism keyed state and timers go to the owner of
//! their key, lists are divided, and of broadcast state each gets one of the copies (semantics §4.5, §5).

use std::collections::BTreeMap;

use super::event_time::Timers;
use super::host::{Rows, Seat};
use super::wiring;
use crate::bindings::exports::wasmill::dataflow::job::{JobGraph, StateKind};
use crate::host::{Blobs, OperatorState, blobs_iter, empty_blobs};
use crate::keyed::key_hash;

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

/// What a job under test had done when it was taken; [`Job::restore`](super::Job::restore) goes on from it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) graph: JobGraph,
    pub(super) clock: i64,
    /// What the hosts kept, by the operator that heads the chain.
    pub(super) kept: BTreeMap<u32, Kept>,
    /// The operator states of each subtask, by operator.
    pub(super) states: BTreeMap<u32, Vec<Vec<OperatorState>>>,
    /// The splits of sources of the bundle.
    pub(super) splits: BTreeMap<u32, Blobs>,
}

/// Keyed state and timers.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub(super) rows: Rows,
    pub(super) timers: Timers,
}

impl Snapshot {
    /// What belongs to a subtask with these operators.
    pub(super) fn share(
        &self,
        graph: &JobGraph,
        operators: &[u32],
        seat: Seat,
    ) -> (Vec<OperatorState>, Kept) {
        let of = operators.iter().filter_map(|id| self.states.get(id));
        let states = of.flat_map(|subtasks| share_of(graph, subtasks, seat));
        let is_mine = |key: &[u8]| {
            let (hash, max) = (key_hash(key), seat.max_parallelism);
            wiring::owner(hash, seat.parallelism, max) == seat.subtask
        };
        let mut kept = operators
            .first()
            .and_then(|head| self.kept.get(head))
            .cloned();
        if let Some(kept) = &mut kept {
            kept.rows.retain(|(_, key, _), _| is_mine(key));
            kept.timers.retain(is_mine);
        }
        (states.collect(), kept.unwrap_or_default())
    }

    /// The splits of a source.
    pub(super) fn splits(&self, operator: u32) -> Option<Blobs> {
        self.splits.get(&operator).cloned()
    }
}

/// What a subtask gets of the states that the subtasks of an operator had.
fn share_of(graph: &JobGraph, subtasks: &[Vec<OperatorState>], seat: Seat) -> Vec<OperatorState> {
    let (subtask, parallelism) = (seat.subtask as usize, seat.parallelism as usize);
    let all = subtasks.iter().flatten();
    let copy = &subtasks[subtask % subtasks.len().max(1)];
    let broadcast = copy
        .iter()
        .filter(|it| kind(graph, it) == Some(StateKind::Broadcast));
    let unions = all.clone().filter(|it| is_union(graph, it));
    let mut shares: Vec<OperatorState> = broadcast.chain(unions).cloned().collect();
    let mut lists: BTreeMap<(u32, u32), Vec<&[u8]>> = BTreeMap::new();
    for state in all.filter(|it| kind(graph, it) == Some(StateKind::OperatorList)) {
        let items = lists.entry((state.operator, state.state)).or_default();
        items.extend(blobs_iter(&state.items));
    }
    for ((operator, state), found) in lists {
        let mut items = empty_blobs();
        let bound = |subtask: usize| found.len() * subtask / parallelism;
        for item in &found[bound(subtask)..bound(subtask + 1)] {
            items.data.extend_from_slice(item);
            items.ends.push(items.data.len() as u32);
        }
        shares.push(OperatorState {
            operator,
            state,
            items,
        });
    }
    shares
}

fn kind(graph: &JobGraph, state: &OperatorState) -> Option<StateKind> {
    let specs = &graph.operators[state.operator as usize].states;
    let spec = specs.iter().find(|spec| spec.id == state.state);
    spec.map(|spec| spec.kind)
}

fn is_union(graph: &JobGraph, state: &OperatorState) -> bool {
    kind(graph, state) == Some(StateKind::OperatorUnion)
}
