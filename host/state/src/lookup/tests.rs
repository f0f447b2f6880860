//! Looking into snapshots of both forms.

use wasmill_actor::CancelToken;
use wasmill_types::job::{StateKind, StateSpec};

use super::*;
use crate::fixture::{Bench, GROUPS, Kind, canonical, put, source};

fn states() -> Vec<StateSpec> {
    let spec = |id, ttl| StateSpec {
        id,
        name: format!("state {id}"),
        kind: StateKind::Map,
        ttl,
        schema: None,
    };
    vec![spec(0, None), spec(1, Some(1_000))]
}

fn wanted(state: u32, key: &str) -> Wanted {
    Wanted {
        state,
        max_parallelism: GROUPS,
        key: key.into(),
        sub_key: None,
        expired_at_ms: None,
        max_rows: 10,
        max_bytes: 1_000,
    }
}

fn text(found: &Found) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let rows = found.rows.iter();
    let rows: Vec<_> = rows
        .map(|(sub_key, value)| format!("{}={}", text(sub_key), text(value)))
        .collect();
    let more = if found.is_more { ", more" } else { "" };
    format!("{}{more}", rows.join(" "))
}

#[test]
fn a_snapshot_answers_for_one_key_whatever_its_form() {
    for (kind, native) in [
        (Kind::Memory, false),
        (Kind::Rocks, false),
        (Kind::Rocks, true),
    ] {
        let bench = Bench::new(kind, &states());
        let mut opened = bench.open();
        let backend = &mut *opened.backend;
        for key in 0..200 {
            put(backend, 0, &format!("key-{key}"), "", &key.to_string());
        }
        for sub_key in ["a", "b", "c"] {
            put(backend, 0, "map", sub_key, &format!("{sub_key}{sub_key}"));
            put(backend, 1, "map", sub_key, "timed");
        }
        let written_ms = bench.clock.now_ms();
        let snapshot = bench.snapshot(&mut opened, 1);
        let look = |wanted: &Wanted| {
            let saved = match native {
                true => bench.saved_files(&snapshot).unwrap(),
                false => source(&canonical(&snapshot)),
            };
            lookup(saved, wanted)
        };
        let check = |wanted: &Wanted, expected: &str| {
            let found = look(wanted).unwrap();
            assert_eq!(text(&found), expected, "{kind:?} {native} {wanted:?}");
        };
        check(&wanted(0, "key-7"), "=7");
        check(&wanted(0, "key-200"), "");
        check(&wanted(1, "key-7"), "");
        check(&wanted(0, "map"), "a=aa b=bb c=cc");
        let of = |sub_key: &str| Wanted {
            sub_key: Some(sub_key.into()),
            ..wanted(0, "map")
        };
        check(&of("b"), "b=bb");
        check(&of("bb"), "");
        let few = Wanted {
            max_rows: 2,
            ..wanted(0, "map")
        };
        check(&few, "a=aa b=bb, more");
        let small = Wanted {
            max_bytes: 1,
            ..wanted(0, "map")
        };
        check(&small, "a=aa, more");
        let timed = |expired_at_ms| Wanted {
            expired_at_ms: Some(expired_at_ms),
            ..wanted(1, "map")
        };
        check(&timed(written_ms - 1), "a=timed b=timed c=timed");
        check(&timed(written_ms), "");
        let other = Wanted {
            max_parallelism: GROUPS + 1,
            ..wanted(0, "map")
        };
        assert!(matches!(look(&other), Err(StateError::Mismatch(_))));
    }
}

#[test]
fn a_damaged_snapshot_is_no_answer() {
    let bench = Bench::new(Kind::Memory, &states());
    let mut opened = bench.open();
    put(&mut *opened.backend, 0, "a", "", "1");
    let snapshot = bench.snapshot(&mut opened, 1);
    let mut stream = Vec::new();
    snapshot
        .write_canonical(&mut stream, &CancelToken::new())
        .unwrap();
    let middle = stream.len() / 2;
    stream[middle] ^= 1;
    assert!(lookup(source(&stream), &wanted(0, "a")).is_err());
}
