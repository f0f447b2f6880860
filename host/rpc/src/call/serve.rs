//! The called side of a connection: takes streams, reads requests, runs handlers, writes answers.
//!
//! Invariants: at most [`MAX_CALLS`] calls of a peer are handled at a time, and their requests hold at most
//! [`MAX_REQUEST_BYTES`] of memory together; a handler is stopped at its call's deadline, and
//! at the end of the connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmill_actor::Clock;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_network::endpoint::{Connection, RecvStream, SendStream, VarInt};
use wasmill_network::identity::Node;
use wasmill_types::id::Digest;

use super::frame::{self, Head, Status};
use super::{Answer, CallErrorKind, Caller, Handler, MAX_BYTES, Message, Refusal};
use crate::blob;
use crate::control::Services;

/// The most calls of one peer at a time; further ones wait at the caller.
pub(crate) const MAX_CALLS: u32 = 256;
/// The most memory that the requests of one peer hold while they are read, in KiB.
const MAX_REQUEST_KIB: usize = 2 * (MAX_BYTES >> 10);
/// How long a peer may take from the opening of a stream to the request's length.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a peer may take to receive an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves the calls of one connection until it ends.
pub(crate) async fn serve<M: Message>(
    connection: Connection,
    caller: Node,
    services: Services<M>,
    clock: Clock,
) {
    let server = Arc::new(Server {
        caller,
        services,
        clock,
        memory: Semaphore::new(MAX_REQUEST_KIB),
    });
    // The transport's limit of streams is the limit of calls.
    while let Ok((answer, request)) = connection.accept_bi().await {
        let call = Arc::clone(&server).one(request, answer);
        let connection = connection.clone();
        let work = async move {
            // Nobody waits for an answer that cannot be sent.
            tokio::select! {
                biased;
                _ = connection.closed() => {}
                () = call => {}
            }
        };
        let _ends_by_its_deadline = actors::spawn(ActorKind::Errand, "call", work);
    }
}

struct Server<M> {
    caller: Node,
    services: Services<M>,
    clock: Clock,
    memory: Semaphore,
}

impl<M: Message> Server<M> {
    async fn one(self: Arc<Self>, mut request: RecvStream, mut answer: SendStream) {
        let head = frame::head(&mut request);
        let head = self.clock.timeout(HEAD_TIMEOUT, head).await;
        let head = head.unwrap_or(Err(CallErrorKind::Timeout(HEAD_TIMEOUT)));
        let done = match head {
            Ok(Head::Call(deadline, length)) => {
                let handling = self.call(&mut request, deadline, length);
                let handled = self.clock.timeout(deadline, handling).await;
                handled.unwrap_or(Err(CallErrorKind::Timeout(deadline)))
            }
            Ok(Head::Blob(digest)) => return self.blob(digest, answer).await,
            Err(kind) => Err(kind),
        };
        // What was not read of a request that was refused is not wanted.
        let _read_already = request.stop(VarInt::from_u32(0));
        let (status, body) = match done {
            Ok(bytes) => (Status::Done, bytes),
            Err(CallErrorKind::Malformed(text)) => {
                let caller = &self.caller;
                tracing::warn!(%caller, text, "malformed call");
                (Status::Malformed, text.into_bytes())
            }
            Err(other) => (Status::Refused, other.to_string().into_bytes()),
        };
        let write = frame::write_answer(&mut answer, status, &body);
        if let Ok(Ok(())) = self.clock.timeout(ANSWER_TIMEOUT, write).await {
            let _closed = answer.finish();
        }
    }

    /// Reads the message, handles it, and answers the encoded reply.
    async fn call(
        &self,
        request: &mut RecvStream,
        deadline: Duration,
        length: usize,
    ) -> Result<Vec<u8>, CallErrorKind> {
        let start = self.clock.monotonic();
        let message = {
            let kib = length.div_ceil(1 << 10) as u32;
            let _memory = self.memory.acquire_many(kib).await;
            let bytes = frame::body(request, length).await?;
            frame::decode("request", &bytes)?
        };
        let passed = self.clock.monotonic().saturating_sub(start);
        let caller = Caller {
            node: self.caller.clone(),
            deadline: deadline.saturating_sub(passed),
        };
        let handler = Arc::clone(&self.services.handler);
        let answer = handle(&handler, message, caller, &self.clock).await?;
        let bytes = answer.0.encode();
        let bytes =
            bytes.map_err(|error| frame::malformed(format!("encode the answer: {error}")))?;
        frame::fits("answer", bytes.len(), MAX_BYTES)?;
        Ok(bytes)
    }

    async fn blob(&self, digest: Digest, mut answer: SendStream) {
        let opened = self.services.blobs.open(digest);
        let opened = self.clock.timeout(HEAD_TIMEOUT, opened).await;
        let opened = opened.unwrap_or_else(|late| Err(Refusal(late.to_string())));
        match opened {
            Ok(blob) => blob::to_peer(blob, answer, &self.clock).await,
            Err(Refusal(reason)) => {
                let reason = reason.into_bytes();
                let write = frame::write_answer(&mut answer, Status::Refused, &reason);
                if let Ok(Ok(())) = self.clock.timeout(ANSWER_TIMEOUT, write).await {
                    let _closed = answer.finish();
                }
            }
        }
    }
}

/// Runs a handler on its own, so that its panic fails this call only, and stops it at the deadline.
pub(crate) async fn handle<M: Message>(
    handler: &Arc<dyn Handler<M>>,
    message: M,
    caller: Caller,
    clock: &Clock,
) -> Result<Answer, CallErrorKind> {
    let deadline = caller.deadline;
    let handler = Arc::clone(handler);
    let work = async move { handler.handle(message, caller).await };
    let mut errand = StopOnDrop(actors::spawn(ActorKind::Errand, "handler", work));
    match clock.timeout(deadline, errand.0.join()).await {
        Ok(Ok(done)) => done.map_err(|Refusal(reason)| CallErrorKind::Refused(reason)),
        Ok(Err(panicked)) => {
            let text = format!("it failed inside: {}", panicked.message);
            Err(CallErrorKind::Refused(text))
        }
        Err(_) => Err(CallErrorKind::Timeout(deadline)),
    }
}

/// Nobody waits for the work any more when this is dropped.
struct StopOnDrop<T>(actors::Actor<T>);

impl<T> Drop for StopOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
