//! Operator state, positions of sources and committables over the new subtasks (semantics §5.6–5.8, §9.8).
//!
//! Invariant: with unchanged parallelism and no finished subtasks nothing moves.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::RestoredState;
use crate::CheckpointId;
use crate::handles::{Elements, FileHandle, ListState, Spread};
use crate::metadata::OperatorSnapshot;

/// Elements of a list in one stream, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPart {
    /// The stream.
    pub stream: FileHandle,
    /// The place of each element.
    pub elements: Vec<Range<u64>>,
}

/// One thing to commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittablePart {
    /// The checkpoint for which it was staged.
    pub checkpoint: CheckpointId,
    /// The stream.
    pub stream: FileHandle,
    /// Its place there.
    pub element: Range<u64>,
}

/// An old subtask's list under some name.
type Old<'a> = (u32, &'a FileHandle, &'a ListState);

/// Assigns everything that is a list.
pub(super) fn assign(old: &OperatorSnapshot, subtasks: &mut [RestoredState]) {
    let unmoved = old.parallelism as usize == subtasks.len() && old.finished.is_empty();
    let mut by_name: BTreeMap<&str, Vec<Old<'_>>> = BTreeMap::new();
    for (index, state) in &old.subtasks {
        let Some(lists) = &state.lists else { continue };
        for list in &lists.lists {
            let entry = by_name.entry(&list.name).or_default();
            entry.push((*index, &lists.stream, list));
        }
    }
    let mut start = 0;
    for (name, olds) in by_name {
        match olds[0].2.spread {
            Spread::Union => union(name, &olds, subtasks),
            Spread::Broadcast => broadcast(name, &olds, unmoved, subtasks),
            Spread::Even if unmoved => stay(name, &olds, subtasks),
            Spread::Even => start = even(name, &olds, start, subtasks),
        }
    }
    splits(old, unmoved, subtasks);
    committables(old, unmoved, subtasks);
}

fn part(stream: &FileHandle, elements: &Elements) -> ListPart {
    ListPart {
        stream: stream.clone(),
        elements: (0..elements.offsets.len())
            .map(|index| elements.range(index))
            .collect(),
    }
}

fn add(subtask: &mut RestoredState, name: &str, part: ListPart) {
    let parts = subtask.lists.entry(name.to_owned()).or_default();
    match parts.last_mut() {
        Some(last) if last.stream == part.stream => last.elements.extend(part.elements),
        _ => parts.push(part),
    }
}

/// Everybody gets everything.
fn union(name: &str, olds: &[Old<'_>], subtasks: &mut [RestoredState]) {
    for subtask in subtasks {
        for (_, stream, list) in olds {
            add(subtask, name, part(stream, &list.elements));
        }
    }
}

/// Everybody gets one copy: its own if it had one, else one of the others' in turn.
fn broadcast(name: &str, olds: &[Old<'_>], unmoved: bool, subtasks: &mut [RestoredState]) {
    for (index, subtask) in subtasks.iter_mut().enumerate() {
        let own = olds
            .iter()
            .find(|(old, ..)| unmoved && *old as usize == index);
        let (_, stream, list) = own.unwrap_or(&olds[index % olds.len()]);
        add(subtask, name, part(stream, &list.elements));
    }
}

/// Everybody keeps its own.
fn stay(name: &str, olds: &[Old<'_>], subtasks: &mut [RestoredState]) {
    for (index, stream, list) in olds {
        add(
            &mut subtasks[*index as usize],
            name,
            part(stream, &list.elements),
        );
    }
}

/// Divides the concatenation; returns the subtask with which the next list begins, so that the longer
/// shares of many short lists do not all go to the first subtasks.
fn even(name: &str, olds: &[Old<'_>], start: usize, subtasks: &mut [RestoredState]) -> usize {
    let elements = olds.iter().flat_map(|(_, stream, list)| {
        let all = 0..list.elements.offsets.len();
        all.map(|index| (*stream, list.elements.range(index)))
    });
    let elements: Vec<_> = elements.collect();
    let (shares, next) = shares(elements.len(), subtasks.len(), start);
    for (subtask, share) in shares {
        for (stream, range) in &elements[share] {
            let part = ListPart {
                stream: (*stream).clone(),
                elements: vec![range.clone()],
            };
            add(&mut subtasks[subtask], name, part);
        }
    }
    next
}

/// Contiguous shares of `total` things for each of `count` receivers, the first of which is `start`; those
/// that come first get one more while there is a remainder. Returns where to start the next time.
fn shares(total: usize, count: usize, start: usize) -> (Vec<(usize, Range<usize>)>, usize) {
    let (base, remainder) = (total / count, total % count);
    let mut first = 0;
    let mut shares = Vec::with_capacity(count);
    for turn in 0..count {
        let length = base + usize::from(turn < remainder);
        shares.push(((start + turn) % count, first..first + length));
        first += length;
    }
    (shares, (start + remainder) % count)
}

fn splits(old: &OperatorSnapshot, unmoved: bool, subtasks: &mut [RestoredState]) {
    if unmoved {
        for (index, state) in &old.subtasks {
            subtasks[*index as usize].splits.clone_from(&state.splits);
        }
        return;
    }
    let all: Vec<_> = old
        .subtasks
        .values()
        .flat_map(|state| &state.splits)
        .collect();
    for (subtask, share) in shares(all.len(), subtasks.len(), 0).0 {
        subtasks[subtask].splits = all[share].iter().copied().cloned().collect();
    }
}

fn committables(old: &OperatorSnapshot, unmoved: bool, subtasks: &mut [RestoredState]) {
    let of_subtask = |(index, state): (&u32, &crate::handles::SubtaskState)| {
        let index = *index as usize;
        let parts = state.committables.iter().flat_map(|some| {
            let count = some.elements.offsets.len();
            (0..count).map(|element| CommittablePart {
                checkpoint: some.checkpoint,
                stream: some.stream.clone(),
                element: some.elements.range(element),
            })
        });
        parts.map(|part| (index, part)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = old.subtasks.iter().flat_map(of_subtask).collect();
    // Ascending by checkpoint, in which order they must be committed; within one the order stays.
    all.sort_by_key(|(_, part)| part.checkpoint);
    if unmoved {
        for (index, part) in all {
            subtasks[index].committables.push(part);
        }
        return;
    }
    let shares = shares(all.len(), subtasks.len(), 0).0;
    for (subtask, share) in shares {
        let parts = all[share].iter().map(|(_, part)| part.clone());
        subtasks[subtask].committables = parts.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_contiguous_and_the_longer_ones_go_around() {
        for (total, count, start, lengths, next) in [
            (0, 2, 0, vec![0, 0], 0),
            (7, 3, 0, vec![3, 2, 2], 1),
            (7, 3, 1, vec![2, 3, 2], 2),
            (8, 3, 2, vec![3, 2, 3], 1),
            (2, 4, 3, vec![1, 0, 0, 1], 1),
            (6, 3, 1, vec![2, 2, 2], 1),
        ] {
            let (shares, found) = shares(total, count, start);
            let mut by_receiver = vec![0; count];
            let mut at = 0;
            for (receiver, share) in shares {
                assert_eq!(share.start, at, "contiguous");
                at = share.end;
                by_receiver[receiver] = share.len();
            }
            assert_eq!((at, by_receiver, found), (total, lengths, next));
        }
    }
}
