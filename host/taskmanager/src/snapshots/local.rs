//! State files that are still on this machine's disk, for tasks that start again here: local recovery.
//!
//! `save` keeps hard links to the shared files of a checkpoint, `restore` looks here before it asks storage. What
//! cannot be kept or found is downloaded, so nothing here ever fails a task. Invariants: a file is taken only if
//! its bytes have the handle's checksum; only the last completed checkpoint and those under way are kept; all of a
//! job's go when the job is released.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::handles::FileHandle;
use wasmill_checkpoint::storage;
use wasmill_types::id::{AttemptId, JobId};

/// What all of it is in, below the directory of state.
const LOCAL: &str = "local";
/// What the directories of checkpoints begin with.
const CHECKPOINT: &str = "chk-";
/// What the name of a released job's directory ends with while it is emptied.
const RELEASED: &str = "released";

/// The files of one subtask.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    /// The job's directory, if files are kept.
    job: Option<PathBuf>,
    /// The name of the subtask's directory in there.
    subtask: String,
}

impl LocalFiles {
    /// Those of an attempt's subtask, below the directory of state; none are kept without one.
    pub(crate) fn of(state: Option<&Path>, attempt: AttemptId) -> Self {
        let job = state.map(|state| of_job(state, attempt.job));
        Self {
            // While it is not there nothing is kept: a job that was released leaves nothing.
            job: job.filter(|job| std::fs::create_dir_all(job).is_ok()),
            subtask: format!("{}-{}", attempt.vertex, attempt.subtask),
        }
    }

    /// Keeps a file of a checkpoint, which must never change.
    pub(super) async fn keep(&self, checkpoint: CheckpointId, handle: &FileHandle, file: &Path) {
        let Some(job) = self.job.as_ref().filter(|job| job.is_dir()) else {
            return;
        };
        let name = format!("{CHECKPOINT}{checkpoint}");
        let subtask = job.join(&self.subtask);
        let directory = subtask.join(name);
        let linked = async {
            // One by one: the job's directory is not made again when the job was released meanwhile.
            make(&subtask).await?;
            make(&directory).await?;
            tokio::fs::hard_link(file, directory.join(name_of(handle))).await
        };
        if let Err(error) = linked.await {
            tracing::debug!(file = %file.display(), %error, "not kept for local recovery");
        }
    }

    /// Removes the files of checkpoints of all subtasks here before a completed one.
    pub(super) async fn prune(&self, complete: CheckpointId) {
        let Some(job) = &self.job else { return };
        for subtask in listed(job).await {
            for (checkpoint, directory) in checkpoints(&subtask).await {
                if checkpoint < complete {
                    // Another task may be doing the same.
                    let _ = tokio::fs::remove_dir_all(directory).await;
                }
            }
        }
    }

    /// Makes a file available under another name, if it is here.
    pub(super) async fn fetch(&self, handle: &FileHandle, to: &Path) -> bool {
        let Some(job) = &self.job else { return false };
        for (_, directory) in checkpoints(&job.join(&self.subtask)).await {
            let from = directory.join(name_of(handle));
            if tokio::fs::hard_link(&from, to).await.is_err() {
                continue;
            }
            if storage::is_copy(handle, to).await {
                return true;
            }
            tracing::warn!(file = %from.display(), "a local copy of state is damaged; it is downloaded");
            // Not through the link: what is written to it would be in both.
            let _ = tokio::fs::remove_file(to).await;
        }
        false
    }
}

/// Removes everything that is kept of a job.
pub(crate) fn forget(state: &Path, job: JobId) {
    let path = of_job(state, job);
    // A last upload of the job may still keep files; under another name it does not find the directory, which
    // could otherwise not be emptied.
    let aside = path.with_extension(RELEASED);
    let _ = std::fs::rename(&path, &aside);
    for path in [aside, path] {
        if let Err(error) = std::fs::remove_dir_all(&path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "left local copies of state behind");
        }
    }
    // Other jobs may have something in it.
    let _ = std::fs::remove_dir(state.join(LOCAL));
}

/// Makes a directory in one that is there, unless it is there too.
async fn make(directory: &Path) -> io::Result<()> {
    match tokio::fs::create_dir(directory).await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn of_job(state: &Path, job: JobId) -> PathBuf {
    state.join(LOCAL).join(job.to_string())
}

/// Named by what is in it, so that nothing stale is ever taken.
fn name_of(handle: &FileHandle) -> String {
    format!("{:016x}-{}", handle.checksum, handle.size)
}

async fn checkpoints(subtask: &Path) -> Vec<(CheckpointId, PathBuf)> {
    let directories = listed(subtask).await.into_iter();
    let numbered = directories.filter_map(|path| {
        let number = path.file_name()?.to_str()?.strip_prefix(CHECKPOINT)?;
        Some((CheckpointId(number.parse().ok()?), path))
    });
    numbered.collect()
}

/// What is in a directory; nothing in one that is not there.
async fn listed(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(mut entries) = tokio::fs::read_dir(directory).await {
        while let Ok(Some(entry)) = entries.next_entry().await {
            found.push(entry.path());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use wasmill_types::id::VertexId;

    use super::*;

    #[test]
    fn an_upload_that_is_under_way_leaves_nothing_of_a_released_job() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let file = directory.path().join("file");
        std::fs::write(&file, "state").unwrap();
        for round in 0..200 {
            let job = JobId(round);
            let attempt = AttemptId {
                job,
                vertex: VertexId(1),
                subtask: 0,
                attempt: 0,
            };
            let local = LocalFiles::of(Some(&state), attempt);
            let begun = std::sync::Barrier::new(2);
            let upload = async {
                for number in 0..20 {
                    let (handle, id) = (FileHandle::inline(vec![number]), number / 4);
                    local.keep(CheckpointId(id.into()), &handle, &file).await;
                    if number == 0 {
                        begun.wait();
                    }
                }
            };
            let release = || {
                begun.wait();
                forget(&state, job);
            };
            std::thread::scope(|scope| {
                scope.spawn(release);
                runtime.block_on(upload);
            });
            assert!(!state.join(LOCAL).exists(), "in round {round}");
        }
    }
}
