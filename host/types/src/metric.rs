//! The names of metrics, in one table; nothing is counted under a name that is not here, except what
//! a guest names itself. These are Flink's names; Prometheus has its own ([`prometheus`]).

pub mod prometheus;

/// Records that came into a task.
pub const RECORDS_IN: &str = "numRecordsIn";
/// Records that left a task.
pub const RECORDS_OUT: &str = "numRecordsOut";
/// Bytes of records that came into a task.
pub const BYTES_IN: &str = "numBytesIn";
/// Bytes of records that left a task.
pub const BYTES_OUT: &str = "numBytesOut";
/// Records that a sink took.
pub const RECORDS_SENT: &str = "numRecordsSend";
/// Records that could not be decoded and were left out, under the policy `skip`.
pub const BAD_RECORDS: &str = "numBadRecords";
/// How far event time has come at the inputs of a task.
pub const WATERMARK_IN: &str = "currentInputWatermark";
/// How far event time has come at the outputs of a task.
pub const WATERMARK_OUT: &str = "currentOutputWatermark";
/// By how much event time at the outputs of a task is behind the clock, in milliseconds.
pub const WATERMARK_LAG: &str = "watermarkLag";
/// Batches that came from other TaskManagers.
pub const NETWORK_FRAMES_IN: &str = "Network.numFramesIn";
/// Batches that went to other TaskManagers.
pub const NETWORK_FRAMES_OUT: &str = "Network.numFramesOut";
/// Bytes of batches that came from other TaskManagers.
pub const NETWORK_BYTES_IN: &str = "Network.numBytesIn";
/// Bytes of batches that went to other TaskManagers.
pub const NETWORK_BYTES_OUT: &str = "Network.numBytesOut";
/// Credit that consumers on other TaskManagers granted us, in buffers.
pub const NETWORK_CREDITS_IN: &str = "Network.numCreditsIn";
/// Credit that we granted producers on other TaskManagers, in buffers.
pub const NETWORK_CREDITS_OUT: &str = "Network.numCreditsOut";
/// The buffers of the network memory.
pub const NETWORK_BUFFERS_TOTAL: &str = "Status.Shuffle.Netty.TotalMemorySegments";
/// The buffers of the network memory that are in use.
pub const NETWORK_BUFFERS_USED: &str = "Status.Shuffle.Netty.UsedMemorySegments";
/// Records that come into a task, per second.
pub const RECORDS_IN_RATE: &str = "numRecordsInPerSecond";
/// Records that leave a task, per second.
pub const RECORDS_OUT_RATE: &str = "numRecordsOutPerSecond";
/// Bytes of records that come into a task, per second.
pub const BYTES_IN_RATE: &str = "numBytesInPerSecond";
/// Bytes of records that leave a task, per second.
pub const BYTES_OUT_RATE: &str = "numBytesOutPerSecond";
/// How often a job, or a part of it, was restarted.
pub const RESTARTS: &str = "numRestarts";
/// TaskManagers that are registered.
pub const TASK_MANAGERS: &str = "numRegisteredTaskManagers";
/// Jobs that have not ended.
pub const RUNNING_JOBS: &str = "numRunningJobs";
