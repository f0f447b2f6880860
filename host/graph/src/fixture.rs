//! Graphs as text, for the tests of this crate: `src:source*2 -> split =hash=> count*4+total -> out:sink`.
//!
//! A line is a path of operators and arrows; an operator that was named before is the same operator, so
//! several lines draw a graph. Ids count up in order of appearance.
//!
//! * Operator: a name, then in any order `:kind` (source, gen, sink, guest), `*parallelism`,
//!   `/max-parallelism`, `@slot-sharing-group`, `%co-location`, `#uid`, `!chaining` (head, never) and
//!   `+state` or `+state=kind` (a kind of state; by default `value`).
//! * Arrow: `->` is forward; `=a,b=>` takes a partitioning, a format, `outN` and `inN`.

use wasmill_types::id::OperatorId;
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
    StateKind, StateSpec,
};

use crate::{GraphError, JobGraph, LogicalGraph, Options};

/// The described graph that a text draws.
pub(crate) fn spec(text: &str) -> JobSpec {
    let mut spec = JobSpec {
        name: "job".to_owned(),
        operators: Vec::new(),
        edges: Vec::new(),
        parallelism: None,
    };
    for line in text.lines() {
        let mut upstream = None;
        let mut arrow = None;
        for token in line.split_whitespace() {
            if token.ends_with('>') {
                arrow = Some(token);
                continue;
            }
            let downstream = add_operator(&mut spec, token);
            if let (Some(upstream), Some(arrow)) = (upstream, arrow) {
                let edge = edge(arrow, upstream, downstream);
                spec.edges.push(edge);
            }
            upstream = Some(downstream);
        }
    }
    spec
}

/// The checked graph that a text draws, or what is wrong with it.
pub(crate) fn check(text: &str) -> Result<LogicalGraph, GraphError> {
    LogicalGraph::check(spec(text), &Options::default())
}

/// The job graph that a text draws.
pub(crate) fn job(text: &str) -> JobGraph {
    JobGraph::from_logical(&check(text).unwrap())
}

fn add_operator(spec: &mut JobSpec, token: &str) -> OperatorId {
    let is_mark = |c: char| ":*/@%#!+".contains(c);
    let (name, mut rest) = token.split_at(token.find(is_mark).unwrap_or(token.len()));
    if let Some(known) = spec.operators.iter().find(|operator| operator.name == name) {
        assert!(
            rest.is_empty(),
            "attributes of `{name}` belong where it appears first"
        );
        return known.id;
    }
    let id = OperatorId(spec.operators.len() as u32);
    let mut operator = OperatorSpec {
        id,
        name: name.to_owned(),
        kind: OperatorKind::Guest,
        chaining: Chaining::Always,
        states: Vec::new(),
        uid: None,
        parallelism: None,
        max_parallelism: None,
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    };
    while !rest.is_empty() {
        let end = rest[1..].find(is_mark).map_or(rest.len(), |end| end + 1);
        set(&mut operator, &rest[..1], &rest[1..end]);
        rest = &rest[end..];
    }
    spec.operators.push(operator);
    id
}

fn set(operator: &mut OperatorSpec, mark: &str, value: &str) {
    match mark {
        ":" => operator.kind = kind(value),
        "*" => operator.parallelism = Some(value.parse().unwrap()),
        "/" => operator.max_parallelism = Some(value.parse().unwrap()),
        "@" => operator.slot_sharing_group = Some(value.to_owned()),
        "%" => operator.co_location = Some(value.to_owned()),
        "#" => operator.uid = Some(value.to_owned()),
        "!" => operator.chaining = parse(value),
        _ => {
            let (name, kind) = value.split_once('=').unwrap_or((value, "value"));
            operator.states.push(StateSpec {
                id: operator.states.len() as u32,
                name: name.to_owned(),
                kind: parse::<StateKind>(kind),
                ttl: None,
                schema: None,
            });
        }
    }
}

fn kind(name: &str) -> OperatorKind {
    let connector = |name: &str| ConnectorSpec {
        name: name.to_owned(),
        options: Vec::new(),
    };
    match name {
        "source" => OperatorKind::SourceConnector(connector("datagen")),
        "sink" => OperatorKind::SinkConnector(connector("print")),
        "gen" => OperatorKind::GuestSource,
        "guest" => OperatorKind::Guest,
        other => panic!("`{other}` is no kind of operator"),
    }
}

fn edge(arrow: &str, upstream: OperatorId, downstream: OperatorId) -> EdgeSpec {
    let mut edge = EdgeSpec {
        upstream,
        output: 0,
        downstream,
        input: 0,
        partitioning: Partitioning::Forward,
        format: "postcard".to_owned(),
    };
    if arrow == "->" {
        return edge;
    }
    let words = arrow
        .strip_prefix('=')
        .and_then(|arrow| arrow.strip_suffix("=>"));
    for word in words.expect("an arrow is `->` or `=words=>`").split(',') {
        let number = |prefix| {
            word.strip_prefix(prefix)
                .and_then(|digits: &str| digits.parse().ok())
        };
        if let Some(output) = number("out") {
            edge.output = output;
        } else if let Some(input) = number("in") {
            edge.input = input;
        } else if let Ok(partitioning) = serde_json::from_value(word.into()) {
            edge.partitioning = partitioning;
        } else {
            edge.format = word.to_owned();
        }
    }
    edge
}

/// A value of the domain by the name that it has in JSON.
fn parse<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(name.into()).unwrap()
}
