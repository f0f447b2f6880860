//! What the check chooses, and what it refuses with which words.

use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::{ConnectorSpec, JobSpec, OperatorKind, Partitioning, StateKind};

use super::*;
use crate::fixture::{check, spec};
use crate::limits::{MAX_OPTION_BYTES, MAX_OPTIONS, MAX_STATES};

/// Checks that a graph drawn as text is refused with these words.
fn refuse(graph: &str, expected: &str) {
    let error = check(graph).expect_err(graph);
    assert_eq!(error.to_string(), expected, "{graph}");
}

/// Checks that a graph is refused with these words once it is changed.
fn refuse_changed(graph: &str, change: impl FnOnce(&mut JobSpec), expected: &str) {
    let mut spec = spec(graph);
    change(&mut spec);
    let error = LogicalGraph::check(spec, &Options::default()).expect_err(expected);
    assert_eq!(error.to_string(), expected);
}

fn operator<'a>(graph: &'a LogicalGraph, name: &str) -> &'a Operator {
    let mut operators = graph.operators().iter();
    operators.find(|operator| operator.name == name).unwrap()
}

#[test]
fn parallelism_is_the_operators_the_programs_or_the_submitters() {
    let mut spec = spec("a:source*3 -> b/200");
    let options = Options {
        parallelism: 7,
        ..Options::default()
    };
    let graph = LogicalGraph::check(spec.clone(), &options).unwrap();
    assert_eq!(operator(&graph, "a").parallelism, 3);
    assert_eq!(operator(&graph, "b").parallelism, 7);
    spec.parallelism = Some(5);
    let graph = LogicalGraph::check(spec, &options).unwrap();
    assert_eq!(operator(&graph, "b").parallelism, 5);
}

#[test]
fn max_parallelism_is_the_operators_or_flinks_default() {
    let graph = check("a:source*100 -> b*100/101").unwrap();
    let max = |name| {
        let operator = operator(&graph, name);
        (
            operator.max_parallelism,
            operator.max_parallelism_is_explicit,
        )
    };
    assert_eq!(max("a"), (256, false));
    assert_eq!(max("b"), (101, true));
}

#[test]
fn forward_between_different_parallelism_becomes_rebalance() {
    let graph = check("a:source*2 -> b*2 -> c*3").unwrap();
    assert_eq!(graph.edge(EdgeId(0)).partitioning, Partitioning::Forward);
    assert_eq!(graph.edge(EdgeId(1)).partitioning, Partitioning::Rebalance);
}

#[test]
fn a_slot_sharing_group_is_inherited_where_all_inputs_agree() {
    let graph =
        check("a:source@x -> b -> c\nd:source@x -> c -> e\nf:source@y -> e -> g@z").unwrap();
    let groups = ["a", "b", "c", "e", "f", "g"]
        .map(|name| operator(&graph, name).slot_sharing_group.as_str());
    assert_eq!(groups, ["x", "x", "x", "default", "y", "z"]);
}

#[test]
fn operators_are_in_topological_order_then_in_the_programs() {
    let graph = check("c -> d:sink\na:source -> c\nb:source -> c").unwrap();
    let names: Vec<&str> = graph
        .operators()
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(graph.inputs(OperatorId(0)), [EdgeId(1), EdgeId(2)]);
    assert_eq!(graph.outputs(OperatorId(0)), [EdgeId(0)]);
}

#[test]
fn inputs_by_key_may_be_joined_by_broadcast_ones() {
    let graph = check("a:gen =hash=> c+n\nb:gen =broadcast,in1=> c\nd:gen =hash=> c").unwrap();
    assert!(operator(&graph, "c").is_keyed);
}

#[test]
fn an_empty_graph_is_refused() {
    refuse(
        "",
        "the job has no operators; let the program add a source and what reads it",
    );
}

