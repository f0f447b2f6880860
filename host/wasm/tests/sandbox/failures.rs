//! How calls fail: the guest's own failures, traps and the host's failures stay apart.

use wasmill_types::batch::Batch;
use wasmill_types::failure::{GuestFailure, TaskFailure};
use wasmill_types::operator::Operator as _;

use crate::guest::Guest;
use crate::image::Image;
use crate::recorder::{Bench, Recorder, host_failure};

fn fail_with(bench: &Bench, guest: &Guest, host: Recorder) -> TaskFailure {
    let mut operator = bench.start_with(guest, host);
    operator.process(0, &Batch::default().view()).unwrap_err()
}

fn fail(guest: &Guest) -> TaskFailure {
    fail_with(&Bench::new(), guest, Recorder::default())
}

#[test]
fn the_guests_failures_come_out_as_it_returned_them() {
    let mut image = Image::at(2048);
    let [text, len] = image.text("no such column");
    let user = image.words(&[1, 0, text, len]);
    let bad_record = image.words(&[1, 1, 42, text, len]);
    let other = image.words(&[1, 2, text, len]);
    for (result, said) in [
        (user, "the job's code failed: no such column"),
        (bad_record, "bad record: no such column"),
        (other, "the bundle cannot go on: no such column"),
    ] {
        let guest = Guest::default()
            .data(image.base(), image.bytes())
            .process(format!("(i32.const {result})"));
        let failure = fail(&guest);
        assert!(matches!(failure, TaskFailure::Guest(_)), "{failure:?}");
        assert_eq!(failure.to_string(), said);
        if let TaskFailure::Guest(GuestFailure::BadRecord { index, .. }) = failure {
            assert_eq!(index, 42);
        }
    }
}

#[test]
fn a_failures_text_is_cut_and_cannot_move_the_cursor() {
    let mut bench = Bench::new();
    bench.limits.failure_bytes = 8;
    let mut image = Image::at(2048);
    let [text, len] = image.text("a\u{1b}[2Jb and much more");
    let user = image.words(&[1, 0, text, len]);
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .process(format!("(i32.const {user})"));
    let failure = fail_with(&bench, &guest, Recorder::default()).to_string();
    assert_eq!(
        failure,
        r"the job's code failed: a\u{1b}[2Jb a … (12 bytes more)"
    );
}

