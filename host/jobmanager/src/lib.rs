//! The control plane of a cluster: accepts jobs, finds slots for them, runs them, restarts them.

pub mod view;
