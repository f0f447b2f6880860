//! Whether the sinks of one job stay out of each other's way.
//!
//! Called with all sinks of a job before it starts, since a sink alone cannot know. Invariant: two sinks
//! that pass never write to the same directory, however their paths are written; nothing is created.

use std::path::{Component, Path, PathBuf};

use wasmill_types::job::ConnectorSpec;

use crate::error::ConnectorError;
use crate::file;

/// Checks the sinks of one job, each with its operator's name, against each other.
///
/// # Errors
/// [`ConnectorError::SharedDirectory`]: with `overwrite` one of the two would remove what the other wrote.
pub fn check_sinks(sinks: &[(&str, &ConnectorSpec)]) -> Result<(), ConnectorError> {
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (name, spec) in sinks {
        let Some(path) = directory(spec) else {
            continue;
        };
        let resolved = resolved(path);
        if let Some((first, _)) = taken.iter().find(|(_, other)| *other == resolved) {
            return Err(ConnectorError::SharedDirectory {
                first: (*first).to_owned(),
                second: (*name).to_owned(),
                path: path.to_owned(),
            });
        }
        taken.push((name, resolved));
    }
    Ok(())
}

/// The directory that a sink owns, if it is of the kind that does.
fn directory(spec: &ConnectorSpec) -> Option<&Path> {
    if spec.name != file::SINK.name {
        return None;
    }
    let path = spec.options.iter().find(|(name, _)| name == file::PATH);
    path.map(|(_, value)| Path::new(value))
}

/// The one name of a directory of which only a beginning may exist: links are followed as far as there
/// are any, and what is still to be made is taken as it is written.
fn resolved(path: &Path) -> PathBuf {
    let Ok(absolute) = std::path::absolute(path) else {
        return path.to_owned();
    };
    for existing in absolute.ancestors() {
        let Ok(mut canonical) = existing.canonicalize() else {
            continue;
        };
        let rest = absolute.strip_prefix(existing);
        for part in rest.unwrap_or_else(|_| Path::new("")).components() {
            match part {
                Component::ParentDir => drop(canonical.pop()),
                Component::Normal(name) => canonical.push(name),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        return canonical;
    }
    absolute
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tests::{spec, told};

    #[test]
    #[cfg(unix)]
    fn two_file_sinks_need_two_directories() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("there/sub")).unwrap();
        std::os::unix::fs::symlink("there", dir.path().join("link")).unwrap();
        for (one, two, shared) in [
            ("there", "there", true),
            ("there", "there/", true),
            ("there", "./there/sub/..", true),
            ("there", "link", true),
            ("link/new/deep", "there/new/deep", true),
            ("new", "missing/../new", true),
            ("new", "./new/.", true),
            ("there", "there/sub", false),
            ("new", "newer", false),
            ("new", "there/new", false),
        ] {
            let path = |path| format!("{}/{path}", dir.path().display());
            let sink = |path: &str| spec("file", &[("format", "csv"), ("path", path)]);
            let (first, second) = (sink(&path(one)), sink(&path(two)));
            let print = spec("print", &[]);
            let sinks = [("one", &first), ("log", &print), ("two", &second)];
            let said = check_sinks(&sinks).map_err(told);
            let expected = format!(
                "sinks `one` and `two` both write to `{}`; give each a directory of its own",
                path(two)
            );
            assert_eq!(said.err(), shared.then_some(expected), "{one} {two}");
        }
        assert!(!dir.path().join("new").exists());
        let relative = spec("file", &[("path", "nowhere")]);
        let absolute = std::path::absolute("nowhere").unwrap();
        let absolute = spec("file", &[("path", absolute.to_str().unwrap())]);
        assert!(check_sinks(&[("one", &relative), ("two", &absolute)]).is_err());
    }

    #[test]
    fn sinks_without_a_directory_may_be_many() {
        let (print, broken) = (spec("print", &[]), spec("file", &[]));
        let sinks = [&print, &print, &broken, &broken].map(|spec| ("s", spec));
        check_sinks(&sinks).unwrap();
    }
}
