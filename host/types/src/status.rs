//! The states of jobs and tasks, with Flink's names and legal transitions.
//!
//! The JobMaster moves jobs and subtasks through them; REST shows the names. Invariant: the edges are
//! listed here and nowhere else, and nothing leaves a terminal state.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a job (Flink's `JobStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobStatus {
    /// Accepted; its JobMaster starts.
    Initializing,
    /// Waits for slots.
    Created,
    /// Its tasks are being deployed or run.
    Running,
    /// A failure ends it; its tasks are being stopped.
    Failing,
    /// It failed.
    Failed,
    /// A user ends it; its tasks are being stopped.
    Cancelling,
    /// A user ended it.
    Canceled,
    /// All of its tasks have finished and its output is visible.
    Finished,
    /// A failure was met; its tasks are stopped and will be deployed again.
    Restarting,
    /// It was handed to another JobManager.
    Suspended,
    /// It is being taken over from another JobManager.
    Reconciling,
}

impl JobStatus {
    /// All states, in Flink's order.
    pub const ALL: [Self; 11] = [
        Self::Initializing,
        Self::Created,
        Self::Running,
        Self::Failing,
        Self::Failed,
        Self::Cancelling,
        Self::Canceled,
        Self::Finished,
        Self::Restarting,
        Self::Suspended,
        Self::Reconciling,
    ];

    /// The name over REST.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Failing => "FAILING",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Canceled => "CANCELED",
            Self::Finished => "FINISHED",
            Self::Restarting => "RESTARTING",
            Self::Suspended => "SUSPENDED",
            Self::Reconciling => "RECONCILING",
        }
    }

    /// Whether the job is over, for every JobManager.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }

    /// Whether a job may go from here to `next`.
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Failed | Self::Canceled | Self::Finished => false,
            Self::Initializing | Self::Reconciling => matches!(
                next,
                Self::Created
                    | Self::Running
                    | Self::Failing
                    | Self::Cancelling
                    | Self::Suspended
                    | Self::Reconciling
            ),
            Self::Created => matches!(
                next,
                Self::Running | Self::Failing | Self::Cancelling | Self::Suspended
            ),
            Self::Running => matches!(
                next,
                Self::Finished
                    | Self::Restarting
                    | Self::Failing
                    | Self::Cancelling
                    | Self::Suspended
            ),
            Self::Restarting => matches!(
                next,
                Self::Created | Self::Running | Self::Failing | Self::Cancelling | Self::Suspended
            ),
            Self::Failing => matches!(next, Self::Failed | Self::Cancelling | Self::Suspended),
            Self::Cancelling => matches!(next, Self::Canceled | Self::Failing | Self::Suspended),
            Self::Suspended => next == Self::Reconciling,
        }
    }
}

/// The state of one attempt to run a subtask (Flink's `ExecutionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionState {
    /// It has no slot.
    Created,
    /// It has, or waits for, a slot.
    Scheduled,
    /// It was sent to its TaskManager.
    Deploying,
    /// It processes records.
    Running,
    /// It has processed all of its input.
    Finished,
    /// It is being stopped.
    Canceling,
    /// It was stopped.
    Canceled,
    /// It failed.
    Failed,
    /// It is being taken over.
    Reconciling,
    /// Its operators are being opened, and their state restored.
    Initializing,
}

impl ExecutionState {
    /// All states, in Flink's order.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Scheduled,
        Self::Deploying,
        Self::Running,
        Self::Finished,
        Self::Canceling,
        Self::Canceled,
        Self::Failed,
        Self::Reconciling,
        Self::Initializing,
    ];

    /// The name over REST.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Scheduled => "SCHEDULED",
            Self::Deploying => "DEPLOYING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Canceling => "CANCELING",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
            Self::Reconciling => "RECONCILING",
            Self::Initializing => "INITIALIZING",
        }
    }

    /// Whether the attempt is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Failed)
    }

    /// Whether an attempt may go from here to `next`.
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Finished | Self::Canceled | Self::Failed => false,
            _ if next == Self::Failed => true,
            Self::Created => matches!(next, Self::Scheduled | Self::Canceled),
            Self::Scheduled => matches!(next, Self::Deploying | Self::Canceled),
            Self::Deploying => matches!(
                next,
                Self::Initializing | Self::Running | Self::Canceling | Self::Canceled
            ),
            Self::Initializing => {
                matches!(next, Self::Running | Self::Canceling | Self::Canceled)
            }
            Self::Running => {
                matches!(next, Self::Finished | Self::Canceling | Self::Canceled)
            }
            // A task may have finished before the wish to stop it arrived.
            Self::Canceling => matches!(next, Self::Canceled | Self::Finished),
            Self::Reconciling => next != Self::Created,
        }
    }

    /// The state of a vertex whose subtasks are in these (semantics §17).
    pub fn aggregate(subtasks: impl IntoIterator<Item = Self>) -> Self {
        let mut seen = [0_usize; Self::ALL.len()];
        let mut total = 0;
        for state in subtasks {
            seen[state as usize] += 1;
            total += 1;
        }
        let count = |state: Self| seen[state as usize];
        let first = [
            Self::Failed,
            Self::Canceling,
            Self::Canceled,
            Self::Initializing,
            Self::Running,
        ];
        if let Some(state) = first.into_iter().find(|state| count(*state) > 0) {
            return state;
        }
        match count(Self::Finished) {
            0 => Self::Created,
            finished if finished == total => Self::Finished,
            _ => Self::Running,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ExecutionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use ExecutionState::{Canceled, Canceling, Created, Deploying, Failed, Finished};
    use ExecutionState::{Initializing, Running, Scheduled};

    use super::*;

    #[test]
    fn nothing_leaves_a_terminal_state_and_everything_reaches_one() {
        for state in JobStatus::ALL {
            let leaves = JobStatus::ALL.iter().any(|next| state.can_become(*next));
            assert_eq!(leaves, !state.is_terminal(), "{state}");
        }
        for state in ExecutionState::ALL {
            let leaves = ExecutionState::ALL
                .iter()
                .any(|next| state.can_become(*next));
            assert_eq!(leaves, !state.is_terminal(), "{state}");
            assert_eq!(state.can_become(Failed), !state.is_terminal(), "{state}");
        }
    }

    #[test]
    fn the_names_are_flinks() {
        for state in JobStatus::ALL {
            assert_eq!(state.name(), format!("{state:?}").to_uppercase());
        }
        for state in ExecutionState::ALL {
            assert_eq!(state.name(), format!("{state:?}").to_uppercase());
        }
    }

    #[test]
    fn a_vertex_has_the_state_of_its_worst_subtask() {
        for (subtasks, vertex) in [
            (&[Running, Failed, Canceled][..], Failed),
            (&[Running, Canceling, Canceled], Canceling),
            (&[Running, Canceled], Canceled),
            (&[Running, Initializing], Initializing),
            (&[Running, Finished, Created], Running),
            (&[Finished, Finished], Finished),
            (&[Finished, Scheduled], Running),
            (&[Scheduled, Deploying], Created),
            (&[], Created),
        ] {
            let aggregated = ExecutionState::aggregate(subtasks.iter().copied());
            assert_eq!(aggregated, vertex, "{subtasks:?}");
        }
    }
}
