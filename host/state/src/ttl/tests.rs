//! Entries that expire, on both backends, against the clock.

use std::time::Duration;

use wasmill_types::job::StateKind;

use crate::fixture::{Bench, Kind, blobs, put, scan, value};

use super::*;

const TTL: u64 = 100;

fn states() -> Vec<StateSpec> {
    let spec = |id, ttl| StateSpec {
        id,
        name: format!("state {id}"),
        kind: StateKind::Map,
        ttl,
        schema: None,
    };
    vec![spec(0, None), spec(1, Some(TTL)), spec(2, Some(u64::MAX))]
}

#[test]
fn an_entry_expires_when_its_time_has_passed_since_it_was_written() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind, &states());
        let mut opened = bench.open();
        let backend = &mut *opened.backend;
        for state in [0, 1, 2] {
            put(backend, state, "key", "", "value");
        }
        let shown = |backend: &dyn KeyedBackend| -> String {
            let all = [0, 1, 2].map(|state| value(backend, state, "key", ""));
            all.map(|value| value.unwrap_or_else(|| "-".to_owned()))
                .join(" ")
        };
        bench.clock.advance(Duration::from_millis(TTL - 1));
        assert_eq!(shown(backend), "value value value", "{kind:?}");
        bench.clock.advance(Duration::from_millis(1));
        assert_eq!(shown(backend), "value - value", "{kind:?}");
        put(backend, 1, "key", "", "again");
        bench.clock.advance(Duration::from_millis(TTL - 1));
        assert_eq!(shown(backend), "value again value", "{kind:?}");
    }
}

#[test]
fn a_scan_leaves_out_what_has_expired_and_goes_on_behind_it() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind, &states());
        let mut opened = bench.open();
        let backend = &mut *opened.backend;
        for old in ["a", "b", "c", "e"] {
            put(backend, 1, "key", old, "old");
        }
        bench.clock.advance(Duration::from_millis(TTL));
        for new in ["d", "f"] {
            put(backend, 1, "key", new, "new");
        }
        for (limit, expected) in [(1, "d=new, more"), (2, "d=new, more"), (9, "d=new f=new")] {
            assert_eq!(
                scan(backend, 1, "key", None, limit),
                expected,
                "{kind:?} {limit}"
            );
        }
        assert_eq!(scan(backend, 1, "key", Some("d"), 9), "f=new");
    }
}

#[test]
fn memory_lets_expired_entries_go_while_others_are_written() {
    let bench = Bench::new(Kind::Memory, &states());
    let mut opened = bench.open();
    let backend = &mut *opened.backend;
    for key in 0..1000 {
        put(backend, 1, &format!("old-{key}"), "", "value");
    }
    let full = backend.bytes();
    bench.clock.advance(Duration::from_millis(TTL));
    for _ in 0..2000 {
        put(backend, 1, "new", "", "value");
    }
    assert!(
        backend.bytes() < full / 100,
        "{} of {full}",
        backend.bytes()
    );
    assert_eq!(value(backend, 1, "new", "").as_deref(), Some("value"));
}

#[test]
fn columns_that_make_no_sense_are_refused() {
    let bench = Bench::new(Kind::Memory, &states());
    let mut opened = bench.open();
    let (keys, none) = (blobs(&["a", "b"]), Blobs::default());
    let changes = Changes {
        kinds: vec![ChangeKind::Put],
        keys: keys.view(),
        sub_keys: none.view(),
        values: none.view(),
    };
    let refused = opened.backend.write(1, &changes);
    assert!(matches!(refused, Err(TaskFailure::Contract(_))));
}
