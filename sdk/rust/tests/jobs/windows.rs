//! Windows (semantics §3), also against a slow model of them.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::time::millis;
use wasmill::window::{
    Continuous, Delta, EachCount, Global, KeepLast, KeepRecent, Purging, Session, Sliding, Tumbling,
};
use wasmill::{Collector, SideOutput};

/// Key, time, value.
type Event = (String, i64, u64);

fn events(text: &str) -> Vec<Event> {
    let parse = |word: &str| {
        let (key, rest) = word.split_at(1);
        let (at, value) = rest.split_once('=').unwrap_or((rest, "1"));
        let number = "events are written as `key at=value`";
        (
            key.to_owned(),
            at.parse().expect(number),
            value.parse().expect(number),
        )
    };
    text.split_whitespace().map(parse).collect()
}

/// Adds values up.
#[derive(Clone, Copy)]
struct Sum;

impl Aggregate<Event> for Sum {
    type Accumulator = u64;
    type Out = u64;

    fn create(&self) -> u64 {
        0
    }

    fn add(&self, sum: &mut u64, (_, _, value): Event) {
        *sum += value;
    }

    fn result(&self, sum: &u64) -> u64 {
        *sum
    }

    fn merge(&self, sum: &mut u64, other: u64) {
        *sum += other;
    }
}

fn shown(
    key: &String,
    window: wasmill::window::Window,
    sum: u64,
    out: &mut Collector<'_, String>,
) -> Result<()> {
    out.emit(format!("{key}[{},{}):{sum}", window.start, window.end));
    Ok(())
}

/// The windows that a test asks for.
fn sums(env: &Env) -> Result<()> {
    let bound = millis(env.arg_or("bound", 0)?);
    let lateness = millis(env.arg_or("lateness", 0)?);
    let late = SideOutput::<Event>::new();
    let strategy = WatermarkStrategy::bounded_out_of_orderness(bound);
    let keyed = env
        .source(File::csv("events"))
        .assign_timestamps_and_watermarks(strategy.timestamps(|(_, at, _): &Event| *at))
        .key_by(|(key, _, _)| key.clone());
    macro_rules! ends {
        ($windowed:expr) => {{
            let windowed = $windowed.allowed_lateness(lateness);
            let windowed = match env.flag("late") {
                true => windowed.late_to(&late),
                false => windowed,
            };
            let sums = windowed.aggregate_with(Sum, shown);
            if env.flag("late") {
                sums.side_output(&late).sink(File::csv("late")).name("late");
            }
            sums.sink(File::lines("out")).name("sums");
        }};
    }
    match env.arg("windows")?.as_str() {
        "tumbling" => ends!(keyed.window(Tumbling::of(millis(10)))),
        "sliding" => ends!(keyed.window(Sliding::of(millis(10), millis(5)))),
        // Not whole slices: each window is kept by itself.
        "uneven" => ends!(keyed.window(Sliding::of(millis(10), millis(4)))),
        "session" => ends!(keyed.window(Session::with_gap(millis(5)))),
        "dynamic" => ends!(
            keyed.window(Session::with_dynamic_gap(|(_, _, value): &Event| {
                Duration::from_millis(*value)
            }))
        ),
        "purging" => ends!(
            keyed
                .window(Tumbling::of(millis(10)))
                .trigger(Purging(wasmill::window::EventTime))
        ),
        "continuous" => ends!(
            keyed
                .window(Tumbling::of(millis(10)))
                .trigger(Continuous::each(millis(4)))
        ),
        "count" => ends!(keyed.count_window(2)),
        "each" => ends!(keyed.window(Global).trigger(EachCount(2))),
        "delta" => ends!(
            keyed
                .window(Global)
                .trigger(Delta::above(2.0, |last: &Event, new: &Event| new.2 as f64
                    - last.2 as f64))
        ),
        other => bail!("`{other}` windows are not known"),
    }
    Ok(())
}

