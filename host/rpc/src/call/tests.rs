//! Calls over real connections: answers, deadlines, refusals, panics, and what is no call.

use tokio::io::AsyncReadExt as _;
use wasmill_actor::Rng;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_types::id::Digest;

use super::frame::{self, Status};
use super::*;
use crate::blob::NoBlobs;
use crate::fixture::{Add, Ask, Confuse, Hang, LONG, Memory, Panic, Say, pair, run};
use crate::protocol::{ToJobManager, ToTaskManager};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn both_sides_call_and_each_call_has_its_own_end() {
    run(async {
        let pair = pair(NoBlobs).await;
        for (peer, name) in [
            (&pair.job_manager, "the JobManager"),
            (&pair.task_manager, "TaskManager `tm-1`"),
        ] {
            assert_eq!(peer.call(Add(1, 2), LONG).await, Ok(3));
            let refused = peer.call(Say("not today".to_owned()), LONG).await;
            let late = peer.call(Hang, SHORT).await;
            let panicked = peer.call(Panic, LONG).await;
            let confused = peer.call(Confuse, LONG).await.map(|_| ());
            for (done, expected) in [
                (refused, "call `Say` of NAME: not today"),
                (late, "call `Hang` of NAME: no answer within 100ms"),
                (
                    panicked,
                    "call `Panic` of NAME: it failed inside: no such thing",
                ),
                (confused, "call `Confuse` of NAME: decode the answer"),
            ] {
                let error = done.unwrap_err().to_string();
                let expected = expected.replace("NAME", name);
                assert!(error.starts_with(&expected), "{error}");
            }
            assert_eq!(peer.call(Add(3, 4), LONG).await, Ok(7));
        }
    });
}

#[test]
fn many_calls_at_once_are_all_answered() {
    run(async {
        let pair = pair(NoBlobs).await;
        let mut callers: Vec<_> = (0..500)
            .map(|number| {
                let peer = pair.job_manager.clone();
                actors::spawn(ActorKind::Errand, "caller", async move {
                    for again in 0..4 {
                        assert_eq!(
                            peer.call(Add(number, again), LONG).await,
                            Ok(number + again)
                        );
                    }
                })
            })
            .collect();
        for caller in &mut callers {
            caller.join().await.unwrap();
        }
    });
}

