//! The files of the bundle store: `blobs/<digest>`, `entries/<uuid>.json`, and `incoming/` for what is not
//! whole yet.
//!
//! Invariant: all names are made of digests and uuids.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wasmill_types::id::{Digest, TenantId};

use crate::view::BundleView;

const BLOBS: &str = "blobs";
const ENTRIES: &str = "entries";
const INCOMING: &str = "incoming";

/// What is stored of a bundle beside its blob.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    id: String,
    tenant: TenantId,
    name: String,
    uploaded_ms: i64,
    digest: String,
    bytes: u64,
}

/// Where the blob of a digest is.
pub(super) fn blob(dir: &Path, digest: Digest) -> PathBuf {
    dir.join(BLOBS).join(digest.to_string())
}

/// A place for something that is not whole yet.
pub(super) fn incoming(dir: &Path, uuid: &str) -> PathBuf {
    dir.join(INCOMING).join(uuid)
}

/// Where the entry of a bundle is; its id begins with its uuid.
fn entry(dir: &Path, id: &str) -> PathBuf {
    let uuid = id.split_once('_').map_or(id, |(uuid, _)| uuid);
    dir.join(ENTRIES).join(format!("{uuid}.json"))
}

/// Makes the directories, removes what is half-done, and reads what is there.
pub(super) fn load(dir: &Path, needed: &BTreeSet<Digest>) -> io::Result<Vec<BundleView>> {
    for part in [BLOBS, ENTRIES, INCOMING] {
        fs::create_dir_all(dir.join(part))?;
    }
    for left in fs::read_dir(dir.join(INCOMING))? {
        fs::remove_file(left?.path())?;
    }
    let mut bundles = Vec::new();
    for file in fs::read_dir(dir.join(ENTRIES))? {
        let path = file?.path();
        match read(&path) {
            Ok(bundle) if blob(dir, bundle.digest).is_file() => bundles.push(bundle),
            Ok(bundle) => {
                tracing::warn!(bundle = bundle.id, "forget a bundle whose blob is gone");
                fs::remove_file(&path)?;
            }
            // Left for a person to look at: it is not ours to guess what it was.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "skip an unreadable bundle entry");
            }
        }
    }
    for file in fs::read_dir(dir.join(BLOBS))? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_known = |it: &BundleView| Some(it.digest.to_string().as_str()) == name;
        let is_needed = |it: &Digest| Some(it.to_string().as_str()) == name;
        if !bundles.iter().any(is_known) && !needed.iter().any(is_needed) {
            fs::remove_file(&path)?;
        }
    }
    Ok(bundles)
}

fn read(path: &Path) -> io::Result<BundleView> {
    let entry: Entry = serde_json::from_slice(&fs::read(path)?)?;
    let digest = entry.digest.parse().map_err(io::Error::other)?;
    Ok(BundleView {
        id: entry.id,
        tenant: entry.tenant,
        name: entry.name,
        uploaded_ms: entry.uploaded_ms,
        digest,
        bytes: entry.bytes,
    })
}

/// Keeps a blob that came in, and the entry of its bundle. Blocks until both are on the disk.
pub(super) fn keep(dir: &Path, incoming: &Path, bundle: &BundleView) -> io::Result<()> {
    fs::rename(incoming, blob(dir, bundle.digest))?;
    sync(&dir.join(BLOBS))?;
    let stored = Entry {
        id: bundle.id.clone(),
        tenant: bundle.tenant.clone(),
        name: bundle.name.clone(),
        uploaded_ms: bundle.uploaded_ms,
        digest: bundle.digest.to_string(),
        bytes: bundle.bytes,
    };
    let path = entry(dir, &bundle.id);
    let mut file = fs::File::create(incoming)?;
    file.write_all(&serde_json::to_vec_pretty(&stored)?)?;
    file.sync_all()?;
    fs::rename(incoming, path)?;
    sync(&dir.join(ENTRIES))
}

/// Forgets the entry of a bundle.
pub(super) fn remove_entry(dir: &Path, id: &str) -> io::Result<()> {
    match fs::remove_file(entry(dir, id)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Makes renames in a directory last.
fn sync(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
