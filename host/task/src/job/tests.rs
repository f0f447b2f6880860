//! How a job ends, with tasks and sinks that do as they are told.

use std::sync::{Arc, Mutex};

use wasmill_actor::{ThreadKind, threads};
use wasmill_connectors::{ConnectorError, Sink, SinkWriter, WriterContext};

use super::watch::{Role, Watched};
use super::*;
use crate::fixture::{Writer, committable, refuse};
use crate::outcome::Outcome;

/// What was done to a sink, as lines like `a: commit 1,2`.
type Log = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
struct LoggedSink {
    name: &'static str,
    fails: bool,
    cannot_discard: bool,
    log: Log,
}

impl LoggedSink {
    fn note(&self, action: &'static str, parts: &[Committable]) -> Result<(), ConnectorError> {
        let mut parts: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        parts.sort_unstable();
        let line = format!("{}: {action} {}", self.name, parts.join(","));
        self.log.lock().unwrap().push(line);
        let fails = match action {
            "commit" => self.fails,
            _ => self.cannot_discard,
        };
        refuse(fails, action)
    }
}

impl Sink for LoggedSink {
    fn prepare(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn writer(&self, _: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(Writer::default()))
    }

    fn commit(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        self.note("commit", &parts)
    }

    fn discard(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        self.note("discard", &parts)
    }
}

