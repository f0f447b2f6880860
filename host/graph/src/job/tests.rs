//! What a vertex takes from its operators.

use wasmill_types::id::{EdgeId, OperatorId, VertexId};

use crate::fixture::job;

#[test]
fn a_vertex_knows_its_operators_and_edges() {
    let job = job(
        "a:source*2 -> b*2 =hash=> c*4+n -> d*4:sink\nb =out1=> e*2:sink\nb =rebalance=> e2:sink",
    );
    let [first, second, third] = job.vertices.as_slice() else {
        panic!("three vertices, not {:?}", job.vertices)
    };
    assert_eq!(first.operators, [0, 1, 4].map(OperatorId));
    assert_eq!(first.chained, [0, 3].map(EdgeId));
    assert_eq!(first.inputs, []);
    assert_eq!(first.outputs, [1, 4].map(EdgeId));
    assert_eq!((first.parallelism, first.is_keyed), (2, false));
    assert_eq!(second.operators, [2, 3].map(OperatorId));
    assert_eq!(second.inputs, [EdgeId(1)]);
    assert_eq!((second.parallelism, second.is_keyed), (4, true));
    assert_eq!(third.operators, [OperatorId(5)]);
    assert_eq!(job.vertex_of(OperatorId(3)), VertexId(1));
    let edge = job.edge(EdgeId(1));
    assert_eq!(
        (edge.from, edge.to, edge.is_chained()),
        (VertexId(0), VertexId(1), false)
    );
    assert!(job.edge(EdgeId(0)).is_chained());
    let crossing: Vec<EdgeId> = job.edges().map(|edge| edge.id).collect();
    assert_eq!(crossing, [1, 4].map(EdgeId));
}

#[test]
fn key_groups_are_those_of_the_head() {
    let job = job("a:gen*2 =hash=> b*2/10 -> c*2/64");
    assert_eq!(job.vertices[0].max_parallelism, 128);
    assert_eq!(job.vertices[1].max_parallelism, 10);
}

#[test]
fn vertices_are_in_topological_order_whatever_the_programs_order() {
    let job = job("c =rebalance=> d:sink\nb =rebalance=> c\na:source =rebalance=> b");
    let names: Vec<&str> = job
        .vertices
        .iter()
        .map(|vertex| vertex.name.as_str())
        .collect();
    assert_eq!(names, ["Source: a", "b", "c", "Sink: d"]);
}

#[test]
fn a_sink_does_not_work_by_key() {
    let job = job("a:gen =hash=> b:sink\nc:gen =rebalance=> b");
    assert!(job.vertices.iter().all(|vertex| !vertex.is_keyed));
}
