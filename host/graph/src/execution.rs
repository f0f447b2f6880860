//! The execution graph: subtasks and who sends to whom. Step 3 of this crate.
//!
//! Read by whoever deploys subtasks and wires their channels. Invariants: a channel belongs to one edge,
//! one producer subtask and one consumer subtask; `consumers` and `producers` are two views of the same
//! channels; each subtask is in exactly one region. Channels are computed when asked for, not stored:
//! there are up to millions of them.

mod regions;
mod wiring;

use std::collections::BTreeMap;
use std::ops::Range;

use wasmill_types::id::{EdgeId, VertexId};

use crate::job::{JobEdge, JobGraph};

pub use regions::{Region, RegionId};
pub use wiring::Wiring;

/// The subtasks of a job and the channels between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionGraph {
    vertices: Vec<ExecutionVertex>,
    edges: BTreeMap<EdgeId, ExecutionEdge>,
    regions: Vec<Region>,
    /// The region of each subtask, by its number (`ExecutionVertex::first`).
    region_of: Vec<RegionId>,
    slots_needed: u32,
}

/// A vertex, multiplied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionVertex {
    /// The vertex of the job graph.
    pub id: VertexId,
    /// How many subtasks it has.
    pub parallelism: u32,
    /// How many key groups its subtasks share.
    pub max_parallelism: u32,
    /// The number of its first subtask among all of the job's.
    first: u32,
}

/// One of the parallel instances of a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subtask {
    /// The vertex.
    pub vertex: VertexId,
    /// Which instance, from 0.
    pub index: u32,
}

/// An edge between vertices with what its channels are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ExecutionEdge {
    from: VertexId,
    to: VertexId,
    wiring: Wiring,
    producers: u32,
    consumers: u32,
}

impl ExecutionVertex {
    /// The subtasks.
    pub fn subtasks(&self) -> impl Iterator<Item = Subtask> + use<> {
        let vertex = self.id;
        (0..self.parallelism).map(move |index| Subtask { vertex, index })
    }

    /// The key groups that a subtask owns (semantics §5.2).
    pub fn key_groups(&self, subtask: u32) -> Range<u32> {
        wasmill_types::key_group::range(subtask, self.parallelism, self.max_parallelism)
    }
}

impl ExecutionGraph {
    /// Multiplies the vertices of a job graph by their parallelism.
    pub fn expand(job: &JobGraph) -> Self {
        let mut first = 0;
        let mut vertices = Vec::with_capacity(job.vertices.len());
        for vertex in &job.vertices {
            vertices.push(ExecutionVertex {
                id: vertex.id,
                parallelism: vertex.parallelism,
                max_parallelism: vertex.max_parallelism,
                first,
            });
            first += vertex.parallelism;
        }
        let edges: BTreeMap<EdgeId, ExecutionEdge> = job
            .edges()
            .map(|edge| (edge.id, ExecutionEdge::new(job, edge)))
            .collect();
        let (regions, region_of) = regions::find(&vertices, edges.values(), first);
        Self {
            vertices,
            edges,
            regions,
            region_of,
            slots_needed: slots_needed(job),
        }
    }

    /// The vertices, upstream before downstream; a vertex's id is its index.
    pub fn vertices(&self) -> &[ExecutionVertex] {
        &self.vertices
    }

    /// All subtasks, those of upstream vertices first.
    pub fn subtasks(&self) -> impl Iterator<Item = Subtask> + '_ {
        self.vertices.iter().flat_map(ExecutionVertex::subtasks)
    }

    /// How an edge between vertices is wired.
    pub fn wiring(&self, edge: EdgeId) -> Wiring {
        self.edge(edge).wiring
    }

    /// The subtasks that read what a producer subtask writes to an edge between vertices.
    ///
    /// The producer's channel `i` of the edge leads to the consumer `start + i` of the range.
    pub fn consumers(&self, edge: EdgeId, producer_subtask: u32) -> Range<u32> {
        let edge = self.edge(edge);
        edge.wiring
            .consumers(producer_subtask, edge.producers, edge.consumers)
    }

    /// The subtasks that write what a consumer subtask reads from an edge between vertices.
    ///
    /// The consumer's channel `i` of the edge comes from the producer `start + i` of the range.
    pub fn producers(&self, edge: EdgeId, consumer_subtask: u32) -> Range<u32> {
        let edge = self.edge(edge);
        edge.wiring
            .producers(consumer_subtask, edge.producers, edge.consumers)
    }

    /// How many channels the job has.
    pub fn channels(&self) -> u64 {
        let channels = |edge: &ExecutionEdge| edge.wiring.channels(edge.producers, edge.consumers);
        self.edges.values().map(channels).sum()
    }

    /// The pipelined regions: what must be scheduled, and restarted, together (semantics §12.1).
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The region of a subtask.
    pub fn region_of(&self, subtask: Subtask) -> RegionId {
        let vertex = &self.vertices[subtask.vertex.0 as usize];
        assert!(
            subtask.index < vertex.parallelism,
            "the subtask is one of the graph's"
        );
        self.region_of[(vertex.first + subtask.index) as usize]
    }

    /// How many slots the job needs: per slot-sharing group, as many as its widest vertex has subtasks
    /// (semantics §6.4).
    pub fn slots_needed(&self) -> u32 {
        self.slots_needed
    }

    fn edge(&self, id: EdgeId) -> &ExecutionEdge {
        let edge = self.edges.get(&id);
        edge.expect("the caller has the id of an edge between vertices from this graph")
    }
}

impl ExecutionEdge {
    fn new(job: &JobGraph, edge: &JobEdge) -> Self {
        Self {
            from: edge.from,
            to: edge.to,
            wiring: Wiring::of(edge.partitioning),
            producers: job.vertex(edge.from).parallelism,
            consumers: job.vertex(edge.to).parallelism,
        }
    }
}

fn slots_needed(job: &JobGraph) -> u32 {
    let mut widest: BTreeMap<&str, u32> = BTreeMap::new();
    for vertex in &job.vertices {
        let slots = widest.entry(&vertex.slot_sharing_group).or_default();
        *slots = (*slots).max(vertex.parallelism);
    }
    widest.values().sum()
}

#[cfg(test)]
mod tests;
