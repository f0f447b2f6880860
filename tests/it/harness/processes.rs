//! The processes of this machine, as `/proc` lists them.

use std::fs;
use std::path::Path;

/// The command lines that name a directory, or something in it; the calling process is not among them.
pub(crate) fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir
        .to_str()
        .expect("the tests' directories have plain names");
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| {
        // What has ended meanwhile, or is no process, has no command line.
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(dir)).collect()
}
