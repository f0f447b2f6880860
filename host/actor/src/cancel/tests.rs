//! When callbacks run: once, in order, and not after their guard is gone.

use std::sync::atomic::AtomicU32;
use std::thread;

use super::*;

/// Registers a callback that writes `name` into `log`.
fn register(token: &CancelToken, log: &Arc<Mutex<String>>, name: char) -> CancelGuard {
    let log = Arc::clone(log);
    token.on_cancel(move || log.lock().unwrap().push(name))
}

#[test]
fn callbacks_run_once_in_order_and_at_once_when_already_cancelled() {
    let token = CancelToken::new();
    let log = Arc::default();
    let _a = register(&token, &log, 'a');
    let b = register(&token, &log, 'b');
    let _c = register(&token, &log, 'c');
    drop(b);
    assert!(!token.is_cancelled());
    let clone = token.clone();
    clone.cancel();
    assert!(token.is_cancelled() && clone.is_cancelled());
    token.cancel();
    let _d = register(&token, &log, 'd');
    assert_eq!(*log.lock().unwrap(), "acd");
}

#[test]
fn a_callback_may_register_and_drop_guards_of_the_same_token() {
    let token = CancelToken::new();
    let log: Arc<Mutex<String>> = Arc::default();
    let other = register(&token, &log, 'x');
    let (inner_token, inner_log) = (token.clone(), Arc::clone(&log));
    let _guard = token.on_cancel(move || {
        drop(other);
        drop(register(&inner_token, &inner_log, 'y'));
    });
    token.cancel();
    assert_eq!(*log.lock().unwrap(), "xy");
}

#[test]
fn registrations_that_race_with_the_cancellation_run_exactly_once() {
    for _ in 0..500 {
        let token = CancelToken::new();
        let runs = Arc::new(AtomicU32::new(0));
        thread::scope(|scope| {
            let guards: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let runs = Arc::clone(&runs);
                        token.on_cancel(move || {
                            runs.fetch_add(1, Ordering::Relaxed);
                        })
                    })
                })
                .collect();
            scope.spawn(|| token.cancel());
            let guards: Vec<_> = guards.into_iter().map(|g| g.join().unwrap()).collect();
            token.cancel();
            guards
        });
        assert_eq!(runs.load(Ordering::Relaxed), 3);
    }
}
