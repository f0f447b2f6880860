//! What becomes of a directory and of temporary files that runs leave behind.

use super::write::{listing, sink, staged, write, writer};
use super::*;
use crate::sink::Sink;

const STALE: [(&str, &str); 3] = [
    (".part-0-0.txt.inprogress-old-0", "stale\n"),
    (".part-12-3.tar.x.inprogress-a-b-7", "stale\n"),
    (".part-probe.inprogress-4711", ""),
];

const FOREIGN: [(&str, &str); 5] = [
    (".part-0-0.txt", "x"),
    (".part-00-0.txt.inprogress-r-0", "x"),
    (".hidden", "x"),
    ("notes.inprogress-r-0", "x"),
    (".part-0-1.txt.inprogress-r-0/file", "x"),
];

const LEFT: [&str; 4] = [
    ".hidden",
    ".part-0-0.txt",
    ".part-0-1.txt.inprogress-r-0",
    ".part-00-0.txt.inprogress-r-0",
];

#[test]
fn temporary_files_of_killed_runs_are_removed_and_nothing_else() {
    let dir = files(&STALE);
    for (name, text) in FOREIGN {
        put(&dir.path().join(name), text.as_bytes());
    }
    sink(dir.path(), &[]).prepare().unwrap();
    let mut expected = LEFT.map(str::to_owned).to_vec();
    expected.push("notes.inprogress-r-0=x".to_owned());
    assert_eq!(listing(dir.path()), expected);
}

#[test]
fn temporary_files_in_a_directory_that_a_live_sink_uses_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let append = [("on-existing", "append")];
    let open = ".part-0-0.txt.inprogress-run-1-0";
    // Sinks on their own, as if in processes of their own: the lock is that of an open file.
    let prepare = || sink(dir.path(), &append).prepare().unwrap();

    let first = sink(dir.path(), &append);
    let mut unfinished = writer(&first, 0);
    write(unfinished.as_mut(), &["x"]);
    prepare();
    assert_eq!(listing(dir.path()), [open], "its writer writes");
    drop(first);
    prepare();
    assert_eq!(listing(dir.path()), [open], "only the writer is left");
    drop(unfinished);

    let second = sink(dir.path(), &append);
    let parts = staged(&second, 0, &["x"]);
    prepare();
    assert_eq!(listing(dir.path()), [open], "its writer has finished");
    second.commit(parts).unwrap();
    assert_eq!(listing(dir.path()), ["part-0-0.txt=x\n"]);
    drop(second);

    let third = sink(dir.path(), &append);
    staged(&third, 1, &["y"]);
    drop(third);
    prepare();
    assert_eq!(listing(dir.path()), ["part-0-0.txt=x\n"], "it is gone");
}

#[test]
fn a_process_that_locks_the_directory_for_itself_keeps_no_job_waiting() {
    let dir = files(&STALE[..1]);
    let lock = fs::File::open(dir.path()).unwrap();
    lock.lock().unwrap();
    let sink = sink(dir.path(), &[]);
    sink.prepare().unwrap();
    assert_eq!(listing(dir.path()), [STALE[0].0]);
    sink.commit(staged(&sink, 0, &["x"])).unwrap();
}

#[test]
fn a_directory_that_was_made_for_nothing_is_removed_again() {
    let dir = files(&[("there/keep", "")]);
    let at = |path: &str| dir.path().join(path);
    let prepared = |path: &str| {
        let sink = sink(&at(path), &[]);
        sink.prepare().unwrap();
        assert!(at(path).is_dir());
        sink
    };
    drop(prepared("new/deep/out"));
    assert!(!at("new").exists(), "with those above it");

    fs::create_dir(at("empty")).unwrap();
    drop(prepared("empty"));
    assert!(at("empty").exists(), "it was there before");

    let failed = prepared("there/out");
    let parts = staged(&failed, 0, &["x"]);
    failed.discard(parts).unwrap();
    drop(failed);
    assert!(!at("there/out").exists(), "a job that failed late");
    assert!(at("there/keep").exists());

    let used = prepared("used/out");
    fs::write(at("used/out/other"), "").unwrap();
    drop(used);
    assert!(at("used/out/other").exists(), "somebody put a file there");

    let shared = prepared("shared/out");
    let other = prepared("shared/out");
    drop(shared);
    assert!(at("shared/out").exists(), "another job is about to write");
    drop(other);

    let empty = prepared("result");
    empty.commit(Vec::new()).unwrap();
    drop(empty);
    assert!(at("result").exists(), "an empty result is a result");
}

#[test]
fn a_directory_of_which_only_a_part_can_be_made_is_removed_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!("new/{}", "x".repeat(300)));
    let error = told(sink(&path, &[]).prepare().unwrap_err());
    assert!(error.starts_with("cannot make the output directory `"));
    assert!(!dir.path().join("new").exists());
}
