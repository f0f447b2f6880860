//! Which operators a test fuses, seen in the name of the task that fails.

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{SideOutput, Stream, bail};

use crate::shapes::check_failure;

fn numbers(env: &Env) -> Stream<u64> {
    let numbers = env.guest_source(generate(3, |i| i)).name("source");
    numbers.map(|n| n).name("a").boxed()
}

/// Fails with the first record.
fn fail(_: u64) -> Result<u64> {
    bail!("as expected")
}

fn check(main: wasmill::Main, apart: &str, chained: &str) {
    for (job, task) in [(Job::new(main), apart), (Job::new(main).chained(), chained)] {
        for parallelism in [1, 2] {
            let task = format!("of `{task}` failed: as expected");
            check_failure(&job.clone().parallelism(parallelism), &[&task]);
        }
    }
}

#[test]
fn forward_edges_are_chained() {
    check(
        |env| {
            numbers(env).try_map(fail).name("b").sink(Blackhole);
            Ok(())
        },
        "b",
        "source -> a -> b",
    );
}

#[test]
fn a_program_can_cut_a_chain() {
    check(
        |env| {
            let b = numbers(env).try_map(fail).name("b").start_new_chain();
            b.map(|n| n).name("c").sink(Blackhole);
            Ok(())
        },
        "b",
        "b -> c",
    );
    check(
        |env| {
            let b = numbers(env).try_map(fail).name("b").disable_chaining();
            b.map(|n| n).name("c").sink(Blackhole);
            Ok(())
        },
        "b",
        "b",
    );
    check(
        |env| {
            let b = numbers(env)
                .try_map(fail)
                .name("b")
                .slot_sharing_group("other");
            b.map(|n| n).name("c").sink(Blackhole);
            Ok(())
        },
        "b",
        "b -> c",
    );
}

#[test]
fn keys_unions_and_exchanges_start_chains() {
    check(
        |env| {
            let counts = numbers(env).key_by(|n| *n).count();
            counts.try_map(|(n, _)| fail(n)).name("b").sink(Blackhole);
            Ok(())
        },
        "b",
        "Count -> b",
    );
    check(
        |env| {
            let both = numbers(env).union(env.guest_source(generate(0, |i| i)));
            both.try_map(fail).name("b").sink(Blackhole);
            Ok(())
        },
        "b",
        "b",
    );
    check(
        |env| {
            let spread = numbers(env).global();
            spread.try_map(fail).name("b").sink(Blackhole);
            Ok(())
        },
        "b",
        "b",
    );
}

#[test]
fn side_outputs_are_chained_like_main_outputs() {
    check(
        |env| {
            let side = SideOutput::new();
            let to_side = side.clone();
            let main = numbers(env).process(|_| {
                move |n: u64, cx, out| {
                    cx.side(&to_side, n);
                    out.emit(n);
                    Ok(())
                }
            });
            main.side_output(&side)
                .try_map(fail)
                .name("b")
                .sink(Blackhole);
            main.discard();
            Ok(())
        },
        "b",
        "source -> a -> Process -> b",
    );
}

#[test]
fn operators_of_different_parallelism_are_not_chained() {
    let main: wasmill::Main = |env| {
        numbers(env)
            .try_map(fail)
            .name("b")
            .parallelism(3)
            .sink(Blackhole);
        Ok(())
    };
    check_failure(&Job::new(main).chained(), &["of `b` failed"]);
}
