//! Leases: one TCP connection beside a connection over QUIC, which ends with the process that holds it.
//!
//! A process that is killed says nothing over QUIC, so its peer would wait for a timeout. A TCP connection
//! is closed by the machine whatever ends the process. A TaskManager holds one for its registration
//! ([`hold`]), the JobManager takes it ([`LeaseListener`]), and both wait for [`Lease::ended`]. First the
//! holder sends what the lease is for, 8 bytes, then the other side answers with the length and text of a
//! refusal, of which an empty one means that the lease is held. Invariants: both sides were checked by the
//! certificates of the cluster; nothing else is ever sent; handshakes and leases are bounded in number.

use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_actor::{Address, Clock, Mailbox, mailbox};

use super::closing::{ClosedBy, Closing, clean};
use super::{ConnectError, OpenError, Opener, Refused, Whom};
use crate::identity::tls::{self, Expected};
use crate::identity::{Identity, Node, Usage};

/// The name and version in the TLS handshake.
const ALPN: &[u8] = b"wasmill-lease/1";
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most handshakes at a time; further peers wait in the machine's queue.
const MAX_HANDSHAKES: usize = 256;
/// The length of that queue.
const BACKLOG: i32 = 1_024;
/// The most leases at a time: more than there are TaskManagers in any cluster.
const MAX_LEASES: usize = 8_192;
/// The most leases that wait for [`LeaseListener::accept`]; then handshakes wait.
const MAX_WAITING: usize = 64;
/// How long to wait when the machine has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(200);
/// When the machine asks whether the other one is still there, which also keeps firewalls from forgetting.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// The longest text of a refusal: its length is one byte.
const MAX_REFUSAL: usize = u8::MAX as usize;

/// A connection that ends with the process of either side; dropping it ends it.
#[derive(Debug)]
pub struct Lease {
    node: Node,
    purpose: u64,
    stream: TlsStream<TcpStream>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Who is on the other side.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What its holder said that it is for.
    pub fn purpose(&self) -> u64 {
        self.purpose
    }

    /// Waits for the end; the reason is for people, as part of a sentence about the other side.
    pub async fn ended(mut self) -> String {
        match self.stream.read_u8().await {
            Ok(_) => "it does not keep to the protocol of leases".to_owned(),
            Err(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    "its process has ended".to_owned()
                }
                _ => format!("the connection with its process has broken: {error}"),
            },
        }
    }
}

/// Holds a lease at another node, for a purpose that both sides understand.
///
/// # Errors
/// When there is no answer in time, or either side refuses.
pub async fn hold(
    remote: SocketAddr,
    identity: &Identity,
    whom: Node,
    purpose: u64,
    clock: &Clock,
) -> Result<Lease, ConnectError> {
    let describe = ConnectError::about(remote, &Whom::Node(whom.clone()));
    let expected = Expected::Node(whom.clone(), identity.authority().clone());
    let alpns = vec![ALPN.to_vec()];
    let tls = tls::client_config(Some(identity), expected, alpns, clock);
    let tls = tls.map_err(|error| describe.impossible(&error))?;
    let connector = TlsConnector::from(Arc::new(tls));
    let opening = open(&connector, remote, purpose);
    let opened = clock.timeout(HANDSHAKE, opening).await;
    let opened = opened.map_err(|_| describe.no_answer(HANDSHAKE))?;
    let stream = opened.map_err(|closing| describe.ended(closing))?;
    Ok(Lease {
        node: whom,
        purpose,
        stream,
        _place: None,
    })
}

async fn open(
    connector: &TlsConnector,
    remote: SocketAddr,
    purpose: u64,
) -> Result<TlsStream<TcpStream>, Closing> {
    let closing = |error| closing(&error);
    let tcp = TcpStream::connect(remote).await.map_err(closing)?;
    tune(&tcp);
    let name = ServerName::try_from(tls::SERVER_NAME).expect("a name of ours");
    let mut stream = connector.connect(name, tcp).await.map_err(closing)?;
    stream.write_u64(purpose).await.map_err(closing)?;
    stream.flush().await.map_err(closing)?;
    // Only now is it known that the other side has accepted our certificate.
    let length = stream.read_u8().await.map_err(closing)?;
    if length == 0 {
        return Ok(stream.into());
    }
    let mut text = vec![0; usize::from(length)];
    stream.read_exact(&mut text).await.map_err(closing)?;
    let reason = clean(&String::from_utf8_lossy(&text));
    let by = ClosedBy::Peer;
    Err(Closing { by, reason })
}

type Outcome = Result<Lease, Refused>;

/// Takes the leases of TaskManagers; dropping it takes no more.
#[derive(Debug)]
pub struct LeaseListener {
    address: SocketAddr,
    outcomes: Mailbox<Outcome>,
    actor: Actor<()>,
}

