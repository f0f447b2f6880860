//! Graphs and the chains that come of them.

use crate::fixture::job;

/// Checks the names of the vertices of a graph, in order.
fn check(graph: &str, expected: &[&str]) {
    let job = job(graph);
    let names: Vec<&str> = job
        .vertices
        .iter()
        .map(|vertex| vertex.name.as_str())
        .collect();
    assert_eq!(names, expected, "{graph}");
}

#[test]
fn forward_edges_chain_connectors_and_code_of_the_bundle() {
    check("a:source -> b -> c:sink", &["Source: a -> b -> Sink: c"]);
    check("a:gen -> b -> c", &["Source: a -> b -> c"]);
    check("a:source -> b:sink", &["Source: a -> Sink: b"]);
    check(
        "a:source =out0,text=> b =out3=> c",
        &["Source: a -> b -> c"],
    );
}

#[test]
fn a_chain_may_branch() {
    check(
        "a:source -> b -> c -> d:sink\nb -> e:sink\na -> f",
        &["Source: a -> (b -> (c -> Sink: d, Sink: e), f)"],
    );
}

#[test]
fn every_partitioning_but_forward_breaks_the_chain() {
    for partitioning in [
        "hash",
        "rebalance",
        "rescale",
        "shuffle",
        "broadcast",
        "global",
        "custom",
    ] {
        check(&format!("a:gen ={partitioning}=> b"), &["Source: a", "b"]);
    }
}

#[test]
fn different_parallelism_breaks_the_chain() {
    check("a:source*2 -> b*4 -> c*4", &["Source: a", "b -> c"]);
}

#[test]
fn different_max_parallelism_does_not_break_the_chain() {
    check("a:source/64 -> b/128", &["Source: a -> b"]);
}

#[test]
fn an_operator_with_several_input_edges_heads_its_chain() {
    check(
        "a:source -> c -> d\nb:source -> c",
        &["Source: a", "Source: b", "c -> d"],
    );
    check("a:source -> b\na =in1=> b", &["Source: a", "b"]);
    check("a:gen -> b\na =out1=> b", &["Source: a", "b"]);
}

#[test]
fn the_program_controls_chaining() {
    check("a:source -> b!head -> c", &["Source: a", "b -> c"]);
    check("a:source -> b!never -> c", &["Source: a", "b", "c"]);
    check("a:source!never -> b -> c", &["Source: a", "b -> c"]);
    check("a:source!head -> b", &["Source: a -> b"]);
}

#[test]
fn different_slot_sharing_groups_break_the_chain() {
    check("a:source -> b@heavy -> c", &["Source: a", "b -> c"]);
}

#[test]
fn a_co_location_constraint_holds_for_its_whole_chain() {
    check(
        "a:source -> b%x -> c -> d%x -> e%y",
        &["Source: a", "b -> c -> d", "e"],
    );
}

#[test]
fn names_that_say_what_they_are_get_no_prefix() {
    let mut spec = crate::fixture::spec("a:source -> b:sink");
    spec.operators[0].name = "Source: lines".to_owned();
    let logical = crate::LogicalGraph::check(spec, &crate::Options::default()).unwrap();
    let job = crate::JobGraph::from_logical(&logical);
    assert_eq!(job.vertices[0].name, "Source: lines -> Sink: b");
}
