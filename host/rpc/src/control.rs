//! The control connection: one per TaskManager, opened by it, for the calls of both sides.
//!
//! The TaskManager [`connect`]s, the JobManager [`accept`]s what its listener hands out; both get the
//! [`Peer`] that they call, and serve the calls of the other until the connection ends. Invariant: before
//! the first call both sides have told their versions and names, and those agree.

pub(crate) mod fuzz;
mod hello;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wasmill_actor::Clock;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_network::endpoint::{
    CloseCode, ClosedBy, Closing, ConnectError, Connection, Endpoint, IdleTimeout, Link, Opener,
    Protocol, TransportConfig, VarInt, Whom, close,
};
use wasmill_network::identity::Node;

use crate::blob::Blobs;
use crate::call::{Handler, Message, Peer, serve};
use crate::heartbeat;
use crate::protocol;
use hello::Hello;

/// How long the exchange of names may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of one stream the receiver takes before it is read, in bytes.
const STREAM_WINDOW: u32 = 512 << 10;
/// The same for a connection. So much more than for a stream that heartbeats still pass beside many
/// streams that nobody reads for a while.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// What a node offers to the other side of a connection.
pub struct Services<M> {
    /// Handles its calls.
    pub handler: Arc<dyn Handler<M>>,
    /// Has its blobs.
    pub blobs: Arc<dyn Blobs>,
}

/// A control connection that was not made.
#[derive(Debug, Error)]
pub enum ControlError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The two sides do not agree.
    #[error("speak with {peer} at {remote}: {reason}")]
    Hello {
        /// Who is there.
        peer: Node,
        /// Where it is.
        remote: SocketAddr,
        /// What does not agree.
        reason: String,
    },
}

/// The protocol, for a listener and for connecting.
pub fn protocol(heartbeat: &heartbeat::Options) -> Protocol {
    let mut transport = TransportConfig::default();
    // A peer that hangs is found by the transport too, also where no heartbeat is under way.
    let idle = IdleTimeout::try_from(heartbeat.timeout());
    transport.max_idle_timeout(idle.ok());
    transport.keep_alive_interval(Some(heartbeat.interval()));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(serve::MAX_CALLS));
    // The greeting of the endpoint.
    transport.max_concurrent_uni_streams(VarInt::from_u32(1));
    transport.stream_receive_window(VarInt::from_u32(STREAM_WINDOW));
    transport.receive_window(VarInt::from_u32(CONNECTION_WINDOW));
    transport.datagram_receive_buffer_size(None);
    Protocol {
        name: "wasmill-control",
        version: protocol::VERSION,
        opener: Opener::TaskManager,
        transport: Arc::new(transport),
    }
}

/// Connects a TaskManager to the JobManager. `services` gets the peer that is to be called, and answers
/// what is offered to it.
///
/// # Errors
/// When there is no connection, or the two sides do not agree.
pub async fn connect<Out: Message, In: Message>(
    endpoint: &Endpoint,
    remote: SocketAddr,
    heartbeat: &heartbeat::Options,
    clock: &Clock,
    services: impl FnOnce(&Peer<Out>) -> Services<In>,
) -> Result<Peer<Out>, ControlError> {
    let whom = Whom::Node(Node::JobManager);
    let link = endpoint.connect(remote, whom, &protocol(heartbeat)).await?;
    let ours = Hello::of(endpoint.node().cloned());
    let greeting = hello::open(&link.connection, &ours);
    agree(&link, &ours, clock, greeting).await?;
    Ok(start(link, clock, services))
}

/// Accepts the connection of a TaskManager, which came in for [`protocol()`].
///
/// # Errors
/// When the two sides do not agree.
pub async fn accept<Out: Message, In: Message>(
    link: Link,
    clock: &Clock,
    services: impl FnOnce(&Peer<Out>) -> Services<In>,
) -> Result<Peer<Out>, ControlError> {
    let ours = Hello::of(Some(Node::JobManager));
    let greeting = hello::answer(&link.connection, &ours, link.peer.as_ref());
    agree(&link, &ours, clock, greeting).await?;
    Ok(start(link, clock, services))
}

/// Waits for the other side's hello and compares; closes the connection when it does not fit.
async fn agree(
    link: &Link,
    ours: &Hello,
    clock: &Clock,
    exchange: impl Future<Output = Result<Hello, hello::HelloError>>,
) -> Result<(), ControlError> {
    let theirs = clock.timeout(HELLO_TIMEOUT, exchange).await;
    let agreed = match theirs {
        Ok(Ok(theirs)) => ours.check(&theirs, link.peer.as_ref()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(late) => Err(format!("no hello: {late}")),
    };
    agreed.map_err(|reason| {
        // When the other side has closed already, its reason stands.
        let ended = link
            .connection
            .close_reason()
            .map(|error| Closing::of(&error));
        let ended = ended.filter(|closing| closing.by == ClosedBy::Peer);
        let reason = ended.map_or(reason, |closing| closing.reason);
        close(&link.connection, CloseCode::Version, &reason);
        ControlError::Hello {
            peer: link.peer.clone().unwrap_or(Node::JobManager),
            remote: link.remote,
            reason,
        }
    })
}

fn start<Out: Message, In: Message>(
    link: Link,
    clock: &Clock,
    services: impl FnOnce(&Peer<Out>) -> Services<In>,
) -> Peer<Out> {
    // Only links with a checked peer come here: the protocol admits no others.
    let node = link.peer.unwrap_or(Node::JobManager);
    let peer = Peer::new(node.clone(), link.connection.clone(), clock.clone());
    let services = services(&peer);
    spawn_server(link.connection, node, services, clock.clone());
    peer
}

fn spawn_server<In: Message>(
    connection: Connection,
    node: Node,
    services: Services<In>,
    clock: Clock,
) {
    let name = node.to_string();
    let work = serve::serve(connection, node, services, clock);
    let _ends_with_the_connection = actors::spawn(ActorKind::Connection, &name, work);
}

impl<M> Clone for Services<M> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            blobs: Arc::clone(&self.blobs),
        }
    }
}

impl<M> fmt::Debug for Services<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

#[cfg(test)]
pub(crate) mod tests;
