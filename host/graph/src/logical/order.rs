//! The topological order of operators, or the cycle that prevents one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wasmill_types::job::JobSpec;

use super::links::Links;
use super::operators::name_of;
use crate::GraphError;

/// The operators, upstream before downstream; of those that could be next, the program's first.
///
/// The order is part of state ids (`operator_uid`), so it depends on nothing but the graph.
pub(super) fn topological(spec: &JobSpec, links: &Links) -> Result<Vec<usize>, GraphError> {
    let mut missing: Vec<usize> = links.inputs.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..missing.len())
        .filter(|index| missing[*index] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for edge in &links.outputs[index] {
            let reader = links.ends[*edge].1;
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if order.len() == spec.operators.len() {
        return Ok(order);
    }
    let cycle = find_cycle(links, &missing);
    let names = cycle.iter().map(|index| name_of(&spec.operators[*index]));
    Err(GraphError::Cycle(names.collect()))
}

/// A cycle among the operators that still miss an input, in the direction of the stream.
///
/// Each of them has an input from another one of them, so walking upstream from any must come back to
/// an operator that was seen.
fn find_cycle(links: &Links, missing: &[usize]) -> Vec<usize> {
    let mut step_of: Vec<Option<usize>> = vec![None; missing.len()];
    let mut walk = Vec::new();
    let mut next = missing.iter().position(|count| *count > 0);
    while let Some(index) = next {
        if let Some(first) = step_of[index] {
            let mut cycle = walk.split_off(first);
            cycle.reverse();
            return cycle;
        }
        step_of[index] = Some(walk.len());
        walk.push(index);
        let mut writers = links.inputs[index].iter().map(|edge| links.ends[*edge].0);
        next = writers.find(|writer| missing[*writer] > 0);
    }
    walk
}
