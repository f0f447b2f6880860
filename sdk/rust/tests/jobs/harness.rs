//! Jobs that a test drives: joins, rules and timers with every step in the test's hands (semantics §1.3–1.7, §2, §3.22,
//! §4.5).

use wasmill::broadcast::{BroadcastContext, KeyedBroadcastProcess};
use wasmill::connect::Either;
use wasmill::prelude::*;
use wasmill::state::{BroadcastView, OperatorList, ValueState};
use wasmill::testing::{Harness, Job};
use wasmill::time::millis;
use wasmill::window::Tumbling;
use wasmill::{Collector, KeyedContext, KeyedProcess, SideOutput, TimeDomain, Timer};

/// Key, number.
type Event = (u64, u64);
/// The numbers of a left and a right record.
type Pair = (u64, u64);

fn timed(env: &Env, name: &str) -> Stream<Event> {
    let events = env.source(File::csv("x")).name(name);
    events.map(|event: Event| event).boxed()
}

const BOUNDS: [(i64, i64); 4] = [(-5, 5), (0, 10), (-10, -3), (2, 2)];

/// An interval join of what the test pushes.
fn interval(env: &Env) -> Result<()> {
    let (late_left, late_right) = (SideOutput::new(), SideOutput::new());
    let (lower, upper) = BOUNDS[env.arg_as::<usize>("bounds")?];
    let left = timed(env, "left").key_by(|(key, _)| *key);
    let right = timed(env, "right").key_by(|(key, _)| *key);
    let joined = left
        .interval_join(right)
        .between(lower, upper)
        .late_left_to(&late_left)
        .late_right_to(&late_right)
        .apply(|left: &Event, right: &Event, out| {
            out.emit((left.1, right.1));
            Ok(())
        });
    let late = joined
        .side_output(&late_left)
        .union(joined.side_output(&late_right));
    late.map(|late| late.1).sink(Blackhole).name("late");
    joined.sink(Blackhole).name("out");
    Ok(())
}

/// What an interval join does, one record at a time, over everything that is kept.
struct Model {
    bounds: (i64, i64),
    /// Of both streams.
    told: [i64; 2],
    watermark: i64,
    /// Side, time, key and number.
    kept: Vec<(usize, i64, Event)>,
    pairs: Vec<Pair>,
    late: Vec<u64>,
}

impl Model {
    fn push(&mut self, side: usize, time: i64, event: Event) {
        if time < self.watermark {
            return self.late.push(event.1);
        }
        let (lower, upper) = self.bounds;
        for (other, at, partner) in &self.kept {
            let (left, right) = if side == 0 { (time, *at) } else { (*at, time) };
            let is_near = (left + lower..=left + upper).contains(&right);
            if *other != side && partner.0 == event.0 && is_near {
                let pair = if side == 0 {
                    (event.1, partner.1)
                } else {
                    (partner.1, event.1)
                };
                self.pairs.push(pair);
            }
        }
        self.kept.push((side, time, event));
    }

    fn watermark(&mut self, side: usize, time: i64) {
        self.told[side] = self.told[side].max(time);
        let least = self.told[0].min(self.told[1]);
        if least > self.watermark {
            self.watermark = least;
            let (lower, upper) = self.bounds;
            let last = [upper.max(0), (-lower).max(0)];
            self.kept
                .retain(|(side, time, _)| time + last[*side] > least);
        }
    }

    /// A restored job knows nothing of event time.
    fn restart(&mut self) {
        (self.told, self.watermark) = ([i64::MIN; 2], i64::MIN);
    }
}

/// Numbers that look random.
fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// Adds what has come out.
fn gather(job: &mut Harness, pairs: &mut Vec<Pair>, late: &mut Vec<u64>) {
    pairs.extend(job.take::<Pair>("out"));
    late.extend(job.take::<u64>("late"));
}

