//! One task on real channels: what comes in, as text, and what goes out.
//!
//! A word of the input is `channel:element`, with an element as in [`shown`]. The operator emits a record
//! for every call, so that the output tells calls and elements in their order. Records are commands:
//! `t7` and `p7` register timers of event and processing time, `w7` emits a watermark, `m` marks idle,
//! `+7` moves the clock by 7 ms; others are repeated with the number of their input.

mod probes;

use std::collections::VecDeque;

use wasmill_actor::{Rng, ThreadKind, threads};
use wasmill_network::{Sender, gate};
use wasmill_state::{OwnedGroups, TimerService};
use wasmill_types::HostError;
use wasmill_types::element::ChannelStatus;
use wasmill_types::id::OperatorId;
use wasmill_types::job::Partitioning;
use wasmill_types::operator::{OperatorHost, Timers};

use super::*;
use crate::fixture::graph::graph;
use crate::fixture::guest::{Answer, Bundle, Call, DONE, Io, context};
use crate::fixture::{Writer, batch, host, shown, split, texts};
use crate::guest::GuestCode;
use crate::output::Output;
use crate::partition::ResultPartition;
use crate::partitioner::Partitioner;
use crate::source::SplitQueue;

/// The most elements of a test's channel.
const CAPACITY: usize = 100;

/// A task and the other ends of its channels.
struct Rig {
    task: Task,
    senders: Vec<Sender>,
    output: Gate,
    clock: Clock,
}

