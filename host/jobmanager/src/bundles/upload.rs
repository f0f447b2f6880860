//! The upload of a bundle: a stream that becomes a blob and an entry, or nothing.
//!
//! Invariant: an upload that fails, is refused or is dropped leaves nothing behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use wasmill_actor::rng::secret;
use wasmill_types::id::{Digest, TenantId};

use super::{BundleError, Bundles, Lease, disk};
use crate::view::BundleView;

/// How much is read and written at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// How long nothing may come.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest name that is kept, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// The name of a file that has none.
const NO_NAME: &str = "bundle.wasm";

/// A file that has come whole and is not a bundle yet.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: PartFile,
    digest: Digest,
    bytes: u64,
}

/// A file that goes with this.
#[derive(Debug)]
struct PartFile {
    path: PathBuf,
}

impl Bundles {
    /// Takes in a file of at most `limit` bytes.
    pub(crate) async fn receive(
        &self,
        mut bytes: impl AsyncRead + Unpin,
        limit: u64,
    ) -> Result<Incoming, BundleError> {
        self.check_room()?;
        let disk = |source| self.store.disk("store a bundle", source);
        let path = disk::incoming(&self.store.dir, &uuid());
        let mut file = tokio::fs::File::create(&path).await.map_err(disk)?;
        let part = PartFile { path };
        let mut hash = Sha256::new();
        let mut total = 0;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = self
                .store
                .clock
                .timeout(STALL_TIMEOUT, bytes.read(&mut chunk));
            let read = read
                .await
                .map_err(|late| BundleError::Broken(late.to_string()))?;
            let read = read.map_err(|error| BundleError::Broken(error.to_string()))?;
            if read == 0 {
                break;
            }
            total += read as u64;
            if total > limit {
                return Err(BundleError::TooLarge(limit));
            }
            hash.update(&chunk[..read]);
            file.write_all(&chunk[..read]).await.map_err(disk)?;
        }
        if total == 0 {
            return Err(BundleError::Empty);
        }
        file.sync_all().await.map_err(disk)?;
        Ok(Incoming {
            file: part,
            digest: Digest(hash.finalize().into()),
            bytes: total,
        })
    }

    /// Makes a bundle of a file that came in.
    pub(crate) async fn keep(
        &self,
        incoming: Incoming,
        tenant: TenantId,
        file_name: &str,
    ) -> Result<BundleView, BundleError> {
        self.check_room()?;
        let name = plain_name(file_name);
        let bundle = BundleView {
            id: format!("{}_{name}", uuid()),
            tenant,
            name,
            uploaded_ms: self.store.clock.now_ms(),
            digest: incoming.digest,
            bytes: incoming.bytes,
        };
        // Meanwhile nobody takes the blob for one that is not needed.
        let lease = self.hold(bundle.digest);
        let (dir, stored) = (self.store.dir.clone(), bundle.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let kept = disk::keep(&dir, &incoming.file.path, &stored);
            drop(incoming);
            kept
        });
        let kept = kept.await.map_err(std::io::Error::other);
        kept.and_then(|kept| kept)
            .map_err(|source| self.store.disk("store a bundle", source))?;
        let mut index = self.store.index();
        index.bundles.insert(bundle.id.clone(), bundle.clone());
        drop(index);
        drop(lease);
        Ok(bundle)
    }

    fn check_room(&self) -> Result<(), BundleError> {
        let limit = self.store.max_bundles;
        match self.store.index().bundles.len() >= limit {
            true => Err(BundleError::TooMany(limit)),
            false => Ok(()),
        }
    }

    pub(super) fn hold(&self, digest: Digest) -> Lease {
        *self.store.index().leases.entry(digest).or_default() += 1;
        Lease {
            store: Arc::clone(&self.store),
            digest,
        }
    }
}

impl Incoming {
    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        self.file.path.clone()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // One that became a blob has gone already.
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

/// A random uuid (version 4) as text.
fn uuid() -> String {
    let mut bytes = secret::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// A file's name without directories and without anything that is special to shells, URLs or people.
pub(super) fn plain_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
        _ => '_',
    };
    // All characters are single bytes now. The end of a name says more than its beginning.
    let mut plain: String = base.chars().map(plain).collect();
    let excess = plain.len().saturating_sub(MAX_NAME_BYTES);
    plain.drain(..excess);
    let is_named = plain.chars().any(|c| c.is_ascii_alphanumeric());
    if is_named { plain } else { NO_NAME.to_owned() }
}
