//! Who sends to whom: the arithmetic of key groups and of the edges between subtasks.
//!
//! The same rules as the host's, which the SDK cannot import. Called by the plan, the exchange and the
//! state of a test. Pure. Invariant: every key group has exactly one owner.

use std::ops::Range;

use crate::bindings::exports::wasmill::dataflow::job::Partitioning;

/// The largest max parallelism, and so the largest parallelism.
pub(super) const MAX_PARALLELISM: u32 = 1 << 15;

/// The subtask that owns the key group of a hash.
pub(super) fn owner(hash: u32, parallelism: u32, max_parallelism: u32) -> u32 {
    let group = u64::from(hash % max_parallelism);
    (group * u64::from(parallelism) / u64::from(max_parallelism)) as u32
}

/// The max parallelism of an operator that names none.
pub(super) fn default_max_parallelism(parallelism: u32) -> u32 {
    let half_more = parallelism.saturating_add(parallelism / 2);
    half_more
        .min(MAX_PARALLELISM)
        .next_power_of_two()
        .clamp(128, MAX_PARALLELISM)
}

/// The readers that a writer reaches, of so many writers and readers.
pub(super) fn consumers(
    partitioning: Partitioning,
    writer: u32,
    writers: u32,
    readers: u32,
) -> Range<u32> {
    match partitioning {
        Partitioning::Forward | Partitioning::Rescale => {}
        Partitioning::Hash
        | Partitioning::Rebalance
        | Partitioning::Shuffle
        | Partitioning::Broadcast
        | Partitioning::Global
        | Partitioning::Custom => return 0..readers,
    }
    let scale_up = |index: u32| {
        let scaled = u64::from(index) * u64::from(readers);
        scaled.div_ceil(u64::from(writers)) as u32
    };
    if writers >= readers {
        let end = scale_up(writer + 1);
        end - 1..end
    } else {
        scale_up(writer)..scale_up(writer + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_groups_lie_with_their_owners_in_order() {
        for (hash, parallelism, max, expected) in [
            (0, 2, 128, 0),
            (63, 2, 128, 0),
            (64, 2, 128, 1),
            (127, 3, 128, 2),
            (129, 2, 128, 0),
        ] {
            assert_eq!(owner(hash, parallelism, max), expected, "of {hash}");
        }
        assert_eq!(
            [1, 86, 171, u32::MAX].map(default_max_parallelism),
            [128, 256, 256, MAX_PARALLELISM]
        );
    }

    #[test]
    fn pointwise_edges_share_the_readers_out() {
        let reached = |writers, readers| -> Vec<Vec<u32>> {
            (0..writers)
                .map(|w| consumers(Partitioning::Rescale, w, writers, readers).collect())
                .collect()
        };
        assert_eq!(reached(2, 4), [[0, 1], [2, 3]]);
        assert_eq!(reached(2, 3), [vec![0, 1], vec![2]]);
        assert_eq!(reached(3, 2), [[0], [1], [1]]);
        assert_eq!(reached(2, 2), [[0], [1]]);
    }
}
