//! Channels as text: a word is a batch of one record, `W5` a watermark, `D` the end of data, `P` the end
//! of the partition; `0:a` is an element with its channel, `0:lost` a lost producer.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmill_actor::{CancelToken, Woken};

use super::*;
use crate::{SendError, TrySendError};

/// Long enough that a test which waits for it fails by its assertion, not by luck.
const LONG: Duration = Duration::from_secs(60);

fn element(text: &str) -> Element {
    match text {
        "D" => Element::EndOfData,
        "P" => Element::EndOfPartition,
        _ => match text.strip_prefix('W') {
            Some(time) => Element::Watermark(time.parse().unwrap()),
            None => batch(text),
        },
    }
}

fn batch(record: &str) -> Element {
    let mut batch = Batch::default();
    batch.push(record.as_bytes());
    Element::Batch(batch)
}

fn text(element: &Element) -> String {
    match element {
        Element::Batch(batch) => String::from_utf8(batch.data.clone()).unwrap(),
        Element::Watermark(time) => format!("W{time}"),
        Element::Barrier(barrier) => format!("B{}", barrier.checkpoint),
        Element::EndOfData => "D".to_owned(),
        Element::EndOfPartition => "P".to_owned(),
        Element::Status(status) => format!("{status:?}"),
    }
}

/// Takes everything that is there.
fn drain(gate: &mut Gate) -> String {
    let mut taken = Vec::new();
    loop {
        match gate.next() {
            Ok(None) => return taken.join(" "),
            Ok(Some((channel, element))) => taken.push(format!("{channel}:{}", text(&element))),
            Err(lost) => taken.push(format!("{}:lost", lost.channel)),
        }
    }
}

fn send_all(senders: &mut [Sender], elements: &str) {
    for sent in elements.split_whitespace() {
        let (channel, text) = sent.split_once(':').unwrap();
        let sender = &mut senders[channel.parse::<usize>().unwrap()];
        sender.try_send(element(text)).unwrap();
    }
}

fn notified(signal: &Signal) -> bool {
    signal.wait(Some(Duration::ZERO)) == Woken::Notified
}

#[test]
fn channels_keep_their_order_and_take_turns() {
    for (sent, expected) in [
        ("", ""),
        ("0:a 0:b 0:c", "0:a 0:b 0:c"),
        ("0:a 0:b 0:c 1:x", "0:a 1:x 0:b 0:c"),
        ("0:a 0:b 0:c 2:x 2:y 1:u", "0:a 2:x 1:u 0:b 2:y 0:c"),
        ("1:a 1:W5 1:b 1:D 1:P 0:D", "1:a 0:D 1:W5 1:b 1:D 1:P"),
    ] {
        let (mut gate, mut senders) = gate(3, 10, Signal::new());
        assert_eq!(gate.channels(), 3);
        send_all(&mut senders, sent);
        assert_eq!(drain(&mut gate), expected, "of {sent}");
    }
}

#[test]
fn a_busy_channel_does_not_starve_one_that_has_little() {
    let (mut gate, mut senders) = gate(2, 4, Signal::new());
    send_all(&mut senders, "0:a 0:a 0:a 0:a");
    let mut order = String::new();
    for round in 0..20 {
        if round % 5 == 2 {
            send_all(&mut senders, "1:x");
        }
        let (channel, _) = gate.next().unwrap().unwrap();
        order.push_str(&channel.to_string());
        if channel == 0 {
            send_all(&mut senders, "0:a");
        }
    }
    assert_eq!(order, "00010000100001000010");
}

#[test]
fn a_channel_holds_its_capacity_and_its_end() {
    let (mut gate, mut senders) = gate(1, 2, Signal::new());
    let sender = &mut senders[0];
    assert!(sender.has_room());
    sender.try_send(element("a")).unwrap();
    sender.try_send(element("W1")).unwrap();
    assert!(!sender.has_room());
    for refused in ["b", "W2", "D"] {
        let full = sender.try_send(element(refused)).unwrap_err();
        assert_eq!(full, TrySendError::Full(element(refused)));
    }
    sender.try_send(element("P")).unwrap();
    assert_eq!(drain(&mut gate), "0:a 0:W1 0:P");
}

#[test]
fn a_producer_that_goes_is_lost_unless_it_has_ended() {
    for (sent, expected) in [
        ("0:a 0:b", "0:a 0:b 0:lost"),
        ("", "0:lost"),
        ("0:a 0:D", "0:a 0:D 0:lost"),
        ("0:a 0:D 0:P", "0:a 0:D 0:P"),
        ("0:P", "0:P"),
    ] {
        let (mut gate, mut senders) = gate(1, 10, Signal::new());
        send_all(&mut senders, sent);
        drop(senders);
        assert_eq!(drain(&mut gate), expected, "of {sent}");
        assert_eq!(drain(&mut gate), "");
    }
}

