//! What a task may use, and how it trades latency for throughput.
//!
//! `node` fills [`Options`] from the configuration; each field names its key.

use std::num::NonZeroUsize;
use std::time::Duration;

use wasmill_types::operator::BadRecordPolicy;

/// The settings of the tasks of a job.
#[derive(Debug, Clone)]
pub struct Options {
    /// `network.channel-capacity`: how many elements wait in a channel before its sender does.
    pub channel_capacity: NonZeroUsize,
    /// `network.frame-bytes`: at which size the records for a channel are sent, in bytes (semantics
    /// §13.5).
    pub frame_bytes: u32,
    /// `network.buffer-timeout`: how long a record waits for others to share its frame (semantics
    /// §13.6, with a smaller default: frames are flushed by the task itself, which costs little).
    pub buffer_timeout: Duration,
    /// `source.batch-bytes`: how much a source makes at a time, in bytes.
    pub source_batch_bytes: u32,
    /// `source.batch-records`: how many records a source makes at a time, at least 1.
    pub source_batch_records: u32,
    /// `state.cache-bytes`: how much keyed state a guest may cache in its own memory, in bytes.
    pub cache_bytes: u64,
    /// `wasm.record`: the largest record, in bytes.
    pub max_record_bytes: u32,
    /// `taskmanager.task-niceness`: how much the threads of tasks give way to the other threads of the
    /// machine, from 0 to 19.
    pub niceness: u8,
    /// `execution.checkpointing.interval` is set: sinks commit at checkpoints, and a task that has processed
    /// all of its input waits for a last one (semantics §9.3).
    pub checkpoints: bool,
    /// What to do with records that cannot be decoded.
    pub on_bad_record: BadRecordPolicy,
    /// The limits of keyed state and timers.
    pub state: wasmill_state::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            channel_capacity: NonZeroUsize::new(10).expect("ten is not zero"),
            // With the record that fills it a frame is mostly below 32 KiB, a size that allocators have.
            frame_bytes: 31 << 10,
            buffer_timeout: Duration::from_millis(1),
            source_batch_bytes: 64 << 10,
            source_batch_records: 4096,
            cache_bytes: 64 << 20,
            max_record_bytes: 1 << 20,
            niceness: 0,
            checkpoints: false,
            on_bad_record: BadRecordPolicy::Fail,
            state: wasmill_state::Options::default(),
        }
    }
}
