//! From the option `path` to the files to read.
//!
//! Called by the source's planning, before any task starts, so that missing or unreadable input ends
//! the job at once. Invariant: the files come in the order of their paths' bytes, each once, at most
//! [`MAX_FILES`], and every one of them was opened and went through [`Access`].

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

use crate::access::Access;
use crate::error::ConnectorError;

/// The most files that one source reads: each costs an entry in the plan.
pub(super) const MAX_FILES: usize = 1_000_000;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// As the job wrote it, or as it was found below what the job wrote.
    pub(super) path: String,
    /// In bytes.
    pub(super) length: u64,
}

/// The files behind a file's name, a directory's name or a pattern.
pub(super) fn find(path: &Path, access: &Access) -> Result<Vec<Found>, ConnectorError> {
    let mut walk = Walk {
        access,
        found: Vec::new(),
        ancestors: Vec::new(),
        checked: None,
    };
    let is_pattern = path.to_string_lossy().contains(['*', '?', '[']);
    // A file may have brackets in its name.
    if is_pattern && (access.existing(path).is_err() || path.symlink_metadata().is_err()) {
        walk.pattern(path)?;
    } else {
        walk.visit(path.to_owned())?;
        if walk.found.is_empty() {
            let problem = "holds no files to read; names that start with `.` or `_` are left out";
            return Err(ConnectorError::input(path, problem));
        }
    }
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found.dedup();
    Ok(walk.found)
}

struct Walk<'a> {
    access: &'a Access,
    found: Vec<Found>,
    /// The directories being walked, resolved: a link that leads back into one would never end.
    ancestors: Vec<PathBuf>,
    /// The directory in which the last match was found to be on no loop.
    checked: Option<PathBuf>,
}

impl Walk<'_> {
    fn pattern(&mut self, pattern: &Path) -> Result<(), ConnectorError> {
        let (base, rest) = split_pattern(pattern);
        if rest.iter().any(|part| part == "..") && self.access.is_restricted() {
            let path = pattern.to_owned();
            return Err(ConnectorError::NotAllowed { path });
        }
        let base_resolved = self.access.existing(&base).map_err(|error| match error {
            ConnectorError::NotAllowed { .. } => ConnectorError::NotAllowed {
                path: pattern.to_owned(),
            },
            other => other,
        })?;
        if let Err(error) = fs::metadata(base_resolved) {
            return Err(ConnectorError::io("read", &base, error));
        }
        let text = pattern.to_str().ok_or_else(|| not_unicode(pattern))?;
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::new()
        };
        let matches = glob::glob_with(text, options).map_err(|error| {
            ConnectorError::input(pattern, format!("is not a pattern: {error}"))
        })?;
        let spelled = |mark| rest.iter().any(|part| part.starts_with(mark));
        let (dots, underscores) = (spelled('.'), spelled('_'));
        let deep = rest.iter().any(|part| part == "**");
        for path in matches {
            let path = path.map_err(|error| {
                let path = error.path().to_owned();
                ConnectorError::io("read", &path, error.into())
            })?;
            let below = path.strip_prefix(&base).unwrap_or(&path);
            let hidden = below.components().any(|part| {
                let name = part.as_os_str().as_encoded_bytes();
                (!dots && name.starts_with(b".")) || (!underscores && name.starts_with(b"_"))
            });
            if !hidden {
                if deep {
                    self.check_loops(&base, &path)?;
                }
                self.visit(path)?;
            }
        }
        if self.found.is_empty() {
            let problem = "matches no files; names that start with `.` or `_` are left out";
            return Err(ConnectorError::input(pattern, problem));
        }
        Ok(())
    }

    /// `**` follows links: one that leads back would give the same files again and again.
    fn check_loops(&mut self, base: &Path, path: &Path) -> Result<(), ConnectorError> {
        let parent = path.parent().unwrap_or(base);
        if self.checked.as_deref() == Some(parent) {
            return Ok(());
        }
        let mut resolved = Vec::new();
        let below = |path: &&Path| *path != base && !path.as_os_str().is_empty();
        for directory in parent.ancestors().take_while(below).chain([base]) {
            let real = directory.canonicalize();
            let real = real.map_err(|error| ConnectorError::io("read", directory, error))?;
            if resolved.contains(&real) {
                return Err(loop_in(parent));
            }
            resolved.push(real);
        }
        self.checked = Some(parent.to_owned());
        Ok(())
    }

    fn visit(&mut self, path: PathBuf) -> Result<(), ConnectorError> {
        let real = self.access.existing(&path)?;
        let metadata =
            fs::metadata(&real).map_err(|error| ConnectorError::io("read", &path, error))?;
        if metadata.is_dir() {
            return self.directory(&path, &real);
        }
        // Opening a pipe would wait for a writer.
        if !metadata.is_file() {
            let problem = "is neither a file nor a directory";
            return Err(ConnectorError::input(&path, problem));
        }
        File::open(&real).map_err(|error| ConnectorError::io("read", &path, error))?;
        if self.found.len() == MAX_FILES {
            let problem = format!("is one of more than {MAX_FILES} files; read fewer at a time");
            return Err(ConnectorError::input(&path, problem));
        }
        let length = metadata.len();
        let text = path.into_os_string().into_string();
        let path = text.map_err(|path| not_unicode(Path::new(&path)))?;
        self.found.push(Found { path, length });
        Ok(())
    }

    fn directory(&mut self, path: &Path, real: &Path) -> Result<(), ConnectorError> {
        let failed = |error| ConnectorError::io("read the directory", path, error);
        let resolved = real.canonicalize().map_err(failed)?;
        if self.ancestors.contains(&resolved) {
            return Err(loop_in(path));
        }
        self.ancestors.push(resolved);
        let mut names = Vec::new();
        for entry in fs::read_dir(real).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if !matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')) {
                names.push(name);
            }
        }
        // In order, so that of several errors always the same one is told.
        names.sort();
        for name in names {
            self.visit(path.join(name))?;
        }
        self.ancestors.pop();
        Ok(())
    }
}

/// The directory above the first part of a pattern that is not literal, and the parts from there.
fn split_pattern(pattern: &Path) -> (PathBuf, Vec<String>) {
    let mut base = PathBuf::new();
    let mut rest = Vec::new();
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy().into_owned();
        let literal = part == Component::RootDir || !text.contains(['*', '?', '[']);
        if literal && rest.is_empty() {
            base.push(part);
        } else {
            rest.push(text);
        }
    }
    if base.as_os_str().is_empty() {
        base.push(".");
    }
    (base, rest)
}

fn loop_in(path: &Path) -> ConnectorError {
    ConnectorError::input(
        path,
        "leads through a link to a directory that the link is itself in",
    )
}

fn not_unicode(path: &Path) -> ConnectorError {
    ConnectorError::input(path, "has a name that is not valid UTF-8; rename it")
}
