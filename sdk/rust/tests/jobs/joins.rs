//! Joins (semantics §3.22 and windows of two streams), also against a slow model of them.

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::time::millis;
use wasmill::window::{Session, Sliding, Tumbling};
use wasmill::{SideOutput, Stream};

/// Key, time, number.
type Event = (String, i64, u64);
/// The numbers of the two sides.
type Joined = (Option<u64>, Option<u64>);

fn event(key: &str, at: i64, number: u64) -> Event {
    (key.to_owned(), at, number)
}

fn events(env: &Env, name: &str) -> Result<Stream<Event>> {
    let bound = millis(env.arg_or("bound", 0)?);
    let timed = WatermarkStrategy::bounded_out_of_orderness(bound);
    let events = env.source(File::csv("x")).name(name);
    let timed = timed.timestamps(|(_, at, _): &Event| *at);
    Ok(events.assign_timestamps_and_watermarks(timed).boxed())
}

/// The join of windows that a test asks for; what comes out is with its time.
fn windows(env: &Env) -> Result<()> {
    let left = events(env, "left")?.key_by(|(key, _, _)| key.clone());
    let right = events(env, "right")?.key_by(|(key, _, _)| key.clone());
    let (both, outer) = (left.join(right), env.arg("outer")?);
    macro_rules! ends {
        ($windowed:expr) => {{
            let windowed = $windowed;
            let joined = match outer.as_str() {
                "inner" => windowed
                    .apply(|l: &Event, r: &Event, out| {
                        out.emit((Some(l.2), Some(r.2)));
                        Ok(())
                    })
                    .boxed(),
                "left" => windowed
                    .left_outer(|l: &Event, r: Option<&Event>, out| {
                        out.emit((Some(l.2), r.map(|r| r.2)));
                        Ok(())
                    })
                    .boxed(),
                "right" => windowed
                    .right_outer(|l: Option<&Event>, r: &Event, out| {
                        out.emit((l.map(|l| l.2), Some(r.2)));
                        Ok(())
                    })
                    .boxed(),
                _ => windowed
                    .full_outer(|l: Option<&Event>, r: Option<&Event>, out| {
                        out.emit((l.map(|l| l.2), r.map(|r| r.2)));
                        Ok(())
                    })
                    .boxed(),
            };
            with_time(joined).sink(Blackhole).name("out");
        }};
    }
    match env.arg("windows")?.as_str() {
        "tumbling" => ends!(both.window(Tumbling::of(millis(10)))),
        "sliding" => ends!(both.window(Sliding::of(millis(10), millis(5)))),
        _ => ends!(both.window(Session::with_gap(millis(5)))),
    }
    Ok(())
}

fn with_time(joined: Stream<Joined>) -> Stream<(i64, Joined)> {
    let timed = joined.process(|_| {
        |joined: Joined,
         cx: &mut wasmill::ProcessContext<'_>,
         out: &mut wasmill::Collector<'_, _>| {
            out.emit((cx.timestamp().unwrap_or(i64::MIN), joined));
            Ok(())
        }
    });
    timed.boxed()
}

/// The interval join that a test asks for.
fn interval(env: &Env) -> Result<()> {
    let (lower, upper) = (env.arg_as("lower")?, env.arg_as("upper")?);
    let (late_left, late_right) = (SideOutput::new(), SideOutput::new());
    let left = events(env, "left")?.key_by(|(key, _, _)| key.clone());
    let right = events(env, "right")?.key_by(|(key, _, _)| key.clone());
    let mut join = left.interval_join(right).between(lower, upper);
    if env.flag("exclusive") {
        join = join.lower_bound_exclusive().upper_bound_exclusive();
    }
    if env.flag("late") {
        join = join.late_left_to(&late_left).late_right_to(&late_right);
    }
    let joined = join.apply(|l: &Event, r: &Event, out| {
        out.emit((Some(l.2), Some(r.2)));
        Ok(())
    });
    if env.flag("late") {
        let late = joined
            .side_output(&late_left)
            .union(joined.side_output(&late_right));
        late.map(|late| late.2).sink(Blackhole).name("late");
    }
    with_time(joined.boxed()).sink(Blackhole).name("out");
    Ok(())
}

