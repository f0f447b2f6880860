//! Keyed state and timers of one subtask, on the host's side of the sandbox.
//!
//! Follow a `state.get` of a guest: [`owned`] says whether the keys belong to the subtask, [`backend`] is
//! the door behind which rows are kept, [`ttl`] leaves out what has expired, [`memory`] keeps rows in
//! memory and [`rocks`] on disk, [`row`] is their canonical order. [`timers`] keeps what is to be called
//! later. Then follow a checkpoint: [`snapshot`] holds on to what is there at the barrier, [`canonical`]
//! is the form in which any backend reads it, and [`restore`] brings it back, at any parallelism; who gets
//! what is the checkpoint crate's to say. Invariants: columns come straight from a guest and are checked here,
//! once; what a guest keeps is bounded by [`Options`]; a guest that breaks a rule fails its own task and
//! nothing else; a snapshot never stops the task.

pub mod backend;
pub mod canonical;
mod columns;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod lookup;
pub mod memory;
pub mod options;
pub mod owned;
pub mod restore;
pub mod rocks;
pub mod row;
pub mod snapshot;
pub mod timers;
pub mod ttl;

pub use backend::KeyedBackend;
pub use error::StateError;
pub use memory::MemoryBackend;
pub use options::Options;
pub use owned::OwnedGroups;
pub use restore::{BackendChoice, Opened, Opening, Source};
pub use rocks::{Compression, RocksBackend, RocksOptions, RocksPlace, SharedMemory};
pub use row::Row;
pub use snapshot::{KeyedSnapshot, SnapshotFile};
pub use timers::TimerService;
pub use ttl::Expiry;
