//! The calling side of a connection.
//!
//! Invariant: a call that has no more room on the connection waits for it within its own deadline.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_network::endpoint::{CloseCode, Closing, Connection, WriteError, close};
use wasmill_network::identity::Node;
use wasmill_types::id::Digest;

use super::frame::{self, disconnected};
use super::{CallError, CallErrorKind, Message, Request};
use crate::blob::{self, Blob};

/// The other side of a control connection; `M` is what it can be asked. Cheap to clone.
pub struct Peer<M> {
    inner: Arc<Inner>,
    asks: PhantomData<fn(M)>,
}

struct Inner {
    node: Node,
    connection: Connection,
    clock: Clock,
}

impl<M: Message> Peer<M> {
    pub(crate) fn new(node: Node, connection: Connection, clock: Clock) -> Self {
        let inner = Arc::new(Inner {
            node,
            connection,
            clock,
        });
        Self {
            inner,
            asks: PhantomData,
        }
    }

    /// Who is there.
    pub fn node(&self) -> &Node {
        &self.inner.node
    }

    /// Makes a call.
    ///
    /// # Errors
    /// When there is no answer in time, the connection ends, or the other side refuses.
    pub async fn call<R: Request<Message = M>>(
        &self,
        request: R,
        deadline: Duration,
    ) -> Result<R::Reply, CallError> {
        let exchange = self.exchange::<R>(request.into(), deadline);
        let done = self.inner.clock.timeout(deadline, exchange).await;
        let done = done.unwrap_or(Err(CallErrorKind::Timeout(deadline)));
        done.map_err(|kind| kind.of::<R>(self.node()))
    }

    async fn exchange<R: Request<Message = M>>(
        &self,
        message: M,
        deadline: Duration,
    ) -> Result<R::Reply, CallErrorKind> {
        let bytes = frame::request(&message, deadline)?;
        drop(message);
        let mut answer = self.send(&bytes).await?;
        frame::reply(&mut answer).await
    }

    /// Opens a blob of the other side, to be read within whatever time it takes; each read has a timeout.
    ///
    /// # Errors
    /// As of a call.
    pub async fn open_blob(&self, digest: Digest, deadline: Duration) -> Result<Blob, CallError> {
        let open = async {
            let mut answer = self.send(&frame::blob_request(&digest)).await?;
            let length = frame::blob_length(&mut answer).await?;
            Ok(blob::from_peer(length, answer, &self.inner.clock))
        };
        let opened = self.inner.clock.timeout(deadline, open).await;
        let opened = opened.unwrap_or(Err(CallErrorKind::Timeout(deadline)));
        opened.map_err(|kind| CallError {
            peer: self.node().clone(),
            call: blob::CALL_NAME,
            kind,
        })
    }

    /// Opens a stream, sends a request, and answers where its answer comes.
    async fn send(
        &self,
        bytes: &[u8],
    ) -> Result<wasmill_network::endpoint::RecvStream, CallErrorKind> {
        let opened = self.inner.connection.open_bi().await;
        let (mut request, answer) = opened.map_err(|error| disconnected(&error))?;
        match request.write_all(bytes).await {
            Ok(()) => {
                let _closed = request.finish();
            }
            // It will not read the rest; its answer says why.
            Err(WriteError::Stopped(_)) => {}
            Err(WriteError::ConnectionLost(error)) => return Err(disconnected(&error)),
            Err(error) => return Err(frame::malformed(error.to_string())),
        }
        Ok(answer)
    }

    /// Waits until the connection has ended, however it does, and says why.
    pub async fn closed(&self) -> Closing {
        Closing::of(&self.inner.connection.closed().await)
    }

    /// Ends the connection; the other side sees the reason.
    pub fn close(&self, code: CloseCode, reason: &str) {
        close(&self.inner.connection, code, reason);
    }
}

impl<M> Clone for Peer<M> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            asks: PhantomData,
        }
    }
}

impl<M> fmt::Debug for Peer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({})", self.inner.node)
    }
}
