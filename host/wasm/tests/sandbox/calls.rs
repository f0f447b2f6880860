//! What a guest is called with, and what it returns.

use wasmill_types::batch::{Batch, Blobs};
use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::operator::{
    BadRecordPolicy, Operator as _, OperatorState, PollStatus, TaskContext, TimeDomain, Timers,
};

use crate::guest::Guest;
use crate::image::Image;
use crate::recorder::Bench;

/// Emits the batch that `process` got, on output 7.
const ECHO: &str = "
  (call $emit (i32.const 7) (local.get $times) (local.get $times_len) (local.get $hashes)
    (local.get $hashes_len) (local.get $ends) (local.get $ends_len) (local.get $data)
    (local.get $data_len))
  (call $ok)";

fn blobs(texts: &[&str]) -> Blobs {
    texts.iter().map(|text| text.as_bytes()).collect()
}

#[test]
fn a_batch_goes_in_and_out_with_all_its_columns() {
    let mut operator = Bench::new().start(&Guest::default().process(ECHO));
    let mut batch = Batch::default();
    batch.push(b"one");
    batch.push(b"");
    batch.push(b"three");
    operator.process(0, &batch.view()).unwrap();
    batch.timestamps = vec![1, i64::MIN, -3];
    batch.hashes = vec![4, u32::MAX, 6];
    operator.process(0, &batch.view()).unwrap();
    operator.process(0, &Batch::default().view()).unwrap();
    assert_eq!(
        operator.host().told,
        [
            r#"emit 7 ["one", "", "three"] times [] hashes []"#,
            r#"emit 7 ["one", "", "three"] times [1, -9223372036854775808, -3] hashes [4, 4294967295, 6]"#,
            "emit 7 [] times [] hashes []",
        ]
    );
}

#[test]
fn a_large_batch_grows_the_guests_memory() {
    let mut operator = Bench::new().start(&Guest::default().process(ECHO));
    let mut batch = Batch::default();
    (0..300).for_each(|_| batch.push(&[b'x'; 10_000]));
    operator.process(0, &batch.view()).unwrap();
    assert_eq!(operator.host().told.len(), 1);
}

/// Logs bytes of the guest's memory, at level `info`.
fn log(at: &str, len: &str) -> String {
    format!("(call $log (i32.const 2) {at} {len})")
}

#[test]
fn a_task_context_arrives_as_the_record_of_wit() {
    // The job's name, the first argument, and the items of the first restored state.
    let field = |offset: u32| format!("(i32.load offset={offset} (local.get $context))");
    let args = "(i32.load (i32.load offset=8 (local.get $context)))";
    let args_len = "(i32.load offset=4 (i32.load offset=8 (local.get $context)))";
    let items = "(i32.load offset=16 (i32.load offset=56 (local.get $context)))";
    let items_len = "(i32.load offset=20 (i32.load offset=56 (local.get $context)))";
    let number = |offset: u32| {
        format!(
            "(call $counter_add (i32.const 1024) (i32.const 1) (i64.extend_i32_u {}))",
            field(offset)
        )
    };
    let mut body = log(&field(0), &field(4)) + &log(args, args_len) + &log(items, items_len);
    // The fields of four bytes, and the lengths of the lists.
    for offset in [12, 20, 28, 36, 40, 44, 48, 52, 60, 80, 84] {
        body += &number(offset);
    }
    body += "(call $counter_add (i32.const 1024) (i32.const 1)
               (i64.load offset=72 (local.get $context)))
             (call $counter_add (i32.const 1024) (i32.const 1)
               (i64.load8_u offset=64 (local.get $context)))
             (call $counter_add (i32.const 1024) (i32.const 1)
               (i64.load8_u offset=88 (local.get $context)))
             (call $ok)";
    let guest = Guest::default()
        .data(1024, b"n")
        .function("operator#open", body);
    let mut operator = Bench::new().start(&guest);
    operator
        .open(&TaskContext {
            job: "word count".to_owned(),
            args: vec!["--input=ä".to_owned(), "x".to_owned()],
            operators: vec![OperatorId(1), OperatorId(2), OperatorId(3)],
            inputs: vec![EdgeId(4)],
            outputs: vec![(EdgeId(5), 6), (EdgeId(7), 8)],
            subtask: 11,
            parallelism: 12,
            max_parallelism: 13,
            attempt: 14,
            restored: vec![OperatorState {
                operator: OperatorId(15),
                state: 16,
                items: blobs(&["first", "second"]),
            }],
            has_keyed_state: true,
            cache_bytes: 1 << 40,
            batch_bytes: 17,
            max_record_bytes: 18,
            on_bad_record: BadRecordPolicy::Skip,
        })
        .unwrap();
    let numbers = [2, 3, 1, 2, 11, 12, 13, 14, 1, 17, 18, 1 << 40, 1, 1];
    let mut expected: Vec<String> = ["word count", "--input=ä", "firstsecond"]
        .map(|line| format!("log Info {line}"))
        .to_vec();
    expected.extend(numbers.map(|number: u64| format!("counter n {number}")));
    assert_eq!(operator.host().told, expected);
}

