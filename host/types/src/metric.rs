//! The names of metrics, in one table; nothing is counted under a name that is not here, except what
//! a guest names itself.

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
