//! Each strategy of semantics §5.9, and what a bundle may not hand over.

use wasmill_types::Batch;

use super::*;

/// A batch of empty records with these hashes, or as many without.
fn batch(records: usize, hashes: &[u32]) -> Batch {
    Batch {
        ends: vec![0; records],
        hashes: hashes.to_vec(),
        ..Batch::default()
    }
}

fn partitioner(partitioning: Partitioning, channels: u32) -> Partitioner {
    Partitioner::new(partitioning, channels, 128, Rng::seeded(7))
}

/// The channels of records with these hashes, or `None` for those that go to all.
fn spread(partitioner: &mut Partitioner, records: usize, hashes: &[u32]) -> Option<Vec<u32>> {
    let batch = batch(records, hashes);
    match partitioner.targets(&batch.view()).unwrap() {
        Targets::One(channel) => Some(vec![channel; records]),
        Targets::Every => None,
        Targets::Each => {
            let hash = |index: usize| hashes.get(index).copied().unwrap_or(0);
            Some(
                (0..records)
                    .map(|index| partitioner.next(hash(index)).unwrap())
                    .collect(),
            )
        }
    }
}

#[test]
fn strategies_without_a_choice_take_the_channels_that_they_should() {
    use Partitioning::{Broadcast, Forward, Global, Rescale};
    for (partitioning, channels, expected) in [
        (Forward, 1, Some(vec![0, 0, 0])),
        (Global, 1, Some(vec![0, 0, 0])),
        (Global, 3, Some(vec![0, 0, 0])),
        (Rescale, 1, Some(vec![0, 0, 0])),
        (Rescale, 2, Some(vec![0, 1, 0])),
        (Rescale, 3, Some(vec![0, 1, 2])),
        (Broadcast, 1, Some(vec![0, 0, 0])),
        (Broadcast, 2, None),
    ] {
        let mut partitioner = partitioner(partitioning, channels);
        let found = spread(&mut partitioner, 3, &[]);
        assert_eq!(found, expected, "{partitioning} over {channels} channels");
    }
}

#[test]
fn turns_go_on_where_the_last_batch_ended() {
    let mut rescale = partitioner(Partitioning::Rescale, 3);
    assert_eq!(spread(&mut rescale, 2, &[]), Some(vec![0, 1]));
    assert_eq!(spread(&mut rescale, 5, &[]), Some(vec![2, 0, 1, 2, 0]));
}

#[test]
fn a_rebalance_takes_turns_from_a_channel_of_its_own() {
    let mut starts = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let rng = Rng::seeded(seed);
        let mut partitioner = Partitioner::new(Partitioning::Rebalance, 4, 128, rng);
        let found = spread(&mut partitioner, 9, &[]).unwrap();
        let start = found[0];
        let expected: Vec<u32> = (0..9).map(|turn| (start + turn) % 4).collect();
        assert_eq!(found, expected, "seed {seed}");
        starts.insert(start);
    }
    assert_eq!(starts.len(), 4, "every channel is somebody's first");
}

#[test]
fn a_shuffle_is_even_and_follows_from_its_seed() {
    let records = 8_000;
    let found = spread(&mut partitioner(Partitioning::Shuffle, 4), records, &[]);
    assert_eq!(
        found,
        spread(&mut partitioner(Partitioning::Shuffle, 4), records, &[])
    );
    let found = found.unwrap();
    for channel in 0..4 {
        let share = found.iter().filter(|target| **target == channel).count();
        assert!(
            (1_800..2_200).contains(&share),
            "channel {channel} has {share} of {records}"
        );
    }
}

#[test]
fn a_hash_goes_to_the_owner_of_its_key_group() {
    let hashes: Vec<u32> = (0..1_000u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
    for max_parallelism in [1, 2, 3, 128, 1_000, key_group::MAX_PARALLELISM] {
        for channels in [1, 2, 3, 5, 128, 1_000]
            .into_iter()
            .filter(|n| *n <= max_parallelism)
        {
            let rng = Rng::seeded(7);
            let mut hash = Partitioner::new(Partitioning::Hash, channels, max_parallelism, rng);
            let owner = |hash: &u32| {
                let group = key_group::of_hash(*hash, max_parallelism);
                key_group::owner(group, channels, max_parallelism)
            };
            let expected: Vec<u32> = hashes.iter().map(owner).collect();
            let found = spread(&mut hash, hashes.len(), &hashes);
            assert_eq!(
                found,
                Some(expected),
                "{channels} channels of {max_parallelism}"
            );
        }
    }
}

#[test]
fn a_custom_strategy_takes_the_channels_that_the_bundle_chose() {
    let mut custom = partitioner(Partitioning::Custom, 3);
    assert_eq!(
        spread(&mut custom, 4, &[2, 0, 1, 2]),
        Some(vec![2, 0, 1, 2])
    );
}

#[test]
fn what_the_bundle_must_not_hand_over_is_refused_at_every_parallelism() {
    use Partitioning::{Custom, Hash};
    for (partitioning, channels, records, hashes, told) in [
        (
            Hash,
            1,
            2,
            vec![],
            "2 records on a HASH edge came with 0 hashes",
        ),
        (
            Hash,
            3,
            2,
            vec![],
            "2 records on a HASH edge came with 0 hashes",
        ),
        (
            Hash,
            3,
            2,
            vec![1],
            "2 records on a HASH edge came with 1 hashes",
        ),
        (
            Custom,
            1,
            1,
            vec![],
            "1 records on a CUSTOM edge came with 0 hashes",
        ),
        (Custom, 1, 1, vec![1], "chose subtask 1 of a reader with 1"),
        (
            Custom,
            3,
            2,
            vec![2, 3],
            "chose subtask 3 of a reader with 3",
        ),
        (
            Custom,
            3,
            1,
            vec![u32::MAX],
            "chose subtask 4294967295 of a reader with 3",
        ),
    ] {
        let mut partitioner = partitioner(partitioning, channels);
        let batch = batch(records, &hashes);
        let spread = partitioner
            .targets(&batch.view())
            .and_then(|targets| match targets {
                Targets::Each => hashes
                    .iter()
                    .try_for_each(|hash| partitioner.next(*hash).map(drop)),
                Targets::One(_) | Targets::Every => Ok(()),
            });
        let failure = spread.unwrap_err();
        assert!(matches!(failure, TaskFailure::Contract(_)), "{failure:?}");
        assert!(failure.to_string().contains(told), "{failure}");
    }
}

#[test]
fn a_batch_without_records_needs_no_hashes() {
    for partitioning in [Partitioning::Hash, Partitioning::Custom] {
        assert_eq!(
            spread(&mut partitioner(partitioning, 2), 0, &[]),
            Some(Vec::new())
        );
    }
}
