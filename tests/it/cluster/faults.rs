//! Random faults while the ledger runs: whatever dies, hangs or is out of reach, each record takes effect
//! exactly once.
//!
//! What happens is a matrix: what is struck ([`Struck`]) by how checkpoints are taken by where state is
//! kept. Each test is one row. With the others it runs in one of its variants with a few faults; `make chaos`
//! (`WASMILL_FAULTS=20`) runs all variants with at least so many. When something happens is random, from
//! a seed that is printed and that `WASMILL_FAULTS_SEED` sets.

mod run;

use std::env;

use run::{Run, Struck, Variant};
use wasmill_actor::Rng;

/// How many faults there are during one job, unless there is more time.
const FAULTS: usize = 3;

/// Runs one variant, or all of them where there is time.
fn strike(struck: Struck, variant: Variant) {
    let seed = env::var("WASMILL_FAULTS_SEED").ok();
    let seed = seed.map_or_else(|| Rng::from_entropy().seed(), |seed| seed.parse().unwrap());
    let many = env::var("WASMILL_FAULTS").ok();
    let Some(many) = many.map(|many| many.parse::<usize>().unwrap()) else {
        return Run::start(struck, variant, seed, FAULTS).go();
    };
    for variant in variant.all() {
        Run::start(struck, variant, seed, many).go();
    }
}

#[test]
fn tasks_that_panic_change_nothing() {
    strike(Struck::Task, Variant::of("rocksdb").unaligned());
}

#[test]
fn task_managers_that_are_killed_change_nothing() {
    strike(Struck::TaskManager, Variant::of("memory"));
}

#[test]
fn job_managers_that_are_killed_change_nothing() {
    strike(Struck::JobManager, Variant::of("rocksdb").unaligned());
}

#[test]
fn task_managers_that_hang_and_come_back_change_nothing() {
    strike(Struck::Breath, Variant::of("memory").unaligned());
}

#[test]
fn task_managers_that_do_not_hear_each_other_change_nothing() {
    strike(Struck::Network, Variant::of("rocksdb"));
}

#[test]
fn storage_that_is_away_for_a_while_changes_nothing() {
    strike(Struck::Storage, Variant::of("rocksdb").unaligned());
}

#[test]
fn at_least_once_loses_nothing() {
    strike(Struck::TaskManager, Variant::of("rocksdb").at_least_once());
}
