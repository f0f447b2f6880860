//! The job graph in the shape of Flink's plan, which its web pages draw.

use serde_json::{Value, json};
use wasmill_types::id::{EdgeId, JobId};

use crate::job::{JobGraph, Vertex};

/// The plan of a job; without an id while it is only looked at, before it is submitted.
pub fn plan_json(job_id: Option<JobId>, job: &JobGraph) -> Value {
    let nodes: Vec<Value> = job
        .vertices
        .iter()
        .map(|vertex| node(job, vertex))
        .collect();
    let mut plan = json!({ "name": job.name, "type": "STREAMING", "nodes": nodes });
    if let Some(id) = job_id {
        plan["jid"] = id.to_string().into();
    }
    plan
}

fn node(job: &JobGraph, vertex: &Vertex) -> Value {
    let inputs = vertex.inputs.iter().enumerate();
    let inputs: Vec<Value> = inputs.map(|(num, edge)| input(job, num, *edge)).collect();
    json!({
        "id": vertex.uid,
        "parallelism": vertex.parallelism,
        "operator": "",
        "operator_strategy": "",
        "description": escape(&vertex.name),
        "inputs": inputs,
        "optimizer_properties": {},
    })
}

fn input(job: &JobGraph, num: usize, edge: EdgeId) -> Value {
    let edge = job.edge(edge);
    json!({
        "num": num,
        "id": job.vertex(edge.from).uid,
        "ship_strategy": edge.partitioning.ship_strategy(),
        "exchange": "pipelined_bounded",
    })
}

/// Escapes a description as Flink does: clients put it into pages as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\\' => escaped.push_str("&#92;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
