//! Fencing, slots and the ends of attempts, as stories.

use std::path::Path;

use super::*;
use crate::fixture::{attempts, deployment, job};

const SECOND: Duration = Duration::from_secs(1);

/// A deployment of job `id` by a leader: attempt `attempt` of all tasks.
fn deploy(id: u128, leader: u64, attempt: u32) -> Deploy {
    let mut job = job(None, "map", Path::new("/out"));
    job.job = JobId(id);
    let mut deploy = deployment(&job, &["a"], 0);
    (deploy.leader, deploy.run) = (LeaderId(leader), attempt);
    deploy
        .tasks
        .iter_mut()
        .for_each(|task| task.attempt = attempt);
    deploy
}

/// Follows and accepts; what was accepted, or refused.
fn offer(jobs: &mut Jobs, deploy: &Deploy) -> String {
    let accepted = jobs
        .follow(deploy.job.job, deploy.leader, Duration::ZERO)
        .and_then(|()| jobs.accept(deploy, RegistrationId(1)));
    match accepted {
        Ok(accepted) => accepted.tasks.len().to_string(),
        Err(refused) => format!("{refused}").split(' ').next().unwrap().to_owned(),
    }
}

#[test]
fn deployments_are_accepted_once_from_the_leader_and_into_free_slots() {
    for (story, accepted) in [
        (vec![(1, 1, 0), (1, 1, 0)], vec!["4", "0"]),
        (vec![(1, 1, 0), (2, 9, 0)], vec!["4", "slot"]),
        (
            vec![(1, 1, 0), (1, 1, 1), (1, 1, 0)],
            vec!["4", "4", "attempt"],
        ),
        (
            vec![(1, 1, 0), (1, 2, 1), (1, 1, 2)],
            vec!["4", "4", "leader"],
        ),
        (
            vec![(1, 1, 0), (1, 2, 1), (1, 3, 2), (1, 2, 3)],
            vec!["4", "4", "4", "leader"],
        ),
    ] {
        let mut jobs = Jobs::new(2, SECOND);
        let offered: Vec<String> = story
            .iter()
            .map(|&(id, leader, attempt)| offer(&mut jobs, &deploy(id, leader, attempt)))
            .collect();
        assert_eq!(offered, accepted, "{story:?}");
    }
}

#[test]
fn a_slot_is_free_again_when_the_jobs_tasks_have_ended_there() {
    let mut jobs = Jobs::new(2, SECOND);
    let first = deploy(1, 1, 0);
    assert_eq!(offer(&mut jobs, &first), "4");
    for id in attempts(&first) {
        assert_eq!(offer(&mut jobs, &deploy(2, 1, 0)), "slot");
        jobs.end(id, ExecutionState::Finished);
        jobs.end(id, ExecutionState::Finished);
    }
    assert_eq!(jobs.slots().len(), 2, "kept for the job's next attempt");
    assert_eq!(offer(&mut jobs, &deploy(2, 1, 0)), "4");
    jobs.release(JobId(2), Duration::ZERO);
    for id in attempts(&deploy(2, 1, 0)) {
        jobs.end(id, ExecutionState::Canceled);
    }
    assert_eq!((jobs.slots(), jobs.live()), (Vec::new(), 0));
}

#[test]
fn a_thread_that_does_not_end_is_given_up_and_its_slot_lost_until_it_does() {
    let mut jobs = Jobs::new(2, SECOND);
    let first = deploy(1, 1, 0);
    offer(&mut jobs, &first);
    let all = attempts(&first);
    jobs.cancel(&all, Duration::ZERO);
    assert_eq!(jobs.deadline(), Some(SECOND));
    all[1..]
        .iter()
        .for_each(|id| jobs.end(*id, ExecutionState::Canceled));
    assert_eq!(jobs.abandon(SECOND / 2), []);
    assert_eq!(jobs.abandon(SECOND), [all[0]]);
    assert_eq!((jobs.deadline(), jobs.live()), (None, 0));
    assert_eq!(offer(&mut jobs, &deploy(1, 1, 1)), "slot");
    jobs.end(all[0], ExecutionState::Canceled);
    assert_eq!(offer(&mut jobs, &deploy(1, 1, 1)), "4");
}

#[test]
fn a_deployment_has_lost_its_use_when_all_its_tasks_here_have_ended_and_not_all_well() {
    use ExecutionState::{Canceled, Finished};
    for (ends, useless) in [
        ([Finished, Finished, Finished, Finished], [None; 4]),
        (
            [Finished, Finished, Canceled, Finished],
            [None, None, None, Some(0)],
        ),
        (
            [Canceled, Canceled, Canceled, Canceled],
            [None, None, None, Some(0)],
        ),
    ] {
        let mut jobs = Jobs::new(2, SECOND);
        let first = deploy(1, 1, 0);
        offer(&mut jobs, &first);
        let told: Vec<_> = attempts(&first)
            .into_iter()
            .zip(ends)
            .map(|(id, state)| {
                jobs.end(id, state);
                jobs.useless_run(id)
            })
            .collect();
        assert_eq!(told, useless, "{ends:?}");
        let left = jobs.runs(JobId(1)).len();
        assert_eq!(left, usize::from(useless[3].is_none()), "told once");
    }
}
