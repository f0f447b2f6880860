//! Late answers, shared files, declines and timeouts (semantics §7.17, §7.20–7.21).

use super::*;

#[test]
fn late_acks_of_an_expired_checkpoint_are_discarded_with_their_state_once() {
    check(
        options(),
        &[
            &START,
            &[
                ("ack 1 0/0 a k@p1^1", ""),
                (
                    "tick 600000",
                    "abort 1; clean ./chk-1 ./chk-1/a ./shared/p1; fail job; trigger 2 0/0 0/1",
                ),
                ("ack 1 0/1 b k2@p2^1", "clean ./chk-1/b; clean ./shared/p2"),
                ("ack 1 0/1 b k2@p2^1", ""),
                ("ack 1 0/0 a k@p1^1", ""),
            ],
        ],
    );
}

#[test]
fn a_late_ack_never_deletes_what_a_completed_checkpoint_refers_to() {
    check(
        options(),
        &[
            &START,
            &[
                ("ack 1 0/0 k@p1^1", ""),
                ("acks 1", "sources 1"),
                ("sources 1", "write 1"),
                ("written 1", "complete 1"),
                ("ack 1 0/0 k@p1^1", ""),
                ("tick 1000", "trigger 2 0/0 0/1"),
                (
                    "decline 2 0/1 CHECKPOINT_DECLINED_TASK_NOT_READY",
                    "abort 2; clean ./chk-2",
                ),
                ("ack 2 0/0 k@p1^1", ""),
            ],
        ],
    );
}

#[test]
fn shared_files_go_with_the_last_checkpoint_that_refers_to_them() {
    check(
        options(),
        &[
            &START,
            &[
                ("ack 1 0/0 a k@p1^1 l@q1^1", ""),
                ("acks 1", "sources 1"),
                ("sources 1", "write 1"),
                ("written 1", "complete 1"),
                ("tick 1000", "trigger 2 0/0 0/1"),
                ("ack 2 0/0 b k@p2^2", "clean ./shared/p2"),
                ("acks 2", "sources 2"),
                ("sources 2", "write 2"),
                (
                    "written 2",
                    "clean ./chk-1 ./shared/q1 ./chk-1/a; complete 2",
                ),
            ],
        ],
    );
}

#[test]
fn a_snapshot_that_refers_to_an_unknown_file_is_declined() {
    check(
        options(),
        &[
            &START,
            &[(
                "ack 1 0/0 a n@q^1 k@p^0",
                "clean ./shared/q; abort 1; clean ./chk-1 ./chk-1/a; fail job",
            )],
        ],
    );
}

#[test]
fn a_declined_checkpoint_is_aborted_and_counts() {
    let options = Options {
        tolerable_failures: 1,
        ..options()
    };
    let mut driven = driven(options);
    driven.check(&START);
    driven.check(&[
        (
            "decline 1 1/1 CHECKPOINT_DECLINED",
            "abort 1; clean ./chk-1",
        ),
        ("decline 1 1/0 CHECKPOINT_DECLINED", ""),
        ("tick 1000", "trigger 2 0/0 0/1"),
        (
            "decline 2 1/1 IO_EXCEPTION",
            "abort 2; clean ./chk-2; fail job",
        ),
    ]);
    let failed = driven.coordinator.statistics().latest_failed().unwrap();
    assert!(
        matches!(&failed.outcome, Outcome::Failed { failure } if failure.to_string() == "checkpoint storage failed: boom")
    );
}

#[test]
fn metadata_that_cannot_be_written_fails_the_checkpoint() {
    check(
        options(),
        &[
            &START,
            &[
                ("acks 1", "sources 1"),
                ("sources 1", "write 1"),
                ("unwritten 1", "abort 1; clean ./chk-1; fail job"),
            ],
        ],
    );
}

#[test]
fn a_directory_is_not_deleted_while_its_metadata_is_being_written() {
    check(
        options(),
        &[
            &START,
            &[
                ("acks 1", "sources 1"),
                ("sources 1", "write 1"),
                ("suspend", "abort 1"),
                ("written 1", "clean ./chk-1"),
                ("written 1", ""),
            ],
        ],
    );
}

#[test]
fn an_expired_checkpoint_is_aborted_at_its_timeout_and_not_before() {
    let options = Options {
        timeout: Duration::from_millis(500),
        tolerable_failures: 5,
        ..options()
    };
    let mut driven = driven(options);
    driven.check(&START);
    assert_eq!(
        driven.coordinator.next_wakeup(),
        Some(Duration::from_millis(1500))
    );
    driven.check(&[("tick 499", ""), ("tick 1", "abort 1; clean ./chk-1")]);
}
