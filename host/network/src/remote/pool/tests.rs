//! The pool's promises, with channels that are only signals.

use std::time::Duration;

use wasmill_actor::Woken;

use super::*;

fn pool(buffers: u64) -> BufferPool {
    BufferPool::new(ByteSize(buffers * BUFFER_BYTES as u64))
}

fn notified(signal: &Signal) -> bool {
    signal.wait(Some(Duration::ZERO)) == Woken::Notified
}

#[test]
fn a_channel_that_the_pool_cannot_serve_is_an_error_with_numbers() {
    let pool = pool(5);
    let first = pool.reserve(2, "channel a").unwrap();
    let second = pool.reserve(2, "channel b").unwrap();
    let refused = pool.reserve(2, "channel c").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "channel c needs 2 network buffers of 40 KiB, 1 of 5 are free; raise `network.memory`, of \
         which 200 KiB are for buffers, or lower the parallelism"
    );
    drop(first);
    assert_eq!((pool.total(), pool.in_use()), (5, 2));
    drop((pool.reserve(3, "channel c").unwrap(), second));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_gate_borrows_what_is_free_and_no_more_than_its_share() {
    for (buffers, wanted, expected) in [
        (100, [3, 3, 3, 3], [3, 3, 2, 0]),
        (100, [20, 1, 0, 0], [8, 0, 0, 0]),
        (5, [3, 3, 3, 0], [3, 2, 0, 0]),
    ] {
        let pool = pool(buffers);
        let mut channels: Vec<_> = (0..4).map(|_| pool.floating(7, Signal::new())).collect();
        let ask = |(channel, wanted): (&mut Floating, u32)| channel.borrow(wanted);
        let granted: Vec<_> = channels.iter_mut().zip(wanted).map(ask).collect();
        assert_eq!(granted, expected);
        assert_eq!(pool.in_use(), expected.iter().sum::<u32>());
        drop(channels);
        assert_eq!(pool.in_use(), 0);
        assert!(pool.lock().gates.is_empty());
        assert!(pool.lock().starved.is_empty());
    }
}

#[test]
fn those_who_wait_are_woken_in_turn() {
    let pool = pool(100);
    let signals: Vec<_> = (0..3).map(|_| Signal::new()).collect();
    let mut channels: Vec<_> = signals
        .iter()
        .map(|signal| pool.floating(7, signal.clone()))
        .collect();
    channels[0].borrow(8);
    assert!(!channels[0].others_wait());
    channels[1].borrow(1);
    channels[2].borrow(1);
    channels[2].borrow(1);
    assert!(channels[0].others_wait());
    assert!(!notified(&signals[1]));
    channels[0].give_back(1);
    assert!(notified(&signals[1]));
    assert_eq!(channels[1].borrow(1), 1);
    // A second buffer was free in the pool all the time; the gate's share was the limit.
    assert_eq!(channels[2].borrow(1), 0);
    channels.remove(0);
    assert!(notified(&signals[2]));
    assert_eq!(channels[1].borrow(5), 5);
}

#[test]
fn a_buffer_that_another_gate_gives_back_wakes_who_waits_for_the_pool() {
    let pool = pool(4);
    let (one, other) = (Signal::new(), Signal::new());
    let mut first = pool.floating(1, one);
    let mut second = pool.floating(2, other.clone());
    assert_eq!((first.borrow(4), second.borrow(2)), (4, 0));
    first.give_back(2);
    assert!(notified(&other));
    assert_eq!(second.borrow(2), 2);
    let exclusive = pool.reserve(1, "a channel").unwrap_err();
    assert_eq!(exclusive.available, 0);
}
