//! A random history against a naive model, with snapshots that live for a while.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

#[test]
fn a_set_with_snapshots_behaves_as_one_without() {
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut set, mut model) = (TimerSet::default(), BTreeSet::new());
        let mut snapshots: Vec<(FrozenSlots, BTreeSet<Timer>)> = Vec::new();
        for _ in 0..600 {
            let long = [rng.random_range(0..40); 30];
            let namespace = &long[..rng.random_range(0..30)];
            let timer = Timer::new(rng.random_range(0..4), b"key", namespace);
            match rng.random_range(0..11) {
                0..=4 => assert_eq!(set.insert(timer.clone()), model.insert(timer)),
                5 => assert_eq!(set.remove(&timer), model.remove(&timer)),
                6 => {
                    let place = rng.random_range(0..=model.len());
                    let known = model.iter().nth(place).cloned().unwrap_or(timer);
                    assert_eq!(set.remove(&known), model.remove(&known));
                }
                7 | 8 => assert_eq!(set.pop_first(), model.pop_first()),
                9 => snapshots.push((set.freeze(), model.clone())),
                _ => snapshots.truncate(rng.random_range(0..=snapshots.len())),
            }
            assert_eq!(set.first(), model.first(), "seed {seed}");
            assert_eq!(set.first_time(), model.first().map(|timer| timer.time));
            assert_eq!(set.len(), model.len(), "seed {seed}");
            for (snapshot, then) in &snapshots {
                let all: BTreeSet<Timer> = snapshot.iter().cloned().collect();
                assert_eq!((all, snapshot.len()), (then.clone(), then.len()));
            }
        }
    }
}

#[test]
fn a_set_that_becomes_empty_gives_its_memory_back() {
    let mut set = TimerSet::default();
    let timer = |n: u32| Timer::new(i64::from(n % 3), &n.to_be_bytes(), b"");
    for n in 0..1000 {
        assert!(set.insert(timer(n)));
    }
    for n in 0..1000 {
        assert!(set.remove(&timer(n)));
    }
    assert_eq!((set.index.capacity(), set.positions.capacity()), (0, 0));
}
