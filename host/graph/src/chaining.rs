//! Which operators run in one task (semantics §6.1–6.2).
//!
//! Called by the check of the logical graph. Invariant: a chain is a tree; its head is the only operator
//! of it that may have several inputs, inputs by key, or inputs from other tasks.

use wasmill_types::job::{Chaining, Partitioning};

use crate::logical::{Edge, LogicalGraph, Operator};

/// The place of the head of each operator's chain, by the operator's place in topological order.
pub(crate) fn heads(graph: &LogicalGraph) -> Vec<usize> {
    let operators = graph.operators();
    let mut heads: Vec<usize> = Vec::with_capacity(operators.len());
    for (place, operator) in operators.iter().enumerate() {
        // An operator with several input edges, a union too, always heads its chain.
        let head = match graph.inputs(operator.id) {
            [edge] => {
                let edge = graph.edge(*edge);
                let upstream = graph.place(edge.upstream);
                let head = heads[upstream];
                may_chain(&operators[upstream], operator, edge, &operators[head]).then_some(head)
            }
            _ => None,
        };
        heads.push(head.unwrap_or(place));
    }
    heads
}

/// Whether `reader` may join the chain of `writer`, whose head is `head`.
///
/// Equal parallelism is implied: the edge would not be forward otherwise. Different max parallelism
/// does not matter, as in Flink: key groups are those of the head. Beyond Flink, an operator with a
/// co-location constraint joins only a chain that has the same one; Flink would lose the constraint.
fn may_chain(writer: &Operator, reader: &Operator, edge: &Edge, head: &Operator) -> bool {
    edge.partitioning == Partitioning::Forward
        && writer.chaining != Chaining::Never
        && reader.chaining == Chaining::Always
        && writer.slot_sharing_group == reader.slot_sharing_group
        && (reader.co_location.is_none() || reader.co_location == head.co_location)
}

#[cfg(test)]
mod tests;
