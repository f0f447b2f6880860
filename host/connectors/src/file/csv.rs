//! CSV without the reading: what a header means for the rows under it, and one line cut into fields.
//!
//! Called by [`super::cursor`] for each row. Quoting is RFC 4180's; what the RFC does not allow (a quote
//! within an unquoted field, text behind a closing quote) is taken as data. Invariant: a row that is
//! returned as a problem leaves nothing in the output.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use memchr::{memchr, memchr_iter};
use thiserror::Error;

use super::{COLUMNS, DELIMITER, MULTILINE, OPTIONAL_COLUMNS};
use crate::catalog::{cut, quoted};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::payload::{NAMED, push_field};

/// What a job said about its CSV files.
#[derive(Debug)]
pub(super) struct CsvOptions {
    pub(super) delimiter: u8,
    pub(super) columns: Option<Vec<String>>,
    /// Those of the columns that a file may lack.
    pub(super) optional: Vec<String>,
    pub(super) multiline: bool,
}

impl CsvOptions {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self, ConnectorError> {
        let &[delimiter] = options.always(DELIMITER)?.as_bytes() else {
            return Err(options.bad(DELIMITER, "it must be a single byte, for instance `;`"));
        };
        if matches!(delimiter, b'"' | b'\n' | b'\r') || !delimiter.is_ascii() {
            let reason = "quotes and line ends already have a meaning in CSV";
            return Err(options.bad(DELIMITER, reason));
        }
        let columns = names(options, COLUMNS)?;
        if columns.as_ref().is_some_and(Vec::is_empty) {
            return Err(options.bad(COLUMNS, "it names no column; leave it out to read all"));
        }
        let optional = names(options, OPTIONAL_COLUMNS)?.unwrap_or_default();
        let known = columns.as_deref().unwrap_or_default();
        if let Some(stray) = optional.iter().find(|name| !known.contains(name)) {
            let reason = format!("`{}` is not one of `columns`", cut(stray));
            return Err(options.bad(OPTIONAL_COLUMNS, &reason));
        }
        Ok(Self {
            delimiter,
            columns,
            optional,
            multiline: options.flag(MULTILINE)?,
        })
    }

    /// A parser for these files that has no expectation of a byte order mark.
    pub(super) fn parser(&self, terminator: Terminator) -> Reader {
        let mut builder = ReaderBuilder::new();
        let mut reader = builder
            .delimiter(self.delimiter)
            .terminator(terminator)
            .build();
        restart(&mut reader);
        reader
    }
}

/// The column names that an option lists.
fn names(options: &Options<'_>, name: &'static str) -> Result<Option<Vec<String>>, ConnectorError> {
    let Some(text) = options.text(name)? else {
        return Ok(None);
    };
    let reason = "it must be a JSON array of column names: `[\"name\", \"age\"]`";
    let parsed = serde_json::from_str(text);
    parsed
        .map(Some)
        .map_err(|error| options.bad(name, &format!("{reason}; {error}")))
}

/// Lets a parser forget an unfinished row. Its own `reset` makes it drop a byte order mark next, which
/// at this place is data; a line end that belongs to no row ends that.
pub(super) fn restart(reader: &mut Reader) {
    reader.reset();
    let result = reader.read_record(b"\n", &mut [0], &mut [0]);
    debug_assert_eq!(result, (ReadRecordResult::InputEmpty, 1, 0, 0));
}

/// The fields of a row: where each starts and ends in `bytes`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) bounds: &'a [(u32, u32)],
}

impl<'a> Fields<'a> {
    #[inline]
    fn get(&self, index: usize) -> &'a [u8] {
        let (start, end) = self.bounds[index];
        &self.bytes[start as usize..end as usize]
    }

    fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.bounds.len()).map(move |index| self.get(index))
    }
}

/// Why a row is a bad record.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    #[error("the row has {found} fields, the header has {expected}")]
    FieldCount { found: usize, expected: usize },
    #[error("the row has more than {limit} fields")]
    TooManyFields { limit: usize },
    #[error(
        "the row ends inside a quoted field; set `multiline` to `true` if fields may hold line ends"
    )]
    OpenQuote,
    #[error("the file ends inside the quoted field of a row")]
    OpenQuoteAtEnd,
    #[error("the row makes a record longer than the limit of {limit} bytes")]
    TooLarge { limit: usize },
}

/// What a file's header means for the rows under it.
#[derive(Debug)]
pub(super) struct Layout {
    width: usize,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// Each column's name as a field, ready to be copied in front of the value.
    Pairs(Vec<Vec<u8>>),
    /// Which field of the row comes at which place.
    Columns(Vec<usize>),
    /// The columns that a file has of those that it may lack: name and place of each.
    Present(Vec<(Vec<u8>, usize)>),
}

