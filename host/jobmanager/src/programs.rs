//! What the JobManager lets others do with bundles: it never runs or compiles a guest itself.
//!
//! `node` implements [`Programs`] with limited child processes, tests with graphs in memory.

use std::path::PathBuf;
use std::pin::Pin;

use thiserror::Error;
use wasmill_types::job::JobSpec;

/// The describing of a program.
pub type Describing = Pin<Box<dyn Future<Output = Result<JobSpec, DescribeFailure>> + Send>>;

/// The validating of a bundle.
pub type Validating = Pin<Box<dyn Future<Output = Result<(), DescribeFailure>> + Send>>;

/// Looks into bundles. Both may be dropped at any time, which ends the work.
pub trait Programs: Send + Sync + 'static {
    /// Whether a file is a bundle that can run here.
    fn validate(&self, bundle: PathBuf) -> Validating;

    /// The graph of the program in a bundle, run with these arguments.
    fn describe(&self, bundle: PathBuf, args: Vec<String>) -> Describing;
}

/// Why there is no graph.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DescribeFailure {
    /// The bundle, or the program in it, refuses; for the person who wrote it.
    #[error("{0}")]
    Bundle(String),
    /// This machine could not do its part.
    #[error("{0}")]
    Host(String),
}
