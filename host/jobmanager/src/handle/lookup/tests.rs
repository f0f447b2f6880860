//! Questions about a checkpoint that is made by hand, up to what a TaskManager is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use wasmill_checkpoint::Metadata;
use wasmill_checkpoint::handles::{CanonicalState, FileHandle, Place};
use wasmill_checkpoint::metadata::Schema as Described;
use wasmill_graph::{LogicalGraph, Options};
use wasmill_types::barrier::SnapshotKind;
use wasmill_types::job::{Partitioning, StateSpec};

use super::*;
use crate::fixture;

const STATES: [(&str, StateKind, Option<&str>); 4] = [
    ("sum", StateKind::Value, Some("String -> u64")),
    ("pages", StateKind::Map, Some("String -> Map<u8, bool>")),
    ("seen", StateKind::List, Some("String -> u8")),
    ("odd", StateKind::Value, None),
];

/// A job whose operator `count` keeps the states above.
fn graph() -> JobGraph {
    let mut spec = fixture::spec("a => split => count*2 -> out*2");
    spec.edges[1].partitioning = Partitioning::Hash;
    let count = &mut spec.operators[2];
    count.uid = Some("counts".to_owned());
    let states = (0..)
        .zip(STATES)
        .map(|(id, (name, kind, schema))| StateSpec {
            id,
            name: name.to_owned(),
            kind,
            ttl: (name == "sum").then_some(50),
            schema: schema.map(str::to_owned),
        });
    count.states = states.collect();
    JobGraph::from_logical(&LogicalGraph::check(spec, &Options::default()).unwrap())
}

/// A checkpoint of it, in which the states have other numbers and two subtasks have half of the key groups each.
fn checkpoint(graph: &JobGraph) -> Completed {
    let operator = operator(graph, "counts").unwrap();
    let state = |first: u32| SubtaskState {
        keyed: Some(KeyedState::Canonical(CanonicalState {
            key_groups: first..first + 64,
            stream: FileHandle {
                place: Place::Own(format!("from-{first}")),
                size: 1,
                checksum: 2,
            },
        })),
        ..SubtaskState::default()
    };
    let states = (5..)
        .zip(STATES)
        .map(|(id, (name, kind, schema))| StateDescription {
            id,
            name: name.to_owned(),
            kind,
            schema: schema.map(Described::of),
        });
    let snapshot = OperatorSnapshot {
        uid: operator.state_id,
        name: operator.name.clone(),
        parallelism: 2,
        max_parallelism: 128,
        states: states.collect(),
        coordinator: None,
        subtasks: BTreeMap::from([(0, state(0)), (1, state(64))]),
        finished: BTreeSet::new(),
    };
    let metadata = Metadata {
        job: JobId(1),
        checkpoint: CheckpointId(7),
        kind: SnapshotKind::Checkpoint,
        triggered_ms: 1,
        self_contained: false,
        operators: vec![snapshot],
        tenant: TenantId::default(),
    };
    Completed::new("/checkpoints/chk-7".to_owned(), metadata)
}

fn question(state: &str, key: Value) -> StateQuestion {
    StateQuestion {
        operator: "counts".to_owned(),
        state: state.to_owned(),
        key: GivenKey::Json(key),
        sub_key: None,
        max_entries: 10,
    }
}

/// What a TaskManager is asked, and the answer to what it says.
fn asked(question: &StateQuestion, rows: StateRows) -> Result<(ReadState, StateAnswer), String> {
    let graph = graph();
    let latest = checkpoint(&graph);
    let work = || {
        let target = Target::find(&graph, &latest, question)?;
        let read = target.request(JobId(1), &latest, question, 1_000)?;
        Ok((read.unwrap(), target.answer(&latest, rows)))
    };
    work().map_err(|error: JobManagerError| error.to_string())
}

#[test]
fn a_key_is_looked_for_where_its_group_was() {
    let rows = StateRows {
        rows: vec![(Vec::new(), vec![0x96, 1])],
        is_more: false,
    };
    for key in ["a", "b", "c", "d"] {
        let (read, answer) = asked(&question("sum", json!(key)), rows.clone()).unwrap();
        let bytes = [&[1], key.as_bytes()].concat();
        assert_eq!(
            (read.state, &read.key, read.sub_key.as_ref()),
            (5, &bytes, None)
        );
        assert_eq!(read.expired_at_ms, Some(950));
        let group = key_group::of_hash(key_group::hash(&bytes), 128);
        let KeyedState::Canonical(state) = &read.keyed else {
            panic!("{read:?}");
        };
        assert!(state.key_groups.contains(&group), "{group} of {state:?}");
        let file = format!("/checkpoints/chk-7/from-{}", state.key_groups.start);
        assert_eq!(state.stream.place, Place::Elsewhere(file));
        assert_eq!(answer.checkpoint, CheckpointId(7));
        assert_eq!(answer.entries[0].value, Some(json!(150)));
    }
}

#[test]
fn entries_of_a_map_have_keys_and_bytes_without_a_type_stay_bytes() {
    let rows = StateRows {
        rows: vec![(vec![3], vec![1]), (vec![4], vec![9])],
        is_more: true,
    };
    let mut of_map = question("pages", json!("a"));
    of_map.sub_key = Some(GivenKey::Json(json!(3)));
    let (read, answer) = asked(&of_map, rows.clone()).unwrap();
    assert_eq!((read.sub_key, read.expired_at_ms), (Some(vec![3]), None));
    let entries = answer.entries.iter();
    let values: Vec<_> = entries
        .map(|it| (it.key.clone(), it.value.clone()))
        .collect();
    // What is no bool is not shown as one.
    let expected = [(Some(json!(3)), Some(json!(true))), (Some(json!(4)), None)];
    assert_eq!(values, expected);
    assert!(answer.is_more);
    let mut of_bytes = question("odd", json!(0));
    of_bytes.key = GivenKey::Bytes(vec![1, 2]);
    let (read, answer) = asked(&of_bytes, rows).unwrap();
    assert_eq!(
        (read.key, answer.entries[0].value.as_ref()),
        (vec![1, 2], None)
    );
    assert_eq!(answer.entries[1].value_bytes, [9]);
}

#[test]
fn what_cannot_be_looked_up_is_said_with_what_can() {
    let refused = |question: &StateQuestion, text: &str| {
        let problem = asked(question, StateRows::default()).unwrap_err();
        assert!(problem.contains(text), "{problem}");
    };
    let mut elsewhere = question("sum", json!("a"));
    elsewhere.operator = "count".to_owned();
    refused(
        &elsewhere,
        "no operator with the uid `count`; those that keep state by key: `counts`",
    );
    let unknown = question("sums", json!("a"));
    refused(
        &unknown,
        "keeps no state `sums` by key; those that it keeps: `sum`, `pages`, `seen`, `odd`",
    );
    refused(
        &question("seen", json!("a")),
        "state `seen` is a list per key",
    );
    refused(
        &question("sum", json!(1)),
        "`key`: `1` is not a value of the type String",
    );
    refused(
        &question("odd", json!(1)),
        "the type of the key is not known; give its bytes with `key-hex`",
    );
    let mut deep = question("sum", json!("a"));
    deep.sub_key = Some(GivenKey::Json(json!(1)));
    refused(&deep, "state `sum` is no map; leave `sub-key` out");
}
