//! The job graph: chains as vertices, and the edges between them. Step 2 of this crate.
//!
//! A vertex is what a task runs; `task` and the scheduler read it. Invariants: each operator is in
//! exactly one vertex; vertices and the operators in them are in topological order; a vertex's id is its
//! index; only the first operator of a vertex reads from other vertices.

use serde::Serialize;
use wasmill_types::id::{EdgeId, OperatorId, VertexId};
use wasmill_types::job::{OperatorKind, Partitioning};

use crate::logical::{Edge, LogicalGraph, Operator};
use crate::{Format, OperatorUid};

/// Chains of operators and the edges between them.
#[derive(Debug, Clone, PartialEq)]
pub struct JobGraph {
    /// The job's name.
    pub name: String,
    /// The chains, upstream before downstream; a vertex's id is its index.
    pub vertices: Vec<Vertex>,
    logical: LogicalGraph,
    /// All edges by id, those inside a chain too.
    edges: Vec<JobEdge>,
    /// The vertex of each operator, by the operator's place in the logical graph.
    vertex_of: Vec<VertexId>,
}

/// A chain of operators, which one task runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vertex {
    /// Identifies the vertex within the job.
    pub id: VertexId,
    /// Identifies the vertex in plans and over REST: the state id of its first operator.
    pub uid: OperatorUid,
    /// The names of its operators, joined as Flink does: `Source: a -> (b -> c, Sink: d)`.
    pub name: String,
    /// Its operators, upstream before downstream; the first is the head.
    pub operators: Vec<OperatorId>,
    /// The number of subtasks.
    pub parallelism: u32,
    /// The number of key groups: the head's, since only the head can be keyed.
    pub max_parallelism: u32,
    /// Vertices of different groups never share a slot.
    pub slot_sharing_group: String,
    /// Subtasks of equal index with the same constraint share a slot.
    pub co_location: Option<String>,
    /// The edges inside, ascending.
    pub chained: Vec<EdgeId>,
    /// The edges from other vertices, ascending.
    pub inputs: Vec<EdgeId>,
    /// The edges to other vertices, ascending.
    pub outputs: Vec<EdgeId>,
    /// Whether the head works by key.
    pub is_keyed: bool,
}

/// A stream between operators, with the vertices that they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JobEdge {
    /// The edge's id, as in the logical graph.
    pub id: EdgeId,
    /// The vertex that writes.
    pub from: VertexId,
    /// The vertex that reads; the same for an edge inside a chain.
    pub to: VertexId,
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

impl JobGraph {
    /// Fuses the operators of a logical graph into chains.
    pub fn from_logical(logical: &LogicalGraph) -> Self {
        let mut vertex_of: Vec<VertexId> = Vec::with_capacity(logical.operators().len());
        let mut vertices: Vec<Vertex> = Vec::new();
        for operator in logical.operators() {
            let head = logical.head(operator.id);
            if head == operator.id {
                let id = VertexId(vertices.len() as u32);
                vertices.push(Vertex::new(id, operator));
                vertex_of.push(id);
            } else {
                let vertex = vertex_of[logical.place(head)];
                vertices[vertex.0 as usize].operators.push(operator.id);
                vertex_of.push(vertex);
            }
        }
        let vertex = |operator| vertex_of[logical.place(operator)];
        let edges: Vec<JobEdge> = logical
            .edges()
            .iter()
            .map(|edge| JobEdge::new(edge, vertex(edge.upstream), vertex(edge.downstream)))
            .collect();
        for edge in &edges {
            if edge.is_chained() {
                vertices[edge.from.0 as usize].chained.push(edge.id);
            } else {
                vertices[edge.from.0 as usize].outputs.push(edge.id);
                vertices[edge.to.0 as usize].inputs.push(edge.id);
            }
        }
        for vertex in &mut vertices {
            vertex.name = chain_name(logical, vertex.operators[0]);
        }
        Self {
            name: logical.name().to_owned(),
            vertices,
            logical: logical.clone(),
            edges,
            vertex_of,
        }
    }

