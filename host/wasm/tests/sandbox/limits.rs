//! Every limit of an instance, met by a guest that exceeds it.

use wasmill_actor::Clock;
use wasmill_types::batch::Batch;
use wasmill_types::operator::Operator as _;
use wasmill_wasm::Limits;

use crate::guest::Guest;
use crate::image::Image;
use crate::recorder::{Bench, Recorder};

/// Runs `process` under limits, and returns what was told and how it failed.
fn run(limits: Limits, host: Recorder, guest: &Guest) -> (Vec<String>, String) {
    let bench = Bench {
        limits,
        ..Bench::new()
    };
    let mut operator = bench.start_with(guest, host);
    let failure = operator.process(0, &Batch::default().view()).err();
    let failure = failure.map(|failure| failure.to_string());
    (
        std::mem::take(&mut operator.host().told),
        failure.unwrap_or_default(),
    )
}

/// Emits `records` records of zeros, with `bytes` bytes altogether.
fn emit(records: u32, bytes: u32) -> String {
    // The last record has all the bytes: the other ends are 0, as fresh memory is.
    let last = 131_072 + (records - 1) * 4;
    format!(
        "(drop (memory.grow (i32.const 256)))
         (i32.store (i32.const {last}) (i32.const {bytes}))
         (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 131072) (i32.const {records}) (i32.const 4194304) (i32.const {bytes}))"
    )
}

/// Runs a guest that does this, and expects it to exceed a limit.
fn exceeds(name: &str, limits: Limits, body: &str, said: &str) {
    let guest = Guest::default()
        .extra("(table $table 10 funcref)")
        .extra("(func $recurse (param i32) (call $recurse (local.get 0)) (drop (call $ok)))")
        .process(format!("{body} (call $ok)"));
    let (_, failure) = run(limits, Recorder::default(), &guest);
    assert!(failure.contains(said), "{name}: {failure}");
    assert!(
        failure.starts_with("the bundle exceeded the limit"),
        "{name}: {failure}"
    );
}

#[test]
fn a_guest_that_takes_too_much_ends_with_the_name_of_the_limit() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        table_elements: 100,
        ..Limits::default()
    };
    for (name, body, said) in [
        (
            "hoard",
            "(loop $again (br_if $again (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
             (unreachable)",
            "`wasm.memory`: it asked for 1114112 bytes of memory, 1048576 are allowed",
        ),
        (
            "recurse",
            "(call $recurse (i32.const 1))",
            "`wasm.stack`: the guest's calls nest too deeply",
        ),
        (
            "grow a table",
            "(drop (table.grow $table (ref.null func) (i32.const 1000))) (unreachable)",
            "`wasm.table-elements`: it asked for ",
        ),
    ] {
        exceeds(name, limits.clone(), body, said);
    }
}

#[test]
fn a_guest_that_hands_over_too_much_ends_with_the_name_of_the_limit() {
    let limits = Limits {
        batch_bytes: 2000,
        batch_records: 10,
        emitted_bytes: 1 << 20,
        transfer_bytes: 1 << 20,
        ..Limits::default()
    };
    for (name, body, said) in [
        (
            "a large batch",
            emit(1, 1997),
            "`wasm.batch`: a batch of 1 records with 2001 bytes was emitted, 2000 bytes are allowed",
        ),
        (
            "many records",
            emit(11, 1),
            "`wasm.batch-records`: a batch of 11 records was emitted, 10 are allowed",
        ),
        (
            "emit for ever",
            format!("(loop $again {} (br $again))", emit(1, 1000)),
            "`wasm.emitted`: one call emitted more than 1048576 bytes",
        ),
        (
            "a giant line",
            "(drop (memory.grow (i32.const 256)))
             (call $log (i32.const 0) (i32.const 0) (i32.const 1048577))"
                .to_owned(),
            "`wasm.transfer`: more than 1048576 bytes were handed to the host at once",
        ),
    ] {
        exceeds(name, limits.clone(), &body, said);
    }
}

#[test]
fn results_count_every_time_they_are_named() {
    // A thousand states that share one item of a kilobyte: small in the guest, a megabyte in the host.
    let mut image = Image::at(2048);
    let ends = image.words(&[1000]);
    let states = image.words(&[0, 0, ends, 1, ends, 1000].repeat(1000));
    let result = image.words(&[0, states, 1000]);
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .function("operator#snapshot", format!("(i32.const {result})"));
    let bench = Bench {
        limits: Limits {
            transfer_bytes: 100_000,
            ..Limits::default()
        },
        ..Bench::new()
    };
    let failure = bench.start(&guest).snapshot(1).unwrap_err().to_string();
    assert!(failure.contains("`wasm.transfer`"), "{failure}");
}

