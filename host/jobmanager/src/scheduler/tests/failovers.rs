//! Jobs that fail, and start again.

use super::*;

#[test]
fn a_failure_without_restarts_stops_all_and_ends_the_job() {
    let mut bench = deployed(Strategy::None);
    check(
        "failure",
        &mut bench,
        &[
            ("runs 0.0", ""),
            ("finishes 1.0", ""),
            (
                "fails 0.0 boom",
                "Cancellation in 30000; cancel b[0.1#0 1.1#0]; FAILING",
            ),
            ("stops 0.1", ""),
            ("fails 1.1 bang", "discard[p1.0]"),
            ("discarded", "end; FAILED"),
        ],
        &["Source: src (1/2): boom (Sink: out (2/2): bang)"],
    );
}

#[test]
fn a_region_that_is_the_job_starts_again_with_its_sources_looked_at_anew() {
    let mut bench = deployed(TWICE);
    let stop = "Restart(1) in 1000; Cancellation in 30000; cancel a[1.0#0]; \
                cancel b[0.1#0 1.1#0]; RESTARTING";
    check(
        "restart",
        &mut bench,
        &[
            ("fails 0.0 boom", stop),
            ("finishes 1.0", ""),
            ("stops 0.1", ""),
            ("after 1000", ""),
            ("stops 1.1", "discard[p1.0]"),
            ("discarded", "prepare"),
            (
                "prepared",
                "deploy a[0.0#1@0 1.0#1@0] b[0.1#1@3 1.1#1@3]; RUNNING",
            ),
            ("runs 0.0#0", ""),
            ("finishes 1.0#0", "discard-late[p1.0]"),
            ("runs 0.0", ""),
        ],
        &["Source: src (1/2): boom"],
    );
}

#[test]
fn only_the_region_of_a_failed_task_starts_again() {
    let mut bench = two_regions(TWICE);
    check(
        "regions",
        &mut bench,
        &[
            ("finishes 0.0", ""),
            (
                "fails 0.1 boom",
                "Restart(1) in 1000; Cancellation in 30000; cancel b[1.1#0]; RESTARTING",
            ),
            ("finishes 1.0", ""),
            ("stops 1.1", ""),
            ("after 1000", "take-back 0.1 1.1; prepare"),
            ("prepared", "deploy b[0.1#1@3 1.1#1@3]; RUNNING"),
            ("finishes 0.1", ""),
            ("finishes 1.1", "commit 1[p1.0 p1.1]"),
            ("committed 1", "end; FINISHED"),
        ],
        &["Source: src (2/2): boom"],
    );
}

#[test]
fn what_fails_while_a_failover_is_under_way_belongs_to_it() {
    let mut bench = two_regions(TWICE);
    check(
        "merged",
        &mut bench,
        &[
            (
                "fails 0.1 boom",
                "Restart(1) in 1000; Cancellation in 30000; cancel b[1.1#0]; RESTARTING",
            ),
            ("fails 1.0 bang", "Cancellation in 30000; cancel a[0.0#0]"),
            ("stops 1.1", ""),
            ("after 1000", ""),
            ("stops 0.0", "prepare"),
            (
                "prepared",
                "deploy a[0.0#1@0 1.0#1@0] b[0.1#1@3 1.1#1@3]; RUNNING",
            ),
            (
                "fails 0.0 again",
                "Restart(2) in 1000; Cancellation in 30000; cancel a[1.0#1]; RESTARTING",
            ),
            ("stops 1.0", ""),
            ("after 1000", "take-back 0.0 1.0; prepare"),
            ("prepared", "deploy a[0.0#2@0 1.0#2@0]; RUNNING"),
            (
                "fails 0.0 at last",
                "Cancellation in 30000; cancel a[1.0#2]; cancel b[0.1#1 1.1#1]; FAILING",
            ),
            ("stops 1.0", ""),
            ("stops 0.1", ""),
            ("stops 1.1", "end; FAILED"),
        ],
        &[
            "Source: src (1/2): at last",
            "Source: src (1/2): again",
            "Source: src (2/2): boom (Sink: out (1/2): bang)",
        ],
    );
}

