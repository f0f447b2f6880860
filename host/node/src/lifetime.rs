//! The life of a node: one runtime, and what ends it.
//!
//! `jobmanager` and `taskmanager` live in one. Invariants: the first SIGINT or SIGTERM ends the process in good
//! order, a second one at once; a process that another one keeps ends with it, however that one ends.

use std::future::Future;
use std::io;
use std::os::fd::AsFd as _;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{CancelToken, Clock};

use crate::failure::{Exit, Failure};
use crate::settings::cores;

/// The most threads of the runtime: tasks have threads of their own, and the control plane needs little.
const MAX_WORKERS: u32 = 4;

/// Whose process a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Its user's; it ends when it is told to.
    User,
    /// That of the process that has started it: it ends when the pipe that is its standard input does, for
    /// the other end is closed by the machine even when that process is killed.
    Parent,
}

impl Keeper {
    /// What the flag `--with-parent` says.
    pub(crate) fn of_flag(with_parent: bool) -> Self {
        match with_parent {
            true => Self::Parent,
            false => Self::User,
        }
    }
}

/// Runs a node until it has ended. `work` gets the token that is cancelled when the process is asked to
/// end.
pub(crate) fn live<F>(
    keeper: Keeper,
    clock: &Clock,
    work: impl FnOnce(CancelToken) -> F,
) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Exit, Failure>>,
{
    let runtime = runtime(cores().min(MAX_WORKERS))?;
    let ended = runtime.block_on(async {
        let stop = CancelToken::new();
        listen(&stop)?;
        if keeper == Keeper::Parent {
            leave_session();
            outlive_nobody(&stop)?;
        }
        work(stop).await
    });
    // What still runs has had its time.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    tracing::debug!(uptime = ?clock.monotonic(), "the node has ended");
    ended
}

/// A runtime for the control plane and the network.
pub(crate) fn runtime(workers: u32) -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread()
        .worker_threads(workers.max(1) as usize)
        .thread_name("runtime")
        .enable_all()
        .build();
    built.map_err(|error| Failure::failed(format!("start the threads of the runtime: {error}")))
}

/// Cancels the token at the first signal, and exits at the second.
fn listen(stop: &CancelToken) -> Result<(), Failure> {
    let listen = |kind| {
        let signal = signal(kind);
        signal.map_err(|error| Failure::failed(format!("listen for signals: {error}")))
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let stop = stop.clone();
    drop(actors::spawn(ActorKind::Errand, "signals", async move {
        either(&mut interrupt, &mut terminate).await;
        stop.cancel();
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!("ended at once, at the second signal");
        std::process::exit(Exit::Cancelled.code().into());
    }));
    Ok(())
}

/// Makes the process a session of its own. Linux shares the processor between sessions before it shares it
/// between threads (`sched_autogroup`), so a JobManager gets its half also beside a TaskManager with 200 busy
/// tasks. A process of a user stays in the user's session, for its terminal has to reach it.
fn leave_session() {
    if let Err(error) = rustix::process::setsid() {
        // Whoever leads a group of processes has been given a place of its own already.
        tracing::debug!(%error, "stay in the session of the parent");
    }
}

/// Cancels the token when the parent has ended.
fn outlive_nobody(stop: &CancelToken) -> Result<(), Failure> {
    let fd = io::stdin().as_fd().try_clone_to_owned();
    let opened = fd.and_then(pipe::Receiver::from_owned_fd);
    let mut parent = opened.map_err(|error| {
        Failure::unusable(format!(
            "`--with-parent` needs a pipe as standard input, which the parent keeps open: {error}"
        ))
    })?;
    let stop = stop.clone();
    drop(actors::spawn(ActorKind::Errand, "parent", async move {
        // It says nothing; should it, that means nothing.
        let mut ignored = [0; 64];
        while matches!(parent.read(&mut ignored).await, Ok(1..)) {}
        tracing::info!("the process that started this one has ended");
        stop.cancel();
    }));
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
