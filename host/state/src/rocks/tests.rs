//! What only RocksDB has: files, memory, ranges that go, rows that expire in the background.

use std::time::Duration;

use rocksdb::properties;
use wasmill_types::job::{StateKind, StateSpec};
use wasmill_types::size::ByteSize;

use crate::fixture::{Bench, Kind, put, scan, value, write};

use super::*;

fn rocks(bench: &Bench, options: Options) -> RocksBackend {
    let groups = OwnedGroups::new(0, 1, 128);
    RocksBackend::create(bench.place(), groups, &options, bench.expiry()).unwrap()
}

#[test]
fn a_key_is_cleared_whether_it_has_few_rows_or_many() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let mut backend = rocks(&bench, Options::default());
    for rows in [1, ROWS_CLEARED_SINGLY, ROWS_CLEARED_SINGLY + 1, 1000] {
        for row in 0..rows {
            put(&mut backend, 0, "key", &format!("{row:04}"), "value");
        }
        put(&mut backend, 0, "kez", "", "other key");
        put(&mut backend, 1, "key", "", "other state");
        write(
            &mut backend,
            0,
            &[
                (ChangeKind::Put, "key", "before", "1"),
                (ChangeKind::Clear, "key", "", ""),
                (ChangeKind::Put, "key", "after", "1"),
            ],
        );
        assert_eq!(scan(&backend, 0, "key", None, 9), "after=1", "{rows} rows");
        assert!(value(&backend, 0, "kez", "").is_some());
        assert!(value(&backend, 1, "key", "").is_some());
    }
}

#[test]
fn compaction_removes_what_has_expired() {
    let timed = StateSpec {
        id: 1,
        name: "timed".to_owned(),
        kind: StateKind::Value,
        ttl: Some(100),
        schema: None,
    };
    let bench = Bench::new(Kind::Rocks, &[timed]);
    let mut backend = rocks(&bench, Options::default());
    let now = bench.clock.now_ms().to_le_bytes();
    let stamped = String::from_utf8_lossy(&now).into_owned();
    assert_eq!(stamped.as_bytes(), now, "the test's time is text");
    for state in [0, 1] {
        put(&mut backend, state, "key", "", &stamped);
    }
    let compacted = |backend: &RocksBackend| {
        backend.catch_up().unwrap();
        backend.db.flush().unwrap();
        backend.db.compact_range(None::<&[u8]>, None::<&[u8]>);
        [0, 1].map(|state| value(backend, state, "key", "").is_some())
    };
    bench.clock.advance(Duration::from_millis(99));
    assert_eq!(compacted(&backend), [true, true]);
    bench.clock.advance(Duration::from_millis(1));
    put(&mut backend, 0, "more", "", "");
    assert_eq!(compacted(&backend), [true, false]);
}

#[test]
fn more_than_the_limit_is_refused() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let options = Options {
        max_disk_bytes: ByteSize(4 << 20),
        max_read_bytes: ByteSize(1000),
        ..Options::default()
    };
    let mut backend = rocks(&bench, options);
    let large: String = "x".repeat(1001);
    put(&mut backend, 0, "large", "", &large);
    let keys = crate::fixture::blobs(&["large"]);
    let refused = backend.get(0, keys.view(), BlobsView::default());
    assert!(matches!(
        refused,
        Err(TaskFailure::Limit {
            limit: "state.max-read-bytes",
            ..
        })
    ));
    let mut noise = 1_u64;
    let refused = (0..20_000).find_map(|key| {
        // Random, so that compression does not help.
        let value: Vec<u8> = (0..128)
            .flat_map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                noise.to_be_bytes()
            })
            .collect();
        let (keys, values) = ([format!("{key}")], [value]);
        let keys: wasmill_types::Blobs = keys.iter().map(String::as_bytes).collect();
        let values: wasmill_types::Blobs = values.iter().map(Vec::as_slice).collect();
        let sub_keys = crate::fixture::blobs(&[""]);
        let changes = Changes {
            kinds: vec![ChangeKind::Put],
            keys: keys.view(),
            sub_keys: sub_keys.view(),
            values: values.view(),
        };
        backend.write(0, &changes).err()
    });
    assert!(matches!(
        refused,
        Some(TaskFailure::Limit {
            limit: "state.max-disk-bytes",
            ..
        })
    ));
}

#[test]
fn a_directory_lives_as_long_as_backend_or_snapshot() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let mut backend = rocks(&bench, Options::default());
    let home = backend.home.path().to_owned();
    put(&mut backend, 0, "key", "", "value");
    let snapshot = backend.snapshot(7).unwrap();
    let directory = snapshot.directory().unwrap().unwrap().to_owned();
    drop(backend);
    assert!(directory.join("CURRENT").exists());
    let mut rows = 0;
    let mut reader = snapshot.reader().unwrap();
    for group in 0..128 {
        let mut count = |_: crate::snapshot::Item<'_>| {
            rows += 1;
            Ok(())
        };
        reader.read(group, &mut count).unwrap();
    }
    assert_eq!(rows, 1);
    drop(reader);
    drop(snapshot);
    assert!(!home.exists());
}

#[test]
fn a_checkpoint_may_be_taken_again_under_its_number() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let mut backend = rocks(&bench, Options::default());
    let first = backend.snapshot(1).unwrap();
    drop(first);
    put(&mut backend, 0, "key", "", "value");
    assert!(backend.snapshot(1).is_ok());
}

#[test]
fn the_databases_of_a_slot_share_its_memory() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let mut backends: Vec<_> = (0..4).map(|_| rocks(&bench, Options::default())).collect();
    let value = "x".repeat(1 << 10);
    for round in 0..6 {
        for backend in &mut backends {
            for key in 0..1000 {
                put(backend, 0, &format!("{round}-{key}"), "", &value);
            }
            assert!(backend.unwritten.borrow().staged.bytes() <= 1 << 20);
        }
        let in_buffers: u64 = backends
            .iter()
            .map(|backend| backend.property(properties::CUR_SIZE_ALL_MEM_TABLES))
            .sum();
        assert!(in_buffers <= 9 << 20, "{in_buffers} in round {round}");
    }
    let used = bench.place().memory.used_bytes();
    assert!(used <= 17 << 20, "{used} of 16 MiB");
}

#[test]
fn a_snapshot_that_nobody_saves_holds_nothing_up() {
    let bench = Bench::new(Kind::Rocks, &[]);
    let mut backend = rocks(&bench, Options::default());
    put(&mut backend, 0, "key", "", "before");
    let kept = backend.snapshot(1).unwrap();
    let dropped = backend.snapshot(2).unwrap();
    drop(dropped);
    put(&mut backend, 0, "key", "", "after");
    assert_eq!(value(&backend, 0, "key", "").as_deref(), Some("after"));
    let mut seen = Vec::new();
    let mut reader = kept.reader().unwrap();
    for group in 0..128 {
        let mut keep = |item: crate::snapshot::Item<'_>| {
            if let crate::snapshot::Item::Row(row) = item {
                seen.push(row.value.to_owned());
            }
            Ok(())
        };
        reader.read(group, &mut keep).unwrap();
    }
    assert_eq!(seen, [b"before"]);
}
