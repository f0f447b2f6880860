//! Nodes connect, and whoever may not is refused with the reason on both sides: real QUIC on loopback.

use std::sync::OnceLock;

use wasmill_actor::Rng;

use super::greeting::Greeting;
use super::*;
use crate::identity::{Admission, Authority, KeyPair, member};

pub(super) const NOW: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// A cluster with its authority's directory.
pub(super) struct Cluster {
    _dir: tempfile::TempDir,
    pub(super) authority: Authority,
}

fn cluster() -> Cluster {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path(), NOW).unwrap();
    Cluster {
        _dir: dir,
        authority,
    }
}

/// The cluster of most tests, and another one.
pub(super) fn ours() -> &'static Cluster {
    static OURS: OnceLock<Cluster> = OnceLock::new();
    OURS.get_or_init(cluster)
}

pub(super) fn theirs() -> &'static Cluster {
    static THEIRS: OnceLock<Cluster> = OnceLock::new();
    THEIRS.get_or_init(cluster)
}

impl Cluster {
    pub(super) fn job_manager(&self) -> Identity {
        self.authority.job_manager(NOW).unwrap()
    }

    pub(super) fn task_manager(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let id = name.parse().unwrap();
        let certificate = self.authority.admit(&id, &key.public(), NOW).unwrap();
        let authority = self.job_manager().authority().to_vec();
        let cluster = self.authority.cluster();
        let got = Admission {
            cluster,
            id,
            certificate,
            authority,
        };
        let data = tempfile::tempdir().unwrap();
        member::keep(data.path(), &key, &got, NOW).unwrap()
    }
}

fn control(version: u32) -> Protocol {
    protocol("test-control", version, Opener::TaskManager)
}

fn join() -> Protocol {
    protocol("test-join", 1, Opener::Anyone)
}

fn protocol(name: &'static str, version: u32, opener: Opener) -> Protocol {
    Protocol {
        name,
        version,
        opener,
        transport: Arc::default(),
    }
}

pub(super) fn task_manager(name: &str) -> Node {
    Node::TaskManager(name.parse().unwrap())
}

pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limit = Clock::system();
    let done = runtime.block_on(async { limit.timeout(Duration::from_secs(60), work).await });
    done.expect("the test hangs")
}

fn localhost() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// One attempt to connect: who connects with what to whom.
struct Attempt {
    server: Identity,
    client: Option<Identity>,
    client_now: i64,
    server_now: i64,
    whom: Whom,
    protocol: Protocol,
}

impl Attempt {
    /// One that succeeds.
    fn good() -> Self {
        Self {
            server: ours().job_manager(),
            client: Some(ours().task_manager("tm-1")),
            client_now: NOW,
            server_now: NOW,
            whom: Whom::Node(Node::JobManager),
            protocol: control(1),
        }
    }

    /// What the server and the client get.
    async fn make(self) -> (Result<Link, Refused>, Result<Link, ConnectError>) {
        let (server_clock, client_clock) = (
            Clock::manual(self.server_now),
            Clock::manual(self.client_now),
        );
        let protocols = [control(1), join()];
        let options = Options::default();
        let (server, mut listener) = Endpoint::listen(
            localhost(),
            self.server,
            &protocols,
            options.clone(),
            &server_clock,
        )
        .unwrap();
        let client = Endpoint::client(self.client, options, &client_clock).unwrap();
        let address = server.local_addr().unwrap();
        let connecting = client.connect(address, self.whom, &self.protocol);
        let (accepted, connected) = tokio::join!(listener.accept(), connecting);
        (accepted.unwrap(), connected)
    }
}

#[test]
fn nodes_of_one_cluster_know_each_other() {
    let anyone = || Attempt {
        client: None,
        whom: Whom::JobManagerOf(ours().authority.cluster()),
        protocol: join(),
        ..Attempt::good()
    };
    let between_task_managers = Attempt {
        server: ours().task_manager("tm-2"),
        whom: Whom::Node(task_manager("tm-2")),
        ..Attempt::good()
    };
    for (attempt, client, server) in [
        (
            Attempt::good(),
            Some(task_manager("tm-1")),
            Node::JobManager,
        ),
        (
            between_task_managers,
            Some(task_manager("tm-1")),
            task_manager("tm-2"),
        ),
        (anyone(), None, Node::JobManager),
    ] {
        let protocol = attempt.protocol.name;
        run(async {
            let (accepted, connected) = attempt.make().await;
            let (accepted, connected) = (accepted.unwrap(), connected.unwrap());
            assert_eq!((accepted.peer, connected.peer), (client, Some(server)));
            assert_eq!(
                (accepted.protocol, connected.protocol),
                (protocol, protocol)
            );
        });
    }
}

