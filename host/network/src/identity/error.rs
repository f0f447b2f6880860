//! What can go wrong with the files of an identity.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::CertificateError;

/// An identity that can be neither read nor made.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file system did not do what was asked.
    #[error("{what} `{path}`; check the permissions and the space of the data directory")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A file has not the form it should have.
    #[error(
        "`{path}` is not {expected}; restore it from a backup, or remove the directory to begin anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// Others can read a private key.
    #[error(
        "`{path}` is a private key that others may read (mode {mode:03o}); run `chmod 600` on it, \
         or replace it if others may have read it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The authority's certificate is there, its key is not.
    #[error(
        "`{path}` is missing, without which this cluster can admit no node; restore it from a backup, \
         or remove the directory to begin a new cluster, which all nodes have to join again"
    )]
    KeyLost {
        /// The key's file.
        path: PathBuf,
    },
    /// No JobManager has ever run with the data directory.
    #[error(
        "`{data_dir}` is not the data directory of a JobManager; start one with it first, or name the \
         directory of the one that runs"
    )]
    NoCluster {
        /// The directory.
        data_dir: PathBuf,
    },
    /// A certificate is not usable.
    #[error("use the certificate `{path}`")]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
    /// A public key of the wrong form.
    #[error("a public key of {got} bytes is not one of {want} bytes")]
    PublicKey {
        /// Its length.
        got: usize,
        /// The length it should have.
        want: usize,
    },
    /// The library that makes certificates refused.
    #[error("make {what}")]
    Making {
        /// What was to be made.
        what: &'static str,
        /// Its reason.
        #[source]
        source: rcgen::Error,
    },
    /// The machine gives no randomness.
    #[error("draw random bytes from the machine")]
    Entropy,
}
