//! Why the JobManager did not do what it was asked; each case is one status over REST.

use thiserror::Error;
use wasmill_checkpoint::storage::StorageError;

use crate::bundles::BundleError;
use crate::programs::DescribeFailure;

/// Why the JobManager did not do what it was asked.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum JobManagerError {
    /// There is no such job or bundle of that tenant.
    #[error("{0}")]
    NotFound(String),
    /// What was given cannot be used: a bundle that is none, arguments that the program refuses.
    #[error("{0}")]
    Invalid(String),
    /// It is another tenant's.
    #[error("{0}")]
    Forbidden(String),
    /// The thing is in a state in which this cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// What was given is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// It took too long.
    #[error("{0}")]
    TimedOut(String),
    /// It cannot be done now, and may be later.
    #[error("{0}")]
    Unavailable(String),
    /// Something broke here.
    #[error("{0}")]
    Internal(String),
}

impl From<BundleError> for JobManagerError {
    fn from(error: BundleError) -> Self {
        let text = error.to_string();
        match error {
            BundleError::NotFound(_) => Self::NotFound(text),
            BundleError::TooLarge(_) => Self::TooLarge(text),
            BundleError::Empty | BundleError::Broken(_) => Self::Invalid(text),
            BundleError::TooMany(_) => Self::Unavailable(text),
            BundleError::Disk { source, .. } => Self::Internal(format!("{text}: {source}")),
        }
    }
}

impl From<StorageError> for JobManagerError {
    /// A snapshot that cannot be read or removed; what storage said belongs to it.
    fn from(error: StorageError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            text.push_str(&format!(": {source}"));
            cause = source.source();
        }
        Self::Invalid(text)
    }
}

impl From<DescribeFailure> for JobManagerError {
    fn from(failure: DescribeFailure) -> Self {
        match failure {
            DescribeFailure::Bundle(text) => Self::Invalid(text),
            DescribeFailure::Host(text) => Self::Internal(text),
        }
    }
}
