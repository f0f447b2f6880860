//! Pipelined regions: subtasks that are connected by channels, however indirectly.
//!
//! Every exchange is pipelined, so a region is a connected component. Invariant: regions are numbered by
//! their first subtask, and list their subtasks upstream first.

use wasmill_types::id::VertexId;

use super::{ExecutionEdge, ExecutionVertex, Subtask, Wiring};

/// Subtasks that must be scheduled, and restarted, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Identifies the region within the job; its index.
    pub id: RegionId,
    /// The subtasks, those of upstream vertices first.
    pub subtasks: Vec<Subtask>,
}

/// The index of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionId(pub u32);

/// Finds the regions, and the region of each of `count` subtasks by number.
pub(super) fn find<'a>(
    vertices: &[ExecutionVertex],
    edges: impl Iterator<Item = &'a ExecutionEdge>,
    count: u32,
) -> (Vec<Region>, Vec<RegionId>) {
    let mut sets = Sets::new(count);
    let first = |vertex: VertexId| vertices[vertex.0 as usize].first;
    for edge in edges {
        let (from, to) = (first(edge.from), first(edge.to));
        match edge.wiring {
            Wiring::AllToAll => {
                // The first consumer reads every producer, and the first producer feeds every consumer.
                (0..edge.producers).for_each(|producer| sets.join(from + producer, to));
                (0..edge.consumers).for_each(|consumer| sets.join(from, to + consumer));
            }
            Wiring::Pointwise => {
                for consumer in 0..edge.consumers {
                    let producers = edge
                        .wiring
                        .producers(consumer, edge.producers, edge.consumers);
                    producers.for_each(|producer| sets.join(from + producer, to + consumer));
                }
            }
        }
    }
    let mut regions: Vec<Region> = Vec::new();
    let mut region_of: Vec<RegionId> = Vec::with_capacity(count as usize);
    for subtask in vertices.iter().flat_map(ExecutionVertex::subtasks) {
        let number = region_of.len() as u32;
        let root = sets.root(number);
        // The root of a set is its smallest member, so its region is known by now.
        let id = if root == number {
            let id = RegionId(regions.len() as u32);
            regions.push(Region {
                id,
                subtasks: Vec::new(),
            });
            id
        } else {
            region_of[root as usize]
        };
        regions[id.0 as usize].subtasks.push(subtask);
        region_of.push(id);
    }
    (regions, region_of)
}

/// Disjoint sets of numbers; the smallest number of a set is its root.
struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    fn new(count: u32) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    /// The root of a number's set; halves the path, so that long paths are walked once.
    fn root(&mut self, mut number: u32) -> u32 {
        loop {
            let parent = self.parents[number as usize];
            if parent == number {
                return number;
            }
            let grandparent = self.parents[parent as usize];
            self.parents[number as usize] = grandparent;
            number = grandparent;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}
