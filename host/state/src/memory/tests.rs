//! Rows written, read, scanned and counted; a random history against a naive model.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_types::Blobs;

use crate::snapshot::Item;

use super::*;

type Change<'a> = (ChangeKind, &'a str, &'a str, &'a str);

use ChangeKind::{Clear, Delete, Put};

fn blobs(strings: &[&str]) -> Blobs {
    strings.iter().map(|s| s.as_bytes()).collect()
}

fn backend(max_bytes: u64, max_read_bytes: u64) -> MemoryBackend {
    let options = Options {
        max_bytes: ByteSize(max_bytes),
        max_read_bytes: ByteSize(max_read_bytes),
        ..Options::default()
    };
    MemoryBackend::new(OwnedGroups::new(0, 1, 128), &options)
}

fn write(
    backend: &mut MemoryBackend,
    state: u32,
    changes: &[Change<'_>],
) -> Result<(), TaskFailure> {
    let column = |of: fn(&Change<'_>) -> Vec<u8>| {
        let strings: Vec<_> = changes.iter().map(of).collect();
        strings.iter().map(Vec::as_slice).collect::<Blobs>()
    };
    let keys = column(|c| c.1.into());
    let sub_keys = column(|c| c.2.into());
    let values = column(|c| c.3.into());
    let changes = Changes {
        kinds: changes.iter().map(|c| c.0).collect(),
        keys: keys.view(),
        sub_keys: sub_keys.view(),
        values: values.view(),
    };
    backend.write(state, &changes)
}

fn entries(backend: &MemoryBackend) -> impl Iterator<Item = &Entry> {
    backend.tables.iter().flat_map(|group| group.table())
}

fn counted(backend: &MemoryBackend) -> u64 {
    entries(backend).map(Entry::bytes).sum()
}

/// The rows as text: `state/key/sub-key=value`, sorted.
fn shown(backend: &MemoryBackend) -> String {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    let mut rows = Vec::new();
    for entry in entries(backend) {
        let (state, key) = (entry.state(), text(entry.key()));
        let each = entry.rows_after(None);
        rows.extend(
            each.map(|(sub_key, value)| format!("{state}/{key}/{}={}", text(sub_key), text(value))),
        );
    }
    rows.sort();
    rows.join(" ")
}

/// The places of all rows of a snapshot, in its order.
fn places(snapshot: &dyn FrozenRows) -> Vec<Vec<u8>> {
    let mut places = Vec::new();
    let mut reader = snapshot.reader().unwrap();
    for group in 0..128 {
        let mut visit = |item: Item<'_>| {
            if let Item::Row(row) = item {
                let mut place = Vec::new();
                row.encode_place(&mut place);
                place.extend_from_slice(row.value);
                places.push(place);
            }
            Ok(())
        };
        reader.read(group, &mut visit).unwrap();
    }
    places
}

