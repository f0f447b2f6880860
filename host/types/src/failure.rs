//! Why a task ends before its input does: three different things everywhere.
//!
//! A *guest failure* is an error that the user's code returned; a *trap* is code that broke or exceeded
//! a limit; a *host error* is ours or the machine's. Nothing converts one into another.

use thiserror::Error;

/// Why a task ended before its input did.
#[derive(Debug, Error, Clone)]
pub enum TaskFailure {
    /// The bundle returned an error.
    #[error(transparent)]
    Guest(#[from] GuestFailure),
    /// The bundle's code broke.
    #[error("the bundle's code trapped: {reason}{}", backtrace_text(.backtrace))]
    Trap {
        /// The sandbox's word for it, for instance `unreachable`.
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

fn backtrace_text(frames: &[String]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    format!("\n  in {}", frames.join("\n  in "))
}
