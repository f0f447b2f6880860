//! What a job has written.

use std::fs;
use std::path::{Path, PathBuf};

/// The part files of an output directory, in the order of their names; nothing else may be there.
pub(crate) fn parts(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut parts: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    parts.sort();
    for part in &parts {
        let name = part.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("part-"),
            "{} is no part file",
            part.display()
        );
    }
    parts
}

/// All lines of all part files, sorted.
pub(crate) fn lines_of_parts(dir: &Path) -> Vec<String> {
    let texts = parts(dir)
        .into_iter()
        .map(|part| fs::read_to_string(part).unwrap());
    let texts: Vec<_> = texts.collect();
    let mut lines: Vec<_> = texts
        .iter()
        .flat_map(|text| text.lines().map(str::to_owned))
        .collect();
    lines.sort();
    lines
}

/// Fails if there is any file, hidden ones too: a job that failed cleans up.
pub(crate) fn assert_nothing_written(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let left: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "the job left {left:?}");
}
