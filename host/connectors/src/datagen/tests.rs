//! Records follow from their numbers; the rate follows the clock.

use std::collections::BTreeSet;

use wasmill_types::Batch;
use wasmill_types::operator::{BadRecordPolicy, PollStatus};

use super::*;
use crate::payload::fields;
use crate::source::Budget;
use crate::tests::{BUDGET, CONTEXT, drain, spec, told};

const EVERYTHING: &str = r#"{
    "id": {"kind": "sequence", "start": 10},
    "die": {"kind": "random-int", "min": 1, "max": 6},
    "share": {"kind": "random-float", "min": -1, "max": 1.5},
    "code": {"kind": "random-string", "length": 30},
    "colour \"x\"": {"kind": "choice", "values": ["red", "bl\"ue", 7, null]},
    "at": {"kind": "timestamp", "start": 1000, "step": 2.5}
}"#;

fn datagen(options: &[(&str, &str)]) -> DatagenSource {
    DatagenSource::parse(&spec("datagen", options)).unwrap()
}

fn records(source: &DatagenSource, parallelism: u32) -> Vec<String> {
    let mut records = Vec::new();
    for split in source.splits(parallelism).unwrap() {
        let mut reader = source.reader(CONTEXT).unwrap();
        reader.assign(split).unwrap();
        let drained = drain(reader.as_mut(), BUDGET).unwrap();
        records.extend(
            drained
                .into_iter()
                .map(|(r, _)| String::from_utf8(r).unwrap()),
        );
    }
    records
}

