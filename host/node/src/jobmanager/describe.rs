//! The JobManager's look into bundles, in child processes.

use std::path::PathBuf;

use wasmill_jobmanager::{DescribeFailure, Describing, Programs, Validating};

use crate::internal::Answer;
use crate::programs;

/// Looks into bundles.
pub(super) struct InChildren(pub(super) programs::Programs);

impl Programs for InChildren {
    fn validate(&self, bundle: PathBuf) -> Validating {
        let programs = self.0.clone();
        Box::pin(async move {
            let answer = programs.ask("compile", &bundle, &[]).await;
            match answer.map_err(DescribeFailure::Host)? {
                Answer::Compiled | Answer::Described(_) => Ok(()),
                Answer::Refused(reason) => Err(DescribeFailure::Bundle(reason)),
                Answer::Failed(reason) => Err(DescribeFailure::Host(reason)),
            }
        })
    }

    fn describe(&self, bundle: PathBuf, args: Vec<String>) -> Describing {
        let programs = self.0.clone();
        Box::pin(async move {
            let answer = programs.ask("describe", &bundle, &args).await;
            match answer.map_err(DescribeFailure::Host)? {
                Answer::Described(spec) => Ok(*spec),
                Answer::Refused(reason) => Err(DescribeFailure::Bundle(reason)),
                Answer::Failed(reason) => Err(DescribeFailure::Host(reason)),
                Answer::Compiled => {
                    let reason = "the child process did not describe the bundle".to_owned();
                    Err(DescribeFailure::Host(reason))
                }
            }
        })
    }
}
