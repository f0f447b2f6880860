//! Random graphs: whatever a bundle describes ends in an error or in graphs that keep their invariants.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
    StateKind, StateSpec,
};

use crate::{ExecutionGraph, Format, GraphError, JobGraph, LogicalGraph, Options, present};

/// Each seed is one graph; a failure names its seed.
const SEEDS: u64 = 5_000;

const PARTITIONINGS: [Partitioning; 8] = [
    Partitioning::Forward,
    Partitioning::Hash,
    Partitioning::Rebalance,
    Partitioning::Rescale,
    Partitioning::Shuffle,
    Partitioning::Broadcast,
    Partitioning::Global,
    Partitioning::Custom,
];

#[test]
fn whatever_is_described_ends_in_an_error_or_a_sound_graph() {
    let mut sound = 0;
    let mut kinds = BTreeSet::new();
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let disorder = *[0.0, 0.02, 0.3].choose(&mut rng).unwrap();
        let spec = random_spec(&mut rng, disorder);
        match LogicalGraph::check(spec.clone(), &Options::default()) {
            Ok(logical) => {
                sound += 1;
                check_logical(&logical, seed);
                let job = JobGraph::from_logical(&logical);
                check_job(&job, seed);
                check_execution(&job, &ExecutionGraph::expand(&job), seed);
                check_presentations(&job);
            }
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "seed {seed}");
                kinds.insert(kind_of(&error));
            }
        }
    }
    assert!(sound > SEEDS / 10, "only {sound} graphs were sound");
    assert!(kinds.len() > 15, "only these errors were met: {kinds:?}");
}

/// A graph whose parts are wrong with probability `disorder`.
fn random_spec(rng: &mut SmallRng, disorder: f64) -> JobSpec {
    let count = rng.random_range(0..12u32);
    let mut spec = JobSpec {
        name: "job".to_owned(),
        operators: (0..count)
            .map(|index| random_operator(rng, index, disorder))
            .collect(),
        edges: Vec::new(),
        parallelism: rng
            .random_bool(0.3)
            .then(|| random_parallelism(rng, disorder)),
    };
    for index in 0..count as usize {
        if !spec.operators[index].kind.is_source() {
            let edges = random_inputs(rng, &spec, index, disorder);
            spec.edges.extend(edges);
        }
    }
    if rng.random_bool(0.5) {
        spec.operators.reverse();
    }
    spec
}

fn random_operator(rng: &mut SmallRng, index: u32, disorder: f64) -> OperatorSpec {
    let connector = || ConnectorSpec {
        name: "file".to_owned(),
        options: vec![("path".to_owned(), "x".to_owned())],
    };
    let kind = match rng.random_range(0..8) {
        _ if index == 0 => OperatorKind::GuestSource,
        0 => OperatorKind::SourceConnector(connector()),
        1 => OperatorKind::GuestSource,
        2 => OperatorKind::SinkConnector(connector()),
        _ => OperatorKind::Guest,
    };
    let is_guest = kind.is_guest() || rng.random_bool(disorder);
    OperatorSpec {
        id: OperatorId(if rng.random_bool(disorder) {
            0
        } else {
            index * 7
        }),
        name: random_name(rng, disorder),
        kind,
        chaining: *[
            Chaining::Always,
            Chaining::Always,
            Chaining::Head,
            Chaining::Never,
        ]
        .choose(rng)
        .unwrap(),
        states: if is_guest {
            random_states(rng, disorder)
        } else {
            Vec::new()
        },
        uid: rng
            .random_bool(0.3)
            .then(|| match rng.random_bool(disorder) {
                true => "same".to_owned(),
                false => format!("uid {index}"),
            }),
        parallelism: rng
            .random_bool(0.4)
            .then(|| random_parallelism(rng, disorder)),
        max_parallelism: rng
            .random_bool(disorder)
            .then(|| rng.random_range(0..40_000)),
        slot_sharing_group: rng.random_bool(0.1).then(|| random_name(rng, disorder)),
        co_location: rng
            .random_bool(disorder)
            .then(|| random_name(rng, disorder)),
        watermark_interval: rng.random_bool(0.1).then(|| rng.random_range(0..1_000)),
    }
}

