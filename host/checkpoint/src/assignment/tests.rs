//! Semantics §5 and §8, sentence by sentence.

use std::collections::BTreeSet;

use wasmill_types::job::StateKind;

use super::*;
use crate::CheckpointId;
use crate::handles::{
    CanonicalState, Committables, Elements, InFlight, ListState, OperatorState, Place, Spread,
    SubtaskState,
};
use crate::metadata::Schema;
use crate::metadata::fixture::{own, savepoint};

const MAX: u32 = 128;

fn uid(name: &str) -> OperatorUid {
    OperatorUid::of_uid(name)
}

fn operator(name: &str, parallelism: u32) -> NewOperator {
    NewOperator {
        uid: uid(name),
        name: name.to_owned(),
        given_uid: Some("counts".to_owned()),
        parallelism,
        max_parallelism: MAX,
        max_parallelism_is_explicit: false,
        states: vec![StateDescription {
            id: 0,
            name: "count".to_owned(),
            kind: StateKind::Value,
            schema: Some(Schema::of("String -> u64")),
        }],
    }
}

fn job(parallelism: u32) -> NewJob {
    NewJob {
        operators: vec![operator("map", parallelism)],
        edges: Vec::new(),
    }
}

/// A snapshot of one operator `map` whose subtasks are made by `state`.
fn snapshot(parallelism: u32, state: impl Fn(u32) -> SubtaskState) -> Metadata {
    let mut metadata = savepoint();
    metadata.operators.remove(0);
    let map = &mut metadata.operators[0];
    map.parallelism = parallelism;
    map.states = operator("map", 1).states;
    map.finished = BTreeSet::new();
    map.subtasks = (0..parallelism)
        .map(|index| (index, state(index)))
        .collect();
    metadata
}

fn restored(snapshot: &Metadata, parallelism: u32) -> Vec<RestoredState> {
    let assignment = Assignment::new(snapshot, &job(parallelism), false).unwrap();
    assignment.operators[&uid("map")].subtasks.clone()
}

fn keyed_state(index: u32, parallelism: u32) -> SubtaskState {
    let key_groups = key_group::range(index, parallelism, MAX);
    SubtaskState {
        keyed: Some(KeyedState::Canonical(CanonicalState {
            key_groups,
            stream: own(&format!("rows-{index}"), 0),
        })),
        ..SubtaskState::default()
    }
}

#[test]
fn a_subtask_reads_exactly_the_key_groups_of_its_new_range() {
    for old in [1, 2, 3, 5, 8, 128] {
        let snapshot = snapshot(old, |index| keyed_state(index, old));
        for new in [1, 2, 3, 4, 7, 64, 128] {
            for (index, state) in (0..).zip(restored(&snapshot, new)) {
                let mut read: Vec<u32> = Vec::new();
                for part in &state.keyed {
                    let has = part.state.key_groups();
                    assert!(has.start <= part.key_groups.start && part.key_groups.end <= has.end);
                    read.extend(part.key_groups.clone());
                }
                let owned: Vec<u32> = key_group::range(index, new, MAX).collect();
                assert_eq!(read, owned, "subtask {index} of {new} after {old}");
            }
        }
    }
}

#[test]
fn with_unchanged_parallelism_subtask_i_gets_back_state_i_unchanged() {
    let snapshot = snapshot(3, |index| keyed_state(index, 3));
    for (index, state) in (0..).zip(restored(&snapshot, 3)) {
        let old = &snapshot.operators[0].subtasks[&index];
        assert_eq!(state.keyed.len(), 1);
        assert_eq!(Some(&state.keyed[0].state), old.keyed.as_ref());
        assert_eq!(
            &state.keyed[0].key_groups,
            state.keyed[0].state.key_groups()
        );
    }
}

/// Lists per old subtask as digits, one byte per element; the names of the streams are the digits.
fn lists(spread: Spread, olds: &[&str]) -> Metadata {
    snapshot(olds.len() as u32, |index| {
        let text = olds[index as usize];
        let elements = Elements {
            offsets: (0..text.len() as u64).collect(),
            end: text.len() as u64,
        };
        SubtaskState {
            lists: (!text.is_empty()).then(|| OperatorState {
                stream: own(text, text.len() as u64),
                lists: vec![ListState {
                    name: "list".to_owned(),
                    spread,
                    elements,
                }],
            }),
            ..SubtaskState::default()
        }
    })
}

/// The list of each new subtask as digits.
fn read(states: &[RestoredState]) -> Vec<String> {
    let read = |part: &ListPart| {
        let Place::Own(text) = &part.stream.place else {
            unreachable!("streams of these tests are own files");
        };
        let elements = part.elements.iter();
        elements
            .map(|range| &text[range.start as usize..range.end as usize])
            .collect::<String>()
    };
    states
        .iter()
        .map(|state| {
            state
                .lists
                .get("list")
                .into_iter()
                .flatten()
                .map(read)
                .collect()
        })
        .collect()
}