/// A case of a refusal: its name, the attempt, and what both sides hear.
type Refusal = (&'static str, Attempt, &'static str);

fn refused_certificates() -> Vec<Refusal> {
    let foreign = ours().authority.cluster();
    vec![
        (
            "a client of another cluster",
            Attempt {
                client: Some(theirs().task_manager("tm-1")),
                whom: Whom::JobManagerOf(foreign),
                ..Attempt::good()
            },
            "is not from the authority of cluster",
        ),
        (
            "a server of another cluster",
            Attempt {
                server: theirs().job_manager(),
                ..Attempt::good()
            },
            "is not from the authority of cluster",
        ),
        (
            "a join at another cluster",
            Attempt {
                client: None,
                server: theirs().job_manager(),
                whom: Whom::JobManagerOf(foreign),
                protocol: join(),
                ..Attempt::good()
            },
            "is not from the authority of cluster",
        ),
        (
            "no certificate",
            Attempt {
                client: None,
                whom: Whom::JobManagerOf(foreign),
                ..Attempt::good()
            },
            "no certificate was presented; that node has to join",
        ),
    ]
}

fn refused_nodes_and_times() -> Vec<Refusal> {
    vec![
        (
            "a TaskManager that poses as the JobManager",
            Attempt {
                server: ours().task_manager("tm-2"),
                ..Attempt::good()
            },
            "is that of TaskManager `tm-2`, not of the JobManager",
        ),
        (
            "a TaskManager in another's place",
            Attempt {
                server: ours().task_manager("tm-3"),
                whom: Whom::Node(task_manager("tm-2")),
                ..Attempt::good()
            },
            "is that of TaskManager `tm-3`, not of TaskManager `tm-2`",
        ),
        (
            "a JobManager that connects",
            Attempt {
                client: Some(ours().job_manager()),
                ..Attempt::good()
            },
            "not meant for this use",
        ),
        (
            "an expired client",
            Attempt {
                server_now: NOW + 366 * DAY_MS,
                server: ours().authority.job_manager(NOW + 366 * DAY_MS).unwrap(),
                client_now: NOW + 366 * DAY_MS,
                ..Attempt::good()
            },
            "expired at 2028-01-15 08:00:00 UTC and the side that checks it has 2028-01-16",
        ),
        (
            "an expired server",
            Attempt {
                server_now: NOW + 366 * DAY_MS,
                client_now: NOW + 366 * DAY_MS,
                ..Attempt::good()
            },
            "expired at 2028-01-15 08:00:00 UTC and the side that checks it has 2028-01-16",
        ),
        (
            "a server whose clock is ahead",
            Attempt {
                client_now: NOW - DAY_MS,
                ..Attempt::good()
            },
            "the side that checks it has 2027-01-14 08:00:00 UTC now; set the clocks of both",
        ),
        (
            "another version",
            Attempt {
                protocol: control(7),
                ..Attempt::good()
            },
            "speaks test-control/1, test-join/1, the other has Wasmill 0.1.0 and speaks test-control/7",
        ),
    ]
}

#[test]
fn whoever_is_refused_hears_why_and_so_does_who_refuses() {
    let cases = refused_certificates()
        .into_iter()
        .chain(refused_nodes_and_times());
    for (case, attempt, expected) in cases {
        let (accepted, connected) = run(attempt.make());
        let refused = accepted.map(|link| link.peer).unwrap_err().to_string();
        let error = connected.map(|link| link.peer).unwrap_err().to_string();
        assert!(refused.contains(expected), "{case}, server: {refused}");
        assert!(error.contains(expected), "{case}, client: {error}");
        // One side refuses, the other is refused, and each says which.
        let by_server = refused.starts_with("refuse 127.0.0.1:");
        assert_ne!(
            by_server,
            refused.contains(" refuses this node: "),
            "{case}: {refused}"
        );
        assert_ne!(by_server, error.starts_with("refuse "), "{case}: {error}");
    }
}

