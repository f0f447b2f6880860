//! The ends of connections: with which code and reason one is closed, and what its end means.
//!
//! Invariant: text from a peer is shortened and holds no control characters before anyone sees it.

use quinn::{Connection, ConnectionError, VarInt};

use crate::identity::tls;

/// The longest reason, in bytes: it has to fit into one packet.
const MAX_REASON: usize = 600;

/// Why a connection is closed, for programs; the reason beside it is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// There is nothing more to say.
    Done,
    /// The peer is not let in.
    Refused,
    /// The peer speaks another version.
    Version,
    /// The peer sent something that makes no sense.
    Violation,
    /// The peer has not been heard of for too long.
    Lost,
}

impl From<CloseCode> for VarInt {
    fn from(code: CloseCode) -> Self {
        Self::from_u32(match code {
            CloseCode::Done => 0,
            CloseCode::Refused => 1,
            CloseCode::Version => 2,
            CloseCode::Violation => 3,
            CloseCode::Lost => 4,
        })
    }
}

/// Closes a connection with a reason that the peer gets to see.
pub fn close(connection: &Connection, code: CloseCode, reason: &str) {
    connection.close(code.into(), clip(reason).as_bytes());
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Who ended it.
    pub by: ClosedBy,
    /// The reason, for people.
    pub reason: String,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// This side.
    Us,
    /// The other side.
    Peer,
    /// Nobody: nothing came for too long, or the peer has forgotten the connection.
    Silence,
}

impl Closing {
    pub(super) fn by_us(reason: String) -> Self {
        let by = ClosedBy::Us;
        Self { by, reason }
    }

    /// What the error of a connection means.
    pub fn of(error: &ConnectionError) -> Self {
        let (by, reason) = match error {
            ConnectionError::ApplicationClosed(close) => (
                ClosedBy::Peer,
                text(&String::from_utf8_lossy(&close.reason)),
            ),
            ConnectionError::ConnectionClosed(close) => {
                let reason = String::from_utf8_lossy(&close.reason);
                (ClosedBy::Peer, handshake(&reason, &close.to_string()))
            }
            ConnectionError::TransportError(error) => {
                (ClosedBy::Us, handshake(&error.reason, &error.to_string()))
            }
            ConnectionError::LocallyClosed => (
                ClosedBy::Us,
                "this side has closed the connection".to_owned(),
            ),
            ConnectionError::TimedOut => (
                ClosedBy::Silence,
                "nothing came from the other side for too long; it hangs, or the network is down"
                    .to_owned(),
            ),
            ConnectionError::Reset => (
                ClosedBy::Silence,
                "the other side does not know the connection any more; it has restarted".to_owned(),
            ),
            ConnectionError::VersionMismatch => (
                ClosedBy::Peer,
                "the other side speaks another version of QUIC; it is no node of Wasmill"
                    .to_owned(),
            ),
            ConnectionError::CidsExhausted => (ClosedBy::Us, error.to_string()),
        };
        Self { by, reason }
    }
}

/// Our own text if the error carries one, and everything otherwise.
fn handshake(reason: &str, all: &str) -> String {
    text(tls::own_text(reason).unwrap_or(all))
}

fn text(text: &str) -> String {
    match clean(text) {
        empty if empty.is_empty() => "no reason was given".to_owned(),
        text => text,
    }
}

/// Text of a peer without what could disturb a log or a terminal.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    clip(text).chars().map(shown).collect()
}

/// The beginning of a text that fits.
pub(super) fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REASON)]
}
