//! Jobs that end: finished, canceled, failed, suspended.

use super::*;

const ALL_FINISH: [(&str, &str); 6] = [
    ("opens 0.0", ""),
    ("runs 0.0", ""),
    ("finishes 0.0", ""),
    ("finishes 0.1", ""),
    ("finishes 1.0", ""),
    ("finishes 1.1", "commit 1[p1.0 p1.1]"),
];

#[test]
fn output_is_committed_once_all_have_finished() {
    let mut bench = deployed(Strategy::None);
    check("finish", &mut bench, &ALL_FINISH, &[]);
    check(
        "finish",
        &mut bench,
        &[
            ("cancel", ""),
            ("lost a", ""),
            ("uncommitted 1 disk full", "Commit(OperatorId(1)) in 100"),
            ("after 100", "commit 1[p1.0 p1.1]"),
            ("committed 1", "end; FINISHED"),
            ("committed 1", ""),
            ("cancel", ""),
        ],
        &[],
    );
}

#[test]
fn a_commit_that_fails_says_what_stands_and_what_is_missing() {
    let mut bench = Bench::new("src*1 -> out-a*1\nsrc*1 -> out-b*1", Strategy::None);
    // A second line that begins with a name makes another source of that name.
    check(
        "two sinks",
        &mut bench,
        &[
            ("start", "request 1+0; CREATED"),
            ("grant a/0", "prepare"),
            (
                "prepared",
                "deploy a[0.0#0@0 1.0#0@0 2.0#0@0 3.0#0@0]; RUNNING",
            ),
            ("finishes 0.0", ""),
            ("finishes 1.0", ""),
            ("finishes 2.0", ""),
            ("finishes 3.0", "commit 1[p1.0]; commit 3[p3.0]"),
            ("committed 1", ""),
            ("uncommitted 3 disk full", "Commit(OperatorId(3)) in 100"),
            ("after 100", "commit 3[p3.0]"),
            ("uncommitted 3 disk full", "discard[p3.0]; FAILING"),
            ("discarded", "end; FAILED"),
        ],
        &[
            "the output of `out-b` was not made visible: disk full; visible is the output of \
           `out-a`; what did not become visible was removed",
        ],
    );
}

#[test]
fn a_job_is_canceled_in_every_state() {
    for (name, before, cancel) in [
        (
            "before slots",
            &DEPLOYED[..1],
            &[("cancel", "withdraw; end; CANCELED")][..],
        ),
        (
            "while it is prepared",
            &DEPLOYED[..2],
            &[("cancel", "end; CANCELED"), ("prepared", "")],
        ),
        (
            "while it runs",
            &DEPLOYED,
            &[
                ("runs 0.0", ""),
                ("finishes 1.1", ""),
                (
                    "cancel",
                    "Cancellation in 30000; cancel a[0.0#0 1.0#0]; cancel b[0.1#0]; CANCELLING",
                ),
                ("deployed b", "cancel b[0.1#0]"),
                ("stops 0.0", ""),
                ("stops 0.1", ""),
                ("cancel", ""),
                ("finishes 1.0", "discard[p1.0 p1.1]"),
                ("undiscarded no such host", "end; CANCELED"),
            ],
        ),
    ] {
        let mut bench = Bench::new("src*2 => out*2", TWICE);
        check(name, &mut bench, before, &[]);
        check(name, &mut bench, cancel, &[]);
    }
}

#[test]
fn slots_that_come_late_go_back() {
    let mut bench = Bench::new("src*2 => out*2", TWICE);
    check(
        "late slots",
        &mut bench,
        &[
            ("start", "request 2+0; CREATED"),
            ("cancel", "withdraw; end; CANCELED"),
            ("grant a/0 b/0", "return a/0 b/0"),
        ],
        &[],
    );
}

#[test]
fn a_wait_for_slots_ends_with_what_was_missing() {
    let mut bench = Bench::new("src*2 => out*2", Strategy::None);
    check(
        "no slots",
        &mut bench,
        &[
            ("start", "request 2+0; CREATED"),
            ("refuse needs 2 slots", "end; FAILED"),
        ],
        &["needs 2 slots"],
    );
    let mut bench = Bench::new("src*2 => out*2", TWICE);
    check(
        "no slots, with restarts",
        &mut bench,
        &[
            ("start", "request 2+0; CREATED"),
            ("refuse needs 2 slots", "Restart(1) in 1000"),
            ("after 1000", "request 2+0"),
            ("grant a/0 a/1", "prepare"),
            ("unprepared no such file", "Restart(2) in 1000"),
            ("after 1000", "prepare"),
            ("unprepared no such file", "end; FAILED"),
        ],
        &["no such file", "no such file", "needs 2 slots"],
    );
}

#[test]
fn a_job_that_is_suspended_stops_its_tasks_and_waits_for_nothing() {
    let mut bench = deployed(TWICE);
    check(
        "suspend",
        &mut bench,
        &[
            (
                "suspend",
                "Cancellation in 30000; cancel a[0.0#0 1.0#0]; cancel b[0.1#0 1.1#0]; end; \
                 SUSPENDED",
            ),
            ("stops 0.0", ""),
            ("lost a", ""),
        ],
        &[],
    );
}