#[test]
fn edges_that_cannot_be_are_refused() {
    for (graph, expected) in [
        (
            "a:source -> b:source",
            "edge 0 from operator `a` (id 0) to operator `b` (id 1) goes into a source; a source reads no stream",
        ),
        (
            "a:source -> b:sink -> c",
            "edge 1 from operator `b` (id 1) to operator `c` (id 2) comes out of a sink; connect its reader to the operator before the sink",
        ),
        (
            "a:source =out1=> b",
            "edge 0 from operator `a` (id 0) to operator `b` (id 1) comes from a side output, but a connector has only output 0",
        ),
        (
            "a:gen -> b:sink\na =in1=> b",
            "edge 1 from operator `a` (id 0) to operator `b` (id 1) goes into a second input, but a connector has only input 0",
        ),
        (
            "a:source =hash=> b",
            "edge 0 from operator `a` (id 0) to operator `b` (id 1) is HASH, but only code of the bundle can choose a record's subtask; put an operator of the bundle behind the source",
        ),
        (
            "a:source =custom=> b",
            "edge 0 from operator `a` (id 0) to operator `b` (id 1) is CUSTOM, but only code of the bundle can choose a record's subtask; put an operator of the bundle behind the source",
        ),
        (
            "a:source =avro=> b",
            "edge 0 from operator `a` (id 0) to operator `b` (id 1) has the unknown format `avro`; use one of postcard, json, text, fields, bytes",
        ),
    ] {
        refuse(graph, expected);
    }
}

#[test]
fn dangling_edges_are_refused() {
    refuse_changed(
        "a:source -> b",
        |spec| spec.edges[0].downstream = OperatorId(9),
        "edge 0 goes to operator 9, which is not in the graph; add the operator or remove the edge",
    );
    refuse_changed(
        "a:source -> b",
        |spec| spec.edges[0].upstream = OperatorId(u32::MAX),
        "edge 0 comes from operator 4294967295, which is not in the graph; add the operator or remove the edge",
    );
}

#[test]
fn cycles_are_refused_by_naming_who_is_on_them() {
    refuse(
        "a:source -> b =in0=> c -> d\nc =in1=> b",
        "operators `c` (id 2) -> `b` (id 1) form a cycle; remove one of the edges between them",
    );
    refuse(
        "a:source -> b\nb =in1=> b",
        "operators `b` (id 1) form a cycle; remove one of the edges between them",
    );
    let ring: String = (0..20)
        .map(|i| format!("o{i} -> o{}\n", (i + 1) % 20))
        .collect();
    let error = check(&format!("{ring}a:source -> o0"))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("-> 12 more form a cycle; remove one of the edges between them"),
        "{error}"
    );
}

#[test]
fn operators_that_get_no_records_are_refused() {
    refuse(
        "a:source -> b\nc -> d:sink",
        "operator `c` (id 2) has no input and is not a source; connect it to a stream or remove it",
    );
    refuse(
        "a:source =in2=> b",
        "operator `b` (id 1) has no edge into input 0 but one into input 2; number its inputs from 0 without gaps",
    );
    refuse(
        "a:source -> b\na =in4294967295=> b",
        "operator `b` (id 1) has no edge into input 1 but one into input 4294967295; number its inputs from 0 without gaps",
    );
}

#[test]
fn streams_that_do_not_fit_one_input_are_refused() {
    refuse(
        "a:gen =json=> c\nb:gen =text=> c",
        "input 0 of operator `c` (id 1) gets json and text; give all its edges one format",
    );
    for partitioning in ["broadcast", "rebalance", "shuffle"] {
        refuse(
            &format!("a:gen =hash=> c\nb:gen ={partitioning}=> c"),
            &format!(
                "input 0 of the keyed operator `c` (id 1) is {}; every edge of an input must be HASH, or every one BROADCAST",
                partitioning.to_uppercase()
            ),
        );
    }
    refuse(
        "a:gen =hash=> c\nb:gen =in1=> c",
        "input 1 of the keyed operator `c` (id 1) is FORWARD; every edge of an input must be HASH, or every one BROADCAST",
    );
}