fn random_states(rng: &mut SmallRng, disorder: f64) -> Vec<StateSpec> {
    let kinds = [
        StateKind::OperatorList,
        StateKind::OperatorUnion,
        StateKind::Broadcast,
    ];
    (0..rng.random_range(0..3u32))
        .map(|id| StateSpec {
            id: if rng.random_bool(disorder) { 0 } else { id },
            name: if rng.random_bool(disorder) {
                "s".to_owned()
            } else {
                format!("s{id}")
            },
            kind: if rng.random_bool(disorder) {
                StateKind::Value
            } else {
                *kinds.choose(rng).unwrap()
            },
            ttl: rng.random_bool(disorder).then(|| rng.random_range(0..2)),
            schema: rng.random_bool(disorder).then(|| "u8 -> u8".to_owned()),
        })
        .collect()
}

fn random_name(rng: &mut SmallRng, disorder: f64) -> String {
    let fine = [
        "map",
        "filter",
        "say \"hi\"",
        "<b>",
        "a\\b",
        "größe",
        "Source: x",
    ];
    let bad = ["", "a\nb", "\u{1b}[31m"];
    let bad_one = rng.random_bool(disorder / 2.0);
    let names = if bad_one { &bad[..] } else { &fine[..] };
    (*names.choose(rng).unwrap()).to_owned()
}

fn random_parallelism(rng: &mut SmallRng, disorder: f64) -> u32 {
    if rng.random_bool(disorder) {
        *[0, 1000, 32_768, 32_769, u32::MAX].choose(rng).unwrap()
    } else {
        rng.random_range(1..6)
    }
}

/// The edges into one operator, mostly from operators before it.
fn random_inputs(rng: &mut SmallRng, spec: &JobSpec, index: usize, disorder: f64) -> Vec<EdgeSpec> {
    let is_sink = matches!(spec.operators[index].kind, OperatorKind::SinkConnector(_));
    let keyed = rng.random_bool(0.3);
    let edges = rng.random_range(1..4u32);
    let mut made = Vec::new();
    for number in 0..edges {
        let before = if rng.random_bool(disorder) {
            spec.operators.len()
        } else {
            index
        };
        let upstream = &spec.operators[rng.random_range(0..before.max(1))];
        let into_sink = matches!(upstream.kind, OperatorKind::SinkConnector(_));
        let from_connector = matches!(upstream.kind, OperatorKind::SourceConnector(_));
        let mut partitioning = *PARTITIONINGS.choose(rng).unwrap();
        if !rng.random_bool(disorder) {
            partitioning = match (partitioning, keyed, from_connector) {
                (_, true, true) => Partitioning::Broadcast,
                (_, true, false) => Partitioning::Hash,
                (Partitioning::Hash | Partitioning::Custom, false, _) => Partitioning::Forward,
                (other, false, _) => other,
            };
            if into_sink {
                continue;
            }
        }
        let unknown = OperatorId(12_345);
        made.push(EdgeSpec {
            upstream: if rng.random_bool(disorder / 4.0) {
                unknown
            } else {
                upstream.id
            },
            output: if from_connector {
                0
            } else {
                rng.random_range(0..2)
            },
            downstream: spec.operators[index].id,
            input: match () {
                () if rng.random_bool(disorder / 2.0) => rng.random(),
                () if is_sink => 0,
                () => number.min(made.len() as u32),
            },
            partitioning,
            format: match rng.random_bool(disorder / 2.0) {
                true => (*["json", "avro"].choose(rng).unwrap()).to_owned(),
                false => Format::Postcard.to_string(),
            },
        });
    }
    made
}

fn check_logical(logical: &LogicalGraph, seed: u64) {
    let mut ids = BTreeSet::new();
    for (place, operator) in logical.operators().iter().enumerate() {
        assert!(operator.parallelism >= 1, "seed {seed}");
        assert!(
            operator.parallelism <= operator.max_parallelism,
            "seed {seed}"
        );
        assert!(ids.insert(operator.state_id), "seed {seed}");
        assert_eq!(
            logical.inputs(operator.id).is_empty(),
            operator.kind.is_source()
        );
        for edge in logical
            .inputs(operator.id)
            .iter()
            .map(|edge| logical.edge(*edge))
        {
            assert!(
                logical.place(edge.upstream) < place,
                "seed {seed}: topological order"
            );
            let upstream = logical.operator(edge.upstream);
            if edge.partitioning == Partitioning::Forward {
                assert_eq!(upstream.parallelism, operator.parallelism, "seed {seed}");
            }
        }
    }
}

