//! Why a connector could not do what it was asked.
//!
//! Invariant: every message names the thing (connector, option, file, address) and, where there is
//! one, the fix. The operating system's own word is the error's source; [`HostError`] made of a
//! [`ConnectorError`] holds both on one line.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wasmill_types::{HostError, TaskFailure};

use crate::catalog::ConnectorKind;

/// Why a connector could not do what it was asked.
#[derive(Debug, Error)]
pub enum ConnectorError {
    /// No connector of this kind has this name.
    #[error("there is no {kind} connector `{name}`{hint}; the {kind} connectors are {known}")]
    UnknownConnector {
        /// Source or sink.
        kind: ConnectorKind,
        /// The name asked for.
        name: String,
        /// What was probably meant, as the end of a clause; may be empty.
        hint: String,
        /// All names.
        known: String,
    },
    /// The connector has no such option.
    #[error("{connector} has no option `{option}`{hint}; its options are {known}")]
    UnknownOption {
        /// The connector with its kind.
        connector: String,
        /// The name given.
        option: String,
        /// What was probably meant, as the end of a clause; may be empty.
        hint: String,
        /// All names.
        known: String,
    },
    /// An option without which the connector cannot work.
    #[error("{connector} needs the option `{option}`: {meaning}")]
    MissingOption {
        /// The connector with its kind.
        connector: String,
        /// The option.
        option: &'static str,
        /// What it is for.
        meaning: &'static str,
    },
    /// An option whose value makes no sense.
    #[error("{connector}, option `{option}`, value `{value}`: {reason}")]
    BadOption {
        /// The connector with its kind.
        connector: String,
        /// The option.
        option: String,
        /// The value given, cut when long.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A path that the configuration does not allow.
    #[error(
        "`{path}` is not below a directory that jobs may use; allow one with `connectors.file.roots`"
    )]
    NotAllowed {
        /// The path as the job gave it.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was being done: an infinitive, as in "cannot open".
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The operating system's word for it.
        source: io::Error,
    },
    /// The network refused something.
    #[error("cannot {action} `{address}`")]
    Network {
        /// What was being done: an infinitive.
        action: &'static str,
        /// With whom.
        address: String,
        /// The operating system's word for it.
        source: io::Error,
    },
    /// Input that as a whole is not what it should be.
    #[error("`{input}` {problem}")]
    Input {
        /// The file, directory or pattern.
        input: String,
        /// What is wrong with it, as the rest of the sentence.
        problem: String,
    },
    /// A record that is not what its format demands, under the policy `fail`.
    #[error(
        "bad record at {location}: {problem}; leave such records out with `--on-bad-record skip`"
    )]
    BadRecord {
        /// Where it starts.
        location: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A record that would read back as several.
    #[error(
        "a record for `{path}` holds a line end and would read back as several: `{record}`; take it out, \
         or write CSV or JSON, which keep such a record together"
    )]
    LineEnd {
        /// The output directory.
        path: PathBuf,
        /// The record, cut when long.
        record: String,
    },
    /// The output directory is in use.
    #[error(
        "output directory `{path}` already holds part files, for instance `{example}`; choose another \
         output directory or empty this one; the job's author can also let its sink `overwrite` or \
         `append` with the option `on-existing`"
    )]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// One of the files.
        example: String,
    },
    /// Two sinks of one job with one output directory.
    #[error(
        "sinks `{first}` and `{second}` both write to `{path}`; give each a directory of its own"
    )]
    SharedDirectory {
        /// The operator that comes first.
        first: String,
        /// The other one.
        second: String,
        /// The directory as the other one has it.
        path: PathBuf,
    },
    /// A commit that found the directory occupied before it had placed anything; its output is removed.
    #[error(
        "another job wrote to `{path}` meanwhile, for instance `{example}`; run the job again with \
         another directory"
    )]
    TakenMeanwhile {
        /// The directory.
        path: PathBuf,
        /// One of the other job's files.
        example: String,
    },
    /// A commit that stopped halfway. The other parts are still there under temporary names: the caller
    /// repeats the commit, which goes on where it stopped, or discards them.
    #[error(
        "made {placed} of {total} part files visible in `{path}` (visible: {standing}; not visible: \
         {missing})"
    )]
    Commit {
        /// The output directory.
        path: PathBuf,
        /// How many stand under their final names.
        placed: usize,
        /// How many should.
        total: usize,
        /// The names that stand.
        standing: String,
        /// The names that do not.
        missing: String,
        /// What stopped it.
        source: Box<Self>,
    },
    /// A split or committable that another connector, or another version, made.
    #[error("`{name}` is not a {what} of this connector: {reason}")]
    Foreign {
        /// Its name.
        name: String,
        /// `split` or `committable`.
        what: &'static str,
        /// How that was noticed.
        reason: String,
    },
}

/// What to do about a [`ConnectorError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The job or its configuration must change; trying again is of no use.
    Options,
    /// The data must change, or bad records must be skipped; trying again is of no use.
    Data,
    /// The machine or the network must change; trying again may help.
    Environment,
}

impl ConnectorError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownConnector { .. }
            | Self::UnknownOption { .. }
            | Self::MissingOption { .. }
            | Self::BadOption { .. }
            | Self::NotAllowed { .. }
            | Self::Occupied { .. }
            | Self::SharedDirectory { .. }
            | Self::TakenMeanwhile { .. }
            | Self::Foreign { .. } => ErrorKind::Options,
            Self::Input { .. } | Self::BadRecord { .. } | Self::LineEnd { .. } => ErrorKind::Data,
            Self::Io { .. } | Self::Network { .. } => ErrorKind::Environment,
            Self::Commit { source, .. } => source.kind(),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn input(input: &Path, problem: impl Into<String>) -> Self {
        Self::Input {
            input: input.display().to_string(),
            problem: problem.into(),
        }
    }
}

impl From<ConnectorError> for HostError {
    fn from(error: ConnectorError) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            message.push_str(": ");
            message.push_str(&source.to_string());
            if let Some(fix) = source.downcast_ref().and_then(fix) {
                message.push_str("; ");
                message.push_str(fix);
            }
            cause = source.source();
        }
        Self::new(message)
    }
}

/// What to do about a limit of the machine that was reached.
fn fix(error: &io::Error) -> Option<&'static str> {
    /// The number of "too many open files in the process" on every Unix.
    const EMFILE: i32 = 24;
    /// The number of "too many open files in the system" on every Unix.
    const ENFILE: i32 = 23;
    match error.kind() {
        io::ErrorKind::StorageFull => {
            Some("free space there or choose a directory on another disk")
        }
        io::ErrorKind::QuotaExceeded => {
            Some("free space, have the quota raised or choose a directory on another disk")
        }
        io::ErrorKind::FileTooLarge => Some(
            "raise the limit of a file's size (`ulimit -f`) or write smaller files (`roll-bytes`)",
        ),
        _ => match error.raw_os_error() {
            Some(EMFILE) => {
                Some("raise the limit of open files (`ulimit -n`) or lower the parallelism")
            }
            Some(ENFILE) => Some("close other programs, the whole system has too many files open"),
            _ => None,
        },
    }
}

impl From<ConnectorError> for TaskFailure {
    fn from(error: ConnectorError) -> Self {
        Self::Host(error.into())
    }
}
