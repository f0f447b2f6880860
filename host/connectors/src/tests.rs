//! What holds for all connectors: options, the catalog, access; and helpers for the connectors' tests.

use std::fs;
use std::path::{Path, PathBuf};

use wasmill_types::operator::{BadRecordPolicy, PollStatus};
use wasmill_types::{Batch, HostError};

use super::*;

/// A connector's spec.
pub(crate) fn spec(name: &str, options: &[(&str, &str)]) -> ConnectorSpec {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ConnectorSpec {
        name: name.to_owned(),
        options: options.iter().map(owned).collect(),
    }
}

/// A subtask without unusual limits.
pub(crate) const CONTEXT: ReaderContext = ReaderContext {
    subtask: 0,
    parallelism: 1,
    max_record_bytes: 1 << 20,
    on_bad_record: BadRecordPolicy::Fail,
    seed: 1,
};

pub(crate) const BUDGET: Budget = Budget {
    bytes: 64 << 10,
    records: 1000,
};

/// Polls a reader to its end; the records and where they came from.
pub(crate) fn drain(
    reader: &mut dyn SourceReader,
    budget: Budget,
) -> Result<Vec<(Vec<u8>, String)>, ConnectorError> {
    let mut records = Vec::new();
    let mut batch = Batch::default();
    for now in 0.. {
        batch.clear();
        let status = reader.poll(now, budget, &mut batch)?;
        for (index, record) in batch.view().records().enumerate() {
            let location = reader
                .locate(index as u32)
                .expect("every record came from somewhere");
            records.push((record.to_vec(), location));
        }
        if status == PollStatus::Finished {
            break;
        }
    }
    assert_eq!(reader.locate(batch.len() as u32), None);
    Ok(records)
}

/// An error as a person sees it.
pub(crate) fn told(error: ConnectorError) -> String {
    HostError::from(error).message
}

fn check_refusal(kind: ConnectorKind, name: &str, options: &[(&str, &str)], expected: &str) {
    let (spec, access) = (spec(name, options), Access::unrestricted());
    let error = match kind {
        ConnectorKind::Source => source(&spec, &access).unwrap_err(),
        ConnectorKind::Sink => sink(&spec, &access).unwrap_err(),
    };
    assert_eq!(error.kind(), ErrorKind::Options, "{error}");
    assert_eq!(told(error), expected);
}

#[test]
fn unknown_connectors_and_options_are_refused_with_what_there_is() {
    let lines = ("path", "/nowhere");
    for (kind, name, options, expected) in [
        (
            ConnectorKind::Source,
            "fiel",
            &[][..],
            "there is no source connector `fiel`, did you mean `file`?; the source connectors are `file`, \
             `socket`, `datagen`",
        ),
        (
            ConnectorKind::Source,
            "print",
            &[],
            "there is no source connector `print` (`print` is a sink); the source connectors are `file`, \
             `socket`, `datagen`",
        ),
        (
            ConnectorKind::Sink,
            "kafka",
            &[],
            "there is no sink connector `kafka`; the sink connectors are `file`, `print`, `blackhole`",
        ),
        (
            ConnectorKind::Source,
            "file",
            &[],
            "the source connector `file` needs the option `path`: a file, a directory (read recursively) or \
             a glob pattern",
        ),
        (
            ConnectorKind::Source,
            "file",
            &[lines, ("colums", "[]")],
            "the source connector `file` has no option `colums`, did you mean `columns`?; its options are \
             `path`, `format`, `split-bytes`, `delimiter`, `columns`, `optional-columns`, `multiline`",
        ),
        (
            ConnectorKind::Sink,
            "blackhole",
            &[("speed", "c")],
            "the sink connector `blackhole` has no option `speed`; its options are none",
        ),
    ] {
        check_refusal(kind, name, options, expected);
    }
}

