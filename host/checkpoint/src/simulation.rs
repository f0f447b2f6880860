//! Seeded histories of a job, its coordinator and its storage: whatever gets lost and whoever dies, a restore is
//! the cut.
//!
//! The coordinator, metadata, assignment and registry are the real ones. Around them are models: `task` (two
//! sources of numbers, two keyed tasks that write down what they get), `storage` (files that appear when they
//! are complete), `world` (the JobManager's driver, and messages that come late, twice or never). Time is the
//! seed's. A seed makes the same history each time, and one that fails is printed.

mod storage;
mod task;
mod world;

use world::World;

/// How many histories there are.
const SEEDS: u64 = 2_000;
/// How many steps each has.
const STEPS: usize = 700;

/// Tells the seed of a history that fails, whatever fails in it.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a failing seed has to be seen")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of seed {} fails", self.0);
        }
    }
}

/// Runs a history to its end.
fn history(seed: u64) -> World {
    let failing = Seed(seed);
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.finish();
    drop(failing);
    world
}

#[test]
fn whatever_gets_lost_and_whoever_dies_a_restore_is_the_cut() {
    let mut all = world::Counts::default();
    for seed in 0..SEEDS {
        all.add(history(seed).counts());
    }
    // The histories are not idle.
    let each = [all.completed, all.restored, all.crashed, all.reused];
    assert!(each.iter().all(|count| *count > SEEDS / 2), "{all:?}");
    assert!(all.records > 30 * SEEDS, "{all:?}");
}

#[test]
fn a_seed_makes_one_history() {
    assert_eq!(history(7).trace(), history(7).trace());
    assert_ne!(history(7).trace(), history(8).trace());
}
