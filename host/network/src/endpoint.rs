//! Connections between nodes: one UDP socket, QUIC with mutual TLS, a protocol per connection.
//!
//! The control plane (`rpc`) and the data plane open an [`Endpoint`], hand its [`Listener`]'s connections
//! out by protocol, and connect to other nodes. A connection begins with the TLS handshake, which checks
//! who both are, and a greeting, by which each side knows that the other has accepted it. Invariants: no
//! [`Link`] exists whose peer was not checked; a refusal has a reason, and both sides see it; handshakes
//! are bounded in number and time, and a slow one holds up nobody else.

mod closing;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod greeting;
pub mod lease;
mod listener;
mod protocol;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, EndpointConfig, ServerConfig, TokioRuntime};
use socket2::{Domain, Socket, Type};
use wasmill_actor::Clock;

use crate::identity::tls::{self, Expected};
use crate::identity::{Fingerprint, Identity, Node, Usage};

pub use closing::{CloseCode, ClosedBy, Closing, close};
pub use error::{ConnectError, OpenError, Refused};
pub use listener::Listener;
pub use protocol::{Opener, Protocol};
// Connections and streams are quinn's own; this crate is the only one that depends on it.
pub use quinn::{
    Connection, ConnectionError, IdleTimeout, ReadError, ReadExactError, RecvStream, SendStream,
    TransportConfig, VarInt, WriteError,
};

/// The version of this software, as it is told to peers.
pub const SOFTWARE: &str = env!("CARGO_PKG_VERSION");

/// The transport of an endpoint, for people.
const UDP: &str = "UDP";

/// What may be chosen for an endpoint.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a handshake with its greeting may take.
    pub handshake_timeout: Duration,
    /// The socket's buffers in each direction, in bytes; the machine may give less (`net.core.rmem_max`).
    pub socket_buffer_bytes: usize,
    /// How long a closing endpoint waits until its peers know.
    pub close_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            socket_buffer_bytes: 4 << 20,
            close_timeout: Duration::from_secs(2),
        }
    }
}

/// A connection that both sides have accepted.
#[derive(Debug, Clone)]
pub struct Link {
    /// The protocol's name.
    pub protocol: &'static str,
    /// Who is on the other side; none where the protocol lets anyone in.
    pub peer: Option<Node>,
    /// Where the other side is.
    pub remote: SocketAddr,
    /// The connection.
    pub connection: Connection,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// A node of our own cluster.
    Node(Node),
    /// The JobManager of the cluster that a join token names.
    JobManagerOf(Fingerprint),
}

/// A UDP socket and the connections over it; cheap to clone, clones are the same socket.
#[derive(Debug, Clone)]
pub struct Endpoint {
    quic: quinn::Endpoint,
    identity: Option<Identity>,
    options: Options,
    clock: Clock,
}

impl Endpoint {
    /// Opens a socket that listens, for these protocols. The first protocol's transport settings hold
    /// for all connections that come in: which protocol one speaks is known too late to choose others.
    ///
    /// # Errors
    /// When the address cannot be used, or the identity not for TLS.
    ///
    /// # Panics
    /// Without a protocol, or outside of a runtime.
    pub fn listen(
        address: SocketAddr,
        identity: Identity,
        protocols: &[Protocol],
        options: Options,
        clock: &Clock,
    ) -> Result<(Self, Listener), OpenError> {
        let first = protocols
            .first()
            .expect("an endpoint listens for something");
        let mut alpns: Vec<_> = protocols
            .iter()
            .map(|protocol| protocol.alpn().into_bytes())
            .collect();
        alpns.push(protocol::ANY_VERSION.to_vec());
        let tls = tls::server(&identity, alpns, clock).map_err(OpenError::tls)?;
        let mut server = ServerConfig::with_crypto(Arc::new(tls));
        server.transport = Arc::clone(&first.transport);
        server.migration(false);
        let socket = open_socket(address, options.socket_buffer_bytes);
        let socket = socket.map_err(|source| OpenError::bind(UDP, address, source))?;
        let endpoint = Self::over(socket, Some(server), Some(identity), options, clock)
            .map_err(|source| OpenError::bind(UDP, address, source))?;
        let listener = Listener::start(&endpoint, protocols);
        Ok((endpoint, listener))
    }

