//! The job graph for Graphviz: a cluster per vertex, a node per operator.

use std::fmt;

use crate::job::{JobEdge, JobGraph, Vertex};

/// The job graph in the DOT language.
pub fn dot(job: &JobGraph) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
        Label(&job.name)
    );
    for vertex in &job.vertices {
        text.push_str(&cluster(job, vertex));
    }
    for edge in job.edges() {
        text.push_str(&arrow(edge));
    }
    text.push_str("}\n");
    text
}

fn cluster(job: &JobGraph, vertex: &Vertex) -> String {
    let mut text = format!(
        "  subgraph cluster_{} {{\n    label=\"vertex {}, parallelism {}\";\n",
        vertex.id, vertex.id, vertex.parallelism
    );
    for id in &vertex.operators {
        let name = Label(&job.operator(*id).name);
        text.push_str(&format!("    o{id} [label={name}];\n"));
    }
    for edge in vertex.chained.iter().map(|id| job.edge(*id)) {
        text.push_str(&format!(
            "    o{} -> o{};\n",
            edge.upstream, edge.downstream
        ));
    }
    text.push_str("  }\n");
    text
}

fn arrow(edge: &JobEdge) -> String {
    let side = match edge.output {
        0 => String::new(),
        output => format!("output {output}, "),
    };
    format!(
        "  o{} -> o{} [label=\"{side}{}, {}\"];\n",
        edge.upstream, edge.downstream, edge.partitioning, edge.format
    )
}

/// A text as a quoted string of DOT. In labels a backslash starts an escape, so it is doubled.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                write!(f, "\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"")
    }
}