#[test]
fn list_operator_state_is_divided_evenly_in_order() {
    for (olds, new, expected) in [
        (&["123", "45", "67"][..], 2, &["1234", "567"][..]),
        (&["123", "45", "67"], 1, &["1234567"]),
        (&["12", "34"], 3, &["12", "3", "4"]),
        (&["12", "34"], 5, &["1", "2", "3", "4", ""]),
        (&["", "1234", ""], 2, &["12", "34"]),
        // With unchanged parallelism nothing is moved.
        (&["1234", "", "5"], 3, &["1234", "", "5"]),
    ] {
        assert_eq!(
            read(&restored(&lists(Spread::Even, olds), new)),
            expected,
            "{olds:?}"
        );
    }
}

#[test]
fn every_subtask_receives_all_of_a_union_list_also_when_parallelism_is_unchanged() {
    for new in [1, 2, 4] {
        let read = read(&restored(&lists(Spread::Union, &["12", "3"]), new));
        assert_eq!(read, vec!["123"; new as usize]);
    }
}

#[test]
fn every_subtask_receives_one_copy_of_broadcast_state() {
    for (new, expected) in [(1, &["12"][..]), (2, &["12", "12"]), (5, &["12"; 5])] {
        assert_eq!(
            read(&restored(&lists(Spread::Broadcast, &["12", "12"]), new)),
            expected
        );
    }
}

#[test]
fn after_partially_finished_subtasks_the_present_state_is_split_evenly() {
    let mut metadata = lists(Spread::Even, &["", "1234"]);
    metadata.operators[0].finished.insert(0);
    metadata.operators[0].subtasks.remove(&0);
    assert_eq!(read(&restored(&metadata, 2)), ["12", "34"]);
}

#[test]
fn a_fully_finished_operator_is_marked_and_gets_no_state() {
    let mut metadata = lists(Spread::Even, &["12", "34"]);
    metadata.operators[0].finished.extend([0, 1]);
    let assignment = Assignment::new(&metadata, &job(2), false).unwrap();
    let map = &assignment.operators[&uid("map")];
    assert!(map.finished);
    assert_eq!(map.subtasks, vec![RestoredState::default(); 2]);
}

#[test]
fn splits_and_committables_are_given_once() {
    let metadata = snapshot(2, |index| SubtaskState {
        splits: (0..3)
            .map(|split| SplitPosition {
                split: format!("{index}{split}"),
                position: Vec::new(),
            })
            .collect(),
        committables: vec![Committables {
            checkpoint: CheckpointId(5 - u64::from(index)),
            stream: own(&index.to_string(), 2),
            elements: Elements {
                offsets: vec![0, 1],
                end: 2,
            },
        }],
        ..SubtaskState::default()
    });
    let text = |states: Vec<RestoredState>| -> Vec<String> {
        let splits = |state: &RestoredState| {
            let splits: Vec<_> = state
                .splits
                .iter()
                .map(|split| split.split.clone())
                .collect();
            let commits = state
                .committables
                .iter()
                .map(|part| part.checkpoint.to_string());
            format!(
                "{} {}",
                splits.join(","),
                commits.collect::<Vec<_>>().join(",")
            )
        };
        states.iter().map(splits).collect()
    };
    assert_eq!(
        text(restored(&metadata, 2)),
        ["00,01,02 5,5", "10,11,12 4,4"]
    );
    assert_eq!(text(restored(&metadata, 1)), ["00,01,02,10,11,12 4,4,5,5"]);
    assert_eq!(
        text(restored(&metadata, 4)),
        ["00,01 4", "02,10 4", "11 5", "12 5"]
    );
}

#[track_caller]
fn refused(metadata: &Metadata, job: &NewJob, message: &str) {
    let error = Assignment::new(metadata, job, false)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with(message), "{error}");
}

#[test]
fn max_parallelism_is_stored_with_state() {
    let snapshot = snapshot(2, |index| keyed_state(index, 2));
    let with = |max, explicit, parallelism| {
        let mut job = job(parallelism);
        job.operators[0].max_parallelism = max;
        job.operators[0].max_parallelism_is_explicit = explicit;
        job
    };
    refused(&snapshot, &with(256, true, 2), "Max parallelism mismatch");
    refused(
        &snapshot,
        &with(256, false, 129),
        "the parallelism 129 of operator `map` is larger",
    );
    let derived = Assignment::new(&snapshot, &with(256, false, 2), false).unwrap();
    assert_eq!(
        derived.operators[&uid("map")].max_parallelism,
        MAX,
        "it takes over the stored one"
    );
}

#[test]
fn state_without_an_operator_fails_the_restore_unless_allowed() {
    let mut metadata = snapshot(1, |index| keyed_state(index, 1));
    let mut other = job(1);
    other.operators = vec![operator("reduce", 1)];
    refused(
        &metadata,
        &other,
        "the snapshot has state of operator `map`",
    );
    let allowed = Assignment::new(&metadata, &other, true).unwrap();
    assert_eq!(
        (allowed.operators.len(), allowed.left_behind),
        (0, vec!["map".to_owned()])
    );
    // Operators with empty state are skipped silently, and new operators start empty.
    metadata.operators[0].subtasks.clear();
    assert_eq!(
        Assignment::new(&metadata, &other, false),
        Ok(Assignment::default())
    );
}

