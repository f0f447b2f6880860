//! Takes TaskManagers in: those that join, and those that have.
//!
//! Invariant: every connection that is refused is a line in the log, with the reason that the other side was
//! told.

use std::sync::Arc;

use wasmill_actor::Clock;
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_jobmanager::Handle;
use wasmill_network::endpoint::lease::{Lease, LeaseListener};
use wasmill_network::endpoint::{Link, Listener};
use wasmill_network::identity::Node;
use wasmill_rpc::protocol::ToTaskManager;
use wasmill_rpc::{Gateway, Peer, control, join};
use wasmill_types::id::RegistrationId;

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

/// Takes the leases of TaskManagers, until the actor is stopped; tells when one has ended.
pub(super) fn watch(mut listener: LeaseListener, handle: Handle) -> Actor<()> {
    actors::spawn(ActorKind::Listener, "rpc leases", async move {
        while let Some(outcome) = listener.accept().await {
            match outcome {
                Ok(lease) => {
                    let handle = handle.clone();
                    drop(actors::spawn(
                        ActorKind::Connection,
                        "lease",
                        outlive(lease, handle),
                    ));
                }
                Err(refused) => tracing::warn!("{refused}"),
            }
        }
    })
}

/// Waits for the end of a TaskManager's process, which has said for which registration it holds the lease.
async fn outlive(lease: Lease, handle: Handle) {
    let registration = RegistrationId(lease.purpose());
    // Leases are taken from TaskManagers only.
    if let Node::TaskManager(id) = lease.node().clone() {
        let reason = lease.ended().await;
        handle.lost(id, registration, reason).await;
    }
}

async fn admit(desk: Arc<join::Desk>, link: Link) {
    match desk.serve(link).await {
        Ok(admitted) => {
            tracing::info!(tm = %admitted.id, remote = %admitted.remote, "TaskManager joined");
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
