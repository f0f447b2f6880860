//! Where the subtasks of a job run, seen from one process. Pure.

use std::collections::HashSet;

use wasmill_graph::JobGraph;
use wasmill_types::id::VertexId;

/// Where a subtask runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this process.
    Here,
    /// In another process, by its number.
    At(u16),
    /// Nowhere: it does not run together with the others.
    Nowhere,
}

/// Where each subtask of a job runs, by its number in the execution graph.
#[derive(Debug, Clone)]
pub struct Places {
    /// The number of each vertex's first subtask.
    first: Vec<u32>,
    places: Vec<Place>,
}

impl Places {
    /// All subtasks are here.
    pub fn all_here(graph: &JobGraph) -> Self {
        let (first, count) = numbers(graph);
        Self {
            first,
            places: vec![Place::Here; count],
        }
    }

    /// The places of a process that runs `here`; for each subtask of the job, `elsewhere` has the
    /// process that runs it, if any does. None when that is not one entry for each.
    pub fn new(
        graph: &JobGraph,
        here: impl IntoIterator<Item = (VertexId, u32)>,
        elsewhere: &[Option<u16>],
    ) -> Option<Self> {
        let (first, count) = numbers(graph);
        if elsewhere.len() != count {
            return None;
        }
        let exists = |&(vertex, subtask): &(VertexId, u32)| {
            let vertex = graph.vertices.get(vertex.0 as usize);
            vertex.is_some_and(|vertex| subtask < vertex.parallelism)
        };
        let here: HashSet<_> = here.into_iter().collect();
        if !here.iter().all(exists) {
            return None;
        }
        let mut places: Vec<Place> = elsewhere
            .iter()
            .map(|place| place.map_or(Place::Nowhere, Place::At))
            .collect();
        for (vertex, subtask) in here {
            places[(first[vertex.0 as usize] + subtask) as usize] = Place::Here;
        }
        Some(Self { first, places })
    }

    /// Where a subtask of the job runs.
    pub fn of(&self, vertex: VertexId, subtask: u32) -> Place {
        self.places[(self.first[vertex.0 as usize] + subtask) as usize]
    }
}

/// The number of each vertex's first subtask, and of all subtasks.
fn numbers(graph: &JobGraph) -> (Vec<u32>, usize) {
    let mut count = 0;
    let first = graph.vertices.iter().map(|vertex| {
        let first = count;
        count += vertex.parallelism;
        first
    });
    (first.collect(), count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::graph::graph;

    #[test]
    fn what_runs_here_is_here_and_the_rest_is_where_it_is_said_to_be() {
        let graph = graph("n:gen*2 =rebalance=> k*3", |_, _| Vec::new());
        let (first, second) = (VertexId(0), VertexId(1));
        let elsewhere = [Some(1), Some(0), Some(1), None, Some(0)];
        let places = Places::new(&graph, [(first, 1), (second, 2)], &elsewhere).unwrap();
        let found = [
            (first, 0),
            (first, 1),
            (second, 0),
            (second, 1),
            (second, 2),
        ]
        .map(|(vertex, subtask)| places.of(vertex, subtask));
        let expected = [
            Place::At(1),
            Place::Here,
            Place::At(1),
            Place::Nowhere,
            Place::Here,
        ];
        assert_eq!(found, expected);
        assert_eq!(Places::all_here(&graph).of(second, 2), Place::Here);
    }

    #[test]
    fn places_that_do_not_fit_the_graph_are_none() {
        let graph = graph("n:gen*2", |_, _| Vec::new());
        let vertex = VertexId;
        for (here, elsewhere) in [
            (vec![], vec![None]),
            (vec![], vec![None; 3]),
            (vec![(vertex(0), 2)], vec![None; 2]),
            (vec![(vertex(1), 0)], vec![None; 2]),
        ] {
            assert!(
                Places::new(&graph, here.clone(), &elsewhere).is_none(),
                "{here:?}"
            );
        }
    }
}
