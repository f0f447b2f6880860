//! Graphs as text to plans as text.

use super::*;
use crate::fixture::graph::graph;

/// The plans of a graph, one a line: the vertex, then what its tasks are made of. Edges are their numbers
/// in the text; a sink is its name with the edge that leads to it.
fn plans(text: &str) -> String {
    let required = [
        ("fields", r#"{"n":{"kind":"sequence"}}"#),
        ("path", "/nowhere"),
    ];
    let options = |kind: &str, _: &str| {
        let fits = |name: &str| match kind {
            "datagen" => name == "fields",
            "file" | "files" => name == "path",
            _ => false,
        };
        let given = required.iter().filter(|(name, _)| fits(name));
        given
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let job = graph(text, options);
    let shown = |vertex| shown(&job, &VertexPlan::new(&job, vertex));
    job.vertices
        .iter()
        .map(shown)
        .collect::<Vec<_>>()
        .join("\n")
}

fn shown(job: &JobGraph, plan: &VertexPlan) -> String {
    let name = |id: &OperatorId| job.operator(*id).name.clone();
    let output = |output: &PlannedOutput| match output {
        PlannedOutput::Edge(edge) => edge.to_string(),
        PlannedOutput::Sink(sink, edge) => {
            let edge = edge.map_or("head".to_owned(), |edge| edge.to_string());
            format!("{}@{edge}", name(sink))
        }
    };
    let mut words = Vec::new();
    let mut word = |label: &str, items: Vec<String>| {
        if !items.is_empty() {
            words.push(format!("{label} {}", items.join(",")));
        }
    };
    word("source", plan.source.iter().map(name).collect());
    let guests = if plan.has_guest_source {
        "makes"
    } else {
        "runs"
    };
    word(guests, plan.guests.iter().map(name).collect());
    word("in", plan.inputs.iter().map(ToString::to_string).collect());
    word(
        "fed",
        plan.source_inputs.iter().map(ToString::to_string).collect(),
    );
    let (own, direct) = plan.outputs.split_at(plan.operator_outputs);
    word("out", own.iter().map(output).collect());
    word("past", direct.iter().map(output).collect());
    word(
        "as",
        plan.source_outputs
            .iter()
            .map(ToString::to_string)
            .collect(),
    );
    words.join("; ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(plans(text), expected.join("\n"), "{text}");
}

#[test]
fn a_chain_in_one_task_has_its_source_its_operators_and_its_sink() {
    check(
        "a:datagen -> b -> c -> d:blackhole",
        "source a; runs b,c; in 0; fed 0; out d@2",
    );
    check("a:gen -> b -> d:blackhole", "makes a,b; out d@1");
}

#[test]
fn a_source_that_is_chained_to_a_sink_goes_past_all_operators() {
    check("a:datagen -> d:blackhole", "source a; past d@0; as 0");
    check(
        "a:datagen -> b -> c:blackhole\na -> d:blackhole\na =rebalance=> e",
        "source a; runs b; in 0; fed 0; out c@1; past d@2,3; as 1,2
         runs e; in 3",
    );
}

#[test]
fn a_source_feeds_each_operator_that_is_chained_to_it() {
    check(
        "a:datagen -> b -> c:blackhole\na -> d -> e:blackhole",
        "source a; runs b,d; in 0,2; fed 0,1; out c@1,e@3",
    );
}

#[test]
fn vertices_are_connected_by_the_edges_that_are_not_chained() {
    check(
        "a:datagen =rescale=> b =rebalance=> c:blackhole",
        "source a; past 0; as 0
         runs b; in 0; out 1
         in 1; out c@head",
    );
    check(
        "a:gen!never -> b!never -> c:blackhole",
        "makes a; out 0
         runs b; in 0; out 1
         in 1; out c@head",
    );
}

#[test]
fn a_union_is_several_inputs() {
    check(
        "a:gen -> c:blackhole\nb:gen -> c",
        "makes a; out 0
         makes b; out 1
         in 0,1; out c@head",
    );
    check(
        "a:gen =hash=> c\nb:gen =hash,in1=> c",
        "makes a; out 0
         makes b; out 1
         runs c; in 0,1",
    );
}

#[test]
fn outputs_of_the_bundle_are_in_the_order_of_its_edges() {
    check(
        "a:gen -> b -> c:blackhole\nb =out1,rebalance=> d\na =out1=> e:blackhole",
        "makes a,b; out c@1,2,e@3
         runs d; in 2",
    );
}
