//! `wasmill run --local BUNDLE`: a job from its bundle to its end, in this process.
//!
//! Follow a job: [`Submission`] loads the bundle and gets its graph, [`embedded`] is the cluster that runs it,
//! [`Progress`] watches it, [`Interrupt`] cancels it, [`Summary`] says how it ended. Invariant: from the
//! first task on a job ends with a summary, and standard output's last line is the JSON object if one was
//! asked for, also when there was nothing to run.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_graph::JobGraph;
use wasmill_jobmanager::view::{ExceptionView, JobView};
use wasmill_rpc::protocol::JobDescription;
use wasmill_taskmanager::programs::Loaded;
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::job::{JobSpec, OperatorKind};
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::{FailureKind, JobStatus};
use wasmill_wasm::{Bundle, Limits};

use crate::checkpointing;
use crate::cli::{OnBadRecord, RunArgs};
use crate::embedded::{self, Embedded, Ended};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::places;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::settings::Settings;
use crate::stdout;
use crate::submission::Submission;
use crate::summary::{self, Counts, Ran, State, Summary};

/// Runs the job to its end.
pub(crate) fn perform(args: RunArgs, clock: Clock, screen: &Screen) -> Result<Exit, Failure> {
    let shown = Shown {
        json: args.json,
        quiet: args.quiet,
    };
    let farewell = summary::farewell(args.json, args.quiet, screen, "stopped before the job ran");
    let interrupt = Interrupt::install(screen.clone(), clock.clone(), farewell);
    let settings = settings(&args);
    let submission = Submission::local(args.bundle.clone(), args.args.clone(), settings.clone());
    let checked = check(&submission, clock.clone());
    let (bundle, spec, graph) = checked.map_err(|failure| shown.refuse(failure))?;

    let mut rng = Rng::from_entropy();
    let job_id = JobId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()));
    tracing::info!(%job_id, job = graph.name, seed = rng.seed(), "start job");
    let show_progress = shown.progress(&graph, screen);
    let uptime = i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX);
    let ran = Ran {
        job: graph.name.clone(),
        job_id,
        tenant: TenantId::default(),
        process_started_ms: clock.now_ms() - uptime,
    };
    let mut job_settings = settings.job(rng.seed());
    let directory = places::local_checkpoints();
    let applied = checkpointing::apply(
        &args.state_options(),
        directory.as_deref(),
        &mut job_settings,
    );
    applied.map_err(|error| shown.refuse(Failure::unusable(error.to_string())))?;
    let job = Embedded {
        description: JobDescription {
            job: job_id,
            tenant: ran.tenant.clone(),
            spec,
            bundle: Some(bundle.digest()),
            args: args.args,
            settings: job_settings,
        },
        graph,
        program: Arc::new(Loaded {
            bundle,
            limits: settings.limits(),
        }),
        access: submission.access,
        task: settings.task(),
        state_directory: None,
        clock: clock.clone(),
    };
    let cancel = CancelToken::new();
    interrupt.running(cancel.clone());
    let screen_shown = show_progress.then_some(screen);
    let ended = run(job, &cancel, screen_shown, &clock)?;
    shown.end(&ran, &ended, screen)
}

/// Runs the job, with progress on the screen if there is one.
fn run(
    job: Embedded,
    cancel: &CancelToken,
    screen: Option<&Screen>,
    clock: &Clock,
) -> Result<Ended, Failure> {
    let mut progress = None;
    let ended = embedded::run(job, cancel, |views| {
        let start = |screen: &Screen| Progress::start(views, clock.clone(), screen.clone());
        progress = screen.and_then(start);
    });
    if let Some(progress) = progress {
        progress.stop();
    }
    ended
}

/// The bundle and its graph, if they can be used.
fn check(submission: &Submission, clock: Clock) -> Result<(Bundle, JobSpec, JobGraph), Failure> {
    let bundle = submission.load(clock)?;
    let (spec, graph) = submission.graph(&bundle)?;
    submission.check_connectors(&graph)?;
    Ok((bundle, spec, graph))
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
        buffer_timeout: None,
    }
}

/// The story of a failure, and the way out where a flag is one.
fn told(failure: &ExceptionView) -> String {
    let story = match &failure.task {
        Some(task) => format!("task `{task}`: {}", failure.cause),
        None => failure.cause.to_string(),
    };
    let exceeds = |limit: &str| {
        let exceeded = format!("exceeded the limit `{limit}`");
        failure.cause.kind == FailureKind::Limit && failure.cause.message.contains(&exceeded)
    };
    if exceeds(Limits::MEMORY) {
        return format!("{story}; allow more with `--max-memory`");
    }
    if exceeds(Limits::CALL_DEADLINE) {
        return format!("{story}; allow more with `--call-timeout`");
    }
    // The connectors' own bad records are errors of the host and say it themselves.
    if failure.cause.kind == FailureKind::BadRecord {
        return format!("{story}; leave such records out with `--on-bad-record skip`");
    }
    story
}

/// Why a job failed: what went wrong last is what it did not survive.
fn reason(view: &JobView) -> String {
    let root = view.exceptions.first();
    root.map_or_else(|| "it has left no reason".to_owned(), told)
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
    fn end(self, ran: &Ran, ended: &Ended, screen: &Screen) -> Result<Exit, Failure> {
        let (state, error) = match ended.view.status {
            JobStatus::Finished => (State::Finished, None),
            JobStatus::Canceled => (State::Canceled, None),
            _ => (State::Failed, Some(reason(&ended.view))),
        };
        let last = (&Counts::of(&ended.view), ended.elapsed);
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
