//! Which vertices a test runs: the operators of the graph, fused or apart, in an order in which records
//! flow one way only.
//!
//! Called by [`super::Job::run`]. Pure. Invariant: a vertex comes after all that it reads from, so one
//! pass over the vertices moves every record to where it ends.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, bail, ensure};

use super::wiring::{self, MAX_PARALLELISM};
use crate::bindings::exports::wasmill::dataflow::job::{
    Chaining, Edge, JobGraph, OperatorKind, OperatorSpec, Partitioning,
};

/// What a test may choose about the shape of the job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) parallelism: u32,
    pub(super) max_parallelism: Option<u32>,
    pub(super) chained: bool,
}

/// What runs a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Records that the test gave.
    Feed,
    /// Operators of the bundle.
    Guest,
    /// Operators of the bundle, headed by a source.
    GuestSource,
    /// Records that the test gets.
    Sink,
}

/// Operators that run in the same subtasks.
#[derive(Debug)]
pub(super) struct Vertex {
    pub(super) role: Role,
    /// Their ids, upstream before downstream.
    pub(super) operators: Vec<u32>,
    /// Their names, joined.
    pub(super) name: String,
    pub(super) parallelism: u32,
    pub(super) max_parallelism: u32,
    /// The edges that come in and go out, by id.
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

/// An edge between vertices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The vertex that reads.
    pub(super) to: usize,
    /// Which of the reader's inputs it is.
    pub(super) input: usize,
    pub(super) partitioning: Partitioning,
    pub(super) writers: u32,
    pub(super) readers: u32,
    /// The number of key groups of the reader.
    pub(super) max_parallelism: u32,
}

impl Link {
    /// The reading subtasks that a writing subtask reaches.
    pub(super) fn consumers(&self, writer: u32) -> Range<u32> {
        wiring::consumers(self.partitioning, writer, self.writers, self.readers)
    }

    /// The writing subtasks that reach a reading subtask.
    pub(super) fn producers(&self, reader: u32) -> impl Iterator<Item = u32> + use<'_> {
        let reaches = move |writer: &u32| self.consumers(*writer).contains(&reader);
        (0..self.writers).filter(reaches)
    }
}

/// The job as the test runs it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) graph: JobGraph,
    pub(super) vertices: Vec<Vertex>,
    /// The edges between vertices, by the id of the edge.
    pub(super) links: BTreeMap<usize, Link>,
}

impl Plan {
    /// Whether a vertex makes watermarks itself, and whether it is probed for them.
    pub(super) fn makes_watermarks(&self, vertex: usize) -> (bool, bool) {
        let operators = self.vertices[vertex].operators.iter();
        let mut intervals = operators
            .filter_map(|id| self.graph.operators[*id as usize].watermark_interval)
            .peekable();
        (intervals.peek().is_some(), intervals.any(|it| it > 0))
    }

    /// # Errors
    /// When the host would refuse the graph.
    pub(super) fn new(graph: JobGraph, shape: Shape) -> Result<Self> {
        let order = order(&graph)?;
        let resolved = Resolved::new(&graph, &order, shape)?;
        check_inputs(&graph)?;
        check_uids(&graph)?;
        let heads = heads(&graph, &order, &resolved, shape.chained);
        let mut vertices: Vec<Vertex> = Vec::new();
        let mut place = vec![0; graph.operators.len()];
        for &operator in &order {
            let head = heads[operator];
            if head == operator {
                place[operator] = vertices.len();
                vertices.push(resolved.vertex(&graph.operators[operator], operator));
            } else {
                place[operator] = place[head];
                let vertex = &mut vertices[place[head]];
                vertex.operators.push(operator as u32);
                vertex.name += " -> ";
                vertex.name += &graph.operators[operator].name;
            }
        }
        let links = link(&graph, &resolved, &place, &mut vertices);
        Ok(Self {
            graph,
            vertices,
            links,
        })
    }
}

/// Connects the vertices.
fn link(
    graph: &JobGraph,
    resolved: &Resolved,
    place: &[usize],
    vertices: &mut [Vertex],
) -> BTreeMap<usize, Link> {
    let mut links = BTreeMap::new();
    for (id, edge) in graph.edges.iter().enumerate() {
        let (from, to) = (
            place[edge.upstream as usize],
            place[edge.downstream as usize],
        );
        if from == to {
            continue;
        }
        let link = Link {
            to,
            input: vertices[to].inputs.len(),
            partitioning: resolved.partitioning(edge),
            writers: vertices[from].parallelism,
            readers: vertices[to].parallelism,
            max_parallelism: vertices[to].max_parallelism,
        };
        vertices[from].outputs.push(id);
        vertices[to].inputs.push(id);
        links.insert(id, link);
    }
    links
}

/// What the program left open.
struct Resolved {
    parallelism: Vec<u32>,
    max_parallelism: Vec<u32>,
    groups: Vec<String>,
}

impl Resolved {
    fn new(graph: &JobGraph, order: &[usize], shape: Shape) -> Result<Self> {
        let default = graph.parallelism.unwrap_or(shape.parallelism);
        let (mut parallelism, mut max_parallelism) = (Vec::new(), Vec::new());
        for operator in &graph.operators {
            let name = &operator.name;
            let own = operator.parallelism.unwrap_or(default);
            let max = operator.max_parallelism.or(shape.max_parallelism);
            let max = max.unwrap_or_else(|| wiring::default_max_parallelism(own));
            for (what, value) in [("parallelism", own), ("max parallelism", max)] {
                ensure!(
                    (1..=MAX_PARALLELISM).contains(&value),
                    "the {what} of operator `{name}` is {value}; it must be from 1 to {MAX_PARALLELISM}"
                );
            }
            ensure!(
                own <= max,
                "operator `{name}` has parallelism {own}, more than its max parallelism {max}"
            );
            parallelism.push(own);
            max_parallelism.push(max);
        }
        Ok(Self {
            parallelism,
            max_parallelism,
            groups: slot_sharing_groups(graph, order),
        })
    }