    /// The edges between vertices, ascending.
    pub fn edges(&self) -> impl Iterator<Item = &JobEdge> {
        self.edges.iter().filter(|edge| !edge.is_chained())
    }

    /// The edge with this id, between vertices or inside one; the id must be one of the graph's.
    pub fn edge(&self, id: EdgeId) -> &JobEdge {
        &self.edges[id.0 as usize]
    }

    /// The operator with this id, which must be one of the graph's.
    pub fn operator(&self, id: OperatorId) -> &Operator {
        self.logical.operator(id)
    }

    /// The vertex with this id, which must be one of the graph's.
    pub fn vertex(&self, id: VertexId) -> &Vertex {
        &self.vertices[id.0 as usize]
    }

    /// The vertex that runs an operator, whose id must be one of the graph's.
    pub fn vertex_of(&self, operator: OperatorId) -> VertexId {
        self.vertex_of[self.logical.place(operator)]
    }

    /// The logical graph behind this one.
    pub fn logical(&self) -> &LogicalGraph {
        &self.logical
    }
}

impl Vertex {
    /// A vertex of its head only, without name and edges.
    fn new(id: VertexId, head: &Operator) -> Self {
        Self {
            id,
            uid: head.state_id,
            name: String::new(),
            operators: vec![head.id],
            parallelism: head.parallelism,
            max_parallelism: head.max_parallelism,
            slot_sharing_group: head.slot_sharing_group.clone(),
            co_location: head.co_location.clone(),
            chained: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            is_keyed: head.is_keyed,
        }
    }

    /// The operator that reads from other vertices, or is a source.
    pub fn head(&self) -> OperatorId {
        self.operators[0]
    }
}

impl JobEdge {
    fn new(edge: &Edge, from: VertexId, to: VertexId) -> Self {
        Self {
            id: edge.id,
            from,
            to,
            upstream: edge.upstream,
            output: edge.output,
            downstream: edge.downstream,
            input: edge.input,
            partitioning: edge.partitioning,
            format: edge.format,
        }
    }

    /// Whether both ends run in one task: an edge back into the same chain would be a cycle.
    pub fn is_chained(&self) -> bool {
        self.from == self.to
    }
}

/// What is still to be written of a chain's name.
enum Part {
    Text(&'static str),
    Operator(OperatorId),
}

/// Joins the names of a chain. A stack of our own, since a chain may be as long as the job.
fn chain_name(logical: &LogicalGraph, head: OperatorId) -> String {
    let mut name = String::new();
    let mut rest = vec![Part::Operator(head)];
    while let Some(part) = rest.pop() {
        let id = match part {
            Part::Text(text) => {
                name.push_str(text);
                continue;
            }
            Part::Operator(id) => id,
        };
        push_operator_name(&mut name, logical.operator(id));
        let edges = logical.outputs(id).iter().map(|edge| logical.edge(*edge));
        let readers: Vec<OperatorId> = edges
            .filter(|edge| logical.is_chained(edge))
            .map(|edge| edge.downstream)
            .collect();
        let branches = readers.len() > 1;
        if branches {
            rest.push(Part::Text(")"));
        }
        for (index, reader) in readers.into_iter().enumerate().rev() {
            rest.push(Part::Operator(reader));
            rest.push(Part::Text(match index {
                0 if branches => " -> (",
                0 => " -> ",
                _ => ", ",
            }));
        }
    }
    name
}

/// An operator's name, with what it is where that is not plain processing.
fn push_operator_name(name: &mut String, operator: &Operator) {
    let prefix = match &operator.kind {
        OperatorKind::SourceConnector(_) | OperatorKind::GuestSource => "Source: ",
        OperatorKind::SinkConnector(_) => "Sink: ",
        OperatorKind::Guest => "",
    };
    if !operator.name.starts_with(prefix) {
        name.push_str(prefix);
    }
    name.push_str(&operator.name);
}

#[cfg(test)]
mod tests;
