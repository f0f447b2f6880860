//! Sequences of registrations and releases, written as text.

use super::*;
use crate::handles::{KeyedState, NativeState, Place};

/// A state that refers to files `key@path^checkpoint`.
fn state(files: &str) -> SubtaskState {
    let shared = files.split_whitespace().map(|file| {
        let (key, rest) = file.split_once('@').unwrap();
        let (path, checkpoint) = rest.split_once('^').unwrap();
        let handle = FileHandle {
            place: Place::Shared(path.to_owned()),
            size: 1,
            checksum: 0,
        };
        let uploaded_for = CheckpointId(checkpoint.parse().unwrap());
        let file = SharedFile {
            key: key.to_owned(),
            uploaded_for,
            handle,
        };
        (key.to_owned(), file)
    });
    SubtaskState {
        keyed: Some(KeyedState::Native(NativeState {
            backend: "rocksdb".to_owned(),
            key_groups: 0..1,
            shared: shared.collect(),
            private: BTreeMap::new(),
        })),
        ..SubtaskState::default()
    }
}

fn paths(handles: Vec<FileHandle>) -> String {
    let path = |handle: FileHandle| match handle.place {
        Place::Shared(path) => path,
        other => format!("{other:?}"),
    };
    handles.into_iter().map(path).collect::<Vec<_>>().join(" ")
}

fn check(steps: &[(&str, u64, &str, &str)]) {
    let mut registry = Registry::default();
    for (index, (step, checkpoint, files, discarded)) in steps.iter().enumerate() {
        let id = CheckpointId(*checkpoint);
        let found = match *step {
            "register" => match registry.register(id, &mut state(files)) {
                Ok(copies) => paths(copies),
                Err(unknown) => unknown.key,
            },
            "release" => paths(registry.release(id)),
            "claim" => {
                registry.restore(id, &mut state(files), |_| true);
                String::new()
            }
            "read" => {
                registry.restore(id, &mut state(files), |_| false);
                String::new()
            }
            other => unreachable!("{other}"),
        };
        assert_eq!(
            found, *discarded,
            "step {index}: {step} {checkpoint} {files}"
        );
    }
}

#[test]
fn a_file_goes_with_the_last_checkpoint_that_refers_to_it() {
    check(&[
        ("register", 1, "a@p1^1 b@q1^1", ""),
        ("register", 2, "a@p1^1 c@r2^2", ""),
        ("release", 1, "", "q1"),
        ("release", 1, "", ""),
        ("release", 2, "", "p1 r2"),
    ]);
}

#[test]
fn a_file_registered_twice_under_one_name_keeps_the_first() {
    check(&[
        ("register", 1, "a@p1^1", ""),
        ("register", 2, "a@p2^2", "p2"),
        ("release", 1, "", ""),
        // A task that believes its own copy to be the one refers to it, and gets the first.
        ("register", 3, "a@p2^2", ""),
        ("release", 2, "", ""),
        ("release", 3, "", "p1"),
    ]);
}

#[test]
fn several_subtasks_may_refer_to_one_file() {
    check(&[
        ("register", 1, "a@p1^1", ""),
        ("register", 1, "a@p1^1", ""),
        ("release", 1, "", "p1"),
    ]);
}

#[test]
fn a_reference_to_a_file_that_nobody_has_is_refused() {
    check(&[
        ("register", 1, "a@p1^1", ""),
        ("release", 1, "", "p1"),
        ("register", 2, "b@q2^2 a@p1^1", "a"),
        ("release", 2, "", ""),
    ]);
}

#[test]
fn files_of_a_snapshot_that_is_only_read_are_never_deleted() {
    check(&[
        ("read", 1, "a@p1^1", ""),
        ("register", 2, "a@p1^1", ""),
        ("release", 1, "", ""),
        ("release", 2, "", ""),
    ]);
}

#[test]
fn files_of_a_claimed_snapshot_go_with_their_last_checkpoint() {
    check(&[
        ("claim", 1, "a@p1^1 b@q1^1", ""),
        ("register", 2, "a@p1^1", ""),
        ("release", 1, "", "q1"),
        ("release", 2, "", "p1"),
    ]);
}
