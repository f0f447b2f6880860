//! The other side of the control plane, wherever it is: over a connection, or in this process.
//!
//! JobManager and TaskExecutor call through a [`Gateway`] and do not know which it is; the embedded runner
//! hands them local ones. Invariant: both kinds keep the promises of a call: deadline, isolation of panics,
//! refusals; a local call just does not encode anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock};
use wasmill_network::endpoint::CloseCode;
use wasmill_network::identity::Node;
use wasmill_types::id::Digest;

use crate::blob::{self, Blob};
use crate::call::{
    CallError, CallErrorKind, Caller, MAX_DEADLINE, Message, Peer, Refusal, Request, serve,
};
use crate::control::Services;

/// Reaches one node; `M` is what it can be asked. Cheap to clone.
pub struct Gateway<M> {
    kind: Kind<M>,
}

enum Kind<M> {
    Remote(Peer<M>),
    Local(Arc<Local<M>>),
}

struct Local<M> {
    /// Who is called.
    node: Node,
    /// Who calls.
    caller: Node,
    services: Services<M>,
    clock: Clock,
    closed: CancelToken,
}

/// Why a closed local gateway is closed.
const CLOSED_HERE: &str = "this side has closed the connection";

impl<M: Message> Gateway<M> {
    /// Reaches `node` in this process; its handlers see the calls as those of `caller`.
    pub fn local(node: Node, caller: Node, services: Services<M>, clock: Clock) -> Self {
        let local = Arc::new(Local {
            node,
            caller,
            services,
            clock,
            closed: CancelToken::new(),
        });
        let kind = Kind::Local(local);
        Self { kind }
    }

    /// Who is called.
    pub fn node(&self) -> &Node {
        match &self.kind {
            Kind::Remote(peer) => peer.node(),
            Kind::Local(local) => &local.node,
        }
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
        match &self.kind {
            Kind::Remote(peer) => peer.call(request, deadline).await,
            Kind::Local(local) => {
                let done = local.call(request, deadline).await;
                done.map_err(|kind| kind.of::<R>(&local.node))
            }
        }
    }

    /// Opens a blob of the other side.
    ///
    /// # Errors
    /// As of a call.
    pub async fn open_blob(&self, digest: Digest, deadline: Duration) -> Result<Blob, CallError> {
        match &self.kind {
            Kind::Remote(peer) => peer.open_blob(digest, deadline).await,
            Kind::Local(local) => {
                let opened = local.open_blob(digest, deadline).await;
                opened.map_err(|kind| CallError {
                    peer: local.node.clone(),
                    call: blob::CALL_NAME,
                    kind,
                })
            }
        }
    }

    /// Waits until the connection has ended, and says why.
    pub async fn closed(&self) -> String {
        match &self.kind {
            Kind::Remote(peer) => peer.closed().await.reason,
            Kind::Local(local) => {
                local.closed.cancelled().await;
                CLOSED_HERE.to_owned()
            }
        }
    }

    /// Ends the connection: calls end, and the other side, if it is remote, sees the reason.
    pub fn close(&self, code: CloseCode, reason: &str) {
        match &self.kind {
            Kind::Remote(peer) => peer.close(code, reason),
            Kind::Local(local) => local.closed.cancel(),
        }
    }
}

impl<M: Message> Local<M> {
    async fn call<R: Request<Message = M>>(
        &self,
        request: R,
        deadline: Duration,
    ) -> Result<R::Reply, CallErrorKind> {
        let caller = Caller {
            node: self.caller.clone(),
            deadline: deadline.min(MAX_DEADLINE),
        };
        let handler = &self.services.handler;
        let handling = serve::handle(handler, request.into(), caller, &self.clock);
        let answer = self.unless_closed(handling).await?;
        let reply = answer.into_reply::<R>();
        reply.ok_or_else(|| CallErrorKind::Malformed("the answer is that of another call".into()))
    }

    async fn open_blob(&self, digest: Digest, deadline: Duration) -> Result<Blob, CallErrorKind> {
        let open = async {
            let opened = self.services.blobs.open(digest);
            let opened = self.clock.timeout(deadline, opened).await;
            let opened = opened.map_err(|_| CallErrorKind::Timeout(deadline))?;
            opened.map_err(|Refusal(reason)| CallErrorKind::Refused(reason))
        };
        self.unless_closed(open).await
    }

    async fn unless_closed<T>(
        &self,
        work: impl Future<Output = Result<T, CallErrorKind>>,
    ) -> Result<T, CallErrorKind> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => {
                let reason = CLOSED_HERE.to_owned();
                Err(CallErrorKind::Disconnected { reason })
            }
            done = work => done,
        }
    }
}

impl<M> From<Peer<M>> for Gateway<M> {
    fn from(peer: Peer<M>) -> Self {
        let kind = Kind::Remote(peer);
        Self { kind }
    }
}

impl<M> Clone for Gateway<M> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            Kind::Remote(peer) => Kind::Remote(peer.clone()),
            Kind::Local(local) => Kind::Local(Arc::clone(local)),
        };
        Self { kind }
    }
}

impl<M> fmt::Debug for Gateway<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Remote(peer) => write!(f, "Gateway({peer:?})"),
            Kind::Local(local) => write!(f, "Gateway({}, local)", local.node),
        }
    }
}

#[cfg(test)]
mod tests;