/// A task with an input per number, of as many channels, whose operator has this code.
fn rig<C>(inputs: &[usize], make: impl Fn() -> C + Send + Sync + 'static) -> Rig
where
    C: FnMut(&mut Io, Call<'_>) -> Answer + Send + 'static,
{
    let (cancel, signal, clock) = (CancelToken::new(), Signal::new(), Clock::manual(0));
    let (output, writers) = gate(1, CAPACITY, Signal::new());
    let partitioner = Partitioner::new(Partitioning::Forward, 1, 128, Rng::seeded(1));
    let edge = ResultPartition::new(writers, partitioner, 1000, cancel.clone());
    let mut host = host(vec![Output::Edge(edge)]);
    let options = wasmill_state::Options::default();
    host.timers = Some(TimerService::new(OwnedGroups::new(0, 1, 128), &options));
    host.clock = clock.clone();

    let graph = graph("code:gen", |_, _| Vec::new());
    let mut bundle = Bundle::new(&graph);
    bundle.code("code", make);
    let mut context = context();
    context.operators.push(graph.vertices[0].head());
    let (gate, senders) = gate(
        inputs.iter().sum::<usize>().max(1),
        CAPACITY,
        signal.clone(),
    );
    let mut first_channel = 0;
    let inputs = inputs.iter().map(|&channels| {
        first_channel += channels;
        TaskInput {
            edge: EdgeId(0),
            producers: 0..channels as u32,
            first_channel: first_channel - channels,
            valve: Valve::new(channels),
            open_channels: channels,
        }
    });
    let task = Task {
        context,
        operator: bundle.instantiate(host, &cancel).unwrap(),
        source: None,
        checkpoints: crate::fixture::checkpoints(&signal, gate.channels()),
        inputs: inputs.collect(),
        gate: Some(gate),
        event_time: Origin::Inputs,
        buffer_timeout: Duration::from_millis(1),
        clock: clock.clone(),
        signal,
        cancel,
    };
    Rig {
        task,
        senders,
        output,
        clock,
    }
}

impl Rig {
    fn send(&mut self, words: &str) {
        for word in words.split_whitespace() {
            let (channel, element) = word.split_once(':').unwrap();
            let sender = &mut self.senders[channel.parse::<usize>().unwrap()];
            sender.try_send(parsed(element)).unwrap();
        }
    }
}

fn parsed(element: &str) -> Element {
    match element {
        "idle" => Element::Status(ChannelStatus::Idle),
        "active" => Element::Status(ChannelStatus::Active),
        "Wmax" => Element::Watermark(i64::MAX),
        "end" => Element::EndOfData,
        "gone" => Element::EndOfPartition,
        other => match other.strip_prefix('W') {
            Some(time) => Element::Watermark(time.parse().unwrap()),
            None => Element::Batch(batch(&other.split(',').collect::<Vec<_>>())),
        },
    }
}

/// Says what it is called with.
fn talk(io: &mut Io, call: Call<'_>) -> Answer {
    match call {
        Call::Process(input, records) => {
            for record in texts(&records) {
                obey(io, input, &record)?;
            }
        }
        Call::Timers(domain, timers) => {
            for time in &timers.times {
                say(io, &format!("{}({time})", domain_name(domain)))?;
            }
        }
        Call::Watermark(i64::MAX) => say(io, "watermark(max)")?,
        Call::Watermark(time) => say(io, &format!("watermark({time})"))?,
        Call::EndOfInput(input) => say(io, &format!("end({input})"))?,
        Call::Open | Call::Assign(_) | Call::Poll => say(io, call.name())?,
        // By then it is too late to say something.
        Call::Close => {}
    }
    DONE
}

fn obey(io: &mut Io, input: u32, record: &str) -> Result<(), TaskFailure> {
    let (command, at) = record.split_at(1);
    let domain = match command {
        "m" => return io.host.mark_idle(),
        "+" => {
            io.host
                .clock
                .advance(Duration::from_millis(at.parse().unwrap()));
            return Ok(());
        }
        "w" => return io.host.emit_watermark(at.parse().unwrap()),
        "t" => TimeDomain::Event,
        "p" => TimeDomain::Processing,
        _ => return say(io, &format!("{input}:{record}")),
    };
    register(io, domain, at)
}

fn register(io: &mut Io, domain: TimeDomain, at: &str) -> Result<(), TaskFailure> {
    let timers = Timers {
        times: vec![at.parse().unwrap()],
        keys: std::iter::once(at.as_bytes()).collect(),
        namespaces: std::iter::once([].as_slice()).collect(),
    };
    io.host.register_timers(domain, timers)
}

fn domain_name(domain: TimeDomain) -> &'static str {
    match domain {
        TimeDomain::Event => "event",
        TimeDomain::Processing => "processing",
    }
}

fn say(io: &mut Io, record: &str) -> Result<(), TaskFailure> {
    io.host.emit(0, batch(&[record]).view())
}

/// What can be taken now, each record a word.
fn taken(gate: &mut Gate) -> String {
    let next = || {
        gate.next()
            .unwrap()
            .map(|(_, element)| shown(&element).replace(',', " "))
    };
    std::iter::from_fn(next).collect::<Vec<_>>().join(" ")
}

/// Runs a task over its whole input, which comes in this order also across channels.
#[track_caller]
fn check(inputs: &[usize], stream: &str, expected: &str) {
    let mut rig = rig(inputs, || talk);
    rig.task.operator.open(&rig.task.context).unwrap();
    let mut progress = rig.task.start();
    for word in stream.split_whitespace() {
        rig.send(word);
        if progress.open_inputs > 0 {
            rig.task.step(&mut progress).unwrap();
        }
    }
    rig.task.finish(progress, &Outcome::default()).unwrap();
    let expected: Vec<&str> = expected.split_whitespace().collect();
    let found = taken(&mut rig.output);
    assert_eq!(
        found.replace("watermark(", "at("),
        expected.join(" "),
        "{stream}"
    );
}

#[test]
fn records_are_processed_and_the_end_of_the_input_is_handed_on() {
    check(
        &[1],
        "0:a 0:b,c 0:Wmax 0:end 0:gone",
        "open 0:a 0:b 0:c at(max) Wmax end(0) end gone",
    );
}

#[test]
fn an_input_ends_with_the_data_of_its_last_channel() {
    check(
        &[2, 1],
        "0:end 2:x 2:end 1:y 0:gone 2:gone 1:end 1:gone",
        "open 1:x end(1) 0:y end(0) end gone",
    );
}

#[test]
fn the_least_watermark_of_all_inputs_is_handed_on_after_what_it_caused() {
    check(
        &[1, 1],
        "0:W5 1:W3 1:a 1:W9 0:end 1:end 0:gone 1:gone",
        "open at(3) W3 1:a at(5) W5 end(0) end(1) end gone",
    );
}

#[test]
fn idle_inputs_hold_nothing_back() {
    check(
        &[1, 1],
        "0:W5 1:idle 0:W7 0:idle 1:active 1:W9 0:active 0:end 1:end 0:gone 1:gone",
        "open at(5) W5 at(7) W7 idle active at(9) W9 end(0) end(1) end gone",
    );
}

/// Semantics §2.2, §2.3.
#[test]
fn timers_fire_in_order_before_the_operator_and_those_behind_hear_of_the_time() {
    check(
        &[1],
        "0:t7,t3,t9 0:W2 0:W7 0:t5 0:W8 0:Wmax 0:end 0:gone",
        "open at(2) W2 at(7) event(3) event(7) W7 at(8) event(5) W8 at(max) event(9) Wmax end(0) \
         end gone",
    );
}

/// Semantics §2.11.
#[test]
fn a_timer_at_the_end_of_time_fires() {
    check(
        &[1],
        &format!("0:t{} 0:Wmax 0:end 0:gone", i64::MAX),
        &format!("open at(max) event({}) Wmax end(0) end gone", i64::MAX),
    );
}

/// Semantics §2.10: the timer of processing time is dropped.
#[test]
fn timers_of_processing_time_do_not_keep_a_task_from_ending() {
    check(&[1], "0:p7 0:end 0:gone", "open end(0) end gone");
}

#[test]
fn an_input_that_lets_time_advance_by_going_idle_fires_timers_too() {
    check(
        &[1, 1],
        "0:t4 0:W5 1:idle 1:active 0:end 1:end 0:gone 1:gone",
        "open at(5) event(4) W5 end(0) end(1) end gone",
    );
}

#[test]
fn a_timer_that_a_timer_registers_fires_in_the_same_round() {
    let mut rig = rig(&[1], || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Timers(domain, timers) = call {
                let next = timers.times[0] + 1;
                if next < 5 {
                    register(io, domain, &next.to_string())?;
                }
            }
            talk(io, call)
        }
    });
    rig.send("0:t1 0:W3 0:W9 0:end 0:gone");
    rig.task.run(&Outcome::default()).unwrap();
    let expected = "open watermark(3) event(1) event(2) event(3) W3 watermark(9) event(4) W9";
    assert!(taken(&mut rig.output).starts_with(expected));
}

