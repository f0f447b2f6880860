//! Two streams in one operator, and rules for a stream (semantics §1.19, §4).

use wasmill::broadcast::{BroadcastContext, BroadcastProcess, KeyedBroadcastProcess};
use wasmill::connect::{CoProcess, KeyedCoProcess};
use wasmill::prelude::*;
use wasmill::state::{BroadcastView, OperatorList, ValueState};
use wasmill::testing::Job;
use wasmill::time::millis;
use wasmill::{Collector, KeyedContext, ProcessContext, SideOutput, Stream, TimeDomain, Timer};

use crate::shapes::{check_failure, check_records};

/// Key, time, value.
type Event = (String, i64, u64);

fn event(key: &str, at: i64, value: u64) -> Event {
    (key.to_owned(), at, value)
}

fn events(env: &Env, name: &str) -> Stream<Event> {
    let strategy = WatermarkStrategy::bounded_out_of_orderness(millis(0));
    let events = env.source(File::csv("x")).name(name);
    let timed = strategy.timestamps(|(_, at, _): &Event| *at);
    events.assign_timestamps_and_watermarks(timed).boxed()
}

/// Adds up what comes from both sides and says the sum when event time has come to the record's time.
struct Meet {
    sum: ValueState<u64>,
    large: SideOutput<u64>,
}

impl KeyedCoProcess<String, Event, (String, u64)> for Meet {
    type Out = String;

    fn process1(
        &mut self,
        (_, at, value): Event,
        cx: &mut KeyedContext<'_, String>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        cx.register_timer(TimeDomain::Event, at);
        self.sum.entry(|sum| *sum = Some(sum.unwrap_or(0) + value))
    }

    fn process2(
        &mut self,
        (_, value): (String, u64),
        cx: &mut KeyedContext<'_, String>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        if value > 100 {
            cx.side(&self.large, value);
        }
        self.sum.entry(|sum| *sum = Some(sum.unwrap_or(0) + value))
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        let sum = self.sum.get()?.unwrap_or(0);
        out.emit(format!("{}@{}:{sum}", cx.key(), timer.time));
        Ok(())
    }
}

fn meet(env: &Env) -> Result<()> {
    let large = SideOutput::new();
    let to_large = large.clone();
    let first = events(env, "first").key_by(|(key, _, _)| key.clone());
    let second = events(env, "second").map(|(key, _, value)| (key, value));
    let met = first
        .connect(second.key_by(|(key, _)| key.clone()))
        .process_with(move |states| Meet {
            sum: states.value("sum"),
            large: to_large,
        });
    met.side_output(&large).sink(Blackhole).name("large");
    met.sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn both_sides_of_connected_keyed_streams_share_the_states_of_a_key_and_its_timers() {
    let job = Job::new(meet)
        .input("first", [event("a", 10, 1), event("b", 20, 2)])
        .input(
            "second",
            [event("b", 5, 40), event("a", 6, 200), event("a", 30, 7)],
        );
    // A timer fires only when the later of the streams has come so far; by then all is there.
    let expected = ["a@10:208", "b@20:42"].map(str::to_owned).to_vec();
    check_records(&job, "out", expected.clone());
    check_records(&job, "large", vec![200_u64]);
    for parallelism in 1..4 {
        let hard = job.clone().parallelism(parallelism).batch_records(1);
        let hard = hard.cache_bytes(1).restart_after(2).restart_after(4);
        let lines = hard.run().unwrap().sorted::<String>("out");
        assert_eq!(lines, expected, "{parallelism}");
    }
}

/// Emits what comes, and at the end how many records each side had.
struct Sides(OperatorList<(u64, u64)>);

impl Sides {
    fn count(&self, first: u64, second: u64) {
        self.0.with(|counts| match counts.first_mut() {
            Some(count) => *count = (count.0 + first, count.1 + second),
            None => counts.push((first, second)),
        });
    }
}

impl CoProcess<u64, String> for Sides {
    type Out = (u64, u64);

    fn process1(
        &mut self,
        _: u64,
        _: &mut ProcessContext<'_>,
        _: &mut Collector<'_, (u64, u64)>,
    ) -> Result<()> {
        self.count(1, 0);
        Ok(())
    }

    fn process2(
        &mut self,
        line: String,
        _: &mut ProcessContext<'_>,
        _: &mut Collector<'_, (u64, u64)>,
    ) -> Result<()> {
        ensure!(line != "bad", "a bad line");
        self.count(0, 1);
        Ok(())
    }

    fn end(&mut self, out: &mut Collector<'_, (u64, u64)>) -> Result<()> {
        self.0
            .with(|counts| counts.drain(..).for_each(|count| out.emit(count)));
        Ok(())
    }
}

fn sides(env: &Env) -> Result<()> {
    let numbers = env.guest_source(generate(20, |i| i)).name("numbers");
    let lines = env.source(File::lines("x")).name("lines");
    let counted = numbers
        .connect(lines)
        .process_with(|states| Sides(states.list("counts")));
    counted.sink(Blackhole).name("out");
    Ok(())
}

#[test]
fn connected_streams_end_when_both_have_ended_and_keep_their_state() {
    let job = Job::new(sides)
        .input("lines", ["a", "b", "c"])
        .batch_records(2);
    assert_eq!(job.run().unwrap().output::<(u64, u64)>("out"), [(20, 3)]);
    for parallelism in 1..4 {
        let job = job.clone().parallelism(parallelism).restart_after(2);
        let counts = job.run().unwrap().output::<(u64, u64)>("out");
        let sum = counts
            .iter()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert_eq!(sum, (20, 3), "{parallelism}");
    }
    let bad = Job::new(sides).input("lines", ["bad"]);
    check_failure(&bad, &["Co-Process", "a bad line"]);
}

/// Says which rules a record of a key meets, and how many records the key has had; what it does wrong is up to the
/// test.
struct Obey {
    rules: BroadcastView<String, u64>,
    count: ValueState<u64>,
    mistake: String,
}

impl KeyedBroadcastProcess<String, Event, (String, u64)> for Obey {
    type Out = String;

    fn process(
        &mut self,
        (key, at, value): Event,
        cx: &mut KeyedContext<'_, String>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        let count = self.count.get()?.unwrap_or(0) + value;
        self.count.set(count);
        ensure!(key == *cx.key(), "the key is another");
        cx.register_timer(TimeDomain::Event, at);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        (name, value): (String, u64),
        cx: &mut BroadcastContext<'_>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        match self.mistake.as_str() {
            "read" => drop(self.count.get()?),
            "write" => self.count.set(1),
            _ => {}
        }
        cx.change(&self.rules, |rules| match value {
            0 => rules.remove(&name),
            value => rules.insert(name, value),
        });
        Ok(())
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        let rules = self.rules.read(|rules| format!("{rules:?}"));
        let count = self.count.get()?.unwrap_or(0);
        out.emit(format!("{}@{} {count} {rules}", cx.key(), timer.time));
        Ok(())
    }
}

