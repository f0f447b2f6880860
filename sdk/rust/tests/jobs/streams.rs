//! Streams that several operators read, streams that are several in one, and side outputs.

use wasmill::prelude::*;
use wasmill::testing::{Job, describe};
use wasmill::{SideOutput, Stream};

use crate::shapes::{check_failure, check_records, every_shape};

fn numbers(env: &Env) -> Stream<u64> {
    env.guest_source(generate(60, |i| i)).boxed()
}

#[test]
fn every_reader_of_a_shared_stream_gets_every_record() {
    fn main(env: &Env) -> Result<()> {
        let shared = numbers(env).map(|n| n + 1).shared();
        shared.clone().map(|n| n * 2).sink(Blackhole).name("twice");
        shared.clone().sink(Blackhole).name("plain");
        shared
            .clone()
            .key_by(|n| n % 5)
            .count()
            .sink(Blackhole)
            .name("counts");
        let back = shared
            .clone()
            .filter(|n| n % 2 == 0)
            .union(shared.rebalance());
        back.sink(Blackhole).name("both");
        Ok(())
    }
    let job = Job::new(main);
    let plain = || 1..=60_u64;
    check_records(&job, "twice", plain().map(|n| n * 2).collect());
    check_records(&job, "plain", plain().collect());
    let evens = plain().filter(|n| n % 2 == 0);
    check_records(&job, "both", plain().chain(evens).collect());
    let counts = (0..5_u64).flat_map(|key| (1..=12_u64).map(move |count| (key, count)));
    check_records(&job, "counts", counts.collect());
}

#[test]
fn a_stream_united_with_itself_has_each_record_twice() {
    fn main(env: &Env) -> Result<()> {
        let shared = numbers(env);
        shared.clone().union(shared).sink(Blackhole).name("out");
        Ok(())
    }
    let twice = (0..60_u64).chain(0..60).collect();
    check_records(&Job::new(main), "out", twice);
}

/// The texts of a connector, the texts of a guest source, and the texts of another connector.
fn texts(env: &Env) -> [Stream<String>; 2] {
    let guest = env.guest_source(generate(3, |i| format!("g{i}")));
    let json = env.source(File::json_lines("x")).name("json");
    [guest.boxed(), json.map(|text: String| text).boxed()]
}

#[test]
fn streams_of_connectors_and_of_the_bundle_unite() {
    fn connector_first(env: &Env) -> Result<()> {
        let [guest, json] = texts(env);
        let lines = env.source(File::lines("x")).name("lines");
        let all = lines.union(guest).union(json);
        all.map(|text| text + "!")
            .sink(File::lines("x"))
            .name("out");
        Ok(())
    }
    fn connector_last(env: &Env) -> Result<()> {
        let [guest, json] = texts(env);
        let lines = env.source(File::lines("x")).name("lines");
        let all = guest.union(json.union(lines));
        all.map(|text| text + "!")
            .sink(File::lines("x"))
            .name("out");
        Ok(())
    }
    fn through_a_rebalance(env: &Env) -> Result<()> {
        let [guest, json] = texts(env);
        let lines = env.source(File::lines("x")).name("lines");
        let all = guest.union(json).union(lines.rebalance()).rebalance();
        all.map(|text| text + "!")
            .sink(File::lines("x"))
            .name("out");
        Ok(())
    }
    fn to_a_sink(env: &Env) -> Result<()> {
        let [guest, json] = texts(env);
        let lines = env.source(File::lines("x")).name("lines");
        let bang = |text: String| text + "!";
        let all = guest.map(bang).union(json.map(bang)).union(lines.map(bang));
        all.sink(File::lines("x")).name("out");
        Ok(())
    }
    for main in [
        connector_first,
        connector_last,
        through_a_rebalance,
        to_a_sink,
    ] {
        let job = Job::new(main)
            .input("lines", ["l0", "l1"])
            .input("json", ["j0"]);
        let expected = ["g0!", "g1!", "g2!", "j0!", "l0!", "l1!"];
        check_records(&job, "out", expected.map(str::to_owned).to_vec());
    }
}

