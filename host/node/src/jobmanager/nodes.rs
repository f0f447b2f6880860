//! Takes TaskManagers in: those that join, and those that have.
//!
//! Invariant: every connection that is refused is a line in the log, with the reason that the other side was
//! told.

use std::sync::Arc;

use wasmill_actor::Clock;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_jobmanager::Handle;
use wasmill_network::endpoint::{Link, Listener};
use wasmill_rpc::protocol::ToTaskManager;
use wasmill_rpc::{Gateway, Peer, control, join};

/// Serves what comes in, until the socket is closed.
pub(super) fn serve(mut listener: Listener, desk: join::Desk, handle: Handle, clock: Clock) {
    let desk = Arc::new(desk);
    let joining = join::protocol().name;
    drop(actors::spawn(ActorKind::Listener, "rpc", async move {
        while let Some(outcome) = listener.accept().await {
            match outcome {
                Ok(link) if link.protocol == joining => {
                    let desk = Arc::clone(&desk);
                    drop(actors::spawn(
                        ActorKind::Connection,
                        "join",
                        admit(desk, link),
                    ));
                }
                Ok(link) => {
                    let (handle, clock) = (handle.clone(), clock.clone());
                    let work = control(link, handle, clock);
                    drop(actors::spawn(ActorKind::Connection, "control", work));
                }
                Err(refused) => tracing::warn!("{refused}"),
            }
        }
    }));
}

async fn admit(desk: Arc<join::Desk>, link: Link) {
    match desk.serve(link).await {
        Ok(admitted) => {
            tracing::info!(task_manager = %admitted.id, remote = %admitted.remote, "TaskManager joined");
        }
        Err(refused) => tracing::warn!("{refused}"),
    }
}

async fn control(link: Link, handle: Handle, clock: Clock) {
    let services = |peer: &Peer<ToTaskManager>| handle.services(Gateway::from(peer.clone()));
    if let Err(error) = control::accept::<ToTaskManager, _>(link, &clock, services).await {
        tracing::warn!("{error}");
    }
}