#[test]
fn a_trap_names_its_reason_and_the_guests_functions() {
    // Names as compilers make them: Rust's with a hash, and one that tries to forge a line.
    let guest = Guest::default()
        .extra(
            r#"(func $_ZN10word_count5parse17h0123456789abcdefE unreachable)
               (func $"evil\nname" (call $_ZN10word_count5parse17h0123456789abcdefE))"#,
        )
        .process(r#"(call $"evil\nname") (call $ok)"#);
    let TaskFailure::Trap { reason, backtrace } = fail(&guest) else {
        panic!("not a trap");
    };
    assert_eq!(
        reason,
        "the bundle's code trapped: wasm `unreachable` instruction executed"
    );
    assert_eq!(backtrace[..2], ["word_count::parse", r"evil\nname"]);
    assert_eq!(backtrace.len(), 3, "{backtrace:?}");
}

#[test]
fn every_kind_of_broken_code_is_a_trap() {
    for (body, reason) in [
        (
            "(drop (i32.load (i32.const -4)))",
            "out of bounds memory access",
        ),
        (
            "(drop (i32.div_s (i32.const 1) (local.get $input)))",
            "integer divide by zero",
        ),
        (
            "(drop (i32.trunc_f64_s (f64.const nan)))",
            "invalid conversion to integer",
        ),
        (
            "(call_indirect $table (i32.const 0))",
            "uninitialized element",
        ),
    ] {
        let guest = Guest::default()
            .extra("(table $table 1 funcref)")
            .process(format!("{body} (call $ok)"));
        let failure = fail(&guest);
        let TaskFailure::Trap { reason: found, .. } = failure else {
            panic!("{failure:?}");
        };
        assert_eq!(found, format!("the bundle's code trapped: {reason}"));
    }
}

#[test]
fn a_trap_quotes_the_last_error_that_the_guest_logged_in_the_same_call() {
    let mut image = Image::at(2048);
    let [at, len] = image.text("panicked at src/lib.rs:3:5:\nboom");
    let panic = format!("(call $log (i32.const 0) (i32.const {at}) (i32.const {len}))");
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .function("operator#end-of-input", format!("{panic} (call $ok)"))
        .process(
            "(if (local.get $input) (then unreachable)) ".to_owned() + &panic + "(unreachable)",
        );
    let bench = Bench::new();
    let failure = fail_with(&bench, &guest, Recorder::default());
    let TaskFailure::Trap { reason, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(reason, "the job's code panicked at src/lib.rs:3:5: boom");
    let mut operator = bench.start(&guest);
    operator.end_of_input(0).unwrap();
    let later = operator
        .process(1, &Batch::default().view())
        .unwrap_err()
        .to_string();
    assert!(!later.contains("panicked"), "{later}");
}

#[test]
fn only_a_panic_of_the_guest_explains_its_trap() {
    for (said, trap, reason) in [
        (
            "panicked at src/lib.rs:3:5:\nboom",
            "(unreachable)",
            "the job's code panicked at src/lib.rs:3:5: boom",
        ),
        (
            "panicked at src/lib.rs:3:5:\n",
            "(unreachable)",
            "the job's code panicked at src/lib.rs:3:5: ",
        ),
        (
            "panicked at somewhere",
            "(unreachable)",
            "the job's code panicked at somewhere",
        ),
        (
            "out of paper",
            "(unreachable)",
            "the bundle's code trapped: wasm `unreachable` instruction executed; the last error it \
             logged: out of paper",
        ),
        (
            "panicked at a:1:1:\nb",
            "(drop (i32.div_s (i32.const 1) (local.get $input)))",
            "the bundle's code trapped: integer divide by zero; the last error it logged: \
             panicked at a:1:1:\nb",
        ),
    ] {
        let mut image = Image::at(2048);
        let [at, len] = image.text(said);
        let log = format!("(call $log (i32.const 0) (i32.const {at}) (i32.const {len}))");
        let guest = Guest::default()
            .data(image.base(), image.bytes())
            .process(format!("{log} {trap} (call $ok)"));
        let failure = fail(&guest);
        let TaskFailure::Trap { reason: found, .. } = failure else {
            panic!("{failure:?}");
        };
        assert_eq!(found, reason);
    }
}

#[test]
fn a_backtrace_starts_where_the_guest_panicked() {
    let guest = Guest::default()
        .extra(
            r#"(func $abort unreachable)
               (func $__rustc::rust_begin_unwind (call $abort))
               (func $core::panicking::panic_fmt (call $__rustc::rust_begin_unwind))
               (func $core::result::unwrap_failed (call $core::panicking::panic_fmt))
               (func $word_count::abort (call $core::result::unwrap_failed))
               (func $core::panicking::again (call $word_count::abort))"#,
        )
        .process("(call $core::panicking::again) (call $ok)");
    let TaskFailure::Trap { backtrace, .. } = fail(&guest) else {
        panic!("not a trap");
    };
    assert_eq!(
        backtrace[..2],
        ["word_count::abort", "core::panicking::again"]
    );
}

#[test]
fn a_failure_of_the_host_comes_out_as_it_was() {
    let guest = Guest::default().process(
        "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
         (call $ok)",
    );
    let bench = Bench::new();
    for (failure, kind) in [
        (
            host_failure(),
            "Host(HostError { message: \"the consumers are gone\" })",
        ),
        (TaskFailure::Cancelled, "Cancelled"),
        (
            TaskFailure::Contract("no output 0".to_owned()),
            "Contract(\"no output 0\")",
        ),
    ] {
        let host = Recorder {
            on_emit: Some(Box::new(move || Err(failure.clone()))),
            ..Recorder::default()
        };
        assert_eq!(format!("{:?}", fail_with(&bench, &guest, host)), kind);
    }
}

#[test]
fn results_that_break_the_contract_are_no_traps() {
    let mut image = Image::at(2048);
    let no_case = image.words(&[1, 7, 0, 0]);
    let outside = image.words(&[1, 0, 0xffff_fff0, 100]);
    let no_text = image.put(4, &[0xff; 4]);
    let binary = image.words(&[1, 0, no_text, 4]);
    for (name, body, said) in [
        (
            "no such failure",
            format!("(i32.const {no_case})"),
            "discriminant",
        ),
        (
            "a text outside the memory",
            format!("(i32.const {outside})"),
            "out of bounds",
        ),
        (
            "a text that is no text",
            format!("(i32.const {binary})"),
            "utf-8",
        ),
        (
            "a result outside the memory",
            "(i32.const -16)".to_owned(),
            "out of bounds",
        ),
        (
            "a result that is not aligned",
            "(i32.const 17)".to_owned(),
            "not aligned",
        ),
    ] {
        let guest = Guest::default()
            .data(image.base(), image.bytes())
            .process(body);
        let failure = fail(&guest);
        let TaskFailure::Contract(message) = failure else {
            panic!("{name}: {failure:?}");
        };
        assert!(message.contains(said), "{name}: {message}");
    }
}

#[test]
fn malformed_operator_state_is_refused() {
    let mut image = Image::at(2048);
    let ends = image.words(&[5]);
    let states = image.words(&[0, 0, ends, 1, ends, 4]);
    let result = image.words(&[0, states, 1]);
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .function("operator#snapshot", format!("(i32.const {result})"));
    let failure = Bench::new()
        .start(&guest)
        .snapshot(1)
        .unwrap_err()
        .to_string();
    assert!(failure.contains("the operator state of `snapshot`: record 0 ends at byte 5"));
}

#[test]
fn a_broken_allocator_breaks_the_contract() {
    // Its own allocator, for the one of the template cannot be replaced: it writes where it is told.
    let guest = Guest::default().process("(global.set $heap (i32.const -4096)) (i32.const 16)");
    let mut operator = Bench::new().start(&guest);
    let mut batch = Batch::default();
    batch.push(&[0; 100]);
    operator.process(0, &batch.view()).unwrap();
    let failure = operator.process(0, &batch.view()).unwrap_err();
    assert!(
        matches!(
            failure,
            TaskFailure::Trap { .. } | TaskFailure::Contract(_) | TaskFailure::Limit { .. }
        ),
        "{failure:?}"
    );
}
