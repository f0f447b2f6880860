//! How jobs end: by themselves, and by being cancelled, which must not take long.

use std::time::Duration;

use wasmill_actor::{Signal, Woken};
use wasmill_state::OwnedGroups;
use wasmill_types::operator::{ChangeKind, Changes, OperatorHost, PollStatus, TimeDomain, Timers};
use wasmill_types::{Blobs, BlobsView};

use super::*;
use crate::fixture::batch;
use crate::fixture::guest::{Answer, Call, DONE, Io, echo};
use crate::fixture::texts;

/// Waits as slow code does, but not longer than a test may.
fn dawdle(io: &Io, time: Duration) {
    let signal = Signal::new();
    let woken = signal.clone();
    let _guard = io.cancel.on_cancel(move || woken.notify());
    let _: Woken = signal.wait(Some(time));
}

/// Runs until it is cancelled, as a guest that spins does in the sandbox.
fn spin(io: &Io) -> Answer {
    while !io.cancel.is_cancelled() {
        std::hint::spin_loop();
        std::thread::yield_now();
    }
    Err(TaskFailure::Cancelled)
}

/// Starts a job, cancels it when it has done something, and checks how it ends.
#[track_caller]
fn check_cancel(job: &mut Job, what: &str) {
    let clock = Clock::system();
    let running = job.start().unwrap();
    let watched = running.watched();
    let has_begun = || watched.iter().any(|task| task.metrics.counter("begun") > 0);
    let begun = clock.monotonic();
    while !has_begun() {
        assert!(
            clock.monotonic() - begun < 10 * SOON,
            "{what} has not begun"
        );
        std::thread::yield_now();
    }
    // Time for channels to fill up.
    let _: Woken = Signal::new().wait(Some(Duration::from_millis(20)));
    let cancelled = clock.monotonic();
    running.cancel_token().cancel();
    let failure = running.wait().unwrap_err();
    let took = clock.monotonic() - cancelled;
    assert!(took < SOON, "{what} took {took:?} to end");
    assert!(
        matches!(failure.failure, TaskFailure::Cancelled),
        "{what}: {failure}"
    );
    assert_eq!(failure.task, None, "{what}");
    assert_eq!(job.files(), Vec::<String>::new(), "{what} left files");
}

#[test]
fn a_cancelled_job_ends_soon_whatever_its_tasks_do() {
    type Doing = fn(&mut Io, Call<'_>) -> Answer;
    let spins: Doing = |io, call| match call {
        Call::Process(..) => {
            io.host.counter_add("begun", 1);
            spin(io)
        }
        _ => DONE,
    };
    let is_slow: Doing = |io, call| {
        if let Call::Process(_, records) = call {
            io.host.counter_add("begun", 1);
            dawdle(io, Duration::from_secs(30));
            io.emit_all(&records)?;
        }
        DONE
    };
    let floods: Doing = |io, call| {
        if let Call::Process(_, records) = call {
            io.host.counter_add("begun", 1);
            loop {
                io.emit_all(&records)?;
            }
        }
        DONE
    };
    let opens_slowly: Doing = |io, call| match call {
        Call::Open => {
            io.host.counter_add("begun", 1);
            spin(io)
        }
        _ => DONE,
    };
    let hurries: Doing = |io, call| {
        io.host.counter_add("begun", 1);
        echo(io, call)
    };
    for (what, code) in [
        ("spinning", spins),
        ("a slow operator", is_slow),
        ("a flood", floods),
        ("a slow start", opens_slowly),
        ("an endless job", hurries),
    ] {
        for (parallelism, partitioning) in [(1, "forward"), (3, "rebalance"), (4, "hash")] {
            let text = format!(
                "n:datagen*{parallelism} -> w*{parallelism} ={partitioning}=> code!never*{parallelism} \
                 =rebalance=> last*{parallelism} -> out:file*{parallelism}"
            );
            let mut job = Job::new(&text, None);
            job.bundle.code("code", move || {
                move |io: &mut Io, call: Call<'_>| code(io, call)
            });
            check_cancel(&mut job, &format!("{what} behind {partitioning}"));
        }
    }
}

#[test]
fn a_source_that_has_nothing_for_long_is_cancelled_soon() {
    for until in [i64::MAX, 9_999_999_999_999] {
        let mut job = Job::new("code:gen*2 =hash=> k*2 -> out:file*2", None);
        job.bundle.splits = Ok(vec!["a".to_owned(), "b".to_owned()]);
        job.bundle.code("code", move || {
            move |io: &mut Io, call: Call<'_>| match call {
                Call::Poll => {
                    io.host.counter_add("begun", 1);
                    io.host.mark_idle()?;
                    Ok(PollStatus::IdleUntil(until))
                }
                _ => DONE,
            }
        });
        check_cancel(&mut job, "an idle source");
    }
}

#[test]
fn a_timer_that_is_far_away_is_cancelled_soon() {
    let mut job = Job::new("n:gen*1 =hash=> code*1 -> out:file*1", None);
    job.bundle.code("n", endless);
    job.bundle.code("code", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Process(_, records) = call {
                register(io, TimeDomain::Processing, i64::MAX, records.record(0))?;
                io.host.counter_add("begun", 1);
            }
            DONE
        }
    });
    check_cancel(&mut job, "a timer far away");
}

