//! Which subtask of a job gets which part of a snapshot: restore, at any parallelism.
//!
//! Called by the JobMaster before it deploys, with the snapshot's metadata (made absolute) and the job that
//! is to start. Split by kind: `matching` (operators and their states), `lists` (operator state, splits,
//! committables), `in_flight`. Pure. Invariants: every key group is given to the subtask that owns it;
//! each element of an evenly split list, each split and each committable to exactly one subtask; whatever
//! does not fit is an error that names it.

mod in_flight;
mod lists;
mod matching;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmill_graph::{JobGraph, OperatorUid};
use wasmill_types::job::Partitioning;
use wasmill_types::key_group;

use crate::handles::{EdgeUid, KeyedState, SplitPosition};
use crate::metadata::{Metadata, OperatorSnapshot, StateDescription};

pub use in_flight::{Filter, InFlightPart};
pub use lists::{CommittablePart, ListPart};
pub use matching::RestoreError;

/// A job that is to start from a snapshot.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its operators.
    pub operators: Vec<NewOperator>,
    /// Its edges between operators of different vertices.
    pub edges: Vec<NewEdge>,
}

/// An operator of a job that is to start.
#[derive(Debug, Clone)]
pub struct NewOperator {
    /// What ties it to its state.
    pub uid: OperatorUid,
    /// Its name, for messages.
    pub name: String,
    /// The uid that the program gave it, for messages.
    pub given_uid: Option<String>,
    /// How many subtasks it has.
    pub parallelism: u32,
    /// How many key groups.
    pub max_parallelism: u32,
    /// Whether the program named that number.
    pub max_parallelism_is_explicit: bool,
    /// The states that it declares.
    pub states: Vec<StateDescription>,
}

/// An edge of a job that is to start.
#[derive(Debug, Clone, Copy)]
pub struct NewEdge {
    /// Its ends.
    pub uid: EdgeUid,
    /// How records are spread over the reader's subtasks.
    pub partitioning: Partitioning,
}

/// Who gets what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The operators for which there is something.
    pub operators: BTreeMap<OperatorUid, OperatorAssignment>,
    /// The names of operators whose state is left behind, as was allowed.
    pub left_behind: Vec<String>,
}

/// What one operator gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAssignment {
    /// The number of key groups that it must have: that of the snapshot.
    pub max_parallelism: u32,
    /// Whether it had finished; then it is not run, and only the end passes (semantics §9.6).
    pub finished: bool,
    /// What the JobMaster kept for it.
    pub coordinator: Option<Vec<u8>>,
    /// The new number of each state by its old one; rows of other states are left out.
    pub state_ids: BTreeMap<u32, u32>,
    /// What each subtask gets, by index.
    pub subtasks: Vec<RestoredState>,
}

/// What one subtask of an operator gets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestoredState {
    /// Keyed state and timers: read only the key groups named, some of which the state may have.
    pub keyed: Vec<KeyedPart>,
    /// Operator state by name, in order.
    pub lists: BTreeMap<String, Vec<ListPart>>,
    /// Positions of a source.
    pub splits: Vec<SplitPosition>,
    /// What a sink commits at once (semantics §10.4).
    pub committables: Vec<CommittablePart>,
    /// What was in flight to it, to be processed before anything else.
    pub in_flight: Vec<InFlightPart>,
}

/// Keyed state, and which part of it to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedPart {
    /// The state.
    pub state: KeyedState,
    /// The key groups to read.
    pub key_groups: Range<u32>,
}

impl NewJob {
    /// The operators and edges of a job graph.
    pub fn new(graph: &JobGraph) -> Self {
        let uid = |id| graph.operator(id).state_id;
        let operators = graph
            .logical()
            .operators()
            .iter()
            .map(|operator| NewOperator {
                uid: operator.state_id,
                name: operator.name.clone(),
                given_uid: operator.uid.clone(),
                parallelism: operator.parallelism,
                max_parallelism: operator.max_parallelism,
                max_parallelism_is_explicit: operator.max_parallelism_is_explicit,
                states: crate::metadata::describe_states(operator),
            });
        let edges = graph.edges().map(|edge| NewEdge {
            uid: EdgeUid {
                upstream: uid(edge.upstream),
                output: edge.output,
                downstream: uid(edge.downstream),
                input: edge.input,
            },
            partitioning: edge.partitioning,
        });
        Self {
            operators: operators.collect(),
            edges: edges.collect(),
        }
    }
}

impl Assignment {
    /// Assigns the state of a snapshot to a job.
    ///
    /// # Errors
    /// See [`RestoreError`]; state that no operator of the job takes is one unless `allow_non_restored`.
    pub fn new(
        snapshot: &Metadata,
        job: &NewJob,
        allow_non_restored: bool,
    ) -> Result<Self, RestoreError> {
        let matched = matching::operators(snapshot, job, allow_non_restored)?;
        let mut operators = BTreeMap::new();
        for (old, new) in &matched.pairs {
            let assignment = assign_operator(old, new)?;
            operators.insert(new.uid, assignment);
        }
        in_flight::assign(snapshot, job, &mut operators, allow_non_restored)?;
        Ok(Self {
            operators,
            left_behind: matched.left_behind,
        })
    }
}

fn assign_operator(
    old: &OperatorSnapshot,
    new: &NewOperator,
) -> Result<OperatorAssignment, RestoreError> {
    let max_parallelism = matching::max_parallelism(old, new)?;
    let state_ids = matching::states(old, new)?;
    let finished = old.is_finished();
    let mut subtasks = vec![RestoredState::default(); new.parallelism as usize];
    if !finished {
        for (index, subtask) in (0..).zip(&mut subtasks) {
            let owned = key_group::range(index, new.parallelism, max_parallelism);
            subtask.keyed = keyed(old, &owned);
        }
        lists::assign(old, &mut subtasks);
    }
    Ok(OperatorAssignment {
        max_parallelism,
        finished,
        coordinator: old.coordinator.clone(),
        state_ids,
        subtasks,
    })
}

/// The parts of the old keyed state that have some of these key groups (semantics §5.5).
fn keyed(old: &OperatorSnapshot, owned: &Range<u32>) -> Vec<KeyedPart> {
    let states = old
        .subtasks
        .values()
        .filter_map(|state| state.keyed.as_ref());
    let parts = states.filter_map(|state| {
        let has = state.key_groups();
        let key_groups = has.start.max(owned.start)..has.end.min(owned.end);
        (!key_groups.is_empty()).then(|| KeyedPart {
            state: state.clone(),
            key_groups,
        })
    });
    parts.collect()
}

#[cfg(test)]
mod tests;