impl Layout {
    /// The layout of `file`, whose header is `header`.
    pub(super) fn new(
        header: Fields<'_>,
        options: &CsvOptions,
        file: &str,
    ) -> Result<Self, ConnectorError> {
        let width = header.bounds.len();
        let Some(columns) = &options.columns else {
            let shape = Shape::Pairs(header.iter().map(name_field).collect());
            return Ok(Self { width, shape });
        };
        let mut found = Vec::with_capacity(columns.len());
        for name in columns {
            let mut places = (0..width).filter(|i| header.get(*i) == name.as_bytes());
            match (places.next(), places.next()) {
                (Some(place), None) => found.push((name, place)),
                (Some(_), Some(_)) => return Err(twice(name, file)),
                (None, _) if options.optional.contains(name) => {}
                (None, _) => return Err(missing(name, header, file)),
            }
        }
        let shape = if found.len() == columns.len() {
            Shape::Columns(found.into_iter().map(|(_, place)| place).collect())
        } else if found.is_empty() {
            // This is no file of theirs, whatever they can do without.
            return Err(missing(&columns[0], header, file));
        } else {
            let named = |(name, place): (&String, usize)| (name_field(name.as_bytes()), place);
            Shape::Present(found.into_iter().map(named).collect())
        };
        Ok(Self { width, shape })
    }

    /// Appends a row to `data`, as the payload of one record of at most `limit` bytes.
    #[inline]
    pub(super) fn encode(
        &self,
        row: Fields<'_>,
        limit: usize,
        data: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let (found, expected) = (row.bounds.len(), self.width);
        if found != expected {
            return Err(Problem::FieldCount { found, expected });
        }
        let start = data.len();
        match &self.shape {
            Shape::Pairs(names) => {
                for (index, name) in names.iter().enumerate() {
                    data.extend_from_slice(name);
                    push_field(data, row.get(index));
                }
            }
            Shape::Columns(places) => places
                .iter()
                .for_each(|index| push_field(data, row.get(*index))),
            Shape::Present(found) => {
                data.extend_from_slice(&NAMED);
                for (name, index) in found {
                    data.extend_from_slice(name);
                    push_field(data, row.get(*index));
                }
            }
        }
        if data.len() - start > limit {
            data.truncate(start);
            return Err(Problem::TooLarge { limit });
        }
        Ok(())
    }
}

/// Cuts single lines into fields. Its memory is bounded by the longest line allowed.
#[derive(Debug)]
pub(super) struct LineParser {
    delimiter: u8,
    /// Boxed: its tables are large.
    reader: Box<Reader>,
    output: Vec<u8>,
    ends: Vec<usize>,
    bounds: Vec<(u32, u32)>,
}

impl LineParser {
    pub(super) fn new(options: &CsvOptions) -> Self {
        Self {
            delimiter: options.delimiter,
            reader: Box::new(options.parser(Terminator::Any(b'\n'))),
            output: Vec::new(),
            ends: Vec::new(),
            bounds: Vec::new(),
        }
    }

    /// The fields of a line that is not empty.
    #[inline]
    pub(super) fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<Fields<'a>, Problem> {
        self.bounds.clear();
        if memchr(b'"', line).is_some() {
            return self.parse_quoted(line);
        }
        let mut start = 0;
        for end in memchr_iter(self.delimiter, line) {
            self.bounds.push((start, end as u32));
            start = end as u32 + 1;
        }
        self.bounds.push((start, line.len() as u32));
        let bounds = &self.bounds;
        Ok(Fields {
            bytes: line,
            bounds,
        })
    }

    fn parse_quoted(&mut self, line: &[u8]) -> Result<Fields<'_>, Problem> {
        // Unquoting never makes a line longer, and every field but one has a delimiter.
        self.output.resize(line.len() + 1, 0);
        let fields = memchr_iter(self.delimiter, line).count() + 1;
        self.ends.resize(fields + 1, 0);
        let (result, read, written, ended) =
            self.reader
                .read_record(line, &mut self.output, &mut self.ends);
        debug_assert_eq!((result, read), (ReadRecordResult::InputEmpty, line.len()));
        // Within quotes the line end is data, and the row goes on.
        let (result, _, _, last) =
            self.reader
                .read_record(b"\n", &mut self.output[written..], &mut self.ends[ended..]);
        if result != ReadRecordResult::Record {
            restart(&mut self.reader);
            return Err(Problem::OpenQuote);
        }
        set_bounds(&mut self.bounds, &self.ends[..ended + last]);
        Ok(Fields {
            bytes: &self.output,
            bounds: &self.bounds,
        })
    }
}

/// Bounds of fields that lie back to back.
pub(super) fn set_bounds(bounds: &mut Vec<(u32, u32)>, ends: &[usize]) {
    bounds.clear();
    let mut start = 0;
    bounds.extend(ends.iter().map(|end| {
        let bound = (start, *end as u32);
        start = *end as u32;
        bound
    }));
}

/// A column's name as a field.
fn name_field(name: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(name.len() + 2);
    push_field(&mut field, name);
    field
}

fn missing(column: &str, header: Fields<'_>, file: &str) -> ConnectorError {
    const SHOWN: usize = 30;
    let names = header.iter().take(SHOWN);
    let names: Vec<_> = names
        .map(|name| cut(&String::from_utf8_lossy(name)))
        .collect();
    let more = match header.bounds.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (column, names) = (cut(column), quoted(&names));
    ConnectorError::Input {
        input: file.to_owned(),
        problem: format!("has no column `{column}`; its header names {names}{more}"),
    }
}

fn twice(column: &str, file: &str) -> ConnectorError {
    ConnectorError::Input {
        input: file.to_owned(),
        problem: format!("has more than one column `{}`; rename one", cut(column)),
    }
}
