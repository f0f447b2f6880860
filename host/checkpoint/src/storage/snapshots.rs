//! Whole snapshots: their metadata, which ones a job has, whether all files are there.
//!
//! Invariant: `_metadata` is written once; a second writer of the same checkpoint is refused.

use std::collections::BTreeSet;

use bytes::Bytes;
use object_store::PutMode;

use super::{Storage, StorageError};
use crate::CheckpointId;
use crate::coordinator::Completed;
use crate::layout::{self, JobDirectory, METADATA};
use crate::metadata::{MAX_METADATA_BYTES, Metadata, MetadataError};

/// A checkpoint in a job's directory, and its metadata if it can be used.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub id: CheckpointId,
    /// Its directory.
    pub directory: String,
    /// Its metadata.
    pub metadata: Result<Metadata, StorageError>,
}

impl Storage {
    /// Writes the metadata of a snapshot, with which it is complete. Returns how many bytes it has.
    ///
    /// # Errors
    /// When it cannot be written, or another one is there already.
    pub async fn write_metadata(
        &self,
        directory: &str,
        metadata: &Metadata,
    ) -> Result<u64, StorageError> {
        let url = layout::join(directory, METADATA);
        let bytes = Bytes::from(metadata.encode());
        let size = bytes.len() as u64;
        match self.put(&url, bytes.clone(), PutMode::Create).await {
            Ok(()) => Ok(size),
            // Our own, when the answer to the first try was lost.
            Err(StorageError::Exists { .. }) if self.get(&url, None, size).await? == bytes => {
                Ok(size)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the metadata of a snapshot that is named by its directory or its metadata file; returns its
    /// directory too.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn read_metadata(&self, path: &str) -> Result<(String, Metadata), StorageError> {
        let directory = layout::directory_of(path);
        let url = layout::join(directory, METADATA);
        let bytes = match self.get(&url, None, MAX_METADATA_BYTES).await {
            Ok(bytes) => bytes,
            Err(StorageError::NotFound { .. }) => {
                let path = path.to_owned();
                return Err(StorageError::NoSnapshot { path });
            }
            Err(error) => return Err(error),
        };
        let metadata = Metadata::decode(&bytes).map_err(|source| StorageError::Metadata {
            path: path.to_owned(),
            source,
        })?;
        Ok((directory.to_owned(), metadata))
    }

    /// The completed checkpoints of a job, newest first, with those that cannot be used.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn checkpoints(&self, job: &JobDirectory) -> Result<Vec<Found>, StorageError> {
        let files = self.list(job.path()).await?;
        let mut ids: Vec<_> = files
            .iter()
            .filter_map(|file| file.url.strip_suffix(METADATA))
            .filter_map(|directory| layout::checkpoint_of(directory.trim_end_matches('/')))
            .collect();
        ids.sort_unstable();
        let mut found = Vec::new();
        for id in ids.into_iter().rev() {
            let directory = job.checkpoint(id);
            let metadata = self.read_metadata(&directory).await;
            found.push(Found {
                id,
                directory,
                metadata: metadata.map(|(_, metadata)| metadata),
            });
        }
        Ok(found)
    }

    /// Deletes files, and then what else is in a directory: what the coordinator's
    /// [`CleanUp`](crate::coordinator::Action::CleanUp) asks for.
    ///
    /// # Errors
    /// How many deletions failed, and why the first did; the others are done.
    pub async fn clean_up(
        &self,
        files: &[String],
        directory: Option<&str>,
    ) -> Result<(), (usize, StorageError)> {
        let inside = |file: &&String| directory.is_some_and(|above| layout::is_below(file, above));
        // Those inside go with the directory, in fewer calls.
        let outside: Vec<_> = files.iter().filter(|file| !inside(file)).cloned().collect();
        let files = self.delete_files(&outside).await;
        let Some(directory) = directory else {
            return files;
        };
        let directory = self.delete_directory(directory).await;
        match (files, directory) {
            (files, Ok(())) => files,
            (Ok(()), Err(error)) => Err((1, error)),
            (Err((count, first)), Err(_)) => Err((count + 1, first)),
        }
    }

    /// Deletes what a JobMaster that died left in the job's directory: everything to which none of the
    /// snapshots that are `kept` refers. Called before the job starts again, when no task of it writes.
    /// Returns how many files went.
    ///
    /// # Errors
    /// When storage does not answer; what could be deleted is.
    pub async fn sweep(
        &self,
        job: &JobDirectory,
        kept: &[Completed],
    ) -> Result<usize, StorageError> {
        // One place has several spellings, as `file:///a` and `/a`, so all are brought to the one that lists have.
        let mut needed = BTreeSet::new();
        for snapshot in kept {
            let metadata = layout::join(&snapshot.location, METADATA);
            needed.insert(self.locate(&metadata)?.url());
            let operators = snapshot.metadata.operators.iter();
            let states = operators.flat_map(|operator| operator.subtasks.values());
            for file in states.flat_map(|state| state.files()) {
                if let Some(url) = file.handle().url(&snapshot.location) {
                    needed.insert(self.locate(&url)?.url());
                }
            }
        }
        let task_owned = self.locate(&job.task_owned())?.url();
        let files = self.list(job.path()).await?;
        let stray = files.into_iter().map(|file| file.url);
        let stray =
            stray.filter(|url| !needed.contains(url) && !layout::is_below(url, &task_owned));
        let stray: Vec<_> = stray.collect();
        match self.delete_files(&stray).await {
            Ok(()) => Ok(stray.len()),
            Err((_, error)) => Err(error),
        }
    }

    /// Whether all files that a snapshot refers to are there with their sizes.
    ///
    /// # Errors
    /// Names the first file that is not.
    pub async fn check_files(
        &self,
        directory: &str,
        metadata: &Metadata,
    ) -> Result<(), StorageError> {
        let states = metadata
            .operators
            .iter()
            .flat_map(|operator| operator.subtasks.values());
        for file in states.flat_map(|state| state.files()) {
            let handle = file.handle();
            let Some(url) = handle.url(directory) else {
                continue;
            };
            match self.size(&url).await? {
                Some(size) if size == handle.size => {}
                Some(found) => {
                    return Err(StorageError::Short {
                        url,
                        expected: handle.size,
                        found,
                    });
                }
                None => return Err(StorageError::NotFound { url }),
            }
        }
        Ok(())
    }

    /// Deletes a savepoint, or a checkpoint that was kept, with everything in its directory.
    ///
    /// # Errors
    /// When the path is not a snapshot's: nothing else is ever deleted.
    pub async fn dispose(&self, path: &str) -> Result<(), StorageError> {
        let directory = match self.read_metadata(path).await {
            Ok((directory, _)) => directory,
            // Damaged, but metadata once: the user wants it gone.
            Err(StorageError::Metadata { source, .. })
                if !matches!(source, MetadataError::NotMetadata) =>
            {
                layout::directory_of(path).to_owned()
            }
            Err(error) => return Err(error),
        };
        // First, so that a deletion that stops halfway leaves nothing that looks like a snapshot.
        self.delete(&layout::join(&directory, METADATA)).await?;
        self.delete_directory(&directory).await
    }
}
