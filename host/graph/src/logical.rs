//! The logical graph with every choice made: step 1 of this crate.
//!
//! Called by whoever has just described a bundle. Invariants of a [`LogicalGraph`]: its operators are in
//! topological order and all reachable from a source; parallelism ≤ max parallelism; a forward edge
//! connects equal parallelism; input indices of an operator are `0..n`; an operator with keyed state has
//! a hash input; the bounds of [`Limits`] hold.

mod inputs;
mod links;
mod operators;
mod order;
mod resolve;

use std::collections::BTreeMap;

use serde::Serialize;
use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::{Chaining, JobSpec, OperatorKind, Partitioning, StateSpec};

use crate::{Format, GraphError, Limits, OperatorUid, chaining, operator_uid};
use links::Links;

/// What the submitter of a job chooses.
#[derive(Debug, Clone)]
pub struct Options {
    /// The parallelism of operators that name none, in a program that names none either.
    pub parallelism: u32,
    /// How large the job may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: 1,
            limits: Limits::default(),
        }
    }
}

/// Operators and the edges between them, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct LogicalGraph {
    name: String,
    operators: Vec<Operator>,
    edges: Vec<Edge>,
    /// The place of each operator in `operators`.
    places: BTreeMap<OperatorId, usize>,
    /// The edges into each operator, by place; ascending.
    inputs: Vec<Vec<EdgeId>>,
    /// The edges out of each operator, by place; ascending.
    outputs: Vec<Vec<EdgeId>>,
    /// The place of the operator that heads each operator's chain, by place.
    heads: Vec<usize>,
}

/// One logical operator with every choice made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operator {
    /// Identifies the operator within the graph.
    pub id: OperatorId,
    /// The operator's name as people see it.
    pub name: String,
    /// What runs it.
    pub kind: OperatorKind,
    /// Whether it may be fused with its neighbours.
    pub chaining: Chaining,
    /// The states that it keeps.
    pub states: Vec<StateSpec>,
    /// The uid that the program gave.
    pub uid: Option<String>,
    /// Ties the operator to its state across versions of the program.
    pub state_id: OperatorUid,
    /// The number of subtasks.
    pub parallelism: u32,
    /// The number of key groups.
    pub max_parallelism: u32,
    /// Whether the program named `max_parallelism`; one that the host chose gives way to a savepoint's.
    pub max_parallelism_is_explicit: bool,
    /// Operators of different groups never share a slot.
    pub slot_sharing_group: String,
    /// Subtasks of equal index with the same constraint share a slot.
    pub co_location: Option<String>,
    /// Set where the operator makes watermarks, to the milliseconds between its probes; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark_interval: Option<u32>,
    /// Whether the operator works by key: the bundle runs it and an input is partitioned by hash.
    pub is_keyed: bool,
}

/// A stream from one operator to another with every choice made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The edge's index in the program's list.
    pub id: EdgeId,
    /// The operator that writes.
    pub upstream: OperatorId,
    /// Which of its outputs; 0 is the main one.
    pub output: u32,
    /// The operator that reads.
    pub downstream: OperatorId,
    /// Which of its inputs.
    pub input: u32,
    /// How records are spread.
    pub partitioning: Partitioning,
    /// How records are encoded.
    pub format: Format,
}

impl LogicalGraph {
    /// Checks a described graph and makes every choice that it leaves open.
    pub fn check(spec: JobSpec, options: &Options) -> Result<Self, GraphError> {
        check_size(&spec, &options.limits)?;
        operators::check(&spec)?;
        let links = Links::new(&spec)?;
        let order = order::topological(&spec, &links)?;
        inputs::check(&spec, &links)?;
        let resolved = resolve::operators(&spec, &links, &order, options)?;
        let edges = resolve::edges(&links, &resolved, &options.limits)?;
        let mut graph = Self::assemble(spec, &links, &order, resolved, edges);
        graph.heads = chaining::heads(&graph);
        let state_ids = operator_uid::of_graph(&graph)?;
        for (operator, id) in graph.operators.iter_mut().zip(state_ids) {
            operator.state_id = id;
        }
        Ok(graph)
    }

    /// Puts everything that is indexed by the program's order of operators into topological order.
    fn assemble(
        spec: JobSpec,
        links: &Links,
        order: &[usize],
        resolved: Vec<Operator>,
        edges: Vec<Edge>,
    ) -> Self {
        let mut by_index: Vec<Option<Operator>> = resolved.into_iter().map(Some).collect();
        let operators: Vec<Operator> = order
            .iter()
            .filter_map(|index| by_index[*index].take())
            .collect();
        assert_eq!(
            operators.len(),
            order.len(),
            "the order holds each operator once"
        );
        let ids = |edges: &[usize]| edges.iter().map(|edge| EdgeId(*edge as u32)).collect();
        Self {
            name: spec.name,
            places: operators
                .iter()
                .enumerate()
                .map(|(place, operator)| (operator.id, place))
                .collect(),
            inputs: order
                .iter()
                .map(|index| ids(&links.inputs[*index]))
                .collect(),
            outputs: order
                .iter()
                .map(|index| ids(&links.outputs[*index]))
                .collect(),
            heads: Vec::new(),
            operators,
            edges,
        }
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operators, upstream before downstream; where edges leave it open, in the program's order.
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// The edges; an edge's id is its index.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The operator with this id, which must be one of the graph's.
    pub fn operator(&self, id: OperatorId) -> &Operator {
        &self.operators[self.place(id)]
    }

    /// The edge with this id, which must be one of the graph's.
    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    /// The edges into an operator, ascending.
    pub fn inputs(&self, id: OperatorId) -> &[EdgeId] {
        &self.inputs[self.place(id)]
    }

    /// The edges out of an operator, ascending.
    pub fn outputs(&self, id: OperatorId) -> &[EdgeId] {
        &self.outputs[self.place(id)]
    }

    /// What ties an operator to its state across versions of the program (semantics §8.2).
    pub fn state_id(&self, id: OperatorId) -> OperatorUid {
        self.operator(id).state_id
    }

    /// The operator that heads the chain of an operator; its own id where it is the head.
    pub fn head(&self, id: OperatorId) -> OperatorId {
        self.operators[self.heads[self.place(id)]].id
    }

    /// Whether the two ends of an edge run in one chain.
    pub fn is_chained(&self, edge: &Edge) -> bool {
        self.head(edge.upstream) == self.head(edge.downstream)
    }

    /// The place of an operator in topological order.
    pub(crate) fn place(&self, id: OperatorId) -> usize {
        let place = self.places.get(&id);
        *place.expect("the caller has the id from this graph")
    }
}

/// Checks the bounds first, so that everything after works on few things.
fn check_size(spec: &JobSpec, limits: &Limits) -> Result<(), GraphError> {
    let sizes = [
        ("operators", spec.operators.len(), limits.operators),
        ("edges", spec.edges.len(), limits.edges),
    ];
    if let Some((what, count, limit)) = sizes.into_iter().find(|(_, count, limit)| count > limit) {
        return Err(GraphError::TooLarge {
            what,
            count: count as u64,
            limit: limit as u64,
        });
    }
    if spec.operators.is_empty() {
        return Err(GraphError::Empty);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
