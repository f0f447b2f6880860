//! The connector `file`: reads files of lines, CSV or JSON lines, and writes part files.
//!
//! As a source:
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `path` | required | a file, a directory or a glob pattern |
//! | `format` | `lines` | `lines`, `csv` or `json-lines` |
//! | `split-bytes` | `32 MiB` | the largest part of a file that one reader takes at a time |
//! | `delimiter` | `,` | csv: the byte between fields |
//! | `columns` | absent | csv: JSON array of the columns to read, in this order; absent: all, with names |
//! | `optional-columns` | absent | csv: JSON array of those of `columns` that a file may lack |
//! | `multiline` | `false` | csv: whether a quoted field may hold line ends |
//!
//! A path that exists is taken as it is; else one with `*`, `?` or `[` is a pattern. Directories are
//! read recursively, in the order of their names; names that start with `.` or `_` are left out, in a
//! pattern unless a part of it starts with that character itself. `.gz` and `.zst` files are unpacked
//! and not split. A byte order mark at a file's start is dropped.
//!
//! Records are of the format `text` (`lines`: a line without its end), `json` (`json-lines`: the line;
//! blank lines are left out) or `fields` (`csv`: the chosen columns in order, or names and values in
//! turn; of a file that lacks a column an empty value that is longer than it need be, `80 00`, and then
//! names and values in turn). Every CSV file starts with a header line; blank lines are left out; a row with another number
//! of fields than the header is a bad record.
//!
//! As a sink:
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `path` | required | the directory for the part files; made if it is missing |
//! | `format` | `lines` | `lines`, `csv` or `json-lines`: decides the extension only |
//! | `extension` | by format | `txt`, `csv` or `jsonl` unless given |
//! | `header` | absent | a line written at the start of each part file |
//! | `on-existing` | `fail` | what to do about part files that are there: `fail`, `overwrite`, `append` |
//! | `roll-bytes` | `1 GiB` | the size at which another part file is started |
//!
//! Each record becomes a line of `part-<subtask>-<sequence>.<extension>`. Until the job commits, the
//! files are hidden under other names; what a killed run left of them is removed by the next run that has
//! the directory for itself. A record that holds a line end is refused unless the format is `csv`, where
//! quotes keep it together. Invariant: what stands under a final name is complete.

mod commit;
mod csv;
mod cursor;
mod directory;
mod find;
mod input;
mod part;
mod reader;
mod rows;
mod sink;
mod source;
mod split;

pub(crate) use sink::FileSink;
pub(crate) use source::FileSource;

use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};

pub(crate) const PATH: &str = "path";
const FORMAT: &str = "format";
const SPLIT_BYTES: &str = "split-bytes";
const DELIMITER: &str = "delimiter";
const COLUMNS: &str = "columns";
const OPTIONAL_COLUMNS: &str = "optional-columns";
const MULTILINE: &str = "multiline";
const EXTENSION: &str = "extension";
const HEADER: &str = "header";
const ON_EXISTING: &str = "on-existing";
const ROLL_BYTES: &str = "roll-bytes";

/// The source's doc.
pub(crate) const SOURCE: ConnectorDoc = ConnectorDoc {
    name: "file",
    kind: ConnectorKind::Source,
    summary: "Reads files of lines, CSV or JSON lines.",
    options: &[
        OptionDoc::new(
            PATH,
            OptionDefault::Required,
            "a file, a directory (read recursively) or a glob pattern",
        ),
        OptionDoc::new(
            FORMAT,
            OptionDefault::Value("lines"),
            "`lines`, `csv` or `json-lines`",
        ),
        OptionDoc::new(
            SPLIT_BYTES,
            OptionDefault::Value("32 MiB"),
            "the largest part of a file that one reader takes at a time",
        ),
        OptionDoc::new(
            DELIMITER,
            OptionDefault::Value(","),
            "csv: the byte between fields",
        ),
        OptionDoc::new(
            COLUMNS,
            OptionDefault::Absent,
            "csv: a JSON array of the columns to read, in this order; absent: all columns, each value \
             after its name",
        ),
        OptionDoc::new(
            OPTIONAL_COLUMNS,
            OptionDefault::Absent,
            "csv: a JSON array of those of `columns` that a file may lack; absent: none",
        ),
        OptionDoc::new(
            MULTILINE,
            OptionDefault::Value("false"),
            "csv: whether a quoted field may hold line ends; `true` keeps files from being split",
        ),
    ],
};

/// The sink's doc.
pub(crate) const SINK: ConnectorDoc = ConnectorDoc {
    name: "file",
    kind: ConnectorKind::Sink,
    summary: "Writes records as lines of part files, which become visible when the job is done.",
    options: &[
        OptionDoc::new(
            PATH,
            OptionDefault::Required,
            "the directory for the part files; made if it is missing",
        ),
        OptionDoc::new(
            FORMAT,
            OptionDefault::Value("lines"),
            "`lines`, `csv` or `json-lines`: decides the extension only",
        ),
        OptionDoc::new(
            EXTENSION,
            OptionDefault::Absent,
            "the part files' extension; absent: `txt`, `csv` or `jsonl` by format",
        ),
        OptionDoc::new(
            HEADER,
            OptionDefault::Absent,
            "a line written at the start of each part file; absent: none",
        ),
        OptionDoc::new(
            ON_EXISTING,
            OptionDefault::Value("fail"),
            "what to do about part files that are there: `fail`, `overwrite` or `append`",
        ),
        OptionDoc::new(
            ROLL_BYTES,
            OptionDefault::Value("1 GiB"),
            "the size at which another part file is started",
        ),
    ],
};

/// How the lines of a file are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Lines,
    Csv,
    JsonLines,
}

impl Format {
    const WORDS: [(&'static str, Self); 3] = [
        ("lines", Self::Lines),
        ("csv", Self::Csv),
        ("json-lines", Self::JsonLines),
    ];
}

#[cfg(test)]
mod tests;
