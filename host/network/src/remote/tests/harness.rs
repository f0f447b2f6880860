//! Nodes with a data plane and an endpoint each, and tasks that produce and consume on threads.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quinn::{ClientConfig, Endpoint, ServerConfig};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::runtime::Runtime;
use wasmill_actor::{ActorKind, CancelToken, Clock, Signal, Woken, actors};
use wasmill_types::id::{EdgeId, JobId};
use wasmill_types::size::ByteSize;
use wasmill_types::{Batch, Element};

use crate::remote::transport::{self, End};
use crate::remote::*;
use crate::{Gate, Sender, gate};

/// Long enough that a test which waits for it fails by its assertion, not by luck.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// A TaskManager that tasks can use.
pub(super) struct Node {
    pub(super) plane: DataPlane,
    pub(super) address: PeerAddr,
    pub(super) endpoint: Endpoint,
    client: ClientConfig,
    /// Connections that have come in.
    pub(super) accepted: Arc<Mutex<Vec<quinn::Connection>>>,
}

struct TestDialer {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Connect for TestDialer {
    fn connect<'a>(&'a self, peer: &'a PeerAddr) -> Connecting<'a> {
        let config = self.config.clone();
        Box::pin(async move {
            let connecting = self
                .endpoint
                .connect_with(config, peer.address, "localhost")
                .map_err(|error| ConnectError(error.to_string()))?;
            connecting
                .await
                .map_err(|error| ConnectError(error.to_string()))
        })
    }
}

impl Node {
    /// Connects to a peer without the data plane.
    pub(super) async fn dial(&self, peer: &PeerAddr) -> quinn::Connection {
        let config = self.client.clone();
        let connecting = self
            .endpoint
            .connect_with(config, peer.address, "localhost");
        connecting.unwrap().await.unwrap()
    }
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(super) fn options() -> Options {
    Options {
        memory: ByteSize(64 << 20),
        connections: NonZeroUsize::new(2).unwrap(),
        ..Options::default()
    }
}

/// TaskManagers that trust each other.
pub(super) fn nodes<const N: usize>(options: &Options, clock: &Clock) -> [Node; N] {
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::generate_simple_self_signed(names).unwrap();
    let chain = CertificateDer::from(certificate.cert);
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(chain.clone()).unwrap();
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    client.transport_config(transport::config(End::Consumer));
    let mut server = ServerConfig::with_single_cert(vec![chain], key.clone_key().into()).unwrap();
    server.transport_config(transport::config(End::Producer));
    std::array::from_fn(|number| node(number, &server, &client, options, clock))
}

fn node(
    number: usize,
    server: &ServerConfig,
    client: &ClientConfig,
    options: &Options,
    clock: &Clock,
) -> Node {
    let name = format!("tm-{number}").parse().unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = Endpoint::server(server.clone(), any).unwrap();
    let address = PeerAddr {
        name,
        address: endpoint.local_addr().unwrap(),
    };
    let dialer = TestDialer {
        endpoint: endpoint.clone(),
        config: client.clone(),
    };
    let plane = DataPlane::new(address.name.clone(), options.clone(), clock.clone(), dialer);
    let accepted = Arc::<Mutex<Vec<_>>>::default();
    let node = Node {
        plane: plane.clone(),
        address,
        endpoint: endpoint.clone(),
        client: client.clone(),
        accepted: Arc::clone(&accepted),
    };
    let listen = async move {
        while let Some(incoming) = endpoint.accept().await {
            let Ok(connection) = incoming.await else {
                continue;
            };
            accepted.lock().unwrap().push(connection.clone());
            let peer = PeerAddr {
                name: "tm-peer".parse().unwrap(),
                address: connection.remote_address(),
            };
            plane.serve(peer, connection);
        }
    };
    drop(actors::spawn(ActorKind::Listener, "", listen));
    node
}

pub(super) fn channel(producer: u32, consumer: u32) -> ChannelId {
    ChannelId {
        job: JobId(1),
        epoch: 0,
        edge: EdgeId(0),
        producer,
        consumer,
    }
}

/// Offers a channel; the sender is the task's.
pub(super) fn offer(node: &Node, channel: ChannelId) -> Sender {
    let (gate, mut senders) = gate(1, 4, Signal::new());
    node.plane.offer(channel, gate).unwrap();
    senders.remove(0)
}

/// A gate whose channels come from these peers, and its signal.
pub(super) fn subscribe(node: &Node, from: &[(&Node, ChannelId)]) -> (Gate, Signal) {
    let signal = Signal::new();
    let (gate, senders) = gate(from.len(), 10, signal.clone());
    for ((peer, channel), sender) in from.iter().zip(senders) {
        node.plane
            .subscribe(*channel, &peer.address, sender)
            .unwrap();
    }
    (gate, signal)
}

/// The next thing in a gate.
pub(super) fn next(gate: &mut Gate, signal: &Signal) -> Result<(usize, Element), String> {
    loop {
        match gate.next() {
            Ok(Some(taken)) => return Ok(taken),
            Ok(None) => assert_eq!(signal.wait(Some(LONG)), Woken::Notified, "nothing comes"),
            Err(lost) => return Err(lost.to_string()),
        }
    }
}

pub(super) fn batch(records: impl IntoIterator<Item = Vec<u8>>) -> Element {
    let mut batch = Batch::default();
    records.into_iter().for_each(|record| batch.push(&record));
    Element::Batch(batch)
}

/// Sends, and waits for room.
pub(super) fn send(sender: &mut Sender, element: Element) -> Result<(), String> {
    sender
        .send(element, &CancelToken::new())
        .map_err(|error| error.to_string())
}

/// Waits until something is so.
pub(super) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let tick = Signal::new();
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        tick.wait(Some(Duration::from_millis(10)));
    }
    panic!("{what} did not become so");
}
