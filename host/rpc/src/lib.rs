//! The control plane: what JobManager and TaskManagers say to each other.
//!
//! Follow a TaskManager: it has joined the cluster ([`join`]), opens its one connection to the JobManager
//! ([`control`]), over which both sides make calls ([`call`]) with the messages of [`protocol`], fetch
//! blobs ([`blob`]) and know that the other is alive ([`heartbeat`]). Who calls holds a [`Gateway`], behind
//! which is a connection or, in the embedded runner, the other side itself. Invariants: every call has a
//! deadline and one of a few ends; a connection's end ends all of its calls; bytes from a peer are bounded
//! and end in a message or an error of that call.

pub mod blob;
pub mod call;
pub mod control;
#[cfg(test)]
mod fixture;
#[doc(hidden)]
pub mod fuzz;
pub mod gateway;
pub mod heartbeat;
pub mod join;
pub mod metrics;
pub mod protocol;
pub mod rates;
mod requests;

pub use blob::{Blob, Blobs, NoBlobs};
pub use call::{
    Answer, CallError, CallErrorKind, Caller, Handler, Handling, Peer, Refusal, Request,
};
pub use control::Services;
pub use gateway::Gateway;