#[test]
fn state_by_key_needs_records_by_key() {
    refuse(
        "a:gen -> b+seen=operator-list+total",
        "operator `b` (id 1) keeps state `total` by key, but none of its inputs is partitioned by hash; use key_by before it",
    );
    refuse(
        "a:gen+total -> b",
        "operator `a` (id 0) keeps state `total` by key, but none of its inputs is partitioned by hash; use key_by before it",
    );
    check("a:gen+offsets=operator-list -> b+rules=broadcast").unwrap();
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (graph, expected) in [
        (
            "a:source*0 -> b",
            "the parallelism of operator `a` (id 0) is 0; it must be from 1 to 32768",
        ),
        (
            "a:source*32769 -> b",
            "the parallelism of operator `a` (id 0) is 32769; it must be from 1 to 32768",
        ),
        (
            "a:source/0 -> b",
            "the max parallelism of operator `a` (id 0) is 0; it must be from 1 to 32768",
        ),
        (
            "a:source/40000 -> b",
            "the max parallelism of operator `a` (id 0) is 40000; it must be from 1 to 32768",
        ),
        (
            "a:source*9/8 -> b",
            "operator `a` (id 0) has parallelism 9, more than its max parallelism 8; lower the one or raise the other",
        ),
        (
            "a:gen*32768 =hash=> b*32768",
            "the job has 1073741824 channels between subtasks, the limit is 4194304; make the job smaller",
        ),
        (
            "a:gen*32768 -> b*32768 -> c*32768 -> d*32768 -> e",
            "the job has 131073 subtasks, the limit is 131072; make the job smaller",
        ),
    ] {
        refuse(graph, expected);
    }
    refuse_changed(
        "a:source -> b",
        |spec| spec.parallelism = Some(0),
        "the parallelism that the program sets for the job is 0; it must be from 1 to 32768",
    );
    let options = Options {
        parallelism: 0,
        ..Options::default()
    };
    let error = LogicalGraph::check(spec("a:source"), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the parallelism that the job was submitted with is 0; it must be from 1 to 32768"
    );
}

#[test]
fn operators_that_cannot_share_slots_are_refused() {
    refuse(
        "a:source*2%x -> b*3%x",
        "operators `a` (id 0) and `b` (id 1) have the co-location constraint `x` but different parallelism; make them equal or drop the constraint",
    );
    refuse(
        "a:source%x -> b@heavy%x",
        "operators `a` (id 0) and `b` (id 1) have the co-location constraint `x` but different slot-sharing groups; make them equal or drop the constraint",
    );
}

#[test]
fn ids_and_names_that_are_not_unique_are_refused() {
    refuse_changed(
        "a:source -> b",
        |spec| spec.operators[1].id = OperatorId(0),
        "operators `a` and `b` have the same id 0; give each operator its own id",
    );
    refuse(
        "a:source#x -> b#x",
        "operators `a` (id 0) and `b` (id 1) have the same uid `x`; give each operator its own uid",
    );
    refuse(
        "a:gen =hash=> b+n+n=list",
        "operator `b` (id 1) has two states named `n`; rename one",
    );
    refuse_changed(
        "a:gen =hash=> b+n+m",
        |spec| spec.operators[1].states[1].id = 0,
        "states `n` and `m` of operator `b` (id 1) have the same id 0; give each state its own id",
    );
    refuse_changed(
        "a:source -> b",
        |spec| options(spec, 0).extend(["x", "x"].map(|name| (name.to_owned(), String::new()))),
        "connector `a` (id 0) has option `x` twice; give it once",
    );
}

