//! Who gets what when a job is restored, maybe at another parallelism (semantics §5.4–5.8, §9.8).
//!
//! Pure. The JobMaster asks which snapshots a subtask needs and what operator state it starts with.
//! Invariants: every element of an even-split list goes to exactly one subtask, and the order of elements
//! is kept; every key group is read by exactly one subtask.

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;
use wasmill_types::Blobs;
use wasmill_types::id::OperatorId;
use wasmill_types::job::StateKind;
use wasmill_types::key_group;
use wasmill_types::operator::OperatorState;

/// A snapshot cannot be restored with the parallelism that is asked for.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RescaleError {
    /// The program sets another max parallelism than the snapshot has.
    #[error(
        "max parallelism mismatch: the snapshot has {stored}, the program sets {configured}; remove the \
         setting or set {stored}"
    )]
    MaxParallelism {
        /// The snapshot's.
        stored: u32,
        /// The program's.
        configured: u32,
    },
    /// There would be subtasks without a key group.
    #[error(
        "the parallelism {parallelism} is larger than the snapshot's max parallelism {stored}, which \
         cannot change any more; set it to at most {stored}"
    )]
    Parallelism {
        /// What is asked for.
        parallelism: u32,
        /// The snapshot's max parallelism.
        stored: u32,
    },
}

/// The max parallelism with which an operator is restored; `configured` is what the program sets itself.
///
/// # Errors
/// When snapshot and program do not go together (semantics §5.4).
pub fn max_parallelism(
    stored: u32,
    configured: Option<u32>,
    parallelism: u32,
) -> Result<u32, RescaleError> {
    if let Some(configured) = configured.filter(|configured| *configured != stored) {
        return Err(RescaleError::MaxParallelism { stored, configured });
    }
    if parallelism > stored {
        return Err(RescaleError::Parallelism {
            parallelism,
            stored,
        });
    }
    Ok(stored)
}

/// Which of the earlier subtasks' snapshots hold keyed state of a subtask: ascending, without gaps.
pub fn keyed_sources(
    subtask: u32,
    parallelism: u32,
    earlier_parallelism: u32,
    max_parallelism: u32,
) -> Range<u32> {
    let owned = key_group::range(subtask, parallelism, max_parallelism);
    let owner = |group| key_group::owner(group, earlier_parallelism, max_parallelism);
    owner(owned.start)..owner(owned.end - 1) + 1
}

/// What operator state each subtask starts with.
///
/// `earlier` has the operator state of each earlier subtask that still ran, in order; `kind` says what
/// kind of state one is, or none for states that are not to be restored.
pub fn operator_state(
    earlier: &[Vec<OperatorState>],
    parallelism: u32,
    kind: impl Fn(OperatorId, u32) -> Option<StateKind>,
) -> Vec<Vec<OperatorState>> {
    let mut states: BTreeMap<(OperatorId, u32), Vec<(usize, &Blobs)>> = BTreeMap::new();
    for (subtask, kept) in earlier.iter().enumerate() {
        for state in kept {
            let copies = states.entry((state.operator, state.state)).or_default();
            copies.push((subtask, &state.items));
        }
    }
    let mut dealt = vec![Vec::new(); parallelism as usize];
    let is_unchanged = earlier.len() == parallelism as usize;
    let mut next = 0;
    for ((operator, state), copies) in states {
        let parts = match kind(operator, state) {
            Some(StateKind::OperatorList) if is_unchanged => unmoved(&copies, parallelism),
            Some(StateKind::OperatorList) => split_evenly(&copies, parallelism, &mut next),
            Some(StateKind::OperatorUnion) => vec![joined(&copies); parallelism as usize],
            Some(StateKind::Broadcast) => (0..parallelism as usize)
                .map(|subtask| copies[subtask % copies.len()].1.clone())
                .collect(),
            _ => continue,
        };
        for (subtask, items) in dealt.iter_mut().zip(parts) {
            subtask.push(OperatorState {
                operator,
                state,
                items,
            });
        }
    }
    dealt
}

fn unmoved(copies: &[(usize, &Blobs)], parallelism: u32) -> Vec<Blobs> {
    let mut parts = vec![Blobs::default(); parallelism as usize];
    for (subtask, items) in copies {
        parts[*subtask] = (*items).clone();
    }
    parts
}

/// Divides the concatenation into contiguous parts, dealt from subtask `next` on; the first ones get one
/// more where it does not come out even, and `next` moves on to the first that did not.
fn split_evenly(copies: &[(usize, &Blobs)], parallelism: u32, next: &mut usize) -> Vec<Blobs> {
    let all = joined(copies);
    let items = all.view();
    let count = parallelism as usize;
    let (share, rest) = (items.len() / count, items.len() % count);
    let mut parts = vec![Blobs::default(); count];
    let mut taken = items.iter();
    for turn in 0..count {
        let size = share + usize::from(turn < rest);
        parts[(*next + turn) % count] = taken.by_ref().take(size).collect();
    }
    *next = (*next + rest) % count;
    parts
}

fn joined(copies: &[(usize, &Blobs)]) -> Blobs {
    let items = copies.iter().flat_map(|(_, items)| items.view().iter());
    items.collect()
}

#[cfg(test)]
mod tests;
