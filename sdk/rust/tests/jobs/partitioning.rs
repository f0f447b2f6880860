//! How records are spread over subtasks.

use wasmill::prelude::*;
use wasmill::testing::{Job, Outcome};

use crate::shapes::check_failure;

/// What each of three subtasks got of the numbers 0 to 11, written by one subtask or by three.
fn spread(main: wasmill::Main) -> Vec<Vec<u64>> {
    let outcome = Job::new(main)
        .parallelism(3)
        .input("Source: file", 0..12_u64)
        .run();
    got(&outcome.expect("the job runs"))
}

fn got(outcome: &Outcome) -> Vec<Vec<u64>> {
    outcome.output_by_subtask("out")
}

macro_rules! job {
    ($writers:literal, |$stream:ident| $graph:expr) => {
        |env: &Env| {
            let source = env.source(File::json_lines("x")).parallelism($writers);
            let $stream = source.map(|n: u64| n).parallelism($writers);
            $graph.map(|n| n).sink(Blackhole).name("out");
            Ok(())
        }
    };
}

#[test]
fn records_in_turn_go_to_each_subtask_equally() {
    for main in [
        job!(1, |s| s.rebalance()) as wasmill::Main,
        job!(1, |s| s.rescale()),
        // A forward edge between different parallelism is a rebalance.
        job!(1, |s| s),
    ] {
        let got = spread(main);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4]);
        let mut all = got.concat();
        all.sort_unstable();
        assert_eq!(all, (0..12).collect::<Vec<_>>());
    }
}

#[test]
fn rescale_stays_within_a_share_of_the_subtasks() {
    fn main(env: &Env) -> Result<()> {
        let source = env.source(File::json_lines("x")).parallelism(2);
        let numbers = source.map(|n: u64| n).parallelism(2);
        let spread = numbers.rescale().map(|n| n).parallelism(4);
        spread.sink(Blackhole).parallelism(4).name("out");
        Ok(())
    }
    let outcome = Job::new(main)
        .input("Source: file", 0..8_u64)
        .run()
        .unwrap();
    // Subtask 0 of 2 has the even numbers and reaches the first two of four.
    assert_eq!(got(&outcome), [[0, 4], [2, 6], [1, 5], [3, 7]]);
}

#[test]
fn forward_keeps_records_in_their_subtask() {
    assert_eq!(
        spread(job!(3, |s| s)),
        [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    );
}

#[test]
fn shuffle_loses_nothing_and_uses_every_subtask() {
    let got = spread(job!(1, |s| s.shuffle()));
    assert!(got.iter().all(|subtask| !subtask.is_empty()), "{got:?}");
    let mut all = got.concat();
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());
}

#[test]
fn broadcast_reaches_every_subtask_and_global_one() {
    let all: Vec<u64> = (0..12).collect();
    assert_eq!(
        spread(job!(1, |s| s.broadcast())),
        [all.clone(), all.clone(), all.clone()]
    );
    let got = spread(job!(1, |s| s.global()));
    assert_eq!(got, [all, vec![], vec![]]);
}

#[test]
fn a_function_chooses_the_subtask() {
    let main = job!(3, |s| s
        .partition_custom(|n: &u64, channels| (*n / 4) as u32 % channels));
    let got = spread(main).into_iter().map(|mut subtask| {
        subtask.sort_unstable();
        subtask
    });
    let got: Vec<_> = got.collect();
    assert_eq!(got, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]);
}

#[test]
fn a_function_that_chooses_no_subtask_fails_the_job() {
    let main = job!(1, |s| s.partition_custom(|_: &u64, channels| channels));
    let job = Job::new(main).input("Source: file", [1]);
    check_failure(
        &job,
        &["`Map`", "cannot emit a record to `Map`", "subtask 1 of 1"],
    );
}

#[test]
fn the_last_word_on_spreading_counts() {
    let all: Vec<u64> = (0..12).collect();
    let got = spread(job!(1, |s| s.rebalance().broadcast().global()));
    assert_eq!(got, [all, vec![], vec![]]);
}

#[test]
fn sources_and_sinks_can_be_spread_directly() {
    fn straight(env: &Env) -> Result<()> {
        let source = env.source(File::lines("x")).parallelism(1);
        source.broadcast().sink(File::lines("x")).name("out");
        Ok(())
    }
    fn chosen(env: &Env) -> Result<()> {
        let source = env.source(File::lines("x")).parallelism(1);
        let chosen = source.partition_custom(|line: &String, _| line.len() as u32);
        chosen.map(|line| line).sink(File::lines("x")).name("out");
        Ok(())
    }
    let run = |main| {
        let job = Job::new(main).parallelism(3);
        let outcome = job.input("Source: file", ["a", "bb", ""]).run().unwrap();
        outcome.output_by_subtask::<String>("out")
    };
    // The operator that encodes the records stands between the source and the sink.
    assert_eq!(run(straight).concat().len(), 9);
    assert_eq!(run(chosen), [[""], ["a"], ["bb"]]);
}

#[test]
fn records_of_a_key_meet_in_the_owner_of_its_group() {
    fn main(env: &Env) -> Result<()> {
        let source = env.source(File::json_lines("x"));
        source
            .key_by(|n: &u64| n % 10)
            .count()
            .max_parallelism(7)
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    let job = Job::new(main)
        .parallelism(3)
        .input("Source: file", 0..100_u64);
    let subtasks = job.run().unwrap().output_by_subtask::<(u64, u64)>("out");
    let mut seen = Vec::new();
    for subtask in subtasks {
        let mut keys: Vec<u64> = subtask.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        seen.extend(keys);
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        (0..10).collect::<Vec<_>>(),
        "no key is in two subtasks"
    );
}
