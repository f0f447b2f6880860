//! What the benchmark and its TaskManager processes say to each other: a line of JSON each way.
//!
//! Invariant: the process answers each order with exactly one answer, in order.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wasmill_types::id::TaskManagerId;

/// What moves the records of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Streams of QUIC that nobody looks into.
    Raw,
    /// The data plane, to all other TaskManagers.
    Remote,
    /// Channels in memory, within each TaskManager.
    Local,
}

/// What a TaskManager process shall do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Order {
    /// Begin a round.
    Start(Round),
    /// Let consumers that are held up go on, and wait for the end of the round.
    Finish,
    /// Say what memory is used.
    Measure,
}

/// One round, the same at all TaskManagers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Round {
    /// What moves the records.
    pub(super) kind: Kind,
    /// Its number, by which channels of different rounds differ.
    pub(super) number: u32,
    /// How many records each producer makes.
    pub(super) records: u64,
    /// Whether consumers take nothing before [`Order::Finish`].
    pub(super) is_stalled: bool,
    /// All TaskManagers, in order.
    pub(super) members: Vec<Member>,
}

/// A TaskManager process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: TaskManagerId,
    /// Where it takes connections.
    pub(super) address: SocketAddr,
}

/// What a TaskManager process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// It has started and takes connections; said once, before any order.
    Ready(SocketAddr),
    /// The round has begun.
    Started,
    /// The round has ended.
    Finished(Moved),
    /// The memory in use.
    Memory(Memory),
    /// It could not do what it was told.
    Failed(String),
}

/// What a round moved at one TaskManager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moved {
    /// What its producers sent.
    pub(super) sent: Amount,
    /// What its consumers took.
    pub(super) taken: Amount,
    /// The processor time that it used, in nanoseconds.
    pub(super) processor_ns: u64,
}

/// Some records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amount {
    /// Their number; 0 where nobody looks.
    pub(super) records: u64,
    /// Their bytes, without what comes on top.
    pub(super) bytes: u64,
    /// The sum of their hashes.
    pub(super) checksum: u64,
}

/// The memory of one TaskManager process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Resident, in bytes.
    pub(super) resident: u64,
    /// The network buffers that channels have.
    pub(super) buffers: u32,
}

impl Amount {
    /// Counts more records.
    pub(super) fn add(&mut self, more: Self) {
        self.records += more.records;
        self.bytes += more.bytes;
        self.checksum = self.checksum.wrapping_add(more.checksum);
    }
}

impl Moved {
    /// Counts what another TaskManager moved.
    pub(super) fn add(&mut self, more: &Self) {
        self.sent.add(more.sent);
        self.taken.add(more.taken);
        self.processor_ns += more.processor_ns;
    }
}