fn job(args: &[&str], input: &str) -> Job {
    let job = Job::new(sums).args(args.iter().copied()).batch_records(1);
    job.input("Source: file", events(input))
}

fn lines(job: &Job) -> Vec<String> {
    job.run().expect("the job runs").lines("sums")
}

/// What comes out however the job is cut.
fn out(args: &[&str], input: &str) -> Vec<String> {
    let job = job(args, input);
    let plain = lines(&job);
    for changed in [job.clone().chained(), job.cache_bytes(1)] {
        assert_eq!(lines(&changed), plain, "{args:?}");
    }
    plain
}

/// As [`out`] of records that are not late; after a restart event time begins anew.
fn restarted(args: &[&str], input: &str) -> Vec<String> {
    let plain = out(args, input);
    let job = job(args, input).restart_after(2);
    assert_eq!(lines(&job), plain, "{args:?}");
    plain
}

#[test]
fn a_window_comes_out_when_the_watermark_passes_its_end() {
    let args = ["--windows", "tumbling"];
    assert_eq!(
        restarted(&args, "a1 b2 a9=5 a10 b12 a25"),
        [
            "a[0,10):6",
            "b[0,10):1",
            "a[10,20):1",
            "b[10,20):1",
            "a[20,30):1"
        ]
    );
    // In order of their time for each key, also when one watermark passes several.
    assert_eq!(
        out(
            &["--windows", "tumbling", "--bound", "100"],
            "a35 a5 a25 a15"
        ),
        ["a[0,10):1", "a[10,20):1", "a[20,30):1", "a[30,40):1"]
    );
    assert_eq!(
        out(&args, "a-1 a-10 a-11"),
        ["a[-10,0):2"],
        "the last record is late"
    );
}

#[test]
fn a_record_belongs_to_all_sliding_windows_that_hold_it() {
    assert_eq!(
        restarted(&["--windows", "sliding"], "a1 a7 a12"),
        ["a[-5,5):1", "a[0,10):2", "a[5,15):2", "a[10,20):1"]
    );
}

#[test]
fn a_record_that_is_late_for_some_sliding_windows_belongs_to_the_others() {
    // The watermark is at 11 when 7 comes, for which [0,10) is over, and 3, for which all are.
    let input = "a6 a12 a7 a3 a30";
    let expected = [
        "a[0,10):1",
        "a[5,15):3",
        "a[10,20):1",
        "a[25,35):1",
        "a[30,40):1",
    ];
    let args = ["--windows", "sliding"];
    assert_eq!(out(&args, input), expected);
    let outcome = job(&args, input).run().unwrap();
    assert_eq!(outcome.counter("numLateRecordsDropped"), 1);
}

#[test]
fn sessions_merge_when_they_meet_or_touch() {
    let args = ["--windows", "session", "--bound", "100"];
    assert_eq!(restarted(&args, "a0 a10 a5"), ["a[0,15):3"]);
    assert_eq!(restarted(&args, "a0 a10 a4"), ["a[0,9):2", "a[10,15):1"]);
    assert_eq!(
        out(&args, "a0 a20 b3 a3 a21"),
        // No order is promised between keys: the timer of `a` was put off.
        ["b[3,8):1", "a[0,8):2", "a[20,26):2"]
    );
    let args = ["--windows", "dynamic", "--bound", "100"];
    assert_eq!(
        out(&args, "a0=10 a8=1 a9=1 a20=3"),
        ["a[0,10):12", "a[20,23):3"]
    );
}

#[test]
fn late_records_fire_again_within_the_lateness_and_go_aside_after_it() {
    let args = ["--windows", "tumbling", "--lateness", "5", "--late"];
    // The watermark is at 11 when 5 comes, and at 15 when 6 comes.
    let input = "a1 a12 a5 a16 a6=9 a30";
    assert_eq!(
        out(&args, input),
        ["a[0,10):1", "a[0,10):2", "a[10,20):2", "a[30,40):1"]
    );
    let outcome = job(&args, input).run().unwrap();
    assert_eq!(outcome.lines("late"), ["a,6,9"]);
    let outcome = job(&args[..4], input).run().unwrap();
    assert_eq!(outcome.counter("numLateRecordsDropped"), 1);
}

