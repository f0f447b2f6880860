//! Rates between looks.

use wasmill_jobmanager::view::JobView;
use wasmill_types::ExecutionState;

use super::*;
use crate::cluster::Cluster as _;
use crate::fixture::{FAILED, Pictures, RUNNING};

fn pictures_of(change: impl Fn(&mut AttemptView)) -> Arc<JobView> {
    let mut job = (*Pictures::new().job(RUNNING).unwrap()).clone();
    change(&mut job.vertices[1].subtasks[1].current);
    Arc::new(job)
}

fn watched(job: &JobView) -> &AttemptView {
    &job.vertices[1].subtasks[1].current
}

#[test]
fn before_the_first_look_a_rate_is_the_average_since_the_start() {
    let job = pictures_of(|_| {});
    let rate = Rates::default().of(watched(&job)).unwrap();
    assert_eq!(
        (rate.busy, rate.backpressured, rate.idle),
        (500.0, 300.0, 200.0)
    );
    assert_eq!(rate.records_in, 200.0);
}

#[test]
fn a_rate_is_of_what_happened_between_the_last_two_looks() {
    let rates = Rates::default();
    rates.look(&[pictures_of(|_| {})]);
    let later = pictures_of(|attempt| {
        attempt.counters.busy_ms += 100;
        attempt.counters.backpressured_ms += 400;
        attempt.counters.records_out += 50;
    });
    for _ in 0..3 {
        // Further looks without a heartbeat in between change nothing.
        rates.look(&[Arc::clone(&later)]);
        let rate = rates.of(watched(&later)).unwrap();
        assert_eq!(
            (rate.busy, rate.backpressured, rate.idle),
            (200.0, 800.0, 0.0)
        );
        assert_eq!((rate.records_in, rate.records_out), (0.0, 100.0));
    }
}

#[test]
fn nothing_is_known_of_attempts_that_have_ended_or_not_begun() {
    let rates = Rates::default();
    let ended = pictures_of(|attempt| attempt.state = ExecutionState::Finished);
    assert_eq!(rates.of(watched(&ended)), None);
    let begun = pictures_of(|attempt| attempt.counters = TaskCounters::default());
    assert_eq!(rates.of(watched(&begun)), None);
}

#[test]
fn only_attempts_that_run_are_remembered() {
    let rates = Rates::default();
    let pictures = Pictures::new();
    rates.look(&[
        pictures.job(RUNNING).unwrap(),
        pictures.job(FAILED).unwrap(),
    ]);
    assert_eq!(rates.attempts().len(), 3);
    rates.look(&[]);
    assert!(rates.attempts().is_empty());
}
