//! What connections are for: each protocol has a name, a version, and those who may open it.
//!
//! Invariant: two nodes that speak different versions of a protocol find a common one only in
//! [`ANY_VERSION`], in which they can do nothing but tell each other their versions.

use std::sync::Arc;

use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, TransportConfig};

use crate::identity::Node;

/// The protocol that every version of Wasmill offers last, so that a mismatch can be explained.
pub(super) const ANY_VERSION: &[u8] = b"wasmill";

/// A protocol over connections between nodes.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// Its name, such as `wasmill-control`.
    pub name: &'static str,
    /// Its version: raised by every change that older nodes do not understand.
    pub version: u32,
    /// Who may open it.
    pub opener: Opener,
    /// Windows, streams, timeouts, packet sizes.
    pub transport: Arc<TransportConfig>,
}

/// Who may open connections of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// TaskManagers of the cluster, which show their certificate.
    TaskManager,
    /// Anyone: for joining, when there is no certificate yet.
    Anyone,
}

impl Protocol {
    /// The name in the TLS handshake.
    pub fn alpn(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }
}

impl Opener {
    /// Whether a peer may open a connection; if not, why.
    pub(super) fn admits(self, peer: Option<&Node>) -> Result<(), String> {
        match (self, peer) {
            (Self::Anyone, _) | (Self::TaskManager, Some(Node::TaskManager(_))) => Ok(()),
            (Self::TaskManager, None) => Err(
                "no certificate was presented; that node has to join this cluster with a token first"
                    .to_owned(),
            ),
            (Self::TaskManager, Some(node @ Node::JobManager)) => {
                Err(format!("{node} does not open such connections"))
            }
        }
    }
}

/// What both sides agreed on.
pub(super) fn spoken(connection: &Connection) -> Option<Vec<u8>> {
    let data = connection.handshake_data()?;
    data.downcast::<HandshakeData>().ok()?.protocol
}