#[test]
fn a_late_record_merges_a_session_that_has_fired() {
    let args = ["--windows", "session", "--lateness", "100"];
    // [0,5) has fired when 4 comes, which makes it [0,9), and fires at once.
    assert_eq!(
        out(&args, "a0 a20 a4 a40"),
        ["a[0,5):1", "a[0,9):2", "a[20,25):1", "a[40,45):1"]
    );
}

#[test]
fn a_purged_window_starts_anew() {
    let args = ["--windows", "purging", "--lateness", "100"];
    assert_eq!(
        out(&args, "a1=7 a12 a5=2"),
        ["a[0,10):7", "a[0,10):2", "a[10,20):1"]
    );
}

#[test]
fn triggers_fire_before_the_end() {
    assert_eq!(
        out(&["--windows", "continuous"], "a1 a2 a6 a9 a11"),
        [
            "a[0,10):3",
            "a[0,10):4",
            "a[0,10):4",
            "a[10,20):1",
            "a[10,20):1",
            "a[10,20):1"
        ]
    );
    assert_eq!(
        out(&["--windows", "count"], "a1=1 b1=2 a2=3 a3=4 b2=5 a4=6"),
        ["a", "b", "a"]
            .iter()
            .zip([4, 7, 10])
            .map(|(key, sum)| { format!("{key}[{},{}):{sum}", i64::MIN, i64::MAX) })
            .collect::<Vec<_>>()
    );
    let sums = |args: &[&str], input: &str| -> Vec<String> {
        let lines = out(args, input);
        let sum = |line: String| line.rsplit(':').next().unwrap().to_owned();
        lines.into_iter().map(sum).collect()
    };
    assert_eq!(
        sums(&["--windows", "each"], "a1=1 a2=2 a3=3 a4=4"),
        ["3", "10"]
    );
    assert_eq!(
        sums(&["--windows", "delta"], "a1=1 a2=3 a3=4 a4=6 a5=7"),
        ["8", "21"]
    );
}

#[test]
fn evictors_choose_what_the_function_sees() {
    fn last_two(env: &Env) -> Result<()> {
        let values = |records: &[(i64, Event)]| -> Vec<u64> {
            records.iter().map(|(_, event)| event.2).collect()
        };
        let strategy = WatermarkStrategy::monotonous().timestamps(|(_, at, _): &Event| *at);
        let keyed = env
            .source(File::csv("events"))
            .assign_timestamps_and_watermarks(strategy)
            .shared();
        let of = || keyed.clone().key_by(|(key, _, _)| key.clone());
        of().sliding_count_window(3, 2)
            .process(move |_, _, records, out| {
                out.emit(values(records));
                Ok(())
            })
            .sink(Blackhole)
            .name("sliding");
        of().window(Tumbling::of(millis(10)))
            .evictor(KeepRecent(4))
            .process(move |_, _, records, out| {
                out.emit(values(records));
                Ok(())
            })
            .sink(Blackhole)
            .name("recent");
        of().window(Tumbling::of(millis(10)))
            .evictor(KeepLast(1))
            .process(move |_, _, records, out| {
                out.emit(values(records));
                Ok(())
            })
            .sink(Blackhole)
            .name("last");
        Ok(())
    }
    let input = events("a1=1 a2=2 a5=3 a6=4 a7=5");
    let outcome = Job::new(last_two)
        .input("Source: file", input)
        .run()
        .unwrap();
    let lists = |name: &str| outcome.output::<Vec<u64>>(name);
    assert_eq!(lists("sliding"), [vec![1, 2], vec![2, 3, 4]]);
    assert_eq!(lists("recent"), [[3, 4, 5]]);
    assert_eq!(lists("last"), [[5]]);
}

