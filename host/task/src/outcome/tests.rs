//! Which task's end is the job's.

use wasmill_types::HostError;

use super::*;
use crate::fixture::committable;

/// Ends tasks one after the other; which one is the job's failure, and whether the job is stopped. A word
/// is a task's number and its end: `0:ok`, `1:failed`, `2:cancelled`, `3:panicked`; `stop` is somebody
/// who cancels the job.
fn ends(story: &str) -> (Option<usize>, bool) {
    let (first, cancel) = (FirstFailure::default(), CancelToken::new());
    for word in story.split_whitespace() {
        let Some((task, end)) = word.split_once(':') else {
            cancel.cancel();
            continue;
        };
        let task = task.parse().unwrap();
        let ending = Ending::new(task, first.clone(), cancel.clone(), Outcome::default());
        match end {
            "ok" => ending.tell(Ok(())),
            "failed" => ending.tell(Err(HostError::new("broken").into())),
            "cancelled" => ending.tell(Err(TaskFailure::Cancelled)),
            "panicked" => drop(ending),
            other => panic!("`{other}` is no end"),
        }
    }
    (first.task(), cancel.is_cancelled())
}

#[test]
fn the_first_task_that_fails_of_itself_is_the_jobs_failure_and_stops_it() {
    for (story, expected) in [
        ("0:ok 1:ok", (None, false)),
        ("2:failed 1:failed", (Some(2), true)),
        ("0:ok 3:panicked 1:failed", (Some(3), true)),
        ("1:failed 3:panicked", (Some(1), true)),
        // A task that saw the other's channel go must neither be blamed nor hide the other.
        ("0:cancelled 1:failed", (Some(1), true)),
        ("0:cancelled", (None, false)),
        ("stop 0:cancelled 1:failed 2:panicked", (None, true)),
        ("1:failed stop", (Some(1), true)),
    ] {
        assert_eq!(ends(story), expected, "{story}");
    }
}

#[test]
fn what_was_staged_outlives_the_tasks_failure() {
    let outcome = Outcome::default();
    let part = (OperatorId(1), vec![committable("a")]);
    outcome.stage(part.clone());
    let ending = Ending::new(
        0,
        FirstFailure::default(),
        CancelToken::new(),
        outcome.clone(),
    );
    ending.tell(Err(TaskFailure::Contract("broken".to_owned())));
    assert_eq!(outcome.take_parts(), [part]);
    assert_eq!(outcome.take_parts(), []);
    assert!(matches!(outcome.failure(), Some(TaskFailure::Contract(_))));
}
