//! The control plane of a cluster: accepts jobs, finds slots for them, runs them, restarts them.
//!
//! Follow a job: the [`Handle`] takes a submission, has its bundle (`bundles`) described ([`Programs`]) and
//! gives it to the Dispatcher (`dispatcher`), which starts a JobMaster (`master`) for it. That asks the
//! ResourceManager (`resources`) for slots and does what its pure `scheduler` says, with `restart`, `slots`,
//! `splits` and `history`. Everybody may look at the pictures ([`view`]). The embedded runner starts the
//! same actors and registers its one TaskExecutor through a gateway in memory. Invariants: actors never
//! wait for each other, only errands and callers wait; decisions are pure; a JobMaster's panic fails its
//! job only; no TaskManager is ever connected to, since they come themselves.

mod bundles;
mod dispatcher;
mod handle;
mod history;
mod jobs;
mod master;
mod options;
mod programs;
mod resources;
pub mod restart;
mod scheduler;
mod slots;
mod splits;
pub mod view;

#[cfg(test)]
mod fixture;

pub use handle::lookup;
pub use handle::{
    Actors, Handle, JobManagerError, Parts, Rescaled, RunRequest, Submission, Upload, Uploads,
};
pub use options::Options;
pub use programs::{DescribeFailure, Describing, Programs, Validating};
pub use resources::{Picture, ProcessOptions, ProcessProvider, ResourceProvider, Standalone};
pub use restart::Strategy;
pub use slots::{Placement, slots_needed};