#[test]
fn a_source_ends_event_time_before_its_input() {
    let mut rig = rig(&[], || {
        let mut polls = VecDeque::from([PollStatus::Ready, PollStatus::Finished]);
        move |io: &mut Io, call: Call<'_>| {
            talk(io, call)?;
            match call {
                Call::Poll => Ok(polls.pop_front().unwrap()),
                _ => DONE,
            }
        }
    });
    rig.task.source = Some(guest_source());
    rig.task.run(&Outcome::default()).unwrap();
    let expected = "open assign poll poll watermark(max) Wmax end(0) end gone";
    assert_eq!(taken(&mut rig.output), expected);
}

#[test]
fn a_producer_that_is_lost_ends_the_task_as_a_consequence() {
    let mut rig = rig(&[1], || talk);
    rig.send("0:a");
    rig.senders.clear();
    let failure = rig.task.run(&Outcome::default()).unwrap_err();
    assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
}

#[test]
fn a_task_waits_for_its_producers_to_leave_before_it_leaves() {
    let mut rig = rig(&[1], || talk);
    rig.send("0:end");
    rig.senders.clear();
    let failure = rig.task.run(&Outcome::default()).unwrap_err();
    assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
    assert_eq!(
        rig.output.next().map(|taken| taken.map(|(_, e)| shown(&e))),
        Ok(Some("open,end(0)".into()))
    );
}

#[test]
fn what_a_sink_has_finished_is_staged_though_the_next_one_fails() {
    let writer = |fails_to_finish| Writer {
        fails_to_finish,
        ..Writer::default()
    };
    let mut rig = rig(&[1], || |_: &mut Io, _: Call<'_>| DONE);
    let sinks = [(1, false), (2, true), (3, false)];
    rig.task.operator.host().outputs = sinks
        .map(|(id, fails)| crate::fixture::sink(id, writer(fails)))
        .into();
    rig.send("0:end 0:gone");
    let outcome = Outcome::default();
    let failure = rig.task.run(&outcome).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "cannot finish `the disk`: no storage space; free space there or choose a directory on another \
         disk"
    );
    let staged: Vec<OperatorId> = outcome
        .take_parts()
        .into_iter()
        .map(|(sink, _)| sink)
        .collect();
    assert_eq!(staged, [OperatorId(1)]);
}

