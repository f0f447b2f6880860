//! The output directory of a sink: made, claimed, swept of what killed runs left, and removed again
//! when it was made for nothing.
//!
//! Every sink with temporary files in a directory holds a shared lock on the directory itself for as
//! long as it or one of its writers lives; the operating system takes the lock away from a process that
//! is killed. So whoever gets the lock alone knows that no temporary file in there is anybody's.
//! Invariant: a temporary file is removed by a sweep only if it was there before the sweeper got the
//! lock alone, so never while a sink that holds the lock lives. Limits: jobs that share a directory keep
//! each other from sweeping; where the file system has no such locks (among them NFS and what is not
//! Unix) nothing is ever swept; where its locks do not reach other hosts, a directory must not be shared
//! between hosts.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::part::{is_temporary, probe_name, remove};
use crate::access::Access;
use crate::error::ConnectorError;

/// An output directory.
#[derive(Debug)]
pub(super) struct Directory {
    /// As the job gave it.
    path: PathBuf,
    access: Access,
    held: Mutex<Held>,
}

/// What is to be given back at the end.
#[derive(Debug, Default)]
struct Held {
    /// The directory, with the shared lock; absent until it was had.
    claim: Option<File>,
    /// The directories that were made for this sink, outermost first.
    made: Vec<PathBuf>,
}

impl Directory {
    pub(super) fn new(path: PathBuf, access: Access) -> Self {
        let held = Mutex::default();
        Self { path, access, held }
    }

    /// As the job gave it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory unless it is there, sweeps it and claims it; its path to open files in.
    pub(super) fn prepare(&self) -> Result<PathBuf, ConnectorError> {
        let real = self.checked()?;
        self.make(&real).map_err(|error| self.not_made(error))?;
        sweep(&real);
        self.claim(&real);
        Ok(real)
    }

    /// Makes and claims the directory unless that was done; its path to open files in.
    pub(super) fn open(&self) -> Result<PathBuf, ConnectorError> {
        let real = self.checked()?;
        self.make(&real).map_err(|error| self.not_made(error))?;
        self.claim(&real);
        Ok(real)
    }

    /// The directory's path, whether it is there or not.
    pub(super) fn checked(&self) -> Result<PathBuf, ConnectorError> {
        let real = self.access.creatable(&self.path)?;
        if fs::metadata(&real).is_ok_and(|metadata| !metadata.is_dir()) {
            let problem = "is there and is not a directory; choose another path for the output";
            return Err(ConnectorError::input(&self.path, problem));
        }
        Ok(real)
    }

    /// Whether another directory may be written to.
    pub(super) fn allows(&self, other: &Path) -> Result<(), ConnectorError> {
        self.access.creatable(other).map(drop)
    }

    /// Makes a file in the directory and removes it.
    pub(super) fn check_writable(&self, real: &Path) -> Result<(), ConnectorError> {
        let probe = real.join(probe_name());
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&probe);
        made.map_err(|error| {
            ConnectorError::io("write to the output directory", &self.path, error)
        })?;
        remove(&probe)
    }

    /// Claims the directory unless that was done. A sweep that is under way at this moment refuses; it
    /// cannot touch files that are yet to be made, and later ones find the claim of a later try.
    pub(super) fn claim(&self, real: &Path) {
        let mut held = self.held();
        if held.claim.is_none() {
            held.claim = File::open(real)
                .ok()
                .filter(|directory| directory.try_lock_shared().is_ok());
        }
    }

    /// Lets the directory stand even if it is empty.
    pub(super) fn keep(&self) {
        self.held().made.clear();
    }

    fn make(&self, real: &Path) -> io::Result<()> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing: Vec<&Path> = real.ancestors().take_while(missing).collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => self.held().made.push(path.to_owned()),
                // Another job was faster, or the path goes up again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn not_made(&self, error: io::Error) -> ConnectorError {
        ConnectorError::io("make the output directory", &self.path, error)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Directory {
    /// Removes what was made for this sink and is still empty, unless another sink is using it.
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        let alone = |claim: &File| !matches!(claim.try_lock(), Err(TryLockError::WouldBlock));
        if !held.claim.as_ref().is_none_or(alone) {
            return;
        }
        for path in held.made.drain(..).rev() {
            if fs::remove_dir(path).is_err() {
                // It is not empty, or somebody else has removed it.
                return;
            }
        }
    }
}

/// Removes the temporary files that are nobody's. They are looked for before the lock is tried: those
/// of a sink that the lock keeps from claiming the directory are made later.
fn sweep(directory: &Path) {
    let temporary = temporary_files(directory).unwrap_or_default();
    if temporary.is_empty() {
        return;
    }
    let Ok(lock) = File::open(directory) else {
        return;
    };
    if lock.try_lock().is_err() {
        return;
    }
    for path in temporary {
        match remove(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "removed what a killed job left"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "left a stale temporary file");
            }
        }
    }
}

fn temporary_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(is_temporary);
        if is_ours && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