#[test]
fn changes_apply_in_order() {
    let cases: &[(&[Change<'_>], &str)] = &[
        (&[], ""),
        (&[(Put, "a", "", "1")], "7/a/=1"),
        (&[(Put, "", "", "")], "7//="),
        (&[(Put, "a", "", "1"), (Put, "a", "", "2")], "7/a/=2"),
        (&[(Put, "a", "", "1"), (Put, "a", "", "long")], "7/a/=long"),
        (
            &[(Put, "a", "", "1"), (Put, "a", "x", "2")],
            "7/a/=1 7/a/x=2",
        ),
        (
            &[(Put, "a", "x", "2"), (Put, "a", "", "1")],
            "7/a/=1 7/a/x=2",
        ),
        (&[(Put, "a", "x", "1"), (Put, "a", "x", "two")], "7/a/x=two"),
        (
            &[(Put, "a", "x", "1"), (Put, "ax", "", "2")],
            "7/a/x=1 7/ax/=2",
        ),
        (&[(Put, "a", "", "1"), (Delete, "a", "", "")], ""),
        (&[(Put, "a", "", "1"), (Delete, "a", "x", "")], "7/a/=1"),
        (&[(Put, "a", "x", "1"), (Delete, "a", "", "")], "7/a/x=1"),
        (&[(Put, "a", "x", "1"), (Delete, "a", "x", "")], ""),
        (&[(Delete, "a", "", ""), (Put, "a", "", "1")], "7/a/=1"),
        (
            &[
                (Put, "a", "", "1"),
                (Put, "a", "x", "2"),
                (Clear, "a", "", ""),
            ],
            "",
        ),
        (
            &[
                (Put, "a", "", "1"),
                (Put, "b", "", "2"),
                (Clear, "a", "", ""),
            ],
            "7/b/=2",
        ),
        (&[(Clear, "a", "", "")], ""),
    ];
    for (changes, expected) in cases {
        let mut backend = backend(1 << 20, 1 << 20);
        write(&mut backend, 7, changes).unwrap();
        assert_eq!(shown(&backend), *expected, "after {changes:?}");
        assert_eq!(backend.bytes(), counted(&backend), "after {changes:?}");
        assert_eq!(backend.is_empty(), expected.is_empty());
    }
}

#[test]
fn reads_tell_absent_rows_from_empty_ones_and_states_apart() {
    let mut backend = backend(1 << 20, 1 << 20);
    write(
        &mut backend,
        0,
        &[
            (Put, "a", "", ""),
            (Put, "b", "", "2"),
            (Put, "b", "x", "3"),
        ],
    )
    .unwrap();
    write(&mut backend, 1, &[(Put, "a", "", "other")]).unwrap();
    let check = |state, keys: &[&str], sub_keys: &[&str], expected: &[Option<&str>]| {
        let (keys, sub_keys) = (blobs(keys), blobs(sub_keys));
        let found = backend.get(state, keys.view(), sub_keys.view()).unwrap();
        let values: Vec<_> = found.values.view().iter().zip(found.present).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|value| (value.unwrap_or_default().as_bytes(), value.is_some()))
            .collect();
        assert_eq!(values, expected);
    };
    check(
        0,
        &["a", "b", "c", "a"],
        &[],
        &[Some(""), Some("2"), None, Some("")],
    );
    check(
        0,
        &["b", "b", "a"],
        &["x", "", "x"],
        &[Some("3"), Some("2"), None],
    );
    check(1, &["a", "b"], &[], &[Some("other"), None]);
    check(2, &["a"], &[], &[None]);
    check(0, &[], &[], &[]);
}

#[test]
fn a_scan_pages_through_the_rows_of_one_key_in_order() {
    let mut backend = backend(1 << 20, 8);
    let rows = [
        (Put, "k", "b", "2"),
        (Put, "k", "", "0"),
        (Put, "k", "a", "1"),
    ];
    write(&mut backend, 0, &rows).unwrap();
    write(
        &mut backend,
        0,
        &[(Put, "one", "", "1"), (Put, "k", "z", "123456789")],
    )
    .unwrap();
    let check = |key: &str, after: Option<&str>, limit, expected: &str, more| {
        let page = backend
            .scan(0, key.as_bytes(), after.map(str::as_bytes), limit)
            .unwrap();
        let rows: Vec<_> = page
            .sub_keys
            .view()
            .iter()
            .zip(page.values.view().iter())
            .map(|(s, v)| format!("{}={}", s.escape_ascii(), v.escape_ascii()))
            .collect();
        assert_eq!(
            (rows.join(" ").as_str(), page.more),
            (expected, more),
            "{key} {after:?}"
        );
    };
    check("k", None, 2, "=0 a=1", true);
    check("k", Some("a"), 1, "b=2", true);
    // The next row does not fit in the page's eight bytes, but stands alone.
    check("k", None, 9, "=0 a=1 b=2", true);
    check("k", Some("b"), 9, "z=123456789", false);
    check("k", Some("aa"), 1, "b=2", true);
    check("k", Some("z"), 9, "", false);
    check("k", None, 0, "", true);
    check("one", None, 9, "=1", false);
    check("one", None, 0, "", true);
    check("one", Some(""), 9, "", false);
    check("none", None, 9, "", false);
}

#[test]
fn malformed_columns_break_the_contract() {
    let (one, two) = (blobs(&["a"]), blobs(&["a", "b"]));
    let broken = Blobs {
        ends: vec![2, 1],
        data: vec![0, 0],
    };
    let mut backend = backend(1 << 20, 1 << 20);
    let get = |keys: &Blobs, sub_keys: &Blobs| {
        let outcome = backend.get(0, keys.view(), sub_keys.view());
        outcome.unwrap_err().to_string()
    };
    for (message, expected) in [
        (
            get(&one, &two),
            "`state.get` got 2 elements in column `sub-keys` where the others have 1",
        ),
        (
            get(&broken, &two),
            "`state.get` got a malformed column `keys`: record 1 ends at byte 1, outside 2..=2",
        ),
    ] {
        assert_eq!(
            message,
            format!("the bundle broke the contract: {expected}")
        );
    }
    let mut write = |kind, keys: &Blobs, sub_keys: &Blobs, values: &Blobs| {
        let changes = Changes {
            kinds: vec![kind],
            keys: keys.view(),
            sub_keys: sub_keys.view(),
            values: values.view(),
        };
        let outcome = backend.write(0, &changes);
        outcome.unwrap_err().to_string()
    };
    for (message, expected) in [
        (
            write(Put, &two, &one, &one),
            "`state.write` got 2 elements in column `keys` where the others have 1",
        ),
        (
            write(Put, &one, &one, &broken),
            "`state.write` got a malformed column `values`: record 1 ends at byte 1, outside 2..=2",
        ),
        (
            write(Delete, &one, &one, &one),
            "`state.write` got a value for change 0, which is a Delete and has none",
        ),
        (
            write(Clear, &one, &one, &blobs(&[""])),
            "`state.write` got a sub-key for change 0, which is a Clear and has none",
        ),
    ] {
        assert_eq!(
            message,
            format!("the bundle broke the contract: {expected}")
        );
    }
}

#[test]
fn keys_of_other_subtasks_are_refused_everywhere() {
    let groups = OwnedGroups::new(1, 2, 128);
    let keys = (0_u32..).map(|n| n.to_string());
    let foreign = keys
        .clone()
        .find(|k| groups.group_of(k.as_bytes()) < 64)
        .unwrap();
    let mine = { keys }
        .find(|k| groups.group_of(k.as_bytes()) >= 64)
        .unwrap();
    let mut backend = MemoryBackend::new(groups, &Options::default());
    for (key, owned) in [(&mine, true), (&foreign, false)] {
        let outcomes = [
            write(&mut backend, 0, &[(Put, key, "", "1")]),
            write(&mut backend, 0, &[(Delete, key, "", "")]),
            write(&mut backend, 0, &[(Clear, key, "", "")]),
            backend
                .get(0, blobs(&[key]).view(), BlobsView::default())
                .map(drop),
            backend.scan(0, key.as_bytes(), None, 1).map(drop),
        ];
        for outcome in outcomes {
            match outcome {
                Ok(()) => assert!(owned),
                Err(failure) => assert!(!owned && matches!(failure, TaskFailure::Contract(_))),
            }
        }
    }
    assert!(backend.is_empty());
}

#[test]
fn state_beyond_its_limit_fails_the_task_and_shrinking_does_not() {
    // Room for exactly two keys of one byte with a one-byte value.
    let mut backend = backend(2 * (64 + 2), 2);
    write(&mut backend, 0, &[(Put, "a", "", "1"), (Put, "b", "", "2")]).unwrap();
    for change in [
        (Put, "c", "", ""),
        (Put, "a", "", "12"),
        (Put, "a", "x", ""),
    ] {
        let failure = write(&mut backend, 0, &[change]).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the bundle exceeded the limit `state.max-bytes`: the keyed state of one subtask would grow \
             beyond 132 B; raise the limit, raise the parallelism, or let state expire"
        );
    }
    write(&mut backend, 0, &[(Put, "a", "", ""), (Put, "b", "", "22")]).unwrap();
    write(
        &mut backend,
        0,
        &[(Clear, "b", "", ""), (Put, "c", "", "3")],
    )
    .unwrap();
    assert_eq!(shown(&backend), "0/a/= 0/c/=3");
}

