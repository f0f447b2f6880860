//! Calls: a typed request, a deadline, and a typed answer or one of a few errors.
//!
//! A request is a struct that goes into the enum of all that its receiver understands ([`Request`]); the
//! receiver handles the enum ([`Handler`]) and answers with [`Request::answer`]. [`Peer`] makes calls over a
//! connection, one stream each; `serve` takes them there. Invariants: a call ends by its deadline; a
//! handler's panic fails its own call only; the bytes of a request or answer are bounded ([`MAX_BYTES`]).

pub(crate) mod frame;
mod peer;
pub(crate) mod serve;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use wasmill_network::identity::Node;

pub use frame::MAX_BYTES;
pub use peer::Peer;

/// The longest deadline: longer ones are cut to it.
pub const MAX_DEADLINE: Duration = Duration::from_secs(3_600);

/// A call: what is asked, of whom, and what comes back.
pub trait Request: Into<Self::Message> + Send + Sized + 'static {
    /// Everything that the receiver can be asked.
    type Message: Message;
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The call's name, for errors and logs.
    const NAME: &'static str;

    /// Makes the answer to this call.
    fn answer(reply: Self::Reply) -> Answer {
        Answer(Box::new(reply))
    }
}

/// All that one side of a connection can be asked, as one enum.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {}

impl<M: Serialize + DeserializeOwned + Send + 'static> Message for M {}

/// The answer to a call; encoded only if it has to leave the process.
pub struct Answer(Box<dyn AnyReply>);

trait AnyReply: Send {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Serialize + Send + 'static> AnyReply for T {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A call that was understood and is not done; the text tells people why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// Refuses because of an error, with all of its causes.
    pub fn because(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }
}

/// Who makes a call, as its handler sees it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The node, as its certificate names it.
    pub node: Node,
    /// How long it waits for the answer from now on; then the handler is stopped.
    pub deadline: Duration,
}

/// The work on one call.
pub type Handling = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>;

/// Handles the calls of a peer.
pub trait Handler<M>: Send + Sync + 'static {
    /// Handles one call. Calls of one peer are handled at the same time, in no order. The work is stopped
    /// at its next await when the caller does not wait any more; what must not be half done is a message
    /// to an actor.
    fn handle(&self, message: M, caller: Caller) -> Handling;
}

/// A call that has no answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("call `{call}` of {peer}: {kind}")]
pub struct CallError {
    /// Who was called.
    pub peer: Node,
    /// The call's name.
    pub call: &'static str,
    /// What happened.
    pub kind: CallErrorKind,
}

/// What became of a call that has no answer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CallErrorKind {
    /// There was none in time. It may have been done.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection ended. It may have been done.
    #[error("the connection ended: {reason}")]
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The other side did not do it.
    #[error("{0}")]
    Refused(String),
    /// One side did not understand the other, or what was to be said is too large.
    #[error("{0}")]
    Malformed(String),
}

impl CallErrorKind {
    pub(crate) fn of<R: Request>(self, peer: &Node) -> CallError {
        CallError {
            peer: peer.clone(),
            call: R::NAME,
            kind: self,
        }
    }
}

impl Answer {
    /// The answer in its type; none when it is that of another call.
    pub(crate) fn into_reply<R: Request>(self) -> Option<R::Reply> {
        let reply = self.0.into_any().downcast::<R::Reply>();
        reply.ok().map(|reply| *reply)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

#[cfg(test)]
mod tests;
