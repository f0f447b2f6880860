//! Where a JobManager listens, as a file in its data directory: it may have been told to take any free port.
//!
//! Written by `jobmanager` once it can be reached, read by `cluster` and `token`. Invariant: the file is
//! whole or not there.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file's name.
const FILE: &str = "addresses.json";

/// Where a JobManager listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// REST.
    pub(crate) rest: SocketAddr,
    /// TaskManagers.
    pub(crate) rpc: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
}

impl Addresses {
    /// What the JobManager of this data directory has written; none when it has not (yet).
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the file.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        let temporary = dir.join(format!("{FILE}.new"));
        fs::write(&temporary, text)?;
        fs::rename(temporary, dir.join(FILE))
    }

    /// Removes the file of one that has ended.
    pub(crate) fn forget(dir: &Path) {
        // It may never have been there.
        let _ = fs::remove_file(dir.join(FILE));
    }
}