#[test]
fn the_signal_tells_what_comes_after_nothing_was_there() {
    let signal = Signal::new();
    let (mut gate, mut senders) = gate(2, 10, signal.clone());
    for (sent, expected) in [
        ("", false),
        ("0:a 0:b 1:x", true),
        ("1:y", true),
        ("0:P", true),
    ] {
        send_all(&mut senders, sent);
        assert_eq!(notified(&signal), expected, "after {sent}");
        drain(&mut gate);
    }
    drop(senders);
    assert!(notified(&signal));
    assert_eq!(drain(&mut gate), "1:lost");
}

#[test]
fn a_paused_channel_waits_and_loses_nothing() {
    let signal = Signal::new();
    let (mut gate, mut senders) = gate(2, 10, signal.clone());
    send_all(&mut senders, "0:a 1:x 0:b");
    gate.pause(0);
    assert_eq!(drain(&mut gate), "1:x");
    assert!(notified(&signal));
    send_all(&mut senders, "0:c");
    assert!(!notified(&signal), "there is nothing to take");
    drop(senders);
    assert_eq!(drain(&mut gate), "1:lost");
    gate.resume(0);
    gate.resume(0);
    assert_eq!(drain(&mut gate), "0:a 0:b 0:c 0:lost");
    gate.pause(0);
    gate.resume(0);
    assert_eq!(drain(&mut gate), "");
}

#[test]
fn a_wish_for_room_is_met_once_when_half_is_free_or_the_consumer_goes() {
    let room = Signal::new();
    let (mut gate, mut senders) = gate(1, 4, Signal::new());
    senders[0].notify_when_room(&room);
    assert!(notified(&room), "there was room already");
    send_all(&mut senders, "0:a 0:b 0:c 0:d");
    senders[0].notify_when_room(&room);
    for (left, expected) in [(3, false), (2, true), (1, false), (0, false)] {
        gate.next().unwrap().unwrap();
        assert_eq!(notified(&room), expected, "with {left} elements left");
    }
    send_all(&mut senders, "0:a 0:b 0:c 0:d");
    senders[0].notify_when_room(&room);
    assert!(!notified(&room));
    drop(gate);
    assert!(notified(&room));
    assert!(senders[0].has_room(), "a send would fail and not block");
    senders[0].notify_when_room(&room);
    assert!(notified(&room));
}

#[test]
fn a_blocked_sender_goes_on_when_there_is_room() {
    let (mut gate, mut senders) = gate(1, 1, Signal::new());
    let mut sender = senders.remove(0);
    let (sent, progress) = mpsc::sync_channel(10);
    thread::scope(|scope| {
        scope.spawn(move || {
            for text in ["a", "b", "c", "P"] {
                sender.send(element(text), &CancelToken::new()).unwrap();
                sent.send(text).unwrap();
            }
        });
        for text in ["a", "b", "c"] {
            assert_eq!(progress.recv_timeout(LONG).unwrap(), text);
            let (_, taken) = gate.next().unwrap().unwrap();
            assert_eq!(taken, element(text));
        }
        assert_eq!(progress.recv_timeout(LONG).unwrap(), "P");
    });
    assert_eq!(drain(&mut gate), "0:P");
}

#[test]
fn a_blocked_sender_stops_when_it_is_cancelled_or_the_consumer_goes() {
    for (cancels, expected) in [
        (true, SendError::Cancelled),
        (false, SendError::ReceiverGone { reason: None }),
    ] {
        for _ in 0..200 {
            let (gate, mut senders) = gate(1, 1, Signal::new());
            let cancel = CancelToken::new();
            let mut sender = senders.remove(0);
            sender.send(element("a"), &cancel).unwrap();
            let blocked = thread::scope(|scope| {
                let blocked = scope.spawn(|| sender.send(element("b"), &cancel));
                if cancels {
                    cancel.cancel();
                } else {
                    drop(gate);
                }
                blocked.join().unwrap()
            });
            assert_eq!(blocked, Err(expected.clone()));
        }
    }
}

#[test]
fn sending_to_nobody_or_after_a_cancellation_fails_at_once() {
    let (gate, mut senders) = gate(1, 10, Signal::new());
    let cancel = CancelToken::new();
    cancel.cancel();
    assert_eq!(
        senders[0].send(element("a"), &cancel),
        Err(SendError::Cancelled)
    );
    drop(gate);
    let live = CancelToken::new();
    assert_eq!(
        senders[0].send(element("P"), &live),
        Err(SendError::ReceiverGone { reason: None })
    );
    let back = senders[0].try_send(element("a")).unwrap_err();
    let gone = TrySendError::ReceiverGone {
        element: element("a"),
        reason: None,
    };
    assert_eq!(back, gone);
}