/// A job with the sinks `a`, `b` and `c`, of which some fail, and a task per text: what it stages for
/// whom, and how it ends, as in `a1 b2 ok`.
fn job(failing: &[&str], tasks: &[&'static str]) -> (RunningJob, Log) {
    job_that_cannot_discard(failing, &[], tasks)
}

/// As [`job`], with sinks that cannot discard what was staged.
fn job_that_cannot_discard(
    failing: &[&str],
    stuck: &[&str],
    tasks: &[&'static str],
) -> (RunningJob, Log) {
    let log = Log::default();
    let sinks = ["a", "b", "c"].into_iter().enumerate().map(|(id, name)| {
        let sink = LoggedSink {
            name,
            fails: failing.contains(&name),
            cannot_discard: stuck.contains(&name),
            log: Arc::clone(&log),
        };
        let sink: Box<dyn Sink> = Box::new(sink);
        (OperatorId(id as u32), (name.to_owned(), sink))
    });
    let (cancel, ends) = (CancelToken::new(), Ends::default());
    let start = |(task, story)| {
        let watcher = Watcher {
            task,
            ends: ends.clone(),
            cancel: cancel.clone(),
        };
        let name = format!("{story} {task}");
        let body = move || run(story, &watcher);
        RunningTask {
            worker: threads::spawn(ThreadKind::Task, &name, body).unwrap(),
            name,
            watched: Watched {
                metrics: Arc::default(),
                role: Role::Inner,
            },
        }
    };
    let handles = tasks.iter().copied().enumerate().map(start).collect();
    let started = (Clock::system(), Duration::ZERO);
    let job = RunningJob::new(
        handles,
        sinks.collect(),
        cancel.clone(),
        ends.clone(),
        started,
    );
    (job, log)
}

fn run(story: &str, watcher: &Watcher) {
    let outcome = Outcome::default();
    let end = |ended| {
        // As when nobody has cancelled: these tasks end all at once.
        let ended = outcome.end(Ok(ended), &CancelToken::new());
        watcher.changed(Change::Ended(ended));
    };
    for word in story.split_whitespace() {
        match word {
            "ok" => return end(Ok(())),
            "failed" => return end(Err(HostError::new("broken").into())),
            "cancelled" => return end(Err(TaskFailure::Cancelled)),
            "panicked" => panic!("a bug"),
            part => {
                let sink = OperatorId(u32::from(part.as_bytes()[0] - b'a'));
                outcome.stage((sink, vec![committable(&part[1..])]));
            }
        }
    }
}

fn done(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

#[test]
fn output_becomes_visible_when_all_tasks_have_ended_well_and_never_else() {
    for (tasks, failure, done_to_sinks) in [
        (vec!["ok"], None, vec![]),
        (
            vec!["b1 a1 ok", "a2 ok"],
            None,
            vec!["a: commit 1,2", "b: commit 1"],
        ),
        (
            vec!["a1 ok", "a2 failed"],
            Some("task `a2 failed 1`: broken"),
            vec!["a: discard 1,2"],
        ),
        (
            vec!["a1 ok", "cancelled", "panicked"],
            Some("task `panicked 2`: panicked: a bug; please report this bug"),
            vec!["a: discard 1"],
        ),
        (
            vec!["a1 ok", "cancelled"],
            Some("cancelled"),
            vec!["a: discard 1"],
        ),
    ] {
        let (job, log) = job(&[], &tasks);
        let ended = job.wait();
        assert_eq!(
            ended.err().map(|failure| failure.to_string()).as_deref(),
            failure,
            "{tasks:?}"
        );
        assert_eq!(done(&log), done_to_sinks, "{tasks:?}");
    }
}

#[test]
fn a_commit_that_fails_keeps_no_other_sink_from_its_own_and_leaves_nothing_hidden() {
    let failed = |sink: &str| {
        format!(
            "make the output of `{sink}` visible: cannot commit `the disk`: no storage space; free space \
             there or choose a directory on another disk; what did not become visible was removed"
        )
    };
    for (failing, told, done_to_sinks) in [
        (
            vec!["a"],
            format!("{}; visible is the output of `b`, `c`", failed("a")),
            vec!["a: commit 1", "a: discard 1", "b: commit 1", "c: commit 1"],
        ),
        (
            vec!["a", "c"],
            format!(
                "{}; {}; visible is the output of `b`",
                failed("a"),
                failed("c")
            ),
            vec![
                "a: commit 1",
                "a: discard 1",
                "b: commit 1",
                "c: commit 1",
                "c: discard 1",
            ],
        ),
        (
            vec!["a", "b", "c"],
            ["a", "b", "c"].map(failed).join("; "),
            vec![
                "a: commit 1",
                "a: discard 1",
                "b: commit 1",
                "b: discard 1",
                "c: commit 1",
                "c: discard 1",
            ],
        ),
    ] {
        let (job, log) = job(&failing, &["a1 b1 c1 ok"]);
        assert_eq!(job.wait().unwrap_err().to_string(), told);
        assert_eq!(done(&log), done_to_sinks);
    }
}

#[test]
fn what_cannot_be_removed_after_a_failed_commit_is_told() {
    let (job, _) = job_that_cannot_discard(&["a"], &["a"], &["a1 ok"]);
    let told = job.wait().unwrap_err().to_string();
    let expected = "; what did not become visible could not be removed: cannot discard `the disk`: no \
                    storage space; free space there or choose a directory on another disk";
    assert!(told.ends_with(expected), "{told}");
}

#[test]
fn what_cannot_be_discarded_does_not_hide_why_the_job_failed() {
    let (job, log) = job_that_cannot_discard(&[], &["a"], &["a1 b1 ok", "failed"]);
    assert_eq!(
        job.wait().unwrap_err().to_string(),
        "task `failed 1`: broken"
    );
    assert_eq!(done(&log), ["a: discard 1", "b: discard 1"]);
}

#[test]
fn a_job_that_is_dropped_is_stopped_and_leaves_no_output() {
    let (job, log) = job(&[], &["a1 ok", "a2 ok"]);
    let cancel = job.cancel_token();
    drop(job);
    assert!(cancel.is_cancelled());
    assert_eq!(done(&log), ["a: discard 1,2"]);
}

/// Ends tasks one after the other; which one is the job's failure, and whether the job is stopped. A word
/// is a task's number and its end: `0:ok`, `1:failed`, `2:cancelled`, `3:panicked`; `stop` is somebody
/// who cancels the job.
fn ends(story: &str) -> (Option<usize>, bool) {
    let (ends, cancel) = (Ends::default(), CancelToken::new());
    for word in story.split_whitespace() {
        let Some((task, end)) = word.split_once(':') else {
            cancel.cancel();
            continue;
        };
        let watcher = Watcher {
            task: task.parse().unwrap(),
            ends: ends.clone(),
            cancel: cancel.clone(),
        };
        let ended = match end {
            "ok" => Ok(Ok(())),
            "failed" => Ok(Err(HostError::new("broken").into())),
            "cancelled" => Ok(Err(TaskFailure::Cancelled)),
            "panicked" => Err("a bug".to_owned()),
            other => panic!("`{other}` is no end"),
        };
        let ended = Outcome::default().end(ended, &cancel);
        watcher.changed(Change::Ended(ended));
    }
    (ends.first(), cancel.is_cancelled())
}

#[test]
fn the_first_task_that_fails_of_itself_is_the_jobs_failure_and_stops_it() {
    for (story, expected) in [
        ("0:ok 1:ok", (None, false)),
        ("2:failed 1:failed", (Some(2), true)),
        ("0:ok 3:panicked 1:failed", (Some(3), true)),
        ("1:failed 3:panicked", (Some(1), true)),
        // A task that saw the other's channel go must neither be blamed nor hide the other.
        ("0:cancelled 1:failed", (Some(1), true)),
        ("0:cancelled", (None, false)),
        ("stop 0:cancelled 1:failed 2:panicked", (None, true)),
        ("1:failed stop", (Some(1), true)),
    ] {
        assert_eq!(ends(story), expected, "{story}");
    }
}