/// The temporal join; what comes out are the numbers of both sides.
fn temporal(env: &Env) -> Result<()> {
    let left = events(env, "left")?.key_by(|(key, _, _)| key.clone());
    let right = events(env, "right")?.key_by(|(key, _, _)| key.clone());
    let joined = left
        .temporal_join(right)
        .left_outer(|l: &Event, r: Option<&Event>, out| {
            out.emit((Some(l.2), r.map(|r| r.2)));
            Ok(())
        });
    with_time(joined.boxed()).sink(Blackhole).name("out");
    Ok(())
}

fn job(main: wasmill::Main, args: &[&str], left: &[Event], right: &[Event]) -> Job {
    let job = Job::new(main).args(args.iter().copied());
    job.input("left", left.to_vec())
        .input("right", right.to_vec())
}

fn out(job: &Job) -> Vec<(i64, Joined)> {
    job.run().expect("the job runs").sorted("out")
}

#[test]
fn joins_of_windows_pair_what_lies_in_the_same_window_of_a_key() {
    let left = [event("a", 1, 1), event("a", 12, 2), event("b", 3, 3)];
    let right = [
        event("a", 9, 10),
        event("a", 9, 11),
        event("a", 20, 12),
        event("c", 4, 13),
    ];
    let inner = [(9, (Some(1), Some(10))), (9, (Some(1), Some(11)))];
    let only_left = [(9, (Some(3), None)), (19, (Some(2), None))];
    let only_right = [(9, (None, Some(13))), (29, (None, Some(12)))];
    for (outer, more) in [
        ("inner", vec![]),
        ("left", only_left.to_vec()),
        ("right", only_right.to_vec()),
        ("full", [only_left, only_right].concat()),
    ] {
        let args = ["--windows", "tumbling", "--outer", outer];
        let mut expected = [inner.to_vec(), more].concat();
        expected.sort();
        assert_eq!(
            out(&job(windows, &args, &left, &right)),
            expected,
            "{outer}"
        );
    }
}

#[test]
fn an_interval_joins_from_bound_to_bound_and_the_later_time_is_the_pairs() {
    let left = [event("a", 100, 1)];
    let right = [94, 95, 100, 110, 111].map(|at| event("a", at, at as u64));
    let pairs = |times: &[i64]| -> Vec<(i64, Joined)> {
        let pair = |at: &i64| ((*at).max(100), (Some(1), Some(*at as u64)));
        times.iter().map(pair).collect()
    };
    // Nothing is late.
    let args = ["--lower", "-5", "--upper", "10", "--bound", "100"];
    assert_eq!(
        out(&job(interval, &args, &left, &right)),
        pairs(&[95, 100, 110])
    );
    let exclusive = [&args[..], &["--exclusive"]].concat();
    assert_eq!(
        out(&job(interval, &exclusive, &left, &right)),
        pairs(&[100])
    );
}

#[test]
fn late_records_of_an_interval_join_meet_nobody() {
    let left = [event("a", 50, 1), event("a", 60, 2)];
    let right = [
        event("a", 50, 3),
        event("a", 60, 4),
        event("a", 49, 5),
        event("a", 58, 6),
    ];
    // Watermarks stand 1 ms before the latest record: 59 when the last two come, and neither is as late as that.
    let args = ["--lower", "-20", "--upper", "20"];
    let job = job(interval, &[&args[..], &["--late"]].concat(), &left, &right).batch_records(1);
    let outcome = job.run().unwrap();
    let pair = |l, r, at| (at, (Some(l), Some(r)));
    let expected = [
        pair(1, 3, 50),
        pair(1, 4, 60),
        pair(2, 3, 60),
        pair(2, 4, 60),
    ];
    assert_eq!(outcome.sorted::<(i64, Joined)>("out"), expected);
    assert_eq!(outcome.sorted::<u64>("late"), [5, 6]);
    let job = self::job(interval, &args, &left, &right).batch_records(1);
    assert_eq!(job.run().unwrap().counter("numLateRecordsDropped"), 2);
}

