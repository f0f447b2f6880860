//! The processes of this machine, as `/proc` lists them.

use std::fs;
use std::path::Path;

/// The processes whose command lines name a directory, or something in it, each as its number and its command
/// line; the calling process is not among them.
pub(crate) fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir
        .to_str()
        .expect("the tests' directories have plain names");
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| {
        // What has ended meanwhile, or is no process, has no command line.
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some(format!("{} {line}", entry.file_name().to_string_lossy()))
    });
    lines.filter(|line| line.contains(dir)).collect()
}