#[test]
fn calls_beyond_the_limit_wait_for_room() {
    run(async {
        let pair = pair(NoBlobs).await;
        let hanging: Vec<_> = (0..serve::MAX_CALLS)
            .map(|_| {
                let peer = pair.job_manager.clone();
                let call = async move { peer.call(Hang, Duration::from_secs(1)).await };
                actors::spawn(ActorKind::Errand, "caller", call)
            })
            .collect();
        // They have all begun once this one finds no room; the first may be done before.
        let kept_out = async {
            loop {
                let done = pair.job_manager.call(Add(1, 1), SHORT).await;
                if let Err(error) = done {
                    return error.kind;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(kept_out.await, CallErrorKind::Timeout(SHORT));
        for mut call in hanging {
            let kind = call.join().await.unwrap().unwrap_err().kind;
            assert!(
                matches!(kind, CallErrorKind::Timeout(_) | CallErrorKind::Refused(_)),
                "{kind:?}"
            );
        }
        assert_eq!(pair.job_manager.call(Add(1, 1), LONG).await, Ok(2));
    });
}

#[test]
fn the_end_of_the_connection_ends_its_calls_with_its_reason() {
    run(async {
        let pair = pair(NoBlobs).await;
        let closing = async {
            tokio::task::yield_now().await;
            pair.cluster
                .endpoint
                .close("the JobManager is stopping")
                .await;
        };
        let (called, ()) = tokio::join!(pair.job_manager.call(Hang, LONG), closing);
        let reason = "the JobManager is stopping".to_owned();
        let expected = CallErrorKind::Disconnected { reason };
        assert_eq!(called.unwrap_err().kind, expected);
        let after = pair.job_manager.call(Add(1, 1), LONG).await.unwrap_err();
        assert_eq!(after.kind, expected);
        assert_eq!(
            pair.job_manager.closed().await.reason,
            "the JobManager is stopping"
        );
        let here = pair
            .task_manager
            .call(Add(1, 1), LONG)
            .await
            .unwrap_err()
            .to_string();
        let expected = "call `Add` of TaskManager `tm-1`: the connection ended: \
                        this side has closed the connection";
        assert_eq!(here, expected);
        pair.client.close("").await;
    });
}

#[test]
fn a_request_that_is_too_large_does_not_leave() {
    run(async {
        let pair = pair(NoBlobs).await;
        let fits = pair.job_manager.call(Say("x".repeat(1 << 20)), LONG).await;
        let CallErrorKind::Refused(text) = fits.unwrap_err().kind else {
            panic!("it fits");
        };
        assert_eq!(text.len(), 16 << 10, "reasons are cut");
        let large = pair
            .job_manager
            .call(Say("x".repeat(MAX_BYTES)), LONG)
            .await;
        let expected = "call `Say` of the JobManager: the request has 67108869 bytes, \
                        over the limit of 67108864";
        assert_eq!(large.unwrap_err().to_string(), expected);
    });
}

#[test]
fn bytes_that_are_no_call_fail_that_call_only() {
    run(async {
        let mut cluster = crate::fixture::Cluster::start();
        let client = cluster.client(cluster.task_manager("tm-1"));
        let (accepted, connected) = cluster.links(&client).await;
        let services = crate::fixture::services(NoBlobs);
        let clock = cluster.clock.clone();
        let node = accepted.peer.unwrap();
        let serving = serve::serve::<Ask>(accepted.connection, node, services, clock);
        let _server = actors::spawn(ActorKind::Connection, "test", serving);
        let exchange = async |bytes: &[u8]| {
            let (mut send, mut receive) = connected.connection.open_bi().await.unwrap();
            let _may_be_stopped = send.write_all(bytes).await;
            let _closed = send.finish();
            frame::reply::<u32>(&mut receive).await
        };
        let good = frame::request(&Ask::from(Add(1, 2)), LONG).unwrap();
        let mut long = good.clone();
        long.insert(9, 0);
        long[8] += 1;
        let mut huge = good.clone();
        huge[5] = 255;
        for (bytes, expected) in [
            (&good[..], None),
            (b"", Some("stopped in the middle")),
            (b"\x09", Some("there is no kind of call 9")),
            (&good[..good.len() - 1], Some("stopped in the middle")),
            (&long, Some("bytes follow the request")),
            (
                &huge,
                Some("the request has 4278190083 bytes, over the limit of 67108864"),
            ),
        ] {
            match (exchange(bytes).await, expected) {
                (Ok(3), None) => {}
                (Err(CallErrorKind::Malformed(text)), Some(expected)) => {
                    assert!(text.contains(expected), "{text}");
                }
                (done, expected) => panic!("{done:?} instead of {expected:?}"),
            }
        }
        let mut rng = Rng::seeded(11);
        for _ in 0..500 {
            let mut bytes = good.clone();
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
            // Not the deadline: a mutation may only make it long.
            bytes[1..5].copy_from_slice(&1_000_u32.to_be_bytes());
            bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
            let _any_end = exchange(&bytes).await;
        }
        assert_eq!(exchange(&good).await, Ok(3));
    });
}

#[test]
fn random_bytes_decode_to_a_message_or_an_error() {
    let mut rng = Rng::seeded(13);
    for _ in 0..20_000 {
        let length = rng.below(200) as usize;
        let bytes: Vec<_> = (0..length).map(|_| rng.next_u64() as u8).collect();
        let _either = frame::decode::<ToJobManager>("request", &bytes);
        let _either = frame::decode::<ToTaskManager>("request", &bytes);
    }
    for byte in 0..=255 {
        assert_eq!(Status::from_byte(byte).is_ok(), byte < 3);
    }
}

#[test]
fn blobs_are_read_whole_or_not_at_all() {
    let bytes: Vec<_> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let mut memory = Memory::default();
    let [whole, short, long, empty, missing] = [1, 2, 3, 4, 5].map(|byte| Digest([byte; 32]));
    memory.0.insert(whole, (3_000_000, bytes.clone()));
    memory.0.insert(short, (3_000_001, bytes.clone()));
    memory.0.insert(long, (1_000_000, bytes.clone()));
    memory.0.insert(empty, (0, Vec::new()));
    run(async {
        let pair = pair(memory).await;
        for (digest, expected) in [
            (whole, Some(3_000_000)),
            (long, Some(1_000_000)),
            (empty, Some(0)),
            (short, None),
        ] {
            let mut blob = pair.job_manager.open_blob(digest, LONG).await.unwrap();
            let mut read = Vec::new();
            let done = blob.read_to_end(&mut read).await;
            match expected {
                Some(length) => {
                    assert_eq!((done.unwrap(), blob.length()), (length, length as u64));
                    assert_eq!(read, bytes[..length]);
                }
                None => assert!(done.is_err(), "a blob that is cut off is an error"),
            }
        }
        let error = pair.job_manager.open_blob(missing, LONG).await.unwrap_err();
        let expected = format!("call `open blob` of the JobManager: no blob {missing}");
        assert_eq!(error.to_string(), expected);
        let error = pair.task_manager.open_blob(whole, LONG).await.unwrap_err();
        assert!(matches!(error.kind, CallErrorKind::Refused(_)), "{error}");
    });
}
