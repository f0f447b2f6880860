//! What bundles are and hand to the host, and what the SDK reads in them.

use wasmill::codec::{Decode, Json, Postcard, Text};
use wasmill_graph::{ExecutionGraph, JobGraph, Limits, LogicalGraph, Options};
use wasmill_types::id::OperatorId;
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
    StateKind, StateSpec,
};
use wasmill_types::schema::Schema;
use wasmill_types::{Batch, Blobs};

/// The largest record of a batch, in bytes.
const MAX_RECORD: u32 = 1 << 10;

/// The head of a component, a module, and components with parts of what a bundle has.
pub(crate) fn bundles() -> Vec<Vec<u8>> {
    let texts = [
        "(component)",
        "(module (func (export \"f\")))",
        "(component (core module (memory 1)) (import \"wasmill:dataflow/types@0.1.0\" (instance)))",
        "(component (component (export \"a\" (func 0))) )",
    ];
    texts
        .iter()
        .filter_map(|text| wat::parse_str(text).ok())
        .collect()
}

/// The columns of a batch and of a list of blobs, which bundles hand over as they are: a byte for the number
/// of ends, the ends as little-endian numbers, a byte that says which other columns there are, data.
pub(crate) fn columns(bytes: &[u8]) {
    let Some((records, rest)) = bytes.split_first() else {
        return;
    };
    let (ends, rest) = rest.split_at(rest.len().min(4 * usize::from(*records)));
    let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let ends: Vec<u32> = ends.chunks_exact(4).map(number).collect();
    let (which, data) = rest.split_first().unwrap_or((&0, &[]));
    let batch = Batch {
        timestamps: vec![-1; usize::from(which & 0x0f)],
        hashes: vec![1; usize::from(which >> 4)],
        ends: ends.clone(),
        data: data.to_vec(),
    };
    if let Ok(batch) = batch.view().checked(MAX_RECORD) {
        // What was found good can be read.
        assert_eq!(batch.records().count(), batch.len());
        batch.records().for_each(|record| drop(record.to_vec()));
    }
    let blobs = Blobs {
        ends,
        data: data.to_vec(),
    };
    if let Ok(blobs) = blobs.view().checked() {
        blobs.iter().for_each(|blob| drop(blob.to_vec()));
    }
}

/// Good columns, and some whose ends go back or too far.
pub(crate) fn some_columns() -> Vec<Vec<u8>> {
    vec![
        vec![2, 1, 0, 0, 0, 3, 0, 0, 0, 0x22, 7, 8, 9],
        vec![2, 3, 0, 0, 0, 1, 0, 0, 0, 0, 7, 8, 9],
        vec![1, 255, 255, 255, 255, 0, 7],
    ]
}

/// The graph that a bundle describes, through all of its forms.
pub(crate) fn graph(bytes: &[u8]) {
    let Ok(spec) = postcard::from_bytes::<JobSpec>(bytes) else {
        return;
    };
    let options = Options {
        parallelism: 2,
        limits: Limits {
            // Large graphs are slow, and nothing new.
            subtasks: 1_000,
            ..Limits::default()
        },
    };
    if let Ok(logical) = LogicalGraph::check(spec, &options) {
        let graph = JobGraph::from_logical(&logical);
        let execution = ExecutionGraph::expand(&graph);
        assert!(!execution.regions().is_empty(), "a graph has vertices");
    }
}

/// A source, a keyed operator with state, and a sink.
pub(crate) fn graphs() -> Vec<Vec<u8>> {
    let connector = |name: &str| ConnectorSpec {
        name: name.to_owned(),
        options: vec![("path".to_owned(), "p".to_owned())],
    };
    let operator = |id: u32, kind| OperatorSpec {
        id: OperatorId(id),
        name: format!("operator {id}"),
        kind,
        chaining: Chaining::Always,
        states: Vec::new(),
        uid: None,
        parallelism: None,
        max_parallelism: Some(128),
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    };
    let edge = |upstream: u32, partitioning| EdgeSpec {
        upstream: OperatorId(upstream),
        output: 0,
        downstream: OperatorId(upstream + 1),
        input: 0,
        partitioning,
        format: "text".to_owned(),
    };
    let mut counted = operator(1, OperatorKind::Guest);
    counted.states.push(StateSpec {
        id: 0,
        name: "count".to_owned(),
        kind: StateKind::Value,
        ttl: None,
        schema: Some("String -> u64".to_owned()),
    });
    let spec = JobSpec {
        name: "job".to_owned(),
        operators: vec![
            operator(0, OperatorKind::SourceConnector(connector("file"))),
            counted,
            operator(2, OperatorKind::SinkConnector(connector("file"))),
        ],
        edges: vec![edge(0, Partitioning::Hash), edge(1, Partitioning::Forward)],
        parallelism: Some(2),
    };
    postcard::to_allocvec(&spec).into_iter().collect()
}

/// A description of types, and after a zero the bytes of a value.
pub(crate) fn schema(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0);
    let (text, value) = bytes.split_at(at.unwrap_or(bytes.len()));
    let text = String::from_utf8_lossy(text);
    if let Ok(schema) = Schema::parse(&text) {
        assert!(schema.reads(&schema), "{text} cannot be read as itself");
        let value = value.get(1..).unwrap_or_default();
        if let Ok(shown) = schema.value.decode(value) {
            // JSON has no number for some floats.
            let _ = schema.value.encode(&shown);
        }
    }
}

/// Descriptions, with values.
pub(crate) fn schemas() -> Vec<Vec<u8>> {
    let node = "String -> struct Node { value: enum E { A, B(u64) }, next: Option<^Node> }";
    let map = "Map<(u8, i16), [Vec<f32>; 2]>";
    let with = |text: &str, value: &[u8]| [text.as_bytes(), &[0], value].concat();
    vec![with(node, &[1, 5, 1, 0, 0]), with(map, &[1, 2, 3, 0, 0])]
}

/// Records as the SDK reads them.
pub(crate) fn codecs(bytes: &[u8]) {
    type Nested = (u64, String, Vec<Option<i32>>, f64);
    // Either is fine.
    let _ = Decode::<Nested>::decode(&Postcard, bytes);
    let _ = Decode::<Nested>::decode(&Json, bytes);
    let _ = Decode::<String>::decode(&Text, bytes);
}

/// A record in each form.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let json = br#"[1,"a",[null,-2],0.5]"#.to_vec();
    let postcard = postcard::to_allocvec(&(1_u64, "a", vec![None, Some(-2)], 0.5));
    [json].into_iter().chain(postcard).collect()
}
