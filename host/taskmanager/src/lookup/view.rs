//! The files of a native snapshot of one subtask, in a directory here.
//!
//! Invariant: the directory goes with the view.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::handles::{FileHandle, NativeState};
use wasmill_types::id::JobId;

use super::StorageError;

/// Handles that are looked at say where their bytes are, whatever the directory.
const ANYWHERE: &str = "";

/// The files of a snapshot.
#[derive(Debug)]
pub(super) struct View {
    job: JobId,
    name: String,
    state: NativeState,
    directory: PathBuf,
}

/// Why files are not here.
#[derive(Debug, Error)]
pub(super) enum ViewError {
    /// The local disk.
    #[error("{action} `{path}`")]
    Local {
        /// What was done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Checkpoint storage.
    #[error("bring the state here")]
    Storage(#[from] StorageError),
}

impl View {
    /// An empty directory for the files of a snapshot.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn make(
        directory: PathBuf,
        job: JobId,
        name: String,
        state: NativeState,
    ) -> Result<Self, ViewError> {
        let made = std::fs::create_dir_all(&directory);
        made.map_err(local("make", &directory))?;
        Ok(Self {
            job,
            name,
            state,
            directory,
        })
    }

    /// Brings the files here; those that an earlier view has are linked.
    ///
    /// # Errors
    /// When storage cannot read one, or the disk cannot take it.
    pub(super) async fn fill(
        &self,
        storage: &Storage,
        earlier: Option<&Self>,
    ) -> Result<(), ViewError> {
        for (name, handle) in self.state.files() {
            let to = self.directory.join(name);
            match earlier.filter(|earlier| earlier.has(name, handle)) {
                Some(earlier) => {
                    let linked = tokio::fs::hard_link(earlier.directory.join(name), &to).await;
                    linked.map_err(local("link", &to))?;
                }
                None => storage.download(handle, ANYWHERE, &to).await?,
            }
        }
        Ok(())
    }

    /// Where the files are.
    pub(super) fn path(&self) -> &Path {
        &self.directory
    }

    /// The snapshot.
    pub(super) fn state(&self) -> &NativeState {
        &self.state
    }

    /// Whether it is that of a subtask.
    pub(super) fn is_of(&self, job: JobId, name: &str) -> bool {
        self.job == job && self.name == name
    }

    /// Whether it is a job's.
    pub(super) fn is_of_job(&self, job: JobId) -> bool {
        self.job == job
    }

    fn has(&self, name: &str, handle: &FileHandle) -> bool {
        let mut files = self.state.files();
        files.any(|(its, its_handle)| its == name && its_handle == handle)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            let path = self.directory.display();
            tracing::warn!(%path, %error, "left files of a look at state behind");
        }
    }
}

fn local(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ViewError {
    let path = path.to_owned();
    move |source| ViewError::Local {
        action,
        path,
        source,
    }
}
