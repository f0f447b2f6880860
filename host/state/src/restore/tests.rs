//! Snapshots of any backend restored into any other, at any parallelism; and those that do not fit.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_types::job::{StateKind, StateSpec};
use wasmill_types::key_group;
use wasmill_types::operator::{ChangeKind, TimeDomain, Timers};

use crate::fixture::{
    Bench, Change, GROUPS, Kind, blobs, canonical, items, put, scan, source, value, write,
};
use crate::snapshot::{FileKind, KeyedSnapshot};

use super::*;

/// A subtask that has some keys, and what the test knows of it.
struct Subtask {
    opened: Opened,
    keys: Vec<String>,
}

/// All subtasks of an operator.
struct Operator<'a> {
    bench: &'a Bench,
    subtasks: Vec<Subtask>,
}

/// How a snapshot is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Native,
    Canonical,
}

fn states() -> Vec<StateSpec> {
    let spec = |id, ttl| StateSpec {
        id,
        name: format!("state {id}"),
        kind: StateKind::Map,
        ttl,
        schema: None,
    };
    vec![spec(0, None), spec(1, Some(1000)), spec(256, None)]
}

fn keys_of(subtask: u32, parallelism: u32) -> Vec<String> {
    let groups = OwnedGroups::new(subtask, parallelism, GROUPS);
    let keys = (0..60).map(|key| format!("key-{key}"));
    keys.filter(|key| groups.check(key.as_bytes()).is_ok())
        .collect()
}

impl<'a> Operator<'a> {
    fn fresh(bench: &'a Bench, kind: Kind, parallelism: u32) -> Self {
        let open = |subtask| bench.opening(kind, subtask, parallelism).fresh().unwrap();
        Self::of(bench, parallelism, open)
    }

    fn of(bench: &'a Bench, parallelism: u32, mut open: impl FnMut(u32) -> Opened) -> Self {
        let subtask = |subtask| Subtask {
            opened: open(subtask),
            keys: keys_of(subtask, parallelism),
        };
        Self {
            bench,
            subtasks: (0..parallelism).map(subtask).collect(),
        }
    }

    /// The same changes for every kind of backend with the same seed.
    fn change(&mut self, rng: &mut SmallRng) {
        for subtask in &mut self.subtasks {
            if subtask.keys.is_empty() {
                continue;
            }
            for _ in 0..20 {
                let state = [0, 1, 256][rng.random_range(0..3)];
                let changes: Vec<_> = (0..rng.random_range(1..8))
                    .map(|_| random_change(&subtask.keys, rng))
                    .collect();
                let changes: Vec<Change<'_>> = changes
                    .iter()
                    .map(|(kind, key, sub_key, value)| (*kind, *key, &**sub_key, &**value))
                    .collect();
                write(&mut *subtask.opened.backend, state, &changes);
                random_timers(&mut subtask.opened.timers, &subtask.keys, rng);
            }
        }
    }

    fn snapshots(&mut self, checkpoint: u64) -> Vec<KeyedSnapshot> {
        let bench = self.bench;
        let subtasks = self.subtasks.iter_mut();
        subtasks
            .map(|subtask| bench.snapshot(&mut subtask.opened, checkpoint))
            .collect()
    }

    /// Every row that a guest would see.
    fn seen(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for subtask in &self.subtasks {
            for key in &subtask.keys {
                for state in [0, 1, 256] {
                    let rows = scan(&*subtask.opened.backend, state, key, None, 1000);
                    seen.push(format!("{state}/{key}: {rows}"));
                }
            }
        }
        seen.sort();
        seen
    }
}

fn random_change<'k>(
    keys: &'k [String],
    rng: &mut SmallRng,
) -> (ChangeKind, &'k str, String, String) {
    let key = &*keys[rng.random_range(0..keys.len())];
    let sub_key = match rng.random_range(0..3) {
        0 => String::new(),
        1 => "x".to_owned(),
        _ => format!("sub-{}", rng.random_range(0..100)),
    };
    match rng.random_range(0..10) {
        0 => (ChangeKind::Clear, key, String::new(), String::new()),
        1 | 2 => (ChangeKind::Delete, key, sub_key, String::new()),
        _ => {
            let value = "v".repeat(rng.random_range(0..40));
            (
                ChangeKind::Put,
                key,
                sub_key,
                format!("{value}{}", rng.random_range(0..9)),
            )
        }
    }
}

