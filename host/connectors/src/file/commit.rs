//! From temporary names to final ones, once all subtasks have finished.
//!
//! Each file gets its name in one step of the operating system. A commit that is interrupted is
//! repeated with the same parts: a part whose temporary file is gone and whose length stands under one
//! of its names has been placed. Invariants: only `overwrite` replaces or removes a file, and it
//! removes nothing before all new files stand.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::part::{self, Left, StagedPart, left_by};
use crate::error::ConnectorError;
use crate::sink::Recovery;

/// What to do about part files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnExisting {
    /// Do not start.
    Fail,
    /// Remove them once the new ones stand.
    Overwrite,
    /// Keep them, and number the new ones after them.
    Append,
}

impl OnExisting {
    pub(super) const WORDS: [(&'static str, Self); 3] = [
        ("fail", Self::Fail),
        ("overwrite", Self::Overwrite),
        ("append", Self::Append),
    ];
}

/// The name of a part file: `part-<subtask>-<sequence>.<extension>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PartName {
    pub(super) subtask: u32,
    pub(super) sequence: u32,
    pub(super) extension: String,
}

impl PartName {
    pub(super) fn parse(file_name: &str) -> Option<Self> {
        let (subtask, rest) = file_name.strip_prefix("part-")?.split_once('-')?;
        let (sequence, extension) = rest.split_once('.')?;
        let name = Self {
            subtask: subtask.parse().ok()?,
            sequence: sequence.parse().ok()?,
            extension: extension.to_owned(),
        };
        // `part-01-0.csv` is not one of ours.
        (name.to_string() == file_name).then_some(name)
    }

    fn next(&self) -> Self {
        Self {
            sequence: self.sequence.saturating_add(1),
            ..self.clone()
        }
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subtask, sequence, extension) = (self.subtask, self.sequence, &self.extension);
        write!(f, "part-{subtask}-{sequence}.{extension}")
    }
}

/// The part files in a directory, in order.
pub(super) fn part_files(directory: &Path) -> Result<BTreeSet<PartName>, ConnectorError> {
    let failed = |error| ConnectorError::io("read the output directory", directory, error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let file_name = entry.map_err(failed)?.file_name();
        names.extend(file_name.to_str().and_then(PartName::parse));
    }
    Ok(names)
}

/// The first sequence number that no part file of a subtask has, nor a later one.
pub(super) fn next_sequence(directory: &Path, subtask: u32) -> Result<u32, ConnectorError> {
    let names = part_files(directory)?;
    let own = names.iter().filter(|name| name.subtask == subtask);
    Ok(own
        .map(|name| name.sequence.saturating_add(1))
        .max()
        .unwrap_or(0))
}

