//! How a task ends.

use super::*;
use crate::fixture::committable;

#[test]
fn a_task_ends_as_it_returned_unless_it_was_asked_to_stop() {
    let broken = || HostError::new("broken").into();
    let bug = "panicked: a bug; please report this bug";
    for (ended, cancelled, failure) in [
        (Ok(Ok(())), false, None),
        (Ok(Ok(())), true, None),
        (Ok(Err(broken())), false, Some("broken")),
        (Ok(Err(broken())), true, Some("cancelled")),
        (Ok(Err(TaskFailure::Cancelled)), false, Some("cancelled")),
        (Err("a bug".to_owned()), false, Some(bug)),
        (Err("a bug".to_owned()), true, Some("cancelled")),
    ] {
        let ended = Outcome::default().end(ended, cancelled);
        let told = ended.failure.map(|failure| failure.to_string());
        assert_eq!(told.as_deref(), failure);
    }
}

#[test]
fn what_was_staged_outlives_the_tasks_failure() {
    let outcome = Outcome::default();
    let part = (OperatorId(1), vec![committable("a")]);
    outcome.stage(part.clone());
    let failure = TaskFailure::Contract("broken".to_owned());
    let ended = outcome.end(Ok(Err(failure)), false);
    assert_eq!(ended.parts, [part]);
    assert!(matches!(ended.failure, Some(TaskFailure::Contract(_))));
    assert_eq!(outcome.take_parts(), []);
}
