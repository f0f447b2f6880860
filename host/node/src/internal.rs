//! What a node lets a child process do with a bundle that nobody trusts: check it, compile it into the
//! cache, or describe its graph.
//!
//! A compiler that meets hostile input, and a program that runs to build its graph, get a process of
//! their own with limits on memory and time, so that what they break is theirs. The parent is
//! [`crate::programs`], or the TaskManager's cache of compiled code. Invariants: the limits are set before
//! the first byte of the bundle is read; standard output has the answer and nothing else, as JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use wasmill_actor::Clock;
use wasmill_types::job::JobSpec;
use wasmill_types::size::ByteSize;
use wasmill_wasm::{Bundle, DescribeError, Engine, EngineOptions, Limits};

use crate::failure::{Exit, Failure, story};

/// What the child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Reads, validates and compiles the bundle; the compiled code goes into the cache.
    Compile,
    /// As `compile`, then runs the program to get its graph.
    Describe,
}

/// The child's command line.
#[derive(Debug, Args)]
pub(crate) struct InternalArgs {
    /// What to do
    pub(crate) task: Task,
    /// The bundle's file
    pub(crate) bundle: PathBuf,
    /// Where compiled code is kept
    #[arg(long)]
    pub(crate) cache_dir: PathBuf,
    /// The memory that this process may use
    #[arg(long)]
    pub(crate) memory: ByteSize,
    /// The processor time that this process may use, in seconds
    #[arg(long)]
    pub(crate) seconds: u64,
    /// The largest bundle
    #[arg(long)]
    pub(crate) bundle_limit: ByteSize,
    /// The program's arguments
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

/// The child's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// The bundle can be used.
    Compiled,
    /// The graph that its program builds.
    Described(Box<JobSpec>),
    /// The bundle, or what it was given, cannot be used.
    Refused(String),
    /// The machine could not do its part.
    Failed(String),
}

/// Does the work and prints the answer.
pub(crate) fn perform(args: &InternalArgs, clock: Clock) -> Result<Exit, Failure> {
    let answer = limit(args).map_or_else(Answer::Failed, |()| answer(args, clock));
    let text = serde_json::to_vec(&answer).expect("answers have a JSON form");
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&text).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::failed(format!("answer the parent process: {error}")))?;
    Ok(Exit::Finished)
}

/// Sets the limits of this process. Reserved address space does not count as memory, used memory does.
fn limit(args: &InternalArgs) -> Result<(), String> {
    for (resource, limit) in [
        (Resource::Data, args.memory.0),
        (Resource::Cpu, args.seconds),
        // No file that it writes is larger than compiled code may be, and a crash leaves no image.
        (Resource::Fsize, args.memory.0),
        (Resource::Core, 0),
    ] {
        let both = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, both).map_err(|error| format!("limit a process: {error}"))?;
    }
    Ok(())
}

fn answer(args: &InternalArgs, clock: Clock) -> Answer {
    let engine = Engine::new(EngineOptions {
        cache_dir: Some(args.cache_dir.clone()),
        clock,
        ..EngineOptions::default()
    });
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => return Answer::Failed(story(&error)),
    };
    let limits = Limits {
        bundle_bytes: args.bundle_limit.0,
        ..Limits::default()
    };
    let bundle = match Bundle::load(&engine, args.bundle.as_path(), &limits) {
        Ok(bundle) => bundle,
        Err(error) => return Answer::Refused(story(&error)),
    };
    if args.task == Task::Compile {
        return Answer::Compiled;
    }
    match bundle.describe(&args.args, &limits) {
        Ok(spec) => Answer::Described(Box::new(spec)),
        Err(DescribeError::Host(error)) => Answer::Failed(story(&error)),
        Err(error) => Answer::Refused(story(&error)),
    }
}