#[test]
fn the_other_side_hears_why_an_end_went() {
    let why: Arc<str> = Arc::from("connection lost");
    for reason in [None, Some(why)] {
        let text = if reason.is_some() {
            ": connection lost"
        } else {
            ""
        };
        let (mut consumer, mut senders) = gate(1, 10, Signal::new());
        senders[0].try_send(element("a")).unwrap();
        let sender = senders.remove(0);
        match reason.clone() {
            Some(why) => sender.fail(why),
            None => drop(sender),
        }
        consumer.next().unwrap().unwrap();
        let lost = consumer.next().unwrap_err();
        assert_eq!(
            lost.to_string(),
            format!("the producer of input channel 0 is gone before its end{text}")
        );

        let (consumer, mut senders) = gate(1, 10, Signal::new());
        match reason {
            Some(why) => consumer.fail(why),
            None => drop(consumer),
        }
        let gone = senders[0].send(element("a"), &CancelToken::new());
        assert_eq!(
            gone.unwrap_err().to_string(),
            format!("the consumer is gone{text}")
        );
    }
}

#[test]
fn emptied_batches_go_back_to_the_producers_within_bounds() {
    let (mut gate, mut senders) = gate(2, 3, Signal::new());
    assert_eq!(senders[0].spare(), None);
    for _ in 0..10 {
        let mut used = Batch::with_capacity(1, 1_000);
        used.push(b"record");
        gate.recycle(used);
    }
    gate.recycle(Batch::with_capacity(1, 1 << 20));
    let spares: Vec<Batch> = std::iter::from_fn(|| senders[1].spare()).collect();
    assert_eq!(spares.len(), 3 + 2);
    assert!(
        spares
            .iter()
            .all(|b| b.is_empty() && b.data.capacity() >= 1_000)
    );
    gate.recycle(Batch::with_capacity(1, 1 << 20));
    assert_eq!(senders[0].spare(), None, "a giant batch is not kept");
}

#[test]
fn many_producers_and_one_consumer_lose_and_disorder_nothing() {
    const PRODUCERS: usize = 4;
    const ELEMENTS: i64 = 20_000;
    for capacity in [1, 2, 10] {
        let signal = Signal::new();
        let (mut gate, senders) = gate(PRODUCERS, capacity, signal.clone());
        thread::scope(|scope| {
            for (number, mut sender) in senders.into_iter().enumerate() {
                scope.spawn(move || produce(&mut sender, ELEMENTS, number % 2 == 0));
            }
            let mut next = [0; PRODUCERS];
            let mut ended = 0;
            while ended < PRODUCERS {
                match gate.next().unwrap() {
                    None => assert_eq!(signal.wait(Some(LONG)), Woken::Notified),
                    Some((channel, Element::Watermark(time))) => {
                        assert_eq!(time, next[channel], "of channel {channel}");
                        next[channel] += 1;
                    }
                    Some((channel, _)) => {
                        assert_eq!(next[channel], ELEMENTS);
                        ended += 1;
                    }
                }
            }
        });
        assert_eq!(drain(&mut gate), "");
    }
}

/// Sends watermarks 0, 1, … and ends; waits for room by itself or lets `send` block.
fn produce(sender: &mut Sender, elements: i64, waits_itself: bool) {
    let (cancel, room) = (CancelToken::new(), Signal::new());
    for time in 0..elements {
        while waits_itself && !sender.has_room() {
            sender.notify_when_room(&room);
            assert_eq!(room.wait(Some(LONG)), Woken::Notified);
        }
        sender.send(Element::Watermark(time), &cancel).unwrap();
    }
    sender.send(Element::EndOfPartition, &cancel).unwrap();
}

#[test]
fn spares_and_what_is_queued_never_exceed_the_queues() {
    let (mut gate, mut senders) = gate(1, 3, Signal::new());
    let full = || Batch::with_capacity(1, 100);
    for queued in 0..=3 {
        (0..5).for_each(|_| gate.recycle(full()));
        let spares = std::iter::from_fn(|| senders[0].spare()).count();
        assert_eq!(spares, 3 - queued);
        let put = senders[0].try_send(Element::Batch(full()));
        assert_eq!(put.is_ok(), queued < 3);
    }
    assert!(gate.next().unwrap().is_some());
    gate.recycle(full());
    assert!(senders[0].spare().is_some());
}
