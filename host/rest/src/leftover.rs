//! What a client still sends when its request has been refused.
//!
//! The router lends each request's body to its handler and, when the request is refused, reads what the
//! handler left. A client that sends first and reads later then finds the answer, where a connection that
//! is closed on unread bytes would be reset, answer and all. Invariant: what is read for nothing is
//! bounded in bytes and in time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use wasmill_actor::{ActorKind, Clock, actors};

/// How long a refused client may send nothing until the connection is closed on it.
const SILENCE: Duration = Duration::from_secs(5);

/// How long a refused client may go on sending.
const LONGEST: Duration = Duration::from_secs(30);

/// Holds a lent body once its reader has dropped it before its end.
#[derive(Clone, Default)]
pub(crate) struct Leftover(Arc<Mutex<Option<Body>>>);

impl Leftover {
    /// Lends the body of a request to whoever reads it; what is not read comes back.
    pub(crate) fn lend(request: Request) -> (Request, Self) {
        // Such a client waits for leave to send, and a refusal is none.
        let waits = request.headers().contains_key(header::EXPECT);
        let leftover = Self::default();
        if waits || request.body().is_end_stream() {
            return (request, leftover);
        }
        let back = leftover.clone();
        let request = request.map(|body| Body::new(Lent { body, back }));
        (request, leftover)
    }

    /// Reads on while the answer is on its way, at most this many bytes.
    pub(crate) fn read(self, most: u64, clock: &Clock) {
        let Some(body) = self.body().take() else {
            return;
        };
        let clock = clock.clone();
        // Its end closes the connection or frees it for the next request; nobody else waits for that.
        drop(actors::spawn(
            ActorKind::Connection,
            "refused body",
            async move {
                let reading = read(body, most, &clock);
                let read = clock.timeout(LONGEST, reading).await.unwrap_or_default();
                tracing::debug!(bytes = read, "read of a refused request");
            },
        ));
    }

    fn body(&self) -> MutexGuard<'_, Option<Body>> {
        // Nothing can panic under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads until the end, too many bytes, or silence; the number of bytes.
async fn read(mut body: Body, most: u64, clock: &Clock) -> u64 {
    let mut count = 0;
    while count < most {
        let Ok(Some(Ok(frame))) = clock.timeout(SILENCE, body.frame()).await else {
            break;
        };
        count += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    count
}

/// A body that goes back when it is dropped before its end.
struct Lent {
    body: Body,
    back: Leftover,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // One that has ended gives nothing more, and reading it is over at once.
        *self.back.body() = Some(std::mem::take(&mut self.body));
    }
}