fn obey(env: &Env) -> Result<()> {
    let rules = events(env, "rules").map(|(name, _, value)| (name, value));
    let mistake: String = env.arg_or("mistake", String::new())?;
    events(env, "events")
        .key_by(|(key, _, _)| key.clone())
        .connect_broadcast(rules)
        .process_with(|states, broadcast| Obey {
            count: states.value("count"),
            rules: broadcast.broadcast_view("rules"),
            mistake,
        })
        .sink(Blackhole)
        .name("out");
    Ok(())
}

fn obeying() -> Job {
    Job::new(obey)
        .input(
            "events",
            [
                event("a", 10, 1),
                event("b", 20, 2),
                event("a", 25, 3),
                event("c", 30, 4),
            ],
        )
        .input(
            "rules",
            [
                event("x", 1, 7),
                event("y", 2, 8),
                event("x", 40, 0),
                event("z", 41, 9),
            ],
        )
}

#[test]
fn every_broadcast_record_reaches_every_subtask_and_the_keyed_side_reads_what_it_left() {
    // Both watermarks drive the timers: these fire when all rules have come.
    let rules = r#"{"y": 8, "z": 9}"#;
    let expected: Vec<String> = ["a@10 4", "a@25 4", "b@20 2", "c@30 4"]
        .iter()
        .map(|fired| format!("{fired} {rules}"))
        .collect();
    // In large batches the watermark comes after the last rule.
    for parallelism in 1..3 {
        let job = obeying().parallelism(parallelism);
        for job in [job.clone(), job.cache_bytes(1)] {
            let lines = job.run().unwrap().sorted::<String>("out");
            assert_eq!(lines, expected, "{parallelism}");
        }
    }
}

#[test]
fn broadcast_state_beside_keyed_state_outlives_a_restart() {
    for after in 1..8 {
        let job = obeying().batch_records(1).restart_after(after);
        let lines = job.run().unwrap().sorted::<String>("out");
        // Which other rules there are depends on when event time passes.
        let has_rule = |line: &String| line.contains("\"y\": 8");
        assert!(lines.iter().all(has_rule), "{after}: {lines:?}");
        let fired: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|it| it.0)
            .collect();
        assert_eq!(fired, ["a@10", "a@25", "b@20", "c@30"], "{after}");
    }
}

#[test]
fn the_broadcast_side_cannot_use_keyed_state() {
    for mistake in ["read", "write"] {
        let job = obeying().args(["--mistake", mistake]);
        let parts = [
            "Broadcast-Process",
            "keyed state was used for a broadcast record",
        ];
        check_failure(&job, &parts);
    }
}

/// Emits records that no rule forbids.
struct Allowed(BroadcastView<u64, ()>);

impl BroadcastProcess<u64, u64> for Allowed {
    type Out = u64;

    fn process(
        &mut self,
        number: u64,
        _: &mut ProcessContext<'_>,
        out: &mut Collector<'_, u64>,
    ) -> Result<()> {
        if self.0.get(&number).is_none() {
            out.emit(number);
        }
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        number: u64,
        cx: &mut BroadcastContext<'_>,
        _: &mut Collector<'_, u64>,
    ) -> Result<()> {
        cx.change(&self.0, |forbidden| forbidden.insert(number, ()));
        Ok(())
    }
}

#[test]
fn rules_for_a_stream_without_keys_reach_all_its_subtasks() {
    fn main(env: &Env) -> Result<()> {
        let rules = env
            .source(File::json_lines("x"))
            .name("rules")
            .parallelism(1);
        let numbers = env
            .source(File::json_lines("x"))
            .name("numbers")
            .parallelism(1);
        numbers
            .rebalance()
            .connect_broadcast(rules)
            .process_with(|states| Allowed(states.broadcast_view("forbidden")))
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    let job = Job::new(main)
        .input("rules", [3_u64, 5])
        .input("numbers", 0..8_u64);
    check_records(&job.restart_after(1), "out", vec![0_u64, 1, 2, 4, 6, 7]);
}
