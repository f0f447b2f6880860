//! Golden texts of one job in every presentation.

use serde_json::{Value, json};
use wasmill_types::id::JobId;

use super::*;
use crate::fixture::{job, spec};
use crate::{JobGraph, LogicalGraph, Options};

const WORD_COUNT: &str =
    "lines:source*2 =text=> split*2 =hash=> count*4#counter+total -> out:sink*4
split =rebalance,out1,json=> bad:sink@audit";

const SMALL: &str = "a:source*2 -> b*3/300%x+seen=operator-list";

#[test]
fn the_table_shows_vertices_with_all_that_is_in_them() {
    let expected = "\
job `job`
5 operators, 3 vertices, 7 subtasks, 5 slots

vertex 0: Source: lines -> split
  parallelism  2 of at most 128
  slot group   `default`
  operators    0 `lines`: connector `datagen`, no uid, state id b602268d3f43787dfa0ecd4b00ad42a3
               1 `split`: code of the bundle, no uid, state id dfd903987fa25dc108f10c698ccd16c4

vertex 1: count -> Sink: out
  parallelism  4 of at most 128, keyed
  slot group   `default`
  operators    2 `count`: code of the bundle, uid `counter`, state id df9664e4fd9c25b6c7785a8b826f6823
               3 `out`: connector `print`, no uid, state id f147e8f0d3abe4259f1c4cb78fe31bfc
  inputs       0: HASH postcard from `split` of vertex 0
  states       `total`: value of `count`

vertex 2: Sink: bad
  parallelism  1 of at most 128
  slot group   `audit`
  operators    4 `bad`: connector `print`, no uid, state id 8e7cb68c2ce45b108b0519e23924d0e8
  inputs       0: REBALANCE json from `split` output 1 of vertex 0
";
    assert_eq!(table(&job(WORD_COUNT)), expected);
}

#[test]
fn the_graph_draws_chains_as_clusters() {
    let expected = r#"digraph "job" {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="vertex 0, parallelism 2";
    o0 [label="lines"];
    o1 [label="split"];
    o0 -> o1;
  }
  subgraph cluster_1 {
    label="vertex 1, parallelism 4";
    o2 [label="count"];
    o3 [label="out"];
    o2 -> o3;
  }
  subgraph cluster_2 {
    label="vertex 2, parallelism 1";
    o4 [label="bad"];
  }
  o1 -> o2 [label="HASH, postcard"];
  o1 -> o4 [label="output 1, REBALANCE, json"];
}
"#;
    assert_eq!(dot(&job(WORD_COUNT)), expected);
}

#[test]
fn the_plan_has_flinks_shape() {
    let plan = plan_json(Some(JobId(0xab)), &job(WORD_COUNT));
    let node = |id: &str, parallelism: u32, description: &str, inputs: Value| {
        json!({
            "id": id,
            "parallelism": parallelism,
            "operator": "",
            "operator_strategy": "",
            "description": description,
            "inputs": inputs,
            "optimizer_properties": {},
        })
    };
    let source = "b602268d3f43787dfa0ecd4b00ad42a3";
    let input = |strategy: &str| {
        json!([{
            "num": 0,
            "id": source,
            "ship_strategy": strategy,
            "exchange": "pipelined_bounded",
        }])
    };
    let count = "df9664e4fd9c25b6c7785a8b826f6823";
    let bad = "8e7cb68c2ce45b108b0519e23924d0e8";
    let expected = json!({
        "jid": "000000000000000000000000000000ab",
        "name": "job",
        "type": "STREAMING",
        "nodes": [
            node(source, 2, "Source: lines -&gt; split", json!([])),
            node(count, 4, "count -&gt; Sink: out", input("HASH")),
            node(bad, 1, "Sink: bad", input("REBALANCE")),
        ],
    });
    assert_eq!(plan, expected, "{plan:#}");
}

#[test]
fn the_json_holds_every_choice() {
    let mut json = json(&job(SMALL));
    json.as_object_mut().unwrap().remove("vertices");
    let expected = json!({
        "name": "job",
        "operators": [
            {
                "id": 0,
                "name": "a",
                "kind": { "source-connector": { "name": "datagen", "options": [] } },
                "chaining": "always",
                "states": [],
                "uid": null,
                "state_id": "f51495bc3c6622dbcc3fc98d77cbcd7d",
                "parallelism": 2,
                "max_parallelism": 128,
                "max_parallelism_is_explicit": false,
                "slot_sharing_group": "default",
                "co_location": null,
                "is_keyed": false,
            },
            {
                "id": 1,
                "name": "b",
                "kind": "guest",
                "chaining": "always",
                "states": [{ "id": 0, "name": "seen", "kind": "operator-list", "ttl": null, "schema": null }],
                "uid": null,
                "state_id": "d8709de03a90ce5aef6330edf469bbe3",
                "parallelism": 3,
                "max_parallelism": 300,
                "max_parallelism_is_explicit": true,
                "slot_sharing_group": "default",
                "co_location": "x",
                "is_keyed": false,
            },
        ],
        "edges": [{
            "id": 0,
            "upstream": 0,
            "output": 0,
            "downstream": 1,
            "input": 0,
            "partitioning": "rebalance",
            "format": "postcard",
        }],
    });
    assert_eq!(json, expected, "{json:#}");
}

#[test]
fn the_json_holds_the_vertices() {
    let expected = json!([
        {
            "id": 0,
            "uid": "f51495bc3c6622dbcc3fc98d77cbcd7d",
            "name": "Source: a",
            "operators": [0],
            "parallelism": 2,
            "max_parallelism": 128,
            "slot_sharing_group": "default",
            "co_location": null,
            "chained": [],
            "inputs": [],
            "outputs": [0],
            "is_keyed": false,
        },
        {
            "id": 1,
            "uid": "d8709de03a90ce5aef6330edf469bbe3",
            "name": "b",
            "operators": [1],
            "parallelism": 3,
            "max_parallelism": 300,
            "slot_sharing_group": "default",
            "co_location": "x",
            "chained": [],
            "inputs": [0],
            "outputs": [],
            "is_keyed": false,
        },
    ]);
    let json = json(&job(SMALL));
    assert_eq!(json["vertices"], expected, "{json:#}");
}

#[test]
fn names_are_escaped_in_each_presentation() {
    let mut spec = spec("a:source -> b");
    spec.name = "say \"hi\"".to_owned();
    spec.operators[1].name = "x\\n\"<b>&'".to_owned();
    let logical = LogicalGraph::check(spec, &Options::default()).unwrap();
    let job = JobGraph::from_logical(&logical);
    let dot = dot(&job);
    assert!(dot.starts_with(r#"digraph "say \"hi\"" {"#), "{dot}");
    assert!(dot.contains(r#"o1 [label="x\\n\"<b>&'"];"#), "{dot}");
    let plan = plan_json(None, &job);
    let expected = "Source: a -&gt; x&#92;n&quot;&lt;b&gt;&amp;&#39;";
    assert_eq!(plan["nodes"][0]["description"], expected);
    assert_eq!(plan.get("jid"), None);
}
