//! Which part of which file a reader takes at a time.
//!
//! Invariant: the ranges of a file cover it without gap or overlap, in order, and the first one is
//! longer than a byte order mark, so that the first line starts in it with or without one.

use serde::{Deserialize, Serialize};

use super::find::Found;
use crate::error::ConnectorError;

/// The most splits that one source makes: each costs an entry in the plan.
pub(super) const MAX_SPLITS: u64 = 1_000_000;

/// Smaller parts cost more in opening files than they bring in balance.
const MIN_BALANCING_BYTES: u64 = 1 << 20;

/// Splits per reader that even out readers of unequal speed.
const SPLITS_PER_READER: u64 = 4;

/// The length of a UTF-8 byte order mark, plus one.
const SHORTEST_FIRST_RANGE: u64 = 4;

/// A byte range of a file, with the position reached in it: the state behind a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileSplit {
    /// The file.
    pub(super) path: String,
    /// The first byte.
    pub(super) start: u64,
    /// The byte behind the last; absent for a file that is unpacked or made up as it is read: nobody knows
    /// its length.
    pub(super) end: Option<u64>,
    /// Where the next record starts, in unpacked bytes; absent until one is found.
    pub(super) position: Option<u64>,
}

impl FileSplit {
    /// For logs and errors.
    pub(super) fn name(&self) -> String {
        match self.end {
            Some(end) => format!("{}[{}..{end}]", self.path, self.start),
            None => self.path.clone(),
        }
    }
}

/// How large the splits of an input become: at most `split_bytes`, and small enough that every reader
/// gets some.
pub(super) fn target_bytes(total: u64, split_bytes: u64, parallelism: u32) -> u64 {
    let share = total.div_ceil(u64::from(parallelism.max(1)) * SPLITS_PER_READER);
    split_bytes.min(share.max(MIN_BALANCING_BYTES))
}

/// Splits of about `target` bytes; files for which `splittable` says no become one each.
pub(super) fn divide(
    files: &[Found],
    target: u64,
    splittable: impl Fn(&Found) -> Divisible,
) -> Result<Vec<FileSplit>, ConnectorError> {
    let mut splits = Vec::with_capacity(files.len());
    for file in files {
        let mut add = |start, end| {
            splits.push(FileSplit {
                path: file.path.clone(),
                start,
                end,
                position: None,
            });
        };
        match splittable(file) {
            Divisible::Unmeasured => add(0, None),
            Divisible::Whole => add(0, Some(file.length)),
            Divisible::Ranges if file.length / target < MAX_SPLITS => {
                ranges(file.length, target).for_each(|(start, end)| add(start, Some(end)));
            }
            Divisible::Ranges => return Err(too_many(file)),
        }
        if splits.len() as u64 > MAX_SPLITS {
            return Err(too_many(file));
        }
    }
    Ok(splits)
}

/// How a file may be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Divisible {
    /// At any byte.
    Ranges,
    /// Not at all.
    Whole,
    /// Not at all, and its length is not that of its content.
    Unmeasured,
}

fn ranges(length: u64, target: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= length {
            return None;
        }
        let size = if start == 0 {
            target.max(SHORTEST_FIRST_RANGE)
        } else {
            target
        };
        let end = start.saturating_add(size).min(length);
        let range = (start, end);
        start = end;
        Some(range)
    })
}

fn too_many(file: &Found) -> ConnectorError {
    ConnectorError::Input {
        input: file.path.clone(),
        problem: format!("would make more than {MAX_SPLITS} splits; raise `split-bytes`"),
    }
}
