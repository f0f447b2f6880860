//! Names, results and panics of threads.

use super::*;

fn check(name: &str, work: fn() -> u32, expected: Result<u32, &str>) {
    let outcome = spawn(ThreadKind::Task, name, work).unwrap().join();
    assert_eq!(
        outcome.map_err(|panicked| panicked.to_string()),
        expected.map_err(str::to_owned)
    );
}

#[test]
fn results_and_panics_come_back_as_values() {
    check("sum", || 3, Ok(3));
    check(
        "sum-1",
        || panic!("no digits"),
        Err("thread `task sum-1` panicked: no digits"),
    );
    check(
        "sum-2",
        || panic!("bad digit {}", 'x'),
        Err("thread `task sum-2` panicked: bad digit x"),
    );
    check(
        "sum-3",
        || std::panic::panic_any(7_u32),
        Err("thread `task sum-3` panicked: a panic without a text"),
    );
}

#[test]
fn a_name_from_outside_cannot_break_the_start() {
    let name = || std::thread::current().name().map(str::to_owned);
    for (given, expected) in [
        ("count (1/2)", "progress count (1/2)"),
        ("a\0b\n", "progress a?b?"),
        ("", "progress "),
    ] {
        let worker = spawn(ThreadKind::Progress, given, name).unwrap();
        assert_eq!(worker.join().unwrap().as_deref(), Some(expected));
    }
}

#[test]
fn every_kind_says_what_its_panic_does() {
    for (kind, name, on_panic) in [
        (ThreadKind::Task, "task", OnPanic::FailsJob),
        (ThreadKind::Errand, "errand", OnPanic::FailsWork),
        (ThreadKind::EpochTicker, "epoch", OnPanic::Aborts),
        (ThreadKind::Progress, "progress", OnPanic::Logged),
    ] {
        assert_eq!((kind.name(), kind.on_panic()), (name, on_panic));
    }
}

#[test]
fn a_failed_start_says_what_to_do() {
    let error = SpawnError {
        thread: "task sum".to_owned(),
        source: io::Error::from(io::ErrorKind::WouldBlock),
    };
    assert_eq!(
        error.to_string(),
        "start thread `task sum`; lower the parallelism or raise the limit of threads (`ulimit -u`)"
    );
}

#[test]
fn a_thread_gives_way_alone() {
    let niceness = || rustix::process::getpriority_process(None).unwrap();
    let before = niceness();
    let nicer = spawn(ThreadKind::Task, "nice", move || {
        give_way(0).unwrap();
        let unchanged = niceness();
        give_way(19).unwrap();
        (unchanged, niceness())
    });
    let expected = if cfg!(target_os = "linux") {
        19
    } else {
        before
    };
    assert_eq!(nicer.unwrap().join().unwrap(), (before, expected));
    assert_eq!(niceness(), before);
}
