//! Who runs: the table of thread kinds, and the one way to start a thread.
//!
//! Invariant: every thread has a kind, a name, and a stated consequence of its panic; no panic passes
//! unnoticed, and none but that of a kind without which the process is not safe ends the process.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use thiserror::Error;

/// The stack of every thread, in bytes: the largest guest stack that may be configured plus as much
/// again for the host's own calls. Untouched pages cost address space only.
pub const STACK_BYTES: usize = 4 << 20;

/// Which job a thread does in the process. This is the table of all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThreadKind {
    /// Runs one subtask of a job.
    Task,
    /// Does one thing that may block or run a guest, for an actor that must not wait.
    Errand,
    /// Moves the sandbox's epoch on, so that guest calls meet their deadlines.
    EpochTicker,
    /// Shows the progress of a job on the terminal.
    Progress,
}

/// What the panic of a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPanic {
    /// Fails the job that the thread works for; whoever joins it sees to that.
    FailsJob,
    /// Fails the one thing that the thread does; whoever waits for it sees to that.
    FailsWork,
    /// Ends the process at once.
    Aborts,
    /// Nothing but a line in the log.
    Logged,
}

impl ThreadKind {
    /// The kind's name, as it begins the names of its threads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Errand => "errand",
            Self::EpochTicker => "epoch",
            Self::Progress => "progress",
        }
    }

    /// What a panic of such a thread does.
    pub fn on_panic(self) -> OnPanic {
        match self {
            // The subtask's state is dropped with its thread, so nothing half-done survives.
            Self::Task => OnPanic::FailsJob,
            Self::Errand => OnPanic::FailsWork,
            // Without it a guest that spins can never be stopped again.
            Self::EpochTicker => OnPanic::Aborts,
            // The job does not depend on being watched.
            Self::Progress => OnPanic::Logged,
        }
    }
}

/// A thread's panic, as a value.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("thread `{thread}` panicked: {message}")]
pub struct Panicked {
    /// The thread's name.
    pub thread: String,
    /// What it said.
    pub message: String,
}

/// A thread that the machine did not give us.
#[derive(Debug, Error)]
#[error(
    "start thread `{thread}`; lower the parallelism or raise the limit of threads (`ulimit -u`)"
)]
pub struct SpawnError {
    thread: String,
    #[source]
    source: io::Error,
}

/// A running thread and its coming result; dropping it lets the thread run on alone.
#[derive(Debug)]
#[must_use = "join it, or its panic is only seen in the log"]
pub struct Worker<T> {
    handle: JoinHandle<Result<T, Panicked>>,
}

/// Starts a thread; `name` tells it from others of its kind.
///
/// # Errors
/// When the machine gives no more threads.
pub fn spawn<T: Send + 'static>(
    kind: ThreadKind,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Worker<T>, SpawnError> {
    let thread = full_name(kind, name);
    let thread_inside = thread.clone();
    let spawned = Builder::new()
        .name(thread.clone())
        .stack_size(STACK_BYTES)
        .spawn(move || supervise(kind, thread_inside, work));
    match spawned {
        Ok(handle) => Ok(Worker { handle }),
        Err(source) => Err(SpawnError { thread, source }),
    }
}

impl<T> Worker<T> {
    /// Waits for the end of the thread.
    ///
    /// # Errors
    /// When it panicked.
    pub fn join(self) -> Result<T, Panicked> {
        let thread = self.handle.thread().name().unwrap_or_default().to_owned();
        self.handle.join().unwrap_or_else(|payload| {
            // The work's panic is caught inside; this is one of its result's destructor.
            let message = message_of(&*payload);
            Err(Panicked { thread, message })
        })
    }

    /// Whether the thread has ended, so that [`Worker::join`] does not wait.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// Runs work whose panic somebody on this very thread has to know about; the error is what it said.
///
/// # Errors
/// When the work panicked.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What the work shared with others is guarded by locks and signals that outlive a panic.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message_of(&*payload))
}

/// Lets others run before this thread: `nice` is the system's niceness, from 0 to 19. A thread that only
/// computes gives way to those that wake up to answer somebody. Does nothing where niceness is a matter of
/// whole processes.
///
/// # Errors
/// When the system refuses, which it does only if the process was made nicer than that before.
pub fn give_way(nice: u8) -> io::Result<()> {
    if cfg!(target_os = "linux") && nice > 0 {
        // Without an id it is the calling thread that Linux changes.
        rustix::process::setpriority_process(None, i32::from(nice))?;
    }
    Ok(())
}

/// Runs the work and does what the table says about its panic.
fn supervise<T>(kind: ThreadKind, thread: String, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    let message = match catch(work) {
        Ok(result) => return Ok(result),
        Err(message) => message,
    };
    match kind.on_panic() {
        OnPanic::FailsJob | OnPanic::FailsWork => {}
        OnPanic::Logged => tracing::error!(thread, message, "thread panicked"),
        OnPanic::Aborts => {
            tracing::error!(thread, message, "thread panicked, the process cannot go on");
            std::process::abort();
        }
    }
    Err(Panicked { thread, message })
}

/// The thread's name; job and vertex names come from outside, and the machine takes no zero byte.
fn full_name(kind: ThreadKind, name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    format!("{} {name}", kind.name())
}

pub(crate) fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}

#[cfg(test)]
mod tests;
