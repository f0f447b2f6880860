//! How a job's checkpoints are taken: the job's options under `execution.checkpointing` (semantics §7.1).
//!
//! Read by the coordinator and shown by REST. Each field names its key.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmill_graph::JobGraph;
use wasmill_types::job::Partitioning;
use wasmill_types::status::JobStatus;

/// How a job's checkpoints are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// `interval`: how often a checkpoint is taken; none takes none by itself.
    pub interval: Option<Duration>,
    /// `interval-during-backlog`: how often while a source reports a backlog; zero takes none meanwhile,
    /// none changes nothing (semantics §7.23).
    pub interval_during_backlog: Option<Duration>,
    /// `mode`: what a barrier guarantees.
    pub mode: Mode,
    /// `timeout`: how long a checkpoint may take before it is given up.
    pub timeout: Duration,
    /// `min-pause`: how long after a completed checkpoint the next periodic one waits at least.
    pub min_pause: Duration,
    /// `max-concurrent-checkpoints`: how many may be under way.
    pub max_concurrent: NonZeroU32,
    /// `tolerable-failed-checkpoints`: how many failures in a row do not fail the job.
    pub tolerable_failures: u32,
    /// `num-retained`: how many completed checkpoints are kept.
    pub retained: NonZeroU32,
    /// `externalized-checkpoint-retention`: what happens to them when the job ends.
    pub retention: Retention,
    /// `unaligned.enabled`: whether barriers may overtake.
    pub unaligned: bool,
    /// `unaligned.forced`: whether they may with custom partitioning too.
    pub unaligned_forced: bool,
    /// `aligned-checkpoint-timeout`: how long an unaligned checkpoint tries to align first.
    pub aligned_timeout: Duration,
    /// `checkpoints-after-tasks-finish`: whether checkpoints go on when some tasks have finished.
    pub after_tasks_finish: bool,
    /// `dir`: where checkpoints are kept.
    pub directory: Option<String>,
    /// `savepoint-dir`: where savepoints go that name no directory.
    pub savepoint_directory: Option<String>,
    /// `web.checkpoints.history`: how many checkpoints the statistics remember.
    pub history: NonZeroU32,
}

/// What a barrier guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The effect of each record on state is there exactly once.
    #[default]
    ExactlyOnce,
    /// The effect of each record is there at least once, without waiting at barriers.
    AtLeastOnce,
}

/// What happens to completed checkpoints when the job ends (semantics §7.22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// They are deleted.
    #[default]
    NoExternalizedCheckpoints,
    /// They are kept when the job failed.
    DeleteOnCancellation,
    /// They are kept when the job failed or was cancelled or suspended.
    RetainOnCancellation,
}

impl Retention {
    /// Whether completed checkpoints are kept when the job ends in this state.
    pub fn keeps(self, status: JobStatus) -> bool {
        match self {
            Self::NoExternalizedCheckpoints => false,
            Self::DeleteOnCancellation => status == JobStatus::Failed,
            Self::RetainOnCancellation => matches!(
                status,
                JobStatus::Failed | JobStatus::Canceled | JobStatus::Suspended
            ),
        }
    }
}

/// Options that do not go together, or not with the job.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum OptionsError {
    /// Unaligned barriers need blocking ones to fall back to.
    #[error(
        "unaligned checkpoints need exactly-once mode; set `execution.checkpointing.mode: exactly-once` \
         or switch `execution.checkpointing.unaligned.enabled` off"
    )]
    UnalignedAtLeastOnce,
    /// Two barriers cannot overtake at once.
    #[error(
        "unaligned checkpoints allow one at a time, not {0}; set \
         `execution.checkpointing.max-concurrent-checkpoints: 1`"
    )]
    UnalignedConcurrent(NonZeroU32),
    /// Records in flight could not be spread again.
    #[error(
        "unaligned checkpoints do not work with the custom partitioning from `{from}` to `{to}`; switch \
         `execution.checkpointing.unaligned.enabled` off, or set \
         `execution.checkpointing.unaligned.forced` if the job is never rescaled"
    )]
    UnalignedCustom {
        /// The name of the operator that writes.
        from: String,
        /// The name of the operator that reads.
        to: String,
    },
    /// Checkpoints without a place.
    #[error("checkpoints need a directory; set `execution.checkpointing.dir`")]
    NoDirectory,
    /// A duration that cannot be meant.
    #[error("`execution.checkpointing.{0}` must be longer than zero")]
    Zero(&'static str),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: None,
            interval_during_backlog: None,
            mode: Mode::default(),
            timeout: Duration::from_secs(600),
            min_pause: Duration::ZERO,
            max_concurrent: NonZeroU32::MIN,
            tolerable_failures: 0,
            retained: NonZeroU32::MIN,
            retention: Retention::default(),
            unaligned: false,
            unaligned_forced: false,
            aligned_timeout: Duration::ZERO,
            after_tasks_finish: true,
            directory: None,
            savepoint_directory: None,
            history: const { NonZeroU32::new(10).expect("ten is not zero") },
        }
    }
}

