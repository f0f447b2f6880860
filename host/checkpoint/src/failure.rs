//! Why a checkpoint did not happen, with Flink's names (semantics §7.20).
//!
//! Invariant: which reasons count against the tolerable failures is decided here and nowhere else.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a checkpoint was not started, or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureReason {
    /// Periodic checkpoints are switched off for now.
    PeriodicSchedulerShutdown,
    /// More requests wait than may.
    TooManyCheckpointRequests,
    /// The pause after the last completed checkpoint is not over.
    MinimumTimeBetweenCheckpoints,
    /// A task that must take part is not running.
    NotAllRequiredTasksRunning,
    /// Storage could not be read or written.
    IoException,
    /// The second, concurrent half of a task's snapshot failed.
    CheckpointAsyncException,
    /// A task's channel state could not be written because of another task's failure.
    ChannelStateSharedStreamException,
    /// It took longer than the timeout.
    CheckpointExpired,
    /// A newer one completed first.
    CheckpointSubsumed,
    /// A task could not take its state.
    CheckpointDeclined,
    /// A task was not ready for it.
    CheckpointDeclinedTaskNotReady,
    /// A task was ending.
    CheckpointDeclinedTaskClosing,
    /// A task saw the barrier of a newer one first.
    CheckpointDeclinedSubsumed,
    /// A task was told by its producer that it is given up.
    CheckpointDeclinedOnCancellationBarrier,
    /// A task's input ended before the barrier came.
    CheckpointDeclinedInputEndOfStream,
    /// The job ended.
    CheckpointCoordinatorShutdown,
    /// The job is not running for now.
    CheckpointCoordinatorSuspend,
    /// A part of the job is restarted.
    JobFailoverRegion,
    /// A task failed that had not answered.
    TaskFailure,
    /// A task could not say what it did.
    UnknownTaskCheckpointNotificationFailure,
    /// The metadata could not be written.
    FinalizeCheckpointFailure,
    /// The checkpoint could not be started.
    TriggerCheckpointFailure,
}

impl FailureReason {
    /// All reasons.
    pub const ALL: [Self; 22] = [
        Self::PeriodicSchedulerShutdown,
        Self::TooManyCheckpointRequests,
        Self::MinimumTimeBetweenCheckpoints,
        Self::NotAllRequiredTasksRunning,
        Self::IoException,
        Self::CheckpointAsyncException,
        Self::ChannelStateSharedStreamException,
        Self::CheckpointExpired,
        Self::CheckpointSubsumed,
        Self::CheckpointDeclined,
        Self::CheckpointDeclinedTaskNotReady,
        Self::CheckpointDeclinedTaskClosing,
        Self::CheckpointDeclinedSubsumed,
        Self::CheckpointDeclinedOnCancellationBarrier,
        Self::CheckpointDeclinedInputEndOfStream,
        Self::CheckpointCoordinatorShutdown,
        Self::CheckpointCoordinatorSuspend,
        Self::JobFailoverRegion,
        Self::TaskFailure,
        Self::UnknownTaskCheckpointNotificationFailure,
        Self::FinalizeCheckpointFailure,
        Self::TriggerCheckpointFailure,
    ];