#[test]
fn timers_watermarks_and_ends_arrive() {
    let guest = Guest::default()
        .function(
            "operator#on-timers",
            "(call $register (local.get $domain) (local.get $times) (local.get $times_len)
               (local.get $keys) (local.get $keys_len) (local.get $keys_data)
               (local.get $keys_data_len) (local.get $spaces) (local.get $spaces_len)
               (local.get $spaces_data) (local.get $spaces_data_len))
             (call $ok)",
        )
        .function(
            "operator#on-watermark",
            "(call $emit_watermark (i64.add (local.get $time) (i64.const 1)))
             (call $ok)",
        )
        .function("operator#end-of-input", "(call $mark_idle) (call $ok)")
        .function("operator#close", "(call $emit_watermark (i64.const 99))");
    let mut operator = Bench::new().start(&guest);
    let timers = Timers {
        times: vec![-1, 2],
        keys: blobs(&["k", ""]),
        namespaces: blobs(&["", "n"]),
    };
    operator.on_timers(TimeDomain::Event, &timers).unwrap();
    operator.on_timers(TimeDomain::Processing, &timers).unwrap();
    operator.on_watermark(-10).unwrap();
    operator.end_of_input(0).unwrap();
    operator.close().unwrap();
    assert_eq!(
        operator.host().told,
        [
            r#"register Event [-1, 2] ["k", ""] ["", "n"]"#,
            r#"register Processing [-1, 2] ["k", ""] ["", "n"]"#,
            "watermark -9",
            "idle",
            "watermark 99",
        ]
    );
}

#[test]
fn a_snapshot_returns_the_operators_states() {
    let mut image = Image::at(2048);
    let ends = image.words(&[1, 3]);
    let data = image.put(1, b"abc");
    let states = image.words(&[7, 8, ends, 2, data, 3]);
    let result = image.words(&[0, states, 1]);
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .function("operator#snapshot", format!("(i32.const {result})"));
    let states = Bench::new().start(&guest).snapshot(1).unwrap();
    assert_eq!(
        states,
        [OperatorState {
            operator: OperatorId(7),
            state: 8,
            items: blobs(&["a", "bc"]),
        }]
    );
}

#[test]
fn a_source_gets_splits_and_says_how_it_stands() {
    let mut image = Image::at(2048);
    let ready = image.words(&[0, 0, 0, 0]);
    let idle = image.words(&[0, 0, 1, 0, 77, 0]);
    let finished = image.words(&[0, 0, 2, 0]);
    let body = format!(
        "(select (i32.const {ready}) (select (i32.const {idle}) (i32.const {finished})
           (i32.eq (local.get $max) (i32.const 2))) (i32.eq (local.get $max) (i32.const 1)))"
    );
    let echo = log("(local.get $data)", "(local.get $data_len)") + "(call $ok)";
    let guest = Guest::default()
        .with_source()
        .data(image.base(), image.bytes())
        .function("source#assign", echo)
        .function("source#poll", body);
    let mut operator = Bench::new().start(&guest);
    operator
        .assign_splits(&blobs(&["split 1", "split 2"]))
        .unwrap();
    assert_eq!(operator.host().told, ["log Info split 1split 2"]);
    for (max, status) in [
        (1, PollStatus::Ready),
        (2, PollStatus::IdleUntil(77)),
        (3, PollStatus::Finished),
    ] {
        assert_eq!(operator.poll(max).unwrap(), status);
    }
}

#[test]
fn instances_of_one_bundle_share_nothing() {
    let bench = Bench::new();
    let guest = Guest::default().process(
        "(i32.store (i32.const 4096) (i32.add (i32.const 1) (i32.load (i32.const 4096))))
         (call $emit_watermark (i64.load32_u (i32.const 4096)))
         (call $ok)",
    );
    let bundle = bench.load(&guest);
    let start = || {
        let cancel = bench.cancel.clone();
        bundle.instantiate(crate::recorder::Recorder::default(), &bench.limits, cancel)
    };
    let (mut first, mut second) = (start().unwrap(), start().unwrap());
    for _ in 0..2 {
        first.process(0, &Batch::default().view()).unwrap();
    }
    second.process(0, &Batch::default().view()).unwrap();
    assert_eq!(first.host().told, ["watermark 1", "watermark 2"]);
    assert_eq!(second.host().told, ["watermark 1"]);
}
