//! Work that is done once per run of the tests, by whoever comes first.
//!
//! With nextest every test is a process of its own; the run has an id, which is written down beside the
//! work. Invariant: when [`once`] returns, the work has been done in this run.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::OnceLock;

use wasmill_actor::Clock;

/// A directory of cargo's for what tests leave behind.
pub(super) const PLACE: &str = env!("CARGO_TARGET_TMPDIR");

/// Does the work of this name, unless this run of the tests has done it.
pub(super) fn once(name: &str, work: impl FnOnce()) {
    let dir = Path::new(PLACE).join("once");
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name.replace('/', "-"));
    let mut options = File::options();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let mut file = file.unwrap();
    file.lock().unwrap();
    let mut done = String::new();
    file.read_to_string(&mut done).unwrap();
    let run = run_id();
    if done == run {
        return;
    }
    work();
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    file.write_all(run.as_bytes()).unwrap();
}

fn run_id() -> String {
    /// When this process began, which tells it from an earlier one of the same number.
    static START: OnceLock<i64> = OnceLock::new();
    // All tests of `cargo test` are in this process.
    env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| {
        let start = START.get_or_init(|| Clock::system().now_ms());
        format!("process {} of {start}", std::process::id())
    })
}
