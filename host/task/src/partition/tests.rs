//! Frames on real channels: what is sent when, in which order, and what waits for room.

use wasmill_actor::{Rng, ThreadKind, Woken, threads};
use wasmill_network::remote::BUFFER_BYTES;
use wasmill_network::{Gate, gate};
use wasmill_types::job::Partitioning;

use super::*;
use crate::fixture::{batch, shown};

/// A partition over one gate per channel, each of which holds two elements; frames have 4 bytes.
fn partition(partitioning: Partitioning, channels: u32) -> (ResultPartition, Vec<Gate>) {
    let cancel = CancelToken::new();
    let open = |_| {
        let (gate, mut senders) = gate(1, 2, Signal::new());
        (gate, senders.remove(0))
    };
    let (gates, senders) = (0..channels).map(open).unzip();
    let partitioner = Partitioner::new(partitioning, channels, 128, Rng::seeded(1));
    (ResultPartition::new(senders, partitioner, 4, cancel), gates)
}

/// What can be taken from a gate now.
fn taken(gate: &mut Gate) -> String {
    let next = || gate.next().unwrap().map(|(_, element)| shown(&element));
    std::iter::from_fn(next).collect::<Vec<_>>().join(" ")
}

fn all_taken(gates: &mut [Gate]) -> Vec<String> {
    gates.iter_mut().map(taken).collect()
}

#[test]
fn a_frame_is_sent_when_it_is_full_and_not_before() {
    let (mut partition, mut gates) = partition(Partitioning::Forward, 1);
    for (records, sent) in [
        (vec!["a", "b"], ""),
        (vec!["c"], ""),
        (vec!["d"], "a,b,c,d"),
        // A batch is not torn apart.
        (vec!["12", "34", "56"], "12,34,56"),
        (vec!["giant"], "giant"),
        (vec![], ""),
        (vec!["x"], ""),
    ] {
        partition.emit(&batch(&records).view()).unwrap();
        assert_eq!(taken(&mut gates[0]), sent, "{records:?}");
    }
    assert!(partition.is_dirty());
    partition.flush().unwrap();
    assert!(!partition.is_dirty());
    assert_eq!(taken(&mut gates[0]), "x");
}

#[test]
fn empty_records_make_a_frame_full_too() {
    let (mut partition, mut gates) = partition(Partitioning::Forward, 1);
    partition
        .emit(&batch(&[""; MAX_FRAME_RECORDS - 1]).view())
        .unwrap();
    assert_eq!(taken(&mut gates[0]), "");
    partition.emit(&batch(&[""]).view()).unwrap();
    assert_eq!(taken(&mut gates[0]), ",".repeat(MAX_FRAME_RECORDS - 1));
}

#[test]
fn records_are_spread_and_a_broadcast_gives_everybody_all() {
    for (partitioning, expected) in [
        (Partitioning::Rescale, ["a,c", "b,d"]),
        (Partitioning::Global, ["a,b,c,d", ""]),
        (Partitioning::Broadcast, ["a,b,c,d", "a,b,c,d"]),
    ] {
        let (mut partition, mut gates) = partition(partitioning, 2);
        partition
            .emit(&batch(&["a", "b", "c", "d"]).view())
            .unwrap();
        partition.flush().unwrap();
        assert_eq!(all_taken(&mut gates), expected, "{partitioning}");
    }
}

#[test]
fn what_is_not_records_follows_what_was_collected_on_every_channel() {
    let (mut partition, mut gates) = partition(Partitioning::Rescale, 2);
    partition.emit(&batch(&["a"]).view()).unwrap();
    partition.broadcast(&Element::Watermark(5)).unwrap();
    assert!(!partition.is_dirty());
    assert_eq!(all_taken(&mut gates), ["a W5", "W5"]);
    partition.emit(&batch(&["b"]).view()).unwrap();
    partition.broadcast(&Element::EndOfData).unwrap();
    partition.broadcast(&Element::EndOfPartition).unwrap();
    assert_eq!(all_taken(&mut gates), ["end gone", "b end gone"]);
}

#[test]
fn hashes_travel_on_edges_that_use_them_only() {
    let hashed = |records: &[&str], hashes: &[u32]| Batch {
        hashes: hashes.to_vec(),
        ..batch(records)
    };
    for (partitioning, kept) in [
        (Partitioning::Hash, true),
        (Partitioning::Custom, true),
        (Partitioning::Forward, false),
        (Partitioning::Rescale, false),
    ] {
        let (mut partition, mut gates) = partition(partitioning, 1);
        partition.emit(&hashed(&["a"], &[0]).view()).unwrap();
        if !kept {
            partition.emit(&batch(&["b"]).view()).unwrap();
        }
        partition.flush().unwrap();
        let Ok(Some((_, Element::Batch(frame)))) = gates[0].next() else {
            panic!("a frame was sent");
        };
        assert!(frame.view().checked(100).is_ok(), "{partitioning}");
        assert_eq!(!frame.hashes.is_empty(), kept, "{partitioning}");
    }
}