#[test]
fn two_connectors_of_one_format_unite_without_an_operator_between() {
    fn main(env: &Env) -> Result<()> {
        let first = env.source(File::lines("x")).name("first");
        let second = env.source(File::lines("y")).name("second");
        first
            .union(second)
            .map(|text| text)
            .sink(File::lines("x"))
            .name("out");
        Ok(())
    }
    assert_eq!(describe(main, &[]).unwrap().operators.len(), 4);
    let job = Job::new(main)
        .input("first", ["a", "b"])
        .input("second", ["c"]);
    check_records(&job, "out", ["a", "b", "c"].map(str::to_owned).to_vec());
}

#[test]
fn united_streams_share_the_state_of_a_key() {
    fn main(env: &Env) -> Result<()> {
        let [guest, json] = texts(env);
        let lines = env.source(File::lines("x")).name("lines");
        let initial = |text: &String| text.chars().next();
        let all = lines.union(guest).union(json);
        all.key_by(initial).count().sink(Blackhole).name("out");
        Ok(())
    }
    let job = Job::new(main)
        .input("lines", ["g", "l"])
        .input("json", ["l", "g"]);
    let expected = (1..=5).map(|n| (Some('g'), n));
    let expected = expected.chain([(Some('l'), 1), (Some('l'), 2)]);
    check_records::<(Option<char>, u64)>(&job, "out", expected.collect());
}

#[test]
fn a_source_can_be_read_twice_and_sent_straight_to_a_sink() {
    fn main(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x")).name("lines");
        lines.clone().sink(File::lines("x")).name("copy");
        lines
            .clone()
            .map(|line| line.len())
            .sink(Blackhole)
            .name("lengths");
        lines.shared().sink(File::json_lines("x")).name("json");
        Ok(())
    }
    let job = Job::new(main).input("lines", ["one", "three", ""]);
    let lines = || ["one", "three", ""].map(str::to_owned).to_vec();
    check_records(&job, "copy", lines());
    check_records(&job, "json", lines());
    check_records::<usize>(&job, "lengths", vec![3, 5, 0]);
}

#[test]
fn records_go_to_the_side_output_that_they_are_emitted_to() {
    fn main(env: &Env) -> Result<()> {
        let (odd, big) = (SideOutput::new(), SideOutput::new());
        let unread = SideOutput::new();
        let (to_odd, to_big) = (odd.clone(), big.clone());
        let main = numbers(env).process(|_| {
            move |n: u64, cx, out| {
                if n % 2 == 1 {
                    cx.side(&to_odd, n);
                }
                if n >= 50 {
                    cx.side(&to_big, format!("big {n}"));
                }
                cx.side(&unread, n);
                out.emit(n);
                Ok(())
            }
        });
        let odd = main.side_output(&odd);
        odd.clone().map(|n| n * 10).sink(Blackhole).name("odd");
        odd.key_by(|n| n % 3)
            .count()
            .sink(Blackhole)
            .name("odd counts");
        main.side_output(&big).sink(File::lines("x")).name("big");
        main.map(|n| n).sink(Blackhole).name("main");
        Ok(())
    }
    let job = Job::new(main);
    check_records(&job, "main", (0..60_u64).collect());
    let odd = || (1..60_u64).step_by(2);
    check_records(&job, "odd", odd().map(|n| n * 10).collect());
    let big = (50..60).map(|n| format!("big {n}")).collect();
    check_records::<String>(&job, "big", big);
    let counts = (0..3_u64).flat_map(|key| (1..=10_u64).map(move |count| (key, count)));
    check_records(&job, "odd counts", counts.collect());
}