#[test]
fn what_an_operator_emits_while_it_is_closed_is_refused() {
    let mut rig = rig(&[1], || {
        |io: &mut Io, call: Call<'_>| match call {
            Call::Close => say(io, "late").and(DONE),
            _ => DONE,
        }
    });
    rig.send("0:end 0:gone");
    let failure = rig.task.run(&Outcome::default()).unwrap_err();
    assert!(matches!(failure, TaskFailure::Contract(_)), "{failure:?}");
}

#[test]
fn a_failure_of_any_call_ends_the_task() {
    for failing in [
        "open",
        "process",
        "timers",
        "watermark",
        "end-of-input",
        "close",
    ] {
        let mut rig = rig(&[1], move || {
            move |io: &mut Io, call: Call<'_>| {
                if call.name() == failing {
                    return Err(HostError::new(format!("broken in {failing}")).into());
                }
                talk(io, call)
            }
        });
        rig.send("0:t3 0:W5 0:end 0:gone");
        let failure = rig.task.run(&Outcome::default()).unwrap_err();
        assert_eq!(failure.to_string(), format!("broken in {failing}"));
    }
}

/// A command `+n` in the input moves the clock, so what has waited long enough comes before what follows.
#[test]
fn records_that_were_collected_and_timers_of_processing_time_follow_the_clock() {
    let mut rig = rig(&[1], || talk);
    rig.send("0:p5,a 0:+1 0:b 0:+4 0:c 0:end 0:gone");
    rig.task.run(&Outcome::default()).unwrap();
    let next = || {
        rig.output
            .next()
            .unwrap()
            .map(|(_, element)| shown(&element))
    };
    let frames: Vec<String> = std::iter::from_fn(next).collect();
    let expected = ["open,0:a", "0:b", "processing(5),0:c,end(0)", "end", "gone"];
    assert_eq!(frames, expected);
}

#[test]
fn an_idle_source_is_asked_again_when_its_time_has_come() {
    let mut rig = rig(&[], || {
        let mut polls = 0;
        move |io: &mut Io, call: Call<'_>| match call {
            Call::Poll if polls == 0 => {
                polls += 1;
                Ok(PollStatus::IdleUntil(5))
            }
            Call::Poll => {
                assert!(io.host.now() >= 5, "it is {}", io.host.now());
                DONE
            }
            _ => DONE,
        }
    });
    rig.task.source = Some(guest_source());
    let clock = rig.clock;
    let stop = CancelToken::new();
    let stopped = stop.clone();
    let time = threads::spawn(ThreadKind::Task, "time", move || {
        while !stopped.is_cancelled() {
            clock.advance(Duration::from_micros(10));
            std::thread::yield_now();
        }
    });
    rig.task.run(&Outcome::default()).unwrap();
    stop.cancel();
    time.unwrap().join().unwrap();
}

#[test]
fn a_waiting_task_is_woken_by_input_and_by_being_cancelled() {
    for cancels in [false, true] {
        let mut rig = rig(&[1], || talk);
        let (mut senders, mut output) = (rig.senders, rig.output);
        let cancel = rig.task.cancel.clone();
        let signal = rig.task.signal.clone();
        let _woken = cancel.on_cancel(move || signal.notify());
        rig.task.buffer_timeout = Duration::ZERO;
        let other = threads::spawn(ThreadKind::Task, "other", move || {
            // It has said that it is open, and by now waits or is about to.
            while output.next().unwrap().is_none() {
                std::thread::yield_now();
            }
            if cancels {
                cancel.cancel();
            } else {
                senders[0].try_send(Element::EndOfData).unwrap();
                senders[0].try_send(Element::EndOfPartition).unwrap();
            }
            (senders, output)
        });
        let ended = rig.task.run(&Outcome::default());
        assert_eq!(ended.is_err(), cancels, "{ended:?}");
        drop(other.unwrap().join().unwrap());
    }
}

/// A source of the bundle with one split.
fn guest_source() -> SourceRole {
    SourceRole::Guest {
        splits: Box::new(SplitQueue::new([split("a")])),
        max_records: 10,
        is_reading: false,
        given: 0,
    }
}
