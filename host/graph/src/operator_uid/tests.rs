//! State ids: pinned, since savepoints hold them, and what changes them.

use wasmill_types::id::OperatorId;

use super::OperatorUid;
use crate::fixture::{check, spec};
use crate::{LogicalGraph, Options};

fn ids(graph: &str) -> Vec<String> {
    let graph = check(graph).unwrap();
    graph
        .operators()
        .iter()
        .map(|operator| operator.state_id.to_string())
        .collect()
}

#[test]
fn ids_never_change() {
    // The first is the published value of XXH3-128 of nothing.
    assert_eq!(
        OperatorUid::of_uid("").to_string(),
        "99aa06d3014798d86001c324468d497f"
    );
    assert_eq!(
        OperatorUid::of_uid("counter").to_string(),
        "df9664e4fd9c25b6c7785a8b826f6823"
    );
    assert_eq!(
        ids("a:source -> b =rebalance=> c#counter"),
        [
            "b602268d3f43787dfa0ecd4b00ad42a3",
            "dfd903987fa25dc108f10c698ccd16c4",
            "df9664e4fd9c25b6c7785a8b826f6823"
        ]
    );
}

#[test]
fn a_uid_outlives_every_change_around_it() {
    let graph = check("z:gen =rebalance=> y!never*7 =hash=> b#counter*3 -> c").unwrap();
    assert_eq!(
        graph.state_id(OperatorId(2)),
        OperatorUid::of_uid("counter")
    );
}

#[test]
fn names_parallelism_and_the_numbering_of_operators_do_not_matter() {
    let expected = ids("a:source*2 =rebalance=> b");
    assert_eq!(ids("x:source*3 =shuffle,json=> y*9"), expected);
    let mut renumbered = spec("a:source*2 =rebalance=> b");
    renumbered.operators[0].id = OperatorId(70);
    renumbered.operators[1].id = OperatorId(3);
    renumbered.edges[0].upstream = OperatorId(70);
    renumbered.edges[0].downstream = OperatorId(3);
    let graph = LogicalGraph::check(renumbered, &Options::default()).unwrap();
    assert_eq!(graph.state_id(OperatorId(3)).to_string(), expected[1]);
}

#[test]
fn the_order_of_edges_does_not_matter() {
    let mut swapped = spec("a:source -> c\nb:source =in1=> c");
    swapped.edges.reverse();
    let graph = LogicalGraph::check(swapped, &Options::default()).unwrap();
    let swapped: Vec<String> = graph
        .operators()
        .iter()
        .map(|operator| operator.state_id.to_string())
        .collect();
    assert_eq!(swapped, ids("a:source -> c\nb:source =in1=> c"));
}

#[test]
fn without_a_uid_a_change_of_the_topology_changes_the_id() {
    let id = |graph: &str, operator: usize| ids(graph)[operator].clone();
    let plain = id("a:source =rebalance=> b", 1);
    for (graph, operator) in [
        ("a:source =rebalance=> x =rebalance=> b", 2),
        ("a:source -> b", 0),
        ("a:source =rebalance=> b -> c", 1),
        ("a:gen =rebalance,out1=> b", 1),
        ("a:source#new =rebalance=> b", 1),
    ] {
        assert_ne!(id(graph, operator), plain, "{graph}");
    }
}

#[test]
fn twins_have_ids_of_their_own() {
    let ids = ids("a:source -> b:sink\na -> c:sink\na -> d:sink");
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
}
