//! The bundle store: uploaded files by their digest, and who has uploaded what under which name.
//!
//! The handle uploads, lists and deletes; TaskManagers read blobs; a job holds a [`Lease`] on its bundle, so
//! that it can be deployed again after the bundle was deleted. Invariants: a blob or an entry is there whole
//! or not at all, also after a crash (written under a temporary name, synced, renamed); no name of a user is
//! ever part of a path; what was left half-done is swept when the store is opened.

mod disk;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use wasmill_actor::Clock;
use wasmill_rpc::blob::Opening;
use wasmill_rpc::{Blob, Blobs, Refusal};
use wasmill_types::id::{Digest, TenantId};

use crate::view::BundleView;

/// Bundles on disk; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Bundles {
    store: Arc<Store>,
}

#[derive(Debug)]
struct Store {
    dir: PathBuf,
    max_bundles: usize,
    clock: Clock,
    /// Held for looks and changes in memory only.
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    bundles: BTreeMap<String, BundleView>,
    /// How often each blob is held.
    leases: BTreeMap<Digest, usize>,
}

/// Keeps a blob in the store, whoever deletes its bundle.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<Store>,
    digest: Digest,
}

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum BundleError {
    /// There is no such bundle of that tenant.
    #[error("there is no bundle `{0}`")]
    NotFound(String),
    /// The file is too large.
    #[error(
        "the bundle is larger than the limit of {0} bytes; make it smaller, or raise `wasm.bundle`"
    )]
    TooLarge(u64),
    /// Nothing came.
    #[error("the bundle is empty")]
    Empty,
    /// There are too many.
    #[error("{0} bundles are stored, which is the limit; delete some")]
    TooMany(usize),
    /// The upload broke off or stalled.
    #[error("the upload did not come whole: {0}")]
    Broken(String),
    /// The disk does not do its part.
    #[error("{action} in `{dir}`")]
    Disk {
        /// What was being done.
        action: &'static str,
        /// Where.
        dir: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Bundles {
    /// Opens the store in a directory, which is made when it is not there. Blocks for a moment.
    ///
    /// The blobs that are `needed` stay, also without a bundle.
    pub(crate) fn open(
        dir: &Path,
        max_bundles: usize,
        needed: &BTreeSet<Digest>,
        clock: Clock,
    ) -> Result<Self, BundleError> {
        let bundles = disk::load(dir, needed).map_err(|source| BundleError::Disk {
            action: "open the bundle store",
            dir: dir.to_owned(),
            source,
        })?;
        let index = Index {
            bundles: bundles.into_iter().map(|it| (it.id.clone(), it)).collect(),
            leases: BTreeMap::new(),
        };
        let store = Store {
            dir: dir.to_owned(),
            max_bundles,
            clock,
            index: Mutex::new(index),
        };
        Ok(Self {
            store: Arc::new(store),
        })
    }

    /// The bundles of a tenant, newest first.
    pub(crate) fn list(&self, tenant: &TenantId) -> Vec<BundleView> {
        let index = self.store.index();
        let its = index.bundles.values().filter(|it| it.tenant == *tenant);
        let mut its: Vec<_> = its.cloned().collect();
        its.sort_by(|a, b| b.uploaded_ms.cmp(&a.uploaded_ms).then(a.id.cmp(&b.id)));
        its
    }

    /// A bundle of a tenant, and the right to use it.
    pub(crate) fn take(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<(BundleView, Lease), BundleError> {
        let mut index = self.store.index();
        let bundle = index.bundles.get(id).filter(|it| it.tenant == *tenant);
        let bundle = bundle.cloned();
        let bundle = bundle.ok_or_else(|| BundleError::NotFound(id.to_owned()))?;
        *index.leases.entry(bundle.digest).or_default() += 1;
        let lease = Lease {
            store: Arc::clone(&self.store),
            digest: bundle.digest,
        };
        Ok((bundle, lease))
    }

    /// The right to use a blob that is there, for a job that goes on.
    pub(crate) fn lease(&self, digest: Digest) -> Option<Lease> {
        let is_there = disk::blob(&self.store.dir, digest).is_file();
        is_there.then(|| self.hold(digest))
    }

    /// Forgets a bundle; its blob goes when nobody needs it any more.
    pub(crate) fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), BundleError> {
        let (bundle, lease) = self.take(tenant, id)?;
        disk::remove_entry(&self.store.dir, &bundle.id)
            .map_err(|source| self.store.disk("delete a bundle", source))?;
        self.store.index().bundles.remove(id);
        drop(lease);
        Ok(())
    }
}

impl Lease {
    /// Where the blob is.
    pub(crate) fn path(&self) -> PathBuf {
        disk::blob(&self.store.dir, self.digest)
    }
}

impl Lease {
    /// Holds the bundle for as long as this process runs, of a job that may go on with the next one.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Lease {
    /// Removes the blob if nobody else needs it: one system call, without waiting for the disk.
    fn drop(&mut self) {
        let mut index = self.store.index();
        let digest = self.digest;
        let left = index.leases.get_mut(&digest).map(|held| {
            *held -= 1;
            *held
        });
        if left != Some(0) {
            return;
        }
        index.leases.remove(&digest);
        if index.bundles.values().all(|it| it.digest != digest)
            && let Err(error) = std::fs::remove_file(self.path())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%digest, %error, "left the blob of a deleted bundle behind");
        }
    }
}

impl Store {
    fn index(&self) -> MutexGuard<'_, Index> {
        // Nothing panics half-way under this lock.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self, action: &'static str, source: io::Error) -> BundleError {
        BundleError::Disk {
            action,
            dir: self.dir.clone(),
            source,
        }
    }
}

impl Blobs for Bundles {
    fn open(&self, digest: Digest) -> Opening {
        let path = disk::blob(&self.store.dir, digest);
        Box::pin(async move {
            let opened = async {
                let file = tokio::fs::File::open(path).await?;
                let length = file.metadata().await?.len();
                Ok(Blob::new(length, Box::pin(file)))
            };
            let opened: io::Result<Blob> = opened.await;
            opened.map_err(|error| Refusal(format!("open blob {digest}: {error}")))
        })
    }
}

#[cfg(test)]
mod tests;
