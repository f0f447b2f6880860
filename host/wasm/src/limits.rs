//! What a bundle may cost: every limit of the sandbox, in one table.
//!
//! A row is a limit: its field, its name in the configuration (which its error shows), its default, and
//! why. `bundle` checks what holds for a file, `guest` and `imports` what holds for a running instance,
//! `describe` what holds for a graph. Invariant: whatever a guest can make grow has a row here, or is
//! bounded by one that has.

use std::time::Duration;

/// Writes the table once and derives from it the struct, its defaults and the names.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident / $name:ident: $type:ty = $default:expr, $text:literal;)+) => {
        /// What a bundle may cost; the table of `limits.rs` has the reasons.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Limits {
            $(
                #[doc = concat!("The name of [`Limits::", stringify!($field), "`] in the configuration.")]
                pub const $name: &'static str = $text;
            )+
        }
    };
}

limits! {
    // What holds for a file, checked before it is compiled.

    /// The size of a bundle, in bytes. Python components, the largest known, have 18 MB.
    bundle_bytes / BUNDLE: u64 = 64 << 20, "wasm.bundle";
    /// The functions of a bundle, in all its modules: compile time grows with them. Python has 20 000.
    functions / FUNCTIONS: u32 = 100_000, "wasm.functions";
    /// The core instances of a bundle. One per module, plus a few that only carry names; Python's
    /// dynamic linking makes about 60.
    instances / INSTANCES: u32 = 256, "wasm.instances";
    /// The components inside a bundle, and how often they are instantiated. Tools nest one per exported
    /// interface; nested without a bound they multiply, and so does the compile time.
    components / COMPONENTS: u32 = 64, "wasm.components";

    // What holds for an instance.

    /// The linear memory of one instance, in bytes, all its memories together. Four times the default
    /// state cache; a TaskManager with 16 GiB then holds 64 such instances at their worst.
    memory_bytes / MEMORY: u64 = 256 << 20, "wasm.memory";
    /// The memories of one instance; each reserves 4 GiB of address space. Languages use one per module.
    memories / MEMORIES: u32 = 16, "wasm.memories";
    /// The tables of one instance. Languages use one per module.
    tables / TABLES: u32 = 64, "wasm.tables";
    /// The elements of all tables of one instance; each costs the host 8 bytes. Python has 50 000.
    table_elements / TABLE_ELEMENTS: u64 = 1_000_000, "wasm.table-elements";

    // What holds for a call.

    /// The processor time of one call in the guest; what the host uses for answers that may wait does not
    /// count. A batch takes microseconds, a checkpoint of a large cache a second.
    call_deadline / CALL_DEADLINE: Duration = Duration::from_secs(10), "wasm.call-deadline";
    /// The processor time of `describe` and `splits`. They compute a graph from arguments, without data.
    describe_deadline / DESCRIBE_DEADLINE: Duration = Duration::from_secs(5), "wasm.describe-deadline";
    /// The bytes that cross the border in one direction in one crossing, all arguments together. It is
    /// what the host may have to copy, so also the bound of the operator state of one subtask.
    transfer_bytes / TRANSFER: u64 = 128 << 20, "wasm.transfer";
    /// The size of one emitted batch, in bytes, columns included. Tasks ask for 32 KiB; a batch may
    /// exceed that by its last record, and some languages collect more.
    batch_bytes / BATCH: u64 = 4 << 20, "wasm.batch";
    /// The records of one emitted batch: as many as fit when they are empty.
    batch_records / BATCH_RECORDS: u32 = 1 << 20, "wasm.batch-records";
    /// The size of one record, in bytes. It is told to the guest when it is opened, and the task
    /// enforces it where it checks the columns.
    record_bytes / RECORD: u32 = 1 << 20, "wasm.record";
    /// The bytes that one call may emit: it ends a guest that emits for ever. A call gets a batch of
    /// 32 KiB, a tick of timers or the end of an input.
    emitted_bytes / EMITTED: u64 = 256 << 20, "wasm.emitted";

    // What a guest says to people.

    /// The log that one instance writes, in bytes per second; it may save up ten seconds' worth.
    log_bytes_per_second / LOG_RATE: u64 = 16 << 10, "wasm.log-rate";
    /// The length of one log line, in bytes; the rest is cut.
    log_line_bytes / LOG_LINE: u32 = 4 << 10, "wasm.log-line";
    /// The length of an error text that the guest returns, in bytes; the rest is cut.
    failure_bytes / FAILURE: u32 = 16 << 10, "wasm.failure";
    /// The metrics that one instance names; more are ignored. They live in every monitoring system.
    metrics / METRICS: u32 = 256, "wasm.metrics";
    /// The length of a metric's name, in bytes; metrics with longer ones are ignored.
    metric_name_bytes / METRIC_NAME: u32 = 128, "wasm.metric-name";

    // What holds for a graph.

    /// The operators of a job, and likewise its edges and states: the planner is quadratic in places.
    graph_items / GRAPH_ITEMS: u32 = 10_000, "wasm.graph-items";
    /// The text of a graph, in bytes: names, options, formats. It is kept and shown as long as the job.
    graph_text_bytes / GRAPH_TEXT: u64 = 1 << 20, "wasm.graph-text";
    /// The splits of a source: a split is a piece of work, not a record.
    splits / SPLITS: u32 = 100_000, "wasm.splits";
}

/// The name of `EngineOptions::stack_bytes` in the configuration. It holds for all bundles, because
/// compiled code has it built in.
pub const STACK: &str = "wasm.stack";

/// The default of `EngineOptions::stack_bytes`: deep recursion of parsers and sorts fits, and a thread
/// with Rust's default stack of 2 MiB keeps half of it for the host.
pub const DEFAULT_STACK_BYTES: usize = 1 << 20;

/// The frames of a backtrace that are kept.
pub(crate) const BACKTRACE_FRAMES: usize = 32;

/// The bytes of a name from a bundle that are shown in an error.
pub(crate) const SHOWN_NAME_BYTES: usize = 160;

/// The names that an error lists before it says how many more there are.
pub(crate) const SHOWN_NAMES: usize = 8;

/// How deep components may nest in a bundle. Tools nest once; composed bundles twice.
pub(crate) const COMPONENT_DEPTH: usize = 4;

/// The log lines that are kept while a graph is described.
pub(crate) const DESCRIBE_LOG_LINES: usize = 100;

/// The bytes of compiled code on disk, all bundles together; the oldest entries go first.
pub(crate) const CACHE_BYTES: u64 = 1 << 30;

// A thread has the guest's stack twice.
const _: () = assert!(2 * DEFAULT_STACK_BYTES <= wasmill_actor::threads::STACK_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_together() {
        let limits = Limits::default();
        let record = u64::from(limits.record_bytes);
        assert!(
            2 * record <= limits.batch_bytes,
            "a full batch and one more record"
        );
        assert!(limits.batch_bytes <= limits.emitted_bytes);
        assert!(limits.batch_bytes <= limits.transfer_bytes);
        assert!(limits.transfer_bytes <= limits.memory_bytes);
    }
}
