//! What the tasks of one vertex consist of: which operators the host runs, which the bundle, and what
//! is connected to what. Pure.
//!
//! A chain is a source connector or nothing, then operators of the bundle or none, then sinks of the
//! host. Invariants: the outputs of the operators come first in `outputs`, in the order in which the bundle
//! numbers them; a vertex has a source or inputs from other vertices, never both.

use wasmill_graph::{JobGraph, Vertex};
use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::{ConnectorSpec, OperatorKind};

/// What the tasks of one vertex consist of.
#[derive(Debug, Default)]
pub struct VertexPlan {
    /// The source connector at the head.
    pub source: Option<OperatorId>,
    /// The operators that the bundle runs.
    pub guests: Vec<OperatorId>,
    /// Whether the first of them makes records itself.
    pub has_guest_source: bool,
    /// The inputs of the operators: edges from other vertices, or from the source connector.
    pub inputs: Vec<EdgeId>,
    /// Where records leave the operators.
    pub outputs: Vec<PlannedOutput>,
    /// How many of `outputs` are the operators': the bundle's, or those of a task without its code that
    /// hands on what comes in.
    pub operator_outputs: usize,
    /// Which inputs the source connector feeds.
    pub source_inputs: Vec<u32>,
    /// Which outputs the source connector feeds as it is.
    pub source_outputs: Vec<u32>,
}

/// Where records leave the operators of a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedOutput {
    /// Over an edge to another vertex.
    Edge(EdgeId),
    /// Into a sink of the host in the same task; the edge is the one that leads to it, if there is one.
    Sink(OperatorId, Option<EdgeId>),
}

impl VertexPlan {
    /// The plan of a vertex.
    pub fn new(job: &JobGraph, vertex: &Vertex) -> Self {
        let mut plan = Self::default();
        for &id in &vertex.operators {
            match &job.operator(id).kind {
                OperatorKind::SourceConnector(_) => plan.source = Some(id),
                OperatorKind::Guest => plan.guests.push(id),
                OperatorKind::GuestSource => {
                    plan.has_guest_source = true;
                    plan.guests.push(id);
                }
                OperatorKind::SinkConnector(_) => {}
            }
        }
        plan.inputs.clone_from(&vertex.inputs);
        let mut leaving: Vec<EdgeId> = vertex
            .chained
            .iter()
            .chain(&vertex.outputs)
            .copied()
            .collect();
        leaving.sort_unstable();
        plan.add_guest_outputs(job, &leaving);
        plan.add_source_edges(job, &leaving);
        let head = vertex.head();
        if is_sink(job, head) {
            plan.outputs.push(PlannedOutput::Sink(head, None));
            plan.operator_outputs = 1;
        }
        plan
    }

    fn add_guest_outputs(&mut self, job: &JobGraph, leaving: &[EdgeId]) {
        for &id in leaving {
            let edge = job.edge(id);
            let stays = self.guests.contains(&edge.downstream) && edge.is_chained();
            if self.guests.contains(&edge.upstream) && !stays {
                self.outputs.push(planned(job, id));
            }
        }
        self.operator_outputs = self.outputs.len();
    }

    fn add_source_edges(&mut self, job: &JobGraph, leaving: &[EdgeId]) {
        let Some(source) = self.source else { return };
        for &id in leaving
            .iter()
            .filter(|id| job.edge(**id).upstream == source)
        {
            if job.edge(id).is_chained() && self.guests.contains(&job.edge(id).downstream) {
                self.source_inputs.push(self.inputs.len() as u32);
                self.inputs.push(id);
            } else {
                self.source_outputs.push(self.outputs.len() as u32);
                self.outputs.push(planned(job, id));
            }
        }
    }

    /// The sinks of the vertex.
    pub fn sinks(&self) -> impl Iterator<Item = OperatorId> + '_ {
        self.outputs.iter().filter_map(|output| match output {
            PlannedOutput::Sink(sink, _) => Some(*sink),
            PlannedOutput::Edge(_) => None,
        })
    }
}

impl PlannedOutput {
    /// The edge behind the output.
    pub fn edge(self) -> Option<EdgeId> {
        match self {
            Self::Edge(edge) => Some(edge),
            Self::Sink(_, edge) => edge,
        }
    }
}

/// The connector of an operator that the host runs.
pub fn connector(job: &JobGraph, id: OperatorId) -> Option<&ConnectorSpec> {
    match &job.operator(id).kind {
        OperatorKind::SourceConnector(spec) | OperatorKind::SinkConnector(spec) => Some(spec),
        OperatorKind::Guest | OperatorKind::GuestSource => None,
    }
}

fn planned(job: &JobGraph, id: EdgeId) -> PlannedOutput {
    let edge = job.edge(id);
    if edge.is_chained() && is_sink(job, edge.downstream) {
        PlannedOutput::Sink(edge.downstream, Some(id))
    } else {
        PlannedOutput::Edge(id)
    }
}

fn is_sink(job: &JobGraph, id: OperatorId) -> bool {
    matches!(job.operator(id).kind, OperatorKind::SinkConnector(_))
}

#[cfg(test)]
mod tests;
