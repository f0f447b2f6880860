//! Keyed state and timers of one subtask, on the host's side of the sandbox.
//!
//! Follow a `state.get` of a guest: [`owned`] says whether the keys belong to the subtask, [`backend`] is
//! the door behind which rows are kept, [`memory`] keeps them in memory, [`row`] is their canonical
//! order, which snapshots use. [`timers`] keeps what is to be called later. Invariants: columns come
//! straight from a guest and are checked here, once; what a guest keeps is bounded by [`Options`]; a
//! guest that breaks a rule fails its own task and nothing else.

pub mod backend;
mod columns;
pub mod memory;
pub mod options;
pub mod owned;
pub mod row;
pub mod timers;

pub use backend::KeyedBackend;
pub use memory::MemoryBackend;
pub use options::Options;
pub use owned::OwnedGroups;
pub use row::Row;
pub use timers::TimerService;
