//! The TaskManager: slots, the tasks in them, and the programs that they run.
//!
//! Follow a deployment: the JobManager reaches the [`executor`] through its [`Handle`], which asks [`jobs`]
//! whether the message is one of the job's leader and whether the slots are free; [`programs`] has the
//! bundle's code, fetched and compiled once; `deploy` makes tasks of it, with the share of memory that
//! [`budget`] allows; they ask for `splits`, log into `logs`, and say how they go, which `reports` passes
//! on until the JobManager has taken it. `link` keeps the TaskManager registered ([`gateway`]).
//!
//! Invariants: an attempt is deployed once; a message of a leader that was replaced changes nothing; a
//! slot has tasks of one job; what a task's end has staged is either told to the JobManager or removed; a
//! task that does not end costs its slot and nothing else.

pub mod budget;
pub mod channels;
mod deploy;
mod endpoints;
mod errand;
pub mod executor;
#[cfg(test)]
mod fixture;
pub mod gateway;
pub mod jobs;
mod link;
mod logs;
mod lookup;
pub mod metrics;
pub mod options;
pub mod programs;
mod reports;
mod snapshots;
mod splits;

pub use channels::Channels;
pub use executor::{Environment, Handle, Status, start};
pub use gateway::{Connect, JobManager};
pub use jobs::Refused;
pub use metrics::Metrics;
pub use options::Options;
pub use programs::{Bundles, Compiler, GuestLimits, Program, Programs};
