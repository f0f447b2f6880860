//! Starting from a snapshot, and how many are kept (semantics §7.2, §8.9–8.10).

use super::*;

fn snapshot_7() -> Completed {
    let mut metadata = crate::metadata::fixture::checkpoint();
    metadata.kind = SnapshotKind::Checkpoint;
    Completed::new("/old/job/chk-7", metadata)
}

#[test]
fn after_restoring_id_k_the_next_is_k_plus_1() {
    let mut driven = driven(options());
    driven
        .coordinator
        .start_from(snapshot_7(), ClaimMode::Legacy);
    driven.coordinator.restored_latest(driven.now);
    driven.check(&[
        ("run", ""),
        ("start", ""),
        ("tick 1000", "trigger 8 0/0 0/1"),
    ]);
    let statistics = driven.coordinator.statistics();
    assert_eq!(statistics.counts().restored, 1);
    let restored = statistics.restored().unwrap();
    assert_eq!((restored.id.0, restored.is_savepoint), (7, false));
}

#[test]
fn claim_modes_decide_whether_the_snapshot_is_deleted_and_the_first_checkpoint_full() {
    let own = "clean /old/job/chk-7 /old/job/shared/f00d /old/job/chk-7/frames /old/job/chk-7/m \
               /old/job/chk-7/rows /old/job/chk-7/staged; complete 8";
    for (mode, trigger, completed) in [
        (ClaimMode::NoClaim, "trigger 8 full 0/0 0/1", "complete 8"),
        (ClaimMode::Claim, "trigger 8 0/0 0/1", own),
        (ClaimMode::Legacy, "trigger 8 0/0 0/1", "complete 8"),
    ] {
        let mut driven = driven(options());
        driven.coordinator.start_from(snapshot_7(), mode);
        driven.check(&[
            ("run", ""),
            ("start", ""),
            ("tick 1000", trigger),
            ("acks 8", "sources 8"),
            ("sources 8", "write 8"),
            ("written 8", completed),
            ("cleaned", ""),
            ("tick 1000", "trigger 9 0/0 0/1"),
        ]);
    }
}

#[test]
fn retained_checkpoints_are_kept_in_number() {
    let options = Options {
        retained: two(2),
        ..options()
    };
    let mut driven = driven(options);
    driven.check(&[("run", ""), ("start", "")]);
    for (id, completed) in [
        (1, "complete 1"),
        (2, "complete 2"),
        (3, "clean ./chk-1; complete 3"),
    ] {
        driven.check(&[
            ("tick 1000", format!("trigger {id} 0/0 0/1").as_str()),
            (&format!("acks {id}"), &format!("sources {id}")),
            (&format!("sources {id}"), &format!("write {id}")),
            (&format!("written {id}"), completed),
            ("cleaned", ""),
        ]);
    }
    let kept: Vec<_> = driven
        .coordinator
        .completed()
        .map(|kept| kept.id().0)
        .collect();
    assert_eq!(kept, [2, 3]);
}

#[test]
fn a_recovered_checkpoint_goes_without_the_files_of_others_that_it_refers_to() {
    let mut driven = driven(options());
    let mut metadata = crate::metadata::fixture::checkpoint();
    for state in metadata.subtasks_mut() {
        for file in state.shared_mut() {
            file.handle.place = Place::Elsewhere("/users/savepoint/rows".to_owned());
        }
    }
    let directory = format!("/c/{}/chk-7", fixture::JOB);
    let recovered = Completed::new(directory, metadata);
    driven.coordinator.recover(recovered);
    driven.check(&[
        ("run", ""),
        ("start", ""),
        ("tick 1000", "trigger 8 0/0 0/1"),
        ("acks 8", "sources 8"),
        ("sources 8", "write 8"),
        (
            "written 8",
            "clean ./chk-7 ./chk-7/frames ./chk-7/m ./chk-7/rows ./chk-7/staged; complete 8",
        ),
    ]);
}
