//! The data plane between TaskManagers: channels over QUIC with credits (semantics §13).
//!
//! Follow a batch: a task's result partition puts it into the [`crate::Sender`] of a local gate that was
//! given to [`DataPlane::offer`]; `producer` takes it out when the consumer has granted credit (`credit`)
//! and writes it as frames (`frame`) to the channel's stream; on the other TaskManager `consumer` reads it,
//! counts it against the channel's buffers (`pool`) and puts it into the gate of the task, which was given
//! to [`DataPlane::subscribe`]. As the task takes batches, credit goes back on the connection's control
//! stream (`control`), which `link` writes and `serve` reads. `offers` is where the two ends meet.
//!
//! Invariants: a TaskManager holds no more batches than its network memory has buffers, whatever its
//! tasks do, except for one giant record per channel; a channel that nobody reads stops its producer and no
//! other channel; what a peer sends is checked, and the worst that it can do is to lose its connection.

mod channel;
mod consumer;
mod control;
mod credit;
mod dialer;
mod frame;
#[doc(hidden)]
pub mod fuzz;
mod link;
mod metrics;
mod offers;
mod options;
mod plane;
pub mod pool;
mod producer;
mod serve;
pub mod transport;
mod wire;

pub use channel::{ChannelId, PeerAddr};
pub use dialer::{Dialer, protocol};
pub use options::{EXCLUSIVE_BUFFERS, FILLING_BUFFERS, Options, buffers_within, queue_of};
pub use plane::{Connect, ConnectError, Connecting, DataPlane, OpenError};
pub use pool::{BUFFER_BYTES, BufferPool, FLOATING_PER_GATE, PoolExhausted};

#[cfg(test)]
mod tests;