#[test]
fn a_record_of_an_interval_join_is_late_when_its_time_is_before_the_watermark() {
    let mut totals = (0, 0);
    for seed in 0..120_u64 {
        let mut state = seed;
        let bounds = (seed % 4) as usize;
        let base = Job::new(interval).args(["--bounds".to_owned(), bounds.to_string()]);
        let mut job = base.start().unwrap();
        let mut model = Model {
            bounds: BOUNDS[bounds],
            told: [i64::MIN; 2],
            watermark: i64::MIN,
            kept: Vec::new(),
            pairs: Vec::new(),
            late: Vec::new(),
        };
        let (mut pairs, mut late, mut now) = (Vec::new(), Vec::new(), 0);
        for number in 0..80 {
            let side = random(&mut state, 2) as usize;
            let source = ["left", "right"][side];
            match random(&mut state, 20) {
                0 => {
                    gather(&mut job, &mut pairs, &mut late);
                    let snapshot = job.snapshot().unwrap();
                    let other = base.clone().parallelism(random(&mut state, 4) as u32 + 1);
                    let other = if random(&mut state, 2) == 0 {
                        other.cache_bytes(1)
                    } else {
                        other
                    };
                    job = other.restore(&snapshot).unwrap();
                    model.restart();
                }
                1..=5 => {
                    let time = now - random(&mut state, 8) as i64;
                    job.watermark(source, time).unwrap();
                    model.watermark(side, time);
                }
                _ => {
                    now += random(&mut state, 3) as i64;
                    let time = now - random(&mut state, 12) as i64;
                    let event = (random(&mut state, 3), number);
                    job.push_timed(source, [(time, event)]).unwrap();
                    model.push(side, time, event);
                }
            }
        }
        gather(&mut job, &mut pairs, &mut late);
        for list in [&mut pairs, &mut model.pairs] {
            list.sort_unstable();
        }
        for list in [&mut late, &mut model.late] {
            list.sort_unstable();
        }
        assert_eq!(pairs, model.pairs, "seed {seed}");
        assert_eq!(late, model.late, "seed {seed}");
        totals = (totals.0 + pairs.len(), totals.1 + late.len());
    }
    // The model has seen both.
    assert!(totals.0 > 500 && totals.1 > 100, "{totals:?}");
}

/// Says, when its time has come, what it knows.
struct Knows {
    rules: BroadcastView<String, u64>,
    seen: OperatorList<u64>,
    count: ValueState<u64>,
}

impl KeyedBroadcastProcess<u64, Event, (String, u64)> for Knows {
    type Out = String;

    fn process(
        &mut self,
        (_, number): Event,
        cx: &mut KeyedContext<'_, u64>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        self.seen.push(number);
        self.count
            .entry(|count| *count = Some(count.unwrap_or(0) + 1))?;
        cx.register_timer(TimeDomain::Event, 10);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        (name, value): (String, u64),
        cx: &mut BroadcastContext<'_>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        cx.change(&self.rules, |rules| {
            *rules.entry(name).or_insert(0) += value;
        });
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timer,
        cx: &mut KeyedContext<'_, u64>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        // An item of the list is named by the one subtask that has it.
        let seen: Vec<u64> = self.seen.with(std::mem::take);
        seen.iter()
            .for_each(|item| out.emit(format!("item {item}")));
        let rules = self.rules.read(|rules| format!("{rules:?}"));
        let count = self.count.get()?.unwrap_or(0);
        out.emit(format!("{}: {count} {rules}", cx.key()));
        Ok(())
    }
}

fn knows(env: &Env) -> Result<()> {
    let rules = env
        .source(File::csv("x"))
        .name("rules")
        .map(|rule: (String, u64)| rule);
    timed(env, "events")
        .key_by(|(key, _)| *key)
        .connect_broadcast(rules)
        .process_with(|states, broadcast| Knows {
            rules: broadcast.broadcast_view("rules"),
            seen: broadcast.list("seen"),
            count: states.value("count"),
        })
        .sink(Blackhole)
        .name("out");
    Ok(())
}

