//! Key groups: which subtask owns a key (semantics §5.2–5.3, with our own hash in place of §5.1).
//!
//! A key's group is the low 32 bits of XXH3-64 over its encoded bytes, modulo the max parallelism; the
//! SDK of every language computes the same. Invariant: the ranges of all subtasks of a vertex partition
//! `0..max_parallelism`.

use std::ops::Range;

/// The largest max parallelism, and so the largest parallelism (semantics §5.3).
pub const MAX_PARALLELISM: u32 = 1 << 15;

/// The hash of an encoded key.
pub fn hash(key: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(key) as u32
}

/// The key group of a key with this hash.
pub fn of_hash(hash: u32, max_parallelism: u32) -> u32 {
    hash % max_parallelism
}

/// The subtask that owns a key group.
pub fn owner(group: u32, parallelism: u32, max_parallelism: u32) -> u32 {
    (u64::from(group) * u64::from(parallelism) / u64::from(max_parallelism)) as u32
}

/// The key groups that a subtask owns.
pub fn range(subtask: u32, parallelism: u32, max_parallelism: u32) -> Range<u32> {
    let first = |i: u32| {
        (u64::from(i) * u64::from(max_parallelism)).div_ceil(u64::from(parallelism)) as u32
    };
    first(subtask)..first(subtask + 1)
}

/// The max parallelism of an operator that names none (semantics §5.3).
pub fn default_max_parallelism(parallelism: u32) -> u32 {
    (parallelism + parallelism / 2)
        .next_power_of_two()
        .clamp(128, MAX_PARALLELISM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_partition_the_key_groups_and_agree_with_the_owner() {
        for max in [1, 2, 3, 7, 128, 129, 1000, MAX_PARALLELISM] {
            for parallelism in [1, 2, 3, 5, 7, 8, 128, 1000]
                .into_iter()
                .filter(|p| *p <= max)
            {
                let mut next = 0;
                for subtask in 0..parallelism {
                    let range = range(subtask, parallelism, max);
                    assert_eq!(range.start, next);
                    next = range.end;
                    for group in [range.start, range.end - 1] {
                        assert_eq!(owner(group, parallelism, max), subtask);
                    }
                }
                assert_eq!(next, max);
            }
        }
    }

    #[test]
    fn default_max_parallelism_is_flinks() {
        for (parallelism, expected) in
            [(1, 128), (85, 128), (86, 256), (171, 256), (32_768, 32_768)]
        {
            assert_eq!(
                default_max_parallelism(parallelism),
                expected,
                "of {parallelism}"
            );
        }
    }

    #[test]
    fn the_hash_is_the_low_half_of_xxh3() {
        assert_eq!(
            hash(b""),
            0x38d3_94c2,
            "XXH3-64 of nothing is 2d06800538d394c2"
        );
    }
}
