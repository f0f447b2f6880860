//! Edges with both ends found, and the rules that concern one edge.
//!
//! Invariant: everything here is indexed by the program's order of operators and edges.

use std::collections::BTreeMap;

use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::{EdgeSpec, JobSpec, OperatorKind, Partitioning};

use super::Edge;
use super::operators::name_of;
use crate::Format;
use crate::error::{EdgeName, GraphError};

/// Which edge connects what.
#[derive(Debug)]
pub(super) struct Links {
    /// The edges, partitioned as the program said.
    pub(super) edges: Vec<Edge>,
    /// The writer and the reader of each edge.
    pub(super) ends: Vec<(usize, usize)>,
    /// The edges into each operator, ascending.
    pub(super) inputs: Vec<Vec<usize>>,
    /// The edges out of each operator, ascending.
    pub(super) outputs: Vec<Vec<usize>>,
}

impl Links {
    /// Finds the ends of all edges and checks each edge by itself.
    pub(super) fn new(spec: &JobSpec) -> Result<Self, GraphError> {
        let places: BTreeMap<OperatorId, usize> = spec
            .operators
            .iter()
            .enumerate()
            .map(|(index, operator)| (operator.id, index))
            .collect();
        let mut links = Self {
            edges: Vec::with_capacity(spec.edges.len()),
            ends: Vec::with_capacity(spec.edges.len()),
            inputs: vec![Vec::new(); spec.operators.len()],
            outputs: vec![Vec::new(); spec.operators.len()],
        };
        for (index, edge) in spec.edges.iter().enumerate() {
            let find = |direction, operator| {
                let place = places.get(&operator).copied();
                place.ok_or(GraphError::Dangling {
                    edge: EdgeId(index as u32),
                    direction,
                    operator,
                })
            };
            let ends = (
                find("comes from", edge.upstream)?,
                find("goes to", edge.downstream)?,
            );
            let format = check_edge(spec, index, edge, ends)?;
            links.inputs[ends.1].push(index);
            links.outputs[ends.0].push(index);
            links.ends.push(ends);
            links.edges.push(Edge {
                id: EdgeId(index as u32),
                upstream: edge.upstream,
                output: edge.output,
                downstream: edge.downstream,
                input: edge.input,
                partitioning: edge.partitioning,
                format,
            });
        }
        Ok(links)
    }
}

fn check_edge(
    spec: &JobSpec,
    index: usize,
    edge: &EdgeSpec,
    (upstream, downstream): (usize, usize),
) -> Result<Format, GraphError> {
    let name = || {
        Box::new(EdgeName {
            id: EdgeId(index as u32),
            upstream: name_of(&spec.operators[upstream]),
            downstream: name_of(&spec.operators[downstream]),
        })
    };
    let fault = |fault| {
        Err(GraphError::Edge {
            edge: name(),
            fault,
        })
    };
    let (writer, reader) = (
        &spec.operators[upstream].kind,
        &spec.operators[downstream].kind,
    );
    if reader.is_source() {
        return fault("goes into a source; a source reads no stream");
    }
    match writer {
        OperatorKind::SinkConnector(_) => {
            return fault(
                "comes out of a sink; connect its reader to the operator before the sink",
            );
        }
        OperatorKind::SourceConnector(_) if edge.output != 0 => {
            return fault("comes from a side output, but a connector has only output 0");
        }
        OperatorKind::SourceConnector(_) if needs_code(edge.partitioning) => {
            return Err(GraphError::SourcePartitioning {
                edge: name(),
                partitioning: edge.partitioning,
            });
        }
        OperatorKind::SourceConnector(_) | OperatorKind::Guest | OperatorKind::GuestSource => {}
    }
    if matches!(reader, OperatorKind::SinkConnector(_)) && edge.input != 0 {
        return fault("goes into a second input, but a connector has only input 0");
    }
    Format::of_name(&edge.format).ok_or_else(|| GraphError::UnknownFormat {
        edge: name(),
        format: edge.format.clone(),
    })
}

/// Whether only code of the bundle knows a record's subtask: it computes the hash or the choice.
fn needs_code(partitioning: Partitioning) -> bool {
    matches!(partitioning, Partitioning::Hash | Partitioning::Custom)
}