#[test]
fn keyed_process_functions_have_side_outputs_too() {
    fn main(env: &Env) -> Result<()> {
        let first = SideOutput::new();
        let to_first = first.clone();
        let main = numbers(env).key_by(|n| n % 7).process(|states| {
            let seen = states.value::<bool>("seen");
            move |n: u64, cx, out| {
                if seen.exists()? {
                    out.emit(n);
                } else {
                    seen.set(true);
                    cx.side(&to_first, (*cx.key(), n));
                }
                Ok(())
            }
        });
        main.side_output(&first).sink(Blackhole).name("first");
        main.sink(Blackhole).name("rest");
        Ok(())
    }
    every_shape(&Job::new(main), |outcome, shape| {
        let firsts = outcome.sorted::<(u64, u64)>("first");
        let keys: Vec<u64> = firsts.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [0, 1, 2, 3, 4, 5, 6], "{shape}");
        let rest = outcome.output::<u64>("rest").into_iter();
        let mut all: Vec<u64> = rest.chain(firsts.iter().map(|(_, n)| *n)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..60).collect::<Vec<_>>(), "{shape}");
    });
}

#[test]
fn only_a_side_output_may_matter() {
    fn main(env: &Env) -> Result<()> {
        let side = SideOutput::new();
        let to_side = side.clone();
        let main = numbers(env).process(|_| {
            move |n: u64, cx, out| {
                cx.side(&to_side, n);
                out.emit(n);
                Ok(())
            }
        });
        main.side_output(&side).sink(Blackhole).name("side");
        main.discard();
        Ok(())
    }
    check_records(&Job::new(main), "side", (0..60_u64).collect());
}

#[test]
fn effects_are_reason_enough_to_run() {
    fn main(env: &Env) -> Result<()> {
        numbers(env)
            .map(|n| wasmill::metrics::add("sum", n))
            .discard();
        Ok(())
    }
    every_shape(&Job::new(main), |outcome, shape| {
        assert_eq!(outcome.counter("sum"), (0..60).sum::<u64>(), "{shape}");
    });
}

#[test]
fn side_outputs_keep_the_time_of_the_record() {
    fn main(env: &Env) -> Result<()> {
        let side = SideOutput::new();
        let to_side = side.clone();
        let lines = env.source(File::lines("x"));
        let main = lines.process(|_| {
            move |line: String, cx, _out: &mut wasmill::Collector<'_, ()>| {
                cx.side(&to_side, line);
                Ok(())
            }
        });
        main.side_output(&side)
            .process(|_| {
                |line: String, cx, out| {
                    out.emit((line, cx.timestamp()));
                    Ok(())
                }
            })
            .sink(Blackhole)
            .name("out");
        main.discard();
        Ok(())
    }
    let job = Job::new(main).input_timed("Source: file", [(5, "a"), (9, "b")]);
    let expected = [("a".to_owned(), Some(5)), ("b".to_owned(), Some(9))];
    check_records::<(String, Option<i64>)>(&job, "out", expected.to_vec());
}

#[test]
fn a_side_output_belongs_to_one_operator() {
    fn read_from_another(env: &Env) -> Result<()> {
        let side = SideOutput::<u64>::new();
        let first = numbers(env).process(|_| {
            |n: u64, _, out| {
                out.emit(n);
                Ok(())
            }
        });
        first.side_output(&side).sink(Blackhole);
        let second = first.map(|n| n);
        second.side_output(&side).sink(Blackhole);
        second.sink(Blackhole);
        Ok(())
    }
    fn emitted_by_another(env: &Env) -> Result<()> {
        let side = SideOutput::<u64>::new();
        let to_side = side.clone();
        let first = numbers(env).map(|n| n);
        first.side_output(&side).sink(Blackhole);
        first
            .process(|_| {
                move |n: u64, cx, out| {
                    cx.side(&to_side, n);
                    out.emit(n);
                    Ok(())
                }
            })
            .sink(Blackhole);
        Ok(())
    }
    let job = Job::new(read_from_another);
    check_failure(
        &job,
        &["side output", "`Process`", "`Map`", "one `SideOutput`"],
    );
    for job in [
        Job::new(emitted_by_another),
        Job::new(emitted_by_another).chained(),
    ] {
        check_failure(&job, &["Process", "side output", "`Map`"]);
    }
}

#[test]
fn a_stream_that_goes_nowhere_is_a_mistake() {
    fn main(env: &Env) -> Result<()> {
        let _ = numbers(env).map(|n| n).name("lost");
        Ok(())
    }
    check_failure(&Job::new(main), &["`lost`", "sink", "`discard`"]);
}
