//! The operators of `KeyedStream`.

use std::collections::BTreeMap;

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{Collector, KeyedContext, KeyedProcess, Stream};

use crate::shapes::{check_records, every_shape};

type Pair = (String, i64);

/// 200 pairs of 7 keys, from one subtask so that each key's order is known.
fn pairs() -> Vec<Pair> {
    (0..200_i64)
        .map(|n| (format!("k{}", n * n % 7), n - 100))
        .collect()
}

fn source(env: &Env) -> Stream<Pair> {
    let source = env.source(File::json_lines("x")).parallelism(1);
    source.map(|pair: Pair| pair).parallelism(1).boxed()
}

/// What each key emits, in order, is what folding its values says.
fn check<S: Clone>(main: wasmill::Main, start: S, fold: impl Fn(&mut S, &str, i64) -> i64) {
    let mut states: BTreeMap<String, S> = BTreeMap::new();
    let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (key, value) in pairs() {
        let state = states.entry(key.clone()).or_insert_with(|| start.clone());
        let result = fold(state, &key, value);
        expected.entry(key).or_default().push(result);
    }
    for cache_bytes in [0, 300, 1 << 20] {
        let job = Job::new(main)
            .input("Source: file", pairs())
            .cache_bytes(cache_bytes);
        every_shape(&job, |outcome, shape| {
            let mut got: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            for (key, value) in outcome.output::<Pair>("out") {
                got.entry(key).or_default().push(value);
            }
            assert_eq!(got, expected, "{shape}, cache of {cache_bytes} bytes");
        });
    }
}

/// The largest value, halved when it is asked for.
struct HalfMax;

impl Aggregate<Pair> for HalfMax {
    type Accumulator = i64;
    type Out = i64;

    fn create(&self) -> i64 {
        i64::MIN
    }

    fn add(&self, accumulator: &mut i64, (_, value): Pair) {
        *accumulator = value.max(*accumulator);
    }

    fn result(&self, accumulator: &i64) -> i64 {
        accumulator / 2
    }

    fn merge(&self, accumulator: &mut i64, other: i64) {
        *accumulator = other.max(*accumulator);
    }
}

struct Difference(wasmill::state::ValueState<i64>);

impl KeyedProcess<String, Pair> for Difference {
    type Out = Pair;

    fn process(
        &mut self,
        (key, value): Pair,
        cx: &mut KeyedContext<'_, String>,
        out: &mut Collector<'_, Pair>,
    ) -> Result<()> {
        assert_eq!(key, *cx.key());
        let last = self.0.get()?.unwrap_or_default();
        self.0.set(value);
        out.emit((key, value - last));
        Ok(())
    }
}

#[test]
fn keyed_operators_fold_the_records_of_each_key() {
    check(
        |env| {
            let keyed = source(env).key_by(|pair| pair.0.clone());
            keyed
                .reduce(|a, b| (a.0, a.1 + b.1))
                .sink(Blackhole)
                .name("out");
            Ok(())
        },
        0,
        |sum, _, value| {
            *sum += value;
            *sum
        },
    );
    check(
        |env| {
            let keyed = source(env).key_by_ref(|pair| pair.0.as_str());
            let counts = keyed.count();
            counts
                .map(|(key, count)| (key, count as i64))
                .sink(Blackhole)
                .name("out");
            Ok(())
        },
        0,
        |count, _, _| {
            *count += 1;
            *count
        },
    );
    check(
        |env| {
            let keyed = source(env).key_by(|pair| pair.0.clone());
            keyed.aggregate(HalfMax).sink(Blackhole).name("out");
            Ok(())
        },
        i64::MIN,
        |max, _, value| {
            *max = value.max(*max);
            *max / 2
        },
    );
    check(
        |env| {
            let keyed = source(env).key_by_ref(|pair| &pair.0);
            let processed = keyed.process_with(|states| Difference(states.value("last")));
            processed.sink(Blackhole).name("out");
            Ok(())
        },
        0,
        |last, _, value| value - std::mem::replace(last, value),
    );
}

#[test]
fn keyed_operators_follow_each_other() {
    check(
        |env| {
            let sums = source(env)
                .key_by(|pair| pair.0.clone())
                .reduce(|a, b| (a.0, a.1 + b.1));
            let tagged = sums
                .key_by(|(key, _)| (key.len(), key.clone()))
                .process(|states| {
                    let total = states.reducing("total", |a: i64, b| a ^ b);
                    move |(key, sum): Pair, _, out| {
                        total.add(sum)?;
                        out.emit((key, total.get()?.unwrap_or_default()));
                        Ok(())
                    }
                });
            tagged.sink(Blackhole).name("out");
            Ok(())
        },
        (0, 0),
        |(sum, all), _, value| {
            *sum += value;
            *all ^= *sum;
            *all
        },
    );
}

#[test]
fn keys_of_every_type_work() {
    fn main(env: &Env) -> Result<()> {
        let pairs = source(env);
        let sink = |name: &'static str| {
            move |stream: Stream<u64>| {
                stream.sink(Blackhole).name(name);
            }
        };
        let unit = pairs.clone().key_by(|_| ()).count().map(|(_, n)| n);
        sink("unit")(unit.boxed());
        let byte = pairs
            .clone()
            .key_by(|(_, n)| (n % 2 == 0, *n as i8 / 64))
            .count();
        sink("tuple")(byte.map(|(_, n)| n).boxed());
        let text = pairs
            .clone()
            .key_by(|(key, n)| Some(format!("{key}{}", n % 3)))
            .count();
        sink("option")(text.map(|(_, n)| n).boxed());
        let bytes = pairs.key_by_ref(|(key, _)| key.as_bytes()).count();
        sink("bytes")(bytes.map(|(_, n)| n).boxed());
        Ok(())
    }
    let job = Job::new(main).input("Source: file", pairs());
    every_shape(&job, |outcome, shape| {
        assert_eq!(
            outcome.output::<u64>("unit"),
            (1..=200).collect::<Vec<_>>(),
            "{shape}"
        );
        for sink in ["tuple", "option", "bytes"] {
            assert_eq!(outcome.output::<u64>(sink).len(), 200, "{shape}, {sink}");
        }
    });
}

#[test]
fn keyed_records_keep_their_time_and_their_key_whatever_is_cached() {
    fn main(env: &Env) -> Result<()> {
        let source = env.source(File::json_lines("x")).parallelism(1);
        let keyed = source.key_by(|n: &u64| n % 9);
        let timed = keyed.process(|states| {
            let seen = states.value::<u64>("seen");
            move |n: u64, cx, out| {
                seen.set(n);
                out.emit((n, *cx.key(), cx.timestamp()));
                Ok(())
            }
        });
        timed.sink(Blackhole).name("out");
        Ok(())
    }
    let expected: Vec<_> = (0..40_u64)
        .map(|n| (n, n % 9, Some(n as i64 * 5)))
        .collect();
    for cache_bytes in [0, 300, 1 << 20] {
        let timed = (0..40_u64).map(|n| (n as i64 * 5, n));
        let job = Job::new(main)
            .input_timed("Source: file", timed)
            .cache_bytes(cache_bytes);
        check_records(&job, "out", expected.clone());
    }
}
