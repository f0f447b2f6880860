//! The data plane: channels between the tasks of one process.
//!
//! Follow an element: a producer puts it into a [`Sender`], `exchange` keeps it in its channel's
//! bounded queue, the consumer's [`Gate`] takes it out. A batch, once processed, may go the way back
//! empty ([`Gate::recycle`], [`Sender::spare`]), so that its memory is used again. Invariants: a channel
//! has one producer and keeps its order; every queue has a bound; nobody waits by spinning; a producer
//! or consumer that goes away is noticed by the other side. Between processes, [`identity`] says who a
//! node is, [`endpoint`] connects nodes, and [`remote`] carries channels between them.

pub mod endpoint;
mod exchange;
pub mod gate;
pub mod identity;
pub mod remote;
pub mod sender;

pub use gate::{Gate, ProducerLost, gate};
pub use sender::{SendError, Sender, TrySendError};
