//! The operators of `Stream`.

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{Collector, GuestSink, Process, ProcessContext, Stream, log, metrics};

use crate::shapes::{check_records, every_shape};

const NUMBERS: std::ops::Range<u64> = 0..100;

/// A job over the numbers, as JSON.
fn numbers(main: wasmill::Main) -> Job {
    Job::new(main).input("numbers", NUMBERS)
}

fn source(env: &Env) -> Stream<u64> {
    let source = env.source(File::json_lines("any")).name("numbers");
    source.map(|number: u64| number).boxed()
}

/// Builds the sink that all jobs here share.
macro_rules! job {
    (|$stream:ident| $graph:expr) => {
        |env| {
            let $stream = source(env);
            $graph.sink(File::json_lines("any")).name("out");
            Ok(())
        }
    };
}

#[test]
fn stateless_operators_do_what_iterators_do() {
    let cases: [(wasmill::Main, Vec<u64>); 5] = [
        (job!(|s| s.map(|n| n * 2)), NUMBERS.map(|n| n * 2).collect()),
        (
            job!(|s| s.filter(|n| n % 3 == 0)),
            NUMBERS.filter(|n| n % 3 == 0).collect(),
        ),
        (
            job!(|s| s.flat_map(|n, out| (0..n % 4).for_each(|i| out.emit(n * 10 + i)))),
            NUMBERS
                .flat_map(|n| (0..n % 4).map(move |i| n * 10 + i))
                .collect(),
        ),
        (
            job!(|s| s.try_map(|n| Ok(n.checked_add(1).expect("small")))),
            NUMBERS.map(|n| n + 1).collect(),
        ),
        (
            job!(|s| s
                .filter(|n| n % 2 == 0)
                .map(|n| n.to_string())
                .filter(|text| text.len() == 2)
                .flat_map(|text, out| {
                    out.emit(text.clone());
                    out.emit(text);
                })
                .map(|text| text.parse::<u64>().expect("written above"))
                .inspect(|_| {})),
            NUMBERS
                .filter(|n| n % 2 == 0 && (10..100).contains(n))
                .flat_map(|n| [n, n])
                .collect(),
        ),
    ];
    for (main, expected) in cases {
        check_records(&numbers(main), "out", expected);
    }
}

#[test]
fn inspect_sees_every_record_once() {
    let job = numbers(job!(|s| s.inspect(|n| metrics::add("seen", n + 1))));
    every_shape(&job, |outcome, shape| {
        let expected: u64 = NUMBERS.map(|n| n + 1).sum();
        assert_eq!(outcome.counter("seen"), expected, "{shape}");
    });
}

#[test]
fn closures_keep_what_they_change_per_subtask() {
    let job = numbers(job!(|s| {
        let mut seen = 0;
        s.map(move |_| {
            seen += 1;
            seen
        })
    }));
    every_shape(&job, |outcome, shape| {
        let subtasks = outcome.output_by_subtask::<u64>("out");
        for subtask in &subtasks {
            let expected: Vec<u64> = (1..=subtask.len() as u64).collect();
            assert_eq!(*subtask, expected, "{shape}");
        }
        assert_eq!(subtasks.concat().len(), 100, "{shape}");
    });
}

#[test]
fn order_is_kept_from_one_subtask_to_the_next() {
    let job = numbers(job!(|s| s.map(|n| n).filter(|_| true)));
    every_shape(&job, |outcome, shape| {
        for subtask in outcome.output_by_subtask::<u64>("out") {
            assert!(subtask.is_sorted(), "{shape}: {subtask:?}");
        }
    });
}

#[test]
fn process_emits_logs_measures_and_sees_the_time() {
    fn main(env: &Env) -> Result<()> {
        source(env)
            .process(|_| {
                |number: u64, cx, out| {
                    metrics::record("numbers", number as f64);
                    if number == 7 {
                        log::warn!("seven at {}", cx.now());
                        metrics::set("last", 7.0);
                    }
                    out.emit((number, cx.timestamp()));
                    Ok(())
                }
            })
            .sink(File::json_lines("any"))
            .name("out");
        Ok(())
    }
    let timed = NUMBERS.map(|n| (1000 + n as i64, n));
    let job = Job::new(main).input_timed("numbers", timed).start_at(5);
    let expected = NUMBERS.map(|n| (n, Some(1000 + n as i64))).collect();
    check_records(&job, "out", expected);
    every_shape(&job, |outcome, shape| {
        let logs = [(log::Level::Warn, "seven at 5".to_owned())];
        assert_eq!(outcome.logs(), logs, "{shape}");
        assert_eq!(outcome.histogram("numbers").len(), 100, "{shape}");
        assert_eq!(outcome.gauge("last"), Some(7.0), "{shape}");
    });
    let untimed = numbers(main).run().unwrap();
    let records = untimed.output::<(u64, Option<i64>)>("out");
    assert!(records.iter().all(|(_, timestamp)| timestamp.is_none()));
}

