//! Jobs that fail: the first failure is told with its task, nothing of the output remains.

use wasmill_types::operator::PollStatus;

use super::*;
use crate::fixture::batch;
use crate::fixture::guest::{Answer, Call, DONE, Io, echo, user_failure};

/// Fails, or panics, in the call of this name, in one subtask of two.
fn breaks_in(failing: &'static str, panics: bool) -> impl Fn(&mut Io, Call<'_>) -> Answer + Copy {
    move |io: &mut Io, call: Call<'_>| {
        if call.name() == failing && io.context.subtask == 1 {
            assert!(!panics, "a bug in {failing}");
            return Err(user_failure(&format!("broken in {failing}")));
        }
        if let Call::Poll = call {
            io.emit_all(&batch(&["record"]).view())?;
            return Ok(PollStatus::Ready);
        }
        echo(io, call)
    }
}

#[track_caller]
fn check(job: &mut Job, task: &str, told: &str) {
    let failure = job.run().unwrap_err();
    let text = failure.to_string();
    assert!(text.starts_with(&format!("task `{task}`: ")), "{text}");
    assert!(text.contains(told), "{text}");
    assert_eq!(job.files(), Vec::<String>::new(), "after {told}");
}

#[test]
fn a_failure_in_any_call_ends_the_job_and_names_the_task() {
    for panics in [false, true] {
        for call in ["open", "process"] {
            let mut job = Job::new("n:datagen*2 -> map*2 =hash=> last*2 -> out:file*2", None);
            let code = breaks_in(call, panics);
            job.bundle.code("map", move || code);
            check(&mut job, "Source: n -> map (2/2)", call);
        }
        for call in ["end-of-input", "close", "watermark"] {
            let mut job = Job::new(
                "n:datagen*2 -> map*2 =hash=> last*2 -> out:file*2",
                Some(50),
            );
            let code = breaks_in(call, panics);
            job.bundle.code("last", move || code);
            check(&mut job, "last -> Sink: out (2/2)", call);
        }
        for call in ["open", "assign", "poll"] {
            let mut job = Job::new("map:gen*2 =hash=> last*2 -> out:file*2", None);
            job.bundle.splits = Ok(vec!["a".to_owned(), "b".to_owned()]);
            let code = breaks_in(call, panics);
            job.bundle.code("map", move || code);
            check(&mut job, "Source: map (2/2)", call);
        }
    }
}

/// A subtask fails while all others are full, blocked, and never stop by themselves.
#[test]
fn a_failure_reaches_tasks_that_wait_for_room() {
    for (parallelism, panics) in [(1, false), (1, true), (4, false), (4, true)] {
        let text = format!(
            "n:datagen*{parallelism} -> map*{parallelism} =rebalance=> code*{parallelism} =rebalance=> \
             out:file*{parallelism}"
        );
        let mut job = Job::new(&text, None);
        job.bundle.code("code", move || {
            let mut batches = 0;
            move |io: &mut Io, call: Call<'_>| {
                batches += 1;
                if batches < 20 || io.context.subtask > 0 {
                    return echo(io, call);
                }
                assert!(!panics, "broken by then");
                Err(user_failure("broken by then"))
            }
        });
        check(
            &mut job,
            &format!("code (1/{parallelism})"),
            "broken by then",
        );
    }
}

/// The tasks share no channel, so only the job itself can tell the one of the other.
#[test]
fn a_failure_stops_tasks_that_it_is_not_connected_with() {
    for panics in [false, true] {
        let mut job = Job::new(
            "a:datagen*1 -> x*1 -> one:file*1\nb:datagen*1 -> code*1 -> two:file*1",
            None,
        );
        job.bundle.code("code", move || {
            move |_: &mut Io, call: Call<'_>| match call {
                Call::Process(..) if panics => panic!("broken there"),
                Call::Process(..) => Err(user_failure("broken there")),
                _ => DONE,
            }
        });
        check(
            &mut job,
            "Source: b -> code -> Sink: two (1/1)",
            "broken there",
        );
    }
}

