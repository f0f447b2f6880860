//! The field names of tracing spans and events, in one table.

/// The tenant that owns the job.
pub const TENANT: &str = "tenant";
/// The job, as 32 hexadecimal digits.
pub const JOB: &str = "job_id";
/// The vertex's name.
pub const VERTEX: &str = "vertex";
/// The index of the subtask.
pub const SUBTASK: &str = "subtask";
/// How often the subtask was started before.
pub const ATTEMPT: &str = "attempt";
