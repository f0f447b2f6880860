//! Memory is bounded whatever tasks do, and a consumer that is stuck holds up nobody else.

use std::thread;

use wasmill_actor::Clock;
use wasmill_types::Element;
use wasmill_types::size::ByteSize;

use super::harness::*;
use crate::remote::{BUFFER_BYTES, OpenError, Options};
use crate::{Gate, gate};

fn frame() -> Element {
    batch((0..320).map(|_| vec![7; 100]))
}

/// What waits in a gate, in bytes.
fn held(gate: &mut Gate) -> usize {
    let mut bytes = 0;
    while let Ok(Some((_, element))) = gate.next() {
        if let Element::Batch(batch) = element {
            bytes += batch.footprint();
        }
    }
    bytes
}

#[test]
fn a_stuck_consumer_holds_its_buffers_and_nobody_else() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let small = Options {
        memory: ByteSize(40 * BUFFER_BYTES as u64),
        connections: 1.try_into().unwrap(),
        ..options()
    };
    let [one, other]: [Node; 2] = nodes(&small, &Clock::system());
    let mut stuck_sender = offer(&one, channel(0, 0));
    let mut sender = offer(&one, channel(0, 1));
    let (mut stuck, _) = subscribe(&other, &[(&one, channel(0, 0))]);
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 1))]);
    let pool = other.plane.pool();
    thread::scope(|scope| {
        let cancel = wasmill_actor::CancelToken::new();
        let blocked = cancel.clone();
        let flood = scope.spawn(move || {
            let mut sent = 0;
            while stuck_sender.send(frame(), &blocked).is_ok() {
                sent += 1;
            }
            sent
        });
        scope.spawn(move || {
            for _ in 0..2_000 {
                send(&mut sender, frame()).unwrap();
            }
            send(&mut sender, Element::EndOfPartition).unwrap();
        });
        let mut frames = 0;
        loop {
            match next(&mut gate, &signal).unwrap().1 {
                Element::EndOfPartition => break,
                element => frames += usize::from(element == frame()),
            }
            assert!(pool.in_use() <= pool.total());
        }
        assert_eq!(frames, 2_000);
        eventually("the stuck channel has what it may have", || {
            pool.in_use() == 2 + 8
        });
        cancel.cancel();
        let sent: usize = flood.join().unwrap();
        // Its ten buffers, and what its producer's queue and hands hold.
        assert!(sent <= 10 + 4 + 2, "{sent}");
    });
    assert_eq!(pool.overdrawn(), 0);
    assert!(held(&mut stuck) <= 10 * BUFFER_BYTES);
    drop((stuck, gate));
    eventually("all buffers are free", || pool.in_use() == 0);
    eventually("and at the producer", || one.plane.pool().in_use() == 0);
}

#[test]
fn a_channel_without_memory_is_an_error_that_names_the_key() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let small = Options {
        memory: ByteSize(5 * BUFFER_BYTES as u64),
        ..options()
    };
    let [one, other]: [Node; 2] = nodes(&small, &Clock::system());
    let _first = offer(&one, channel(0, 0));
    let (second, _sender) = gate(1, 4, wasmill_actor::Signal::new());
    let refused = one.plane.offer(channel(0, 1), second).unwrap_err();
    let expected = "channel 00000000000000000000000000000001/0 edge 0 from subtask 0 to 1, to be \
                    sent, needs 5 network buffers of 40 KiB, 0 of 5 are free; raise \
                    `network.memory`, of which 200 KiB are for buffers, or lower the parallelism";
    assert_eq!(refused.to_string(), expected);
    let _two = [0, 1].map(|consumer| subscribe(&other, &[(&one, channel(0, consumer))]));
    let (_gate, mut senders) = gate(1, 10, wasmill_actor::Signal::new());
    let refused = other
        .plane
        .subscribe(channel(0, 2), &one.address, senders.remove(0));
    assert!(matches!(refused, Err(OpenError::Memory(_))), "{refused:?}");
}

#[test]
fn a_channel_is_offered_once() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one]: [Node; 1] = nodes(&options(), &Clock::system());
    let _first = offer(&one, channel(0, 0));
    let (second, _sender) = gate(1, 4, wasmill_actor::Signal::new());
    let refused = one.plane.offer(channel(0, 0), second);
    assert_eq!(refused, Err(OpenError::OfferedTwice(channel(0, 0))));
}
