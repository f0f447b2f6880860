//! Semantics §7, §8 and §9, sentence by sentence, as commands and what they make happen.

use std::num::NonZeroU32;
use std::time::Duration;

use wasmill_types::job::{Partitioning, StateKind};

use super::fixture::{Driven, graph, options};
use super::*;
use crate::barrier::{Alignment, SnapshotKind};
use crate::options::{Mode, OptionsError};
use crate::statistics::Outcome;

mod ending;
mod failing;
mod restoring;

const START: [(&str, &str); 3] = [
    ("run", ""),
    ("start", ""),
    ("tick 1000", "trigger 1 0/0 0/1"),
];
/// A checkpoint is complete.
const ONE: [(&str, &str); 3] = [
    ("acks 1", "sources 1"),
    ("sources 1", "write 1"),
    ("written 1", "complete 1"),
];

fn driven(options: Options) -> Driven {
    Driven::new(options, StateKind::Value)
}

#[track_caller]
fn check(options: Options, parts: &[&[(&str, &str)]]) {
    driven(options).check(&parts.concat());
}

fn two(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[test]
fn ids_are_strictly_increasing_and_a_checkpoint_needs_all_acks_and_its_metadata() {
    check(
        options(),
        &[
            &START,
            &ONE,
            &[
                ("tick 1000", "trigger 2 0/0 0/1"),
                ("ack 2 0/0", ""),
                ("ack 2 0/1", ""),
                ("ack 2 1/0", ""),
                ("ack 2 1/0", ""),
                ("ack 2 1/1", "sources 2"),
                ("sources 2", "write 2"),
                ("written 2", "complete 2; clean ./chk-1"),
            ]
            .map(|(command, expected)| match command {
                "written 2" => (command, "clean ./chk-1; complete 2"),
                _ => (command, expected),
            }),
        ],
    );
}

#[test]
fn no_checkpoint_starts_unless_all_tasks_are_running() {
    let mut driven = driven(options());
    driven.check(&[
        ("start", ""),
        ("tick 1000", ""),
        ("checkpoint 5", "refuse 5 NOT_ALL_REQUIRED_TASKS_RUNNING"),
        ("run", ""),
        ("task 1/0 INITIALIZING", ""),
        ("tick 1000", ""),
        ("task 1/0 RUNNING", ""),
        ("tick 1000", "trigger 1 0/0 0/1"),
    ]);
    assert_eq!(driven.coordinator.statistics().counts().failed, 3);
}

#[test]
fn nothing_is_triggered_without_an_interval_except_what_is_asked_for() {
    let options = Options {
        interval: None,
        directory: None,
        ..options()
    };
    check(
        options,
        &[&[
            ("run", ""),
            ("start", ""),
            ("tick 100000", ""),
            ("checkpoint 1", "refuse 1 TRIGGER_CHECKPOINT_FAILURE"),
            ("nowhere 2", "refuse 2 TRIGGER_CHECKPOINT_FAILURE"),
            ("savepoint 3", "trigger 1 0/0 0/1"),
            ("acks 1", "sources 1"),
            ("sources 1", "write 1"),
            ("written 1", "answer 3 savepoint"),
        ]],
    );
}

#[test]
fn a_savepoint_that_does_not_stop_the_job_is_not_stored_and_notifies_nobody() {
    let mut driven = driven(options());
    driven.check(&[&START[..], &ONE].concat());
    driven.check(&[
        ("savepoint 9", "trigger 2 0/0 0/1"),
        ("acks 2", "sources 2"),
        ("sources 2", "write 2"),
        ("written 2", "answer 9 savepoint"),
    ]);
    assert_eq!(driven.coordinator.latest().unwrap().id(), CheckpointId(1));
    assert_eq!(
        driven
            .coordinator
            .statistics()
            .latest_savepoint()
            .unwrap()
            .id
            .0,
        2
    );
}

#[test]
fn pending_checkpoints_with_lower_ids_are_subsumed_but_not_savepoints() {
    let options = Options {
        max_concurrent: two(3),
        ..options()
    };
    check(
        options,
        &[
            &START,
            &[
                ("savepoint 9", "trigger 2 0/0 0/1"),
                ("tick 1000", "trigger 3 0/0 0/1"),
                ("ack 1 0/0 f", ""),
                ("acks 3", "sources 3"),
                ("sources 3", "write 3"),
                ("written 3", "abort 1; clean ./chk-1 ./chk-1/f; complete 3"),
                ("acks 2", "sources 2"),
                ("sources 2", "write 2"),
                ("written 2", "answer 9 savepoint"),
            ],
        ],
    );
}

#[test]
fn min_pause_delays_periodic_checkpoints_and_not_manual_ones() {
    let options = Options {
        interval: Some(Duration::from_secs(1)),
        min_pause: Duration::from_secs(5),
        ..options()
    };
    check(
        options,
        &[&[
            ("run", ""),
            ("start", ""),
            ("tick 5000", "trigger 1 0/0 0/1"),
            ("tick 4000", ""),
            ("acks 1", "sources 1"),
            ("sources 1", "write 1"),
            ("written 1", "complete 1"),
            ("tick 1000", ""),
            ("checkpoint 7", "trigger 2 0/0 0/1"),
            ("acks 2", "sources 2"),
            ("sources 2", "write 2"),
            ("written 2", "clean ./chk-1; complete 2; answer 7 ./chk-2"),
            ("cleaned", ""),
            ("tick 4999", ""),
            ("tick 1", "trigger 3 0/0 0/1"),
        ]],
    );
}

#[test]
fn while_max_concurrent_are_pending_periodic_ones_wait_and_savepoints_do_not() {
    check(
        options(),
        &[
            &START,
            &[
                ("tick 1000", ""),
                ("checkpoint 4", ""),
                ("savepoint 5", "trigger 2 0/0 0/1"),
                ("acks 1", "sources 1"),
                ("sources 1", "write 1"),
                ("written 1", "complete 1"),
                (
                    "decline 2 0/0 CHECKPOINT_DECLINED_TASK_NOT_READY",
                    "abort 2; clean savepoint; refuse 5 CHECKPOINT_DECLINED_TASK_NOT_READY; trigger 3 0/0 0/1",
                ),
            ],
        ],
    );
}

#[test]
fn nothing_starts_while_too_many_are_being_cleaned_up() {
    let options = Options {
        tolerable_failures: 9,
        ..options()
    };
    let decline = |id: u32| format!("decline {id} 0/0 CHECKPOINT_DECLINED");
    let mut driven = driven(options);
    driven.check(&START);
    driven.check(&[
        (&decline(1), "abort 1; clean ./chk-1"),
        ("tick 1000", "trigger 2 0/0 0/1"),
        (&decline(2), "abort 2; clean ./chk-2"),
        ("tick 1000", ""),
        ("savepoint 5", ""),
        ("cleaned", "trigger 3 0/0 0/1"),
    ]);
}

#[test]
fn a_failed_task_aborts_what_waits_for_it() {
    check(
        options(),
        &[
            &START,
            &[
                ("task 1/0 FAILED", "abort 1; clean ./chk-1"),
                ("failover", ""),
                ("attempt", ""),
                ("tick 1000", ""),
                ("start", ""),
                ("tick 1000", "trigger 2 0/0 0/1"),
            ],
        ],
    );
}

#[test]
fn suspending_gives_up_what_is_under_way_and_what_waits() {
    check(
        options(),
        &[
            &START,
            &[
                ("checkpoint 5", ""),
                (
                    "suspend",
                    "abort 1; clean ./chk-1; refuse 5 CHECKPOINT_COORDINATOR_SUSPEND",
                ),
                ("savepoint 6", ""),
                (
                    "end CANCELED",
                    "refuse 6 CHECKPOINT_COORDINATOR_SHUTDOWN; clean .",
                ),
                ("savepoint 7", "refuse 7 CHECKPOINT_COORDINATOR_SHUTDOWN"),
            ],
        ],
    );
}

#[test]
fn coordinator_side_savepoint_failures_never_count() {
    let mut driven = driven(options());
    driven.check(&[&START[..], &ONE].concat());
    driven.check(&[
        ("savepoint 9", "trigger 2 0/0 0/1"),
        (
            "suspend",
            "abort 2; clean savepoint; refuse 9 CHECKPOINT_COORDINATOR_SUSPEND",
        ),
        ("start", ""),
        ("savepoint 10", "trigger 3 0/0 0/1"),
        ("acks 3", "sources 3"),
        ("sources 3", "write 3"),
        (
            "unwritten 3",
            "abort 3; clean savepoint; refuse 10 FINALIZE_CHECKPOINT_FAILURE",
        ),
    ]);
}

#[test]
fn interval_during_backlog_applies_while_a_source_reports_one() {
    let options = Options {
        interval_during_backlog: Some(Duration::ZERO),
        ..options()
    };
    check(
        options,
        &[&[
            ("run", ""),
            ("start", ""),
            ("backlog on", ""),
            ("tick 5000", ""),
            ("backlog off", ""),
            ("tick 1000", "trigger 1 0/0 0/1"),
        ]],
    );
}

#[test]
fn the_barrier_says_how_it_is_aligned() {
    let second = Duration::from_secs(1);
    for (mode, unaligned, timeout, savepoint, alignment) in [
        (Mode::ExactlyOnce, false, second, false, Alignment::Aligned),
        (
            Mode::ExactlyOnce,
            true,
            second,
            false,
            Alignment::AlignedFor(second),
        ),
        (
            Mode::ExactlyOnce,
            true,
            Duration::ZERO,
            false,
            Alignment::Unaligned,
        ),
        (
            Mode::ExactlyOnce,
            true,
            Duration::ZERO,
            true,
            Alignment::Aligned,
        ),
        (
            Mode::AtLeastOnce,
            false,
            second,
            false,
            Alignment::AtLeastOnce,
        ),
    ] {
        let options = Options {
            mode,
            unaligned,
            aligned_timeout: timeout,
            ..options()
        };
        let coordinator = driven(options).coordinator;
        let kind = if savepoint {
            SnapshotKind::Savepoint(crate::barrier::Format::Native)
        } else {
            SnapshotKind::Checkpoint
        };
        assert_eq!(coordinator.alignment(kind), alignment);
    }
}

#[test]
fn unaligned_checkpoints_are_rejected_where_they_cannot_work() {
    let check = |change: &dyn Fn(&mut Options), partitioning| {
        let mut options = Options {
            unaligned: true,
            ..options()
        };
        change(&mut options);
        options.check(&graph(StateKind::Value, partitioning))
    };
    assert_eq!(check(&|_| {}, Partitioning::Hash), Ok(()));
    let refused = check(&|o| o.mode = Mode::AtLeastOnce, Partitioning::Hash);
    assert_eq!(refused, Err(OptionsError::UnalignedAtLeastOnce));
    let refused = check(&|o| o.max_concurrent = two(2), Partitioning::Hash);
    assert_eq!(refused, Err(OptionsError::UnalignedConcurrent(two(2))));
    let refused = check(&|o| o.directory = None, Partitioning::Hash);
    assert_eq!(refused, Err(OptionsError::NoDirectory));
}