#[test]
fn a_consequence_is_not_the_root_when_the_reason_comes_later() {
    let mut bench = deployed(Strategy::None);
    check(
        "consequence",
        &mut bench,
        &[
            (
                "fails 1.0 ~connection to b broken",
                "Cancellation in 30000; cancel a[0.0#0]; cancel b[0.1#0 1.1#0]; FAILING",
            ),
            ("stops 0.0", ""),
            ("lost b", "end; FAILED"),
        ],
        &[
            "Source: src (2/2): TaskManager `tm-b` is lost: gone (Sink: out (1/2): connection to \
             b broken, Sink: out (2/2): TaskManager `tm-b` is lost: gone)",
        ],
    );
}

#[test]
fn a_consequence_is_shown_only_when_no_cause_can_come_any_more() {
    let steps: [&[(&str, &str)]; 5] = [
        &[("fails 1.0 boom", "boom")],
        &[
            ("fails 1.0 ~broken", ""),
            ("stops 0.0", ""),
            ("lost b", "TaskManager `tm-b` is lost: gone"),
        ],
        &[
            ("fails 1.0 ~broken", ""),
            ("fails 0.1 boom", "boom"),
            ("stops 0.0", "boom"),
        ],
        &[
            ("fails 1.0 ~broken", ""),
            ("stops 0.0", ""),
            ("stops 0.1", ""),
            ("stops 1.1", "broken"),
        ],
        &[
            ("fails 1.0 ~broken", ""),
            (
                "after 30000",
                "it did not stop within 30s; its slot is given up",
            ),
        ],
    ];
    for steps in steps {
        let mut bench = deployed(Strategy::None);
        for (event, shown) in steps {
            bench.tell(event);
            let exceptions = bench.scheduler.picture().exceptions;
            let roots: Vec<_> = exceptions.into_iter().map(|it| it.cause.message).collect();
            assert_eq!(roots.concat(), *shown, "{event} of {steps:?}");
        }
    }
}

#[test]
fn a_lost_task_manager_is_replaced() {
    let mut bench = deployed(TWICE);
    check(
        "lost",
        &mut bench,
        &[
            (
                "lost b",
                "Restart(1) in 1000; Cancellation in 30000; cancel a[0.0#0 1.0#0]; RESTARTING",
            ),
            ("stops 0.0", ""),
            ("stops 1.0", ""),
            ("after 1000", "return a/0; request 2+0"),
            ("lost a", ""),
            ("grant c/0 c/1", "prepare"),
            ("lost c", "request 2+0"),
            ("prepared", ""),
            ("grant a/7 a/8", "prepare"),
            (
                "prepared",
                "deploy a[0.0#1@7 0.1#1@8 1.0#1@7 1.1#1@8]; RUNNING",
            ),
        ],
        &["Source: src (2/2): TaskManager `tm-b` is lost: gone \
           (Sink: out (2/2): TaskManager `tm-b` is lost: gone)"],
    );
}

/// Otherwise sources that are being read would begin again.
#[test]
fn only_the_answer_to_the_last_preparation_counts() {
    let mut bench = deployed(TWICE);
    let awaited = |bench: &Bench| {
        (0..9)
            .filter(|it| bench.scheduler.awaits(*it))
            .collect::<Vec<_>>()
    };
    assert_eq!(awaited(&bench), [0; 0]);
    for (events, preparation) in [
        (
            &[
                (
                    "lost b",
                    "Restart(1) in 1000; Cancellation in 30000; cancel a[0.0#0 1.0#0]; RESTARTING",
                ),
                ("stops 0.0", ""),
                ("stops 1.0", ""),
                ("after 1000", "return a/0; request 2+0"),
                ("grant c/0 c/1", "prepare"),
            ][..],
            vec![2],
        ),
        (&[("lost c", "request 2+0")], vec![]),
        (&[("grant a/7 a/8", "prepare")], vec![3]),
        (
            &[(
                "prepared",
                "deploy a[0.0#1@7 0.1#1@8 1.0#1@7 1.1#1@8]; RUNNING",
            )],
            vec![],
        ),
    ] {
        let story = "Source: src (2/2): TaskManager `tm-b` is lost: gone \
                     (Sink: out (2/2): TaskManager `tm-b` is lost: gone)";
        check("preparations", &mut bench, events, &[story]);
        assert_eq!(awaited(&bench), preparation);
    }
}

