//! The commands that talk to a running cluster, over its REST interface: `upload`, `run`, `list`,
//! `status`, `cancel`, `stop`, `savepoint`, `checkpoint`, `state`, `taskmanagers`, `logs`, `token`.
//!
//! [`client`] speaks HTTP, [`submit`] runs a bundle, [`jobs`] looks at jobs and cancels them, [`snapshots`]
//! takes savepoints, [`state`] looks at state,
//! [`cluster`] at the rest. Invariant: what a command found out is on standard output, as a table or as one JSON
//! object with `--json`; an error is the server's own words.

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod jobs;
pub(crate) mod snapshots;
pub(crate) mod state;
pub(crate) mod submit;
mod table;

pub(crate) use table::table;
