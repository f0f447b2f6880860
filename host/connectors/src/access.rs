//! Which files a job may touch.
//!
//! Every path that a job names, and every path found below one, passes through here right before it is
//! opened or created. Invariant: under an allow-list the path that is handed back is canonical and lies
//! below a root, so neither `..` nor a symbolic link leads out. Guests cannot make links themselves; an
//! operator who lets others make links below a root must expect them to win races.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::ConnectorError;

/// Which files a job may touch.
#[derive(Debug, Clone)]
pub struct Access {
    roots: Option<Vec<PathBuf>>,
}

impl Access {
    /// Whatever the operating system lets this process do: for the local runner.
    pub fn unrestricted() -> Self {
        Self { roots: None }
    }

    /// Only what lies below these directories (`connectors.file.roots`); none of them: nothing at all.
    ///
    /// # Errors
    /// A root that does not exist.
    pub fn within(roots: impl IntoIterator<Item = PathBuf>) -> Result<Self, ConnectorError> {
        let canonical = roots.into_iter().map(|root| {
            let found = root.canonicalize();
            found.map_err(|error| ConnectorError::io("use the allowed directory", &root, error))
        });
        Ok(Self {
            roots: Some(canonical.collect::<Result<_, _>>()?),
        })
    }

    /// Whether there is an allow-list.
    pub(crate) fn is_restricted(&self) -> bool {
        self.roots.is_some()
    }

    /// The path to open for something that exists.
    ///
    /// Outside of the roots it makes no difference whether the thing exists: a job learns nothing.
    pub(crate) fn existing(&self, path: &Path) -> Result<PathBuf, ConnectorError> {
        let Some(roots) = &self.roots else {
            return Ok(path.to_owned());
        };
        match path.canonicalize() {
            Ok(canonical) if is_below(roots, &canonical) => Ok(canonical),
            Err(error) if is_plainly_below(roots, path) => {
                Err(ConnectorError::io("find", path, error))
            }
            _ => Err(not_allowed(path)),
        }
    }

    /// The path to create, for something of which only a beginning may exist.
    pub(crate) fn creatable(&self, path: &Path) -> Result<PathBuf, ConnectorError> {
        let Some(roots) = &self.roots else {
            return Ok(path.to_owned());
        };
        let absolute = absolute(path).map_err(|error| ConnectorError::io("find", path, error))?;
        // A dangling link exists in this sense, so that nothing is created through it.
        let exists = |path: &&Path| path.symlink_metadata().is_ok();
        let existing = absolute.ancestors().find(exists);
        let existing = existing.ok_or_else(|| not_allowed(path))?;
        let rest = absolute
            .strip_prefix(existing)
            .unwrap_or_else(|_| Path::new(""));
        let plain = rest
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        match existing.canonicalize() {
            Ok(canonical) if plain && is_below(roots, &canonical) => Ok(canonical.join(rest)),
            _ => Err(not_allowed(path)),
        }
    }
}

fn not_allowed(path: &Path) -> ConnectorError {
    ConnectorError::NotAllowed {
        path: path.to_owned(),
    }
}

fn is_below(roots: &[PathBuf], canonical: &Path) -> bool {
    roots.iter().any(|root| canonical.starts_with(root))
}

/// Whether a path that cannot be resolved is at least written as one below a root.
fn is_plainly_below(roots: &[PathBuf], path: &Path) -> bool {
    absolute(path).is_ok_and(|absolute| {
        let climbs = absolute
            .components()
            .any(|part| part == Component::ParentDir);
        !climbs && is_below(roots, &absolute)
    })
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}
