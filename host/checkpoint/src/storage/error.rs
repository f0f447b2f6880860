//! What can go wrong with storage, and whether to try again.
//!
//! Invariant: an error names the URL, and the fix where there is one.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use crate::metadata::MetadataError;

/// Why storage did not do what it was asked.
#[derive(Debug, Error)]
pub enum StorageError {
    /// A URL that means nothing.
    #[error("`{url}` is not a place for checkpoints: {what}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The storage of a URL cannot be set up.
    #[error("`{url}` cannot be used; check `checkpoint.storage.settings` and the environment")]
    Setup {
        /// The URL.
        url: String,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A setting that no storage knows.
    #[error("`checkpoint.storage.settings` has `{key}`, which no storage knows")]
    Setting {
        /// Its name.
        key: String,
    },
    /// There is no such file.
    #[error("`{url}` does not exist")]
    NotFound {
        /// The URL.
        url: String,
    },
    /// There is such a file already.
    #[error("`{url}` exists already; another JobMaster may be writing the same checkpoint")]
    Exists {
        /// The URL.
        url: String,
    },
    /// We may not.
    #[error(
        "{action} `{url}`: permission denied; give this process the right to read and write there"
    )]
    Denied {
        /// What was tried.
        action: &'static str,
        /// The URL.
        url: String,
        /// What storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no room.
    #[error("{action} `{url}`: no space left; free some, or configure another directory")]
    Full {
        /// What was tried.
        action: &'static str,
        /// The URL.
        url: String,
        /// What storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else.
    #[error("{action} `{url}` failed, tried {attempts} times")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// The URL.
        url: String,
        /// How often.
        attempts: u32,
        /// What storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Storage does not answer.
    #[error(
        "{action} `{url}`: no answer within {after:?}, tried {attempts} times; is it reachable?"
    )]
    TimedOut {
        /// What was tried.
        action: &'static str,
        /// The URL.
        url: String,
        /// How often.
        attempts: u32,
        /// How long one try waited.
        after: Duration,
    },
    /// Bytes are missing.
    #[error("`{url}` is truncated: {found} bytes of {expected} are there")]
    Short {
        /// The URL.
        url: String,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Bytes are others.
    #[error("`{url}` is corrupted: its checksum is {found:016x} instead of {expected:016x}")]
    Changed {
        /// The URL.
        url: String,
        /// As it was written.
        expected: u64,
        /// As it is.
        found: u64,
    },
    /// A directory with more files than a job's directory ever has.
    #[error("`{url}` has more files than are listed")]
    TooMany {
        /// The URL.
        url: String,
    },
    /// No snapshot.
    #[error(
        "`{path}` is not a checkpoint or savepoint: it has no `_metadata`; name the directory that has it"
    )]
    NoSnapshot {
        /// What was named.
        path: String,
    },
    /// A snapshot that cannot be used.
    #[error("`{path}` cannot be restored")]
    Metadata {
        /// What was named.
        path: String,
        /// What is wrong with it.
        #[source]
        source: MetadataError,
    },
}

/// What to do about a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may work the next time.
    TryAgain,
    /// It will not.
    GiveUp,
}

impl StorageError {
    /// Whether what was written is not there any more as it was; with other errors it may be.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::NoSnapshot { .. }
                | Self::Metadata { .. }
                | Self::Short { .. }
                | Self::Changed { .. }
        )
    }

    /// A local file could not be written.
    pub(super) fn local(path: &Path, error: io::Error) -> Self {
        of_io(
            "write",
            path.display().to_string(),
            1,
            error.kind(),
            Box::new(error),
        )
    }

    /// What storage said, as an error of ours.
    pub(super) fn of(
        action: &'static str,
        url: &str,
        attempts: u32,
        error: object_store::Error,
    ) -> Self {
        let url = url.to_owned();
        match &error {
            object_store::Error::NotFound { .. } => Self::NotFound { url },
            object_store::Error::AlreadyExists { .. } => Self::Exists { url },
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => Self::Denied {
                action,
                url,
                source: Box::new(error),
            },
            _ => {
                let kind = io_kind(&error).unwrap_or(io::ErrorKind::Other);
                of_io(action, url, attempts, kind, Box::new(error))
            }
        }
    }
}

fn of_io(
    action: &'static str,
    url: String,
    attempts: u32,
    kind: io::ErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StorageError {
    match kind {
        io::ErrorKind::NotFound => StorageError::NotFound { url },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StorageError::Denied {
                action,
                url,
                source,
            }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::Full {
                action,
                url,
                source,
            }
        }
        _ => StorageError::Failed {
            action,
            url,
            attempts,
            source,
        },
    }
}

/// Whether a failed try is worth another.
pub(super) fn verdict(error: &object_store::Error) -> Verdict {
    use io::ErrorKind::{
        FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, PermissionDenied,
        QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let lasting = [
        FileTooLarge,
        InvalidFilename,
        InvalidInput,
        IsADirectory,
        NotADirectory,
        PermissionDenied,
        QuotaExceeded,
        ReadOnlyFilesystem,
        StorageFull,
    ];
    match error {
        object_store::Error::Generic { .. } | object_store::Error::JoinError { .. } => {
            match io_kind(error) {
                Some(kind) if lasting.contains(&kind) => Verdict::GiveUp,
                Some(_) | None => Verdict::TryAgain,
            }
        }
        _ => Verdict::GiveUp,
    }
}

/// The system's error behind one of storage.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}
