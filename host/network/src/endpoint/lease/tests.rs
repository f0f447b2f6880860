//! Leases are held, end with either side, and are refused to whoever may not: real TLS on loopback.

use crate::endpoint::tests::{NOW, ours, run, task_manager, theirs};

use super::*;

const DAY_MS: i64 = 24 * 3_600_000;

fn localhost() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn listener(identity: &Identity, now_ms: i64) -> LeaseListener {
    LeaseListener::bind(localhost(), identity, &Clock::manual(now_ms)).unwrap()
}

/// One attempt to hold a lease: with what, where, and when.
struct Attempt {
    server: Identity,
    client: Identity,
    whom: Node,
    server_now: i64,
}

impl Attempt {
    /// One that succeeds.
    fn good() -> Self {
        Self {
            server: ours().job_manager(),
            client: ours().task_manager("tm-1"),
            whom: Node::JobManager,
            server_now: NOW,
        }
    }

    /// What the server and the client get.
    async fn make(self) -> (Result<Lease, Refused>, Result<Lease, ConnectError>) {
        let mut listener = listener(&self.server, self.server_now);
        let clock = Clock::manual(NOW);
        let holding = hold(listener.local_addr(), &self.client, self.whom, 7, &clock);
        let (taken, held) = tokio::join!(listener.accept(), holding);
        (taken.unwrap(), held)
    }
}

#[test]
fn a_lease_says_who_holds_it_and_what_for() {
    run(async {
        let (taken, held) = Attempt::good().make().await;
        let (taken, held) = (taken.unwrap(), held.unwrap());
        assert_eq!((taken.node(), taken.purpose()), (&task_manager("tm-1"), 7));
        assert_eq!((held.node(), held.purpose()), (&Node::JobManager, 7));
    });
}

#[test]
fn a_lease_ends_at_once_with_the_other_side() {
    run(async {
        let (taken, held) = Attempt::good().make().await;
        drop(held.unwrap());
        let reason = taken.unwrap().ended().await;
        assert_eq!(reason, "its process has ended");
        let (taken, held) = Attempt::good().make().await;
        drop(taken.unwrap());
        let reason = held.unwrap().ended().await;
        assert_eq!(reason, "its process has ended");
    });
}

#[test]
fn a_lease_on_which_something_is_said_ends() {
    run(async {
        let (taken, held) = Attempt::good().make().await;
        let mut held = held.unwrap();
        held.stream.write_all(b"!").await.unwrap();
        held.stream.flush().await.unwrap();
        let reason = taken.unwrap().ended().await;
        assert_eq!(reason, "it does not keep to the protocol of leases");
    });
}

#[test]
fn who_may_not_hold_a_lease_is_refused_with_the_reason() {
    let cases = [
        (
            "a node of another cluster",
            Attempt {
                client: theirs().task_manager("tm-1"),
                ..Attempt::good()
            },
            // Each side refuses the other; the side that connects is the first to see a certificate.
            "refuses this node",
            "refuse the JobManager",
        ),
        (
            "another node than the one that is meant",
            Attempt {
                whom: task_manager("tm-2"),
                ..Attempt::good()
            },
            "refuses this node",
            "refuse TaskManager `tm-2`",
        ),
        (
            "a JobManager",
            Attempt {
                client: ours().job_manager(),
                ..Attempt::good()
            },
            "refuse 127.0.0.1",
            "refuses this node",
        ),
        (
            "a certificate of the past",
            Attempt {
                server_now: NOW + 100 * 365 * DAY_MS,
                ..Attempt::good()
            },
            "refuse 127.0.0.1",
            "refuses this node",
        ),
    ];
    for (case, attempt, here, there) in cases {
        let (taken, held) = run(attempt.make());
        let (taken, held) = (taken.unwrap_err(), held.unwrap_err());
        assert!(taken.to_string().contains(here), "{case}: {taken}");
        assert!(held.to_string().contains(there), "{case}: {held}");
    }
}

#[test]
fn one_who_shows_no_certificate_is_told_to_join() {
    run(async {
        let mut listener = listener(&ours().job_manager(), NOW);
        let clock = Clock::manual(NOW);
        let cluster = ours().authority.cluster();
        let expected = Expected::JobManagerOf(cluster);
        let tls = tls::client_config(None, expected, vec![ALPN.to_vec()], &clock);
        let connector = TlsConnector::from(Arc::new(tls.unwrap()));
        let opening = open(&connector, listener.address, 7);
        let (refused, opened) = tokio::join!(listener.accept(), opening);
        let refused = refused.unwrap().unwrap_err().to_string();
        let told = opened.unwrap_err().reason;
        assert!(told.contains("join this cluster with a token"), "{told}");
        assert!(refused.ends_with(&told), "{refused}");
    });
}

#[test]
fn one_who_says_nothing_is_given_up_and_holds_up_nobody() {
    run(async {
        let clock = Clock::manual(NOW);
        let server = ours().job_manager();
        let mut listener = LeaseListener::bind(localhost(), &server, &clock).unwrap();
        let address = listener.local_addr();
        let _silent = TcpStream::connect(address).await.unwrap();
        let client = ours().task_manager("tm-1");
        let holding = hold(address, &client, Node::JobManager, 7, &clock);
        let (taken, held) = tokio::join!(listener.accept(), holding);
        assert!(taken.unwrap().is_ok() && held.is_ok());
        clock.advance(HANDSHAKE);
        let refused = listener.accept().await.unwrap();
        assert!(
            matches!(refused, Err(Refused::Silent { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn a_taken_address_and_one_without_anybody_are_named() {
    run(async {
        let (server, clock) = (ours().job_manager(), Clock::manual(NOW));
        let first = listener(&server, NOW);
        let address = first.local_addr();
        let second = LeaseListener::bind(address, &server, &clock);
        let error = second.unwrap_err().to_string();
        assert!(error.contains(&format!("TCP address {address}")), "{error}");
        // The socket is closed once its actor is gone, which no one can wait for; so one that never listened.
        let reserved = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        reserved.bind(&localhost().into()).unwrap();
        let nobody = reserved.local_addr().unwrap().as_socket().unwrap();
        let client = ours().task_manager("tm-1");
        let held = hold(nobody, &client, Node::JobManager, 7, &clock).await;
        let error = held.unwrap_err();
        assert!(matches!(error, ConnectError::Impossible { .. }), "{error}");
    });
}
