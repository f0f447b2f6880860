//! What tests need: a cluster, two nodes that are connected over loopback, and a node to talk to.

use std::collections::HashMap;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmill_actor::Clock;
use wasmill_network::endpoint::{self, Endpoint, Link, Listener, Whom};
use wasmill_network::identity::{Admission, Authority, Identity, KeyPair, Node, member};
use wasmill_types::id::{Digest, TaskManagerId};

use crate::blob::{Blob, Blobs, NoBlobs, Opening};
use crate::call::{Caller, Handler, Handling, Peer, Refusal, Request};
use crate::control::{self, Services};
use crate::{heartbeat, join};

/// Long enough for anything that is not meant to time out.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// All that the nodes of tests can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Add(Add),
    Say(Say),
    Hang(Hang),
    Panic(Panic),
    Confuse(Confuse),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Add(pub(crate) u32, pub(crate) u32);
/// Refused, with its text.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Say(pub(crate) String);
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hang;
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Panic;
/// Answered with the answer of another call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Confuse;

macro_rules! asks {
    ($($name:ident => $reply:ty),*) => {$(
        impl From<$name> for Ask {
            fn from(ask: $name) -> Self {
                Self::$name(ask)
            }
        }

        impl Request for $name {
            type Message = Ask;
            type Reply = $reply;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

asks!(Add => u32, Say => (), Hang => (), Panic => (), Confuse => [u64; 2]);

/// Handles them.
#[derive(Debug)]
pub(crate) struct Answers;

impl Handler<Ask> for Answers {
    fn handle(&self, message: Ask, caller: Caller) -> Handling {
        Box::pin(async move {
            assert!(caller.deadline <= LONG, "deadlines are sent along");
            match message {
                Ask::Add(Add(a, b)) => Ok(Add::answer(a + b)),
                Ask::Say(Say(text)) => Err(Refusal(text)),
                Ask::Hang(Hang) => pending().await,
                Ask::Panic(Panic) => panic!("no such thing"),
                Ask::Confuse(Confuse) => Ok(Say::answer(())),
            }
        })
    }
}

/// Blobs in memory, each with the length that it pretends to have.
#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) HashMap<Digest, (u64, Vec<u8>)>);

impl Blobs for Memory {
    fn open(&self, digest: Digest) -> Opening {
        let blob = self.0.get(&digest).cloned();
        Box::pin(async move {
            let (length, bytes) = blob.ok_or_else(|| Refusal(format!("no blob {digest}")))?;
            Ok(Blob::new(length, Box::pin(std::io::Cursor::new(bytes))))
        })
    }
}

pub(crate) fn services(blobs: impl Blobs) -> Services<Ask> {
    Services {
        handler: Arc::new(Answers),
        blobs: Arc::new(blobs),
    }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limit = Clock::system();
    let done = runtime.block_on(async { limit.timeout(2 * LONG, work).await });
    done.expect("the test hangs")
}

pub(crate) fn id(name: &str) -> TaskManagerId {
    name.parse().unwrap()
}

/// A cluster, its JobManager's socket, and what comes in there.
pub(crate) struct Cluster {
    _dir: tempfile::TempDir,
    pub(crate) authority: Arc<Authority>,
    pub(crate) clock: Clock,
    pub(crate) endpoint: Endpoint,
    pub(crate) listener: Listener,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let authority = Authority::open(dir.path(), clock.now_ms()).unwrap();
        let identity = authority.job_manager(clock.now_ms()).unwrap();
        let protocols = [
            control::protocol(&heartbeat::Options::default()),
            join::protocol(),
        ];
        let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = endpoint::Options::default();
        let (endpoint, listener) =
            Endpoint::listen(localhost, identity, &protocols, options, &clock).unwrap();
        Self {
            _dir: dir,
            authority: Arc::new(authority),
            clock,
            endpoint,
            listener,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    /// The identity of a TaskManager, without joining.
    pub(crate) fn task_manager(&self, name: &str) -> Identity {
        let now_ms = self.clock.now_ms();
        let key = KeyPair::generate().unwrap();
        let got = Admission {
            cluster: self.authority.cluster(),
            id: id(name),
            certificate: self
                .authority
                .admit(&id(name), &key.public(), now_ms)
                .unwrap(),
            authority: self.authority.certificate(),
        };
        let data = tempfile::tempdir().unwrap();
        member::keep(data.path(), &key, &got, now_ms).unwrap()
    }

    /// A connection without anything on it yet: the JobManager's side and the TaskManager's.
    pub(crate) async fn links(&mut self, client: &Endpoint) -> (Link, Link) {
        let protocol = control::protocol(&heartbeat::Options::default());
        let whom = Whom::Node(Node::JobManager);
        let address = self.address();
        let connecting = client.connect(address, whom, &protocol);
        let (accepted, connected) = tokio::join!(self.listener.accept(), connecting);
        (accepted.unwrap().unwrap(), connected.unwrap())
    }

    pub(crate) fn client(&self, identity: Identity) -> Endpoint {
        let options = endpoint::Options::default();
        Endpoint::client(Some(identity), options, &self.clock).unwrap()
    }
}

/// A JobManager and a TaskManager that are connected.
pub(crate) struct Pair {
    pub(crate) cluster: Cluster,
    pub(crate) client: Endpoint,
    /// How the TaskManager calls the JobManager.
    pub(crate) job_manager: Peer<Ask>,
    /// How the JobManager calls the TaskManager.
    pub(crate) task_manager: Peer<Ask>,
}

pub(crate) async fn pair(blobs: impl Blobs) -> Pair {
    let mut cluster = Cluster::start();
    let client = cluster.client(cluster.task_manager("tm-1"));
    let options = heartbeat::Options::default();
    let (address, clock) = (cluster.address(), cluster.clock.clone());
    let connecting = control::connect(&client, address, &options, &clock, |_: &Peer<Ask>| {
        services(NoBlobs)
    });
    let accepting = async {
        let link = cluster.listener.accept().await.unwrap().unwrap();
        control::accept(link, &clock, |_: &Peer<Ask>| services(blobs)).await
    };
    let (connected, accepted) = tokio::join!(connecting, accepting);
    Pair {
        job_manager: connected.unwrap(),
        task_manager: accepted.unwrap(),
        cluster,
        client,
    }
}
