//! From the graph that a bundle describes to the graph that runs, in three steps:
//!
//! 1. [`LogicalGraph::check`] takes the described `JobSpec` and either says what is wrong with it, for
//!    the person who wrote the job, or returns a graph in which every choice is made.
//! 2. [`JobGraph::from_logical`] fuses operators into chains; a chain is a vertex, a vertex is a task.
//! 3. [`ExecutionGraph::expand`] multiplies vertices by their parallelism and wires the subtasks.
//!
//! [`present`] shows the graphs to people and tools. Invariants: nothing here does I/O, waits or keeps
//! time; whatever a bundle describes ends in a graph or in a [`GraphError`], with work and memory linear
//! in what [`Limits`] allows; steps 2 and 3 cannot fail, because step 1 has refused what they cannot do.

mod chaining;
mod error;
mod execution;
mod format;
mod job;
pub mod limits;
mod logical;
mod operator_uid;
pub mod present;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod random;

pub use error::{EdgeName, GraphError, OperatorName, Quoted, TextFault};
pub use execution::{ExecutionGraph, ExecutionVertex, Region, RegionId, Subtask, Wiring};
pub use format::Format;
pub use job::{JobEdge, JobGraph, Vertex};
pub use limits::Limits;
pub use logical::{Edge, LogicalGraph, Operator, Options};
pub use operator_uid::OperatorUid;
