//! The greeting: the first bytes on a connection, which say that it was accepted, and by which version.
//!
//! The side that was connected to greets on a stream of its own when it has accepted the other; between
//! different versions both tell what they speak, and the connection ends. Layout, the same in all versions:
//! `WSML`, a length byte and the software version, a length byte and the protocols. Invariant: at most
//! [`MAX_BYTES`] are read, and whatever they are ends in a greeting or an error.

use quinn::{Connection, ConnectionError};
use thiserror::Error;

use super::closing::{CloseCode, Closing, clean, clip, close};
use super::{Protocol, SOFTWARE};

const MAGIC: &[u8; 4] = b"WSML";
const MAX_TEXT: usize = u8::MAX as usize;
/// The largest greeting.
const MAX_BYTES: usize = MAGIC.len() + 2 * (1 + MAX_TEXT);

/// What a node says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Its software version.
    pub(super) software: String,
    /// The protocols that it speaks, with their versions.
    pub(super) protocols: String,
}

/// Why there is no greeting.
#[derive(Debug, Error)]
pub(super) enum GreetingError {
    #[error("the connection ended")]
    Closed(#[from] ConnectionError),
    #[error("what came first on the connection is no greeting of Wasmill")]
    Malformed,
}

impl Greeting {
    pub(super) fn new(protocols: &[Protocol]) -> Self {
        let alpns: Vec<_> = protocols.iter().map(Protocol::alpn).collect();
        Self {
            software: SOFTWARE.to_owned(),
            protocols: alpns.join(", "),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for text in [&self.software, &self.protocols] {
            let text = &text.as_bytes()[..text.len().min(MAX_TEXT)];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (software, rest) = text(rest)?;
        let (protocols, rest) = text(rest)?;
        rest.is_empty().then_some(Self {
            software,
            protocols,
        })
    }

    /// Both versions, for both sides.
    pub(super) fn mismatch(&self, peer: &Self) -> String {
        format!(
            "versions differ: one side has Wasmill {} and speaks {}, the other has Wasmill {} and \
             speaks {}; run the same version on all nodes",
            self.software, self.protocols, peer.software, peer.protocols
        )
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((clean(std::str::from_utf8(text).ok()?), rest))
}

/// Tells the other side that it was accepted, or what we speak.
pub(super) async fn send(connection: &Connection, ours: &Greeting) -> Result<(), ConnectionError> {
    let mut stream = connection.open_uni().await?;
    let sent = stream.write_all(&ours.encode()).await;
    // An error of the stream is one of the connection, which the next wait sees.
    if sent.is_ok() {
        let _closed = stream.finish();
    }
    Ok(())
}

/// Waits for the other side's greeting.
pub(super) async fn receive(connection: &Connection) -> Result<Greeting, GreetingError> {
    let mut stream = connection.accept_uni().await?;
    match stream.read_to_end(MAX_BYTES).await {
        Ok(bytes) => Greeting::decode(&bytes).ok_or(GreetingError::Malformed),
        Err(quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(error))) => {
            Err(error.into())
        }
        Err(_) => Err(GreetingError::Malformed),
    }
}

/// The connecting side, when the peer does not speak our version: tells ours, and waits for the peer's
/// word on it.
pub(super) async fn ask_version(connection: &Connection, wanted: &Protocol) -> String {
    let ours = Greeting::new(std::slice::from_ref(wanted));
    if let Err(error) = send(connection, &ours).await {
        return Closing::of(&error).reason;
    }
    Closing::of(&connection.closed().await).reason
}

/// The side that was connected to, likewise.
pub(super) async fn tell_version(connection: &Connection, protocols: &[Protocol]) -> String {
    let ours = Greeting::new(protocols);
    let reason = match receive(connection).await {
        Ok(theirs) => ours.mismatch(&theirs),
        Err(error) => error.to_string(),
    };
    close(connection, CloseCode::Version, clip(&reason));
    reason
}
