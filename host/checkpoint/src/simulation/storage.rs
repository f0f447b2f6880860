//! Storage: files by URL. What is written is there whole, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::coordinator::Completed;
use crate::handles::{FileHandle, Place};
use crate::layout::{self, JobDirectory};
use crate::{Barrier, Metadata};

/// The name of the file that makes a checkpoint complete.
const METADATA: &str = "_metadata";

#[derive(Debug, Default)]
pub(super) struct Storage {
    files: BTreeMap<String, Vec<u8>>,
}

impl Storage {
    /// Writes a file of a checkpoint; its handle.
    pub(super) fn write(&mut self, barrier: &Barrier, place: Place, bytes: Vec<u8>) -> FileHandle {
        let handle = FileHandle {
            place,
            size: bytes.len() as u64,
            checksum: xxh3_64(&bytes),
        };
        let url = handle.url(&barrier.directory).unwrap();
        let before = self.files.insert(url, bytes);
        assert_eq!(before, None, "two files have one name");
        handle
    }

    /// Writes metadata, unless there is some.
    pub(super) fn complete(&mut self, directory: &str, metadata: &Metadata) -> Result<u64, String> {
        let bytes = metadata.encode();
        let count = bytes.len() as u64;
        let url = layout::join(directory, METADATA);
        match self.files.contains_key(&url) {
            true => Err("exists already".to_owned()),
            false => {
                self.files.insert(url, bytes);
                Ok(count)
            }
        }
    }

    /// The bytes behind a handle.
    pub(super) fn read(&self, handle: &FileHandle, directory: &str) -> &[u8] {
        let url = handle.url(directory).unwrap();
        let bytes = self.files.get(&url);
        let bytes = bytes.unwrap_or_else(|| panic!("`{url}` is needed and is not there"));
        assert_eq!(xxh3_64(bytes), handle.checksum, "`{url}` is another file");
        bytes
    }

    pub(super) fn delete(&mut self, url: &str) {
        self.files.remove(url);
    }

    /// The first file of a directory.
    pub(super) fn first_below(&self, directory: &str) -> Option<String> {
        let mut files = self.files.keys();
        files.find(|url| layout::is_below(url, directory)).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// What is there.
    pub(super) fn urls(&self) -> Vec<&String> {
        self.files.keys().collect()
    }

    /// Fails unless all files of a checkpoint are there.
    pub(super) fn check(&self, completed: &Completed) {
        let metadata = layout::join(&completed.location, METADATA);
        assert!(self.files.contains_key(&metadata), "{metadata}");
        for url in needed(completed) {
            let id = completed.id();
            assert!(self.files.contains_key(&url), "{id} needs `{url}`");
        }
    }

    /// What a JobManager that starts finds: the newest checkpoints that can be used, oldest first. The rest goes,
    /// as in `Handle::completed` of the JobManager and in the sweep of the real storage.
    pub(super) fn recover(&mut self, job: &JobDirectory, retained: usize) -> Vec<Completed> {
        let mut usable = Vec::new();
        for (url, bytes) in &self.files {
            let Some(directory) = url.strip_suffix(&format!("/{METADATA}")) else {
                continue;
            };
            let metadata = Metadata::decode(bytes).unwrap();
            let found = Completed::new(directory, metadata);
            let mut urls = needed(&found).into_iter();
            if urls.all(|url| self.files.contains_key(&url)) {
                usable.push(found);
            }
        }
        usable.sort_by_key(Completed::id);
        let surplus = usable.len().saturating_sub(retained);
        let kept = usable.split_off(surplus);
        let mut stays: BTreeSet<String> = kept.iter().flat_map(needed).collect();
        stays.extend(kept.iter().map(|it| layout::join(&it.location, METADATA)));
        let strays = |url: &String| layout::is_below(url, job.path()) && !stays.contains(url);
        self.files.retain(|url, _| !strays(url));
        kept
    }
}

/// The files that a checkpoint refers to.
fn needed(completed: &Completed) -> Vec<String> {
    let operators = completed.metadata.operators.iter();
    let states = operators.flat_map(|operator| operator.subtasks.values());
    let files = states.flat_map(|state| state.files());
    let urls = files.filter_map(|file| file.handle().url(&completed.location));
    urls.collect()
}
