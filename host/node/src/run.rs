//! `wasmill run --local BUNDLE`: a job from its bundle to its end, in this process.
//!
//! Follow a job: [`Submission`] loads the bundle and gets its graph, [`deploy`] starts the tasks,
//! [`Progress`] watches them, [`Interrupt`] cancels them, [`Summary`] says how it ended. Invariant:
//! from the first task on a job ends with a summary, and standard output's last line is the JSON object
//! if one was asked for, also when there was nothing to run.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use wasmill_actor::{Clock, Rng};
use wasmill_graph::JobGraph;
use wasmill_task::guest::Sandboxed;
use wasmill_task::{Deployment, JobFailure, JobSummary, RunningJob, deploy};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::job::OperatorKind;
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::{GuestFailure, TaskFailure};
use wasmill_wasm::{Bundle, Limits};

use crate::cli::{OnBadRecord, RunArgs};
use crate::failure::{Exit, Failure, story};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::settings::Settings;
use crate::stdout;
use crate::submission::Submission;
use crate::summary::{Ran, State, Summary};

/// Runs the job to its end.
pub(crate) fn perform(args: RunArgs, clock: Clock, screen: &Screen) -> Result<Exit, Failure> {
    let interrupt = Interrupt::install(screen.clone(), clock.clone());
    let settings = settings(&args);
    let shown = Shown {
        json: args.json,
        quiet: args.quiet,
    };
    let submission = Submission::local(args.bundle.clone(), args.args.clone(), settings.clone());
    let checked = check(&submission, clock.clone());
    let (bundle, graph) = checked.map_err(|failure| shown.refuse(failure))?;

    let mut rng = Rng::from_entropy();
    let job_id = JobId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()));
    let tenant = TenantId::default();
    tracing::info!(%job_id, job = graph.name, seed = rng.seed(), "start job");
    let show_progress = shown.progress(&graph, screen);
    let mut ran = Ran {
        job: graph.name.clone(),
        job_id,
        tenant: tenant.clone(),
        started: clock.monotonic(),
    };

    interrupt.starting();
    let deployed = deploy(Deployment {
        tenant,
        job_id,
        graph,
        code: Some(code(bundle, &settings)),
        args: args.args,
        access: submission.access,
        options: settings.task(),
        clock: clock.clone(),
        rng,
    });
    let job = match deployed {
        Ok(job) => job,
        Err(failure) => {
            let last = JobSummary::default();
            return shown.end(&ran, Err(failure), &last, screen);
        }
    };
    ran.started = clock.monotonic();
    interrupt.running(job.cancel_token());
    let (ended, last) = wait(job, show_progress.then_some(screen));
    shown.end(&ran, ended, &last, screen)
}

/// The bundle and its graph, if they can be used.
fn check(submission: &Submission, clock: Clock) -> Result<(Bundle, JobGraph), Failure> {
    let bundle = submission.load(clock)?;
    let graph = submission.graph(&bundle)?;
    submission.check_connectors(&graph)?;
    Ok((bundle, graph))
}

fn settings(args: &RunArgs) -> Settings {
    let on_bad_record = match args.on_bad_record {
        OnBadRecord::Fail => BadRecordPolicy::Fail,
        OnBadRecord::Skip => BadRecordPolicy::Skip,
    };
    Settings {
        parallelism: args.parallelism,
        on_bad_record: Some(on_bad_record),
        cache_bytes: args.cache_bytes,
        max_memory: args.max_memory,
        call_timeout: args.call_timeout,
    }
}

fn code(bundle: Bundle, settings: &Settings) -> Arc<Sandboxed> {
    Arc::new(Sandboxed {
        bundle,
        limits: settings.limits(),
    })
}

/// Waits for the end, with progress on the screen if there is one; also the last counters.
fn wait(job: RunningJob, screen: Option<&Screen>) -> (Result<(), JobFailure>, JobSummary) {
    let watch = job.watch();
    let progress = screen.and_then(|screen| Progress::start(watch.clone(), screen.clone()));
    let ended = job.wait();
    if let Some(progress) = progress {
        progress.stop();
    }
    match ended {
        Ok(summary) => (Ok(()), summary),
        Err(failure) => (Err(failure), watch.summary()),
    }
}

/// The story of a failure, and the way out where a flag is one.
fn told(failure: &JobFailure) -> String {
    let story = story(failure);
    match &failure.failure {
        TaskFailure::Limit { limit, .. } if *limit == Limits::MEMORY => {
            format!("{story}; allow more with `--max-memory`")
        }
        TaskFailure::Limit { limit, .. } if *limit == Limits::CALL_DEADLINE => {
            format!("{story}; allow more with `--call-timeout`")
        }
        // The connectors' own bad records are errors of the host and say it themselves.
        TaskFailure::Guest(GuestFailure::BadRecord { .. }) => {
            format!("{story}; leave such records out with `--on-bad-record skip`")
        }
        _ => story,
    }
}

/// What the user wants to see.
#[derive(Debug, Clone, Copy)]
struct Shown {
    json: bool,
    quiet: bool,
}

impl Shown {
    /// Whether to draw progress: for a person, and not between lines that the job itself prints.
    fn progress(self, graph: &JobGraph, screen: &Screen) -> bool {
        let prints = graph.logical().operators().iter().any(|operator| {
            matches!(&operator.kind, OperatorKind::SinkConnector(spec) if spec.name == "print")
        });
        !self.quiet && screen.is_terminal() && !(prints && io::stdout().is_terminal())
    }

    /// Says that there is no job; the failure to end with.
    fn refuse(self, failure: Failure) -> Failure {
        if !self.json {
            return failure;
        }
        let summary = Summary::refused(failure.message.clone());
        let printed = stdout::print(&summary.json());
        printed.err().unwrap_or(failure)
    }

    /// Says how the job ended.
    fn end(
        self,
        ran: &Ran,
        ended: Result<(), JobFailure>,
        last: &JobSummary,
        screen: &Screen,
    ) -> Result<Exit, Failure> {
        let (state, error) = match &ended {
            Ok(()) => (State::Finished, None),
            Err(failure) if matches!(failure.failure, TaskFailure::Cancelled) => {
                (State::Canceled, None)
            }
            Err(failure) => (State::Failed, Some(told(failure))),
        };
        let summary = Summary::new(ran, state, last, error.clone());
        if self.json {
            stdout::print(&summary.json())?;
        }
        if let Some(error) = error {
            let name = ran.job.escape_debug();
            return Err(Failure::failed(format!("job `{name}` failed: {error}")));
        }
        if !self.json && !self.quiet {
            screen.say(&summary.line());
        }
        Ok(if state == State::Finished {
            Exit::Finished
        } else {
            Exit::Cancelled
        })
    }
}
