//! Bundles in child processes: what the JobManager and TaskManagers let [`crate::internal`] do for them.
//!
//! Invariant: a child ends, whatever the bundle in it does: it has limits of its own, the parent ends it
//! when its time is over or when nobody waits for it any more, and only a few run at a time.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use wasmill_actor::Clock;
use wasmill_types::size::ByteSize;

use crate::internal::Answer;

/// Children at a time: each may use all processors.
const CHILDREN: usize = 2;

/// The largest answer, in bytes: a graph's text is bounded by 1 MiB (`wasm.graph-text`), its form by some
/// tens of that.
const MAX_ANSWER: u64 = 64 << 20;

/// The error text that is kept, in bytes.
const MAX_ERRORS: u64 = 16 << 10;

/// Runs children; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    options: Arc<Options>,
    turns: Arc<Semaphore>,
    clock: Clock,
}

/// What children may use.
#[derive(Debug)]
pub(crate) struct Options {
    /// The program to start; this one.
    pub(crate) program: PathBuf,
    /// Where compiled code is kept.
    pub(crate) cache_dir: PathBuf,
    /// Memory.
    pub(crate) memory: ByteSize,
    /// Time, of the clock and of the processor.
    pub(crate) timeout: Duration,
    /// The largest bundle.
    pub(crate) bundle_limit: ByteSize,
}

impl Options {
    /// The path of the program that runs now.
    pub(crate) fn this_program() -> Result<PathBuf, String> {
        env::current_exe().map_err(|error| format!("find the path of this program: {error}"))
    }
}

impl Programs {
    /// Runs children like this.
    pub(crate) fn new(options: Options, clock: Clock) -> Self {
        Self {
            options: Arc::new(options),
            turns: Arc::new(Semaphore::new(CHILDREN)),
            clock,
        }
    }

    /// Compiles a bundle into the cache, or also asks it for its graph.
    ///
    /// `task` is the child's first argument. The error is the host's: the answer has the bundle's.
    pub(crate) async fn ask(
        &self,
        task: &str,
        bundle: &Path,
        args: &[String],
    ) -> Result<Answer, String> {
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(|_| "this node is shutting down".to_owned())?;
        let options = &self.options;
        let seconds = options.timeout.as_secs().max(1);
        let started = Command::new(&options.program)
            .arg("internal")
            .arg(task)
            .arg(bundle)
            .arg("--cache-dir")
            .arg(&options.cache_dir)
            .args(["--memory", &options.memory.0.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .args(["--bundle-limit", &options.bundle_limit.0.to_string()])
            .arg("--")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) if is_of_arguments(&error) => {
                return Ok(Answer::Refused(format!(
                    "the program's arguments cannot be handed to it: {error}; use shorter ones, without \
                     the character NUL"
                )));
            }
            Err(error) => {
                return Err(format!(
                    "start `{}` to compile the bundle: {error}",
                    options.program.display()
                ));
            }
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (answer, errors) = tokio::join!(read(stdout, MAX_ANSWER), read(stderr, MAX_ERRORS));
            (answer, errors, child.wait().await)
        };
        let ended = self.clock.timeout(options.timeout, work).await;
        let Ok((answer, errors, status)) = ended else {
            return Ok(Answer::Refused(format!(
                "the bundle takes longer than {} to compile; make it smaller, or raise \
                 `wasm.compile-timeout`",
                crate::quantity::time(options.timeout)
            )));
        };
        let status = status.map_err(|error| format!("wait for the bundle's compiler: {error}"))?;
        if status.success() {
            return serde_json::from_slice(&answer)
                .map_err(|error| format!("the bundle's compiler gave no answer: {error}"));
        }
        Ok(Answer::Refused(broken(status, &errors, options)))
    }
}

/// Whether a child did not start because of its arguments, which are the caller's.
fn is_of_arguments(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong
    )
}

/// What to say about a child that ended without an answer: most likely the bundle was too much for it.
fn broken(status: std::process::ExitStatus, errors: &[u8], options: &Options) -> String {
    let errors = String::from_utf8_lossy(errors);
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    let said = last.map_or_else(String::new, |line| format!(": {}", line.trim()));
    format!(
        "the bundle's compiler ended ({status}) within its limits of {} of memory and {} of processor \
         time{said}; make the bundle smaller, or raise `wasm.compile-memory` and `wasm.compile-timeout`",
        options.memory,
        crate::quantity::time(options.timeout)
    )
}

/// Reads to the end, keeping at most so much.
async fn read(stream: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        // What cannot be read is missing from the answer, which is then not one.
        let _ = (&mut stream).take(most).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}