#[test]
fn values_that_make_no_sense_are_refused_with_the_fix() {
    let lines = ("path", "/nowhere");
    for (kind, name, options, expected) in [
        (
            ConnectorKind::Source,
            "file",
            &[lines, lines][..],
            "the source connector `file`, option `path`, value `/nowhere`: the option is given twice; leave \
             one out",
        ),
        (
            ConnectorKind::Source,
            "file",
            &[lines, ("format", "cvs")],
            "the source connector `file`, option `format`, value `cvs`: it must be one of `lines`, `csv`, \
             `json-lines`, did you mean `csv`?",
        ),
        (
            ConnectorKind::Source,
            "file",
            &[lines, ("split-bytes", "lots")],
            "the source connector `file`, option `split-bytes`, value `lots`: `lots` is not a size; write a \
             number and a unit, for instance `512 KiB` or `64 MiB`",
        ),
        (
            ConnectorKind::Source,
            "file",
            &[lines, ("multiline", "true")],
            "the source connector `file`, option `multiline`, value `true`: only files of the format `csv` \
             have this; set `format`",
        ),
        (
            ConnectorKind::Source,
            "socket",
            &[("host", "localhost"), ("port", "99999")],
            "the source connector `socket`, option `port`, value `99999`: number too large to fit in target \
             type",
        ),
        (
            ConnectorKind::Source,
            "socket",
            &[
                ("host", "localhost"),
                ("port", "9"),
                ("connect-timeout", "5"),
            ],
            "the source connector `socket`, option `connect-timeout`, value `5`: it must be a positive \
             number and a unit: `500 ms`, `10 s`, `2 min`",
        ),
        (
            ConnectorKind::Sink,
            "file",
            &[lines, ("extension", "../x")],
            "the sink connector `file`, option `extension`, value `../x`: it must be 1 to 32 of a-z, A-Z, \
             0-9, `.`, `-` and `_`, without a dot in front",
        ),
    ] {
        check_refusal(kind, name, options, expected);
    }
}

#[test]
fn the_table_of_each_connector_says_what_its_catalog_entry_says() {
    for doc in catalog().iter().chain([&bench::SOURCE, &bench::SINK]) {
        let text = match doc.name {
            "file" => include_str!("file.rs"),
            "socket" => include_str!("socket.rs"),
            "datagen" => include_str!("datagen.rs"),
            "bench" => include_str!("bench.rs"),
            "print" => include_str!("print.rs"),
            _ => include_str!("blackhole.rs"),
        };
        for option in doc.options {
            let default = match option.default {
                OptionDefault::Required => "required |".to_owned(),
                OptionDefault::Absent => String::new(),
                OptionDefault::Value(value) => format!("`{value}` |"),
            };
            let row = format!("//! | `{}` | {default}", option.name);
            assert!(text.contains(&row), "no row `{row}` for {}", doc.title());
        }
    }
}

#[test]
fn every_connector_of_the_catalog_can_be_had() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for doc in catalog().iter().chain([&bench::SOURCE, &bench::SINK]) {
        let options: &[(&str, &str)] = match doc.name {
            "file" => &[("path", path)],
            "socket" => &[("host", "localhost"), ("port", "1")],
            "datagen" => &[("fields", r#"{"id":{"kind":"sequence"}}"#)],
            "bench" if doc.kind == ConnectorKind::Source => {
                &[("workload", "map-filter"), ("records", "1")]
            }
            _ => &[],
        };
        let spec = spec(doc.name, options);
        match doc.kind {
            ConnectorKind::Source => drop(source(&spec, &Access::unrestricted()).unwrap()),
            ConnectorKind::Sink => drop(sink(&spec, &Access::unrestricted()).unwrap()),
        }
    }
}

/// A directory `allowed` with files and with links that lead out, beside a directory `secret`.
fn fenced() -> (tempfile::TempDir, Access) {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("allowed/sub")).unwrap();
    fs::create_dir(at("secret")).unwrap();
    fs::write(at("allowed/a.txt"), "a\n").unwrap();
    fs::write(at("allowed/sub/b.txt"), "b\n").unwrap();
    fs::write(at("secret/s.txt"), "s\n").unwrap();
    std::os::unix::fs::symlink(at("secret"), at("allowed/link")).unwrap();
    std::os::unix::fs::symlink(at("secret/s.txt"), at("allowed/sub/_link.txt")).unwrap();
    std::os::unix::fs::symlink(at("secret/new"), at("allowed/_dangling")).unwrap();
    let access = Access::within([at("allowed")]).unwrap();
    (dir, access)
}

