//! The graphs as JSON for programs (`wasmill inspect --json`).

use serde_json::{Value, json};

use crate::job::JobGraph;

/// The logical graph with every choice made, and the vertices that its operators are chained into.
pub fn json(job: &JobGraph) -> Value {
    json!({
        "name": job.name,
        "operators": job.logical().operators(),
        "edges": job.logical().edges(),
        "vertices": job.vertices,
    })
}
