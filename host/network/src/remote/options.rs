//! What the data plane may use.
//!
//! `node` fills [`Options`] from the configuration; each field names its key.

use std::num::NonZeroUsize;
use std::time::Duration;

use wasmill_types::size::ByteSize;

/// The buffers that each channel has for itself (semantics §13.1).
pub const EXCLUSIVE_BUFFERS: u32 = 2;

/// The buffers that a producer fills for each channel, beside those that wait in the channel's queue.
pub const FILLING_BUFFERS: u32 = 1;

/// How many elements the queue of a channel to be sent has, where the channel may have so many buffers
/// with those that are being filled; at least one.
pub fn queue_of(buffers: usize) -> usize {
    buffers.saturating_sub(FILLING_BUFFERS as usize).max(1)
}

/// What connections keep besides the records of channels: packets on their way, and their books. Seen with
/// 832 buffers that stuck consumers had filled over four connections.
const TRANSPORT_BYTES: u64 = 4 << 20;

/// What is left for buffers of the memory that the network may take, `network.memory`: all but the
/// transport's share, which is at most an eighth.
pub fn buffers_within(memory: ByteSize) -> ByteSize {
    ByteSize(memory.0 - TRANSPORT_BYTES.min(memory.0 / 8))
}

/// The settings of the data plane of one TaskManager.
#[derive(Debug, Clone)]
pub struct Options {
    /// The memory of all buffers of remote channels: what [`buffers_within`] leaves of `network.memory`.
    pub memory: ByteSize,
    /// `network.connections`: how many connections the channels to one TaskManager are spread over. Each
    /// is encrypted on one core at a time.
    pub connections: NonZeroUsize,
    /// `network.connect-timeout`: how long a TaskManager may take to accept a connection.
    pub connect_timeout: Duration,
    /// `network.peer-timeout`: how long one end of a channel waits for the other end to be deployed.
    pub peer_timeout: Duration,
    /// `network.idle-connection`: after how long without channels a connection is closed.
    pub idle_connection: Duration,
    /// `wasm.record`: the largest record, in bytes.
    pub max_record_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: ByteSize(256 << 20),
            connections: NonZeroUsize::new(4).expect("four is not zero"),
            connect_timeout: Duration::from_secs(5),
            peer_timeout: Duration::from_secs(60),
            idle_connection: Duration::from_secs(30),
            max_record_bytes: 1 << 20,
        }
    }
}
