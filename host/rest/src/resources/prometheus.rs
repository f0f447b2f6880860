//! The counters of the JobManager and of the tasks that run, as Prometheus reads them.
//!
//! Invariants: labels are of the closed set tenant, job, vertex, subtask and status; at most
//! [`MAX_TASKS`] tasks are shown, and a gauge says so when there are more; an admin sees all tenants,
//! others see their own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use wasmill_jobmanager::view::{AttemptView, JobView};
use wasmill_rpc::protocol::TaskCounters;
use wasmill_types::JobStatus;
use wasmill_types::id::TenantId;

use super::job_manager::resident_bytes;
use crate::call::Call;
use crate::tokens::Role;

/// The most tasks that are shown; each has a line per counter.
const MAX_TASKS: usize = 5_000;

/// What is counted of a task.
const TASK_COUNTERS: [TaskCounter; 9] = [
    TaskCounter {
        name: "wasmill_task_records_in_total",
        help: "Records that came into the task.",
        value: |counters| counters.records_in as f64,
    },
    TaskCounter {
        name: "wasmill_task_records_out_total",
        help: "Records that left the task.",
        value: |counters| counters.records_out as f64,
    },
    TaskCounter {
        name: "wasmill_task_in_bytes_total",
        help: "Bytes of records that came into the task.",
        value: |counters| counters.bytes_in as f64,
    },
    TaskCounter {
        name: "wasmill_task_out_bytes_total",
        help: "Bytes of records that left the task.",
        value: |counters| counters.bytes_out as f64,
    },
    TaskCounter {
        name: "wasmill_task_records_sent_total",
        help: "Records that the task's sinks took.",
        value: |counters| counters.records_sent as f64,
    },
    TaskCounter {
        name: "wasmill_task_bad_records_total",
        help: "Records that could not be read and were left out.",
        value: |counters| counters.bad_records as f64,
    },
    TaskCounter {
        name: "wasmill_task_busy_seconds_total",
        help: "How long the task worked.",
        value: |counters| counters.busy_ms as f64 / 1000.0,
    },
    TaskCounter {
        name: "wasmill_task_backpressured_seconds_total",
        help: "How long the task waited for room in its outputs.",
        value: |counters| counters.backpressured_ms as f64 / 1000.0,
    },
    TaskCounter {
        name: "wasmill_task_idle_seconds_total",
        help: "How long the task waited for input.",
        value: |counters| counters.idle_ms as f64 / 1000.0,
    },
];

/// A counter of tasks.
struct TaskCounter {
    name: &'static str,
    help: &'static str,
    value: fn(&TaskCounters) -> f64,
}

/// `GET /metrics`
pub(crate) fn metrics(call: &Call) -> String {
    let jobs = match call.caller.role {
        Role::Admin => call.api.cluster.jobs(),
        Role::Viewer | Role::Submitter => call.api.jobs(&call.caller.tenant),
    };
    let mut text = String::new();
    push_process(&mut text, call);
    push_jobs(&mut text, &jobs);
    push_tasks(&mut text, &jobs);
    text
}

fn push_process(text: &mut String, call: &Call) {
    let task_managers = call.api.cluster.task_managers();
    let slots = || task_managers.iter().flat_map(|it| &it.slots);
    let up_ms = (call.now_ms() - call.api.started_ms).max(0);
    for (name, help, value) in [
        (
            "wasmill_jobmanager_taskmanagers",
            "TaskManagers that are registered.",
            task_managers.len() as f64,
        ),
        (
            "wasmill_jobmanager_slots",
            "Slots of all TaskManagers.",
            slots().count() as f64,
        ),
        (
            "wasmill_jobmanager_slots_free",
            "Slots that no job uses.",
            slots().filter(|slot| slot.is_none()).count() as f64,
        ),
        (
            "wasmill_jobmanager_resident_bytes",
            "Resident memory of the JobManager.",
            resident_bytes() as f64,
        ),
        (
            "wasmill_jobmanager_uptime_seconds",
            "How long the JobManager has been serving.",
            up_ms as f64 / 1000.0,
        ),
    ] {
        push_head(text, name, help, "gauge");
        push_line(text, name, "", value);
    }
}

fn push_jobs(text: &mut String, jobs: &[Arc<JobView>]) {
    let mut counts: BTreeMap<(&TenantId, JobStatus), u32> = BTreeMap::new();
    for job in jobs {
        *counts
            .entry((&job.description.tenant, job.status))
            .or_default() += 1;
    }
    let name = "wasmill_jobmanager_jobs";
    push_head(text, name, "Jobs by their state.", "gauge");
    for ((tenant, status), count) in counts {
        let labels = format!("{{tenant=\"{tenant}\",status=\"{status}\"}}");
        push_line(text, name, &labels, f64::from(count));
    }
    let name = "wasmill_job_restarts_total";
    push_head(text, name, "How often the job was restarted.", "counter");
    for job in jobs.iter().filter(|job| !job.status.is_terminal()) {
        let tenant = &job.description.tenant;
        let labels = format!("{{tenant=\"{tenant}\",job=\"{}\"}}", job.id());
        push_line(text, name, &labels, f64::from(job.restarts));
    }
}

fn push_tasks(text: &mut String, jobs: &[Arc<JobView>]) {
    let running = jobs.iter().filter(|job| !job.status.is_terminal());
    let tasks = running.flat_map(|job| {
        job.vertices.iter().flat_map(move |vertex| {
            let subtasks = vertex.subtasks.iter();
            subtasks.map(move |subtask| (job, vertex.uid, &subtask.current))
        })
    });
    let total = tasks.clone().count();
    let name = "wasmill_jobmanager_tasks_not_shown";
    push_head(text, name, "Tasks beyond the most that are shown.", "gauge");
    push_line(text, name, "", total.saturating_sub(MAX_TASKS) as f64);
    let label = |(job, vertex, attempt): (&Arc<JobView>, _, &AttemptView)| {
        let (tenant, job) = (&job.description.tenant, job.id());
        let subtask = attempt.id.subtask;
        format!("{{tenant=\"{tenant}\",job=\"{job}\",vertex=\"{vertex}\",subtask=\"{subtask}\"}}")
    };
    let shown = tasks.take(MAX_TASKS);
    let shown: Vec<_> = shown.map(|task| (label(task), &task.2.counters)).collect();
    for TaskCounter { name, help, value } in TASK_COUNTERS {
        push_head(text, name, help, "counter");
        for (labels, counters) in &shown {
            push_line(text, name, labels, value(counters));
        }
    }
}

fn push_head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn push_line(text: &mut String, name: &str, labels: &str, value: f64) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{name}{labels} {value}");
}
