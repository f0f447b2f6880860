//! Checkpoints and savepoints: when they are taken, what they consist of, where they are kept, and who
//! gets what of them on restore.
//!
//! Follow a checkpoint: [`coordinator`] decides that one is taken and sends a [`Barrier`]; each task
//! writes its state with [`storage`] and answers with [`handles`] of what it wrote; the coordinator counts
//! the answers in [`statistics`] and shared files in the [`registry`]; when all are there, they become
//! [`metadata`], which makes the checkpoint complete once it is written; [`assignment`] later says which
//! new subtask reads which part of it. [`layout`] has the names of directories and files.
//!
//! Called by the JobMaster (coordinator, assignment), by tasks (storage, handles) and by the command line
//! (metadata). Invariants: everything here except [`storage`] is pure; what is read from storage is
//! checked before it is believed; `object_store` is used nowhere else.

pub mod assignment;
pub mod coordinator;
pub mod failure;
#[doc(hidden)]
pub mod fuzz;
pub mod handles;
mod id;
pub mod layout;
pub mod metadata;
mod operator_uid;
pub mod options;
pub mod registry;
pub mod statistics;
pub mod storage;

pub use coordinator::Coordinator;
pub use failure::FailureReason;
pub use id::RequestId;
pub use metadata::Metadata;
pub use options::Options;
pub use storage::Storage;
pub use wasmill_types::barrier::{self, Barrier};
pub use wasmill_types::id::CheckpointId;

#[cfg(test)]
mod simulation;
