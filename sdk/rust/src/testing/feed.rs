//! The batches that a source connector hands over in a test.
//!
//! Called by the executor for each source. Invariant: record `i` goes to subtask `i mod p` of the source,
//! and each subtask hands its records over in order.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, anyhow};

use super::Job;
use super::outcome::list;
use super::plan::{Plan, Role, Vertex};
use super::records::{Encoded, Layout};
use crate::bindings::exports::wasmill::dataflow::job::{OperatorKind, OperatorSpec};
use crate::host::{Batch, Blobs, empty_batch};
use crate::runtime::NO_TIMESTAMP;

/// The batches of each subtask of a source.
pub(super) fn batches(job: &Job, plan: &Plan, vertex: usize) -> Result<Vec<VecDeque<Batch>>> {
    let spec = &plan.vertices[vertex];
    let operator = &plan.graph.operators[spec.operators[0] as usize];
    let layout = layout(plan, vertex)?;
    let given = job
        .inputs
        .iter()
        .rfind(|input| is_named(operator, &input.source));
    if given.is_none() && job.is_driven {
        return Ok(vec![VecDeque::new(); spec.parallelism as usize]);
    }
    let given = given.ok_or_else(|| {
        let name = &operator.name;
        anyhow!("the source `{name}` has no records; add `.input(\"{name}\", [..])` to the test")
    })?;
    let records = (given.encode)(&layout);
    let records = records.with_context(|| format!("the input of `{}`", operator.name))?;
    Ok(deal(job, &records, (0, spec.parallelism as usize)))
}

/// Deals records out to the subtasks of a source, of which some have been dealt before.
pub(super) fn deal(
    job: &Job,
    records: &[Encoded],
    (dealt, parallelism): (usize, usize),
) -> Vec<VecDeque<Batch>> {
    let timed = records.iter().any(|record| record.timestamp.is_some());
    let mut feeds = vec![Feed::new(job, timed); parallelism];
    for (index, record) in records.iter().enumerate() {
        feeds[(dealt + index) % parallelism].push(record);
    }
    feeds.into_iter().map(Feed::finish).collect()
}

/// How the records of a source look.
pub(super) fn layout(plan: &Plan, vertex: usize) -> Result<Layout> {
    let spec = &plan.vertices[vertex];
    let edge = spec.outputs.first();
    Ok(Layout {
        format: edge.map_or_else(String::new, |edge| plan.graph.edges[*edge].format.clone()),
        columns: columns(&plan.graph.operators[spec.operators[0] as usize])?,
    })
}

/// The source of that name or uid.
pub(super) fn find(plan: &Plan, name: &str) -> Result<usize> {
    let operator = |vertex: &Vertex| &plan.graph.operators[vertex.operators[0] as usize];
    let is_source = |vertex: &&Vertex| matches!(vertex.role, Role::Feed | Role::GuestSource);
    let found = plan
        .vertices
        .iter()
        .position(|vertex| is_source(&vertex) && is_named(operator(vertex), name));
    found.ok_or_else(|| {
        let sources = plan.vertices.iter().filter(is_source);
        let names = list(sources.map(|vertex| operator(vertex).name.as_str()));
        anyhow!("the job has no source `{name}`; its sources are {names}")
    })
}

/// Checks that every input of the test is that of a source.
pub(super) fn check_names(job: &Job, plan: &Plan) -> Result<()> {
    let sources = plan.vertices.iter().filter(|v| v.role == Role::Feed);
    let sources: Vec<&OperatorSpec> = sources
        .map(|vertex| &plan.graph.operators[vertex.operators[0] as usize])
        .collect();
    for input in &job.inputs {
        let name = &input.source;
        if !sources.iter().any(|operator| is_named(operator, name)) {
            let names = list(sources.iter().map(|operator| operator.name.as_str()));
            return Err(anyhow!(
                "the job has no source `{name}` to give records to; its sources are {names}"
            ));
        }
    }
    Ok(())
}

/// The records of a batch.
pub(super) fn as_blobs(batch: Batch) -> Blobs {
    Blobs {
        ends: batch.ends,
        data: batch.data,
    }
}

fn is_named(operator: &OperatorSpec, name: &str) -> bool {
    operator.name == name || operator.uid.as_deref() == Some(name)
}

/// The columns that a CSV source is asked for.
fn columns(operator: &OperatorSpec) -> Result<Option<Vec<String>>> {
    let OperatorKind::SourceConnector(connector) = &operator.kind else {
        return Ok(None);
    };
    let option = connector.options.iter().find(|(name, _)| name == "columns");
    let columns = option.map(|(_, json)| serde_json::from_str(json));
    columns.transpose().context("the option `columns`")
}

#[derive(Clone)]
struct Feed {
    batches: VecDeque<Batch>,
    last: Batch,
    batch_bytes: usize,
    batch_records: usize,
    timed: bool,
}

impl Feed {
    fn new(job: &Job, timed: bool) -> Self {
        Self {
            batches: VecDeque::new(),
            last: empty_batch(),
            batch_bytes: job.batch_bytes as usize,
            batch_records: job.batch_records as usize,
            timed,
        }
    }

    fn push(&mut self, record: &Encoded) {
        self.last.data.extend_from_slice(&record.bytes);
        self.last.ends.push(self.last.data.len() as u32);
        if self.timed {
            let timestamp = record.timestamp.unwrap_or(NO_TIMESTAMP);
            self.last.timestamps.push(timestamp);
        }
        let full = self.last.data.len() >= self.batch_bytes;
        if full || self.last.ends.len() >= self.batch_records {
            let batch = std::mem::replace(&mut self.last, empty_batch());
            self.batches.push_back(batch);
        }
    }

    fn finish(mut self) -> VecDeque<Batch> {
        if !self.last.ends.is_empty() {
            self.batches.push_back(self.last);
        }
        self.batches
    }
}
