//! The metrics that Prometheus reads from the processes of a cluster, in one table.
//!
//! Processes make [`Family`]s of them and REST writes them as text. Invariants: the table's rows have
//! different names, a counter's ends in `_total`, units are seconds and bytes where Prometheus is not
//! asked for Flink's own (milliseconds per second); labels are of the closed set [`LABELS`].

use std::sync::Arc;

/// The labels that there are.
pub const LABELS: [&str; 8] = [
    "tenant",
    "job",
    "vertex",
    "task",
    "subtask",
    "status",
    "taskmanager",
    "pool",
];

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it counts, for people; one line without backslashes.
    pub help: &'static str,
    /// How its values are to be read.
    pub kind: Kind,
}

/// How the values of a metric are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They only grow, or begin again.
    Counter,
    /// Each is what holds now.
    Gauge,
}

/// A metric with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Which.
    pub metric: &'static Metric,
    /// Its values; their labels are different.
    pub samples: Vec<Sample>,
}

/// Names and values of labels, shared by all metrics of one thing.
pub type Labels = Arc<[(&'static str, String)]>;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of what.
    pub labels: Labels,
    /// How much.
    pub value: f64,
}

impl Family {
    /// A metric with one value, of the process itself.
    pub fn one(metric: &'static Metric, value: f64) -> Self {
        let labels = Labels::default();
        Self::of(metric, [(labels, value)])
    }

    /// A metric with a value for each of some things.
    pub fn of(metric: &'static Metric, values: impl IntoIterator<Item = (Labels, f64)>) -> Self {
        let sample = |(labels, value)| Sample { labels, value };
        let samples = values.into_iter().map(sample).collect();
        Self { metric, samples }
    }
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $help:literal,)*) => {
        $(
            #[doc = $help]
            pub const $constant: &Metric = &Metric {
                name: $name,
                help: $help,
                kind: Kind::$kind,
            };
        )*
        /// All of them.
        pub const ALL: &[&Metric] = &[$($constant),*];
    };
}

metrics! {
    TASK_RECORDS_IN: Counter "wasmill_task_records_in_total" "Records that came into the task.",
    TASK_RECORDS_OUT: Counter "wasmill_task_records_out_total" "Records that left the task.",
    TASK_BYTES_IN: Counter "wasmill_task_in_bytes_total" "Bytes of records that came into the task.",
    TASK_BYTES_OUT: Counter "wasmill_task_out_bytes_total" "Bytes of records that left the task.",
    TASK_RECORDS_SENT: Counter "wasmill_task_records_sent_total" "Records that the task's sinks took.",
    TASK_BAD_RECORDS: Counter "wasmill_task_bad_records_total" "Records that could not be read and were left out.",
    TASK_BUSY: Counter "wasmill_task_busy_seconds_total" "How long the task worked.",
    TASK_BACKPRESSURED: Counter "wasmill_task_backpressured_seconds_total" "How long the task waited for room in its outputs.",
    TASK_IDLE: Counter "wasmill_task_idle_seconds_total" "How long the task waited for input.",
    TASK_BUSY_RATE: Gauge "wasmill_task_busy_ms_per_second" "How much of each second the task works, lately.",
    TASK_BACKPRESSURED_RATE: Gauge "wasmill_task_backpressured_ms_per_second" "How much of each second the task waits for room in its outputs, lately.",
    TASK_IDLE_RATE: Gauge "wasmill_task_idle_ms_per_second" "How much of each second the task waits for input, lately.",
    TASK_WATERMARK: Gauge "wasmill_task_watermark_seconds" "How far event time has come at the inputs of the task, in seconds since the epoch.",
    TASK_WATERMARK_LAG: Gauge "wasmill_task_watermark_lag_seconds" "By how much event time at the outputs of the task is behind the clock.",
    TASKS_NOT_SHOWN: Gauge "wasmill_tasks_not_shown" "Tasks beyond the most that are shown.",
    JOBS: Gauge "wasmill_jobmanager_jobs" "Jobs by their state.",
    JOB_RESTARTS: Counter "wasmill_job_restarts_total" "How often the job was restarted.",
    TASK_MANAGERS: Gauge "wasmill_jobmanager_taskmanagers" "TaskManagers that are registered.",
    SLOTS: Gauge "wasmill_jobmanager_slots" "Slots of all TaskManagers.",
    SLOTS_FREE: Gauge "wasmill_jobmanager_slots_free" "Slots that no job uses.",
    BUFFERS: Gauge "wasmill_jobmanager_network_buffers" "Network buffers of a TaskManager, as it said last.",
    BUFFERS_USED: Gauge "wasmill_jobmanager_network_buffers_used" "Network buffers of a TaskManager that are in use, as it said last.",
    JOB_MANAGER_RESIDENT: Gauge "wasmill_jobmanager_resident_bytes" "Resident memory of the JobManager.",
    JOB_MANAGER_UPTIME: Gauge "wasmill_jobmanager_uptime_seconds" "How long the JobManager has been serving.",
    OWN_REGISTERED: Gauge "wasmill_taskmanager_registered" "Whether the TaskManager is registered at its JobManager: 1 or 0.",
    OWN_SLOTS: Gauge "wasmill_taskmanager_slots" "Slots of the TaskManager.",
    OWN_SLOTS_FREE: Gauge "wasmill_taskmanager_slots_free" "Slots of the TaskManager that no job uses.",
    OWN_TASKS: Gauge "wasmill_taskmanager_tasks" "Tasks that run.",
    OWN_MEMORY: Gauge "wasmill_taskmanager_memory_bytes" "The budget of all slots together, by what it is for: guest (of it cache), network, state.",
    OWN_RESIDENT: Gauge "wasmill_taskmanager_resident_bytes" "Resident memory of the TaskManager.",
    OWN_UPTIME: Gauge "wasmill_taskmanager_uptime_seconds" "How long the TaskManager has been running.",
    OWN_BUFFERS: Gauge "wasmill_taskmanager_network_buffers" "Network buffers.",
    OWN_BUFFERS_USED: Gauge "wasmill_taskmanager_network_buffers_used" "Network buffers in use.",
    OWN_BUFFERS_FREE: Gauge "wasmill_taskmanager_network_buffers_free" "Network buffers that are free.",
    OWN_FRAMES_IN: Counter "wasmill_taskmanager_network_frames_in_total" "Batches that came from other TaskManagers.",
    OWN_FRAMES_OUT: Counter "wasmill_taskmanager_network_frames_out_total" "Batches that went to other TaskManagers.",
    OWN_BYTES_IN: Counter "wasmill_taskmanager_network_in_bytes_total" "Bytes of batches that came from other TaskManagers.",
    OWN_BYTES_OUT: Counter "wasmill_taskmanager_network_out_bytes_total" "Bytes of batches that went to other TaskManagers.",
    OWN_CREDITS_IN: Counter "wasmill_taskmanager_network_credits_in_total" "Credit that consumers on other TaskManagers granted, in buffers.",
    OWN_CREDITS_OUT: Counter "wasmill_taskmanager_network_credits_out_total" "Credit granted to producers on other TaskManagers, in buffers.",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_different_and_say_how_their_values_are_read() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Metric { name, help, kind } in ALL {
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("wasmill_") && name.chars().all(is_plain));
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(
                help.ends_with('.') && !help.contains(['\\', '\n']),
                "{name}"
            );
        }
    }
}
