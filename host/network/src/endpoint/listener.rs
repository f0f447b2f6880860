//! Takes connections in: each handshake on its own, all of them bounded.
//!
//! Invariant: what [`Listener::accept`] hands out is a connection of a protocol that this endpoint speaks,
//! with a peer that may open it, or the reason why one was refused.

use std::sync::Arc;

use quinn::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_actor::{Address, Mailbox, mailbox};

use super::closing::{CloseCode, ClosedBy, Closing, close};
use super::greeting::{self, Greeting};
use super::{Endpoint, Link, Protocol, Refused, node_of, protocol};

/// The most handshakes at a time; further peers are turned away, and try again.
const MAX_HANDSHAKES: usize = 256;
/// From so many handshakes on a peer must first show that its address is its own.
const SUSPICIOUS_HANDSHAKES: usize = 64;
/// The most connections that wait for [`Listener::accept`]; then handshakes wait.
const MAX_WAITING: usize = 64;

type Outcome = Result<Link, Refused>;

/// Hands out the connections that come in; dropping it takes no more in.
#[derive(Debug)]
pub struct Listener {
    outcomes: Mailbox<Outcome>,
    actor: Actor<()>,
}

impl Listener {
    pub(super) fn start(endpoint: &Endpoint, protocols: &[Protocol]) -> Self {
        let (address, outcomes) = mailbox("listener", MAX_WAITING);
        let name = endpoint.local_addr();
        let name = name.map(|address| address.to_string()).unwrap_or_default();
        let greeter = Arc::new(Greeter {
            endpoint: endpoint.clone(),
            greeting: Greeting::new(protocols),
            protocols: protocols.to_vec(),
        });
        let actor = actors::spawn(ActorKind::Listener, &name, listen(greeter, address));
        Self { outcomes, actor }
    }

    /// The next connection, or the next refusal, which is worth a line in the log; none when the endpoint
    /// is closed. May be dropped while it waits, without loss.
    pub async fn accept(&mut self) -> Option<Result<Link, Refused>> {
        self.outcomes.next().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.actor.abort();
    }
}

async fn listen(greeter: Arc<Greeter>, outcomes: Address<Outcome>) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    while let Some(incoming) = greeter.endpoint.quic.accept().await {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let in_progress = MAX_HANDSHAKES - places.available_permits();
        if in_progress > SUSPICIOUS_HANDSHAKES && incoming.may_retry() {
            let _dropped = incoming.retry();
            continue;
        }
        let name = incoming.remote_address().to_string();
        let work = one(Arc::clone(&greeter), incoming, outcomes.clone(), place);
        // It lives no longer than the handshake's timeout and the wait for its place in the mailbox.
        let _errand = actors::spawn(ActorKind::Connection, &name, work);
    }
}

async fn one(
    greeter: Arc<Greeter>,
    incoming: Incoming,
    outcomes: Address<Outcome>,
    place: OwnedSemaphorePermit,
) {
    let remote = incoming.remote_address();
    let timeout = greeter.endpoint.options.handshake_timeout;
    let greeted = greeter.greet(incoming);
    let greeted = greeter.endpoint.clock.timeout(timeout, greeted).await;
    let outcome = greeted.unwrap_or_else(|elapsed| {
        let (by, reason) = (ClosedBy::Silence, elapsed.to_string());
        Err(Closing { by, reason })
    });
    let outcome = outcome.map_err(|closing| Refused::at(remote, closing));
    // When the listener is gone the connection is dropped, which closes it.
    let _gone = outcomes.send(outcome).await;
    drop(place);
}

struct Greeter {
    endpoint: Endpoint,
    protocols: Vec<Protocol>,
    greeting: Greeting,
}

impl Greeter {
    async fn greet(&self, incoming: Incoming) -> Result<Link, Closing> {
        let remote = incoming.remote_address();
        let connecting = incoming.accept();
        let connecting = connecting.map_err(|error| Closing::of(&error))?;
        let connection = connecting.await;
        let connection = connection.map_err(|error| Closing::of(&error))?;
        let spoken = protocol::spoken(&connection).unwrap_or_default();
        let is_spoken = |protocol: &&Protocol| protocol.alpn().as_bytes() == spoken;
        let Some(protocol) = self.protocols.iter().find(is_spoken) else {
            let reason = greeting::tell_version(&connection, &self.protocols).await;
            return Err(Closing::by_us(reason));
        };
        let peer = node_of(&connection, &self.endpoint);
        let admitted = peer.and_then(|peer| {
            protocol.opener.admits(peer.as_ref())?;
            Ok(peer)
        });
        let peer = admitted.map_err(|reason| {
            close(&connection, CloseCode::Refused, &reason);
            Closing::by_us(reason)
        })?;
        let sent = greeting::send(&connection, &self.greeting).await;
        sent.map_err(|error| Closing::of(&error))?;
        Ok(Link {
            protocol: protocol.name,
            peer,
            remote,
            connection,
        })
    }
}
