//! A disk that is soon full: a file system in memory of a few MiB.
//!
//! Mounted with `mount`, as root. Invariant: it is gone with the value.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that takes all the room.
const FILLER: &str = "filler";
/// How much is written at a time.
const PIECE: [u8; 4096] = [1; 4096];

/// A small file system.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB at a directory, which is made.
    pub(crate) fn mount(path: &Path, mib: u32) -> Self {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path);
        let output = mount.output().unwrap();
        assert!(
            output.status.success(),
            "{mount:?}: {}\nthis test mounts a file system: run it as root, or leave it out",
            String::from_utf8_lossy(&output.stderr)
        );
        let path = path.to_owned();
        Self { path }
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut filler = File::create(self.path.join(FILLER)).unwrap();
        while filler.write_all(&PIECE).is_ok() {}
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.path.join(FILLER)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At once for whoever looks, and for good when nobody has a file of it open.
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}