impl Options {
    /// Checks that the options go together and with the job.
    ///
    /// # Errors
    /// See [`OptionsError`].
    pub fn check(&self, job: &JobGraph) -> Result<(), OptionsError> {
        if self.interval.is_some() && self.directory.is_none() {
            return Err(OptionsError::NoDirectory);
        }
        let zero = |duration: Duration| duration.is_zero();
        if self.interval.is_some_and(zero) {
            return Err(OptionsError::Zero("interval"));
        }
        if zero(self.timeout) {
            return Err(OptionsError::Zero("timeout"));
        }
        if !self.unaligned {
            return Ok(());
        }
        if self.mode == Mode::AtLeastOnce {
            return Err(OptionsError::UnalignedAtLeastOnce);
        }
        if self.max_concurrent > NonZeroU32::MIN {
            return Err(OptionsError::UnalignedConcurrent(self.max_concurrent));
        }
        let custom = job
            .edges()
            .find(|edge| edge.partitioning == Partitioning::Custom && !self.unaligned_forced);
        custom.map_or(Ok(()), |edge| {
            Err(OptionsError::UnalignedCustom {
                from: job.operator(edge.upstream).name.clone(),
                to: job.operator(edge.downstream).name.clone(),
            })
        })
    }

    /// The time between periodic checkpoints: never shorter than the pause after a completed one.
    pub(crate) fn period(&self, backlog: bool) -> Option<Duration> {
        let during_backlog = self.interval_during_backlog.filter(|_| backlog);
        let interval = during_backlog.or(self.interval)?;
        (!interval.is_zero()).then(|| interval.max(self.min_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_decides_by_how_the_job_ended() {
        use JobStatus::{Canceled, Failed, Finished, Suspended};
        for (retention, kept) in [
            (Retention::NoExternalizedCheckpoints, &[][..]),
            (Retention::DeleteOnCancellation, &[Failed]),
            (
                Retention::RetainOnCancellation,
                &[Failed, Canceled, Suspended],
            ),
        ] {
            for status in [Failed, Canceled, Suspended, Finished] {
                assert_eq!(
                    retention.keeps(status),
                    kept.contains(&status),
                    "{retention:?} {status}"
                );
            }
        }
    }

    #[test]
    fn defaults_are_flinks() {
        let options = Options::default();
        assert_eq!(options.interval, None);
        assert_eq!(options.mode, Mode::ExactlyOnce);
        assert_eq!(options.timeout, Duration::from_secs(600));
        assert_eq!(options.min_pause, Duration::ZERO);
        assert_eq!(options.max_concurrent.get(), 1);
        assert_eq!(options.tolerable_failures, 0);
        assert_eq!(options.retained.get(), 1);
        assert!(!options.unaligned);
        assert_eq!(options.aligned_timeout, Duration::ZERO);
        assert!(options.after_tasks_finish);
        assert_eq!(crate::handles::INLINE_BYTES, 20 << 10);
        assert_eq!(options.retention, Retention::NoExternalizedCheckpoints);
    }

    #[test]
    fn interval_during_backlog_replaces_the_normal_one() {
        let second = Duration::from_secs(1);
        for (interval, backlog_interval, backlog, period) in [
            (Some(second), None, true, Some(second)),
            (Some(second), Some(5 * second), true, Some(5 * second)),
            (Some(second), Some(5 * second), false, Some(second)),
            (Some(second), Some(Duration::ZERO), true, None),
            (None, Some(second), false, None),
        ] {
            let options = Options {
                interval,
                interval_during_backlog: backlog_interval,
                ..Options::default()
            };
            assert_eq!(options.period(backlog), period);
        }
    }
}
