//! What ties an operator to its state across versions of the program (semantics §8.2).
//!
//! The id of an operator with a uid is the XXH3-128 of the uid, so it survives every other change of the
//! program. Without one it is the seeded XXH3-128 of the operator's position: its place in topological
//! order, the number of readers chained to it, and the ids behind its inputs; it survives a restart of
//! the same program and little else. Invariants: ids are part of savepoints, so the functions here never
//! change; the ids of one graph differ.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::error::{GraphError, OperatorName};
use crate::logical::{LogicalGraph, Operator};

/// Keeps ids of positions apart from ids of uids.
const POSITION_SEED: u64 = 0x706f_7369_7469_6f6e;

/// The identity of an operator's state: 16 bytes, shown as 32 hexadecimal digits as Flink does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct OperatorUid(pub u128);

impl OperatorUid {
    /// The id of an operator whose uid is `uid`.
    pub fn of_uid(uid: &str) -> Self {
        Self(xxh3_128(uid.as_bytes()))
    }
}

impl fmt::Display for OperatorUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for OperatorUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for OperatorUid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The ids of a graph whose chains are known, in topological order.
pub(crate) fn of_graph(graph: &LogicalGraph) -> Result<Vec<OperatorUid>, GraphError> {
    let mut ids: Vec<OperatorUid> = Vec::with_capacity(graph.operators().len());
    let mut owners: BTreeMap<OperatorUid, &Operator> = BTreeMap::new();
    for operator in graph.operators() {
        let id = match &operator.uid {
            Some(uid) => OperatorUid::of_uid(uid),
            None => of_position(graph, operator, &ids),
        };
        // XXH3 is no cryptographic hash: a program can make two uids collide if it tries to.
        if let Some(first) = owners.insert(id, operator) {
            let name = |operator: &Operator| OperatorName {
                id: operator.id,
                name: operator.name.clone(),
            };
            return Err(GraphError::SameStateId {
                first: name(first),
                second: name(operator),
            });
        }
        ids.push(id);
    }
    Ok(ids)
}

/// The id of an operator without a uid; `before` holds the ids of those before it.
fn of_position(graph: &LogicalGraph, operator: &Operator, before: &[OperatorUid]) -> OperatorUid {
    let outputs = graph.outputs(operator.id).iter();
    let chained = outputs
        .filter(|edge| graph.is_chained(graph.edge(**edge)))
        .count();
    let mut inputs: Vec<_> = graph
        .inputs(operator.id)
        .iter()
        .map(|edge| graph.edge(*edge))
        .map(|edge| (edge.input, edge.output, before[graph.place(edge.upstream)]))
        .collect();
    // The program may list its edges in another order without meaning anything else.
    inputs.sort_unstable();
    let mut bytes = Vec::with_capacity(16 + inputs.len() * 24);
    bytes.extend((before.len() as u64).to_le_bytes());
    bytes.extend((chained as u64).to_le_bytes());
    for (input, output, upstream) in inputs {
        bytes.extend(input.to_le_bytes());
        bytes.extend(output.to_le_bytes());
        bytes.extend(upstream.0.to_le_bytes());
    }
    OperatorUid(xxh3_128_with_seed(&bytes, POSITION_SEED))
}

#[cfg(test)]
mod tests;
