//! The bounds of what is kept and done, and streams read in pieces.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use wasmill_actor::Clock;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::handles::FileHandle;

use super::*;

const JOB: JobId = JobId(1);

fn state(files: &[(&str, &str)]) -> NativeState {
    let file = |(name, content): &(&str, &str)| {
        let handle = FileHandle::inline(content.as_bytes().to_vec());
        ((*name).to_owned(), handle)
    };
    NativeState {
        backend: "rocksdb".to_owned(),
        key_groups: 0..128,
        shared: BTreeMap::new(),
        private: files.iter().map(file).collect(),
    }
}

fn view(directory: &Path, job: JobId, name: &str) -> (View, PathBuf) {
    let path = directory.join(name);
    let made = View::make(path.clone(), job, name.to_owned(), state(&[])).unwrap();
    (made, path)
}

fn storage() -> Storage {
    Storage::new(Default::default(), Clock::manual(0))
}

#[test]
fn no_more_questions_than_that_are_answered_at_once() {
    let lookups = Lookups::default();
    let mut turns: Vec<_> = (0..LOOKUPS).map(|_| lookups.turn().unwrap()).collect();
    for _ in 0..2 {
        assert!(matches!(lookups.turn(), Err(Refused::Failed(_))));
    }
    turns.pop();
    assert!(lookups.turn().is_ok());
}

#[test]
fn the_snapshots_that_were_used_last_are_kept_and_go_with_their_job() {
    let directory = tempfile::tempdir().unwrap();
    let lookups = Lookups::default();
    let names = ["a", "b", "c"];
    let paths = names.map(|name| {
        let (view, path) = view(directory.path(), JOB, name);
        lookups.keep(view);
        path
    });
    let there = || paths.each_ref().map(|path| path.exists());
    assert_eq!(there(), [false, true, true]);
    let (other, elsewhere) = view(directory.path(), JobId(2), "d");
    // The one that was taken is used last now.
    let taken = lookups.take(JOB, "b").unwrap();
    lookups.keep(taken);
    lookups.keep(other);
    assert_eq!(there(), [false, true, false]);
    assert!(lookups.take(JobId(2), "b").is_none());
    lookups.forget(JOB);
    assert_eq!(there(), [false, false, false]);
    assert!(elsewhere.exists());
}

#[tokio::test]
async fn files_that_an_earlier_snapshot_has_are_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, files| {
        let path = directory.path().join(name);
        View::make(path, JOB, "view".to_owned(), state(files)).unwrap()
    };
    let first = make("first", &[("1.sst", "one"), ("CURRENT", "old")]);
    first.fill(&storage(), None).await.unwrap();
    // It is known by its handle, and this one's content is nowhere else.
    std::fs::write(first.path().join("1.sst"), "linked").unwrap();
    let second = make("second", &[("1.sst", "one"), ("CURRENT", "new")]);
    second.fill(&storage(), Some(&first)).await.unwrap();
    drop(first);
    let read = |name: &str| std::fs::read_to_string(second.path().join(name)).unwrap();
    assert_eq!(
        (read("1.sst"), read("CURRENT")),
        ("linked".to_owned(), "new".to_owned())
    );
}

#[tokio::test]
async fn a_stream_is_read_in_pieces_from_any_position_until_nobody_waits() {
    let directory = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..600_000_u32).map(|at| (at % 251) as u8).collect();
    let path = directory.path().join("stream");
    std::fs::write(&path, &content).unwrap();
    let mut handle = FileHandle::inline(content.clone());
    handle.place = wasmill_checkpoint::handles::Place::Elsewhere(path.display().to_string());
    let cancel = CancelToken::new();
    let mut stream = Ranges::new(storage(), handle, cancel.clone());
    let read = move || {
        let mut whole = Vec::new();
        stream.read_to_end(&mut whole).unwrap();
        assert!(whole == content, "{} bytes", whole.len());
        let mut four = [0; 4];
        for at in [599_996, 0, 262_142, 5] {
            stream.seek(SeekFrom::Start(at)).unwrap();
            stream.read_exact(&mut four).unwrap();
            assert_eq!(four, content[at as usize..][..4]);
        }
        assert_eq!(stream.seek(SeekFrom::End(-4)).unwrap(), 599_996);
        assert!(stream.seek(SeekFrom::Current(-600_000)).is_err());
        cancel.cancel();
        stream.seek(SeekFrom::Start(300_000)).unwrap();
        assert!(stream.read(&mut four).is_err());
    };
    errand::on_thread("read", read).await.unwrap();
}