#[test]
fn a_node_without_certificate_cannot_mean_a_node() {
    run(async {
        let clock = Clock::system();
        let client = Endpoint::client(None, Options::default(), &clock).unwrap();
        let whom = Whom::Node(Node::JobManager);
        let error = client
            .connect(localhost(), whom, &control(1))
            .await
            .unwrap_err();
        let expected = "connect to the JobManager at 127.0.0.1:0: this node has no certificate; \
                        join the cluster first";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn silence_is_an_error_that_names_the_address() {
    let mut impatient = TransportConfig::default();
    impatient.max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(1_000))));
    let impatient = Protocol {
        transport: Arc::new(impatient),
        ..control(1)
    };
    for (protocol, handshake_ms, waited) in [
        (control(1), 50, "50ms; check that it runs"),
        // How long the transport waits exactly is its own matter.
        (impatient, 30_000, ""),
    ] {
        run(async {
            let clock = Clock::system();
            let silent = UdpSocket::bind(localhost()).unwrap();
            let options = Options {
                handshake_timeout: Duration::from_millis(handshake_ms),
                ..Options::default()
            };
            let identity = Some(ours().task_manager("tm-1"));
            let client = Endpoint::client(identity, options, &clock).unwrap();
            let address = silent.local_addr().unwrap();
            let whom = Whom::Node(Node::JobManager);
            let error = client.connect(address, whom, &protocol).await.unwrap_err();
            let error = error.to_string();
            let expected = format!("no answer from the JobManager at {address} within {waited}");
            assert!(error.starts_with(&expected), "{error}");
        });
    }
}

#[test]
fn an_address_in_use_is_named() {
    run(async {
        let taken = UdpSocket::bind(localhost()).unwrap();
        let address = taken.local_addr().unwrap();
        let listening = Endpoint::listen(
            address,
            ours().job_manager(),
            &[control(1)],
            Options::default(),
            &Clock::system(),
        );
        let error = listening.map(|_| ()).unwrap_err().to_string();
        let expected = format!("another process uses UDP address {address}; stop it, or");
        assert!(error.starts_with(&expected), "{error}");
    });
}

#[test]
fn the_peer_hears_the_reason_of_a_close() {
    run(async {
        let attempt = Attempt::good();
        let clock = Clock::manual(NOW);
        let (server, mut listener) = Endpoint::listen(
            localhost(),
            attempt.server,
            &[control(1)],
            Options::default(),
            &clock,
        )
        .unwrap();
        let client = Endpoint::client(attempt.client, Options::default(), &clock).unwrap();
        let address = server.local_addr().unwrap();
        let connecting = client.connect(address, attempt.whom, &attempt.protocol);
        let (_accepted, link) = tokio::join!(listener.accept(), connecting);
        let link = link.unwrap();
        let reason = format!("shutting\u{7} down{}", "!".repeat(1_000));
        let (closed, ()) = tokio::join!(link.connection.closed(), server.close(&reason));
        let closing = Closing::of(&closed);
        assert_eq!(closing.by, ClosedBy::Peer);
        assert!(
            closing.reason.starts_with("shutting  down!!"),
            "{closing:?}"
        );
        assert!(closing.reason.len() <= 600);
        assert!(
            listener.accept().await.is_none(),
            "a closed endpoint takes nothing in"
        );
    });
}

#[test]
fn greetings_are_read_back_and_random_bytes_are_none() {
    let greeting = Greeting::new(&[control(1), join()]);
    let bytes = greeting.encode();
    assert_eq!(Greeting::decode(&bytes), Some(greeting));
    for cut in 0..bytes.len() {
        assert_eq!(Greeting::decode(&bytes[..cut]), None, "cut at {cut}");
    }
    let mut rng = Rng::seeded(5);
    for _ in 0..5_000 {
        let mut mutated = bytes.clone();
        let at = rng.below(bytes.len() as u64) as usize;
        mutated[at] = rng.next_u64() as u8;
        mutated.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        if let Some(read) = Greeting::decode(&mutated) {
            assert!(!read.protocols.contains(char::is_control));
        }
    }
}
