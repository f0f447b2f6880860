//! Whatever goes away or breaks, the tasks on both sides hear it, by name where it was no task.

use std::time::Duration;

use quinn::VarInt;
use wasmill_actor::{Clock, Signal};
use wasmill_types::Element;

use super::harness::*;
use crate::remote::PeerAddr;
use crate::{Sender, gate};

/// Sends until that fails, and answers why.
fn send_to_the_end(mut sender: Sender) -> String {
    loop {
        if let Err(error) = send(&mut sender, Element::Watermark(1)) {
            return error;
        }
    }
}

#[test]
fn a_producer_that_goes_is_lost_without_a_reason() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    send(&mut sender, Element::Watermark(1)).unwrap();
    drop(sender);
    next(&mut gate, &signal).unwrap();
    assert_eq!(
        next(&mut gate, &signal).unwrap_err(),
        "the producer of input channel 0 is gone before its end"
    );
}

#[test]
fn a_consumer_that_goes_is_gone_without_a_reason() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    send(&mut sender, Element::Watermark(1)).unwrap();
    next(&mut gate, &signal).unwrap();
    drop(gate);
    assert_eq!(send_to_the_end(sender), "the consumer is gone");
}

#[test]
fn a_connection_that_is_killed_fails_both_tasks_with_the_peers_name() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    send(&mut sender, Element::Watermark(1)).unwrap();
    next(&mut gate, &signal).unwrap();
    other.endpoint.close(VarInt::from_u32(9), b"cut");
    let text = next(&mut gate, &signal).unwrap_err();
    let expected = format!(
        "the producer of input channel 0 is gone before its end: connection to TaskManager `tm-0` at \
         {} lost: ",
        one.address.address
    );
    assert!(text.starts_with(&expected), "{text}");
    let text = send_to_the_end(sender);
    let expected = format!(
        "the consumer is gone: connection to TaskManager `tm-peer` at {} lost: cut",
        other.address.address
    );
    assert_eq!(text, expected);
    eventually("all buffers are free", || {
        one.plane.pool().in_use() + other.plane.pool().in_use() == 0
    });
}

#[test]
fn a_data_plane_that_closes_says_why() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    send(&mut sender, Element::Watermark(1)).unwrap();
    next(&mut gate, &signal).unwrap();
    one.plane.close("TaskManager `tm-0` shuts down");
    let text = next(&mut gate, &signal).unwrap_err();
    assert!(
        text.ends_with("lost: TaskManager `tm-0` shuts down"),
        "{text}"
    );
    let text = send_to_the_end(sender);
    assert!(
        text.ends_with("lost: TaskManager `tm-0` shuts down"),
        "{text}"
    );
    // The next channel gets a connection of its own.
    let mut sender = offer(&one, channel(0, 1));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 1))]);
    send(&mut sender, Element::EndOfPartition).unwrap();
    assert_eq!(next(&mut gate, &signal).unwrap().1, Element::EndOfPartition);
}

#[test]
fn nobody_at_an_address_is_told_by_name() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let clock = Clock::manual(0);
    let [other]: [Node; 1] = nodes(&options(), &clock);
    let nobody = PeerAddr {
        name: "tm-9".parse().unwrap(),
        address: "127.0.0.1:9".parse().unwrap(),
    };
    let signal = Signal::new();
    let (mut gate, mut senders) = gate(1, 10, signal.clone());
    let subscribed = other
        .plane
        .subscribe(channel(0, 0), &nobody, senders.remove(0));
    subscribed.unwrap();
    let lost = loop {
        clock.advance(Duration::from_millis(500));
        match gate.next() {
            Err(lost) => break lost.to_string(),
            Ok(taken) => assert_eq!(taken, None),
        }
        signal.wait(Some(Duration::from_millis(5)));
    };
    assert_eq!(
        lost,
        "the producer of input channel 0 is gone before its end: connect to TaskManager `tm-9` at \
         127.0.0.1:9: nothing came within 5s"
    );
}

#[test]
fn an_end_that_nobody_joins_is_told_so() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let clock = Clock::manual(0);
    let [one, other]: [Node; 2] = nodes(&options(), &clock);
    let sender = offer(&one, channel(0, 0));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(7, 7))]);
    eventually("the consumer has asked", || {
        !one.accepted.lock().unwrap().is_empty()
    });
    let lost = loop {
        clock.advance(Duration::from_secs(3));
        match gate.next() {
            Err(lost) => break lost.to_string(),
            Ok(taken) => assert_eq!(taken, None),
        }
        signal.wait(Some(Duration::from_millis(20)));
    };
    assert!(
        lost.ends_with(
            "TaskManager `tm-0` was not offered channel 00000000000000000000000000000001/0 edge 0 \
             from subtask 7 to 7 within 60s"
        ),
        "{lost}"
    );
    assert_eq!(
        send_to_the_end(sender),
        "the consumer is gone: no consumer asked for channel 00000000000000000000000000000001/0 \
         edge 0 from subtask 0 to 0 within 60s"
    );
}