/// A source that makes a record and then has nothing, for ever.
fn endless() -> impl FnMut(&mut Io, Call<'_>) -> Answer + Send {
    let mut has_made = false;
    move |io: &mut Io, call: Call<'_>| match call {
        Call::Poll => {
            if !std::mem::replace(&mut has_made, true) {
                io.emit_all(&batch(&["key"]).view())?;
            }
            Ok(PollStatus::IdleUntil(i64::MAX))
        }
        _ => DONE,
    }
}

fn register(io: &mut Io, domain: TimeDomain, at: i64, key: &[u8]) -> Result<(), TaskFailure> {
    let timers = Timers {
        times: vec![at],
        keys: std::iter::once(key).collect(),
        namespaces: std::iter::once([].as_slice()).collect(),
    };
    io.host.register_timers(domain, timers)
}

#[test]
fn a_job_that_was_cancelled_before_it_began_leaves_nothing() {
    let mut job = Job::new("n:datagen*2 =rebalance=> out:file*2", None);
    let running = job.start().unwrap();
    running.cancel_token().cancel();
    running.cancel_token().cancel();
    let failure = running.wait().unwrap_err();
    assert!(
        matches!(failure.failure, TaskFailure::Cancelled),
        "{failure}"
    );
    assert_eq!(job.files(), Vec::<String>::new());
}

#[test]
fn a_job_that_nobody_waits_for_is_stopped() {
    let mut job = Job::new("n:datagen*2 -> map*2 -> out:file*2", None);
    drop(job.start().unwrap());
    assert_eq!(job.files(), Vec::<String>::new());
}

/// Counts each key in keyed state and emits the counts at the end of event time.
fn count(io: &mut Io, call: Call<'_>) -> Answer {
    match call {
        Call::Process(_, records) => {
            for key in records.records() {
                let keys: Blobs = std::iter::once(key).collect();
                let found = io.host.state_get(0, keys.view(), BlobsView::default())?;
                let bytes = found.present[0].then(|| found.values.view().get(0).to_vec());
                let count = bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
                let value = (count + 1).to_le_bytes();
                let changes = Changes {
                    kinds: vec![ChangeKind::Put],
                    keys: keys.view(),
                    sub_keys: BlobsView {
                        ends: &[0],
                        data: &[],
                    },
                    values: BlobsView {
                        ends: &[8],
                        data: &value,
                    },
                };
                io.host.state_write(0, changes)?;
                register(io, TimeDomain::Event, i64::MAX, key)?;
            }
        }
        Call::Timers(_, timers) => {
            let found = io
                .host
                .state_get(0, timers.keys.view(), BlobsView::default())?;
            for (key, value) in timers.keys.view().iter().zip(found.values.view().iter()) {
                let count = u64::from_le_bytes(value.try_into().unwrap());
                let line = format!("{} {count}", String::from_utf8_lossy(key));
                io.emit_all(&batch(&[line.as_str()]).view())?;
            }
        }
        _ => {}
    }
    DONE
}

#[test]
fn keyed_state_and_timers_follow_the_key() {
    for parallelism in [1, 2, 5] {
        let text =
            format!("n:datagen*2 -> w*2 =hash=> count*{parallelism} -> out:file*{parallelism}");
        let mut job = Job::new(&text, Some(700));
        job.bundle.code("w", || {
            |io: &mut Io, call: Call<'_>| {
                if let Call::Process(_, records) = call {
                    for record in texts(&records) {
                        let key = (record.parse::<u64>().unwrap() % 7).to_string();
                        io.emit_all(&batch(&[key.as_str()]).view())?;
                    }
                }
                DONE
            }
        });
        job.bundle.code("count", || count);
        job.run().unwrap();
        let expected: Vec<String> = (0..7).map(|key| format!("{key} 100")).collect();
        assert_eq!(job.lines("out"), expected, "{text}");
    }
}

#[test]
fn a_key_of_another_subtask_is_refused() {
    let mut job = Job::new("n:datagen*1 -> w*1 =hash=> code*2 -> out:file*2", Some(10));
    job.bundle.code("code", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Process(..) = call {
                let own = OwnedGroups::new(io.context.subtask, 2, 128);
                let foreign = (0..).map(|n: u32| n.to_string());
                let foreign = foreign
                    .into_iter()
                    .find(|key| own.check(key.as_bytes()).is_err());
                register(io, TimeDomain::Event, 1, foreign.unwrap().as_bytes())?;
            }
            DONE
        }
    });
    let failure = job.run().unwrap_err();
    assert!(
        matches!(failure.failure, TaskFailure::Contract(_)),
        "{failure}"
    );
}

#[test]
fn records_that_wait_for_others_go_out_within_the_buffer_timeout() {
    let mut job = Job::new("n:gen*1 =rebalance=> code*1 -> out:file*1", None);
    job.options.frame_bytes = 1 << 20;
    job.bundle.code("n", endless);
    job.bundle.code("code", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Process(..) = call {
                io.host.counter_add("begun", 1);
            }
            DONE
        }
    });
    // It has begun only if the record came, though its source neither ends nor fills a frame.
    check_cancel(&mut job, "a record that waits");
}

#[test]
fn tasks_count_what_sources_made_and_sinks_took() {
    let mut job = Job::new("n:gen*2 =rebalance=> map*1 -> out:blackhole*1", None);
    job.bundle.splits = Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    job.bundle.code("n", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Poll = call {
                io.emit_all(&batch(&["one", "two"]).view())?;
            }
            DONE
        }
    });
    let summary = job.run().unwrap();
    assert_eq!(
        (summary.records_in, summary.bytes_in, summary.records_out),
        (6, 18, 6)
    );
    assert_eq!(summary.bad_records, 0);
    assert!(summary.has_first_record);
}