#[test]
fn one_read_cannot_return_the_same_large_value_again_and_again() {
    let mut backend = backend(1 << 20, 10);
    write(&mut backend, 0, &[(Put, "a", "", "12345")]).unwrap();
    let get = |keys: &[&str]| backend.get(0, blobs(keys).view(), BlobsView::default());
    assert!(get(&["a", "a"]).is_ok());
    assert_eq!(
        get(&["a", "a", "a"]).unwrap_err().to_string(),
        "the bundle exceeded the limit `state.max-read-bytes`: the values of 3 keys exceed 10 B; read \
         fewer keys at once"
    );
}

#[test]
fn rows_come_in_canonical_order_and_the_history_agrees_with_a_naive_model() {
    let mut random = SmallRng::seed_from_u64(1);
    let mut backend = backend(1 << 20, 1 << 20);
    let mut model: BTreeMap<(u32, String, String), String> = BTreeMap::new();
    for step in 0..20_000 {
        let state = random.random_range(0..2);
        let key = random.random_range(0..20).to_string();
        let sub_key = ["", "", "x", "yy"][random.random_range(0..4)];
        let value = "v".repeat(random.random_range(0..3));
        let row = (state, key.clone(), sub_key.to_owned());
        match random.random_range(0..10) {
            0..6 => {
                write(&mut backend, state, &[(Put, &key, sub_key, &value)]).unwrap();
                model.insert(row, value);
            }
            6..9 => {
                write(&mut backend, state, &[(Delete, &key, sub_key, "")]).unwrap();
                model.remove(&row);
            }
            _ => {
                write(&mut backend, state, &[(Clear, &key, "", "")]).unwrap();
                model.retain(|(s, k, _), _| (*s, k) != (state, &key));
            }
        }
        if step % 100 == 0 {
            let mut expected: Vec<_> = model
                .iter()
                .map(|((state, key, sub_key), value)| format!("{state}/{key}/{sub_key}={value}"))
                .collect();
            expected.sort();
            assert_eq!(shown(&backend), expected.join(" "), "step {step}");
            assert_eq!(backend.bytes(), counted(&backend), "step {step}");
            let snapshot = backend.snapshot(0).unwrap();
            assert!(places(&*snapshot).is_sorted_by(|a, b| a < b));
        }
    }
}