/// Gives all parts, which are in the order of their names, their final names.
pub(super) fn commit(
    directory: &Path,
    on_existing: OnExisting,
    parts: &[StagedPart],
) -> Result<(), ConnectorError> {
    let mut placed = BTreeSet::new();
    let mut failed = None;
    for part in parts {
        match place(directory, on_existing, part) {
            Ok(name) => drop(placed.insert(name)),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let finished = match failed {
        // Nothing stands yet, and repeating would find the same: there is nothing to go on with.
        Some(ConnectorError::Occupied { path, example }) if placed.is_empty() => {
            discard(directory, parts)?;
            return Err(ConnectorError::TakenMeanwhile { path, example });
        }
        Some(error) => Err(error),
        None => clean_up(directory, on_existing, &placed),
    };
    finished.map_err(|error| ConnectorError::Commit {
        path: directory.to_owned(),
        placed: placed.len(),
        total: parts.len(),
        standing: listed(placed.iter().map(PartName::to_string)),
        missing: listed(
            parts[placed.len()..]
                .iter()
                .map(|part| part.name.to_string()),
        ),
        source: Box::new(error),
    })
}

/// Gives parts that were handed over at barriers names that are free. A part whose file is gone was placed
/// before, and may have been carried off since.
pub(super) fn commit_checkpoint(
    directory: &Path,
    parts: &[StagedPart],
    allows: impl Fn(&Path) -> Result<(), ConnectorError>,
) -> Result<(), ConnectorError> {
    let mut written = BTreeSet::new();
    for part in parts {
        let own = part.directory.as_deref().unwrap_or(directory);
        if own != directory {
            allows(own)?;
        }
        let temporary = own.join(&part.temporary);
        match fs::symlink_metadata(&temporary) {
            Ok(_) => {
                let placed = place(own, OnExisting::Append, part);
                // A task that is about to be stopped may commit the same part at this moment.
                let by_another = placed.is_err() && !is_there(&temporary);
                if !by_another {
                    placed?;
                }
                written.insert(own);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(ConnectorError::io(
                    "give its final name to",
                    &temporary,
                    error,
                ));
            }
        }
    }
    written.into_iter().try_for_each(sync)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Removes the part files that are there.
pub(super) fn remove_old(directory: &Path) -> Result<(), ConnectorError> {
    for old in part_files(directory)? {
        part::remove(&directory.join(old.to_string()))?;
    }
    sync(directory)
}

/// Removes what the tasks of a job have left: what was being written, and if it is wished what was handed
/// over and not committed.
pub(super) fn remove_left(directory: &Path, recovery: &Recovery) -> Result<(), ConnectorError> {
    let failed = |error| ConnectorError::io("read the output directory", directory, error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let left = entry
            .file_name()
            .to_str()
            .and_then(|name| left_by(name, &recovery.job));
        let goes = left.is_some_and(|(subtask, left)| {
            let subtasks = recovery.subtasks.as_ref();
            let is_meant = subtasks.is_none_or(|subtasks| subtasks.contains(&subtask));
            is_meant && (left == Left::InProgress || recovery.removes_later)
        });
        if goes {
            part::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes the temporary files of parts that will not be committed.
pub(super) fn discard(directory: &Path, parts: &[StagedPart]) -> Result<(), ConnectorError> {
    parts
        .iter()
        .try_for_each(|part| part::remove(&directory.join(&part.temporary)))
}

fn clean_up(
    directory: &Path,
    on_existing: OnExisting,
    placed: &BTreeSet<PartName>,
) -> Result<(), ConnectorError> {
    sync(directory)?;
    if on_existing == OnExisting::Overwrite {
        for old in part_files(directory)?.difference(placed) {
            part::remove(&directory.join(old.to_string()))?;
        }
        sync(directory)?;
    }
    Ok(())
}

/// Gives one part its final name; which it is.
fn place(
    directory: &Path,
    on_existing: OnExisting,
    part: &StagedPart,
) -> Result<PartName, ConnectorError> {
    let temporary = directory.join(&part.temporary);
    let failed = |error| ConnectorError::io("give its final name to", &temporary, error);
    match fs::symlink_metadata(&temporary) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return find_placed(directory, part),
        Err(error) => return Err(failed(error)),
    }
    let mut name = part.name.clone();
    if on_existing == OnExisting::Overwrite {
        let target = directory.join(name.to_string());
        fs::rename(&temporary, target).map_err(failed)?;
        return Ok(name);
    }
    loop {
        match rename_to_free(&temporary, &directory.join(name.to_string())) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            Err(_) if on_existing == OnExisting::Append && name.sequence < u32::MAX => {
                name = name.next();
            }
            Err(_) => {
                return Err(ConnectorError::Occupied {
                    path: directory.to_owned(),
                    example: name.to_string(),
                });
            }
        }
    }
}

/// Takes a name away, which somebody who commits the same part may have done already.
fn remove(name: &Path) -> io::Result<()> {
    match fs::remove_file(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Renames to a name that nobody has. A second name for the same file, and then the first one taken
/// away, does what a rename does but fails where a rename would replace.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // A part that cannot leave its old name behind is not to count as placed.
        Ok(()) => remove(from).inspect_err(|_| drop(fs::remove_file(to))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // An earlier attempt may have stopped between the two steps.
            if is_same_file(from, to)? {
                remove(from)
            } else {
                Err(error)
            }
        }
        // A file system without hard links: a look first is the best there is.
        Err(_) if to.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

#[cfg(unix)]
fn is_same_file(a: &Path, b: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (a, b) = (a.symlink_metadata()?, b.symlink_metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// The name under which a part stands that an earlier commit placed.
fn find_placed(directory: &Path, part: &StagedPart) -> Result<PartName, ConnectorError> {
    let names = part_files(directory)?;
    let own = names.into_iter().filter(|name| {
        let same = (name.subtask, &name.extension) == (part.name.subtask, &part.name.extension);
        same && name.sequence >= part.name.sequence
    });
    let length = |name: &PartName| fs::metadata(directory.join(name.to_string())).map(|m| m.len());
    let mut standing = own.filter(|name| length(name).is_ok_and(|length| length == part.bytes));
    standing.next().ok_or_else(|| {
        let problem = format!(
            "is gone, and no `{}` of {} bytes stands in its place; run the job again",
            part.name, part.bytes
        );
        ConnectorError::input(&directory.join(&part.temporary), problem)
    })
}

/// Makes the names in a directory durable.
pub(super) fn sync(directory: &Path) -> Result<(), ConnectorError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| ConnectorError::io("write the output directory", directory, error))
}

/// The first few of some names, for a message.
fn listed(mut names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    if names.len() == 0 {
        return "none".to_owned();
    }
    let shown: Vec<_> = names.by_ref().take(SHOWN).collect();
    match names.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise whoever placed a part would take its final name back.
    #[test]
    fn a_name_that_somebody_else_has_taken_away_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        remove(&dir.path().join("gone")).unwrap();
        remove(dir.path()).unwrap_err();
    }
}
