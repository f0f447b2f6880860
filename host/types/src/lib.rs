//! The words of the domain: ids, records as columns, key groups, the job's logical graph, the operator
//! contract and its failures, names of spans and metrics.
//!
//! Every other crate speaks in these types. Invariants: nothing here does I/O, waits, or spawns; a value
//! that came from outside (a guest, a file, a peer) is checked once, where it enters, by a function of
//! this crate, and is trusted afterwards.

pub mod barrier;
pub mod batch;
pub mod element;
pub mod failure;
pub mod id;
pub mod job;
pub mod key_group;
pub mod metric;
pub mod operator;
pub mod schema;
pub mod size;
pub mod span;
pub mod status;

pub use barrier::Barrier;
pub use batch::{Batch, BatchView, Blobs, BlobsView};
pub use element::Element;
pub use failure::{FailureCause, FailureKind, GuestFailure, HostError, TaskFailure};
pub use status::{ExecutionState, JobStatus};
