//! What the operator of a JobManager chooses about its API.
//!
//! Made by `node` from configuration and flags. Invariant: every limit is one of [`Limits`], and its
//! default stands beside it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The options of a [`crate::Server`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen (`--rest`).
    pub address: SocketAddr,
    /// The directory that holds the tokens: the JobManager's data directory.
    pub data_dir: PathBuf,
    /// The version of this software, for people and clients.
    pub version: String,
    /// The revision that it was built from.
    pub revision: String,
    /// The effective configuration, by key. Values of keys that sound secret are not shown.
    pub configuration: Vec<(String, String)>,
    /// How much callers may ask for.
    pub limits: Limits,
}

/// How much callers may ask for, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request's body (`rest.max-upload`).
    pub body_bytes: u64,
    /// The most bytes of a body of JSON, which is held in memory.
    pub json_bytes: usize,
    /// The most bytes of a request's line and headers.
    pub header_bytes: usize,
    /// Connections at the same time; others wait to be accepted.
    pub connections: u32,
    /// How long the headers of a request, or the next request on a connection, may take.
    pub header_time: Duration,
    /// How long a request may take that uploads nothing.
    pub request_time: Duration,
    /// How long an upload may send nothing.
    pub upload_silence: Duration,
    /// How long an upload may take.
    pub upload_time: Duration,
    /// How long connections may finish what they do when the server stops.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 104_857_600,
            json_bytes: 1 << 20,
            header_bytes: 32 << 10,
            connections: 1024,
            header_time: Duration::from_secs(30),
            request_time: Duration::from_secs(60),
            upload_silence: Duration::from_secs(30),
            upload_time: Duration::from_secs(15 * 60),
            drain_time: Duration::from_secs(10),
        }
    }
}
