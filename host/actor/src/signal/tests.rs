//! Wake-ups under contention: none is lost, none is invented.

use std::sync::atomic::AtomicU64;
use std::thread;

use super::*;

/// Long enough that a test which waits for it fails by its assertion, not by luck.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_notification_before_the_wait_makes_it_return_at_once_and_only_once() {
    let signal = Signal::new();
    signal.notify();
    signal.notify();
    for expected in [Woken::Notified, Woken::TimedOut] {
        assert_eq!(signal.wait(Some(Duration::ZERO)), expected);
    }
}

#[test]
fn a_wait_without_notification_ends_with_its_timeout() {
    let signal = Signal::new();
    assert_eq!(signal.wait(Some(Duration::from_millis(1))), Woken::TimedOut);
    signal.notify();
    assert_eq!(signal.wait(Some(LONG)), Woken::Notified);
}

#[test]
fn clones_are_the_same_wake_up() {
    let signal = Signal::new();
    let clone = signal.clone();
    clone.notify();
    assert_eq!(signal.wait(None), Woken::Notified);
    assert!(signal.is_same(&clone));
    assert!(!signal.is_same(&Signal::new()));
}

#[test]
fn two_threads_hand_a_turn_back_and_forth_thousands_of_times() {
    const ROUNDS: u64 = 20_000;
    let (ping, pong) = (Signal::new(), Signal::new());
    let turn = AtomicU64::new(0);
    let play = |mine: &Signal, theirs: &Signal, parity: u64| {
        for round in (parity..ROUNDS).step_by(2) {
            while turn.load(Ordering::Relaxed) != round {
                assert_eq!(mine.wait(Some(LONG)), Woken::Notified, "round {round}");
            }
            turn.store(round + 1, Ordering::Relaxed);
            theirs.notify();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| play(&ping, &pong, 0));
        scope.spawn(|| play(&pong, &ping, 1));
    });
    assert_eq!(turn.into_inner(), ROUNDS);
}

#[test]
fn no_notification_of_many_threads_is_lost() {
    const NOTIFIERS: u64 = 6;
    const EACH: u64 = 20_000;
    let signal = Signal::new();
    let made = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..NOTIFIERS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    // Relaxed on purpose: the signal alone must make the count visible.
                    made.fetch_add(1, Ordering::Relaxed);
                    signal.notify();
                }
            });
        }
        let mut wakes = 0;
        while made.load(Ordering::Relaxed) < NOTIFIERS * EACH {
            assert_eq!(signal.wait(Some(LONG)), Woken::Notified);
            wakes += 1;
        }
        assert!(wakes <= NOTIFIERS * EACH, "{wakes} wake-ups were invented");
    });
}

#[test]
fn a_timed_wait_that_races_with_a_notification_keeps_it() {
    let signal = Signal::new();
    let made = AtomicU64::new(0);
    const ROUNDS: u64 = 5_000;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                made.fetch_add(1, Ordering::Relaxed);
                signal.notify();
                thread::yield_now();
            }
        });
        let mut seen = 0;
        while seen < ROUNDS {
            // The last notification must end either a short wait or the long one that follows.
            signal.wait(Some(Duration::from_nanos(seen % 2_000)));
            let now = made.load(Ordering::Relaxed);
            if now == seen && now < ROUNDS {
                assert_eq!(signal.wait(Some(LONG)), Woken::Notified, "after {seen}");
            }
            seen = made.load(Ordering::Relaxed);
        }
    });
}

#[test]
fn a_wait_for_a_manual_clock_ends_when_the_clock_is_moved() {
    let clock = Clock::manual(0);
    let signal = Signal::new();
    let deadline = Duration::from_millis(10);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10 {
                clock.advance(Duration::from_millis(1));
            }
        });
        while clock.monotonic() < deadline {
            signal.wait_until(&clock, deadline);
        }
    });
    signal.wait(Some(Duration::ZERO));
    assert_eq!(signal.wait_until(&clock, deadline), Woken::TimedOut);
}

#[test]
fn a_wait_for_the_machines_clock_ends_at_the_deadline() {
    let clock = Clock::system();
    let deadline = clock.monotonic() + Duration::from_millis(2);
    assert_eq!(Signal::new().wait_until(&clock, deadline), Woken::TimedOut);
    assert!(clock.monotonic() >= deadline);
}

#[test]
fn a_future_gets_each_notification_once_from_any_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let (there, back) = (Signal::new(), Signal::new());
        let (heard, answer) = (there.clone(), back.clone());
        let echo = thread::Builder::new().spawn(move || {
            for _ in 0..1_000 {
                heard.wait(None);
                answer.notify();
            }
        });
        for _ in 0..1_000 {
            there.notify();
            back.notified().await;
        }
        echo.unwrap().join().unwrap();
        back.notify();
        back.notify();
        back.notified().await;
        let more = tokio::select! {
            biased;
            () = back.notified() => true,
            () = tokio::task::yield_now() => false,
        };
        assert!(!more, "two notifications became one");
    });
}
