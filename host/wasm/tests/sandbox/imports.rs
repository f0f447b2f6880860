//! What a guest may ask the host, with arguments that are fine and arguments that are not.

use wasmill_types::batch::Batch;
use wasmill_types::operator::Operator as _;

use crate::guest::Guest;
use crate::image::Image;
use crate::recorder::{Bench, Recorder};

/// Runs a guest that does this in `process`.
fn run(guest: Guest) -> (Vec<String>, Option<String>) {
    let mut operator = Bench::new().start_with(&guest, Recorder::default());
    let failure = operator.process(0, &Batch::default().view()).err();
    (
        std::mem::take(&mut operator.host().told),
        failure.map(|failure| failure.to_string()),
    )
}

/// Byte strings in a guest's memory: the arguments of an import.
fn blobs(image: &mut Image, ends: &[u32], data: &str) -> String {
    let (ends_at, [data_at, data_len]) = (image.words(ends), image.text(data));
    let ends_len = ends.len();
    format!(
        "(i32.const {ends_at}) (i32.const {ends_len}) (i32.const {data_at}) (i32.const {data_len})"
    )
}

/// Logs the bytes of memory from `at` on, `len` of them, both instructions.
fn log(at: &str, len: &str) -> String {
    format!("(call $log (i32.const 2) {at} {len})")
}

#[test]
fn state_is_read_written_and_scanned_in_batches() {
    let mut image = Image::at(2048);
    let keys = blobs(&mut image, &[1, 3], "abb");
    let sub_keys = blobs(&mut image, &[1, 1], "s");
    let none = blobs(&mut image, &[], "");
    let kinds = image.put(1, &[0, 1, 2]);
    let three = blobs(&mut image, &[1, 2, 3], "xyz");
    let body = format!(
        "(call $get (i32.const 3) {keys} {sub_keys} (i32.const 512))
         {}
         (call $counter_add (i32.const 600) (i32.const 0)
           (i64.load16_u (i32.load (i32.const 512))))
         (call $get (i32.const 3) {keys} {none} (i32.const 512))
         (call $write (i32.const 4) (i32.const {kinds}) (i32.const 3) {three} {three} {three})
         (call $scan (i32.const 5) (i32.const {kinds}) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 10) (i32.const 512))
         {}
         (call $counter_add (i32.const 600) (i32.const 0) (i64.load8_u (i32.const 544)))
         (call $scan (i32.const 5) (i32.const {kinds}) (i32.const 1) (i32.const 1)
           (i32.const {kinds}) (i32.const 2) (i32.const 10) (i32.const 512))
         (call $ok)",
        // The values' data of `get`, the sub-keys' data of `scan`.
        log("(i32.load (i32.const 528))", "(i32.load (i32.const 532))"),
        log("(i32.load (i32.const 520))", "(i32.load (i32.const 524))"),
    );
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .process(body);
    let (told, failure) = run(guest);
    assert_eq!(failure, None);
    assert_eq!(
        told,
        [
            r#"get 3 ["a", "bb"] ["s", ""]"#,
            "log Info a",
            "counter  1",
            r#"get 3 ["a", "bb"] []"#,
            r#"write 4 [Put, Delete, Clear] ["x", "y", "z"] ["x", "y", "z"] ["x", "y", "z"]"#,
            "scan 5  None 10",
            "log Info s",
            "counter  1",
            r#"scan 5 \x00 Some("\\x00\\x01") 10"#,
        ]
    );
}

#[test]
fn the_context_answers() {
    let mut image = Image::at(2048);
    let [at, len] = image.text("né");
    let name = format!("(i32.const {at}) (i32.const {len})");
    let body = format!(
        "(call $counter_add {name} (call $now))
         (call $counter_add {name} (call $random))
         (call $gauge_set {name} (f64.const -0.5))
         (call $histogram_record {name} (f64.const inf))
         (call $log (i32.const 0) {name})
         (call $log (i32.const 4) {name})
         (call $ok)"
    );
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .process(body);
    assert_eq!(
        run(guest),
        (
            [
                "counter né 1234",
                "counter né 5678",
                "gauge né -0.5",
                "histogram né inf",
                "log Error né",
                "log Trace né",
            ]
            .map(str::to_owned)
            .to_vec(),
            None,
        )
    );
}

