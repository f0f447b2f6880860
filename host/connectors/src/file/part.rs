//! One part file, from its first byte to durable under a temporary name.
//!
//! Temporary names start with a dot, so that nobody who lists or reads the directory takes the file for
//! output; run and attempt are part of them, so that what a killed attempt left is not in the way.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::commit::PartName;
use crate::error::ConnectorError;
use crate::sink::{Committable, WriterContext};

/// Bytes that are gathered before they are written. One batch may exceed it.
const BUFFER_BYTES: usize = 1 << 20;

/// What every temporary name starts with.
const TEMPORARY_START: &str = ".part-";

/// What stands between the final name and the run in a temporary name.
const IN_PROGRESS: &str = ".inprogress-";

/// What stands there in the name of a part that was handed over at a barrier: nobody sweeps it but the
/// job that made it.
const HANDED_OVER: &str = ".pending-";

/// The name, without the dot, of the file with which a directory is tried out.
const PROBE: &str = "part-probe";

/// A part file being written.
#[derive(Debug)]
pub(super) struct OpenPart {
    name: PartName,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    written: u64,
}

/// A part file that is complete and durable, but hidden: the state behind a committable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StagedPart {
    /// Its file name now.
    pub(super) temporary: String,
    /// Its name when committed.
    pub(super) name: PartName,
    /// Its length.
    pub(super) bytes: u64,
    /// Its directory, of one that was handed over: a job may be restored with another output directory.
    #[serde(default)]
    pub(super) directory: Option<PathBuf>,
}

impl OpenPart {
    /// Makes the file.
    pub(super) fn create(
        directory: &Path,
        name: PartName,
        context: &WriterContext,
    ) -> Result<Self, ConnectorError> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let run: String = context.run.chars().map(plain).collect();
        let path = directory.join(format!(".{name}{IN_PROGRESS}{run}-{}", context.attempt));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).open(&path);
        let file = file.map_err(|error| ConnectorError::io("make", &path, error))?;
        Ok(Self::on(file, name, path))
    }

    /// A part that is written to `file`.
    pub(super) fn on(file: File, name: PartName, path: PathBuf) -> Self {
        Self {
            name,
            path,
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written: 0,
        }
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length so far.
    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends a record as a line.
    #[inline]
    pub(super) fn push(&mut self, record: &[u8]) {
        self.buffer.extend_from_slice(record);
        self.buffer.push(b'\n');
    }

    /// Writes what was gathered, once it is worth a call.
    pub(super) fn write_when_large(&mut self) -> Result<(), ConnectorError> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.write_out()
    }

    /// Writes what was gathered.
    pub(super) fn write_out(&mut self) -> Result<(), ConnectorError> {
        let written = self.file.write_all(&self.buffer);
        written.map_err(|error| ConnectorError::io("write", &self.path, error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes the file complete and durable.
    pub(super) fn stage(&mut self) -> Result<StagedPart, ConnectorError> {
        self.write_out()?;
        let synced = self.file.sync_all();
        synced.map_err(|error| ConnectorError::io("write", &self.path, error))?;
        let file_name = self.path.file_name().unwrap_or_default();
        Ok(StagedPart {
            temporary: file_name.to_string_lossy().into_owned(),
            name: self.name.clone(),
            bytes: self.written,
            directory: None,
        })
    }
}

impl StagedPart {
    /// Gives the part the name of one that was handed over.
    pub(super) fn hand_over(mut self, directory: &Path) -> Result<Self, ConnectorError> {
        let name = self.temporary.replacen(IN_PROGRESS, HANDED_OVER, 1);
        let from = directory.join(&self.temporary);
        let renamed = fs::rename(&from, directory.join(&name));
        renamed.map_err(|error| ConnectorError::io("rename", &from, error))?;
        self.temporary = name;
        Ok(self)
    }

    /// The part to hand over to the job.
    pub(super) fn committable(&self) -> Committable {
        Committable::wrap(self.name.to_string(), self)
    }

    /// The parts that were handed over, in the order of their names.
    pub(super) fn of_all(parts: &[Committable]) -> Result<Vec<Self>, ConnectorError> {
        let staged = parts.iter().map(|part| {
            let staged: Self = part.unwrap_state()?;
            // It came over a boundary: a name with a slash would lead out of the directory.
            let inside = |name: &str| !name.contains(['/', '\\']);
            let named = staged.temporary.starts_with(TEMPORARY_START);
            if named && inside(&staged.temporary) && inside(&staged.name.extension) {
                Ok(staged)
            } else {
                Err(part.foreign("it names a file that no writer makes"))
            }
        });
        let mut staged: Vec<Self> = staged.collect::<Result<_, _>>()?;
        staged.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(staged)
    }
}

/// The name of the file with which this process tries a directory out.
pub(super) fn probe_name() -> String {
    format!(".{PROBE}{IN_PROGRESS}{}", std::process::id())
}

/// Whether a file name is one that a sink gives to what is not yet output.
pub(super) fn is_temporary(file_name: &str) -> bool {
    let hidden = file_name.strip_prefix('.');
    hidden
        .and_then(|name| name.rsplit_once(IN_PROGRESS))
        .is_some_and(|(name, _)| name == PROBE || PartName::parse(name).is_some())
}

/// If a file name is one of a job's that is not yet output: of which subtask, and whether it was handed over.
/// `runs` is what the names of the job's runs begin with.
pub(super) fn left_by(file_name: &str, runs: &str) -> Option<(u32, Left)> {
    let hidden = file_name.strip_prefix('.')?;
    for (mark, left) in [
        (IN_PROGRESS, Left::InProgress),
        (HANDED_OVER, Left::HandedOver),
    ] {
        if let Some((name, run)) = hidden.rsplit_once(mark)
            && let Some(name) = PartName::parse(name)
        {
            return run.starts_with(runs).then_some((name.subtask, left));
        }
    }
    None
}

/// How far a part had come that its task left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It was being written.
    InProgress,
    /// It was complete, and handed over at a barrier.
    HandedOver,
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), ConnectorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ConnectorError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}
