//! The names of directories and files in checkpoint storage (semantics §7.22, §8.1).
//!
//! Used by the coordinator, which says where things go, and by `storage`, which finds them again. Pure:
//! these are texts. Invariant: a directory never ends with a slash.

use wasmill_types::id::JobId;

use crate::CheckpointId;

/// The name of the file that makes a directory a complete checkpoint or savepoint.
pub const METADATA: &str = "_metadata";

/// What the directories of checkpoints begin with.
const CHECKPOINT_PREFIX: &str = "chk-";

/// The directory of one job's checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDirectory {
    path: String,
}

impl JobDirectory {
    /// The directory of a job under the configured checkpoint directory.
    pub fn new(checkpoints: &str, job: JobId) -> Self {
        Self {
            path: join(checkpoints, &job.to_string()),
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The directory of files that several checkpoints may refer to.
    pub fn shared(&self) -> String {
        join(&self.path, "shared")
    }

    /// The directory of files that tasks keep on their own account and the coordinator never deletes.
    pub fn task_owned(&self) -> String {
        join(&self.path, "taskowned")
    }

    /// The directory of files of one checkpoint.
    pub fn checkpoint(&self, checkpoint: CheckpointId) -> String {
        join(&self.path, &format!("{CHECKPOINT_PREFIX}{checkpoint}"))
    }
}

/// The directory of a new savepoint: unlike any other by its random part.
pub fn savepoint(target: &str, job: JobId, random: u64) -> String {
    let job = job.to_string();
    let name = format!("savepoint-{}-{:012x}", &job[..6], random & 0xffff_ffff_ffff);
    join(target, &name)
}

/// The checkpoint that a directory's name stands for.
pub fn checkpoint_of(directory: &str) -> Option<CheckpointId> {
    let number = directory
        .rsplit('/')
        .next()?
        .strip_prefix(CHECKPOINT_PREFIX)?;
    number.parse().ok().map(CheckpointId)
}

/// The directory of a snapshot that a user named by its directory or by its metadata file.
pub fn directory_of(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some((directory, METADATA)) => directory,
        _ => path,
    }
}

/// A path below a directory.
pub fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// Whether a file is in a directory, or below.
pub fn is_below(file: &str, directory: &str) -> bool {
    let below = file.strip_prefix(directory.trim_end_matches('/'));
    below.is_some_and(|rest| rest.starts_with('/'))
}

/// The directory above one.
pub fn parent(directory: &str) -> &str {
    let directory = directory.trim_end_matches('/');
    directory.rsplit_once('/').map_or("", |(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_flinks() {
        let job = JobId(0xabc_def0_1234);
        let directory = JobDirectory::new("s3://bucket/checkpoints/", job);
        let root = "s3://bucket/checkpoints/000000000000000000000abcdef01234";
        assert_eq!(directory.shared(), format!("{root}/shared"));
        assert_eq!(directory.task_owned(), format!("{root}/taskowned"));
        assert_eq!(
            directory.checkpoint(CheckpointId(7)),
            format!("{root}/chk-7")
        );
        let savepoint = savepoint("/savepoints", JobId(u128::MAX), 0xff);
        assert_eq!(savepoint, "/savepoints/savepoint-ffffff-0000000000ff");
    }

    #[test]
    fn a_restore_path_may_be_the_directory_or_the_metadata_file() {
        for path in ["/a/b", "/a/b/", "/a/b/_metadata"] {
            assert_eq!(directory_of(path), "/a/b");
        }
    }

    #[test]
    fn checkpoint_directories_tell_their_id() {
        for (directory, id) in [
            ("/a/chk-12", Some(12)),
            ("chk-0", Some(0)),
            ("/a/chk-x", None),
            ("/a/savepoint-1", None),
        ] {
            assert_eq!(
                checkpoint_of(directory),
                id.map(CheckpointId),
                "{directory}"
            );
        }
    }
}
