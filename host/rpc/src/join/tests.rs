//! Joining a cluster: with the right token, and with every wrong one.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use wasmill_actor::{Clock, Rng};
use wasmill_network::endpoint;
use wasmill_network::identity::{Authority, Identity, JoinToken, Node};

use super::limiter::{Limiter, MAX_FAILED, WINDOW};
use super::*;
use crate::call::frame::decode;
use crate::fixture::{Cluster, id, run};

const HOUR: Duration = Duration::from_secs(3_600);
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

fn ask(cluster: &Cluster, token: Option<JoinToken>, data_dir: &Path) -> Join {
    Join {
        job_manager: cluster.address(),
        token,
        id: id("tm-1"),
        data_dir: data_dir.to_owned(),
        endpoint: endpoint::Options::default(),
    }
}

/// Lets one node try to join; answers what both sides make of it.
async fn attempt(
    cluster: &mut Cluster,
    desk: &Desk,
    join: &Join,
) -> (Result<Identity, JoinError>, Result<Admitted, JoinRefused>) {
    let clock = cluster.clock.clone();
    let serving = async {
        let link = cluster.listener.accept().await.unwrap().unwrap();
        assert_eq!(link.protocol, protocol().name);
        desk.serve(link).await
    };
    tokio::join!(identity(join, &clock), serving)
}

fn desk(cluster: &Cluster) -> Desk {
    Desk::new(Arc::clone(&cluster.authority), cluster.clock.clone())
}

#[test]
fn a_node_joins_once_and_keeps_its_identity() {
    run(async {
        let mut cluster = Cluster::start();
        let data = tempfile::tempdir().unwrap();
        let clock = cluster.clock.clone();
        let token = cluster.authority.tokens().issue(clock.now_ms(), HOUR);
        let join = ask(&cluster, Some(token), data.path());
        let desk = desk(&cluster);
        let (joined, admitted) = attempt(&mut cluster, &desk, &join).await;
        let joined = joined.unwrap();
        assert_eq!(joined.node(), &Node::TaskManager(id("tm-1")));
        assert_eq!(joined.cluster(), cluster.authority.cluster());
        assert_eq!(admitted.unwrap().id, id("tm-1"));
        // From now on without the JobManager, with and without the token.
        cluster.endpoint.close("gone").await;
        for token in [join.token.clone(), None] {
            let again = Join {
                token,
                ..join.clone()
            };
            assert_eq!(
                identity(&again, &clock).await.unwrap().node(),
                joined.node()
            );
        }
        // Another name needs another certificate.
        let renamed = Join {
            id: id("tm-2"),
            token: None,
            ..join.clone()
        };
        let error = identity(&renamed, &clock).await.unwrap_err().to_string();
        let expected =
            "this node has to join the cluster (its certificate is that of TaskManager `tm-1`)";
        assert!(error.starts_with(expected), "{error}");
        // A year later it has to join again, and eight months later it only should.
        for (years, is_good) in [(0.7, true), (1.1, false)] {
            let later = Clock::manual(clock.now_ms() + (YEAR_MS as f64 * years) as i64);
            let without = Join {
                token: None,
                ..join.clone()
            };
            assert_eq!(identity(&without, &later).await.is_ok(), is_good, "{years}");
        }
    });
}

