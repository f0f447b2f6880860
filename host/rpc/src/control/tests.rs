//! Control connections: the handshake, and who is refused.

use wasmill_actor::Rng;

use super::*;
use crate::blob::NoBlobs;
use crate::fixture::{Add, Ask, Cluster, LONG, pair, run, services};

/// What a TaskManager says, and what both sides make of it.
async fn say(bytes: Vec<u8>) -> (String, String) {
    let mut cluster = Cluster::start();
    let client = cluster.client(cluster.task_manager("tm-1"));
    let (accepted, connected) = cluster.links(&client).await;
    let clock = cluster.clock.clone();
    let accepting = accept(accepted, &clock, |_: &Peer<Ask>| services(NoBlobs));
    let speaking = async {
        let (mut send, _receive) = connected.connection.open_bi().await.unwrap();
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        Closing::of(&connected.connection.closed().await).reason
    };
    let (accepted, heard) = tokio::join!(accepting, speaking);
    (accepted.unwrap_err().to_string(), heard)
}

/// What a JobManager answers, and what both sides make of it.
async fn answer(hello: Hello) -> (String, String) {
    let mut cluster = Cluster::start();
    let client = cluster.client(cluster.task_manager("tm-1"));
    let options = heartbeat::Options::default();
    let (address, clock) = (cluster.address(), cluster.clock.clone());
    let connecting = connect(&client, address, &options, &clock, |_: &Peer<Ask>| {
        services(NoBlobs)
    });
    let answering = async {
        let link = cluster.listener.accept().await.unwrap().unwrap();
        let (mut send, _receive) = link.connection.accept_bi().await.unwrap();
        send.write_all(&hello.encode()).await.unwrap();
        send.finish().unwrap();
        Closing::of(&link.connection.closed().await).reason
    };
    let (connected, heard) = tokio::join!(connecting, answering);
    (connected.unwrap_err().to_string(), heard)
}

fn hello(version: u32, node: &str) -> Hello {
    Hello {
        version,
        software: "9.9.9".to_owned(),
        node: node.to_owned(),
    }
}

#[test]
fn a_hello_that_does_not_fit_is_explained_on_both_sides() {
    let me = "wasmill://taskmanager/tm-1";
    let versions = "versions differ: one side has Wasmill 0.1.0 with messages of version 1, \
                    the other Wasmill 9.9.9 with version 7";
    for (bytes, expected) in [
        (hello(7, me).encode(), versions),
        (
            hello(1, "wasmill://taskmanager/tm-2").encode(),
            "a node calls itself `wasmill://taskmanager/tm-2`, and its certificate does not",
        ),
        (hello(1, "").encode(), "a node calls itself ``"),
        (
            b"GET / HTTP/1.1\r\n".to_vec(),
            "is not the hello of a node of Wasmill",
        ),
        (vec![0; 10_000], "is not the hello of a node of Wasmill"),
    ] {
        let (here, there) = run(say(bytes));
        assert!(
            here.starts_with("speak with TaskManager `tm-1` at 127.0.0.1:"),
            "{here}"
        );
        assert!(here.contains(expected), "{here}");
        assert!(there.contains(expected), "{there}");
    }
    for (hello, expected) in [
        (hello(7, "wasmill://jobmanager"), versions),
        (
            hello(1, me),
            "a node calls itself `wasmill://taskmanager/tm-1`",
        ),
    ] {
        let (here, there) = run(answer(hello));
        assert!(
            here.starts_with("speak with the JobManager at 127.0.0.1:"),
            "{here}"
        );
        assert!(here.contains(expected), "{here}");
        assert!(there.contains(expected), "{there}");
    }
}

#[test]
fn a_process_that_goes_is_known_from_its_connection() {
    run(async {
        let pair = pair(NoBlobs).await;
        assert_eq!(pair.task_manager.call(Add(1, 1), LONG).await, Ok(2));
        pair.job_manager.close(CloseCode::Lost, "no heartbeat");
        let closing = pair.task_manager.closed().await;
        assert_eq!(
            (closing.by, closing.reason.as_str()),
            (ClosedBy::Peer, "no heartbeat")
        );
    });
}

#[test]
fn a_process_that_hangs_is_noticed_by_its_silence() {
    let heartbeat =
        heartbeat::Options::new(Duration::from_millis(50), Duration::from_millis(300)).unwrap();
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::scope(|scope| {
        // The JobManager's runtime: it is not driven any more once the connection is there, as that of a
        // process that was stopped.
        let job_manager = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let hung = runtime.block_on(async {
                let mut cluster = Cluster::start();
                let identity = cluster.task_manager("tm-1");
                tell.send((cluster.address(), identity)).unwrap();
                let link = cluster.listener.accept().await.unwrap().unwrap();
                let clock = cluster.clock.clone();
                let peer = accept(link, &clock, |_: &Peer<Ask>| services(NoBlobs)).await;
                let peer = peer.unwrap();
                peer.call(Add(1, 1), LONG).await.unwrap();
                (cluster, peer)
            });
            stopped.recv_timeout(LONG).unwrap();
            runtime.block_on(async move { drop(hung) });
        });
        run(async {
            let clock = Clock::system();
            let (address, identity) = told.await.unwrap();
            let options = wasmill_network::endpoint::Options::default();
            let client = Endpoint::client(Some(identity), options, &clock).unwrap();
            let connecting = connect(&client, address, &heartbeat, &clock, |_: &Peer<Ask>| {
                services(NoBlobs)
            });
            let peer = connecting.await.unwrap();
            let called = peer
                .call(crate::fixture::Hang, LONG)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                called.contains("nothing came from the other side for too long"),
                "{called}"
            );
            assert_eq!(peer.closed().await.by, ClosedBy::Silence);
        });
        stop.send(()).unwrap();
        job_manager.join().unwrap();
    });
}

#[test]
fn hellos_are_read_back_and_random_bytes_are_none() {
    let hello = hello(1, "wasmill://taskmanager/tm-1");
    let bytes = hello.encode();
    assert_eq!(Hello::decode(&bytes), Some(hello));
    for cut in 0..bytes.len() {
        assert_eq!(Hello::decode(&bytes[..cut]), None, "cut at {cut}");
    }
    let mut rng = Rng::seeded(17);
    for _ in 0..5_000 {
        let mut mutated = bytes.clone();
        let at = rng.below(bytes.len() as u64) as usize;
        mutated[at] = rng.next_u64() as u8;
        mutated.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        if let Some(read) = Hello::decode(&mutated) {
            assert_eq!(read.encode().len(), mutated.len());
        }
    }
}