#[test]
fn an_attempt_that_is_released_ends_all_its_channels() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let mut sender = offer(&one, channel(0, 0));
    let waiting = offer(&one, channel(0, 1));
    let (mut gate, signal) = subscribe(&other, &[(&one, channel(0, 0))]);
    send(&mut sender, Element::Watermark(1)).unwrap();
    next(&mut gate, &signal).unwrap();
    one.plane.release(channel(0, 0).job, 0);
    assert_eq!(send_to_the_end(waiting), "the consumer is gone");
    assert_eq!(send_to_the_end(sender), "the consumer is gone");
    assert_eq!(
        next(&mut gate, &signal).unwrap_err(),
        "the producer of input channel 0 is gone before its end"
    );
    other.plane.release(channel(0, 0).job, 0);
}

/// A producer that speaks for itself: each text is what it sends, and what the consumer's task hears.
#[test]
fn a_peer_that_breaks_the_protocol_loses_its_connection_and_nothing_else() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other, honest]: [Node; 3] = nodes(&options(), &Clock::system());
    let mut sender = offer(&honest, channel(5, 5));
    let (mut fine, fine_signal) = subscribe(&other, &[(&honest, channel(5, 5))]);
    let frame = [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut epoch = 0;
    for (bytes, expected) in [
        (&[0, 0, 0, 0, 99][..], "no frame begins with the byte 99"),
        (&[1, 2, 3, 4, 5], "no channel is called 67305985"),
        (
            &[[0; 4].as_slice(), &frame, &frame, &frame].concat(),
            "1 buffers were sent with a credit of 0",
        ),
    ] {
        epoch += 1;
        let mut id = channel(0, 0);
        id.epoch = epoch;
        let (mut gate, signal) = subscribe(&other, &[(&one, id)]);
        let connections = epoch as usize;
        eventually("it has connected", || {
            one.accepted.lock().unwrap().len() == connections
        });
        let connection = one.accepted.lock().unwrap()[connections - 1].clone();
        let closed = runtime.block_on(async {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            connection.closed().await.to_string()
        });
        assert!(closed.contains(expected), "{closed}");
        let lost = loop {
            match next(&mut gate, &signal) {
                Ok(_) => {}
                Err(lost) => break lost,
            }
        };
        assert!(lost.contains("the peer broke the protocol"), "{lost}");
        assert!(lost.contains(expected), "{lost}");
    }
    send(&mut sender, Element::EndOfPartition).unwrap();
    assert_eq!(
        next(&mut fine, &fine_signal).unwrap().1,
        Element::EndOfPartition
    );
}

/// As above, from the consumer's side: what it says on the control stream.
#[test]
fn a_consumer_that_breaks_the_protocol_loses_its_connection() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [one, other]: [Node; 2] = nodes(&options(), &Clock::system());
    let subscribe = |credit: u32| {
        let mut bytes = vec![1, 0, 0, 0, 0];
        bytes.extend_from_slice(&[0; 32]);
        bytes.extend_from_slice(&credit.to_le_bytes());
        bytes
    };
    let mut grant = vec![2, 0, 0, 0, 0];
    grant.extend_from_slice(&u32::MAX.to_le_bytes());
    for (bytes, expected) in [
        (vec![7], "no control message begins with the byte 7"),
        (subscribe(0), "with a credit of 0"),
        (subscribe(u32::MAX), "with a credit of 4294967295"),
        (
            [subscribe(2), subscribe(2)].concat(),
            "two channels are called 0",
        ),
        ([subscribe(2), grant].concat(), "leaves a credit above"),
    ] {
        let mut zero = channel(0, 0);
        zero.job.0 = 0;
        let (offered, _sender) = gate(1, 4, Signal::new());
        drop(one.plane.offer(zero, offered));
        let closed = runtime.block_on(async {
            let connection = other.dial(&one.address).await;
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            connection.closed().await.to_string()
        });
        assert!(closed.contains(expected), "{closed}");
        one.plane.release(zero.job, 0);
    }
}
