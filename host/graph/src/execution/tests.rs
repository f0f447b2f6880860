//! Wiring tables, regions and slots.

use std::ops::Range;

use wasmill_types::id::{EdgeId, VertexId};

use super::*;
use crate::fixture::job;

fn expand(graph: &str) -> ExecutionGraph {
    ExecutionGraph::expand(&job(graph))
}

#[test]
fn pointwise_wiring_is_flinks() {
    type Case<'a> = (u32, u32, &'a [Range<u32>], &'a [Range<u32>]);
    #[rustfmt::skip]
    let cases: [Case<'_>; 5] = [
        // Producers, consumers, producers of each consumer, consumers of each producer.
        (2, 2, &[0..1, 1..2], &[0..1, 1..2]),
        (4, 2, &[0..2, 2..4], &[0..1, 0..1, 1..2, 1..2]),
        (2, 4, &[0..1, 0..1, 1..2, 1..2], &[0..2, 2..4]),
        (3, 2, &[0..1, 1..3], &[0..1, 1..2, 1..2]),
        (2, 3, &[0..1, 0..1, 1..2], &[0..2, 2..3]),
    ];
    for (producers, consumers, expected_producers, expected_consumers) in cases {
        let found: Vec<_> = (0..consumers)
            .map(|consumer| Wiring::Pointwise.producers(consumer, producers, consumers))
            .collect();
        assert_eq!(found, expected_producers, "{producers} to {consumers}");
        let found: Vec<_> = (0..producers)
            .map(|producer| Wiring::Pointwise.consumers(producer, producers, consumers))
            .collect();
        assert_eq!(found, expected_consumers, "{producers} to {consumers}");
    }
}

#[test]
fn both_views_of_a_pointwise_edge_agree() {
    for producers in 1..=40 {
        for consumers in 1..=40 {
            let mut channels = 0;
            let mut next_consumer = 0;
            for producer in 0..producers {
                let fed = Wiring::Pointwise.consumers(producer, producers, consumers);
                assert!(!fed.is_empty());
                if producers <= consumers {
                    assert_eq!(fed.start, next_consumer, "consumers are shared out");
                }
                next_consumer = fed.end;
                for consumer in 0..consumers {
                    let read = Wiring::Pointwise.producers(consumer, producers, consumers);
                    assert!(!read.is_empty());
                    assert_eq!(fed.contains(&consumer), read.contains(&producer));
                    channels += u64::from(fed.contains(&consumer));
                }
            }
            assert_eq!(next_consumer, consumers);
            assert_eq!(channels, Wiring::Pointwise.channels(producers, consumers));
        }
    }
}

#[test]
fn all_to_all_connects_everybody() {
    let graph = expand("a:gen*3 =hash=> b*2");
    assert_eq!(graph.wiring(EdgeId(0)), Wiring::AllToAll);
    assert_eq!(graph.consumers(EdgeId(0), 2), 0..2);
    assert_eq!(graph.producers(EdgeId(0), 1), 0..3);
    assert_eq!(graph.channels(), 6);
}

#[test]
fn an_edge_within_a_chain_has_no_channels() {
    let graph = expand("a:gen*3 -> b*3 =rescale=> c*6");
    assert_eq!(graph.vertices().len(), 2);
    assert_eq!(graph.channels(), 6);
    assert_eq!(graph.consumers(EdgeId(1), 1), 2..4);
}

#[test]
fn slots_are_shared_within_groups() {
    for (graph, expected) in [
        ("a:source*2 -> b*4", 4),
        ("a:source*2 -> b*4@heavy", 6),
        ("a:source*2 -> b*4@heavy -> c*3 -> d:sink", 6),
        ("a:source*2 -> b*4@heavy\nc:source*5 -> d*3", 9),
    ] {
        assert_eq!(expand(graph).slots_needed(), expected, "{graph}");
    }
}

/// Checks regions, each written as its subtasks `vertex.index`.
fn check_regions(graph: &str, expected: &[&str]) {
    let graph = expand(graph);
    let shown = |region: &Region| {
        let subtasks = region.subtasks.iter();
        let names = subtasks.map(|subtask| format!("{}.{}", subtask.vertex, subtask.index));
        names.collect::<Vec<_>>().join(" ")
    };
    let regions: Vec<String> = graph.regions().iter().map(shown).collect();
    assert_eq!(regions, expected);
    for region in graph.regions() {
        for subtask in &region.subtasks {
            assert_eq!(graph.region_of(*subtask), region.id);
        }
    }
}

#[test]
fn a_region_is_what_channels_connect() {
    check_regions("a:source*2 -> b*2", &["0.0", "0.1"]);
    check_regions("a:source*2 -> b!head*2", &["0.0 1.0", "0.1 1.1"]);
    check_regions("a:source*2 =rescale=> b*4", &["0.0 1.0 1.1", "0.1 1.2 1.3"]);
    check_regions(
        "a:source*2 -> b!head*2 =global=> c",
        &["0.0 0.1 1.0 1.1 2.0"],
    );
    check_regions(
        "a:gen*2 =hash=> b*2\nc:gen -> d!head",
        &["0.0 0.1 1.0 1.1", "2.0 3.0"],
    );
}

#[test]
fn subtasks_own_key_groups() {
    let graph = expand("a:gen =hash=> b*3/10");
    let owned: Vec<_> = (0..3)
        .map(|subtask| graph.vertices()[1].key_groups(subtask))
        .collect();
    assert_eq!(owned, [0..4, 4..7, 7..10]);
    assert_eq!(graph.vertices()[1].id, VertexId(1));
}