fn random_timers(timers: &mut TimerService, keys: &[String], rng: &mut SmallRng) {
    let domain = if rng.random() {
        TimeDomain::Event
    } else {
        TimeDomain::Processing
    };
    let key = &*keys[rng.random_range(0..keys.len())];
    let one = Timers {
        times: vec![rng.random_range(0..50)],
        keys: blobs(&[key]),
        namespaces: blobs(&[["", "n"][rng.random_range(0..2)]]),
    };
    match rng.random_range(0..4) {
        0 => timers.delete(domain, &one).unwrap(),
        1 => drop(timers.due(domain, rng.random_range(0..5), 2)),
        _ => timers.register(domain, &one).unwrap(),
    }
}

fn saved(bench: &Bench, form: Form, snapshot: &KeyedSnapshot) -> Source {
    let native = (form == Form::Native).then(|| bench.saved_files(snapshot));
    let native = native.flatten();
    native.unwrap_or_else(|| source(&canonical(snapshot)))
}

/// Restores all subtasks from what was saved of all earlier ones.
fn restored<'a>(
    bench: &'a Bench,
    kind: Kind,
    parallelism: u32,
    form: Form,
    snapshots: &[KeyedSnapshot],
) -> Operator<'a> {
    Operator::of(bench, parallelism, |subtask| {
        let earlier = snapshots.len() as u32;
        // The earlier subtasks that owned any of its key groups.
        let owned = key_group::range(subtask, parallelism, GROUPS);
        let owner = |group| key_group::owner(group, earlier, GROUPS);
        let needed = owner(owned.start)..=owner(owned.end - 1);
        let sources = needed.map(|index| saved(bench, form, &snapshots[index as usize]));
        let opening = bench.opening(kind, subtask, parallelism);
        opening
            .restore(sources.collect(), &CancelToken::new())
            .unwrap()
    })
}

#[test]
fn any_backend_goes_on_where_memory_was_at_any_parallelism() {
    // Memory has no files: its native form is the canonical one.
    for to in Kind::ALL {
        check_restores((Kind::Memory, Form::Canonical), to);
    }
}

#[test]
fn memory_goes_on_where_rocksdb_was_at_any_parallelism() {
    for form in [Form::Native, Form::Canonical] {
        check_restores((Kind::Rocks, form), Kind::Memory);
    }
}

#[test]
fn rocksdb_goes_on_with_files_of_rocksdb_at_any_parallelism() {
    check_restores((Kind::Rocks, Form::Native), Kind::Rocks);
}

#[test]
fn rocksdb_goes_on_with_a_stream_of_rocksdb_at_any_parallelism() {
    check_restores((Kind::Rocks, Form::Canonical), Kind::Rocks);
}

fn check_restores((from, form): (Kind, Form), to: Kind) {
    for (earlier, later) in [(1, 1), (2, 2), (1, 3), (3, 1), (3, 2), (4, 7)] {
        let at = format!("{from:?} x {earlier} to {to:?} x {later}, {form:?}");
        let bench = Bench::new(from, &states());
        let mut operator = Operator::fresh(&bench, from, earlier);
        // A model with the same history, in memory and without snapshots in between.
        let mut model = Operator::fresh(&bench, Kind::Memory, earlier);
        for round in 0..2 {
            operator.change(&mut SmallRng::seed_from_u64(round));
            model.change(&mut SmallRng::seed_from_u64(round));
            drop(operator.snapshots(round));
        }
        let snapshots = operator.snapshots(2);
        let before = model.seen();
        assert_eq!(operator.seen(), before, "{at}");
        let expected = items(&model.snapshots(2).iter().map(canonical).collect::<Vec<_>>());

        // What comes after the barrier is not in the snapshot.
        operator.change(&mut SmallRng::seed_from_u64(2));
        let mut later_one = restored(&bench, to, later, form, &snapshots);
        assert_eq!(later_one.seen(), before, "{at}");
        let again: Vec<_> = later_one.snapshots(3).iter().map(canonical).collect();
        assert_eq!(items(&again), expected, "{at}");

        // It can be worked with, and saved and restored again.
        later_one.change(&mut SmallRng::seed_from_u64(3));
        let snapshots = later_one.snapshots(4);
        let last = restored(&bench, from, earlier, form, &snapshots);
        assert_eq!(last.seen(), later_one.seen(), "{at}, and back");
    }
}

