//! Hostile guests fail alone: each ends as its job's own clear failure, in time, without output.
//!
//! The guests are `guest-examples/evil/*`; the limits that end them are the defaults.

use std::time::Duration;

use crate::harness::{Ended, Wasmill, assert_nothing_written, bundle};

/// The longest that a hostile guest may run: the deadline of a call, ten seconds, and the time that a busy
/// machine takes to start and to clean up.
const IN_TIME: Duration = Duration::from_secs(60);

/// How soon a job must be gone after Ctrl-C.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Signals that are closer than this are one to the program.
const NEXT_SIGNAL: Duration = Duration::from_millis(400);

/// A hostile guest, and how it must end.
struct Case {
    guest: &'static str,
    args: &'static [&'static str],
    code: i32,
    /// What the message must hold.
    told: &'static [&'static str],
}

/// Runs a guest and checks its end.
fn check(case: &Case) -> Ended {
    check_with(&[], case)
}

/// As [`check`], with more flags for the program.
fn check_with(flags: &[&str], case: &Case) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out");
    let args = ["--output", output.to_str().unwrap()];
    let args = args.iter().chain(case.args);
    let flags = [&["--parallelism", "2"], flags].concat();
    let ended = Wasmill::run_local(&bundle(case.guest), &flags, args).end();
    let ended = ended.with_code(case.code);
    ended.error_with(case.told);
    assert!(ended.took < IN_TIME, "{} took {:?}", case.guest, ended.took);
    assert_nothing_written(&output);
    if case.code == 1 {
        let summary = ended.summary();
        assert_eq!(summary["state"], "FAILED", "{}", case.guest);
        assert!(
            summary["error"].as_str().unwrap().contains(case.told[0]),
            "{summary}"
        );
    }
    ended
}

#[test]
fn a_guest_that_spins_meets_the_deadline_of_the_call() {
    check(&Case {
        guest: "evil/spin",
        args: &[],
        code: 1,
        told: &["wasm.call-deadline", "task `", "spin"],
    });
}

#[test]
fn a_guest_that_spins_while_it_is_opened_meets_the_deadline_too() {
    check(&Case {
        guest: "evil/spin",
        args: &["--in", "open"],
        code: 1,
        told: &["wasm.call-deadline", "task `"],
    });
}

#[test]
fn a_guest_that_spins_in_describe_never_becomes_a_job() {
    check(&Case {
        guest: "evil/spin",
        args: &["--in", "describe"],
        code: 2,
        told: &["wasm.describe-deadline", "spin.wasm"],
    });
}

#[test]
fn a_guest_that_hoards_memory_meets_its_limit() {
    check(&Case {
        guest: "evil/hoard",
        args: &[],
        code: 1,
        told: &["wasm.memory", "task `"],
    });
}

#[test]
fn the_limits_of_the_sandbox_are_flags() {
    let flags = ["--max-memory", "8MiB"];
    let hoard = Case {
        guest: "evil/hoard",
        args: &[],
        code: 1,
        told: &["wasm.memory", "8388608 are allowed", "`--max-memory`"],
    };
    check_with(&flags, &hoard);
    let flags = ["--call-timeout", "200ms"];
    let spin = Case {
        guest: "evil/spin",
        args: &[],
        code: 1,
        told: &[
            "wasm.call-deadline",
            "200ms are allowed",
            "`--call-timeout`",
        ],
    };
    let ended = check_with(&flags, &spin);
    // Far less than the ten seconds that a call has without the flag.
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
}

#[test]
fn a_guest_that_recurses_for_ever_meets_the_end_of_its_stack() {
    check(&Case {
        guest: "evil/recurse",
        args: &[],
        code: 1,
        told: &["wasm.stack", "task `"],
    });
}

#[test]
fn a_guest_that_emits_for_ever_meets_its_limit() {
    check(&Case {
        guest: "evil/emit-forever",
        args: &[],
        code: 1,
        told: &["wasm.emitted", "task `"],
    });
}

#[test]
fn a_record_that_is_too_large_is_refused_by_the_sdk_and_by_the_host() {
    check(&Case {
        guest: "evil/giant-record",
        args: &[],
        code: 1,
        told: &["2097152 bytes", "1048576", "task `"],
    });
    check(&Case {
        guest: "evil/giant-record",
        args: &["--past-the-sdk"],
        code: 1,
        told: &["wasm.record", "2097152", "task `"],
    });
    check(&Case {
        guest: "evil/giant-record",
        args: &["--past-the-sdk", "--bytes", "20000000"],
        code: 1,
        told: &["wasm.batch", "task `"],
    });
}

#[test]
fn a_guest_that_traps_says_where() {
    for (args, stage) in [
        (&["--in", "open"] as &[&str], "open"),
        (&[], "process"),
        (&["--in", "end"], "end"),
    ] {
        let ended = check(&Case {
            guest: "evil/trap",
            args,
            code: 1,
            told: &["`: the job's code panicked at ", "task `"],
        });
        ended.error_with(&[&format!("this guest breaks in `{stage}`"), "break_down"]);
    }
    check(&Case {
        guest: "evil/trap",
        args: &["--in", "describe"],
        code: 2,
        told: &["this guest breaks in `describe`", "trap.wasm"],
    });
}

#[test]
fn a_flood_of_log_lines_is_dammed() {
    /// What two guests may log in a second, with the dress of each line.
    const RATE: u64 = 50 << 10;
    // They may save ten seconds' worth up.
    let most = |ended: &Ended| usize::try_from((11 + ended.took.as_secs()) * RATE).unwrap();
    let endless = check(&Case {
        guest: "evil/log-flood",
        args: &[],
        code: 1,
        told: &["wasm.call-deadline", "task `"],
    });
    assert!(
        endless.stderr.contains("flood flood"),
        "nothing of the log is shown"
    );
    assert!(
        endless.stderr.len() < most(&endless),
        "{} bytes of log",
        endless.stderr.len()
    );

    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out");
    let args = ["--output", output.to_str().unwrap(), "--lines", "1000"];
    let some = Wasmill::run_local(&bundle("evil/log-flood"), &[], args)
        .end()
        .with_code(0);
    assert!(
        some.stderr.len() < most(&some),
        "{} bytes of log",
        some.stderr.len()
    );
    assert_eq!(some.summary()["records_in"], 10);
}

#[test]
fn control_c_ends_a_guest_that_spins() {
    for signal in ["INT", "TERM"] {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out");
        let args = ["--output", output.to_str().unwrap()];
        let running = Wasmill::run_local(&bundle("evil/spin"), &[], args).start();
        let ended = running
            .until("spinning from here on")
            .signalled(signal)
            .with_code(130);
        assert!(ended.took < AT_ONCE, "{signal} took {:?}", ended.took);
        assert_eq!(ended.summary()["state"], "CANCELED");
        assert_nothing_written(&output);
    }
}

#[test]
fn a_second_control_c_ends_the_process_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out");
    let args = ["--output", output.to_str().unwrap()];
    let running = Wasmill::run_local(&bundle("evil/log-flood"), &[], args).start();
    // From here on nobody reads the log, so the job hangs in the middle of a line and cannot stop.
    let running = running.until("flood flood").wait(NEXT_SIGNAL);
    let running = running.signal("INT").wait(NEXT_SIGNAL);
    let ended = running.signal("INT").gone().with_code(130);
    assert!(ended.took < AT_ONCE, "it took {:?}", ended.took);
    assert_eq!(ended.stdout, "");
}
