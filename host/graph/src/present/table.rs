//! The job graph as text for a terminal (`wasmill inspect`).

use wasmill_types::job::{OperatorKind, StateKind, StateSpec};

use crate::error::Quoted;
use crate::execution::ExecutionGraph;
use crate::job::{JobEdge, JobGraph, Vertex};
use crate::logical::Operator;

/// The vertices with their operators, inputs, states and state ids, one block each.
pub fn table(job: &JobGraph) -> String {
    let execution = ExecutionGraph::expand(job);
    let mut text = format!("job {}\n", Quoted(&job.name));
    let counts = [
        count(job.logical().operators().len(), "operator"),
        count(job.vertices.len(), "vertex"),
        count(execution.subtasks().count(), "subtask"),
        count(execution.slots_needed() as usize, "slot"),
    ];
    text.push_str(&counts.join(", "));
    text.push('\n');
    for vertex in &job.vertices {
        push_vertex(&mut text, job, vertex);
    }
    text
}

fn push_vertex(text: &mut String, job: &JobGraph, vertex: &Vertex) {
    text.push_str(&format!("\nvertex {}: {}\n", vertex.id, vertex.name));
    let keyed = if vertex.is_keyed { ", keyed" } else { "" };
    let parallelism = format!(
        "{} of at most {}{keyed}",
        vertex.parallelism, vertex.max_parallelism
    );
    push_rows(text, "parallelism", [parallelism]);
    let co_location = vertex.co_location.as_ref();
    let co_location =
        co_location.map_or_else(String::new, |it| format!(", co-located by {}", Quoted(it)));
    let group = format!("{}{co_location}", Quoted(&vertex.slot_sharing_group));
    push_rows(text, "slot group", [group]);
    let operators = || vertex.operators.iter().map(|id| job.operator(*id));
    push_rows(text, "operators", operators().map(operator_row));
    let inputs = vertex.inputs.iter().map(|id| input_row(job, job.edge(*id)));
    push_rows(text, "inputs", inputs);
    let states = operators().flat_map(|operator| {
        operator
            .states
            .iter()
            .map(|state| state_row(operator, state))
    });
    push_rows(text, "states", states);
}

/// Rows under one label, which is shown before the first.
fn push_rows(text: &mut String, label: &str, rows: impl IntoIterator<Item = String>) {
    let mut label = label;
    for row in rows {
        text.push_str(&format!("  {label:<13}{row}\n"));
        label = "";
    }
}

fn operator_row(operator: &Operator) -> String {
    let kind = match &operator.kind {
        OperatorKind::SourceConnector(connector) | OperatorKind::SinkConnector(connector) => {
            format!("connector {}", Quoted(&connector.name))
        }
        OperatorKind::Guest => "code of the bundle".to_owned(),
        OperatorKind::GuestSource => "source in the bundle".to_owned(),
    };
    let uid = match &operator.uid {
        Some(uid) => format!("uid {}", Quoted(uid)),
        None => "no uid".to_owned(),
    };
    format!(
        "{} {}: {kind}, {uid}, state id {}",
        operator.id,
        Quoted(&operator.name),
        operator.state_id
    )
}

fn input_row(job: &JobGraph, edge: &JobEdge) -> String {
    let upstream = &job.operator(edge.upstream).name;
    let side = match edge.output {
        0 => String::new(),
        output => format!(" output {output}"),
    };
    format!(
        "{}: {} {} from {}{side} of vertex {}",
        edge.input,
        edge.partitioning,
        edge.format,
        Quoted(upstream),
        edge.from
    )
}

fn state_row(operator: &Operator, state: &StateSpec) -> String {
    let ttl = state
        .ttl
        .map_or_else(String::new, |ttl| format!(", for {ttl} ms"));
    format!(
        "{}: {} of {}{ttl}",
        Quoted(&state.name),
        state_kind(state),
        Quoted(&operator.name)
    )
}

fn state_kind(state: &StateSpec) -> &'static str {
    match state.kind {
        StateKind::Value => "value",
        StateKind::List => "list",
        StateKind::Map => "map",
        StateKind::Reducing => "reducing",
        StateKind::Aggregating => "aggregating",
        StateKind::OperatorList => "operator list",
        StateKind::OperatorUnion => "operator union",
        StateKind::Broadcast => "broadcast",
    }
}

/// A number of things, for people.
fn count(number: usize, thing: &str) -> String {
    match (number, thing) {
        (1, _) => format!("1 {thing}"),
        (_, "vertex") => format!("{number} vertices"),
        _ => format!("{number} {thing}s"),
    }
}