#[test]
fn on_restore_with_new_parallelism_each_subtask_reads_one_copy_of_broadcast_state() {
    for before in 1..4 {
        for after in 1..6 {
            let mut job = Job::new(knows).parallelism(before).start().unwrap();
            job.push("rules", [("x", 1), ("y", 2)]).unwrap();
            job.push_timed("events", (0..20).map(|key| (key as i64, (key, key))))
                .unwrap();
            let snapshot = job.snapshot().unwrap();
            let mut job = Job::new(knows)
                .parallelism(after)
                .restore(&snapshot)
                .unwrap();
            // The timers came along. Neither side alone makes event time pass.
            job.watermark("events", 10).unwrap();
            assert_eq!(job.take::<String>("out"), Vec::<String>::new());
            job.idle("rules").unwrap();
            let mut lines = job.take::<String>("out");
            lines.sort();
            let keys = (0..20).map(|key| format!("{key}: 1 {{\"x\": 1, \"y\": 2}}"));
            let items = (0..20).map(|item| format!("item {item}"));
            let mut expected: Vec<String> = keys.chain(items).collect();
            expected.sort();
            assert_eq!(lines, expected, "from {before} to {after}");
        }
    }
}

/// Emits the key when the clock has come to the number.
struct Alarm;

impl KeyedProcess<u64, Event> for Alarm {
    type Out = (u64, i64);

    fn process(
        &mut self,
        (_, number): Event,
        cx: &mut KeyedContext<'_, u64>,
        _: &mut Collector<'_, (u64, i64)>,
    ) -> Result<()> {
        cx.register_timer(TimeDomain::Processing, i64::try_from(number)?);
        Ok(())
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, u64>,
        out: &mut Collector<'_, (u64, i64)>,
    ) -> Result<()> {
        ensure!(cx.now() == timer.time, "it is {}", cx.now());
        out.emit((*cx.key(), timer.time));
        Ok(())
    }
}

