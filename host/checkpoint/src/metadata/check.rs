//! Whether decoded metadata makes sense, so that nobody after has to ask.
//!
//! Called for everything that was read from storage. Invariant: each finding names the operator.

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;
use wasmill_types::key_group::MAX_PARALLELISM;

use super::{Metadata, OperatorSnapshot};
use crate::handles::{Elements, FileHandle, InFlight, KeyedState, Place, SubtaskState};

/// Metadata that contradicts itself.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("operator `{operator}`: {what}")]
pub struct Inconsistent {
    operator: String,
    what: String,
}

/// Checks everything that later code relies on.
pub(super) fn check(metadata: &Metadata) -> Result<(), Inconsistent> {
    let mut uids = BTreeSet::new();
    for operator in &metadata.operators {
        let inconsistent = |what: String| Inconsistent {
            operator: operator.name.clone(),
            what,
        };
        if !uids.insert(operator.uid) {
            return Err(inconsistent(format!(
                "its id {} is there twice",
                operator.uid
            )));
        }
        check_operator(operator, metadata.self_contained).map_err(inconsistent)?;
    }
    Ok(())
}

fn check_operator(operator: &OperatorSnapshot, self_contained: bool) -> Result<(), String> {
    let (parallelism, max) = (operator.parallelism, operator.max_parallelism);
    if parallelism == 0 || parallelism > max || max > MAX_PARALLELISM {
        return Err(format!(
            "its parallelism is {parallelism} and its max parallelism {max}; they must be 1 to \
             {MAX_PARALLELISM}"
        ));
    }
    let mut names = BTreeSet::new();
    let double = operator
        .states
        .iter()
        .find(|state| !names.insert(&state.name));
    if let Some(state) = double {
        return Err(format!("its state `{}` is there twice", state.name));
    }
    let subtasks = operator.subtasks.keys().chain(&operator.finished);
    if let Some(subtask) = subtasks
        .into_iter()
        .find(|subtask| **subtask >= parallelism)
    {
        return Err(format!(
            "it has a subtask {subtask}, and {parallelism} subtasks"
        ));
    }
    for (subtask, state) in &operator.subtasks {
        check_state(state, max, self_contained)
            .map_err(|what| format!("subtask {subtask}: {what}"))?;
    }
    Ok(())
}

fn check_state(state: &SubtaskState, max_parallelism: u32, alone: bool) -> Result<(), String> {
    for file in state.files() {
        check_handle(file.handle(), alone)?;
    }
    if let Some(keyed) = &state.keyed {
        check_keyed(keyed, max_parallelism)?;
    }
    if let Some(lists) = &state.lists {
        let mut names = BTreeSet::new();
        for list in &lists.lists {
            if !names.insert(&list.name) {
                return Err(format!("the list `{}` is there twice", list.name));
            }
            check_elements(&list.elements, lists.stream.size)
                .map_err(|what| format!("list `{}`: {what}", list.name))?;
        }
    }
    for committables in &state.committables {
        check_elements(&committables.elements, committables.stream.size)
            .map_err(|what| format!("committables of {}: {what}", committables.checkpoint))?;
    }
    let mut channels = state.inputs.iter().chain(&state.outputs);
    channels.try_for_each(check_channel)
}

fn check_handle(handle: &FileHandle, alone: bool) -> Result<(), String> {
    match &handle.place {
        Place::Inline(bytes) if bytes.len() as u64 != handle.size => Err(format!(
            "a handle of {} bytes has {}",
            handle.size,
            bytes.len()
        )),
        Place::Shared(name) | Place::Elsewhere(name) if alone => Err(format!(
            "it is self-contained and refers to `{name}` elsewhere"
        )),
        Place::Own(name) | Place::Shared(name) if !is_plain(name) => Err(format!(
            "the file name `{}` leaves its directory",
            name.escape_default()
        )),
        Place::Inline(_) | Place::Own(_) | Place::Shared(_) | Place::Elsewhere(_) => Ok(()),
    }
}

/// Whether a name stays below the directory that it is joined to.
fn is_plain(name: &str) -> bool {
    let fine = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.split('/').all(fine) && !name.contains(['\\', '\0'])
}

fn check_keyed(keyed: &KeyedState, max_parallelism: u32) -> Result<(), String> {
    let groups = keyed.key_groups();
    if groups.start > groups.end || groups.end > max_parallelism {
        return Err(format!("key groups {groups:?} of {max_parallelism}"));
    }
    Ok(())
}

fn check_elements(elements: &Elements, size: u64) -> Result<(), String> {
    if elements.end > size {
        return Err(format!("elements end at {} of {size} bytes", elements.end));
    }
    check_offsets(&elements.offsets, elements.end)
}

fn check_offsets(offsets: &[u64], end: u64) -> Result<(), String> {
    let ascending = offsets.is_sorted() && offsets.last().is_none_or(|last| *last <= end);
    if ascending {
        Ok(())
    } else {
        Err(format!("offsets do not ascend up to {end}"))
    }
}

fn check_channel(channel: &InFlight) -> Result<(), String> {
    let Range { start, end } = channel.range;
    if start > end || end > channel.stream.size {
        let size = channel.stream.size;
        return Err(format!(
            "a channel's data at {start}..{end} of {size} bytes"
        ));
    }
    Ok(())
}