#[test]
fn bounds_without_pairs_and_records_without_time_are_refused() {
    let args = ["--lower", "1", "--upper", "0"];
    let problem = wasmill::testing::describe(interval, &args).unwrap_err();
    assert!(problem.contains("from 1 to 0 ms has no pairs"), "{problem}");
    fn untimed(env: &Env) -> Result<()> {
        let lines = |name: &str| {
            let lines = env.source(File::lines("x")).name(name);
            lines.key_by(|line: &String| line.clone())
        };
        let joined = lines("left")
            .interval_join(lines("right"))
            .apply(|l, _, out| {
                out.emit(l.clone());
                Ok(())
            });
        joined.sink(Blackhole);
        Ok(())
    }
    let problem = Job::new(untimed)
        .input("left", ["a"])
        .input("right", ["b"])
        .run();
    let problem = problem.unwrap_err().to_string();
    assert!(
        problem.contains("without a timestamp has come to an interval join"),
        "{problem}"
    );
}

#[test]
fn each_record_is_joined_with_the_version_that_is_valid_at_its_time() {
    let left = [5, 10, 14, 15, 30].map(|at| event("a", at, at as u64));
    let right = [
        event("a", 10, 1),
        event("a", 15, 2),
        event("b", 1, 3),
        event("a", 20, 4),
    ];
    let args = ["--bound", "50"];
    let joined = out(&job(temporal, &args, &left, &right));
    let expected = [
        (5, None),
        (10, Some(1)),
        (14, Some(1)),
        (15, Some(2)),
        (30, Some(4)),
    ];
    let expected = expected.map(|(at, version)| (at, (Some(at as u64), version)));
    assert_eq!(joined, expected);
}

/// Numbers that look random.
fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// Records that are at most 20 ms out of order.
fn random_events(seed: &mut u64, first: u64) -> Vec<Event> {
    let mut now = 0;
    let count = random(seed, 40) + 3;
    let event = |number| {
        now += random(seed, 6) as i64;
        let key = char::from(b'a' + random(seed, 3) as u8).to_string();
        (key, now - random(seed, 20) as i64, first + number)
    };
    (0..count).map(event).collect()
}

/// Runs a job as a seed says, with a restart in the middle, and compares what comes out.
fn check_random(
    main: wasmill::Main,
    args: &[&str],
    seed: u64,
    model: impl Fn(&[Event], &[Event]) -> Vec<(i64, Joined)>,
) {
    let mut state = seed;
    let (left, mut right) = (
        random_events(&mut state, 0),
        random_events(&mut state, 1000),
    );
    // Which of two versions of one time comes last depends on how the job is cut.
    let mut seen = std::collections::BTreeSet::new();
    right.retain(|(key, at, _)| seen.insert((key.clone(), *at)));
    let args = [args, &["--bound", "20"]].concat();
    let mut below = |bound| random(&mut state, bound);
    let job = job(main, &args, &left, &right)
        .batch_records(below(3) as u32 + 1)
        .parallelism(below(3) as u32 + 1)
        .cache_bytes([1, 1 << 20][below(2) as usize]);
    let job = if below(2) == 0 { job.chained() } else { job };
    let batches = job.run().expect("the job runs").batches();
    let (first, second) = (below(batches) + 1, below(batches) + 1);
    let mut expected = model(&left, &right);
    expected.sort();
    let joined = out(&job.restart_after(first).restart_after(second));
    assert_eq!(
        joined, expected,
        "{args:?}, seed {seed}: {left:?} and {right:?}"
    );
}

#[test]
fn interval_joins_give_what_a_slow_model_of_them_says() {
    for seed in 0..80_u64 {
        let bounds = [(-5, 5), (0, 10), (-10, -3), (2, 2), (-30, 30)][seed as usize % 5];
        let (lower, upper) = (bounds.0.to_string(), bounds.1.to_string());
        let args = ["--lower", &lower, "--upper", &upper];
        check_random(interval, &args, seed, |left, right| {
            let near = |l: &Event, r: &Event| {
                l.0 == r.0 && (l.1 + bounds.0..=l.1 + bounds.1).contains(&r.1)
            };
            let pair = |l: &Event, r: &Event| (l.1.max(r.1), (Some(l.2), Some(r.2)));
            let of = |l: &Event| -> Vec<_> {
                right
                    .iter()
                    .filter(|r| near(l, r))
                    .map(|r| pair(l, r))
                    .collect()
            };
            left.iter().flat_map(of).collect()
        });
    }
}

