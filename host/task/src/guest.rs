//! Where a job's guest code comes from.

use wasmill_actor::CancelToken;
use wasmill_types::id::OperatorId;
use wasmill_types::operator::Operator;
use wasmill_types::{Blobs, TaskFailure};
use wasmill_wasm::{Bundle, Limits};

use crate::host::TaskHost;

/// The code of a bundle, from which each subtask gets an instance of its own.
pub trait GuestCode: Send + Sync {
    /// A fresh instance.
    ///
    /// # Errors
    /// When the sandbox cannot be set up.
    fn instantiate(
        &self,
        host: TaskHost,
        cancel: &CancelToken,
    ) -> Result<Box<dyn Operator<TaskHost>>, TaskFailure>;

    /// The splits of a source operator (`wit/source.wit`, `splits`).
    ///
    /// # Errors
    /// When the guest fails.
    fn splits(
        &self,
        args: &[String],
        operator: OperatorId,
        parallelism: u32,
    ) -> Result<Blobs, TaskFailure>;
}

/// A bundle with the limits it runs under.
#[derive(Debug)]
pub struct Sandboxed {
    /// The compiled bundle.
    pub bundle: Bundle,
    /// What an instance may cost.
    pub limits: Limits,
}

impl GuestCode for Sandboxed {
    fn instantiate(
        &self,
        host: TaskHost,
        cancel: &CancelToken,
    ) -> Result<Box<dyn Operator<TaskHost>>, TaskFailure> {
        Ok(Box::new(self.bundle.instantiate(
            host,
            &self.limits,
            cancel.clone(),
        )?))
    }

    fn splits(
        &self,
        args: &[String],
        operator: OperatorId,
        parallelism: u32,
    ) -> Result<Blobs, TaskFailure> {
        self.bundle
            .source_splits(args, operator, parallelism, &self.limits)
    }
}
