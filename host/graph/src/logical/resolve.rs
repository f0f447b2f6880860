//! The choices that the program left open: parallelism, max parallelism, slot-sharing groups, and what a
//! forward edge between different parallelism becomes.

use std::collections::BTreeMap;

use wasmill_types::job::{JobSpec, OperatorSpec, Partitioning};
use wasmill_types::key_group::{MAX_PARALLELISM, default_max_parallelism};

use super::inputs::is_keyed;
use super::links::Links;
use super::operators::name_of;
use super::{Edge, Operator, Options};
use crate::error::{GraphError, OperatorName};
use crate::execution::Wiring;
use crate::{Limits, OperatorUid};

/// The slot-sharing group of operators without a better one (semantics §6.4).
const DEFAULT_GROUP: &str = "default";

/// Resolves the operators, in the program's order; their state ids are not known yet.
pub(super) fn operators(
    spec: &JobSpec,
    links: &Links,
    order: &[usize],
    options: &Options,
) -> Result<Vec<Operator>, GraphError> {
    let default = default_parallelism(spec, options)?;
    let groups = slot_sharing_groups(spec, links, order);
    let mut resolved = Vec::with_capacity(spec.operators.len());
    for ((index, operator), group) in spec.operators.iter().enumerate().zip(groups) {
        let parallelism = operator.parallelism.unwrap_or(default);
        in_range(parallelism, || {
            format!("the parallelism of operator {}", name_of(operator))
        })?;
        let max_parallelism = max_parallelism(operator, parallelism)?;
        let inputs = links.inputs[index].iter().map(|edge| &links.edges[*edge]);
        resolved.push(Operator {
            id: operator.id,
            name: operator.name.clone(),
            kind: operator.kind.clone(),
            chaining: operator.chaining,
            states: operator.states.clone(),
            uid: operator.uid.clone(),
            state_id: OperatorUid::default(),
            parallelism,
            max_parallelism,
            max_parallelism_is_explicit: operator.max_parallelism.is_some(),
            slot_sharing_group: group,
            co_location: operator.co_location.clone(),
            watermark_interval: operator.watermark_interval,
            is_keyed: is_keyed(operator, inputs),
        });
    }
    check_subtasks(&resolved, &options.limits)?;
    check_co_location(&resolved)?;
    Ok(resolved)
}

/// Resolves the edges and counts their channels.
pub(super) fn edges(
    links: &Links,
    operators: &[Operator],
    limits: &Limits,
) -> Result<Vec<Edge>, GraphError> {
    let mut channels = 0;
    let mut edges = links.edges.clone();
    for (edge, (upstream, downstream)) in edges.iter_mut().zip(&links.ends) {
        let (writers, readers) = (&operators[*upstream], &operators[*downstream]);
        if edge.partitioning == Partitioning::Forward && writers.parallelism != readers.parallelism
        {
            edge.partitioning = Partitioning::Rebalance;
        }
        let wiring = Wiring::of(edge.partitioning);
        channels += wiring.channels(writers.parallelism, readers.parallelism);
    }
    at_most("channels between subtasks", channels, limits.channels)?;
    Ok(edges)
}

fn default_parallelism(spec: &JobSpec, options: &Options) -> Result<u32, GraphError> {
    let (default, what) = match spec.parallelism {
        Some(default) => (default, "the parallelism that the program sets for the job"),
        None => (
            options.parallelism,
            "the parallelism that the job was submitted with",
        ),
    };
    in_range(default, || what.to_owned())?;
    Ok(default)
}

fn max_parallelism(operator: &OperatorSpec, parallelism: u32) -> Result<u32, GraphError> {
    let Some(max_parallelism) = operator.max_parallelism else {
        return Ok(default_max_parallelism(parallelism));
    };
    in_range(max_parallelism, || {
        format!("the max parallelism of operator {}", name_of(operator))
    })?;
    if parallelism > max_parallelism {
        return Err(GraphError::AboveMaxParallelism {
            operator: name_of(operator),
            parallelism,
            max_parallelism,
        });
    }
    Ok(max_parallelism)
}

fn in_range(value: u32, what: impl Fn() -> String) -> Result<(), GraphError> {
    if (1..=MAX_PARALLELISM).contains(&value) {
        return Ok(());
    }
    Err(GraphError::Parallelism {
        what: what(),
        value,
    })
}

/// The group of each operator: its own, else that of its inputs where they agree, else the default.
fn slot_sharing_groups(spec: &JobSpec, links: &Links, order: &[usize]) -> Vec<String> {
    let mut groups: Vec<&str> = vec![DEFAULT_GROUP; spec.operators.len()];
    for index in order {
        let mut inputs = links.inputs[*index]
            .iter()
            .map(|edge| groups[links.ends[*edge].0]);
        groups[*index] = match (&spec.operators[*index].slot_sharing_group, inputs.next()) {
            (Some(own), _) => own,
            (None, Some(group)) if inputs.all(|other| other == group) => group,
            (None, _) => DEFAULT_GROUP,
        };
    }
    groups.into_iter().map(str::to_owned).collect()
}

fn check_subtasks(operators: &[Operator], limits: &Limits) -> Result<(), GraphError> {
    let subtasks = operators
        .iter()
        .map(|operator| u64::from(operator.parallelism));
    // Subtasks are numbered with 32 bits, whatever the limits say.
    at_most(
        "subtasks",
        subtasks.sum(),
        limits.subtasks.min(u64::from(u32::MAX)),
    )
}

fn at_most(what: &'static str, count: u64, limit: u64) -> Result<(), GraphError> {
    if count <= limit {
        return Ok(());
    }
    Err(GraphError::TooLarge { what, count, limit })
}

/// Subtasks `i` of constrained operators share a slot, so each needs an `i` in the same group.
fn check_co_location(operators: &[Operator]) -> Result<(), GraphError> {
    let mut firsts: BTreeMap<&str, &Operator> = BTreeMap::new();
    for operator in operators {
        let Some(constraint) = &operator.co_location else {
            continue;
        };
        let first = *firsts.entry(constraint).or_insert(operator);
        let differ = if first.parallelism != operator.parallelism {
            "parallelism"
        } else if first.slot_sharing_group != operator.slot_sharing_group {
            "slot-sharing groups"
        } else {
            continue;
        };
        let name = |operator: &Operator| OperatorName {
            id: operator.id,
            name: operator.name.clone(),
        };
        return Err(GraphError::CoLocation {
            constraint: constraint.clone(),
            first: name(first),
            second: name(operator),
            differ,
        });
    }
    Ok(())
}
