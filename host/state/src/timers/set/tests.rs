//! A random history against a naive model, with snapshots that live for a while.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

#[test]
fn a_set_with_snapshots_behaves_as_one_without() {
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut set, mut model) = (TimerSet::default(), BTreeSet::new());
        let mut snapshots: Vec<(Arc<BTreeSet<Timer>>, BTreeSet<Timer>)> = Vec::new();
        for _ in 0..300 {
            let timer = Timer::new(rng.random_range(0..12), b"key", &[rng.random_range(0..2)]);
            match rng.random_range(0..12) {
                0..=4 => assert_eq!(set.insert(timer.clone()), model.insert(timer)),
                5 | 6 => assert_eq!(set.remove(&timer), model.remove(&timer)),
                7 | 8 => assert_eq!(set.pop_first(), model.pop_first()),
                9 => snapshots.push((set.share(), model.clone())),
                10 => snapshots.truncate(rng.random_range(0..=snapshots.len())),
                _ => set.settle(),
            }
            assert_eq!(set.first(), model.first(), "seed {seed}");
            assert_eq!(set.len(), model.len(), "seed {seed}");
            for (snapshot, then) in &snapshots {
                assert_eq!(**snapshot, *then, "seed {seed}");
            }
        }
    }
}
