//! Who a node is, and how it proves it: the cluster's authority, join tokens, certificates.
//!
//! The JobManager opens the [`Authority`] in its data directory; a TaskManager that has joined keeps its
//! [`Identity`] in its own ([`member`]). `endpoint` presents and checks them on each connection.
//! Invariants: a node is what its certificate says and nothing else; only the cluster's own authority is
//! trusted; a TaskManager's certificate never passes for the JobManager's; private keys are files that
//! only their owner can read.

mod authority;
mod certificate;
mod error;
mod files;
pub mod member;
pub(crate) mod tls;
mod token;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use wasmill_types::id::TaskManagerId;

pub use authority::Authority;
pub(crate) use certificate::Usage;
pub use certificate::{CertificateError, PUBLIC_KEY_BYTES};
pub use error::IdentityError;
pub use member::{Admission, KeyPair, Standing};
pub use token::{JoinToken, TokenError, TokenKey};

/// A node of the cluster, as its certificate names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Node {
    /// The JobManager.
    JobManager,
    /// A TaskManager.
    TaskManager(TaskManagerId),
}

/// The SHA-256 of the certificate of a cluster's authority: the cluster's identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// A node's name with the proof of it; cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    node: Node,
    certificate: CertificateDer<'static>,
    /// The authority's certificate.
    authority: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

/// What precedes the name in a certificate.
const JOB_MANAGER_URI: &str = "wasmill://jobmanager";
const TASK_MANAGER_URI: &str = "wasmill://taskmanager/";

impl Node {
    /// The name as certificates have it.
    pub fn uri(&self) -> String {
        match self {
            Self::JobManager => JOB_MANAGER_URI.to_owned(),
            Self::TaskManager(id) => format!("{TASK_MANAGER_URI}{id}"),
        }
    }

    /// Reads what [`Node::uri`] wrote; none when it is no such name.
    pub fn from_uri(uri: &str) -> Option<Self> {
        if uri == JOB_MANAGER_URI {
            return Some(Self::JobManager);
        }
        let id = uri.strip_prefix(TASK_MANAGER_URI)?;
        TaskManagerId::from_str(id).ok().map(Self::TaskManager)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobManager => f.write_str("the JobManager"),
            Self::TaskManager(id) => write!(f, "TaskManager `{id}`"),
        }
    }
}

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    /// The first 8 bytes: enough to tell clusters apart in messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Identity {
    fn new(
        node: Node,
        certificate: CertificateDer<'static>,
        authority: CertificateDer<'static>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Self {
        let inner = Arc::new(Inner {
            node,
            certificate,
            authority,
            key,
        });
        Self { inner }
    }

    /// Who this is.
    pub fn node(&self) -> &Node {
        &self.inner.node
    }

    /// The cluster that it belongs to.
    pub fn cluster(&self) -> Fingerprint {
        Fingerprint::of(&self.inner.authority)
    }

    /// The authority's certificate, which is sent along, so that those who join can check it.
    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        &self.inner.authority
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.inner.certificate
    }

    pub(crate) fn key(&self) -> &PrivatePkcs8KeyDer<'static> {
        &self.inner.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of logs.
        write!(f, "Identity({} of cluster {})", self.node(), self.cluster())
    }
}

/// A time as people read it.
pub(crate) fn show_time(ms: i64) -> String {
    match time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        Err(_) => format!("{ms} ms since 1970"),
    }
}

#[cfg(test)]
mod tests;
