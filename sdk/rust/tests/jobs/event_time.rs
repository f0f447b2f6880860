//! Watermarks and timers (semantics §1, §2).

use wasmill::prelude::*;
use wasmill::state::ValueState;
use wasmill::testing::Job;
use wasmill::time::millis;
use wasmill::{
    Collector, GuestSource, KeyedContext, KeyedProcess, Poll, TimeDomain, Timer, WatermarkGenerator,
};

type Event = (String, i64);

fn event(key: &str, at: i64) -> Event {
    (key.to_owned(), at)
}

/// Says which timers fire; a record registers one `wait` later.
struct Remind {
    domain: TimeDomain,
    wait: i64,
    count: ValueState<u64>,
}

impl KeyedProcess<String, Event> for Remind {
    type Out = String;

    fn process(
        &mut self,
        (_, at): Event,
        cx: &mut KeyedContext<'_, String>,
        _: &mut Collector<'_, String>,
    ) -> Result<()> {
        self.count
            .entry(|count| *count = Some(count.unwrap_or(0) + 1))?;
        // Twice is once.
        cx.register_timer(self.domain, at + self.wait);
        cx.register_timer(self.domain, at + self.wait);
        if at < 0 {
            cx.delete_timer(self.domain, -at + self.wait);
            cx.delete_timer(self.domain, at + self.wait);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        let (key, time, count) = (cx.key(), timer.time, self.count.get()?.unwrap_or(0));
        let (at, watermark) = (cx.timestamp(), cx.watermark());
        let watermark = match watermark {
            i64::MAX => "max".to_owned(),
            time => time.to_string(),
        };
        out.emit(format!("{key}@{time} of {count} at {at:?} W{watermark}"));
        if time == 15 {
            // In the same round.
            cx.register_timer(self.domain, 16);
        }
        Ok(())
    }
}

fn reminders(env: &Env) -> Result<()> {
    let strategy = WatermarkStrategy::bounded_out_of_orderness(millis(3));
    let domain = match env.flag("clock") {
        true => TimeDomain::Processing,
        false => TimeDomain::Event,
    };
    env.source(File::csv("events"))
        .assign_timestamps_and_watermarks(strategy.timestamps(|(_, at): &Event| at.abs()))
        .key_by(|(key, _)| key.clone())
        .process_with(move |states| Remind {
            domain,
            wait: 5,
            count: states.value("count"),
        })
        .sink(File::lines("out"));
    Ok(())
}

fn reminded(events: &[Event]) -> Vec<String> {
    let job = Job::new(reminders).batch_records(1);
    let job = job.input("Source: file", events.to_vec());
    let lines = |job: Job| job.run().expect("the job runs").lines("Sink: file");
    let plain = lines(job.clone());
    for changed in [
        job.clone().chained(),
        job.clone().cache_bytes(1),
        job.restart_after(2).restart_after(3),
    ] {
        assert_eq!(lines(changed), plain);
    }
    plain
}

#[test]
fn timers_fire_in_their_order_when_the_watermark_reaches_them() {
    let events = [
        event("a", 10),
        event("b", 4),
        event("a", 13),
        event("b", 30),
    ];
    assert_eq!(
        reminded(&events),
        [
            "b@9 of 1 at Some(9) W9",
            "a@15 of 2 at Some(15) W26",
            "a@16 of 2 at Some(16) W26",
            "a@18 of 2 at Some(18) W26",
            "b@35 of 2 at Some(35) Wmax",
        ]
    );
}

#[test]
fn a_timer_that_is_deleted_does_not_fire_and_one_in_the_past_fires_with_the_next_watermark() {
    let events = [
        event("a", 10),
        event("a", -10),
        event("a", 50),
        event("a", 11),
        event("a", 51),
    ];
    assert_eq!(
        reminded(&events),
        [
            "a@16 of 5 at Some(16) W47",
            "a@55 of 5 at Some(55) Wmax",
            "a@56 of 5 at Some(56) Wmax",
        ]
    );
}

#[test]
fn timers_of_the_clock_fire_without_a_timestamp_and_are_dropped_at_the_end() {
    let events = [event("a", 10), event("a", 100)];
    let job = Job::new(reminders).args(["--clock"]).batch_records(1);
    let outcome = job
        .input("Source: file", events)
        .start_at(20)
        .run()
        .unwrap();
    assert_eq!(
        outcome.lines("Sink: file"),
        ["a@15 of 1 at None W6", "a@16 of 1 at None W6"]
    );
}

#[test]
fn a_function_without_timers_that_registers_one_is_told() {
    fn job(env: &Env) -> Result<()> {
        env.guest_source(generate(1, |i| i))
            .key_by(|n| *n)
            .process(|_| {
                |n: u64, cx: &mut KeyedContext<'_, u64>, out: &mut Collector<'_, u64>| {
                    cx.register_timer(TimeDomain::Event, 5);
                    out.emit(n);
                    Ok(())
                }
            })
            .sink(Blackhole);
        Ok(())
    }
    let problem = Job::new(job).run().unwrap_err().to_string();
    assert!(problem.contains("has no function for timers"), "{problem}");
}

/// Emits how far event time has come at each record.
struct Clock;

impl KeyedProcess<u8, Event> for Clock {
    type Out = (i64, i64);

