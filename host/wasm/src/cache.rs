//! Compiled code on disk, so that a bundle is compiled once per machine.
//!
//! `bundle` asks it on every load. An entry is named after the bundle's digest and the engine's
//! configuration, and ends with a checksum over name and code. Invariant: nothing is loaded that anybody
//! but this user could have written, or that is not what was written; whatever else goes wrong with the
//! cache costs a compilation and never an error.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use wasmill_actor::Clock;
use wasmill_types::id::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiled::Trusted;
use crate::engine::CACHE_VARIABLE;
use crate::limits::CACHE_BYTES;

/// The ending of an entry's name.
const EXTENSION: &str = "cwasm";

/// The bytes of the checksum at the end of an entry.
const CHECKSUM_BYTES: usize = 32;

/// The permission bits that let anybody but the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// A directory of compiled code.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    /// Tells engines with different configurations, machines or versions apart.
    engine: String,
    /// Who we are to the file system.
    owner: u32,
    clock: Clock,
}

/// Why an entry was not used.
#[derive(Debug, PartialEq, Eq)]
enum Miss {
    Absent,
    Unsafe(String),
    Broken(String),
}

impl Cache {
    /// Opens a cache, and makes its directory if there is none.
    ///
    /// None, with a warning, when the directory cannot be used safely: a process without a cache is
    /// slower, not wrong.
    pub(crate) fn open(dir: PathBuf, engine: &Engine, clock: &Clock) -> Option<Self> {
        match prepare(&dir) {
            Ok(owner) => Some(Self {
                dir,
                engine: fingerprint(engine),
                owner,
                clock: clock.clone(),
            }),
            Err(reason) => {
                let dir = dir.display();
                tracing::warn!(
                    %dir,
                    reason,
                    "compiled code is not cached, so each start compiles the bundle again; let this user \
                     alone write to the directory, or set {CACHE_VARIABLE} to another one"
                );
                None
            }
        }
    }

    /// The component of a bundle, if its code is in the cache and sound.
    pub(crate) fn get(&self, bundle: Digest, engine: &Engine) -> Option<Component> {
        let path = self.entry(bundle);
        match self.load(&path, engine) {
            Ok(component) => {
                self.touch(&path);
                Some(component)
            }
            Err(Miss::Absent) => None,
            Err(Miss::Unsafe(reason) | Miss::Broken(reason)) => {
                let path = path.display();
                tracing::warn!(%path, reason, "cached code is not used, the bundle is compiled again");
                None
            }
        }
    }

    /// Stores the code of a bundle, then removes the oldest entries above the cache's size.
    pub(crate) fn put(&self, bundle: Digest, component: &Component) {
        let path = self.entry(bundle);
        let stored = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| self.store(&path, &code))
            .and_then(|()| self.evict(CACHE_BYTES));
        if let Err(error) = stored {
            let path = path.display();
            tracing::warn!(%path, %error, "compiled code is not cached");
        }
    }

    fn entry(&self, bundle: Digest) -> PathBuf {
        self.dir
            .join(format!("{bundle}-{}.{EXTENSION}", self.engine))
    }

    fn load(&self, path: &Path, engine: &Engine) -> Result<Component, Miss> {
        let broken = |error: io::Error| Miss::Broken(error.to_string());
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
            Err(error) => return Err(broken(error)),
        };
        // The directory again, for somebody may have opened it up since the start.
        let dir = fs::metadata(&self.dir).map_err(broken)?;
        ours_alone(&dir, self.owner).map_err(Miss::Unsafe)?;
        // The open file and not its path, which may name another one by now.
        let metadata = file.metadata().map_err(broken)?;
        ours_alone(&metadata, self.owner).map_err(Miss::Unsafe)?;
        if !metadata.is_file() || metadata.len() > CACHE_BYTES {
            return Err(Miss::Broken(
                "it is not a file of a possible size".to_owned(),
            ));
        }
        let mut entry = Vec::with_capacity(metadata.len() as usize);
        file.read_to_end(&mut entry).map_err(broken)?;
        let code = checked(path, &entry).map_err(Miss::Broken)?;
        Trusted::checked_by_cache(code)
            .load(engine)
            .map_err(|error| Miss::Broken(format!("{error:#}")))
    }

    fn store(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        // Under a passing name first, so that nobody ever sees half an entry. The checksum makes up for
        // a crash before the data reaches the disk.
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(code)?;
        file.write_all(&checksum(path, code))?;
        file.persist(path)?;
        Ok(())
    }

    /// Marks an entry as used. A failure makes it look older than it is, no more.
    fn touch(&self, path: &Path) {
        let since_epoch = Duration::from_millis(self.clock.now_ms().max(0).unsigned_abs());
        let now = SystemTime::UNIX_EPOCH + since_epoch;
        let _ = File::open(path).and_then(|file| file.set_modified(now));
    }

    /// Removes the entries that were not used for longest until the rest has at most `allowed` bytes.
    fn evict(&self, allowed: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() && is_of_a_cache(&entry.path()) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if total <= allowed {
                break;
            }
            match fs::remove_file(path) {
                Ok(()) => total -= len,
                // Another process has evicted it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => total -= len,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Makes the directory fit for a cache, and finds out who we are by making a file in it.
fn prepare(dir: &Path) -> Result<u32, String> {
    let said = |error: io::Error| error.to_string();
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(said)?;
    let probe = NamedTempFile::new_in(dir).map_err(said)?;
    let owner = probe.as_file().metadata().map_err(said)?.uid();
    ours_alone(&fs::metadata(dir).map_err(said)?, owner)?;
    Ok(owner)
}

/// Whether nobody else can have written a file or directory.
fn ours_alone(metadata: &Metadata, owner: u32) -> Result<(), String> {
    if metadata.uid() != owner {
        return Err(format!(
            "it belongs to user {}, we are {owner}",
            metadata.uid()
        ));
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(format!(
            "others may write to it (mode {mode:o}); make it 700"
        ));
    }
    Ok(())
}

/// The code in an entry, if its checksum is right.
pub(crate) fn checked<'a>(path: &Path, entry: &'a [u8]) -> Result<&'a [u8], String> {
    let Some((code, found)) = entry.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err("it is cut short".to_owned());
    };
    if checksum(path, code) == *found {
        Ok(code)
    } else {
        Err("its checksum is wrong".to_owned())
    }
}

/// Over the name too, so that an entry cannot stand in for another.
fn checksum(path: &Path, code: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update([0]);
    hasher.update(code);
    hasher.finalize().into()
}

/// Entries, and what a crash left of entries: the passing names begin with a dot.
fn is_of_a_cache(path: &Path) -> bool {
    let passing = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp"));
    passing || path.extension() == Some(OsStr::new(EXTENSION))
}

/// What the compiled code of an engine depends on, as text for a file name.
fn fingerprint(engine: &Engine) -> String {
    struct Fingerprint(Sha256);
    impl Hasher for Fingerprint {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            let digest: [u8; 32] = self.0.clone().finalize().into();
            let (first, _) = digest.split_first_chunk().expect("32 bytes begin with 8");
            u64::from_be_bytes(*first)
        }
    }
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests;