#[test]
fn an_allow_list_keeps_readers_and_writers_inside() {
    let (dir, access) = fenced();
    let denied = |path: &Path| {
        format!(
            "`{}` is not below a directory that jobs may use; allow one with `connectors.file.roots`",
            path.display()
        )
    };
    let read = |path: &Path| {
        let options = [("path", path.to_str().unwrap())];
        let source = source(&spec("file", &options), &access).unwrap();
        source.splits(1).map(|splits| splits.len())
    };
    for (path, files) in [
        ("allowed/a.txt", 1),
        ("allowed/sub", 1),
        ("allowed/*.txt", 1),
    ] {
        assert_eq!(read(&dir.path().join(path)).unwrap(), files, "{path}");
    }
    for path in [
        "secret/s.txt",
        "secret",
        "secret/missing",
        "secret/*",
        "allowed/../secret/s.txt",
        "allowed/link/s.txt",
        "allowed/*/../../secret/*",
        "allowed/sub/_link.txt",
    ] {
        let path = dir.path().join(path);
        assert_eq!(told(read(&path).unwrap_err()), denied(&path));
    }
    // A link that the walk comes across is named as what it is.
    let error = told(read(&dir.path().join("allowed")).unwrap_err());
    assert_eq!(error, denied(&dir.path().join("allowed/link")));

    for (path, allowed) in [
        ("allowed/out", true),
        ("allowed/new/deep/out", true),
        ("allowed", true),
        ("elsewhere", false),
        ("allowed/../elsewhere", false),
        ("allowed/new/../../elsewhere", false),
        ("allowed/link/out", false),
        ("allowed/_dangling", false),
        ("allowed/_dangling/out", false),
    ] {
        let path = dir.path().join(path);
        let options = [("path", path.to_str().unwrap())];
        match sink(&spec("file", &options), &access) {
            Ok(sink) => {
                assert!(allowed, "{}", path.display());
                sink.prepare().unwrap();
            }
            Err(error) => {
                assert!(!allowed, "{}", path.display());
                assert_eq!(told(error), denied(&path));
            }
        }
    }
    assert!(!dir.path().join("elsewhere").exists());
    assert!(!dir.path().join("secret/new").exists());
}

#[test]
fn a_split_from_outside_is_checked_where_it_is_read() {
    let (dir, access) = fenced();
    let options = [("path", dir.path().to_str().unwrap())];
    let unfenced = source(&spec("file", &options), &Access::unrestricted()).unwrap();
    let splits = unfenced.splits(1).unwrap();
    let secret = splits.iter().find(|split| split.name.contains("secret"));
    let fenced = source(&spec("file", &options), &access).unwrap();
    let mut reader = fenced.reader(CONTEXT).unwrap();
    reader.assign(secret.unwrap().clone()).unwrap();
    let error = reader.poll(0, BUDGET, &mut Batch::default()).unwrap_err();
    assert!(matches!(error, ConnectorError::NotAllowed { .. }));

    let foreign = Split {
        name: "x".to_owned(),
        state: b"{}".to_vec(),
    };
    let error = told(reader.assign(foreign).unwrap_err());
    assert!(
        error.starts_with("`x` is not a split of this connector: "),
        "{error}"
    );
}

#[test]
fn an_allowed_directory_must_exist() {
    let error = Access::within([PathBuf::from("/nowhere/at/all")]).unwrap_err();
    assert_eq!(
        told(error),
        "cannot use the allowed directory `/nowhere/at/all`: No such file or directory (os error 2)"
    );
}