#[test]
fn a_token_that_is_not_good_is_refused_on_both_sides() {
    run(async {
        let mut cluster = Cluster::start();
        let other = tempfile::tempdir().unwrap();
        let clock = cluster.clock.clone();
        let other = Authority::open(other.path(), clock.now_ms()).unwrap();
        let desk = desk(&cluster);
        let good = cluster.authority.tokens().issue(clock.now_ms(), HOUR);
        // The JobManager's own check: its clock is ahead of that of the node.
        let data = tempfile::tempdir().unwrap();
        let hasty = Desk::new(
            Arc::clone(&cluster.authority),
            Clock::manual(clock.now_ms() + 2 * 3_600_000),
        );
        let join = ask(&cluster, Some(good.clone()), data.path());
        let (joined, served) = attempt(&mut cluster, &hasty, &join).await;
        let (here, there) = (
            joined.unwrap_err().to_string(),
            served.unwrap_err().to_string(),
        );
        assert!(
            here.contains("does not let this node join: this join token expired at"),
            "{here}"
        );
        assert!(
            there.contains("join: this join token expired at"),
            "{there}"
        );
        // A token with another tag.
        let text = good.reveal();
        let forged = format!(
            "{}{}",
            &text[..text.len() - 1],
            if text.ends_with('A') { 'B' } else { 'A' }
        );
        let join = ask(&cluster, Some(forged.parse().unwrap()), data.path());
        let (joined, served) = attempt(&mut cluster, &desk, &join).await;
        let (here, there) = (
            joined.unwrap_err().to_string(),
            served.unwrap_err().to_string(),
        );
        assert!(here.contains("this join token was altered"), "{here}");
        assert!(there.contains("this join token was altered"), "{there}");
        // Refused before there is a connection: the node knows better.
        let expired = cluster
            .authority
            .tokens()
            .issue(clock.now_ms(), Duration::ZERO);
        let join = ask(&cluster, Some(expired), data.path());
        let error = identity(&join, &clock).await.unwrap_err().to_string();
        assert!(error.contains("this join token expired at"), "{error}");
        // A token of another cluster is refused in the handshake.
        let foreign = other.tokens().issue(clock.now_ms(), HOUR);
        let join = ask(&cluster, Some(foreign), data.path());
        let (joined, listened) = tokio::join!(identity(&join, &clock), cluster.listener.accept());
        let here = joined.unwrap_err().to_string();
        let there = listened
            .unwrap()
            .map(|link| link.peer)
            .unwrap_err()
            .to_string();
        assert!(
            here.contains("is not from the authority of cluster"),
            "{here}"
        );
        assert!(
            there.contains("is not from the authority of cluster"),
            "{there}"
        );
        // Nothing was kept.
        let join = ask(&cluster, None, data.path());
        let error = identity(&join, &clock).await.unwrap_err().to_string();
        assert!(error.contains("(it never has); give it a token"), "{error}");
    });
}

#[test]
fn a_node_that_fails_too_often_has_to_wait() {
    run(async {
        let mut cluster = Cluster::start();
        let data = tempfile::tempdir().unwrap();
        let start_ms = cluster.clock.now_ms();
        let clock = Clock::manual(start_ms);
        let desk = Desk::new(Arc::clone(&cluster.authority), clock.clone());
        let good = cluster.authority.tokens().issue(start_ms, HOUR);
        let mut text = good.reveal();
        text.truncate(text.len() - 4);
        let forged: JoinToken = format!("{text}AAAA").parse().unwrap();
        let forged = ask(&cluster, Some(forged), data.path());
        for _ in 0..MAX_FAILED {
            let (joined, _) = attempt(&mut cluster, &desk, &forged).await;
            assert!(joined.unwrap_err().to_string().contains("was altered"));
        }
        let good = ask(&cluster, Some(good), data.path());
        let (joined, served) = attempt(&mut cluster, &desk, &good).await;
        for text in [
            joined.unwrap_err().to_string(),
            served.unwrap_err().to_string(),
        ] {
            let expected = "too many attempts to join failed within 60s; try again in 61 s";
            assert!(text.contains(expected), "{text}");
        }
        clock.advance(WINDOW);
        let (joined, _) = attempt(&mut cluster, &desk, &good).await;
        joined.unwrap();
    });
}

#[test]
fn failures_are_counted_by_address_in_a_bounded_table() {
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from(number));
    let mut limiter = Limiter::default();
    for _ in 0..MAX_FAILED {
        assert_eq!(limiter.check(address(1), Duration::ZERO), Ok(()));
        limiter.failed(address(1), Duration::ZERO);
    }
    let second = Duration::from_secs(1);
    assert_eq!(limiter.check(address(1), second), Err(WINDOW - second));
    assert_eq!(limiter.check(address(2), second), Ok(()));
    for number in 0..5_000 {
        limiter.failed(address(number), second);
    }
    assert_eq!(
        limiter.check(address(9_999), second),
        Err(WINDOW),
        "the table is full"
    );
    assert_eq!(
        limiter.check(address(2), second),
        Ok(()),
        "it has failed once"
    );
    assert_eq!(limiter.check(address(9_999), second + WINDOW), Ok(()));
}

#[test]
fn random_requests_to_join_are_none() {
    let request = Request {
        token: "wmj1_x".to_owned(),
        id: id("tm-1"),
        public_key: vec![7; 32],
    };
    let bytes = postcard::to_allocvec(&request).unwrap();
    let read: Request = decode("request", &bytes).unwrap();
    assert_eq!(read.id, request.id);
    let mut rng = Rng::seeded(19);
    for _ in 0..5_000 {
        let mut mutated = bytes.clone();
        let at = rng.below(bytes.len() as u64) as usize;
        mutated[at] = rng.next_u64() as u8;
        mutated.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        let _either = decode::<Request>("request", &mutated);
        let _either = decode::<Answer>("answer", &mutated);
    }
}
