//! The REST API of the JobManager: Flink's v1 paths, fields and errors over the pictures of the cluster.
//!
//! Follow a request: [`Server`] accepts its connection, the router finds its row in the table of routes
//! (`routes`), the gate finds who calls (`gate`, with [`Tokens`] or the local quick start) and whether
//! that row is open to them, the row's handler (`resources`) reads a picture or asks the [`Cluster`], and
//! the answer or the [error](wasmill_jobmanager::JobManagerError) becomes JSON. Invariants: a route cannot exist without saying who
//! may call it and what it answers, since the router and the OpenAPI document are made from the same
//! rows; a tenant's jobs and bundles do not exist for other tenants; nothing here blocks the runtime, and
//! axum is known nowhere else.

mod api;
mod call;
mod cluster;
mod connections;
mod error;
mod exposition;
mod gate;
mod leftover;
mod metrics_server;
mod openapi;
mod operations;
mod options;
mod resources;
mod route;
mod router;
mod routes;
mod server;
mod throwable;
mod tokens;
mod upload;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use cluster::{Cluster, Pending, Submission, Upload};
pub use metrics_server::{MetricsError, MetricsOptions, MetricsServer, Scrape, Scraping};
pub use options::{Limits, Options};
pub use server::{Server, StartError};
pub use tokens::{NewToken, Role, TokenError, TokenView, Tokens};