#[test]
fn a_state_of_another_type_is_refused_with_both_types_named() {
    let snapshot = snapshot(1, |index| keyed_state(index, 1));
    let mut job = job(1);
    for new in ["String -> String", "u64 -> u64", "later than this release"] {
        job.operators[0].states[0].schema = Some(Schema::of(new));
        let problem = format!(
            "state `count` of operator `map` (uid `counts`) was written as `String -> u64` and is now `{new}`"
        );
        refused(&snapshot, &job, &problem);
    }
    job.operators[0].states[0].schema = Some(Schema::of("String -> struct Count(u64)"));
    assert!(Assignment::new(&snapshot, &job, false).is_ok());
    job.operators[0].states[0].kind = StateKind::Map;
    refused(
        &snapshot,
        &job,
        "state `count` of operator `map` was Value and now is Map",
    );
    job.operators[0].states[0] = StateDescription {
        id: 9,
        name: "count".to_owned(),
        kind: StateKind::Value,
        schema: None,
    };
    let assignment = Assignment::new(&snapshot, &job, false).unwrap();
    assert_eq!(
        assignment.operators[&uid("map")].state_ids,
        BTreeMap::from([(0, 9)])
    );
}

/// A snapshot with one frame in flight to each of `old` subtasks, from the consumer's and the producer's side.
fn in_flight(old: u32) -> (Metadata, EdgeUid) {
    let edge = EdgeUid {
        upstream: uid("map"),
        output: 0,
        downstream: uid("map"),
        input: 0,
    };
    let channel = |name: String, peer| InFlight {
        edge,
        peer,
        stream: own(&name, 1),
        range: 0..1,
    };
    let metadata = snapshot(old, |index| SubtaskState {
        inputs: vec![channel(format!("in{index}"), 0)],
        outputs: if index == 0 {
            (0..old)
                .map(|peer| channel(format!("out{peer}"), peer))
                .collect()
        } else {
            Vec::new()
        },
        ..SubtaskState::default()
    });
    (metadata, edge)
}

#[test]
fn in_flight_data_is_redistributed_by_partitioning() {
    let check = |old, new, partitioning, expected: &[&str]| {
        let (metadata, edge) = in_flight(old);
        let mut job = job(new);
        job.edges = vec![NewEdge {
            uid: edge,
            partitioning,
        }];
        let assignment = Assignment::new(&metadata, &job, false).unwrap();
        let text = |part: &InFlightPart| {
            let filter = match &part.filter {
                Filter::All => String::new(),
                Filter::KeyGroups(groups) => format!("[{groups:?}]"),
                Filter::Custom => "[custom]".to_owned(),
            };
            let Place::Own(name) = &part.stream.place else {
                unreachable!("streams of these tests are own files");
            };
            format!("{name}{filter}")
        };
        let found: Vec<String> = assignment.operators[&uid("map")]
            .subtasks
            .iter()
            .map(|state| {
                state
                    .in_flight
                    .iter()
                    .map(text)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        assert_eq!(found, expected, "{partitioning} {old} to {new}");
    };
    use Partitioning::{Custom, Forward, Global, Hash, Rebalance, Shuffle};
    for unchanged in [Hash, Rebalance, Forward, Custom] {
        check(2, 2, unchanged, &["in0 out0", "in1 out1"]);
    }
    check(
        2,
        1,
        Hash,
        &["in0[0..128] out0[0..128] in1[0..128] out1[0..128]"],
    );
    check(
        1,
        2,
        Hash,
        &["in0[0..64] out0[0..64]", "in0[64..128] out0[64..128]"],
    );
    check(
        2,
        3,
        Hash,
        &[
            "in0[0..43] out0[0..43]",
            "in0[43..86] out0[43..86] in1[43..86] out1[43..86]",
            "in1[86..128] out1[86..128]",
        ],
    );
    for around in [Rebalance, Shuffle] {
        check(3, 2, around, &["in0 out0 in2 out2", "in1 out1"]);
        check(1, 2, around, &["in0 out0", ""]);
    }
    check(2, 3, Global, &["in0 out0 in1 out1", "", ""]);
    check(1, 2, Custom, &["in0[custom] out0[custom]"; 2]);
}

#[test]
fn in_flight_data_of_pointwise_edges_or_of_none_is_refused() {
    let (metadata, edge) = in_flight(2);
    let mut job = job(3);
    refused(
        &metadata,
        &job,
        "the snapshot has records in flight from `map` to `map`",
    );
    for partitioning in [
        Partitioning::Forward,
        Partitioning::Rescale,
        Partitioning::Broadcast,
    ] {
        job.edges = vec![NewEdge {
            uid: edge,
            partitioning,
        }];
        refused(
            &metadata,
            &job,
            "records in flight to `map` cannot be spread over 3 subtasks",
        );
    }
}
