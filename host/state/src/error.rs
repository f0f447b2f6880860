//! What can go wrong with state that is not a guest's fault.
//!
//! Snapshots and restores fail with [`StateError`]; inside a guest's call it becomes a host error, which
//! fails the task. Invariant: an error names the file or the stream, so a person knows where to look.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wasmill_types::{HostError, TaskFailure};

/// State could not be kept, saved or brought back.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file system refused.
    #[error("{action} `{}`", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A stream broke while a snapshot was written to it or read from it.
    #[error("{action} a snapshot's stream")]
    Stream {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// RocksDB refused.
    #[error("{action} the state in `{}`", path.display())]
    Rocks {
        /// What was being done.
        action: &'static str,
        /// The directory of the database.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: rocksdb::Error,
    },
    /// A snapshot is not what was written.
    #[error("the snapshot is damaged: {0}; restore an earlier one")]
    Corrupt(String),
    /// A snapshot that is whole but does not fit what is to be restored.
    #[error("{0}")]
    Mismatch(String),
    /// What a snapshot holds breaks a limit of the task that restores it.
    #[error("restore the state")]
    Refused(#[source] Box<TaskFailure>),
    /// The task was asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl StateError {
    /// Makes an error of the file system's.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Makes an error of a stream's.
    pub(crate) fn stream(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Stream { action, source }
    }

    /// Makes an error of RocksDB's.
    pub(crate) fn rocks(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(rocksdb::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Rocks {
            action,
            path,
            source,
        }
    }
}

impl From<StateError> for TaskFailure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Cancelled => Self::Cancelled,
            StateError::Refused(failure) => *failure,
            other => Self::Host(HostError::new(whole_story(&other))),
        }
    }
}

/// The error and its causes on one line.
fn whole_story(error: &StateError) -> String {
    let mut story = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        story.push_str(": ");
        story.push_str(&error.to_string());
        cause = error.source();
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_file_system_tells_the_whole_story() {
        let error = StateError::io("link", "/state/000007.sst")(io::Error::other("no space left"));
        let failure = TaskFailure::from(error);
        assert!(matches!(failure, TaskFailure::Host(_)));
        assert_eq!(
            failure.to_string(),
            "link `/state/000007.sst`: no space left"
        );
    }
}