#[test]
fn temporal_joins_give_what_a_slow_model_of_them_says() {
    for seed in 0..60_u64 {
        check_random(temporal, &[], seed, |left, right| {
            let version = |l: &Event| {
                let mut mine = right.iter().filter(|r| r.0 == l.0 && r.1 <= l.1);
                let latest = mine.clone().map(|r| r.1).max()?;
                Some(mine.rfind(|r| r.1 == latest)?.2)
            };
            left.iter()
                .map(|l| (l.1, (Some(l.2), version(l))))
                .collect()
        });
    }
}

/// The windows of all records of a key: start and end.
fn windows_of(kind: &str, key: &str, all: &[&Event]) -> Vec<(i64, i64)> {
    let mut times: Vec<i64> = all.iter().filter(|e| e.0 == key).map(|e| e.1).collect();
    times.sort_unstable();
    let mut windows: Vec<(i64, i64)> = Vec::new();
    for at in times {
        match (kind, windows.last_mut()) {
            ("session", Some((_, end))) if at <= *end => *end = (*end).max(at + 5),
            ("session", _) => windows.push((at, at + 5)),
            (kind, _) => {
                let slide = if kind == "sliding" { 5 } else { 10 };
                let last = at.div_euclid(slide) * slide;
                let starts = (0..10 / slide)
                    .map(|n| last - n * slide)
                    .filter(|start| *start > at - 10);
                windows.extend(starts.map(|start| (start, start + 10)));
            }
        }
    }
    windows.sort_unstable();
    windows.dedup();
    windows
}

#[test]
fn joins_of_windows_give_what_a_slow_model_of_them_says() {
    for seed in 0..72_u64 {
        let kind = ["tumbling", "sliding", "session"][seed as usize % 3];
        let outer = ["inner", "left", "right", "full"][seed as usize / 3 % 4];
        let args = ["--windows", kind, "--outer", outer];
        check_random(windows, &args, seed, |left, right| {
            let all: Vec<&Event> = left.iter().chain(right).collect();
            let mut pairs = Vec::new();
            for key in ["a", "b", "c"] {
                for (start, end) in windows_of(kind, key, &all) {
                    let inside = |e: &&Event| e.0 == key && (start..end).contains(&e.1);
                    let numbers = |side: &[Event]| -> Vec<Option<u64>> {
                        side.iter().filter(inside).map(|e| Some(e.2)).collect()
                    };
                    let (mut l, mut r) = (numbers(left), numbers(right));
                    if r.is_empty() && ["left", "full"].contains(&outer) {
                        r.push(None);
                    }
                    if l.is_empty() && ["right", "full"].contains(&outer) {
                        l.push(None);
                    }
                    let of = |l: &Option<u64>| -> Vec<_> {
                        r.iter().map(|r| (end - 1, (*l, *r))).collect()
                    };
                    pairs.extend(l.iter().flat_map(of));
                }
            }
            pairs
        });
    }
}

/// The join of a stream with itself.
fn pairs_of_one(env: &Env) -> Result<()> {
    let both = events(env, "left")?;
    let keyed = |stream: Stream<Event>| stream.key_by(|(key, _, _)| key.clone());
    let joined = keyed(both.clone()).interval_join(keyed(both));
    let joined = joined.between(1, 10).apply(|l: &Event, r: &Event, out| {
        out.emit((Some(l.2), Some(r.2)));
        Ok(())
    });
    with_time(joined.boxed()).sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn a_stream_is_joined_with_itself() {
    let left = [
        event("a", 1, 1),
        event("a", 2, 2),
        event("b", 3, 3),
        event("a", 12, 4),
    ];
    let job = Job::new(pairs_of_one).input("left", left);
    let expected = [(2, (Some(1), Some(2))), (12, (Some(2), Some(4)))];
    for job in [job.clone(), job.clone().chained(), job.parallelism(3)] {
        assert_eq!(out(&job), expected);
    }
}
