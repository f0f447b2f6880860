//! What the routes answer: a file per thing that can be looked at or done.
//!
//! Called through the rows of `routes`. Invariant: names and shapes are Flink's (its REST API v1, where
//! the documentation and what is really sent differ: what is really sent), in both of its generations
//! where they differ, since clients ignore what they do not know. Each type of an answer stands beside
//! the function that makes it.

pub(crate) mod accumulators;
pub(crate) mod backpressure;
pub(crate) mod bundles;
pub(crate) mod checkpoints;
pub(crate) mod cluster;
pub(crate) mod exceptions;
pub(crate) mod io;
pub(crate) mod job;
pub(crate) mod job_manager;
pub(crate) mod job_settings;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod metric;
pub(crate) mod metrics;
pub(crate) mod prometheus;
pub(crate) mod rescaling;
pub(crate) mod snapshots;
pub(crate) mod state;
pub(crate) mod subtasks;
pub(crate) mod task_managers;
pub(crate) mod times;
pub(crate) mod vertices;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Nothing: the answer to what has no result, and a body that says nothing.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Empty {}
