//! Graphs as text, for the tests of this crate: `a*2 => b*3@group -> out*3`.
//!
//! An operator is `name*parallelism@slot-sharing-group`; the first of a line is a source, one named `out…` a
//! sink. `=>` connects all with all, `->` each with its own; nothing is chained.

use std::sync::Arc;

use wasmill_graph::{JobGraph, LogicalGraph, Options};
use wasmill_rpc::protocol::{JobDescription, JobSettings};
use wasmill_types::id::{JobId, OperatorId, TenantId};
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
};
use wasmill_types::operator::BadRecordPolicy;

pub(crate) fn spec(text: &str) -> JobSpec {
    let mut spec = JobSpec {
        name: "job".to_owned(),
        operators: Vec::new(),
        edges: Vec::new(),
        parallelism: None,
    };
    for line in text.lines() {
        let mut before: Option<(OperatorId, Partitioning)> = None;
        let mut upstream = None;
        for token in line.split_whitespace() {
            match (token, upstream) {
                ("=>", Some(upstream)) => before = Some((upstream, Partitioning::Rebalance)),
                ("->", Some(upstream)) => before = Some((upstream, Partitioning::Forward)),
                _ => {
                    let id = add_operator(&mut spec, token, before.is_none());
                    let edge = before.take().map(|(upstream, partitioning)| EdgeSpec {
                        upstream,
                        output: 0,
                        downstream: id,
                        input: 0,
                        partitioning,
                        format: "bytes".to_owned(),
                    });
                    spec.edges.extend(edge);
                    upstream = Some(id);
                }
            }
        }
    }
    spec
}

pub(crate) fn graph(text: &str) -> JobGraph {
    JobGraph::from_logical(&LogicalGraph::check(spec(text), &Options::default()).unwrap())
}

pub(crate) fn settings() -> JobSettings {
    JobSettings {
        parallelism: 1,
        on_bad_record: BadRecordPolicy::Fail,
        cache_bytes: None,
        memory_bytes: None,
        call_timeout_ms: None,
        seed: 1,
        checkpoints: wasmill_checkpoint::Options::default(),
        backend: None,
        restore: None,
    }
}

pub(crate) fn description(text: &str, job: u128) -> Arc<JobDescription> {
    Arc::new(JobDescription {
        job: JobId(job),
        tenant: TenantId::default(),
        spec: spec(text),
        bundle: None,
        args: Vec::new(),
        settings: settings(),
    })
}

fn add_operator(spec: &mut JobSpec, token: &str, is_source: bool) -> OperatorId {
    let (rest, group) = token.split_once('@').unwrap_or((token, ""));
    let (name, parallelism) = rest.split_once('*').unwrap_or((rest, "1"));
    let id = OperatorId(spec.operators.len() as u32);
    let connector = |name: &str| ConnectorSpec {
        name: name.to_owned(),
        options: Vec::new(),
    };
    let kind = match (is_source, name.starts_with("out")) {
        (true, _) => OperatorKind::SourceConnector(connector("datagen")),
        (false, true) => OperatorKind::SinkConnector(connector("print")),
        (false, false) => OperatorKind::Guest,
    };
    spec.operators.push(OperatorSpec {
        id,
        name: name.to_owned(),
        kind,
        chaining: Chaining::Never,
        states: Vec::new(),
        uid: None,
        parallelism: parallelism.parse().ok(),
        max_parallelism: Some(128),
        slot_sharing_group: Some(group)
            .filter(|group| !group.is_empty())
            .map(str::to_owned),
        co_location: None,
        watermark_interval: None,
    });
    id
}