#[test]
fn a_flush_does_not_wait_for_a_full_channel() {
    let (mut partition, mut gates) = partition(Partitioning::Rescale, 2);
    for _ in 0..2 {
        partition.emit(&batch(&["full", "x"]).view()).unwrap();
    }
    assert_eq!(taken(&mut gates[1]), "");
    assert!(!partition.has_room());
    partition.emit(&batch(&["a", "b"]).view()).unwrap();
    partition.flush().unwrap();
    assert!(partition.is_dirty(), "`a` waits for room");
    assert_eq!(taken(&mut gates[1]), "x,x,b");
    assert_eq!(taken(&mut gates[0]), "full full");
    assert!(partition.has_room());
    partition.flush().unwrap();
    assert!(!partition.is_dirty());
    assert_eq!(taken(&mut gates[0]), "a");
}

#[test]
fn a_task_is_woken_when_the_last_full_channel_has_room() {
    let (mut partition, mut gates) = partition(Partitioning::Broadcast, 3);
    let signal = Signal::new();
    let wished = |partition: &mut ResultPartition| {
        partition.notify_when_room(&signal);
        signal.wait(Some(std::time::Duration::ZERO)) == Woken::Notified
    };
    assert!(wished(&mut partition), "there is room at once");
    for _ in 0..2 {
        partition.emit(&batch(&["full"]).view()).unwrap();
    }
    assert!(!wished(&mut partition));
    let mut woken = 0;
    for gate in &mut gates {
        assert!(!partition.has_room());
        assert_eq!(taken(gate), "full full");
        woken += u32::from(wished(&mut partition));
    }
    assert!(partition.has_room());
    assert!(woken >= 1);
}

/// Room that comes between the question and the wish must not be missed: the wish is then granted at once.
#[test]
fn room_that_came_before_the_wish_is_told_at_once() {
    let (mut partition, mut gates) = partition(Partitioning::Broadcast, 2);
    for _ in 0..2 {
        partition.emit(&batch(&["full"]).view()).unwrap();
    }
    assert!(!partition.has_room());
    all_taken(&mut gates);
    let signal = Signal::new();
    partition.notify_when_room(&signal);
    assert_eq!(
        signal.wait(Some(std::time::Duration::ZERO)),
        Woken::Notified
    );
}

#[test]
fn an_emit_waits_for_room_until_there_is_some() {
    let (mut partition, mut gates) = partition(Partitioning::Forward, 1);
    let writer = threads::spawn(ThreadKind::Task, "writer", move || {
        for number in 0..100 {
            let record = format!("{number:04}");
            partition.emit(&batch(&[record.as_str()]).view()).unwrap();
        }
    });
    let mut records = Vec::new();
    while records.len() < 100 {
        match gates[0].next() {
            Ok(Some((_, element))) => records.push(shown(&element)),
            Ok(None) => std::thread::yield_now(),
            Err(lost) => panic!("{lost}"),
        }
    }
    writer.unwrap().join().unwrap();
    let expected: Vec<String> = (0..100).map(|number| format!("{number:04}")).collect();
    assert_eq!(records, expected);
}

#[test]
fn cancelling_and_the_readers_end_end_the_wait_for_room() {
    for reader_leaves in [true, false] {
        let (mut partition, mut gates) = partition(Partitioning::Forward, 1);
        let cancel = partition.cancel.clone();
        let writer = threads::spawn(ThreadKind::Task, "writer", move || {
            loop {
                if let Err(failure) = partition.emit(&batch(&["full"]).view()) {
                    return failure;
                }
            }
        });
        if reader_leaves {
            gates.clear();
        } else {
            cancel.cancel();
        }
        let failure = writer.unwrap().join().unwrap();
        assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
    }
}

#[test]
fn a_full_frame_has_no_more_memory_than_its_buffer() {
    const FRAME: usize = 32 << 10;
    for (name, lengths) in [
        ("even", vec![100]),
        ("uneven", vec![10, 900, 40, 300, 7]),
        (
            "one giant among many",
            [vec![100; 500], vec![5_000]].concat(),
        ),
    ] {
        let mut lengths = lengths.into_iter().cycle();
        let mut frame = Batch::default();
        for _ in 0..50 {
            while !is_full(&frame, FRAME) {
                let record = vec![1; lengths.next().unwrap()];
                make_room(&mut frame.data, record.len(), FRAME);
                frame.push(&record);
            }
            let memory = frame.data.capacity() + 4 * frame.ends.capacity();
            assert!(memory <= BUFFER_BYTES, "{name}: {memory}");
            let mut next = Batch::default();
            prepare(&mut next, &frame, FRAME);
            frame = next;
        }
    }
}
