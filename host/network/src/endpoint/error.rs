//! What can go wrong with sockets and connections, in words that name the other side and the way out.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use quinn::ConnectionError;
use thiserror::Error;

use super::Whom;
use super::closing::{ClosedBy, Closing};
use super::greeting::GreetingError;

/// A socket that cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Somebody else has the address.
    #[error(
        "another process uses {transport} address {address}; stop it, or choose another address (port 0 for any free port)"
    )]
    InUse {
        /// UDP or TCP.
        transport: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The machine refuses the address.
    #[error("listen on {transport} address {address}; choose an address of this machine")]
    Bind {
        /// UDP or TCP.
        transport: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the machine says.
        #[source]
        source: io::Error,
    },
    /// TLS does not take the identity.
    #[error("use this node's certificate for TLS: {0}")]
    Tls(String),
}

impl OpenError {
    pub(super) fn bind(transport: &'static str, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { transport, address },
            _ => Self::Bind {
                transport,
                address,
                source,
            },
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
    pub(super) fn tls(error: rustls::Error) -> Self {
        Self::Tls(error.to_string())
    }
}

/// A connection that came in and did not come about.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The peer was not let in.
    #[error("refuse {remote}: {reason}")]
    Here {
        /// Where it is.
        remote: SocketAddr,
        /// Why; the peer was told the same.
        reason: String,
    },
    /// The peer did not want this node.
    #[error("{remote} refuses this node: {reason}")]
    There {
        /// Where it is.
        remote: SocketAddr,
        /// Why, as it says.
        reason: String,
    },
    /// The peer fell silent.
    #[error("{remote} began to connect and did not go on: {reason}")]
    Silent {
        /// Where it is.
        remote: SocketAddr,
        /// What was waited for.
        reason: String,
    },
}

impl Refused {
    pub(super) fn at(remote: SocketAddr, closing: Closing) -> Self {
        let Closing { by, reason } = closing;
        match by {
            ClosedBy::Us => Self::Here { remote, reason },
            ClosedBy::Peer => Self::There { remote, reason },
            ClosedBy::Silence => Self::Silent { remote, reason },
        }
    }
}

/// A connection that was not made.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// Silence.
    #[error(
        "no answer from {whom} within {timeout:?}; check that it runs, that the address is right, \
         and that UDP and TCP pass between the machines"
    )]
    NoAnswer {
        /// Who did not answer, and where.
        whom: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// We did not accept the other side.
    #[error("refuse {whom}: {reason}")]
    RefusedByUs {
        /// Who was expected, and where.
        whom: String,
        /// Why.
        reason: String,
    },
    /// The other side did not accept us.
    #[error("{whom} refuses this node: {reason}")]
    RefusedByPeer {
        /// Who, and where.
        whom: String,
        /// Why.
        reason: String,
    },
    /// The versions differ.
    #[error("connect to {whom}: {reason}")]
    Version {
        /// Who, and where.
        whom: String,
        /// Both versions.
        reason: String,
    },
    /// Not even tried.
    #[error("connect to {whom}: {reason}")]
    Impossible {
        /// Who, and where.
        whom: String,
        /// What is in the way.
        reason: String,
    },
}

/// Makes the errors of one attempt.
#[derive(Debug)]
pub(super) struct About {
    whom: String,
}

impl ConnectError {
    pub(super) fn about(remote: SocketAddr, whom: &Whom) -> About {
        About {
            whom: format!("{whom} at {remote}"),
        }
    }
}

impl About {
    pub(super) fn no_answer(&self, timeout: Duration) -> ConnectError {
        let whom = self.whom.clone();
        ConnectError::NoAnswer { whom, timeout }
    }

    pub(super) fn version(&self, reason: String) -> ConnectError {
        let whom = self.whom.clone();
        ConnectError::Version { whom, reason }
    }

    pub(super) fn impossible(&self, error: &dyn fmt::Display) -> ConnectError {
        let (whom, reason) = (self.whom.clone(), error.to_string());
        ConnectError::Impossible { whom, reason }
    }

    pub(super) fn no_identity(&self) -> ConnectError {
        self.impossible(&"this node has no certificate; join the cluster first")
    }

    pub(super) fn closed(&self, error: &ConnectionError) -> ConnectError {
        self.ended(Closing::of(error))
    }

    pub(super) fn ended(&self, closing: Closing) -> ConnectError {
        let whom = self.whom.clone();
        let Closing { by, reason } = closing;
        match by {
            ClosedBy::Us => ConnectError::RefusedByUs { whom, reason },
            ClosedBy::Peer => ConnectError::RefusedByPeer { whom, reason },
            ClosedBy::Silence => ConnectError::Impossible { whom, reason },
        }
    }

    pub(super) fn greeting(&self, error: &GreetingError) -> ConnectError {
        match error {
            GreetingError::Closed(error) => self.closed(error),
            GreetingError::Malformed => ConnectError::RefusedByUs {
                whom: self.whom.clone(),
                reason: error.to_string(),
            },
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::JobManagerOf(cluster) => write!(f, "the JobManager of cluster {cluster}"),
        }
    }
}
