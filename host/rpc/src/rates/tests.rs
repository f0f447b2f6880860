//! Rates between looks.

use wasmill_types::id::{JobId, VertexId};

use super::*;

const ATTEMPT: AttemptId = AttemptId {
    job: JobId(1),
    vertex: VertexId(0),
    subtask: 0,
    attempt: 0,
};

fn counters() -> TaskCounters {
    TaskCounters {
        records_in: 400,
        busy_ms: 1000,
        backpressured_ms: 600,
        idle_ms: 400,
        ..TaskCounters::default()
    }
}

#[test]
fn before_the_first_look_a_rate_is_the_average_since_the_start() {
    let rate = Rates::default().of(ATTEMPT, &counters()).unwrap();
    assert_eq!(
        (rate.busy, rate.backpressured, rate.idle),
        (500.0, 300.0, 200.0)
    );
    assert_eq!(rate.records_in, 200.0);
}

#[test]
fn a_rate_is_of_what_happened_between_the_last_two_looks() {
    let rates = Rates::default();
    rates.look([(ATTEMPT, &counters())]);
    let mut later = counters();
    later.busy_ms += 100;
    later.backpressured_ms += 400;
    later.records_out += 50;
    for _ in 0..3 {
        // Further looks without news in between change nothing.
        rates.look([(ATTEMPT, &later)]);
        let rate = rates.of(ATTEMPT, &later).unwrap();
        assert_eq!(
            (rate.busy, rate.backpressured, rate.idle),
            (200.0, 800.0, 0.0)
        );
        assert_eq!((rate.records_in, rate.records_out), (0.0, 100.0));
    }
}

#[test]
fn nothing_is_known_of_an_attempt_that_has_not_begun() {
    let rates = Rates::default();
    assert_eq!(rates.of(ATTEMPT, &TaskCounters::default()), None);
}

#[test]
fn only_the_attempts_of_the_last_look_are_remembered() {
    let rates = Rates::default();
    let restarted = AttemptId {
        attempt: 1,
        ..ATTEMPT
    };
    rates.look([(ATTEMPT, &counters()), (restarted, &counters())]);
    assert_eq!(rates.attempts().len(), 2);
    rates.look([]);
    assert!(rates.attempts().is_empty());
}
