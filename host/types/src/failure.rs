//! Why a task ends before its input does: three different things everywhere.
//!
//! A *guest failure* is an error that the user's code returned; a *trap* is code that broke or exceeded
//! a limit; a *host error* is ours or the machine's. Nothing converts one into another.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a task ended before its input did.
#[derive(Debug, Error, Clone)]
pub enum TaskFailure {
    /// The bundle returned an error.
    #[error(transparent)]
    Guest(#[from] GuestFailure),
    /// The bundle's code broke.
    #[error("{reason}{}", backtrace_text(.backtrace))]
    Trap {
        /// What happened, as a sentence: that the code panicked, where and with which words, or that it
        /// trapped, with the sandbox's word for it.
        reason: String,
        /// The guest's functions, innermost first; empty when unknown.
        backtrace: Vec<String>,
    },
    /// The bundle exceeded a limit.
    #[error("the bundle exceeded the limit `{limit}`: {message}")]
    Limit {
        /// The limit's name in the configuration.
        limit: &'static str,
        /// What was exceeded and by what.
        message: String,
    },
    /// The bundle broke the contract of `wit/`.
    #[error("the bundle broke the contract: {0}")]
    Contract(String),
    /// The host could not do its part.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The task was asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// An error that a bundle returned (`wit/types.wit`, `failure`).
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum GuestFailure {
    /// The user's code returned an error.
    #[error("the job's code failed: {0}")]
    User(String),
    /// A record could not be decoded or processed.
    #[error("bad record{}: {message}", .location.as_ref().map(|at| format!(" at {at}")).unwrap_or_default())]
    BadRecord {
        /// The record's index in its batch.
        index: u32,
        /// What is wrong with it.
        message: String,
        /// Where the record came from, once known: file and byte offset.
        location: Option<String>,
    },
    /// The bundle cannot do what it was asked.
    #[error("the bundle cannot go on: {0}")]
    Other(String),
}

/// Something that the host could not do, with what to do about it where that is known.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{message}")]
pub struct HostError {
    /// The whole story, for a person, on one line.
    pub message: String,
}

impl HostError {
    /// A host error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// A host error that says what was being done, to what, and why it failed.
    pub fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("{action} `{}`: {error}", path.display()))
    }
}

/// Why an attempt ended, as it is told to others and kept: the kind, and the whole story as text.
#[derive(Debug, Error, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[error("{message}")]
pub struct FailureCause {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The story, for a person.
    pub message: String,
}

/// What kind of thing failed; it says who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The user's code returned an error.
    Guest,
    /// A record could not be read.
    BadRecord,
    /// The bundle's code broke.
    Trap,
    /// The bundle exceeded a limit.
    Limit,
    /// The bundle broke the contract.
    Contract,
    /// The host, or the machine, could not do its part.
    Host,
    /// The host that ran the task is gone.
    Lost,
    /// The task ended because another did, which has the reason.
    Consequence,
}

impl FailureCause {
    /// A cause with this story.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl From<&TaskFailure> for FailureCause {
    fn from(failure: &TaskFailure) -> Self {
        let kind = match failure {
            TaskFailure::Guest(GuestFailure::BadRecord { .. }) => FailureKind::BadRecord,
            TaskFailure::Guest(_) => FailureKind::Guest,
            TaskFailure::Trap { .. } => FailureKind::Trap,
            TaskFailure::Limit { .. } => FailureKind::Limit,
            TaskFailure::Contract(_) => FailureKind::Contract,
            TaskFailure::Host(_) => FailureKind::Host,
            TaskFailure::Cancelled => FailureKind::Consequence,
        };
        Self::new(kind, failure.to_string())
    }
}

fn backtrace_text(frames: &[String]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    format!("\n  in {}", frames.join("\n  in "))
}