    /// Opens a socket that only connects; without an identity it can only join a cluster.
    ///
    /// # Errors
    /// When there is no socket to be had.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn client(
        identity: Option<Identity>,
        options: Options,
        clock: &Clock,
    ) -> Result<Self, OpenError> {
        let bytes = options.socket_buffer_bytes;
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        // A machine without IPv6.
        let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let socket = open_socket(any, bytes).or_else(|_| open_socket(any4, bytes));
        let endpoint = socket.and_then(|socket| Self::over(socket, None, identity, options, clock));
        endpoint.map_err(|source| OpenError::bind(UDP, any4, source))
    }

    fn over(
        socket: UdpSocket,
        server: Option<ServerConfig>,
        identity: Option<Identity>,
        options: Options,
        clock: &Clock,
    ) -> io::Result<Self> {
        let config = EndpointConfig::default();
        let quic = quinn::Endpoint::new(config, server, socket, Arc::new(TokioRuntime))?;
        Ok(Self {
            quic,
            identity,
            options,
            clock: clock.clone(),
        })
    }

    /// Who this node is; none before it has joined.
    pub fn node(&self) -> Option<&Node> {
        self.identity.as_ref().map(Identity::node)
    }

    /// The proof of it.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The address of the socket, with the port that the machine chose if it was asked to.
    ///
    /// # Errors
    /// When the machine does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.quic.local_addr()
    }

    /// Connects, and answers once both sides have accepted each other.
    ///
    /// # Errors
    /// When there is no answer in time, or either side refuses.
    pub async fn connect(
        &self,
        remote: SocketAddr,
        whom: Whom,
        protocol: &Protocol,
    ) -> Result<Link, ConnectError> {
        let describe = ConnectError::about(remote, &whom);
        let timeout = self.options.handshake_timeout;
        let connecting = self.handshake(remote, whom, protocol, &describe);
        let done = self.clock.timeout(timeout, connecting).await;
        done.unwrap_or_else(|_| Err(describe.no_answer(timeout)))
    }

    async fn handshake(
        &self,
        remote: SocketAddr,
        whom: Whom,
        protocol: &Protocol,
        describe: &error::About,
    ) -> Result<Link, ConnectError> {
        let expected = self.expected(whom).ok_or_else(|| describe.no_identity())?;
        let peer = match &expected {
            Expected::Node(node, _) => node.clone(),
            Expected::JobManagerOf(_) => Node::JobManager,
        };
        let alpns = vec![protocol.alpn().into_bytes(), protocol::ANY_VERSION.to_vec()];
        let tls = tls::client(self.identity.as_ref(), expected, alpns, &self.clock);
        let tls = tls.map_err(|error| describe.impossible(&error))?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::clone(&protocol.transport));
        let connecting = self.quic.connect_with(config, remote, tls::SERVER_NAME);
        let connecting = connecting.map_err(|error| describe.impossible(&error))?;
        let start = self.clock.monotonic();
        let connection = connecting.await.map_err(|error| match error {
            // The transport's own limit was shorter than that of the handshake.
            ConnectionError::TimedOut => {
                let waited = self.clock.monotonic().saturating_sub(start);
                describe.no_answer(Duration::from_secs(waited.as_secs()))
            }
            error => describe.closed(&error),
        })?;
        if protocol::spoken(&connection).as_deref() == Some(protocol::ANY_VERSION) {
            return Err(describe.version(greeting::ask_version(&connection, protocol).await));
        }
        // The peer greets once it has accepted our certificate; until then it may still refuse.
        let greeted = greeting::receive(&connection).await;
        greeted.map_err(|error| describe.greeting(&error))?;
        Ok(Link {
            protocol: protocol.name,
            peer: Some(peer),
            remote,
            connection,
        })
    }

    /// What TLS has to check; none when a node of the cluster is meant by who is not in one.
    fn expected(&self, whom: Whom) -> Option<Expected> {
        match whom {
            Whom::JobManagerOf(cluster) => Some(Expected::JobManagerOf(cluster)),
            Whom::Node(node) => {
                let identity = self.identity.as_ref()?;
                Some(Expected::Node(node, identity.authority().clone()))
            }
        }
    }

    /// Closes all connections with a reason, and waits a moment until the peers know.
    pub async fn close(&self, reason: &str) {
        let reason = closing::clip(reason);
        self.quic.close(CloseCode::Done.into(), reason.as_bytes());
        let idle = self.quic.wait_idle();
        // Peers that do not answer find out by their own timeouts.
        let _told = self.clock.timeout(self.options.close_timeout, idle).await;
    }
}

/// Who is on the other side of a connection that came in.
fn node_of(connection: &Connection, endpoint: &Endpoint) -> Result<Option<Node>, String> {
    let Some(identity) = &endpoint.identity else {
        return Ok(None);
    };
    let now_ms = endpoint.clock.now_ms();
    let node = tls::node_of(connection, identity.authority(), Usage::Client, now_ms);
    node.map_err(|error| error.to_string())
}

fn open_socket(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The machine may give less; QUIC works with less, only slower.
    let _recv = socket.set_recv_buffer_size(buffer_bytes);
    let _send = socket.set_send_buffer_size(buffer_bytes);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests;