    fn vertex(&self, operator: &OperatorSpec, index: usize) -> Vertex {
        let role = match operator.kind {
            OperatorKind::SourceConnector(_) => Role::Feed,
            OperatorKind::SinkConnector(_) => Role::Sink,
            OperatorKind::Guest => Role::Guest,
            OperatorKind::GuestSource => Role::GuestSource,
        };
        Vertex {
            role,
            operators: vec![operator.id],
            name: operator.name.clone(),
            parallelism: self.parallelism[index],
            max_parallelism: self.max_parallelism[index],
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// A forward edge between different parallelism is a rebalance.
    fn partitioning(&self, edge: &Edge) -> Partitioning {
        let parallelism = |operator: u32| self.parallelism[operator as usize];
        let equal = parallelism(edge.upstream) == parallelism(edge.downstream);
        match edge.partitioning {
            Partitioning::Forward if !equal => Partitioning::Rebalance,
            other => other,
        }
    }
}

/// The head of each operator's chain, by Flink's rules.
fn heads(graph: &JobGraph, order: &[usize], resolved: &Resolved, chained: bool) -> Vec<usize> {
    let mut heads: Vec<usize> = (0..graph.operators.len()).collect();
    for &operator in order.iter().filter(|_| chained) {
        let mut inputs = inputs(graph, operator);
        let (Some(edge), None) = (inputs.next(), inputs.next()) else {
            continue;
        };
        let upstream = edge.upstream as usize;
        let (writer, reader) = (&graph.operators[upstream], &graph.operators[operator]);
        let fits = resolved.partitioning(edge) == Partitioning::Forward
            && is_code(writer)
            && is_code(reader)
            && writer.chaining != Chaining::Never
            && reader.chaining == Chaining::Always
            && resolved.groups[upstream] == resolved.groups[operator];
        if fits {
            heads[operator] = heads[upstream];
        }
    }
    heads
}

fn is_code(operator: &OperatorSpec) -> bool {
    matches!(
        operator.kind,
        OperatorKind::Guest | OperatorKind::GuestSource
    )
}

/// The group of each operator: its own, else that of its inputs where they agree, else `default`.
fn slot_sharing_groups(graph: &JobGraph, order: &[usize]) -> Vec<String> {
    let mut groups = vec!["default".to_owned(); graph.operators.len()];
    for &operator in order {
        let mut inputs = inputs(graph, operator).map(|edge| &groups[edge.upstream as usize]);
        let inherited = inputs
            .next()
            .filter(|first| inputs.all(|other| other == *first));
        let own = graph.operators[operator]
            .slot_sharing_group
            .as_ref()
            .or(inherited);
        if let Some(group) = own.cloned() {
            groups[operator] = group;
        }
    }
    groups
}

fn inputs(graph: &JobGraph, operator: usize) -> impl Iterator<Item = &Edge> {
    let comes_in = move |edge: &&Edge| edge.downstream as usize == operator;
    graph.edges.iter().filter(comes_in)
}

/// The operators, each after all that it reads from, and otherwise in the program's order.
fn order(graph: &JobGraph) -> Result<Vec<usize>> {
    let count = graph.operators.len();
    ensure!(count > 0, "the job has no operators");
    let mut order: Vec<usize> = Vec::with_capacity(count);
    let mut done = vec![false; count];
    while order.len() < count {
        let ready = (0..count).find(|operator| {
            !done[*operator] && inputs(graph, *operator).all(|edge| done[edge.upstream as usize])
        });
        let Some(operator) = ready else {
            bail!("the operators of the job form a cycle");
        };
        done[operator] = true;
        order.push(operator);
    }
    Ok(order)
}

/// All edges of an input carry one format, and all or none of them a key.
fn check_inputs(graph: &JobGraph) -> Result<()> {
    for (operator, spec) in graph.operators.iter().enumerate() {
        let name = &spec.name;
        let is_source = matches!(
            spec.kind,
            OperatorKind::SourceConnector(_) | OperatorKind::GuestSource
        );
        ensure!(
            is_source || inputs(graph, operator).next().is_some(),
            "operator `{name}` has no input"
        );
        for edge in inputs(graph, operator) {
            let same = |other: &&Edge| other.input == edge.input;
            for other in inputs(graph, operator).filter(same) {
                let (first, second) = (&edge.format, &other.format);
                ensure!(
                    first == second,
                    "an input of operator `{name}` gets {first} and {second}"
                );
                let keyed = |edge: &Edge| edge.partitioning == Partitioning::Hash;
                ensure!(
                    keyed(edge) == keyed(other),
                    "an input of operator `{name}` gets records with and without keys"
                );
            }
        }
    }
    Ok(())
}

fn check_uids(graph: &JobGraph) -> Result<()> {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for operator in &graph.operators {
        let Some(uid) = &operator.uid else { continue };
        if let Some(first) = known.insert(uid, &operator.name) {
            let second = &operator.name;
            bail!("operators `{first}` and `{second}` have the same uid `{uid}`");
        }
    }
    Ok(())
}