impl LeaseListener {
    /// Listens on a TCP address.
    ///
    /// # Errors
    /// When the address cannot be used, or the identity not for TLS.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        clock: &Clock,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::bind("TCP", address, source);
        let tls = tls::server_config(identity, vec![ALPN.to_vec()], clock);
        let socket = listen(address).and_then(TcpListener::from_std);
        let socket = socket.map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let keeper = Arc::new(Keeper {
            acceptor: TlsAcceptor::from(Arc::new(tls.map_err(OpenError::tls)?)),
            identity: identity.clone(),
            clock: clock.clone(),
            leases: Arc::new(Semaphore::new(MAX_LEASES)),
        });
        let (to_owner, outcomes) = mailbox("leases", MAX_WAITING);
        let work = take(socket, keeper, to_owner);
        let actor = actors::spawn(ActorKind::Listener, "leases", work);
        Ok(Self {
            address: bound,
            outcomes,
            actor,
        })
    }

    /// The address, with the port that the machine chose if it was asked to.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next lease, or the next refusal, which is worth a line in the log. May be dropped while it waits,
    /// without loss.
    pub async fn accept(&mut self) -> Option<Result<Lease, Refused>> {
        self.outcomes.next().await
    }
}

impl Drop for LeaseListener {
    fn drop(&mut self) {
        self.actor.abort();
    }
}

async fn take(socket: TcpListener, keeper: Arc<Keeper>, outcomes: Address<Outcome>) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (tcp, remote) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no lease taken, try again");
                keeper.clock.sleep(NO_SOCKETS).await;
                continue;
            }
        };
        let (keeper, outcomes) = (Arc::clone(&keeper), outcomes.clone());
        let work = async move {
            let outcome = keeper.one(tcp, remote).await;
            // When the listener is gone the lease is dropped, which ends it.
            let _gone = outcomes.send(outcome).await;
            drop(place);
        };
        // It lives no longer than the handshake's timeout and the wait for its place in the mailbox.
        let _errand = actors::spawn(ActorKind::Connection, &format!("lease {remote}"), work);
    }
}

struct Keeper {
    acceptor: TlsAcceptor,
    identity: Identity,
    clock: Clock,
    leases: Arc<Semaphore>,
}

impl Keeper {
    async fn one(&self, tcp: TcpStream, remote: SocketAddr) -> Outcome {
        let kept = self.clock.timeout(HANDSHAKE, self.keep(tcp)).await;
        let kept = kept.unwrap_or_else(|elapsed| {
            let (by, reason) = (ClosedBy::Silence, elapsed.to_string());
            Err(Closing { by, reason })
        });
        kept.map_err(|closing| Refused::at(remote, closing))
    }

    async fn keep(&self, tcp: TcpStream) -> Result<Lease, Closing> {
        let closing = |error| closing(&error);
        tune(&tcp);
        let mut stream = self.acceptor.accept(tcp).await.map_err(closing)?;
        // Read before anything is refused: a socket that is closed with something unread takes back what
        // was sent, and the other side would not see the reason.
        let purpose = stream.read_u64().await.map_err(closing)?;
        match self.admit(stream.get_ref().1) {
            Ok((node, place)) => {
                stream.write_u8(0).await.map_err(closing)?;
                stream.flush().await.map_err(closing)?;
                Ok(Lease {
                    node,
                    purpose,
                    stream: stream.into(),
                    _place: Some(place),
                })
            }
            Err(reason) => {
                let text = &reason[..reason.floor_char_boundary(MAX_REFUSAL)];
                let mut refusal = vec![text.len() as u8];
                refusal.extend_from_slice(text.as_bytes());
                stream.write_all(&refusal).await.map_err(closing)?;
                // One who has gone meanwhile needs no end.
                let _gone = stream.shutdown().await;
                Err(Closing::by_us(reason))
            }
        }
    }

    /// Who may hold a lease, and the place for it.
    fn admit(
        &self,
        tls: &rustls::ServerConnection,
    ) -> Result<(Node, OwnedSemaphorePermit), String> {
        if tls.alpn_protocol() != Some(ALPN) {
            return Err("it does not speak the protocol of leases".to_owned());
        }
        let (authority, now_ms) = (self.identity.authority(), self.clock.now_ms());
        let shown = tls.peer_certificates();
        let node = shown.map(|chain| tls::node_in(chain, authority, Usage::Client, now_ms));
        let node = node.transpose().map_err(|error| error.to_string())?;
        Opener::TaskManager.admits(node.as_ref())?;
        let place = Arc::clone(&self.leases).try_acquire_owned();
        let place = place.map_err(|_| format!("all {MAX_LEASES} leases are held already"))?;
        Ok((node.expect("only nodes with a name are admitted"), place))
    }
}

fn listen(address: SocketAddr) -> io::Result<net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of a process before this one that are still closing are not in the way.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A machine that does not take these settings holds leases as well.
fn tune(tcp: &TcpStream) {
    let _nodelay = tcp.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let keepalive = keepalive.with_interval(KEEPALIVE);
    let _keepalive = SockRef::from(tcp).set_tcp_keepalive(&keepalive);
}

/// What the error of a handshake means.
fn closing(error: &io::Error) -> Closing {
    let inner = error.get_ref();
    let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (by, reason) = match (tls, error.kind()) {
        (Some(rustls::Error::AlertReceived(_)), _) => {
            (ClosedBy::Peer, format!("{error}; its log says more"))
        }
        (Some(error), _) => {
            let all = error.to_string();
            (ClosedBy::Us, clean(tls::own_text(&all).unwrap_or(&all)))
        }
        (None, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => (
            ClosedBy::Peer,
            "it has closed the connection; its log may say more".to_owned(),
        ),
        (None, _) => (ClosedBy::Silence, error.to_string()),
    };
    Closing { by, reason }
}

#[cfg(test)]
mod tests;
