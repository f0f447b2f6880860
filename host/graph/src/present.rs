//! The graphs as people and tools see them: a table for a terminal, Graphviz, Flink's plan, JSON.
//!
//! Called by the command line and by REST. Invariant: names come from the bundle; each presentation
//! escapes them in its own way, and none contains a control character, since the check refused those.

mod dot;
mod json;
mod plan;
mod table;

pub use dot::dot;
pub use json::json;
pub use plan::plan_json;
pub use table::table;

#[cfg(test)]
mod tests;