    /// Flink's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeriodicSchedulerShutdown => "PERIODIC_SCHEDULER_SHUTDOWN",
            Self::TooManyCheckpointRequests => "TOO_MANY_CHECKPOINT_REQUESTS",
            Self::MinimumTimeBetweenCheckpoints => "MINIMUM_TIME_BETWEEN_CHECKPOINTS",
            Self::NotAllRequiredTasksRunning => "NOT_ALL_REQUIRED_TASKS_RUNNING",
            Self::IoException => "IO_EXCEPTION",
            Self::CheckpointAsyncException => "CHECKPOINT_ASYNC_EXCEPTION",
            Self::ChannelStateSharedStreamException => "CHANNEL_STATE_SHARED_STREAM_EXCEPTION",
            Self::CheckpointExpired => "CHECKPOINT_EXPIRED",
            Self::CheckpointSubsumed => "CHECKPOINT_SUBSUMED",
            Self::CheckpointDeclined => "CHECKPOINT_DECLINED",
            Self::CheckpointDeclinedTaskNotReady => "CHECKPOINT_DECLINED_TASK_NOT_READY",
            Self::CheckpointDeclinedTaskClosing => "CHECKPOINT_DECLINED_TASK_CLOSING",
            Self::CheckpointDeclinedSubsumed => "CHECKPOINT_DECLINED_SUBSUMED",
            Self::CheckpointDeclinedOnCancellationBarrier => {
                "CHECKPOINT_DECLINED_ON_CANCELLATION_BARRIER"
            }
            Self::CheckpointDeclinedInputEndOfStream => "CHECKPOINT_DECLINED_INPUT_END_OF_STREAM",
            Self::CheckpointCoordinatorShutdown => "CHECKPOINT_COORDINATOR_SHUTDOWN",
            Self::CheckpointCoordinatorSuspend => "CHECKPOINT_COORDINATOR_SUSPEND",
            Self::JobFailoverRegion => "JOB_FAILOVER_REGION",
            Self::TaskFailure => "TASK_FAILURE",
            Self::UnknownTaskCheckpointNotificationFailure => {
                "UNKNOWN_TASK_CHECKPOINT_NOTIFICATION_FAILURE"
            }
            Self::FinalizeCheckpointFailure => "FINALIZE_CHECKPOINT_FAILURE",
            Self::TriggerCheckpointFailure => "TRIGGER_CHECKPOINT_FAILURE",
        }
    }

    /// The reason for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::PeriodicSchedulerShutdown => "periodic checkpoints are switched off",
            Self::TooManyCheckpointRequests => "too many checkpoint requests are waiting",
            Self::MinimumTimeBetweenCheckpoints => {
                "the minimum time between checkpoints is not over"
            }
            Self::NotAllRequiredTasksRunning => "not all required tasks are running",
            Self::IoException => "checkpoint storage failed",
            Self::CheckpointAsyncException => "the asynchronous part of the checkpoint failed",
            Self::ChannelStateSharedStreamException => "the channel state of another task failed",
            Self::CheckpointExpired => "the checkpoint expired before completing",
            Self::CheckpointSubsumed => "the checkpoint was subsumed by a newer one",
            Self::CheckpointDeclined => "a task declined the checkpoint",
            Self::CheckpointDeclinedTaskNotReady => "a task was not ready for the checkpoint",
            Self::CheckpointDeclinedTaskClosing => "a task was closing",
            Self::CheckpointDeclinedSubsumed => "a task received the barrier of a newer checkpoint",
            Self::CheckpointDeclinedOnCancellationBarrier => {
                "a task received a cancellation from one of its inputs"
            }
            Self::CheckpointDeclinedInputEndOfStream => "an input of a task ended",
            Self::CheckpointCoordinatorShutdown => "the job has ended",
            Self::CheckpointCoordinatorSuspend => "the job is not running",
            Self::JobFailoverRegion => "a part of the job is restarting",
            Self::TaskFailure => "a task failed",
            Self::UnknownTaskCheckpointNotificationFailure => {
                "a task could not be told about the checkpoint"
            }
            Self::FinalizeCheckpointFailure => "the checkpoint's metadata could not be written",
            Self::TriggerCheckpointFailure => "the checkpoint could not be triggered",
        }
    }

    /// Whether it counts against the tolerable failures (semantics §7.20).
    pub fn counts(self) -> bool {
        matches!(
            self,
            Self::IoException
                | Self::CheckpointAsyncException
                | Self::CheckpointDeclined
                | Self::CheckpointExpired
                | Self::FinalizeCheckpointFailure
        )
    }
}

/// A checkpoint that did not happen, as it is told to who asked for it.
#[derive(Debug, Error, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[error("{}{}", .reason.message(), detail_text(.detail))]
pub struct Failure {
    /// Why.
    pub reason: FailureReason,
    /// What exactly happened, where there is more to say.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure without more to say.
    pub fn new(reason: FailureReason) -> Self {
        Self {
            reason,
            detail: None,
        }
    }

    /// A failure with what exactly happened.
    pub fn because(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: Some(detail.into()),
        }
    }
}

fn detail_text(detail: &Option<String>) -> String {
    detail
        .as_ref()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_flinks_and_match_the_serialized_ones() {
        for reason in FailureReason::ALL {
            let text = serde_json::to_string(&reason).unwrap();
            assert_eq!(text, format!("\"{}\"", reason.name()));
        }
    }

    #[test]
    fn a_failure_says_what_happened() {
        let failure = Failure::because(FailureReason::CheckpointDeclined, "disk full");
        assert_eq!(
            failure.to_string(),
            "a task declined the checkpoint: disk full"
        );
    }
}
