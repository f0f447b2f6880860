//! A hostile guest: describes a graph that cannot run, of the kind that `--kind` names.
//!
//! The SDK builds no such graphs, so this guest speaks `wit/` itself; none of its other functions is ever
//! reached. [`graph`] makes the graphs.

use wasmill::bindings::exports::wasmill::dataflow::job::{
    Chaining, Connector, Edge, JobGraph, OperatorKind, OperatorSpec, Partitioning,
};

#[cfg(target_arch = "wasm32")]
mod exports;

/// The kinds of broken graphs, and `none`, which is broken in no way.
pub const KINDS: [&str; 14] = [
    "none",
    "empty",
    "cycle",
    "dangling-edge",
    "duplicate-id",
    "duplicate-uid",
    "parallelism-0",
    "parallelism-above-max",
    "unknown-connector",
    "unknown-option",
    "bad-option",
    "unknown-format",
    "no-input",
    "too-many-operators",
];

/// The fields of the made-up records.
const FIELDS: &str = r#"{"n": {"kind": "sequence", "start": 0}}"#;

/// The graph of the arguments: `--kind KIND`.
///
/// # Errors
/// When the arguments name no kind that there is.
pub fn graph(args: &[String]) -> Result<JobGraph, String> {
    let kind = match args {
        [name, kind] if name == "--kind" => kind.as_str(),
        _ => return Err("give `--kind KIND` and nothing else".to_owned()),
    };
    if !KINDS.contains(&kind) {
        let kinds = KINDS.join(", ");
        return Err(format!("argument `--kind`: `{kind}` is none of {kinds}"));
    }
    let mut graph = sound();
    break_graph(&mut graph, kind);
    Ok(graph)
}

/// A graph that could run: a source, two operators, a sink.
fn sound() -> JobGraph {
    let source = connector("datagen", &[("rows", "1"), ("fields", FIELDS)]);
    let sink = connector("blackhole", &[]);
    JobGraph {
        name: "broken".to_owned(),
        operators: vec![
            operator(0, "source", OperatorKind::SourceConnector(source)),
            operator(1, "first", OperatorKind::Guest),
            operator(2, "second", OperatorKind::Guest),
            operator(3, "sink", OperatorKind::SinkConnector(sink)),
        ],
        edges: vec![
            edge(0, 1, "json"),
            edge(1, 2, "postcard"),
            edge(2, 3, "postcard"),
        ],
        parallelism: None,
    }
}

fn break_graph(graph: &mut JobGraph, kind: &str) {
    let JobGraph {
        operators, edges, ..
    } = graph;
    match kind {
        "empty" => {
            operators.clear();
            edges.clear();
        }
        "cycle" => edges.push(edge(2, 1, "json")),
        "dangling-edge" => edges.push(edge(2, 77, "postcard")),
        "duplicate-id" => operators[2].id = 1,
        "duplicate-uid" => {
            operators[1].uid = Some("twin".to_owned());
            operators[2].uid = Some("twin".to_owned());
        }
        "parallelism-0" => operators[1].parallelism = Some(0),
        "parallelism-above-max" => {
            operators[1].parallelism = Some(8);
            operators[1].max_parallelism = Some(4);
        }
        "unknown-connector" => {
            operators[0].kind = OperatorKind::SourceConnector(connector("kafak", &[]));
        }
        "unknown-option" => {
            let source = connector(
                "datagen",
                &[("rows", "1"), ("fields", FIELDS), ("rowz", "2")],
            );
            operators[0].kind = OperatorKind::SourceConnector(source);
        }
        "bad-option" => {
            let source = connector("datagen", &[("rows", "many"), ("fields", FIELDS)]);
            operators[0].kind = OperatorKind::SourceConnector(source);
        }
        "unknown-format" => edges[1].format = "smoke-signals".to_owned(),
        "no-input" => operators.push(operator(4, "lonely", OperatorKind::Guest)),
        "too-many-operators" => {
            let more = 4..4000;
            operators.extend(more.map(|id| operator(id, "one of many", OperatorKind::Guest)));
        }
        _ => {}
    }
}

fn operator(id: u32, name: &str, kind: OperatorKind) -> OperatorSpec {
    OperatorSpec {
        id,
        name: name.to_owned(),
        kind,
        chaining: Chaining::Always,
        states: Vec::new(),
        uid: None,
        parallelism: None,
        max_parallelism: None,
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    }
}

fn connector(name: &str, options: &[(&str, &str)]) -> Connector {
    let options = options.iter();
    Connector {
        name: name.to_owned(),
        options: options
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn edge(upstream: u32, downstream: u32, format: &str) -> Edge {
    Edge {
        upstream,
        output: 0,
        downstream,
        input: 0,
        partitioning: Partitioning::Forward,
        format: format.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_differs_from_the_sound_graph() {
        for kind in KINDS {
            let graph = graph(&["--kind".to_owned(), kind.to_owned()]).unwrap();
            assert_eq!(graph == sound(), kind == "none", "{kind}");
        }
        assert!(graph(&["--kind".to_owned(), "other".to_owned()]).is_err());
    }
}
