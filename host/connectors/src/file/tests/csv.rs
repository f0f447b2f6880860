//! CSV with and without line ends in fields.

use super::*;
use crate::payload::fields;

const CSV: (&str, &str) = ("format", "csv");
const MULTILINE: (&str, &str) = ("multiline", "true");

fn rows(reading: Reading) -> Vec<Vec<String>> {
    reading.records.iter().map(|row| fields(row)).collect()
}

#[test]
fn rows_are_the_chosen_columns_or_names_and_values_in_turn() {
    let text = "\u{feff}id,\"full, name\",age\r\n1,Ann,30\r\n\r\n2,\"B \"\"b\"\" B\",\"\"\n3,,x";
    let dir = files(&[("x.csv", text)]);
    assert_eq!(source(dir.path(), &[CSV]).format(), "fields");
    for multiline in ["false", "true"] {
        let mode = ("multiline", multiline);
        for (options, expected) in [
            (
                vec![CSV, mode],
                vec![
                    vec!["id", "1", "full, name", "Ann", "age", "30"],
                    vec!["id", "2", "full, name", "B \"b\" B", "age", ""],
                    vec!["id", "3", "full, name", "", "age", "x"],
                ],
            ),
            (
                vec![CSV, mode, ("columns", r#"["age","id"]"#)],
                vec![vec!["30", "1"], vec!["", "2"], vec!["x", "3"]],
            ),
            (
                vec![CSV, mode, ("columns", r#"["id","id"]"#)],
                vec![vec!["1", "1"], vec!["2", "2"], vec!["3", "3"]],
            ),
        ] {
            for size in ["1 B", "10 B", "1 MiB"] {
                let mut options = options.clone();
                options.push(("split-bytes", size));
                let got = rows(read(dir.path(), &options).unwrap());
                assert_eq!(got, expected, "{options:?}");
                let again = read_with_restarts(dir.path(), &options);
                let again: Vec<_> = again.iter().map(|row| fields(row)).collect();
                assert_eq!(again, expected, "{options:?}");
            }
        }
    }
}

#[test]
fn files_with_different_headers_meet_in_their_columns() {
    let dir = files(&[
        ("a.csv", "id;name\n1;x\n"),
        ("b.csv.gz", "name;id;more\ny;2;z\n"),
        ("c.csv", ""),
        ("d.csv", "\n\n"),
    ]);
    let options = [CSV, ("delimiter", ";"), ("columns", r#"["id","name"]"#)];
    assert_eq!(
        rows(read(dir.path(), &options).unwrap()),
        [["1", "x"], ["2", "y"]]
    );

    let options = [CSV, ("delimiter", ";"), ("columns", r#"["id","more"]"#)];
    let error = told(read(dir.path(), &options).unwrap_err());
    let path = dir.path().join("a.csv").display().to_string();
    assert_eq!(
        error,
        format!("`{path}` has no column `more`; its header names `id`, `name`")
    );

    let optional = |columns| {
        let chosen = ("columns", r#"["id","more"]"#);
        let optional = ("optional-columns", columns);
        read(dir.path(), &[CSV, ("delimiter", ";"), chosen, optional])
    };
    assert_eq!(
        rows(optional(r#"["more","id"]"#).unwrap()),
        [&["", "id", "1"][..], &["2", "z"]],
        "a row that lacks a column brings names"
    );
    let error = told(optional(r#"["id"]"#).unwrap_err());
    assert!(error.contains("has no column `more`"), "{error}");
    let error = told(
        read(
            dir.path(),
            &[
                CSV,
                ("columns", r#"["id","more"]"#),
                ("optional-columns", r#"["id","more"]"#),
            ],
        )
        .unwrap_err(),
    );
    let none = "a.csv` has no column `id`; its header names `id;name`";
    assert!(error.ends_with(none), "the wrong delimiter: {error}");

    let dir = files(&[("a.csv", "id,id\n1,2\n")]);
    let error = told(read(dir.path(), &[CSV, ("columns", r#"["id"]"#)]).unwrap_err());
    assert!(
        error.ends_with("has more than one column `id`; rename one"),
        "{error}"
    );
}

#[test]
fn fields_with_line_ends_need_multiline() {
    let text = "id,text\n1,\"two\r\nlines\n\nand \"\"more\"\"\"\n2,plain\n";
    let dir = files(&[("x.csv", text), ("y.csv.zst", text)]);
    let error = told(read(dir.path(), &[CSV]).unwrap_err());
    assert_eq!(
        error,
        format!(
            "bad record at {}, byte 8: the row ends inside a quoted field; set `multiline` to `true` if \
             fields may hold line ends; leave such records out with `--on-bad-record skip`",
            dir.path().join("x.csv").display()
        )
    );
    let options = [CSV, MULTILINE, ("split-bytes", "1 B")];
    let expected = vec![
        vec!["id", "1", "text", "two\r\nlines\n\nand \"more\""],
        vec!["id", "2", "text", "plain"],
    ];
    let expected = [expected.clone(), expected].concat();
    assert_eq!(rows(read(dir.path(), &options).unwrap()), expected);
    let again = read_with_restarts(dir.path(), &options);
    assert_eq!(
        again.iter().map(|row| fields(row)).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn bad_rows_fail_with_their_place_or_are_skipped() {
    let long = "x".repeat(200);
    for (row, problem, single_only) in [
        ("1", "the row has 1 fields, the header has 2".to_owned(), false),
        ("1,2,3", "the row has 3 fields, the header has 2".to_owned(), false),
        (",,,,,,,,,,,,,,,", "the row has 16 fields, the header has 2".to_owned(), false),
        (
            "1,\"open",
            "the row ends inside a quoted field; set `multiline` to `true` if fields may hold line ends"
                .to_owned(),
            true,
        ),
    ] {
        let dir = files(&[("x.csv", &format!("a,b\r\n0,0\r\n{row}\r\n\"9\",9\r\n"))]);
        let path = dir.path().join("x.csv");
        for options in [&[CSV][..], &[CSV, MULTILINE]] {
            if single_only && options.len() > 1 {
                continue;
            }
            let error = told(read(&path, options).unwrap_err());
            assert_eq!(error, format!("bad record at {}, byte 10: {problem}; leave such records out with `--on-bad-record skip`", path.display()));
            let reading = read_skipping(&path, options, 100).unwrap();
            assert_eq!(reading.bad_records, 1, "{row}");
            assert_eq!(rows(reading), [["a", "0", "b", "0"], ["a", "9", "b", "9"]], "{row}");
        }
    }
    for row in [
        format!("1,{long}"),
        format!("1,\"{long}\""),
        format!("{long},{long},{long}"),
    ] {
        let dir = files(&[("x.csv", &format!("a,b\n0,0\n{row}\n9,9"))]);
        for options in [&[CSV][..], &[CSV, MULTILINE]] {
            let reading = read_skipping(dir.path(), options, 100).unwrap();
            assert_eq!(reading.bad_records, 1, "{row}");
            assert_eq!(
                rows(reading),
                [["a", "0", "b", "0"], ["a", "9", "b", "9"]],
                "{row}"
            );
        }
    }
}

#[test]
fn a_quote_that_never_closes_takes_the_rest_of_a_multiline_file_with_it() {
    let dir = files(&[("x.csv", "a,b\n0,0\n1,\"open\n2,2\n3,3\n")]);
    let error = told(read(dir.path(), &[CSV, MULTILINE]).unwrap_err());
    assert!(
        error.contains("x.csv, byte 8: the file ends inside the quoted field of a row"),
        "{error}"
    );
    let reading = read_skipping(dir.path(), &[CSV, MULTILINE], 100).unwrap();
    assert_eq!((reading.bad_records, reading.records.len()), (1, 1));
}

#[test]
fn a_row_larger_than_memory_should_be_is_not_gathered() {
    let text = format!(
        "a,b\n0,0\n1,\"{}\"\n9,9\n{}\n8,8\n",
        "\n".repeat(3 << 20),
        ",".repeat(1 << 20)
    );
    let dir = files(&[("x.csv", &text)]);
    let reading = read_skipping(dir.path(), &[CSV, MULTILINE], 100_000).unwrap();
    assert_eq!(reading.bad_records, 2);
    assert_eq!(rows(reading).len(), 3);
}

#[test]
fn a_header_that_cannot_be_read_is_named() {
    for (text, expected) in [
        (
            "a,\"b\n1,2\n",
            "has a header line that cannot be read: the row ends inside a quoted field",
        ),
        (
            &format!("{}\n1\n", "x".repeat(2 << 20)),
            "has a header line that is longer than a record may be",
        ),
    ] {
        let dir = files(&[("x.csv", text)]);
        let error = told(read(dir.path(), &[CSV]).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn options_of_csv_that_make_no_sense_are_refused() {
    for (name, value) in [
        ("delimiter", ""),
        ("delimiter", ";;"),
        ("delimiter", "\""),
        ("delimiter", "\n"),
        ("columns", "name"),
        ("columns", "[]"),
        ("columns", "[1]"),
        ("optional-columns", "name"),
        ("optional-columns", r#"["name"]"#),
        ("multiline", "yes"),
    ] {
        let options = [("path", "/x"), CSV, (name, value)];
        let parsed =
            crate::file::FileSource::parse(&spec("file", &options), &Access::unrestricted());
        let error = told(parsed.unwrap_err());
        assert!(
            error.starts_with(&format!("the source connector `file`, option `{name}`")),
            "{error}"
        );
    }
}

#[test]
fn any_text_gives_what_a_csv_parser_over_the_whole_text_gives() {
    for seed in 0..2000u64 {
        let mut state = seed;
        let mut number = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut text = "a,b\n".to_owned();
        let mut expected = Vec::new();
        for _ in 0..number(12) {
            let row: Vec<String> = (0..2)
                .map(|_| {
                    (0..number(5))
                        .map(|_| ["x", "\"", ",", "y"][number(4) as usize])
                        .collect()
                })
                .collect();
            let written =
                row.iter().map(
                    |field| match number(2) == 0 && !field.contains(['"', ',']) {
                        true => field.clone(),
                        false => format!("\"{}\"", field.replace('"', "\"\"")),
                    },
                );
            let written: Vec<_> = written.collect();
            text.push_str(&written.join(","));
            text.push_str(["\n", "\r\n"][number(2) as usize]);
            expected.push(vec![
                "a".to_owned(),
                row[0].clone(),
                "b".to_owned(),
                row[1].clone(),
            ]);
        }
        let dir = files(&[("x.csv", &text)]);
        let size = format!("{} B", 1 + number(40));
        let single = rows(read(dir.path(), &[CSV, ("split-bytes", &size)]).unwrap());
        assert_eq!(single, expected, "seed {seed}, {size}: {text:?}");
        let whole = rows(read(dir.path(), &[CSV, MULTILINE]).unwrap());
        assert_eq!(whole, expected, "seed {seed}: {text:?}");
    }
}
