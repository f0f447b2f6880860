//! When jobs, vertices and attempts began and ended, as Flink shows it: -1 is never.
//!
//! Invariant: a duration is that of what has begun, up to its end or now, and never negative where it is
//! known.

use std::collections::BTreeMap;

use wasmill_jobmanager::view::{AttemptView, JobView, VertexView};
use wasmill_types::{ExecutionState, JobStatus};

/// A time that has not come.
pub(crate) const NEVER: i64 = -1;

/// A span of time in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) duration: i64,
}

impl Times {
    fn new(start: Option<i64>, end: Option<i64>, now_ms: i64) -> Self {
        let duration = start.map(|start| (end.unwrap_or(now_ms) - start).max(0));
        Self {
            start: start.unwrap_or(NEVER),
            end: end.unwrap_or(NEVER),
            duration: duration.unwrap_or(NEVER),
        }
    }

    pub(crate) fn of_job(job: &JobView, now_ms: i64) -> Self {
        Self::new(Some(job.started_ms()), job.ended_ms(), now_ms)
    }

    /// From the first deployment to the end of the last attempt, once all have ended.
    pub(crate) fn of_vertex(vertex: &VertexView, now_ms: i64) -> Self {
        let attempts = || vertex.subtasks.iter().map(|subtask| &subtask.current);
        let start = attempts().filter_map(deployed_ms).min();
        let all_ended = attempts().all(|attempt| attempt.state.is_terminal());
        let end = all_ended
            .then(|| attempts().filter_map(ended_ms).max())
            .flatten();
        Self::new(start, end.filter(|_| start.is_some()), now_ms)
    }

    pub(crate) fn of_attempt(attempt: &AttemptView, now_ms: i64) -> Self {
        Self::new(deployed_ms(attempt), ended_ms(attempt), now_ms)
    }
}

fn deployed_ms(attempt: &AttemptView) -> Option<i64> {
    attempt.reached.get(&ExecutionState::Deploying).copied()
}

fn ended_ms(attempt: &AttemptView) -> Option<i64> {
    let ended = attempt.state.is_terminal();
    ended.then(|| attempt.reached.get(&attempt.state).copied())?
}

/// When something about a job last changed.
pub(crate) fn last_modified_ms(job: &JobView) -> i64 {
    let attempts = job.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let attempts = attempts.flat_map(|subtask| subtask.current.reached.values());
    let latest = job.reached.values().chain(attempts).max();
    latest.copied().unwrap_or_default()
}

/// When a job reached each state, 0 for never.
pub(crate) fn job_timestamps(job: &JobView) -> BTreeMap<&'static str, i64> {
    let at = |status: JobStatus| job.reached.get(&status).copied().unwrap_or_default();
    JobStatus::ALL
        .map(|status| (status.name(), at(status)))
        .into()
}

/// When an attempt reached each state, 0 for never.
pub(crate) fn attempt_timestamps(attempt: &AttemptView) -> BTreeMap<&'static str, i64> {
    let at = |state: ExecutionState| attempt.reached.get(&state).copied().unwrap_or_default();
    ExecutionState::ALL
        .map(|state| (state.name(), at(state)))
        .into()
}

/// Where a state stands on an attempt's way.
fn place(state: ExecutionState) -> u8 {
    match state {
        ExecutionState::Created => 0,
        ExecutionState::Scheduled => 1,
        ExecutionState::Deploying => 2,
        ExecutionState::Initializing | ExecutionState::Reconciling => 3,
        ExecutionState::Running => 4,
        ExecutionState::Canceling => 5,
        ExecutionState::Finished | ExecutionState::Canceled | ExecutionState::Failed => 6,
    }
}

/// How long an attempt was in each state on its way to running and ending; -1 for those it was not in.
pub(crate) fn status_duration(attempt: &AttemptView, now_ms: i64) -> BTreeMap<&'static str, i64> {
    /// The states that Flink shows here.
    const SHOWN: [ExecutionState; 6] = [
        ExecutionState::Created,
        ExecutionState::Scheduled,
        ExecutionState::Deploying,
        ExecutionState::Initializing,
        ExecutionState::Running,
        ExecutionState::Canceling,
    ];
    let spent = |state: ExecutionState| {
        let Some(entered) = attempt.reached.get(&state).copied() else {
            return NEVER;
        };
        // Two states may be reached in the same millisecond, the one that comes first in order first.
        let later = attempt
            .reached
            .iter()
            .filter(|(other, at)| (**at, place(**other)) > (entered, place(state)));
        let left = later.map(|(_, at)| *at).min().unwrap_or(now_ms);
        (left - entered).max(0)
    };
    SHOWN.map(|state| (state.name(), spent(state))).into()
}

/// How many attempts are in each state, by its name.
pub(crate) fn count_states(
    states: impl IntoIterator<Item = ExecutionState>,
) -> BTreeMap<&'static str, u32> {
    let mut counts: BTreeMap<_, _> = ExecutionState::ALL.map(|state| (state.name(), 0)).into();
    for state in states {
        *counts.entry(state.name()).or_default() += 1;
    }
    counts
}

/// The states of a vertex's subtasks.
pub(crate) fn states(vertex: &VertexView) -> impl Iterator<Item = ExecutionState> {
    vertex.subtasks.iter().map(|subtask| subtask.current.state)
}

#[cfg(test)]
mod tests {
    use wasmill_types::id::{AttemptId, JobId, VertexId};

    use super::*;

    #[test]
    fn states_of_one_millisecond_come_in_their_order() {
        use ExecutionState::{Finished, Initializing, Running};
        for (reached, running) in [
            (vec![(Initializing, 7), (Running, 7), (Finished, 9)], 2),
            (vec![(Initializing, 7), (Running, 8), (Finished, 8)], 0),
            (vec![(Initializing, 7), (Running, 8)], 2),
            (vec![(Initializing, 7)], NEVER),
        ] {
            let attempt = AttemptView {
                id: AttemptId {
                    job: JobId(1),
                    vertex: VertexId(0),
                    subtask: 0,
                    attempt: 0,
                },
                state: reached.last().unwrap().0,
                reached: reached.iter().copied().collect(),
                location: None,
                counters: Default::default(),
                failure: None,
            };
            assert_eq!(
                status_duration(&attempt, 10)["RUNNING"],
                running,
                "{reached:?}"
            );
        }
    }
}
