//! Runs a job in every shape that must not matter.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use wasmill::testing::{Job, Outcome};

/// Runs the job apart and chained, with 1 to 4 subtasks, in tiny and large batches.
pub(crate) fn every_shape(job: &Job, mut check: impl FnMut(&Outcome, &str)) {
    for chained in [false, true] {
        for parallelism in 1..=4 {
            for (batch_records, batch_bytes) in [(1, 1), (7, 64), (256, 32 << 10)] {
                let mut job = job.clone().parallelism(parallelism);
                if chained {
                    job = job.chained();
                }
                job = job.batch_records(batch_records).batch_bytes(batch_bytes);
                let shape = format!(
                    "chained: {chained}, parallelism {parallelism}, batches of {batch_records}"
                );
                match job.run() {
                    Ok(outcome) => check(&outcome, &shape),
                    Err(problem) => panic!("{shape}: {problem:#}"),
                }
            }
        }
    }
}

/// Checks that a sink gets these records in every shape, in any order.
pub(crate) fn check_records<T>(job: &Job, sink: &str, mut expected: Vec<T>)
where
    T: DeserializeOwned + Ord + Debug,
{
    expected.sort();
    every_shape(job, |outcome, shape| {
        assert_eq!(outcome.sorted::<T>(sink), expected, "{shape}");
    });
}

/// Checks that the job fails with a message that has these parts.
#[track_caller]
pub(crate) fn check_failure(job: &Job, parts: &[&str]) {
    match job.run() {
        Ok(outcome) => panic!("the job ended well: {outcome:?}"),
        Err(problem) => {
            let message = format!("{problem:#}");
            for part in parts {
                assert!(message.contains(part), "`{part}` is not in: {message}");
            }
        }
    }
}
