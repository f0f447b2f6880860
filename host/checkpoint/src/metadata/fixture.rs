//! Metadata with something of everything, for tests.

use super::*;
use crate::barrier::Format;
use crate::handles::{
    CanonicalState, Committables, EdgeUid, Elements, InFlight, KeyedState, ListState, NativeState,
    OperatorState, Place, SharedFile, SplitPosition, Spread,
};

/// A handle of a file of the snapshot itself.
pub(crate) fn own(name: &str, size: u64) -> FileHandle {
    FileHandle {
        place: Place::Own(name.to_owned()),
        size,
        checksum: 7,
    }
}

/// A checkpoint of two operators.
pub(crate) fn checkpoint() -> Metadata {
    let shared = SharedFile {
        key: "map/0/000007".to_owned(),
        uploaded_for: CheckpointId(3),
        handle: FileHandle {
            place: Place::Shared("f00d".to_owned()),
            size: 4096,
            checksum: 11,
        },
    };
    let native = KeyedState::Native(NativeState {
        backend: "rocksdb".to_owned(),
        key_groups: 0..64,
        shared: BTreeMap::from([("000007.sst".to_owned(), shared)]),
        private: BTreeMap::from([("MANIFEST".to_owned(), own("m", 100))]),
    });
    let mut metadata = savepoint();
    metadata.kind = SnapshotKind::Checkpoint;
    metadata.self_contained = false;
    metadata.operators[1].subtasks.insert(
        0,
        SubtaskState {
            keyed: Some(native),
            ..SubtaskState::default()
        },
    );
    metadata
}

/// A savepoint of two operators.
pub(crate) fn savepoint() -> Metadata {
    let (source, map) = (OperatorUid::of_uid("source"), OperatorUid::of_uid("map"));
    let edge = EdgeUid {
        upstream: source,
        output: 0,
        downstream: map,
        input: 0,
    };
    let source_state = SubtaskState {
        splits: vec![SplitPosition {
            split: "a.txt".to_owned(),
            position: vec![1, 2, 3],
        }],
        ..SubtaskState::default()
    };
    let map_state = map_state(edge);
    let operator = |uid, name: &str, parallelism, subtasks| OperatorSnapshot {
        uid,
        name: name.to_owned(),
        parallelism,
        max_parallelism: 128,
        states: Vec::new(),
        coordinator: None,
        subtasks,
        finished: BTreeSet::new(),
    };
    let mut source = operator(source, "source", 1, BTreeMap::from([(0, source_state)]));
    source.coordinator = Some(vec![9]);
    let mut map = operator(map, "map", 2, BTreeMap::from([(1, map_state)]));
    map.states.push(StateDescription {
        id: 3,
        name: "count".to_owned(),
        kind: StateKind::Value,
        schema: Some(Schema {
            fingerprint: 0xabc,
            type_name: "u64".to_owned(),
        }),
    });
    map.finished.insert(0);
    Metadata {
        job: JobId(1),
        checkpoint: CheckpointId(7),
        kind: SnapshotKind::Savepoint(Format::Canonical),
        triggered_ms: 1_000,
        self_contained: true,
        operators: vec![source, map],
        tenant: TenantId::default(),
    }
}

/// The state of a subtask that has something of everything.
fn map_state(edge: EdgeUid) -> SubtaskState {
    let canonical = KeyedState::Canonical(CanonicalState {
        key_groups: 64..128,
        stream: own("rows", 640),
    });
    SubtaskState {
        keyed: Some(canonical),
        lists: Some(OperatorState {
            stream: FileHandle::inline(vec![0; 10]),
            lists: vec![ListState {
                name: "buffer".to_owned(),
                spread: Spread::Even,
                elements: Elements {
                    offsets: vec![0, 4],
                    end: 10,
                },
            }],
        }),
        committables: vec![Committables {
            checkpoint: CheckpointId(6),
            stream: own("staged", 5),
            elements: Elements {
                offsets: vec![0],
                end: 5,
            },
        }],
        inputs: vec![InFlight {
            edge,
            peer: 0,
            stream: own("frames", 100),
            range: 10..100,
        }],
        ..SubtaskState::default()
    }
}
