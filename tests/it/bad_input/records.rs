//! Input that is not there, or is not what its format demands.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{refused, skipped};
use crate::harness::{Wasmill, bundle, lines_of_parts};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A file with bad records in it.
struct Case {
    guest: &'static str,
    args: &'static [&'static str],
    file: &'static str,
    bytes: Vec<u8>,
    /// Where the first bad record begins.
    at: usize,
    told: &'static [&'static str],
    bad_records: u64,
    /// What comes out of the others, sorted.
    output: &'static [&'static str],
}

/// Bad records fail the job by default, with the file and the byte, and are left out when asked.
fn check(case: &Case) {
    let place = Place::new();
    let (input, output) = (place.with(case.file, &case.bytes), place.path("out"));
    let more = case.args.iter().map(|arg| match arg.strip_prefix("TEMP/") {
        Some(name) => place.path(name),
        None => PathBuf::from(arg),
    });
    let args = [
        PathBuf::from("--input"),
        input.clone(),
        "--output".into(),
        output.clone(),
    ];
    let args: Vec<_> = args.into_iter().chain(more).collect();
    let bundle = bundle(case.guest);

    let failed = Wasmill::run_local(&bundle, &["--parallelism", "1"], &args)
        .end()
        .with_code(1);
    failed.error_with(&[
        "bad record",
        input.to_str().unwrap(),
        &format!("byte {}", case.at),
    ]);
    failed.error_with(case.told);
    assert!(!output.exists() || lines_of_parts(&output).is_empty());

    let flags = ["--on-bad-record", "skip", "--parallelism", "2"];
    let skipped = Wasmill::run_local(&bundle, &flags, &args)
        .end()
        .with_code(0);
    assert_eq!(
        skipped.summary()["bad_records"],
        case.bad_records,
        "{}",
        case.file
    );
    assert_eq!(lines_of_parts(&output), case.output, "{}", case.file);
}

#[test]
fn text_that_is_not_utf_8() {
    check(&Case {
        guest: "word-count",
        args: &[],
        file: "latin-1.txt",
        bytes: b"one\ntwo caf\xe9\nthree\n\xff\xfe\nfour\n".to_vec(),
        at: 4,
        told: &["invalid UTF-8"],
        bad_records: 2,
        output: &["four,1", "one,1", "three,1"],
    });
}

#[test]
fn json_that_is_malformed_or_something_else() {
    let lines: &[u8] = br#"{"user":"a","page":"/","ms":1}
{"user":"a","page":
{"user":"a","page":"/","ms":"long"}

[1,2]
{"user":"b","page":"/","ms":3,"more":true}
"#;
    check(&Case {
        guest: "page-views",
        args: &["--suspects", "TEMP/suspects"],
        file: "views.jsonl",
        bytes: lines.to_vec(),
        at: 31,
        told: &["malformed JSON"],
        bad_records: 3,
        output: &[
            r#"{"user":"a","views":1,"average_ms":1,"favourite":"/"}"#,
            r#"{"user":"b","views":1,"average_ms":3,"favourite":"/"}"#,
        ],
    });
}

#[test]
fn csv_with_rows_of_the_wrong_length() {
    check(&Case {
        guest: "map-filter",
        args: &["--above", "0"],
        file: "readings.csv",
        bytes: b"sensor,celsius\na,10\nc\nd,20,extra\ne,30\n".to_vec(),
        at: 20,
        told: &["1 fields", "header has 2"],
        bad_records: 2,
        output: &[
            r#"{"sensor":"a","fahrenheit":50.0}"#,
            r#"{"sensor":"e","fahrenheit":86.0}"#,
        ],
    });
}

#[test]
fn csv_with_fields_of_the_wrong_kind() {
    check(&Case {
        guest: "map-filter",
        args: &["--above", "0"],
        file: "readings.csv",
        bytes: b"sensor,celsius\na,10\nb,warm\nc,\nd,1e1\n".to_vec(),
        at: 20,
        told: &["`celsius` is `warm`", "number"],
        bad_records: 2,
        output: &[
            r#"{"sensor":"a","fahrenheit":50.0}"#,
            r#"{"sensor":"d","fahrenheit":50.0}"#,
        ],
    });
}

#[test]
fn a_record_over_the_limit() {
    let mut bytes = b"short\n".to_vec();
    bytes.extend(vec![b'x'; 2 << 20]);
    bytes.extend(b"\nlast\n");
    check(&Case {
        guest: "word-count",
        args: &[],
        file: "long.txt",
        bytes,
        at: 6,
        told: &["1048576"],
        bad_records: 1,
        output: &["last,1", "short,1"],
    });
}

#[test]
fn csv_without_the_columns_that_the_job_reads() {
    let place = Place::new();
    let input = place.with("other.csv", b"thermometer,celsius\na,10\n");
    let told = [input.to_str().unwrap(), "sensor"];
    refused("map-filter", [&input, &place.path("out")], 1, &told);
}

#[test]
fn input_that_is_not_there() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    for missing in ["none.txt", "empty", "*.log", "none/none.txt"] {
        let input = place.path(missing);
        refused(
            "word-count",
            [&input, &place.path("out")],
            1,
            &[input.to_str().unwrap()],
        );
    }
}

#[test]
fn input_that_may_not_be_read() {
    let place = Place::new();
    let input = place.with("secret.txt", b"secret");
    fs::set_permissions(&input, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&input).is_ok() {
        return skipped("this user may read every file");
    }
    let told = [input.to_str().unwrap(), "ermission denied"];
    refused("word-count", [&input, &place.path("out")], 1, &told);
}

#[test]
fn a_compressed_file_that_is_cut_off() {
    let place = Place::new();
    let text: String = (0..20_000).map(|number| format!("word{number} ")).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, bytes) in [("text.gz", gzip), ("text.zst", zstd)] {
        let input = place.with(name, &bytes[..bytes.len() / 2]);
        refused(
            "word-count",
            [&input, &place.path("out")],
            1,
            &[input.to_str().unwrap()],
        );
    }
    let input = place.with("plain.gz", b"this is plain text");
    refused(
        "word-count",
        [&input, &place.path("out")],
        1,
        &[input.to_str().unwrap()],
    );
}