fn check_job(job: &JobGraph, seed: u64) {
    let mut seen: BTreeSet<OperatorId> = BTreeSet::new();
    let mut edges: BTreeSet<EdgeId> = BTreeSet::new();
    for vertex in &job.vertices {
        assert!(
            vertex.operators.iter().all(|id| seen.insert(*id)),
            "seed {seed}"
        );
        assert!(
            vertex
                .operators
                .iter()
                .all(|id| job.vertex_of(*id) == vertex.id)
        );
        assert!(!vertex.name.is_empty());
        for operator in &vertex.operators[1..] {
            let [edge] = job.logical().inputs(*operator) else {
                panic!("seed {seed}: operator {operator} is chained, so it has one input")
            };
            let edge = job.edge(*edge);
            assert!(edge.is_chained(), "seed {seed}");
            assert!(vertex.chained.contains(&edge.id), "seed {seed}");
            assert_eq!(edge.partitioning, Partitioning::Forward, "seed {seed}");
            let operator = job.operator(*operator);
            assert!(!operator.is_keyed, "seed {seed}");
            assert_eq!(operator.chaining, Chaining::Always, "seed {seed}");
            assert_eq!(operator.parallelism, vertex.parallelism, "seed {seed}");
            assert_eq!(
                operator.slot_sharing_group, vertex.slot_sharing_group,
                "seed {seed}"
            );
            assert_ne!(
                job.operator(edge.upstream).chaining,
                Chaining::Never,
                "seed {seed}"
            );
        }
        for edge in vertex.inputs.iter().map(|edge| job.edge(*edge)) {
            assert!(
                edge.from < edge.to,
                "seed {seed}: vertices are in topological order"
            );
            assert_eq!(
                (edge.to, edge.downstream),
                (vertex.id, vertex.head()),
                "seed {seed}"
            );
        }
        assert!(
            vertex.outputs.is_sorted() && vertex.inputs.is_sorted() && vertex.chained.is_sorted()
        );
        edges.extend(vertex.chained.iter().chain(&vertex.outputs));
    }
    assert_eq!(seen.len(), job.logical().operators().len(), "seed {seed}");
    assert_eq!(edges.len(), job.logical().edges().len(), "seed {seed}");
}

fn check_execution(job: &JobGraph, execution: &ExecutionGraph, seed: u64) {
    let mut counted = 0;
    for edge in job.edges() {
        let producers = job.vertex(edge.from).parallelism;
        let consumers = job.vertex(edge.to).parallelism;
        let fed = |producer| execution.consumers(edge.id, producer);
        let read = |consumer| execution.producers(edge.id, consumer);
        let written: u64 = (0..producers)
            .map(|producer| fed(producer).len() as u64)
            .sum();
        let received: u64 = (0..consumers)
            .map(|consumer| read(consumer).len() as u64)
            .sum();
        assert_eq!(written, received, "seed {seed}");
        counted += written;
        // The corners suffice here; the wiring has its own test of every pair.
        for producer in [0, producers / 2, producers - 1] {
            for consumer in [0, consumers / 2, consumers - 1] {
                let fed = fed(producer).contains(&consumer);
                assert_eq!(fed, read(consumer).contains(&producer), "seed {seed}");
            }
        }
    }
    assert_eq!(counted, execution.channels(), "seed {seed}");
    let in_regions: usize = execution
        .regions()
        .iter()
        .map(|region| region.subtasks.len())
        .sum();
    assert_eq!(in_regions, execution.subtasks().count(), "seed {seed}");
    for edge in job.edges() {
        for producer in [0, job.vertex(edge.from).parallelism - 1] {
            let consumer = execution.consumers(edge.id, producer).start;
            let region = |vertex, index| execution.region_of(crate::Subtask { vertex, index });
            assert_eq!(
                region(edge.from, producer),
                region(edge.to, consumer),
                "seed {seed}"
            );
        }
    }
    let widest = job.vertices.iter().map(|vertex| vertex.parallelism).max();
    assert!(
        execution.slots_needed() >= widest.unwrap_or(0),
        "seed {seed}"
    );
}

fn check_presentations(job: &JobGraph) {
    assert!(!present::table(job).is_empty());
    assert!(present::dot(job).ends_with("}\n"));
    assert_eq!(
        present::plan_json(None, job)["nodes"]
            .as_array()
            .map(Vec::len),
        Some(job.vertices.len())
    );
    assert!(present::json(job).is_object());
}

/// The name of an error's variant.
fn kind_of(error: &GraphError) -> String {
    let debug = format!("{error:?}");
    let end = debug.find([' ', '(', '{']).unwrap_or(debug.len());
    debug[..end].to_owned()
}
