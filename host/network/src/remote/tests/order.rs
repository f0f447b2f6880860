//! Everything that is sent arrives, once and in order, whatever its size and however slow the tasks are.

use std::thread;

use wasmill_actor::{Clock, Rng};
use wasmill_types::Element;
use wasmill_types::element::ChannelStatus;

use super::harness::*;
use crate::remote::FLOATING_PER_GATE;
use crate::{Gate, Sender};

const GIANT: u64 = 900_000;

/// The records of a channel follow from its number: each begins with its index.
fn record(rng: &mut Rng, index: u32) -> Vec<u8> {
    let length = match rng.below(200) {
        0 => rng.below(GIANT),
        1..=20 => rng.below(20_000),
        _ => rng.below(120),
    };
    let mut record = index.to_le_bytes().to_vec();
    record.resize(4 + length as usize, index as u8);
    record
}

fn produce(mut sender: Sender, number: u64, records: u32) {
    let (mut rng, mut pace) = (Rng::seeded(number), Rng::seeded(number).fork(1));
    let mut index = 0;
    while index < records {
        let count = (1 + pace.below(300) as u32).min(records - index);
        let made: Vec<_> = (index..index + count)
            .map(|index| record(&mut rng, index))
            .collect();
        send(&mut sender, batch(made)).unwrap();
        index += count;
        send(&mut sender, Element::Watermark(i64::from(index))).unwrap();
    }
    send(&mut sender, Element::Status(ChannelStatus::Idle)).unwrap();
    send(&mut sender, Element::EndOfData).unwrap();
    send(&mut sender, Element::EndOfPartition).unwrap();
}

/// Takes all channels to their ends and compares what comes with what is sent on them.
fn consume(mut gate: Gate, signal: &wasmill_actor::Signal, numbers: &[u64], records: u32) {
    let mut expected: Vec<_> = numbers
        .iter()
        .map(|number| (Rng::seeded(*number), 0))
        .collect();
    let mut open = numbers.len();
    while open > 0 {
        let (channel, element) = next(&mut gate, signal).unwrap();
        let (rng, index) = &mut expected[channel];
        match element {
            Element::Batch(batch) => {
                for got in batch.view().records() {
                    assert_eq!(
                        got,
                        record(rng, *index),
                        "record {index} of channel {channel}"
                    );
                    *index += 1;
                }
                gate.recycle(batch);
            }
            Element::Watermark(time) => assert_eq!(time, i64::from(*index)),
            Element::Barrier(_) => panic!("no barrier was sent"),
            Element::Status(status) => assert_eq!(status, ChannelStatus::Idle),
            Element::EndOfData => assert_eq!(*index, records),
            Element::EndOfPartition => open -= 1,
        }
    }
}

#[test]
fn many_channels_of_all_sizes_arrive_whole_and_in_order() {
    const TASKS: u32 = 4;
    const RECORDS: u32 = 3_000;
    let runtime = runtime();
    let _entered = runtime.enter();
    let nodes: [Node; 2] = nodes(&options(), &Clock::system());
    let number = |producer: u32, consumer: u32| u64::from(producer * 100 + consumer);
    thread::scope(|scope| {
        for consumer in 0..TASKS {
            let home = &nodes[(consumer % 2) as usize];
            let away = &nodes[1 - (consumer % 2) as usize];
            let channels: Vec<_> = (0..TASKS)
                .map(|producer| (away, channel(producer, consumer)))
                .collect();
            // Some subscribe before the offer, some after.
            let (gate, signal) = subscribe(home, &channels);
            for producer in 0..TASKS {
                let sender = offer(away, channel(producer, consumer));
                scope.spawn(move || produce(sender, number(producer, consumer), RECORDS));
            }
            let numbers: Vec<_> = (0..TASKS)
                .map(|producer| number(producer, consumer))
                .collect();
            scope.spawn(move || consume(gate, &signal, &numbers, RECORDS));
        }
    });
    for node in &nodes {
        eventually("all buffers are free", || node.plane.pool().in_use() == 0);
        assert_eq!(node.plane.pool().overdrawn(), 0);
    }
}

#[test]
fn a_producer_that_is_offered_first_and_has_ended_is_still_read() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    send(&mut sender, batch([b"a".to_vec()])).unwrap();
    send(&mut sender, Element::EndOfPartition).unwrap();
    drop(sender);
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    assert_eq!(next(&mut gate, &signal).unwrap().1, batch([b"a".to_vec()]));
    assert_eq!(next(&mut gate, &signal).unwrap().1, Element::EndOfPartition);
}

#[test]
fn a_slow_consumer_borrows_floating_buffers_and_gets_everything() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let sender = offer(&one, channel(0, 0));
    let (gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    thread::scope(|scope| {
        scope.spawn(|| produce(sender, 5, 20_000));
        eventually("floating buffers are lent", || {
            other.plane.pool().in_use() == 2 + FLOATING_PER_GATE
        });
        consume(gate, &signal, &[5], 20_000);
    });
}

#[test]
fn events_alone_fill_a_gate_and_go_on_when_it_empties() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    thread::scope(|scope| {
        scope.spawn(move || {
            for time in 0..50_000 {
                send(&mut sender, Element::Watermark(time)).unwrap();
            }
            send(&mut sender, Element::EndOfPartition).unwrap();
        });
        for time in 0..50_000 {
            assert_eq!(
                next(&mut gate, &signal).unwrap().1,
                Element::Watermark(time)
            );
        }
        assert_eq!(next(&mut gate, &signal).unwrap().1, Element::EndOfPartition);
    });
}