#[test]
fn json_records_have_the_fields_in_order_and_in_range() {
    let source = datagen(&[("fields", EVERYTHING), ("rows", "2000")]);
    assert_eq!((source.format(), source.is_bounded()), ("json", true));
    let (mut dice, mut colours) = (BTreeSet::new(), BTreeSet::new());
    for (i, record) in records(&source, 1).iter().enumerate() {
        assert!(
            record.starts_with(&format!(r#"{{"id":{},"die":"#, 10 + i)),
            "{record}"
        );
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        dice.insert(value["die"].as_i64().unwrap());
        let share = value["share"].as_f64().unwrap();
        assert!((-1.0..1.5).contains(&share), "{share}");
        let code = value["code"].as_str().unwrap();
        assert!(code.len() == 30 && code.bytes().all(|letter| (b'a'..=b'p').contains(&letter)));
        colours.insert(value["colour \"x\""].to_string());
        assert_eq!(value["at"], 1000 + (i * 5 / 2) as i64);
    }
    assert_eq!(dice, (1..=6).collect());
    assert_eq!(colours.len(), 4);
}

#[test]
fn every_parallelism_and_every_run_gives_the_same_records() {
    let options = [("fields", EVERYTHING), ("rows", "1001"), ("seed", "7")];
    let alone = records(&datagen(&options), 1);
    assert_eq!(alone.len(), 1001);
    for parallelism in [2, 3, 8, 2000] {
        assert_eq!(
            records(&datagen(&options), parallelism),
            alone,
            "{parallelism}"
        );
    }
    let other = [options[0], options[1], ("seed", "8")];
    assert_ne!(records(&datagen(&other), 1), alone);
}

#[test]
fn the_other_formats_hold_bare_values() {
    let two = r#"{"n":{"kind":"sequence"},"s":{"kind":"choice","values":["x,y"]}}"#;
    let source = datagen(&[("fields", two), ("rows", "2"), ("format", "fields")]);
    assert_eq!(source.format(), "fields");
    let rows: Vec<_> = records(&source, 1)
        .iter()
        .map(|r| fields(r.as_bytes()))
        .collect();
    assert_eq!(rows, [["0", "x,y"], ["1", "x,y"]]);

    let long = r#"{"s":{"kind":"random-string","length":300}}"#;
    let source = datagen(&[("fields", long), ("rows", "1"), ("format", "fields")]);
    let mut reader = source.reader(CONTEXT).unwrap();
    reader.assign(source.splits(1).unwrap().remove(0)).unwrap();
    let drained = drain(reader.as_mut(), BUDGET).unwrap();
    assert_eq!(fields(&drained[0].0)[0].len(), 300);

    let one = r#"{"s":{"kind":"choice","values":["plain"]}}"#;
    let source = datagen(&[("fields", one), ("rows", "1"), ("format", "text")]);
    assert_eq!(
        (records(&source, 1), source.format()),
        (vec!["plain".to_owned()], "text")
    );
}

#[test]
fn a_snapshot_goes_on_where_it_was_taken_with_the_same_seed() {
    let source = datagen(&[("fields", EVERYTHING), ("rows", "100")]);
    let all = records(&source, 1);
    let mut reader = source.reader(CONTEXT).unwrap();
    reader.assign(source.splits(1).unwrap().remove(0)).unwrap();
    let mut batch = Batch::default();
    reader
        .poll(
            0,
            Budget {
                bytes: 1 << 20,
                records: 33,
            },
            &mut batch,
        )
        .unwrap();
    assert_eq!(reader.locate(32), Some("datagen, record 32".to_owned()));

    let mut later = source
        .reader(ReaderContext {
            seed: 99,
            ..CONTEXT
        })
        .unwrap();
    later.assign(reader.snapshot().remove(0)).unwrap();
    let rest = drain(later.as_mut(), BUDGET).unwrap();
    let rest: Vec<_> = rest
        .iter()
        .map(|(r, _)| String::from_utf8_lossy(r).into_owned())
        .collect();
    assert_eq!(rest, all[33..]);
    assert_eq!(later.snapshot(), []);
}

#[test]
fn splits_without_end_take_turns_and_interleave_their_numbers() {
    let source = datagen(&[
        ("fields", r#"{"n":{"kind":"sequence"}}"#),
        ("format", "text"),
    ]);
    assert!(!source.is_bounded());
    let mut reader = source.reader(CONTEXT).unwrap();
    for split in source.splits(2).unwrap() {
        reader.assign(split).unwrap();
    }
    let budget = Budget {
        bytes: 1 << 20,
        records: 3,
    };
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut batch = Batch::default();
        assert_eq!(
            reader.poll(0, budget, &mut batch).unwrap(),
            PollStatus::Ready
        );
        batches.push(String::from_utf8(batch.data).unwrap());
    }
    assert_eq!(batches, ["024", "135", "6810"]);
}

#[test]
fn records_come_at_the_rate() {
    // Ten a second in total: each of two readers makes one every 200 ms.
    let options = [("fields", r#"{"n":{"kind":"sequence"}}"#), ("rate", "10")];
    let source = datagen(&options);
    let mut reader = source.reader(CONTEXT).unwrap();
    reader.assign(source.splits(2).unwrap().remove(0)).unwrap();
    for (now, made, status) in [
        (5_000, 1, PollStatus::Ready),
        (5_000, 0, PollStatus::IdleUntil(5_200)),
        (5_199, 0, PollStatus::IdleUntil(5_200)),
        (5_200, 1, PollStatus::Ready),
        (5_650, 2, PollStatus::Ready),
        (5_650, 0, PollStatus::IdleUntil(5_800)),
        // An hour's rest is worth a second's records.
        (3_605_800, 6, PollStatus::Ready),
        (3_605_800, 0, PollStatus::IdleUntil(3_606_000)),
        // A clock that is set back does not stop the source.
        (1_000, 0, PollStatus::IdleUntil(1_200)),
        (1_200, 1, PollStatus::Ready),
    ] {
        let mut batch = Batch::default();
        let got = reader.poll(now, BUDGET, &mut batch).unwrap();
        assert_eq!((got, batch.len()), (status, made), "at {now}");
    }
}

#[test]
fn a_record_over_the_limit_is_a_bad_record() {
    let options = [
        ("fields", r#"{"n":{"kind":"sequence","start":8}}"#),
        ("rows", "4"),
        ("format", "text"),
    ];
    let source = datagen(&options);
    for policy in [BadRecordPolicy::Fail, BadRecordPolicy::Skip] {
        let context = ReaderContext {
            max_record_bytes: 1,
            on_bad_record: policy,
            ..CONTEXT
        };
        let mut reader = source.reader(context).unwrap();
        reader.assign(source.splits(1).unwrap().remove(0)).unwrap();
        match drain(reader.as_mut(), BUDGET) {
            Ok(records) => assert_eq!((records.len(), reader.bad_records()), (2, 2)),
            Err(error) => assert_eq!(
                told(error),
                "bad record at datagen, record 2: it has 2 bytes, the limit for a record is 1; \
                 leave such records out with `--on-bad-record skip`"
            ),
        }
    }
}

#[test]
fn fields_that_make_no_sense_are_refused() {
    for (fields, format, expected) in [
        (
            "[]",
            "json",
            "it must be a JSON object of field names and generators: invalid type: sequence",
        ),
        ("{}", "json", "it names no field"),
        (
            r#"{"a":{"kind":"sequenze"}}"#,
            "json",
            "unknown variant `sequenze`, expected one of `sequence`",
        ),
        (
            r#"{"a":{"kind":"sequence","stop":1}}"#,
            "json",
            "unknown field `stop`, expected `start`",
        ),
        (
            r#"{"a":{"kind":"sequence"},"a":{"kind":"sequence"}}"#,
            "json",
            "field `a` comes twice",
        ),
        (
            r#"{"a":{"kind":"random-int","min":2,"max":1}}"#,
            "json",
            "field `a`: `min` must not exceed `max`",
        ),
        (
            r#"{"a":{"kind":"choice","values":[]}}"#,
            "json",
            "field `a`: `values` must not be empty",
        ),
        (
            r#"{"a":{"kind":"random-string","length":2000000}}"#,
            "json",
            "`length` must be at most 1048576",
        ),
        (
            r#"{"a":{"kind":"sequence"},"b":{"kind":"sequence"}}"#,
            "text",
            "takes exactly one field",
        ),
    ] {
        let spec = spec("datagen", &[("fields", fields), ("format", format)]);
        let error = told(DatagenSource::parse(&spec).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    for rate in ["0", "-1", "NaN", "inf", "x"] {
        let spec = spec("datagen", &[("fields", EVERYTHING), ("rate", rate)]);
        assert!(DatagenSource::parse(&spec).is_err(), "{rate}");
    }
}