#[test]
fn a_database_goes_on_with_its_files_when_its_key_groups_are_the_same() {
    let bench = Bench::new(Kind::Rocks, &states());
    let mut operator = Operator::fresh(&bench, Kind::Rocks, 1);
    operator.change(&mut SmallRng::seed_from_u64(1));
    let snapshots = operator.snapshots(1);
    let names = |snapshot: &KeyedSnapshot| -> Vec<String> {
        let files = snapshot.native_files(&CancelToken::new()).unwrap().unwrap();
        let shared = files.iter().filter(|file| file.kind == FileKind::Shared);
        shared.map(|file| file.name.clone()).collect()
    };
    let before = names(&snapshots[0]);
    assert_eq!(before.len(), 1);
    let mut later = restored(&bench, Kind::Rocks, 1, Form::Native, &snapshots);
    assert!(later.subtasks[0].opened.keeps_files);
    assert_eq!(names(&later.snapshots(2)[0]), before, "nothing has changed");
    write(
        &mut *later.subtasks[0].opened.backend,
        0,
        &[(ChangeKind::Put, "a", "", "1")],
    );
    let after = names(&later.snapshots(3)[0]);
    assert_eq!(after[..1], before);
    assert_eq!(after.len(), 2, "one file for what is new");
    for (to, parallelism, form) in [
        (Kind::Rocks, 1, Form::Canonical),
        (Kind::Memory, 1, Form::Native),
    ] {
        let other = restored(&bench, to, parallelism, form, &snapshots);
        assert!(!other.subtasks[0].opened.keeps_files, "{to:?} {form:?}");
    }
}

#[test]
fn a_state_may_begin_and_cease_to_expire() {
    for kind in Kind::ALL {
        let timeless = Bench::new(kind, &[]);
        let mut opened = timeless.open();
        put(&mut *opened.backend, 1, "key", "", "value");
        let snapshot = timeless.snapshot(&mut opened, 1);

        let timed = Bench::new(kind, &states());
        for form in [Form::Native, Form::Canonical] {
            let sources = vec![saved(&timeless, form, &snapshot)];
            let opening = timed.opening(kind, 0, 1);
            let mut later = opening.restore(sources, &CancelToken::new()).unwrap();
            let seen = |opened: &Opened| value(&*opened.backend, 1, "key", "");
            assert_eq!(seen(&later).as_deref(), Some("value"), "{kind:?} {form:?}");
            let snapshot = timed.snapshot(&mut later, 2);
            timed.clock.advance(Duration::from_secs(1));
            assert_eq!(seen(&later), None, "its life began when it was restored");

            let sources = vec![saved(&timed, form, &snapshot)];
            let opening = timeless.opening(kind, 0, 1);
            let last = opening.restore(sources, &CancelToken::new()).unwrap();
            let value = value(&*last.backend, 1, "key", "");
            assert_eq!(value.as_deref(), Some("value"), "{kind:?} {form:?}");
        }
    }
}

#[test]
fn snapshots_that_do_not_fit_are_refused_with_the_reason() {
    let bench = Bench::new(Kind::Memory, &[]);
    let mut operator = Operator::fresh(&bench, Kind::Memory, 2);
    operator.change(&mut SmallRng::seed_from_u64(1));
    let streams: Vec<_> = operator.snapshots(1).iter().map(canonical).collect();
    let check = |opening: Opening, sources: Vec<Source>, expected: &str| {
        let refused = opening.restore(sources, &CancelToken::new());
        assert_eq!(refused.unwrap_err().to_string(), expected);
    };
    let opening = || bench.opening(Kind::Memory, 0, 1);
    check(
        Opening {
            renumbered: Default::default(),
            groups: OwnedGroups::new(0, 1, 128),
            ..opening()
        },
        vec![source(&streams[0])],
        "the snapshot has 16 key groups, the operator 128; set its max parallelism to that of the snapshot",
    );
    check(
        opening(),
        vec![source(&streams[0]), source(&streams[0])],
        "two snapshots have the same key groups: 0..8 and 0..8; give each once",
    );
    check(
        opening(),
        vec![source(&[0; 100])],
        "the snapshot is damaged: it does not begin and end as a snapshot does; restore an earlier one",
    );
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let refused = opening().restore(vec![source(&streams[0])], &cancelled);
    assert!(matches!(refused, Err(StateError::Cancelled)));
    let small = Opening {
        renumbered: Default::default(),
        options: Options {
            max_timers: 1,
            ..Options::default()
        },
        ..opening()
    };
    let refused = small.restore(vec![source(&streams[0])], &CancelToken::new());
    assert!(matches!(refused, Err(StateError::Refused(_))));
}

#[test]
fn a_snapshot_that_is_cancelled_ends_early() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind, &[]);
        let mut opened = bench.open();
        put(&mut *opened.backend, 0, "key", "", "value");
        let snapshot = bench.snapshot(&mut opened, 1);
        let cancelled = CancelToken::new();
        cancelled.cancel();
        let written = snapshot.write_canonical(&mut Vec::new(), &cancelled);
        assert!(matches!(written, Err(StateError::Cancelled)), "{kind:?}");
    }
}