#[test]
fn a_guest_that_is_refused_memory_may_go_on() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let guest = Guest::default().process("(drop (memory.grow (i32.const 1000))) (call $ok)");
    assert_eq!(
        run(limits, Recorder::default(), &guest),
        (vec![], String::new())
    );
}

#[test]
fn an_instance_that_begins_too_large_does_not_begin() {
    for (name, limits, said) in [
        (
            "memory",
            Limits {
                memory_bytes: 65_536,
                ..Limits::default()
            },
            "`wasm.memory`: it asked",
        ),
        (
            "tables",
            Limits {
                table_elements: 9,
                ..Limits::default()
            },
            "`wasm.table-elements`",
        ),
        (
            "many tables",
            Limits {
                tables: 0,
                ..Limits::default()
            },
            "table count too high",
        ),
        (
            "many memories",
            Limits {
                memories: 0,
                ..Limits::default()
            },
            "memory count too high",
        ),
    ] {
        let bench = Bench {
            limits: limits.clone(),
            ..Bench::new()
        };
        let bundle = bench.load(&Guest::default().extra("(table 10 funcref)"));
        let started = bundle.instantiate(Recorder::default(), &limits, bench.cancel.clone());
        let failure = started.map(drop).unwrap_err().to_string();
        assert!(failure.contains(said), "{name}: {failure}");
    }
}

#[test]
fn a_giant_record_is_the_hosts_to_refuse() {
    let host = Recorder {
        max_record: Some(1 << 20),
        ..Recorder::default()
    };
    let guest = Guest::default().process(emit(1, (1 << 20) + 1) + "(call $ok)");
    let (_, failure) = run(Limits::default(), host, &guest);
    assert!(
        failure.contains("record 0 has 1048577 bytes, the limit is 1048576"),
        "{failure}"
    );
}

#[test]
fn a_log_flood_is_cut_dropped_and_counted() {
    let clock = Clock::manual(0);
    let mut bench = Bench::with_clock(clock.clone());
    bench.limits.log_bytes_per_second = 1;
    bench.limits.log_line_bytes = 4;
    let mut image = Image::at(2048);
    let [at, len] = image.text("1234567890");
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .process(format!(
            "(local $line i32)
             (loop $again
               (call $log (i32.const 2) (i32.const {at}) (i32.const {len}))
               (local.set $line (i32.add (local.get $line) (i32.const 1)))
               (br_if $again (i32.lt_u (local.get $line) (i32.const 1000))))
             (call $ok)"
        ));
    let mut operator = bench.start(&guest);
    let mut process = || {
        operator.process(0, &Batch::default().view()).unwrap();
        std::mem::take(&mut operator.host().told)
    };
    // Ten bytes are saved up, which is two lines; the first line that is dropped is reported at once,
    // the others when a second has passed.
    assert_eq!(
        process(),
        [
            "log Info 1234",
            "log Info 1234",
            "log Warn 1 log line dropped"
        ]
    );
    assert_eq!(process(), [""; 0]);
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(process(), ["log Warn 1998 log lines dropped"]);
    operator.close().unwrap();
    assert_eq!(operator.host().told, ["log Warn 999 log lines dropped"]);
}

#[test]
fn metrics_above_the_limit_are_ignored_and_told() {
    let limits = Limits {
        metrics: 1,
        metric_name_bytes: 3,
        ..Limits::default()
    };
    let add = |at: u32, len: u32| {
        format!("(call $counter_add (i32.const {at}) (i32.const {len}) (i64.const 1))")
    };
    let body = add(1024, 1) + &add(1025, 1) + &add(1024, 4) + &add(1024, 1) + "(call $ok)";
    let guest = Guest::default().data(1024, b"abcd").process(body);
    let (told, failure) = run(limits, Recorder::default(), &guest);
    assert_eq!(failure, "");
    assert_eq!(
        told,
        [
            "counter a 1",
            "log Warn metric `b` and others like it are ignored: they exceed the limit `wasm.metrics` of 1",
            "counter a 1",
        ]
    );
}