    fn process(
        &mut self,
        (_, at): Event,
        cx: &mut KeyedContext<'_, u8>,
        out: &mut Collector<'_, (i64, i64)>,
    ) -> Result<()> {
        out.emit((at, cx.watermark().max(-1)));
        Ok(())
    }
}

/// A record that is called so lets event time come up to it.
#[derive(Clone)]
struct AtMarkers;

impl WatermarkGenerator<Event> for AtMarkers {
    fn on_event(&mut self, (name, _): &Event, timestamp: i64) -> Option<i64> {
        (name == "marker").then_some(timestamp)
    }

    fn on_probe(&mut self) -> Option<i64> {
        None
    }
}

#[test]
fn a_punctuated_watermark_follows_its_record_at_once() {
    fn job(env: &Env) -> Result<()> {
        let strategy = WatermarkStrategy::with(AtMarkers).timestamps(|(_, at): &Event| *at);
        env.source(File::csv("events"))
            .assign_timestamps_and_watermarks(strategy)
            .key_by(|_| 0_u8)
            .process_with(|_| Clock)
            .sink(Blackhole);
        Ok(())
    }
    let events = [
        event("a", 10),
        event("marker", 12),
        event("a", 20),
        event("marker", 11),
        event("a", 21),
    ];
    let outcome = Job::new(job).input("Source: file", events).run().unwrap();
    let seen = outcome.output::<(i64, i64)>("Sink: blackhole");
    assert_eq!(seen, [(10, -1), (12, -1), (20, 12), (11, 12), (21, 12)]);
}

#[test]
fn the_slowest_input_holds_event_time_back() {
    fn job(env: &Env) -> Result<()> {
        let timed = |name: &'static str| {
            let strategy = WatermarkStrategy::monotonous().timestamps(|(_, at): &Event| *at);
            env.source(File::csv(name))
                .name(name)
                .assign_timestamps_and_watermarks(strategy)
        };
        timed("fast")
            .union(timed("slow"))
            .key_by(|_| 0_u8)
            .process_with(|_| Clock)
            .sink(Blackhole);
        Ok(())
    }
    let fast = [event("f", 100), event("f", 200), event("f", 300)];
    let slow = [event("s", 10), event("s", 20), event("s", 30)];
    let job = Job::new(job).batch_records(1);
    let job = job.input("fast", fast).input("slow", slow);
    let seen = job.run().unwrap().output::<(i64, i64)>("Sink: blackhole");
    assert_eq!(
        seen,
        [(100, -1), (10, -1), (200, 9), (20, 9), (300, 19), (30, 19)]
    );
}

#[test]
fn watermarks_from_upstream_end_at_an_operator_that_makes_its_own() {
    fn job(env: &Env) -> Result<()> {
        let early = WatermarkStrategy::monotonous().timestamps(|(_, at): &Event| *at * 10);
        let own = WatermarkStrategy::bounded_out_of_orderness(millis(4));
        env.source(File::csv("events"))
            .assign_timestamps_and_watermarks(early)
            .map(|event: Event| event)
            .assign_timestamps_and_watermarks(own.timestamps(|(_, at): &Event| *at))
            .key_by(|_| 0_u8)
            .process_with(|_| Clock)
            .sink(Blackhole);
        Ok(())
    }
    let events = [event("a", 10), event("a", 20), event("a", 30)];
    let job = Job::new(job).batch_records(1).input("Source: file", events);
    for job in [job.clone(), job.chained()] {
        let seen = job.run().unwrap().output::<(i64, i64)>("Sink: blackhole");
        // Chained, both are one task, which says the least of what its operators say.
        assert_eq!(seen, [(10, -1), (20, 5), (30, 15)]);
    }
}

/// Two splits of records that are 100 apart, in one subtask.
struct TwoSplits;

impl GuestSource for TwoSplits {
    type Item = Event;
    /// The time of the next record, and how many there are.
    type Split = (i64, u32);

    fn splits(&mut self, _: u32) -> Result<Vec<(i64, u32)>> {
        Ok(vec![(1_000, 3), (100, 4)])
    }

    fn poll(
        &mut self,
        (next, left): &mut (i64, u32),
        _: u32,
        emit: &mut impl FnMut(Event),
    ) -> Result<Poll> {
        emit(event("e", *next));
        *next += 100;
        *left -= 1;
        Ok(match left {
            0 => Poll::Finished,
            _ => Poll::More,
        })
    }
}

#[test]
fn the_slowest_split_of_a_subtask_holds_event_time_back_and_one_that_ends_does_not() {
    fn job(env: &Env) -> Result<()> {
        let strategy = WatermarkStrategy::monotonous().timestamps(|(_, at): &Event| *at);
        env.guest_source(TwoSplits)
            .assign_timestamps_and_watermarks(strategy)
            .key_by(|_| 0_u8)
            .process_with(|_| Clock)
            .sink(Blackhole);
        Ok(())
    }
    let outcome = Job::new(job).chained().run().unwrap();
    let seen = outcome.output::<(i64, i64)>("Sink: blackhole");
    assert_eq!(
        seen,
        [
            (1_000, -1),
            (100, -1),
            (1_100, 99),
            (200, 99),
            (1_200, 199),
            // The first split is at its end, and the second one alone counts.
            (300, 199),
            (400, 299),
        ]
    );
}