/// Those who only notice, because their reader or producer is gone, are never blamed: whoever fails first
/// in time does, wherever it is in the job.
#[test]
fn the_first_failure_is_the_jobs_and_not_what_follows_from_it() {
    for round in 0..20 {
        for panics in [false, true] {
            let mut job = Job::new(
                "n:datagen*2 -> early*2 =rebalance=> code*2 =rebalance=> last*2 -> out:file*2",
                None,
            );
            job.bundle.code("code", move || {
                move |io: &mut Io, call: Call<'_>| match call {
                    Call::Process(..) if io.context.subtask == 1 => {
                        assert!(!panics, "the cause");
                        Err(user_failure("the cause"))
                    }
                    _ => echo(io, call),
                }
            });
            check(&mut job, "code (2/2)", "the cause");
        }
        let mut job = Job::new("n:datagen*4 -> code*4 -> out:file*4", None);
        job.bundle.code("code", move || {
            move |io: &mut Io, call: Call<'_>| match call {
                Call::Process(..) if io.context.subtask == round % 4 => {
                    Err(user_failure("the cause"))
                }
                Call::Process(..) => {
                    while !io.cancel.is_cancelled() {
                        std::thread::yield_now();
                    }
                    Err(user_failure("a late failure"))
                }
                _ => DONE,
            }
        });
        let task = format!("Source: n -> code -> Sink: out ({}/4)", round % 4 + 1);
        check(&mut job, &task, "the cause");
    }
}

#[test]
fn the_sandbox_and_the_splits_can_refuse() {
    let mut job = Job::new("map:gen*1 -> out:file*1", None);
    job.bundle.sandbox = Err(TaskFailure::Contract("no such export".to_owned()));
    check(&mut job, "Source: map -> Sink: out (1/1)", "no such export");

    let mut job = Job::new("map:gen*1 -> out:file*1", None);
    job.bundle.splits = Err(user_failure("no topic"));
    check(&mut job, "Source: map -> Sink: out", "no topic");
}

#[test]
fn a_job_that_cannot_be_deployed_names_the_vertex_and_runs_nothing() {
    // There are no files.
    let mut job = Job::new("in:files*1 -> map*1 -> out:file*1", None);
    let task = "Source: in -> map -> Sink: out";
    check(&mut job, task, &format!("task `{task}`: operator `in`: "));
    assert!(!job.path("out").exists(), "the sink was not prepared");

    // The output is occupied, and the source of another vertex would have run.
    let mut job = Job::new(
        "n:datagen*1 -> first:file*1\nn =rebalance=> out:file*2",
        None,
    );
    std::fs::create_dir(job.path("out")).unwrap();
    std::fs::write(job.path("out").join("part-0-0.txt"), "old").unwrap();
    let failure = job.run().unwrap_err().to_string();
    let start = "task `Sink: out`: operator `out`: ";
    assert!(failure.starts_with(start), "{failure}");
    assert!(failure.contains("already holds part files"), "{failure}");
    assert_eq!(job.files(), ["part-0-0.txt"]);
}

#[test]
fn a_job_with_operators_of_a_bundle_needs_one() {
    let job = Job::new("n:datagen*1 -> map*1 -> out:blackhole*1", Some(1));
    let failure = job.start_with(None).unwrap_err().to_string();
    assert!(failure.contains("no bundle came with it"), "{failure}");
}

#[test]
fn output_of_an_earlier_part_of_the_job_is_removed_when_a_later_one_fails() {
    // `done` has long finished, and staged its output, when the other part fails.
    let mut job = Job::new(
        "a:datagen*2 -> done:file*2\nb:datagen*1 -> code*1 -> two:file*1",
        Some(100),
    );
    job.bundle.code("code", || {
        |io: &mut Io, call: Call<'_>| match call {
            Call::Close => Err(user_failure("at the very end")),
            _ => echo(io, call),
        }
    });
    check(
        &mut job,
        "Source: b -> code -> Sink: two (1/1)",
        "at the very end",
    );
}
