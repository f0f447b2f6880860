//! What the state and the timers of one subtask may cost.
//!
//! `node` fills [`Options`] from the configuration; the backend and the timer service enforce them. Each
//! field names its configuration key, which is also the limit's name in a failure.

use wasmill_types::size::ByteSize;

/// The limits of one subtask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `state.max-bytes`: what all rows take in memory, with the backend's own overhead.
    pub max_bytes: ByteSize,
    /// `state.max-disk-bytes`: what they take where they are kept on disk.
    pub max_disk_bytes: ByteSize,
    /// `state.max-read-bytes`: what one read may return. A look-up beyond it fails, a scan returns a
    /// shorter page.
    pub max_read_bytes: ByteSize,
    /// `timers.max`: timers of both domains.
    pub max_timers: u64,
    /// `timers.max-bytes`: keys and namespaces of all timers, with
    /// [`crate::timers::TIMER_OVERHEAD`] for each timer.
    pub max_timer_bytes: ByteSize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: ByteSize(1 << 30),
            max_disk_bytes: ByteSize(64 << 30),
            max_read_bytes: ByteSize(256 << 20),
            max_timers: 10_000_000,
            max_timer_bytes: ByteSize(1 << 30),
        }
    }
}
