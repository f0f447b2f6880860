//! A local gateway keeps the promises of a remote one.

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::blob::{Blobs, NoBlobs};
use crate::fixture::{Add, Ask, Confuse, Hang, LONG, Memory, Panic, Say, id, run, services};

fn gateway(blobs: impl Blobs, clock: Clock) -> Gateway<Ask> {
    let caller = Node::TaskManager(id("tm-1"));
    Gateway::local(Node::JobManager, caller, services(blobs), clock)
}

#[test]
fn local_calls_end_as_remote_ones_do() {
    run(async {
        let gateway = gateway(NoBlobs, Clock::system());
        assert_eq!(gateway.call(Add(1, 2), LONG).await, Ok(3));
        let refused = gateway.call(Say("not today".to_owned()), LONG).await;
        let late = gateway.call(Hang, Duration::from_millis(20)).await;
        let panicked = gateway.call(Panic, LONG).await;
        let confused = gateway.call(Confuse, LONG).await.map(|_| ());
        for (done, expected) in [
            (refused, "call `Say` of the JobManager: not today"),
            (late, "call `Hang` of the JobManager: no answer within 20ms"),
            (
                panicked,
                "call `Panic` of the JobManager: it failed inside: no such thing",
            ),
            (
                confused,
                "call `Confuse` of the JobManager: the answer is that of another call",
            ),
        ] {
            assert_eq!(done.unwrap_err().to_string(), expected);
        }
    });
}

#[test]
fn closing_a_local_gateway_ends_its_calls() {
    run(async {
        let gateway = gateway(NoBlobs, Clock::system());
        let other = gateway.clone();
        let closing = async {
            tokio::task::yield_now().await;
            other.close(CloseCode::Done, "over");
        };
        let (called, ()) = tokio::join!(gateway.call(Hang, LONG), closing);
        let reason = CLOSED_HERE.to_owned();
        assert_eq!(
            called.unwrap_err().kind,
            CallErrorKind::Disconnected { reason }
        );
        assert_eq!(gateway.closed().await, CLOSED_HERE);
    });
}

#[test]
fn local_blobs_are_read_without_a_connection() {
    run(async {
        let mut memory = Memory::default();
        memory.0.insert(Digest([1; 32]), (3, vec![1, 2, 3]));
        memory.0.insert(Digest([2; 32]), (4, vec![1, 2, 3]));
        let gateway = gateway(memory, Clock::system());
        for (digest, expected) in [
            (1, Ok(3)),
            (2, Err("the blob ended 1 bytes before its length of 4")),
        ] {
            let mut blob = gateway.open_blob(Digest([digest; 32]), LONG).await.unwrap();
            let mut read = Vec::new();
            let done = blob.read_to_end(&mut read).await;
            assert_eq!(
                done.map_err(|error| error.to_string()),
                expected.map_err(str::to_owned)
            );
        }
        let missing = gateway.open_blob(Digest([3; 32]), LONG).await.unwrap_err();
        assert!(matches!(missing.kind, CallErrorKind::Refused(_)));
    });
}