#[test]
fn regions_that_run_keep_their_slots_while_others_wait() {
    let mut bench = two_regions(TWICE);
    check(
        "slots of a region",
        &mut bench,
        &[
            ("lost b", "Restart(1) in 1000; RESTARTING"),
            ("after 1000", "take-back 0.1 1.1; request 1+1"),
            ("grant c/0", "prepare"),
            ("prepared", "deploy c[0.1#1@0 1.1#1@0]; RUNNING"),
            ("finishes 0.0", ""),
            ("finishes 1.0", ""),
            ("lost a", ""),
        ],
        &["Source: src (2/2): TaskManager `tm-b` is lost: gone \
           (Sink: out (2/2): TaskManager `tm-b` is lost: gone)"],
    );
}

#[test]
fn a_task_that_does_not_stop_is_given_up_with_its_slot() {
    let mut bench = deployed(TWICE);
    check(
        "stuck",
        &mut bench,
        &[
            (
                "fails 0.0 boom",
                "Restart(1) in 1000; Cancellation in 30000; cancel a[1.0#0]; \
                 cancel b[0.1#0 1.1#0]; RESTARTING",
            ),
            ("stops 1.0", ""),
            ("stops 0.1", ""),
            ("after 29999", ""),
            ("after 1", "give-up b/3; return a/0; request 2+0"),
            ("grant a/0 a/1", "prepare"),
            (
                "prepared",
                "deploy a[0.0#1@0 0.1#1@1 1.0#1@0 1.1#1@1]; RUNNING",
            ),
            ("finishes 1.1#0", "discard-late[p1.1]"),
        ],
        &[
            "Source: src (1/2): boom (Sink: out (2/2): it did not stop within 30s; its slot is \
           given up)",
        ],
    );
}

#[test]
fn a_deployment_that_is_refused_is_a_failure_of_its_tasks() {
    let mut bench = deployed(Strategy::None);
    check(
        "refused",
        &mut bench,
        &[
            ("deployed a", ""),
            (
                "undeployed b no memory",
                "Cancellation in 30000; cancel a[0.0#0 1.0#0]; FAILING",
            ),
            ("stops 0.0", ""),
            ("stops 1.0", "end; FAILED"),
        ],
        &["Source: src (2/2): no memory (Sink: out (2/2): no memory)"],
    );
    let mut bench = deployed(TWICE);
    check(
        "lost",
        &mut bench,
        &[
            (
                "undeployed b !gone",
                "Restart(1) in 1000; Cancellation in 30000; cancel a[0.0#0 1.0#0]; RESTARTING",
            ),
            ("undeployed a no memory", ""),
            ("after 1000", "return a/0; request 2+0"),
        ],
        &["Source: src (2/2): gone (Sink: out (2/2): gone)"],
    );
}

#[test]
fn messages_that_do_not_fit_are_left_alone() {
    let mut bench = deployed(TWICE);
    check(
        "noise",
        &mut bench,
        &[
            ("runs 0.0", ""),
            ("opens 0.0", ""),
            ("runs 0.0#5", ""),
            ("stops 0.0#5", ""),
            ("finishes 1.0", ""),
            ("finishes 1.0", ""),
            ("runs 1.0", ""),
            ("prepared", ""),
            ("discarded", ""),
            ("committed 1", ""),
            ("start", ""),
            ("refuse nothing", ""),
            ("after 100000", ""),
        ],
        &[],
    );
    assert_eq!(
        bench.scheduler.picture().vertices[1].subtasks[0]
            .current
            .id
            .attempt,
        0
    );
}