#[test]
fn mistakes_are_told_before_the_job_runs() {
    fn zero(env: &Env) -> Result<()> {
        let words = env.source(File::lines("words"));
        let keyed = words.key_by(|word: &String| word.clone());
        keyed
            .window(Tumbling::of(Duration::ZERO))
            .reduce(|a, _| a)
            .sink(Blackhole);
        Ok(())
    }
    let problem = wasmill::testing::describe(zero, &[]).unwrap_err();
    assert!(problem.contains("a window of no length"), "{problem}");

    fn untimed(env: &Env) -> Result<()> {
        let words = env.source(File::lines("words"));
        let keyed = words.key_by(|word: &String| word.clone());
        keyed
            .window(Tumbling::of(millis(5)))
            .reduce(|a, _| a)
            .sink(Blackhole);
        Ok(())
    }
    let job = Job::new(untimed).input("Source: file", ["a"]);
    let problem = job.run().unwrap_err().to_string();
    assert!(
        problem.contains("a record without a timestamp"),
        "{problem}"
    );
}

/// Numbers that look random.
fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// What the windows of a key hold when nothing is late.
fn model(windows: &str, events: &[Event]) -> BTreeMap<(String, i64, i64), u64> {
    let mut sums = BTreeMap::new();
    if windows == "session" {
        let mut sorted = events.to_vec();
        sorted.sort();
        let mut open: Option<(String, i64, i64, u64)> = None;
        for (key, at, value) in sorted {
            match &mut open {
                Some((of, _, end, sum)) if *of == key && at <= *end => {
                    (*end, *sum) = ((*end).max(at + 5), *sum + value);
                }
                _ => {
                    let done = open.replace((key, at, at + 5, value));
                    sums.extend(done.map(|(key, start, end, sum)| ((key, start, end), sum)));
                }
            }
        }
        sums.extend(open.map(|(key, start, end, sum)| ((key, start, end), sum)));
        return sums;
    }
    for (key, at, value) in events {
        let slide = match windows {
            "sliding" => 5,
            "uneven" => 4,
            _ => 10,
        };
        let mut start = at.div_euclid(slide) * slide;
        while start > at - 10 {
            *sums.entry((key.clone(), start, start + 10)).or_insert(0) += value;
            start -= slide;
        }
    }
    sums
}

#[test]
fn windows_hold_what_a_slow_model_of_them_says() {
    for seed in 0..60_u64 {
        let mut random_state = seed;
        let mut below = |bound| random(&mut random_state, bound);
        let mut now = 0;
        let events: Vec<Event> = (0..below(60) + 5)
            .map(|_| {
                now += below(6) as i64;
                let key = char::from(b'a' + below(3) as u8).to_string();
                (key, now - below(20) as i64, below(9))
            })
            .collect();
        for windows in ["tumbling", "sliding", "uneven", "session"] {
            let args = ["--windows", windows, "--bound", "20"];
            let restart = below(events.len() as u64 / 2) + 1;
            let job = Job::new(sums)
                .args(args)
                .input("Source: file", events.clone());
            let job = job
                .batch_records(below(3) as u32 + 1)
                .parallelism(below(3) as u32 + 1);
            let batches = job.run().unwrap().batches();
            let job = job.cache_bytes([1, 1 << 20][below(2) as usize]);
            let job = job.restart_after(restart.min(batches));
            let mut lines = job.run().unwrap().lines("sums");
            lines.sort();
            let expected = model(windows, &events);
            let expected = expected
                .iter()
                .map(|((key, start, end), sum)| format!("{key}[{start},{end}):{sum}"));
            let mut expected: Vec<String> = expected.collect();
            expected.sort();
            assert_eq!(lines, expected, "{windows}, seed {seed}: {events:?}");
        }
    }
}