/// Runs a guest that does this with the image in its memory, and expects a breach of the contract.
fn breaks(name: &str, image: &Image, body: &str, said: &str) {
    let guest = Guest::default()
        .data(image.base(), image.bytes())
        .process(format!("{body} (call $ok)"));
    let failure = run(guest).1.unwrap_or_default();
    assert!(
        failure.starts_with("the bundle broke the contract: "),
        "{name}: {failure}"
    );
    assert!(failure.contains(said), "{name}: {failure}");
}

#[test]
fn columns_that_do_not_fit_together_are_named() {
    let mut image = Image::at(2048);
    let good = blobs(&mut image, &[1, 2], "ab");
    let one = blobs(&mut image, &[1], "a");
    let none = blobs(&mut image, &[], "");
    let decreasing = blobs(&mut image, &[2, 1], "ab");
    let beyond = blobs(&mut image, &[9], "ab");
    let trailing = blobs(&mut image, &[1], "ab");
    let two = format!("(i32.const {}) (i32.const 2)", image.words(&[0, 0, 0, 0]));
    let empty = "(i32.const 0) (i32.const 0)";
    let get = |keys: &str, sub_keys: &str| {
        format!("(call $get (i32.const 0) {keys} {sub_keys} (i32.const 512))")
    };
    let write = format!("(call $write (i32.const 0) {two} {good} {good} {one})");
    let lengths = "`state.write`: lists of different lengths: `kinds` has 2, `keys` has 2, \
                   `sub-keys` has 2, `values` has 1";
    let register = format!("(call $register (i32.const 0) {two} {one} {one})");
    let emit = format!("(call $emit (i32.const 0) {empty} {empty} {decreasing})");
    for (name, body, said) in [
        (
            "decreasing",
            get(&decreasing, &none),
            "`state.get`: in `keys`, record 1 ends at byte 1",
        ),
        (
            "beyond",
            get(&beyond, &none),
            "`state.get`: in `keys`, record 0 ends at byte 9",
        ),
        (
            "trailing",
            get(&good, &trailing),
            "in `sub-keys`, the last record ends at byte 1 of 2",
        ),
        (
            "few sub-keys",
            get(&good, &one),
            "lengths: `keys` has 2, `sub-keys` has 1",
        ),
        ("few values", write, lengths),
        (
            "many times",
            register,
            "`timers.register`: lists of different lengths",
        ),
        ("a malformed batch", emit, "record 1 ends at byte 1"),
    ] {
        breaks(name, &image, &body, said);
    }
}

#[test]
fn values_that_are_none_are_refused() {
    let mut image = Image::at(2048);
    let one = blobs(&mut image, &[1], "a");
    let no_text = image.put(1, &[0xff, 0xfe]);
    let get = "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512)";
    let timers = "(i32.const 0) (i32.const 0)".repeat(5);
    for (name, body, said) in [
        (
            "no such kind",
            format!(
                "(call $write (i32.const 0) (i32.const {no_text}) (i32.const 1) {one} {one} {one})"
            ),
            "discriminant",
        ),
        (
            "no such domain",
            format!("(call $register (i32.const 5) {timers})"),
            "discriminant",
        ),
        (
            "a list outside the memory",
            format!(
                "(call $get (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -8)
                   (i32.const 100) {get})"
            ),
            "list pointer/length out of bounds of memory",
        ),
        (
            "a list that is not aligned",
            format!(
                "(call $get (i32.const 0) (i32.const 2049) (i32.const 1) (i32.const 0)
                   (i32.const 0) {get})"
            ),
            "list pointer is not aligned",
        ),
        (
            "a log line that is no text",
            format!("(call $log (i32.const 0) (i32.const {no_text}) (i32.const 2))"),
            "a log line is not a text: invalid utf-8",
        ),
        (
            "a metric's name outside the memory",
            "(call $counter_add (i32.const -1) (i32.const 2) (i64.const 0))".to_owned(),
            "string pointer/length out of bounds of memory",
        ),
    ] {
        breaks(name, &image, &body, said);
    }
}