/// Emits what it got, reversed, when everything is there.
struct Reverse(Vec<u64>);

impl Process<u64> for Reverse {
    type Out = u64;

    fn process(
        &mut self,
        record: u64,
        _: &mut ProcessContext<'_>,
        _: &mut Collector<'_, u64>,
    ) -> Result<()> {
        self.0.push(record);
        Ok(())
    }

    fn end(&mut self, out: &mut Collector<'_, u64>) -> Result<()> {
        self.0.drain(..).rev().for_each(|record| out.emit(record));
        Ok(())
    }
}

#[test]
fn a_process_object_is_told_when_the_input_has_ended() {
    let job = numbers(job!(|s| s.process_with(|_| Reverse(Vec::new()))));
    every_shape(&job, |outcome, shape| {
        let subtasks = outcome.output_by_subtask::<u64>("out");
        assert_eq!(subtasks.concat().len(), 100, "{shape}");
        for subtask in subtasks {
            assert!(subtask.is_sorted_by(|a, b| a >= b), "{shape}: {subtask:?}");
        }
    });
}

#[test]
fn ends_come_in_the_order_of_the_chain() {
    // The second object turns round again what the first emits at its end.
    let job = numbers(job!(|s| s
        .process_with(|_| Reverse(Vec::new()))
        .map(|n| n)
        .process_with(|_| Reverse(Vec::new()))));
    every_shape(&job, |outcome, shape| {
        for subtask in outcome.output_by_subtask::<u64>("out") {
            assert!(subtask.is_sorted(), "{shape}: {subtask:?}");
        }
        assert_eq!(outcome.output::<u64>("out").len(), 100, "{shape}");
    });
}

#[test]
fn sinks_get_records_in_their_own_form() {
    fn main(env: &Env) -> Result<()> {
        let pairs = source(env).map(|n| (n, format!("a \"{n}\", b"))).boxed();
        pairs.clone().sink(File::csv("x")).name("csv");
        pairs.clone().sink(File::json_lines("x")).name("json");
        pairs.clone().sink(Print::new()).name("print");
        pairs.clone().sink(Blackhole).name("postcard");
        pairs
            .map(|(_, text)| text)
            .sink(File::lines("x"))
            .name("text");
        Ok(())
    }
    let outcome = Job::new(main).input("numbers", [5]).run().unwrap();
    let pair = [(5_u64, "a \"5\", b".to_owned())];
    for sink in ["csv", "json", "postcard"] {
        assert_eq!(outcome.output::<(u64, String)>(sink), pair, "{sink}");
    }
    assert_eq!(outcome.lines("csv"), ["5,\"a \"\"5\"\", b\""]);
    assert_eq!(outcome.lines("json"), ["[5,\"a \\\"5\\\", b\"]"]);
    assert_eq!(outcome.lines("print"), ["(5, \"a \\\"5\\\", b\")"]);
    assert_eq!(outcome.lines("text"), ["a \"5\", b"]);
    assert_eq!(outcome.output::<String>("text"), outcome.lines("text"));
}

/// Counts what it sees, in a metric.
struct Tally(u64);

impl GuestSink<u64> for Tally {
    fn write(&mut self, record: &u64) -> Result<()> {
        self.0 += record;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        metrics::add("tally", self.0);
        Ok(())
    }
}

#[test]
fn a_sink_of_the_bundle_gets_every_record_and_the_end() {
    fn main(env: &Env) -> Result<()> {
        let numbers = source(env);
        numbers.clone().sink_with(Tally(0));
        numbers
            .map(|n| n * 10)
            .rebalance()
            .sink_with(Tally(0))
            .name("tally");
        Ok(())
    }
    every_shape(&numbers(main), |outcome, shape| {
        assert_eq!(
            outcome.counter("tally"),
            11 * NUMBERS.sum::<u64>(),
            "{shape}"
        );
    });
}
