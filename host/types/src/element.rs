//! What a channel carries.
//!
//! Invariant: after [`Element::EndOfPartition`] nothing follows on a channel; after
//! [`Element::EndOfData`] no records follow.

use std::sync::Arc;

use crate::barrier::Barrier;
use crate::batch::Batch;

/// One thing in a channel, in the order in which the sender put it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// Records.
    Batch(Batch),
    /// No record at or below this event time follows, in milliseconds since the epoch
    /// (semantics §1.1).
    Watermark(i64),
    /// Whether the channel holds back event time (semantics §1.5).
    Status(ChannelStatus),
    /// What came before belongs to a checkpoint, what follows does not (semantics §7.4).
    Barrier(Arc<Barrier>),
    /// The sender has processed all of its input (semantics §9.1).
    EndOfData,
    /// The sender is gone.
    EndOfPartition,
}

/// Whether a channel takes part in event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelStatus {
    /// Records and watermarks come.
    Active,
    /// Nothing comes for now; the channel holds nothing back.
    Idle,
}
