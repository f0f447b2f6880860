//! Guests that do not return, and guests that only wait.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Signal};
use wasmill_types::batch::Batch;
use wasmill_types::failure::TaskFailure;
use wasmill_types::operator::Operator as _;

use crate::guest::Guest;
use crate::recorder::{Bench, Recorder};

const SPIN: &str = "(loop $again (br $again)) (call $ok)";

/// Emits nothing, for ever.
const EMIT_FOR_EVER: &str = "
  (loop $again
    (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0))
    (br $again))
  (call $ok)";

fn process(bench: &Bench, body: &str, host: Recorder) -> TaskFailure {
    let mut operator = bench.start_with(&Guest::default().process(body), host);
    operator.process(0, &Batch::default().view()).unwrap_err()
}

/// Cancels after a moment; the test's own time limit is that of a hung test.
fn cancel_soon(cancel: &CancelToken) -> wasmill_actor::Worker<()> {
    let cancel = cancel.clone();
    let work = move || {
        Signal::new().wait(Some(Duration::from_millis(20)));
        cancel.cancel();
    };
    wasmill_actor::threads::spawn(wasmill_actor::ThreadKind::Task, "canceller", work).unwrap()
}

#[test]
fn a_guest_that_spins_can_be_cancelled() {
    let bench = Bench::new();
    let mut operator = bench.start(&Guest::default().process(SPIN));
    let canceller = cancel_soon(&bench.cancel);
    let failure = operator.process(0, &Batch::default().view()).unwrap_err();
    assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
    canceller.join().unwrap();
}

#[test]
fn a_guest_that_was_cancelled_before_does_not_spin() {
    let bench = Bench::new();
    let bundle = bench.load(&Guest::default().process(SPIN));
    bench.cancel.cancel();
    // A tick while the instance starts notices it already; on a busy machine there is one.
    let failure = bundle
        .instantiate(Recorder::default(), &bench.limits, bench.cancel.clone())
        .and_then(|mut operator| operator.process(0, &Batch::default().view()))
        .unwrap_err();
    assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
}

#[test]
fn a_guest_that_spins_ends_at_its_deadline() {
    let mut bench = Bench::new();
    bench.limits.call_deadline = Duration::from_millis(30);
    let clock = Clock::system();
    let failure = process(&bench, SPIN, Recorder::default());
    assert!(clock.monotonic() >= Duration::from_millis(30));
    let failure = failure.to_string();
    let expected = "the bundle exceeded the limit `wasm.call-deadline`: one call ran for ";
    assert!(failure.starts_with(expected), "{failure}");
    assert!(failure.ends_with(", 30ms are allowed"), "{failure}");
}

#[test]
fn a_guest_that_spins_ends_even_when_it_is_all_that_is_left_of_its_engine() {
    let mut bench = Bench::new();
    bench.limits.call_deadline = Duration::from_millis(30);
    let mut operator = bench.start(&Guest::default().process(SPIN));
    drop(bench);
    let failure = operator.process(0, &Batch::default().view()).unwrap_err();
    assert!(
        failure.to_string().contains("`wasm.call-deadline`"),
        "{failure}"
    );
}

#[test]
fn a_start_function_that_spins_ends_at_its_deadline() {
    let mut bench = Bench::new();
    bench.limits.call_deadline = Duration::from_millis(30);
    let guest = Guest::default().extra("(func $start (loop $again (br $again))) (start $start)");
    let bundle = bench.load(&guest);
    let started = bundle.instantiate(Recorder::default(), &bench.limits, bench.cancel.clone());
    let failure = started.map(drop).unwrap_err().to_string();
    assert!(failure.contains("`wasm.call-deadline`"), "{failure}");
}

#[test]
fn waiting_for_consumers_is_not_the_guests_time() {
    // A clock that moves only while the guest waits: an hour per batch, and after three it stands still
    // and the test ends the call.
    let clock = Clock::manual(0);
    let bench = Bench::with_clock(clock.clone());
    let batches = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&batches);
    let host = Recorder {
        on_emit: Some(Box::new(move || {
            // Longer than a tick, so that the deadline is looked at after each.
            Signal::new().wait(Some(Duration::from_millis(5)));
            clock.advance(Duration::from_secs(3600));
            let mut batches = seen.lock().unwrap();
            *batches += 1;
            if *batches == 5 {
                Err(TaskFailure::Cancelled)
            } else {
                Ok(())
            }
        })),
        ..Recorder::default()
    };
    let failure = process(&bench, EMIT_FOR_EVER, host);
    assert!(matches!(failure, TaskFailure::Cancelled), "{failure:?}");
    assert_eq!(*batches.lock().unwrap(), 5);
}

#[test]
fn time_between_imports_is_the_guests() {
    let mut bench = Bench::new();
    bench.limits.call_deadline = Duration::from_millis(30);
    let host = Recorder {
        on_emit: Some(Box::new(|| Ok(()))),
        ..Recorder::default()
    };
    let failure = process(&bench, EMIT_FOR_EVER, host).to_string();
    assert!(failure.contains("`wasm.call-deadline`"), "{failure}");
}

#[test]
fn the_ticker_ends_with_its_engine() {
    let clock = Clock::system();
    drop(Bench::new());
    assert!(
        clock.monotonic() < Duration::from_secs(60),
        "dropping joins the ticker"
    );
}
