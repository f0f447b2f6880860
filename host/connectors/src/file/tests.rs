//! Real files in, real files out.

mod checkpoints;
mod csv;
mod directory;
mod read;
mod write;

use std::fs;
use std::io::Write;
use std::path::Path;

use wasmill_types::operator::BadRecordPolicy;

use crate::access::Access;
use crate::error::ConnectorError;
use crate::source::{Budget, ReaderContext, Source, Split};
use crate::tests::{BUDGET, CONTEXT, drain, spec, told};

/// A directory with these files; names that end in `.gz` or `.zst` are packed.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        put(&dir.path().join(name), text.as_bytes());
    }
    dir
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, packed(path, bytes)).unwrap();
}

fn packed(path: &Path, bytes: &[u8]) -> Vec<u8> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Some("zst") => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

fn source(path: &Path, options: &[(&str, &str)]) -> super::FileSource {
    let mut all = vec![("path", path.to_str().unwrap())];
    all.extend(options);
    super::FileSource::parse(&spec("file", &all), &Access::unrestricted()).unwrap()
}

/// What reading a path gave.
#[derive(Debug, Default)]
struct Reading {
    records: Vec<Vec<u8>>,
    locations: Vec<String>,
    bad_records: u64,
}

/// Reads splits, each by a reader of its own.
fn read_splits(
    source: &super::FileSource,
    splits: Vec<Split>,
    context: ReaderContext,
    budget: Budget,
) -> Result<Reading, ConnectorError> {
    let mut reading = Reading::default();
    for split in splits {
        let mut reader = source.reader(context)?;
        reader.assign(split)?;
        for (record, location) in drain(reader.as_mut(), budget)? {
            reading.records.push(record);
            reading.locations.push(location);
        }
        assert_eq!(reader.snapshot(), []);
        reading.bad_records += reader.bad_records();
    }
    Ok(reading)
}

fn read(path: &Path, options: &[(&str, &str)]) -> Result<Reading, ConnectorError> {
    let source = source(path, options);
    read_splits(&source, source.splits(2)?, CONTEXT, BUDGET)
}

/// As [`read`], leaving bad records out.
fn read_skipping(
    path: &Path,
    options: &[(&str, &str)],
    max_record_bytes: u32,
) -> Result<Reading, ConnectorError> {
    let source = source(path, options);
    let context = ReaderContext {
        max_record_bytes,
        on_bad_record: BadRecordPolicy::Skip,
        ..CONTEXT
    };
    read_splits(&source, source.splits(2)?, context, BUDGET)
}

/// Reads with a reader that is replaced after each batch of one record, by way of its snapshot.
fn read_with_restarts(path: &Path, options: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let source = source(path, options);
    let budget = Budget {
        bytes: 1,
        records: 1,
    };
    let mut records = Vec::new();
    let mut splits = source.splits(1).unwrap();
    while !splits.is_empty() {
        let mut reader = source.reader(CONTEXT).unwrap();
        for split in splits {
            reader.assign(split).unwrap();
        }
        let mut batch = wasmill_types::Batch::default();
        reader.poll(0, budget, &mut batch).unwrap();
        records.extend(batch.view().records().map(<[u8]>::to_vec));
        splits = reader.snapshot();
    }
    records
}

fn texts(reading: Reading) -> Vec<String> {
    let records = reading.records.into_iter();
    records
        .map(|record| String::from_utf8(record).unwrap())
        .collect()
}
