//! The `file` source: its options, and the plan of who reads what.

use std::path::PathBuf;
use std::sync::Arc;

use wasmill_types::job::ConnectorSpec;
use wasmill_types::size::ByteSize;

use super::csv::CsvOptions;
use super::find;
use super::input::Packing;
use super::reader::FileReader;
use super::split::{self, Divisible};
use super::{
    COLUMNS, DELIMITER, FORMAT, Format, MULTILINE, OPTIONAL_COLUMNS, PATH, SOURCE, SPLIT_BYTES,
};
use crate::access::Access;
use crate::error::ConnectorError;
use crate::options::Options;
use crate::source::{ReaderContext, Source, SourceReader, Split};

/// The `file` source.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    split_bytes: u64,
    reading: Arc<Reading>,
}

/// What a reader needs to know.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) format: Format,
    pub(super) csv: CsvOptions,
    pub(super) access: Access,
}

impl FileSource {
    pub(crate) fn parse(spec: &ConnectorSpec, access: &Access) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SOURCE)?;
        let path = options.always(PATH)?;
        if path.is_empty() {
            return Err(options.bad(PATH, "it must name a file, a directory or a pattern"));
        }
        let format = options.one_of(FORMAT, &Format::WORDS)?;
        let split_bytes = options.always_parsed::<ByteSize>(SPLIT_BYTES)?.0;
        if split_bytes == 0 {
            return Err(options.bad(SPLIT_BYTES, "it must be at least 1 byte"));
        }
        let csv_only = [DELIMITER, COLUMNS, OPTIONAL_COLUMNS, MULTILINE];
        let stray = csv_only.into_iter().find(|name| options.is_given(name));
        if let (Some(name), true) = (stray, format != Format::Csv) {
            return Err(options.bad(
                name,
                "only files of the format `csv` have this; set `format`",
            ));
        }
        let reading = Reading {
            format,
            csv: CsvOptions::parse(&options)?,
            access: access.clone(),
        };
        Ok(Self {
            path: PathBuf::from(path),
            split_bytes,
            reading: Arc::new(reading),
        })
    }
}

impl Source for FileSource {
    fn splits(&self, parallelism: u32) -> Result<Vec<Split>, ConnectorError> {
        let files = find::find(&self.path, &self.reading.access)?;
        let total = files.iter().map(|file| file.length).sum();
        let target = split::target_bytes(total, self.split_bytes, parallelism);
        let whole = self.reading.format == Format::Csv && self.reading.csv.multiline;
        let splits = split::divide(&files, target, |file| {
            match Packing::of(file.path.as_ref()) {
                Packing::Gzip | Packing::Zstd => Divisible::Unmeasured,
                // Files that the system makes up as they are read, as in `/proc`, have no length.
                Packing::Plain if file.length == 0 => Divisible::Unmeasured,
                Packing::Plain if whole => Divisible::Whole,
                Packing::Plain => Divisible::Ranges,
            }
        })?;
        Ok(splits
            .iter()
            .map(|split| Split::wrap(split.name(), split))
            .collect())
    }

    fn reader(&self, context: ReaderContext) -> Result<Box<dyn SourceReader>, ConnectorError> {
        Ok(Box::new(FileReader::new(
            Arc::clone(&self.reading),
            context,
        )))
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn format(&self) -> &'static str {
        match self.reading.format {
            Format::Lines => "text",
            Format::Csv => "fields",
            Format::JsonLines => "json",
        }
    }
}
