//! Rules that concern all edges into one operator: numbering, formats, keys.

use wasmill_types::job::{JobSpec, OperatorSpec, Partitioning};

use super::Edge;
use super::links::Links;
use super::operators::name_of;
use crate::GraphError;

/// Checks the inputs of all operators.
pub(super) fn check(spec: &JobSpec, links: &Links) -> Result<(), GraphError> {
    for (operator, edges) in spec.operators.iter().zip(&links.inputs) {
        if edges.is_empty() && !operator.kind.is_source() {
            return Err(GraphError::NoInput(name_of(operator)));
        }
        let mut edges: Vec<&Edge> = edges.iter().map(|edge| &links.edges[*edge]).collect();
        edges.sort_by_key(|edge| (edge.input, edge.id));
        check_numbering(operator, &edges)?;
        check_formats(operator, &edges)?;
        check_keys(operator, &edges)?;
    }
    Ok(())
}

/// Whether an operator with these edges works by key. A sink does not, however records reach it.
pub(super) fn is_keyed<'a>(
    operator: &OperatorSpec,
    mut edges: impl Iterator<Item = &'a Edge>,
) -> bool {
    operator.kind.is_guest() && edges.any(|edge| edge.partitioning == Partitioning::Hash)
}

fn check_numbering(operator: &OperatorSpec, edges: &[&Edge]) -> Result<(), GraphError> {
    let mut next = 0;
    for edge in edges {
        if edge.input > next {
            return Err(GraphError::InputGap {
                operator: name_of(operator),
                missing: next,
                beyond: edge.input,
            });
        }
        // An index cannot reach the largest number here: there are fewer edges than that.
        next = edge.input + 1;
    }
    Ok(())
}

fn check_formats(operator: &OperatorSpec, edges: &[&Edge]) -> Result<(), GraphError> {
    let differ =
        |pair: &&[&Edge]| pair[0].input == pair[1].input && pair[0].format != pair[1].format;
    match edges.windows(2).find(differ) {
        Some(pair) => Err(GraphError::MixedFormats {
            operator: name_of(operator),
            input: pair[0].input,
            first: pair[0].format,
            second: pair[1].format,
        }),
        None => Ok(()),
    }
}

/// State by key needs records by key; and in an operator that works by key, a record without one is
/// either meant for every subtask or a mistake that would surface as missing state.
fn check_keys(operator: &OperatorSpec, edges: &[&Edge]) -> Result<(), GraphError> {
    if !is_keyed(operator, edges.iter().copied()) {
        return match operator.states.iter().find(|state| state.kind.is_keyed()) {
            Some(state) => Err(GraphError::StateWithoutKey {
                operator: name_of(operator),
                state: state.name.clone(),
            }),
            None => Ok(()),
        };
    }
    let stray = |edge: &Edge| GraphError::MixedKeying {
        operator: name_of(operator),
        input: edge.input,
        partitioning: edge.partitioning,
    };
    let fits = |edge: &Edge| {
        matches!(
            edge.partitioning,
            Partitioning::Hash | Partitioning::Broadcast
        )
    };
    if let Some(edge) = edges.iter().find(|edge| !fits(edge)) {
        return Err(stray(edge));
    }
    let differ = |pair: &&[&Edge]| {
        pair[0].input == pair[1].input && pair[0].partitioning != pair[1].partitioning
    };
    match edges.windows(2).find(differ) {
        Some(pair) => Err(stray(pair[1])),
        None => Ok(()),
    }
}
