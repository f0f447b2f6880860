//! Finished tasks, the final checkpoint, stops, and what is left when the job has ended (semantics §7.22,
//! §8.5–8.7, §9).

use super::*;
use crate::options::Retention;

#[test]
fn retention_decides_what_is_deleted_at_the_end() {
    for (retention, status, expected) in [
        (
            Retention::NoExternalizedCheckpoints,
            "FAILED",
            "clean ./chk-1 ./chk-1/a; clean .",
        ),
        (Retention::DeleteOnCancellation, "FAILED", ""),
        (
            Retention::DeleteOnCancellation,
            "CANCELED",
            "clean ./chk-1 ./chk-1/a; clean .",
        ),
        (Retention::RetainOnCancellation, "CANCELED", ""),
        (
            Retention::RetainOnCancellation,
            "FINISHED",
            "clean ./chk-1 ./chk-1/a; clean .",
        ),
    ] {
        let options = Options {
            retention,
            ..options()
        };
        let mut driven = driven(options);
        driven.check(&START);
        driven.check(&[("ack 1 0/0 a", "")]);
        driven.check(&ONE);
        assert_eq!(
            driven.step(&format!("end {status}")),
            expected,
            "{retention:?} {status}"
        );
    }
}

#[test]
fn checkpoints_continue_when_some_tasks_are_finished_and_start_where_nothing_runs_upstream() {
    let mut driven = driven(options());
    driven.check(&[
        ("run", ""),
        ("start", ""),
        ("task 0/0 FINISHED", ""),
        ("tick 1000", "trigger 1 0/1"),
        ("ack 1 0/1", ""),
        ("ack 1 1/0", ""),
        ("ack 1 1/1", "sources 1"),
        ("sources 1", "write 1"),
        ("written 1", "complete 1"),
        ("task 0/1 FINISHED", ""),
        ("tick 1000", "trigger 2 1/0 1/1"),
        ("ack 2 1/0", ""),
        ("ack 2 1/1", "sources 2"),
        ("sources 2", "write 2"),
        ("written 2", "clean ./chk-1; complete 2"),
    ]);
    let metadata = &driven.coordinator.latest().unwrap().metadata;
    let finished: Vec<_> = metadata.operators.iter().map(|o| o.is_finished()).collect();
    assert_eq!(finished, [true, false]);
}

#[test]
fn with_checkpoints_after_finish_off_a_finished_task_ends_them() {
    let options = Options {
        after_tasks_finish: false,
        ..options()
    };
    check(
        options,
        &[&[
            ("run", ""),
            ("start", ""),
            ("task 0/0 FINISHED", ""),
            ("tick 1000", ""),
            ("checkpoint 1", "refuse 1 NOT_ALL_REQUIRED_TASKS_RUNNING"),
        ]],
    );
}

#[test]
fn a_partially_finished_operator_with_union_lists_is_rejected() {
    let finishing = ["ack 1 1/0 done", "ack 1 1/1 done"];
    for (first, second, expected) in [
        ("ack 1 1/0", "ack 1 1/1", "write 1"),
        (finishing[0], finishing[1], "write 1"),
        (finishing[0], "ack 1 1/1", "abort 1; clean ./chk-1"),
    ] {
        let mut driven = Driven::new(options(), StateKind::OperatorUnion);
        driven.check(&START);
        driven.check(&[
            ("ack 1 0/0", ""),
            ("ack 1 0/1", ""),
            (first, ""),
            (second, "sources 1"),
        ]);
        assert_eq!(driven.step("sources 1"), expected);
    }
}

#[test]
fn the_final_checkpoint_is_triggered_right_away_without_waiting_for_the_interval() {
    check(
        options(),
        &[
            &START,
            &ONE,
            &[
                ("eod 0/0", ""),
                ("eod 0/1", ""),
                ("eod 1/0", ""),
                ("eod 1/1", "trigger 2 0/0 0/1"),
                (
                    "decline 2 0/0 CHECKPOINT_DECLINED_TASK_NOT_READY",
                    "abort 2; clean ./chk-2",
                ),
                ("tick 1000", "trigger 3 0/0 0/1"),
                ("acks 3", "sources 3"),
                ("sources 3", "write 3"),
                ("written 3", "clean ./chk-1; complete 3"),
                ("finish", ""),
                ("cleaned", ""),
                ("end FINISHED", "clean ./chk-3; clean ."),
            ],
        ],
    );
}

#[test]
fn stop_with_savepoint_ends_when_all_tasks_have_finished() {
    for stop in ["stop 9", "drain 9"] {
        let mut driven = driven(options());
        driven.check(&START);
        driven.check(&[
            (stop, "abort 1; clean ./chk-1; trigger 2 0/0 0/1"),
            ("tick 1000", ""),
            ("stop 10", "refuse 10 TRIGGER_CHECKPOINT_FAILURE"),
            ("acks 2", "sources 2"),
            ("sources 2", "write 2"),
            ("written 2", "complete 2"),
            ("task 0/0 FINISHED", ""),
            ("task 0/1 FINISHED", ""),
            ("task 1/0 FINISHED", ""),
            ("task 1/1 FINISHED", "answer 9 savepoint"),
        ]);
        driven.check(&[("cleaned", ""), ("end FINISHED", "clean .")]);
    }
}

#[test]
fn a_stop_whose_savepoint_fails_restarts_the_job_and_fails_the_call() {
    let refused = "abort 2; clean savepoint; refuse 9 CHECKPOINT_DECLINED; fail job";
    let mut driven = driven(options());
    driven.check(&[&START[..], &ONE].concat());
    driven.check(&[
        ("stop 9", "trigger 2 0/0 0/1"),
        ("decline 2 1/0 CHECKPOINT_DECLINED", refused),
        ("failover", ""),
        ("attempt", ""),
        ("start", ""),
        ("tick 1000", "trigger 3 0/0 0/1"),
    ]);
}

#[test]
fn a_stop_after_which_a_task_fails_restarts_the_job_and_names_the_savepoint() {
    let mut driven = driven(options());
    driven.check(&[&START[..], &ONE].concat());
    driven.check(&[
        ("stop 9", "trigger 2 0/0 0/1"),
        ("acks 2", "sources 2"),
        ("sources 2", "write 2"),
        ("written 2", "clean ./chk-1; complete 2"),
        ("task 0/0 FINISHED", ""),
        ("task 0/1 FAILED", "refuse 9 TASK_FAILURE; fail job"),
    ]);
}
