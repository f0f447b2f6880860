//! Joining: how a TaskManager gets its certificate for a token.
//!
//! The JobManager's [`Desk`] serves connections of [`protocol`]; a TaskManager that starts calls
//! [`identity`]. The TaskManager makes sure of the JobManager by the fingerprint in the token, and the
//! JobManager of the TaskManager by the token itself; the private key never leaves the TaskManager's
//! machine. Whoever has a token may join under any name, so tokens are for those who run the cluster.
//! Invariant: no certificate without a token that is good, and every refusal is told to both sides.

mod client;
mod limiter;
mod server;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmill_network::endpoint::{IdleTimeout, Opener, Protocol, TransportConfig, VarInt};
use wasmill_types::id::TaskManagerId;

pub use client::{Join, JoinError, identity};
pub use server::{Admitted, Desk, JoinRefused};

/// How long the exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest request, in bytes.
const MAX_REQUEST_BYTES: usize = 2 << 10;
/// The largest answer, in bytes: two certificates.
const MAX_ANSWER_BYTES: usize = 16 << 10;

/// What the TaskManager sends.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    token: String,
    id: TaskManagerId,
    public_key: Vec<u8>,
}

/// What it gets; a refusal is the reason for which the connection is closed.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    /// Its certificate, in DER.
    certificate: Vec<u8>,
    /// That of the authority.
    authority: Vec<u8>,
}

/// The protocol, for a listener and for connecting.
pub fn protocol() -> Protocol {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(IdleTimeout::try_from(TIMEOUT).ok());
    transport.max_concurrent_bidi_streams(VarInt::from_u32(1));
    transport.max_concurrent_uni_streams(VarInt::from_u32(1));
    transport.datagram_receive_buffer_size(None);
    Protocol {
        name: "wasmill-join",
        version: 1,
        opener: Opener::Anyone,
        transport: Arc::new(transport),
    }
}

#[cfg(test)]
mod tests;
