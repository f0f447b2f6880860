//! Tests of the SDK through whole jobs, run natively by `wasmill::testing`.
//!
//! Invariant checked throughout: how a job is cut into tasks, batches and subtasks does not show in its
//! results.

mod arguments;
mod chains;
mod connect;
mod event_time;
mod failures;
mod harness;
mod joins;
mod keyed;
mod large_state;
mod operators;
mod partitioning;
mod shapes;
mod snapshots;
mod sources;
mod state;
mod streams;
mod windows;
