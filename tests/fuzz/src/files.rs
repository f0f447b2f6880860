//! Files that people give or that were left behind, and the options of connectors.

use std::fs;
use std::path::Path;

use wasmill_connectors::{Access, Budget, ReaderContext};
use wasmill_rest::Tokens;
use wasmill_types::Batch;
use wasmill_types::job::ConnectorSpec;
use wasmill_types::operator::{BadRecordPolicy, PollStatus};

/// The most polls of one file.
const POLLS: usize = 10_000;

/// The file of a JobManager's tokens.
pub(crate) fn tokens(bytes: &[u8]) {
    in_directory(|dir| {
        if fs::write(dir.join("tokens.json"), bytes).is_ok() {
            // Either is fine.
            let _ = Tokens::read(dir);
        }
    });
}

/// A file of one token.
pub(crate) fn tokens_files() -> Vec<Vec<u8>> {
    let hash = "ab".repeat(32);
    let file = format!(
        r#"{{"version":1,"tokens":[{{"id":"a","tenant":"default","role":"admin","created_ms":1,"sha256":"{hash}"}}]}}"#
    );
    vec![file.into_bytes()]
}

/// A file that a job reads: the first byte says as what, the second how, the rest is in it.
pub(crate) fn input(bytes: &[u8]) {
    let [format, how, contents @ ..] = bytes else {
        return;
    };
    in_directory(|dir| {
        let path = dir.join("input");
        if fs::write(&path, contents).is_err() {
            return;
        }
        let format = ["text", "csv", "json"][usize::from(format % 3)];
        let mut options = vec![
            ("path".to_owned(), path.display().to_string()),
            ("format".to_owned(), format.to_owned()),
        ];
        if format == "csv" && how & 1 == 1 {
            options.push(("multiline".to_owned(), "true".to_owned()));
        }
        if format == "csv" && how & 2 == 2 {
            options.push(("columns".to_owned(), "[\"b\"]".to_owned()));
        }
        let policy = match how & 4 {
            0 => BadRecordPolicy::Skip,
            _ => BadRecordPolicy::Fail,
        };
        read_all("file", options, policy);
    });
}

/// A file of each format.
pub(crate) fn inputs() -> Vec<Vec<u8>> {
    vec![
        b"\0\0one\ntwo\r\n\nfour".to_vec(),
        b"\x01\x01a,b\n1,\"x\"\"y\"\n2,\"two\nlines\"\n".to_vec(),
        b"\x02\x02{\"a\":[1,2,{\"b\":null}]}\n{\"a\":\"\\u00e9\"}\n".to_vec(),
    ]
}

/// The options of a connector: its number, then names and values, a line each.
pub(crate) fn options(bytes: &[u8]) {
    let Some((connector, text)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::to_owned);
    let mut options = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        options.push((name, value));
    }
    let names = ["file", "socket", "datagen", "bench", "print", "blackhole"];
    let spec = ConnectorSpec {
        name: names[usize::from(*connector) % names.len()].to_owned(),
        options,
    };
    let Ok(access) = Access::within([]) else {
        return;
    };
    // Both only parse; either end is fine.
    let _ = wasmill_connectors::source(&spec, &access);
    let _ = wasmill_connectors::sink(&spec, &access);
}

/// Options that are good, of some connectors.
pub(crate) fn some_options() -> Vec<Vec<u8>> {
    vec![
        b"\0path\n/tmp/x\nformat\ncsv\nmultiline\ntrue\n".to_vec(),
        b"\x02rows\n10\nformat\njson\nfields\n{\"n\":{\"kind\":\"sequence\"}}\n".to_vec(),
        b"\x01address\n127.0.0.1:7\n".to_vec(),
    ]
}

fn read_all(name: &str, options: Vec<(String, String)>, on_bad_record: BadRecordPolicy) {
    let spec = ConnectorSpec {
        name: name.to_owned(),
        options,
    };
    let context = ReaderContext {
        subtask: 0,
        parallelism: 1,
        max_record_bytes: 1 << 10,
        on_bad_record,
        seed: 1,
    };
    let opened = wasmill_connectors::source(&spec, &Access::unrestricted());
    let opened = opened.and_then(|source| Ok((source.splits(2)?, source.reader(context)?)));
    let Ok((splits, mut reader)) = opened else {
        return;
    };
    if splits
        .into_iter()
        .any(|split| reader.assign(split).is_err())
    {
        return;
    }
    let budget = Budget {
        bytes: 1 << 10,
        records: 100,
    };
    for _ in 0..POLLS {
        let mut batch = Batch::default();
        match reader.poll(0, budget, &mut batch) {
            Ok(PollStatus::Finished) | Err(_) => return,
            Ok(_) => {}
        }
    }
    unreachable!("a small file ends");
}

/// Runs with an empty directory; not at all where the machine has none.
fn in_directory(run: impl FnOnce(&Path)) {
    if let Ok(dir) = tempfile::tempdir() {
        run(dir.path());
    }
}
