//! How many failed checkpoints in a row a job bears (semantics §7.20).
//!
//! Invariants: a checkpoint counts once; a success of a newer one makes all before it not count.

use std::collections::BTreeSet;

use crate::CheckpointId;
use crate::failure::FailureReason;

/// What the job's failure says.
pub(super) const EXCEEDED: &str = "Exceeded checkpoint tolerable failure threshold.";

/// The failures since the last success. Bounded by the tolerable ones.
#[derive(Debug)]
pub(super) struct Failures {
    tolerable: u32,
    counted: BTreeSet<CheckpointId>,
    last_success: Option<CheckpointId>,
}

impl Failures {
    pub(super) fn new(tolerable: u32) -> Self {
        Self {
            tolerable,
            counted: BTreeSet::new(),
            last_success: None,
        }
    }

    /// A checkpoint failed. Says whether that was one too many; then the count starts again.
    pub(super) fn failed(&mut self, checkpoint: CheckpointId, reason: FailureReason) -> bool {
        let is_old = self
            .last_success
            .is_some_and(|success| checkpoint <= success);
        if !reason.counts() || is_old {
            return false;
        }
        self.counted.insert(checkpoint);
        let exceeded = self.counted.len() > self.tolerable as usize;
        if exceeded {
            self.counted.clear();
        }
        exceeded
    }

    /// A checkpoint completed.
    pub(super) fn succeeded(&mut self, checkpoint: CheckpointId) {
        if self.last_success < Some(checkpoint) {
            self.last_success = Some(checkpoint);
            self.counted.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use FailureReason::{CheckpointDeclined, CheckpointExpired, CheckpointSubsumed, IoException};

    use super::*;

    /// Steps: a checkpoint with its failure, or none when it completed, and whether the job fails.
    fn check(tolerable: u32, steps: &[(u64, Option<FailureReason>, bool)]) {
        let mut failures = Failures::new(tolerable);
        for (index, (checkpoint, reason, exceeded)) in steps.iter().enumerate() {
            let id = CheckpointId(*checkpoint);
            let found = match reason {
                Some(reason) => failures.failed(id, *reason),
                None => {
                    failures.succeeded(id);
                    false
                }
            };
            assert_eq!(found, *exceeded, "step {index}");
        }
    }

    #[test]
    fn consecutive_counted_failures_above_n_fail_the_job_and_the_counter_resets() {
        let declined = Some(CheckpointDeclined);
        check(0, &[(1, declined, true), (2, declined, true)]);
        check(
            1,
            &[
                (1, declined, false),
                (2, Some(IoException), true),
                (3, declined, false),
            ],
        );
    }

    #[test]
    fn any_success_of_a_newer_id_resets_the_counter() {
        let expired = Some(CheckpointExpired);
        check(
            1,
            &[
                (1, expired, false),
                (2, None, false),
                (3, expired, false),
                (4, expired, true),
            ],
        );
    }

    #[test]
    fn one_checkpoint_id_counts_once() {
        let declined = Some(CheckpointDeclined);
        check(
            1,
            &[
                (1, declined, false),
                (1, declined, false),
                (2, declined, true),
            ],
        );
    }

    #[test]
    fn failures_of_ids_older_than_the_last_success_are_ignored() {
        let declined = Some(CheckpointDeclined);
        check(
            0,
            &[
                (5, None, false),
                (4, declined, false),
                (5, declined, false),
                (6, declined, true),
            ],
        );
    }

    #[test]
    fn only_the_listed_reasons_count() {
        check(0, &[(1, Some(CheckpointSubsumed), false)]);
        let counted: Vec<_> = FailureReason::ALL
            .into_iter()
            .filter(|reason| Failures::new(0).failed(CheckpointId(1), *reason))
            .map(FailureReason::name)
            .collect();
        let expected = [
            "IO_EXCEPTION",
            "CHECKPOINT_ASYNC_EXCEPTION",
            "CHECKPOINT_EXPIRED",
            "CHECKPOINT_DECLINED",
            "FINALIZE_CHECKPOINT_FAILURE",
        ];
        assert_eq!(counted, expected);
    }
}
