//! The life of a node: one runtime, and the signals that end it.
//!
//! `jobmanager` and `taskmanager` live in one. Invariant: the first SIGINT or SIGTERM ends the process in good
//! order, a second one at once.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{CancelToken, Clock};

use crate::failure::{Exit, Failure};
use crate::settings::cores;

/// The most threads of the runtime: tasks have threads of their own, and the control plane needs little.
const MAX_WORKERS: u32 = 4;

/// Runs a node until it has ended. `work` gets the token that is cancelled when the process is asked to
/// end.
pub(crate) fn live<F>(clock: &Clock, work: impl FnOnce(CancelToken) -> F) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Exit, Failure>>,
{
    let runtime = runtime(cores().min(MAX_WORKERS))?;
    let ended = runtime.block_on(async {
        let stop = CancelToken::new();
        listen(&stop)?;
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

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