fn alarms(env: &Env) -> Result<()> {
    let keyed = timed(env, "events").key_by(|(key, _)| *key);
    keyed.process_with(|_| Alarm).sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn processing_timers_fire_when_the_clock_reaches_them_and_are_in_snapshots() {
    let mut job = Job::new(alarms)
        .parallelism(2)
        .start_at(100)
        .start()
        .unwrap();
    job.push("events", [(1, 150), (2, 120), (3, 200)]).unwrap();
    assert_eq!(job.take::<(u64, i64)>("out"), []);
    job.advance_clock(150).unwrap();
    let mut fired = job.take::<(u64, i64)>("out");
    fired.sort_unstable();
    assert_eq!((fired, job.clock()), (vec![(1, 150), (2, 120)], 150));
    let snapshot = job.snapshot().unwrap();
    let mut job = Job::new(alarms).restore(&snapshot).unwrap();
    assert_eq!(job.clock(), 150);
    job.advance_clock(10).unwrap();
    assert_eq!(job.clock(), 150);
    job.advance_clock(1_000).unwrap();
    assert_eq!(job.take::<(u64, i64)>("out"), [(3, 200)]);
}

fn numbers(env: &Env) -> Result<()> {
    let numbers = env.guest_source(generate(10, |i| i)).name("numbers");
    let counted = numbers.key_by(|number| number % 2).count();
    counted
        .inspect(|_| wasmill::metrics::add("counted", 1))
        .sink(Blackhole)
        .name("out");
    Ok(())
}

#[test]
fn sources_of_the_bundle_are_polled_by_the_test_and_go_on_from_a_snapshot() {
    let base = Job::new(numbers).batch_records(4);
    let mut job = base.start().unwrap();
    job.poll("numbers").unwrap();
    assert_eq!(
        job.take::<(u64, u64)>("out"),
        [(0, 1), (1, 1), (0, 2), (1, 2)]
    );
    assert_eq!(job.counter("counted"), 4);
    let snapshot = job.snapshot().unwrap();
    let outcome = base
        .parallelism(3)
        .restore(&snapshot)
        .unwrap()
        .finish()
        .unwrap();
    let counts = outcome.sorted::<(u64, u64)>("out");
    assert_eq!(counts, [(0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5)]);
}

#[test]
fn what_a_test_cannot_do_to_a_job_is_named() {
    let mut job = Job::new(numbers).start().unwrap();
    let snapshot = job.snapshot().unwrap();
    for (problem, part) in [
        (
            job.push("numbers", [1]).unwrap_err(),
            "makes its records itself",
        ),
        (
            job.push("letters", [1]).unwrap_err(),
            "its sources are `numbers`",
        ),
        (
            job.watermark("letters", 1).unwrap_err(),
            "no source `letters`",
        ),
        (
            Job::new(alarms).restore(&snapshot).unwrap_err(),
            "is of another job",
        ),
        (
            Job::new(numbers).restart_after(1).start().unwrap_err(),
            "call `snapshot` instead",
        ),
        (
            Job::new(alarms)
                .start()
                .unwrap()
                .poll("events")
                .unwrap_err(),
            "push its records",
        ),
    ] {
        let message = problem.to_string();
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// A temporal join of what the test pushes.
fn temporal(env: &Env) -> Result<()> {
    let late = SideOutput::new();
    let left = timed(env, "left").key_by(|(key, _)| *key);
    let versions = timed(env, "versions").key_by(|(key, _)| *key);
    let joined = left.temporal_join(versions).late_to(&late).left_outer(
        |left: &Event, version: Option<&Event>, out| {
            out.emit((left.1, version.map(|version| version.1)));
            Ok(())
        },
    );
    joined.side_output(&late).sink(Blackhole).name("late");
    joined.sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn a_record_waits_for_its_version_until_the_watermark_has_passed_its_time() {
    type Joined = (u64, Option<u64>);
    let mut job = Job::new(temporal).start().unwrap();
    job.push_timed("left", [(10, (1, 10)), (20, (1, 20))])
        .unwrap();
    job.push_timed("versions", [(5, (1, 5)), (15, (1, 15))])
        .unwrap();
    assert_eq!(job.take::<Joined>("out"), []);
    // The watermark of the slower side counts.
    job.watermark("left", 30).unwrap();
    job.watermark("versions", 9).unwrap();
    assert_eq!(job.take::<Joined>("out"), []);
    // A version that comes late, and one that a later one has replaced before anybody needed it.
    job.push_timed("versions", [(7, (1, 7)), (4, (1, 4))])
        .unwrap();
    job.watermark("versions", 10).unwrap();
    assert_eq!(job.take::<Joined>("out"), [(10, Some(7))]);
    let snapshot = job.snapshot().unwrap();
    let mut job = Job::new(temporal)
        .parallelism(3)
        .restore(&snapshot)
        .unwrap();
    job.watermark("left", 30).unwrap();
    job.watermark("versions", 25).unwrap();
    assert_eq!(job.take::<Joined>("out"), [(20, Some(15))]);
    // Its time has passed.
    job.push_timed("left", [(25, (1, 25)), (26, (1, 26)), (26, (2, 99))])
        .unwrap();
    assert_eq!(job.take::<Event>("late"), [(1, 25)]);
    let outcome = job.finish().unwrap();
    assert_eq!(
        outcome.sorted::<Joined>("out"),
        [(26, Some(15)), (99, None)]
    );
}

/// A join of windows that wait for late records.
fn lenient(env: &Env) -> Result<()> {
    let late = SideOutput::new();
    let left = timed(env, "left").key_by(|(key, _)| *key);
    let right = timed(env, "right").key_by(|(key, _)| *key);
    let windowed = left.join(right).window(Tumbling::of(millis(10)));
    let windowed = windowed.allowed_lateness(millis(5)).late_to(&late);
    let sizes = windowed.co_group(|_: &u64, window, left: &[&Event], right: &[&Event], out| {
        out.emit((window.start, left.len(), right.len()));
        Ok(())
    });
    sizes.side_output(&late).sink(Blackhole).name("late");
    sizes.sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn a_late_record_has_the_window_of_both_streams_fire_again_while_it_is_kept() {
    type Sizes = (i64, usize, usize);
    let mut job = Job::new(lenient).start().unwrap();
    job.push_timed("left", [(1, (1, 1))]).unwrap();
    for side in ["left", "right"] {
        job.watermark(side, 9).unwrap();
    }
    assert_eq!(job.take::<Sizes>("out"), [(0, 1, 0)]);
    job.push_timed("right", [(2, (1, 2))]).unwrap();
    assert_eq!(job.take::<Sizes>("out"), [(0, 1, 1)]);
    for side in ["left", "right"] {
        job.watermark(side, 14).unwrap();
    }
    job.push_timed("right", [(3, (1, 3))]).unwrap();
    assert_eq!(job.take::<Sizes>("out"), []);
    let late = job.take::<Either<Event, Event>>("late");
    assert_eq!(late, [Either::Right((1, 3))]);
}