#[test]
fn a_snapshot_keeps_what_was_there_and_costs_only_what_is_changed_meanwhile() {
    let mut backend = backend(1 << 20, 1 << 20);
    let keys: Vec<String> = (0..500).map(|key| key.to_string()).collect();
    for key in &keys {
        write(
            &mut backend,
            0,
            &[(Put, key, "", "1"), (Put, key, "x", "2")],
        )
        .unwrap();
    }
    let first = backend.snapshot(1).unwrap();
    let before = places(&*first);
    assert_eq!(before.len(), 1000);
    let is_shared = |group: &&Group| matches!(group, Group::Shared(_));
    assert_eq!(backend.tables.iter().filter(is_shared).count(), 128);
    write(
        &mut backend,
        0,
        &[(Put, "7", "", "new"), (Clear, "7", "", "")],
    )
    .unwrap();
    assert_eq!(backend.tables.iter().filter(is_shared).count(), 127);
    let second = backend.snapshot(2).unwrap();
    for key in &keys {
        write(&mut backend, 0, &[(Clear, key, "", "")]).unwrap();
    }
    assert!(backend.is_empty());
    assert_eq!(places(&*first), before);
    assert_eq!(places(&*second).len(), 998);
    drop((first, second));
    write(&mut backend, 0, &[(Put, "7", "", "1")]).unwrap();
    assert_eq!(shown(&backend), "0/7/=1");
}