#[test]
fn texts_that_cannot_be_shown_are_refused() {
    let long = "n".repeat(257);
    type Change<'a> = Box<dyn FnOnce(&mut JobSpec) + 'a>;
    let cases: [(Change<'_>, &str); 9] = [
        (
            Box::new(|spec| spec.name.clear()),
            "the job's name is empty; give it at least one character",
        ),
        (
            Box::new(|spec| spec.operators[1].name.clear()),
            "the name of operator `` (id 1) is empty; give it at least one character",
        ),
        (
            Box::new(|spec| spec.operators[1].name.clone_from(&long)),
            &format!(
                "the name of operator `{}…` (id 1) has 257 bytes, the limit is 256; shorten it",
                "n".repeat(64)
            ),
        ),
        (
            Box::new(|spec| spec.operators[1].name = "\u{1b}[31mred".to_owned()),
            "the name of operator `\\u{1b}[31mred` (id 1) contains the control character '\\u{1b}'; remove it",
        ),
        (
            Box::new(|spec| spec.name = "safe\u{202e}exe".to_owned()),
            "the job's name contains the control character '\\u{202e}'; remove it",
        ),
        (
            Box::new(|spec| spec.operators[1].uid = Some(String::new())),
            "the uid of operator `b` (id 1) is empty; give it at least one character",
        ),
        (
            Box::new(|spec| spec.operators[1].slot_sharing_group = Some("a\nb".to_owned())),
            "the slot-sharing group of operator `b` (id 1) contains the control character '\\n'; remove it",
        ),
        (
            Box::new(|spec| spec.operators[1].states[0].name = long.clone()),
            "the name of state 0 of operator `b` (id 1) has 257 bytes, the limit is 256; shorten it",
        ),
        (
            Box::new(|spec| {
                let value = "v".repeat(MAX_OPTION_BYTES + 1);
                options(spec, 0).push(("schema".to_owned(), value));
            }),
            "the value of option `schema` of operator `a` (id 0) has 65537 bytes, the limit is 65536; shorten it",
        ),
    ];
    for (change, expected) in cases {
        refuse_changed("a:source -> b+seen=operator-list", change, expected);
    }
}

#[test]
fn states_that_make_no_sense_are_refused() {
    refuse(
        "a:source+seen=operator-list -> b",
        "operator `a` (id 0) is a connector and cannot keep state `seen`; keep it in an operator of the bundle",
    );
    refuse_changed(
        "a:gen =hash=> b+n",
        |spec| spec.operators[1].states[0].ttl = Some(0),
        "state `n` of operator `b` (id 1) lives for 0 ms; give it at least 1 ms, or none to keep it for ever",
    );
    refuse_changed(
        "a:gen =hash=> b+n=broadcast",
        |spec| spec.operators[1].states[0].ttl = Some(5),
        "state `n` of operator `b` (id 1) has a time to live but is not kept by key; only keyed state expires",
    );
    for (edge, schema, problem) in [
        (
            "=hash=> b+n",
            "u7",
            "there is no such type before here at byte 2",
        ),
        (
            "=hash=> b+n",
            "u8",
            "it names no key, and the state is kept by key",
        ),
        (
            "=hash=> b+n=map",
            "u8 -> u8",
            "the state is a map, and the type is none",
        ),
        (
            "=hash=> b+n=broadcast",
            "u8 -> u8",
            "it names a key, and the state is not kept by key",
        ),
    ] {
        let refusal = format!(
            "the types of state `n` of operator `b` (id 1) are misdescribed: {problem}; \
             build the bundle with an SDK of this release, or describe none"
        );
        refuse_changed(
            &format!("a:gen {edge}"),
            |spec| spec.operators[1].states[0].schema = Some(schema.to_owned()),
            &refusal,
        );
    }
}

#[test]
fn graphs_above_the_limits_are_refused() {
    refuse_changed(
        "a:source -> b",
        |spec| spec.operators = vec![spec.operators[0].clone(); Limits::OPERATORS + 1],
        "the job has 1001 operators, the limit is 1000; make the job smaller",
    );
    refuse_changed(
        "a:source -> b",
        |spec| spec.edges = vec![spec.edges[0].clone(); Limits::EDGES + 1],
        "the job has 10001 edges, the limit is 10000; make the job smaller",
    );
    refuse_changed(
        "a:gen =hash=> b+n=list",
        |spec| {
            let state = spec.operators[1].states[0].clone();
            spec.operators[1].states = vec![state; MAX_STATES + 1];
        },
        "operator `b` (id 1) has 257 states, the limit is 256; split the operator",
    );
    refuse_changed(
        "a:source -> b",
        |spec| *options(spec, 0) = vec![("x".to_owned(), String::new()); MAX_OPTIONS + 1],
        "operator `a` (id 0) has 257 options, the limit is 256; split the operator",
    );
}

#[test]
fn a_job_as_large_as_the_limits_passes() {
    let chain: String = (0..Limits::OPERATORS - 1)
        .map(|i| format!(" -> o{i}*131"))
        .collect();
    let graph = check(&format!("a:gen*131{chain}")).unwrap();
    let job = crate::JobGraph::from_logical(&graph);
    assert_eq!(job.vertices.len(), 1);
    assert_eq!(crate::ExecutionGraph::expand(&job).regions().len(), 131);
}

#[test]
fn every_kind_of_state_has_a_place() {
    for kind in [
        StateKind::Value,
        StateKind::List,
        StateKind::Map,
        StateKind::Reducing,
        StateKind::Aggregating,
        StateKind::OperatorList,
        StateKind::OperatorUnion,
        StateKind::Broadcast,
    ] {
        let mut keyed = spec("a:gen =hash=> b+n");
        keyed.operators[1].states[0].kind = kind;
        assert!(
            LogicalGraph::check(keyed, &Options::default()).is_ok(),
            "{kind:?}"
        );
    }
}

/// The options of a connector.
fn options(spec: &mut JobSpec, index: usize) -> &mut Vec<(String, String)> {
    match &mut spec.operators[index].kind {
        OperatorKind::SourceConnector(ConnectorSpec { options, .. })
        | OperatorKind::SinkConnector(ConnectorSpec { options, .. }) => options,
        OperatorKind::Guest | OperatorKind::GuestSource => {
            panic!("operator {index} is a connector")
        }
    }
}
