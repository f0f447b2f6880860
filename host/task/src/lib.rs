//! The data path of one task. Follow a record:
//!
//! 1. [`source`]: a connector of the host or the bundle itself makes records, as columns; or
//! 2. the [gate](wasmill_network::Gate) of a task takes them from a channel, whole batches at a time;
//! 3. [`valve`] combines the event time of the channels, [`event_time`] that of the inputs;
//! 4. [`task`] is the loop, the only thing that touches the subtask: it picks what comes next
//!    ([`mailbox`]) and hands the batch to
//! 5. the operator: guest code behind [`wasmill_types::operator::Operator`], or nothing at all
//!    ([`direct`]);
//! 6. [`host`] is what guest code calls back: its `emit` hands the columns to an [`output`], which is
//! 7. a sink of the host, or a [`partition`] that spreads the records over channels ([`partitioner`])
//!    and sends them on in frames.
//!
//! A checkpoint cuts across this: the coordinator's [`orders`] and the barriers of the channels, which
//! [`aligner`] combines, have the task hand over its state to its [`keeper`]; what its [`sink`]s handed over
//! is committed when the checkpoint is complete.
//!
//! [`deployment`] builds the tasks of a job that run in one process and connects them, by the [`plan`] of
//! each vertex; [`endpoints`] are the job's connectors, and [`outcome`] how a task goes and ends.
//! Whoever leads the job has other threads look at its tasks ([`watched`]).
//!
//! Invariants: one OS thread runs a task and nothing else mutates it; a task waits on one signal, for its
//! next split, or for room in the middle of an `emit`, and cancelling ends all three; no record waits
//! longer than the buffer timeout for others, unless its channel is full.

pub mod aligner;
pub mod deployment;
pub mod direct;
pub mod endpoints;
pub mod event_time;
#[cfg(test)]
mod fixture;
pub mod guest;
pub mod host;
pub mod keeper;
pub mod mailbox;
pub mod metrics;
pub mod options;
pub mod orders;
pub mod outcome;
pub mod output;
pub mod partition;
pub mod partitioner;
pub mod plan;
pub mod sink;
pub mod source;
pub mod task;
pub mod valve;
pub mod watched;

pub use guest::GuestCode;
pub use options::Options;
pub use outcome::JobFailure;
