//! The job store: the jobs that run, on disk, so that a JobManager that starts again goes on with them.
//!
//! A job is put in before it starts and taken out when it has ended for good; where it was is in its
//! checkpoints, and a mark beside its file says that there are some. Invariants: a file is whole or not there;
//! one that cannot be read is left alone and told of; the mark is there before anybody sees what a
//! checkpoint has made visible.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use wasmill_rpc::protocol::JobDescription;
use wasmill_types::id::JobId;

use crate::restart::Strategy;

/// What a file begins with; the last byte is the version of what follows.
const HEAD: [u8; 8] = *b"wmjob\0\0\x01";
/// The length of the checksum after it.
const CHECKSUM: usize = 32;
/// The ending of files that are whole.
const ENDING: &str = "job";
/// The ending of the marks of jobs that have completed a checkpoint.
const MARK: &str = "checkpointed";

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredJob {
    /// What was submitted, with the key groups of its state.
    pub(crate) description: JobDescription,
    /// What happens when it fails.
    pub(crate) strategy: Strategy,
}

/// Why the store did not do its part.
#[derive(Debug, Error)]
#[error("{action} `{path}`")]
pub(crate) struct StoreError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The store.
#[derive(Debug)]
pub(crate) struct JobStore {
    dir: PathBuf,
}

impl JobStore {
    /// Opens the store in a directory, which is made when it is not there; with the jobs that are in it.
    /// Blocks for a moment.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Vec<StoredJob>), StoreError> {
        fs::create_dir_all(dir).map_err(failed("make", dir))?;
        let mut jobs = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
            let path = entry.map_err(failed("list", dir))?.path();
            if path.extension().is_some_and(|ending| ending == MARK) {
                continue;
            }
            if path.extension().is_none_or(|ending| ending != ENDING) {
                // Half-written by a process that was killed.
                fs::remove_file(&path).map_err(failed("remove", &path))?;
                continue;
            }
            let bytes = fs::read(&path).map_err(failed("read", &path))?;
            match decode(&bytes) {
                Some(job) => jobs.push(job),
                // Left for a person to look at.
                None => {
                    let path = path.display();
                    tracing::error!(%path, "a stored job cannot be read, it does not go on");
                }
            }
        }
        jobs.sort_by_key(|job| job.description.job);
        let dir = dir.to_owned();
        Ok((Self { dir }, jobs))
    }

    /// Keeps a job. Blocks until it is on the disk.
    pub(crate) fn put(&self, job: &StoredJob) -> Result<(), StoreError> {
        let path = self.path(job.description.job);
        let half = path.with_extension("half");
        let write = || {
            let mut file = fs::File::create(&half)?;
            file.write_all(&encode(job)?)?;
            file.sync_all()?;
            fs::rename(&half, &path)?;
            fs::File::open(&self.dir)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Remembers that a job has completed a checkpoint. Blocks until it is on the disk.
    pub(crate) fn mark(&self, job: JobId) -> Result<(), StoreError> {
        let path = self.mark_of(job);
        let write = || {
            fs::File::create(&path)?.sync_all()?;
            fs::File::open(&self.dir)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Where it is remembered that a job has completed a checkpoint.
    pub(crate) fn mark_of(&self, job: JobId) -> PathBuf {
        self.path(job).with_extension(MARK)
    }

    /// Forgets a job.
    pub(crate) fn remove(&self, job: JobId) -> Result<(), StoreError> {
        for path in [self.path(job), self.mark_of(job)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, job: JobId) -> PathBuf {
        self.dir.join(format!("{job}.{ENDING}"))
    }
}

fn encode(job: &StoredJob) -> io::Result<Vec<u8>> {
    let content = postcard::to_stdvec(job).map_err(io::Error::other)?;
    let checksum = Sha256::digest(&content);
    Ok([&HEAD[..], checksum.as_slice(), &content].concat())
}

fn decode(bytes: &[u8]) -> Option<StoredJob> {
    let rest = bytes.strip_prefix(&HEAD)?;
    let (checksum, content) = rest.split_at_checked(CHECKSUM)?;
    if Sha256::digest(content).as_slice() != checksum {
        return None;
    }
    postcard::from_bytes(content).ok()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn jobs_are_there_again_until_they_are_removed_and_damaged_ones_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (store, jobs) = JobStore::open(dir.path()).unwrap();
        assert_eq!(jobs, []);
        let job = |number| StoredJob {
            description: (*fixture::description("src => out", number)).clone(),
            strategy: Strategy::None,
        };
        for number in [3, 1, 2] {
            store.put(&job(number)).unwrap();
        }
        store.mark(JobId(2)).unwrap();
        store.mark(JobId(3)).unwrap();
        store.remove(JobId(2)).unwrap();
        store.remove(JobId(2)).unwrap();
        assert!(!store.mark_of(JobId(2)).exists());
        assert!(store.mark_of(JobId(3)).exists());
        let damaged = store.path(JobId(3));
        let mut bytes = fs::read(&damaged).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&damaged, bytes).unwrap();
        fs::write(dir.path().join("x.half"), "half").unwrap();
        let (_, jobs) = JobStore::open(dir.path()).unwrap();
        assert_eq!(jobs, [job(1)]);
        assert!(damaged.exists());
        assert!(!dir.path().join("x.half").exists());
    }
}
