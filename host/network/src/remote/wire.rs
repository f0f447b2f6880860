//! One connection, as the actors of its two or more streams share it.
//!
//! Invariant: whoever loses the connection can say which TaskManager it led to and why it ended, also
//! when this side closed it.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use quinn::{Connection, ConnectionError, VarInt};

use super::channel::PeerAddr;

/// Why a side closes a connection, as a number for the other side.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CloseCode {
    /// No channel needs it any more.
    Idle,
    /// The other side sent something that no honest peer sends.
    Violation,
    /// The TaskManager ends.
    Shutdown,
}

/// A consumer that does not want more of a stream.
pub(crate) const CONSUMER_GONE: VarInt = VarInt::from_u32(1);

/// The most bytes of the reason that the other side is told.
const MAX_REASON: usize = 512;

/// A connection and whom it leads to.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    pub(crate) peer: PeerAddr,
    own_reason: OnceLock<String>,
}

impl Wire {
    pub(crate) fn new(connection: Connection, peer: PeerAddr) -> Arc<Self> {
        Arc::new(Self {
            connection,
            peer,
            own_reason: OnceLock::new(),
        })
    }

    /// Closes the connection; both sides' tasks are told why. Later calls do nothing.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        if self.own_reason.set(reason.to_owned()).is_err() {
            return;
        }
        let mut length = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let bytes = &reason.as_bytes()[..length];
        self.connection.close(VarInt::from_u32(code as u32), bytes);
    }

    /// Closes the connection because of something that no honest peer sends; answers what to tell the
    /// task whose channel it was.
    pub(crate) fn violated(&self, what: impl Display) -> Arc<str> {
        let reason = format!("the peer broke the protocol: {what}");
        tracing::warn!(peer = %self.peer, reason, "data connection closed");
        self.close(CloseCode::Violation, &reason);
        self.lost(&ConnectionError::LocallyClosed)
    }

    /// What to tell the tasks whose channels were on this connection.
    pub(crate) fn lost(&self, error: &ConnectionError) -> Arc<str> {
        let own = match error {
            ConnectionError::LocallyClosed => self.own_reason.get().map(String::as_str),
            _ => None,
        };
        self.peer.lost(error, own)
    }
}
