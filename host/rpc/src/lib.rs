//! The control plane: what JobManager and TaskManagers say to each other.

pub mod protocol;
