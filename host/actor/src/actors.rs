//! Who runs on the runtime: the supervision table, and the one way to start a future on its own.
//!
//! Invariant: every future that runs on its own has a kind, a name and a stated consequence of its panic;
//! no panic passes unnoticed, and one actor's panic ends another only where the table says so. The
//! consequence is carried out by whoever holds the [`Actor`]: it sees the panic as a value.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::threads::{Panicked, message_of};

/// Which job an actor does in the process. This is the table of all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// Accepts jobs and starts a JobMaster for each.
    Dispatcher,
    /// Knows the TaskManagers and their slots.
    ResourceManager,
    /// Runs one job.
    JobMaster,
    /// Runs the tasks of one TaskManager.
    TaskExecutor,
    /// Does one thing for an actor that must not wait for it: a call, a file, a process.
    Errand,
    /// Accepts connections.
    Listener,
    /// Serves one connection.
    Connection,
    /// Moves the records of one channel to or from the network.
    Channel,
    /// Serves REST.
    Rest,
}

/// What the panic of an actor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Ends the process in good order: without it nothing works.
    StopsProcess,
    /// Fails the one job that it works for.
    FailsJob,
    /// Fails the call, connection or channel that it works for; the other side notices.
    FailsWork,
}

impl ActorKind {
    /// The kind's name, as it begins the names of its actors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dispatcher => "dispatcher",
            Self::ResourceManager => "resource manager",
            Self::JobMaster => "job master",
            Self::TaskExecutor => "task executor",
            Self::Errand => "errand",
            Self::Listener => "listener",
            Self::Connection => "connection",
            Self::Channel => "channel",
            Self::Rest => "rest",
        }
    }

    /// What a panic of such an actor does.
    pub fn on_failure(self) -> OnFailure {
        match self {
            Self::Dispatcher
            | Self::ResourceManager
            | Self::TaskExecutor
            | Self::Listener
            | Self::Rest => OnFailure::StopsProcess,
            Self::JobMaster => OnFailure::FailsJob,
            Self::Errand | Self::Connection | Self::Channel => OnFailure::FailsWork,
        }
    }
}

/// A running actor and its coming result; dropping it lets the actor run on alone.
#[derive(Debug)]
#[must_use = "wait for its end, or its panic is only seen in the log"]
pub struct Actor<T> {
    name: String,
    handle: tokio::task::JoinHandle<Result<T, Panicked>>,
}

/// Starts an actor on the runtime that this is called on; `name` tells it from others of its kind.
///
/// # Panics
/// Outside of a runtime.
pub fn spawn<T: Send + 'static>(
    kind: ActorKind,
    name: &str,
    work: impl Future<Output = T> + Send + 'static,
) -> Actor<T> {
    let name = match name {
        "" => kind.name().to_owned(),
        _ => format!("{} {name}", kind.name()),
    };
    let supervised = Supervised {
        kind,
        name: name.clone(),
        work: Box::pin(work),
    };
    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    let handle = tokio::spawn(supervised);
    Actor { name, handle }
}

impl<T> Actor<T> {
    /// Waits for the end of the actor. May be dropped while it waits; then the actor runs on.
    ///
    /// # Errors
    /// When it panicked, or was stopped by [`Actor::abort`] or the end of the runtime.
    pub async fn join(&mut self) -> Result<T, Panicked> {
        let ended = (&mut self.handle).await;
        ended.unwrap_or_else(|_| {
            Err(Panicked {
                thread: self.name.clone(),
                message: "it was stopped".to_owned(),
            })
        })
    }

    /// Stops the actor at its next await; what it holds is dropped.
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// Whether the actor has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// Catches the panic of a future.
struct Supervised<T> {
    kind: ActorKind,
    name: String,
    work: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Future for Supervised<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What the work shared with others is mailboxes and locks that outlive a panic; the work itself
        // is not polled again.
        let polled =
            std::panic::catch_unwind(AssertUnwindSafe(|| self.work.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => {
                let message = message_of(&*payload);
                let (actor, consequence) = (&self.name, self.kind.on_failure());
                tracing::error!(actor, message, ?consequence, "actor panicked");
                Poll::Ready(Err(Panicked {
                    thread: self.name.clone(),
                    message,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn a_panic_is_a_value_for_whoever_holds_the_actor() {
        run(async {
            let mut fine = spawn(ActorKind::Errand, "a", async { 7 });
            let mut broken = spawn(ActorKind::JobMaster, "b", async { panic!("broken {}", 1) });
            let broken: Result<(), _> = broken.join().await;
            let broken = broken.unwrap_err();
            assert_eq!(
                (broken.thread.as_str(), broken.message.as_str()),
                ("job master b", "broken 1")
            );
            assert_eq!(fine.join().await, Ok(7));
        });
    }

    #[test]
    fn an_aborted_actor_says_so() {
        run(async {
            let mut actor = spawn(ActorKind::Errand, "", std::future::pending::<()>());
            actor.abort();
            let stopped = actor.join().await.unwrap_err();
            assert_eq!(
                (stopped.thread.as_str(), stopped.message.as_str()),
                ("errand", "it was stopped")
            );
        });
    }
}
