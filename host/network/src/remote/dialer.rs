//! Connects the data plane through the node's own endpoint.
//!
//! Invariant: a connection is handed out only when the other side has proven to be the TaskManager that
//! was meant.

use super::channel::PeerAddr;
use super::plane::{Connect, ConnectError, Connecting};
use super::transport::{self, End};
use crate::endpoint::{Endpoint, Opener, Protocol, Whom};
use crate::identity::Node;

/// The protocol of the data plane, as one end of its connections speaks it: the endpoint that listens
/// takes the producer's.
pub fn protocol(end: End) -> Protocol {
    Protocol {
        name: "wasmill-data",
        version: 2,
        opener: Opener::TaskManager,
        transport: transport::config(end),
    }
}

/// Opens connections from a node's endpoint.
#[derive(Debug)]
pub struct Dialer {
    endpoint: Endpoint,
    protocol: Protocol,
}

impl Dialer {
    /// Opens connections from this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            protocol: protocol(End::Consumer),
        }
    }
}

impl Connect for Dialer {
    fn connect<'a>(&'a self, peer: &'a PeerAddr) -> Connecting<'a> {
        Box::pin(async move {
            let whom = Whom::Node(Node::TaskManager(peer.name.clone()));
            let connected = self.endpoint.connect(peer.address, whom, &self.protocol);
            match connected.await {
                Ok(link) => Ok(link.connection),
                Err(error) => Err(ConnectError(error.to_string())),
            }
        })
    }
}
