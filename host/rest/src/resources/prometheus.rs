//! The metrics of the JobManager and of the tasks that run, as Prometheus reads them.
//!
//! Invariant: an admin sees all tenants, others see their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_jobmanager::view::{JobView, TaskManagerView};
use wasmill_rpc::metrics::{Task, of_tasks};
use wasmill_types::JobStatus;
use wasmill_types::id::TenantId;
use wasmill_types::metric::prometheus::{self as table, Family, Labels};

use super::job_manager::resident_bytes;
use crate::api::Api;
use crate::call::Call;
use crate::exposition;
use crate::tokens::Role;

/// `GET /metrics`
pub(crate) fn metrics(call: &Call) -> String {
    let jobs = match call.caller.role {
        Role::Admin => call.api.cluster.jobs(),
        Role::Viewer | Role::Submitter => call.api.jobs(&call.caller.tenant),
    };
    let mut families = of_process(call);
    families.extend(of_jobs(&jobs));
    families.extend(tasks(&call.api, &jobs));
    exposition::text(&families)
}

fn of_process(call: &Call) -> Vec<Family> {
    let task_managers = call.api.cluster.task_managers();
    let slots = || task_managers.iter().flat_map(|it| &it.slots);
    let free = slots().filter(|slot| slot.is_none()).count();
    let up_ms = (call.now_ms() - call.api.started_ms).max(0);
    let buffers = |count: fn(&TaskManagerView) -> u32| {
        task_managers.iter().map(move |it| {
            let labels = Labels::from([("taskmanager", it.id.to_string())]);
            (labels, f64::from(count(it)))
        })
    };
    vec![
        Family::one(table::TASK_MANAGERS, task_managers.len() as f64),
        Family::one(table::SLOTS, slots().count() as f64),
        Family::one(table::SLOTS_FREE, free as f64),
        Family::of(table::BUFFERS, buffers(|it| it.network_buffers.1)),
        Family::of(table::BUFFERS_USED, buffers(|it| it.network_buffers.0)),
        Family::one(table::JOB_MANAGER_RESIDENT, resident_bytes() as f64),
        Family::one(table::JOB_MANAGER_UPTIME, up_ms as f64 / 1000.0),
    ]
}

fn of_jobs(jobs: &[Arc<JobView>]) -> [Family; 2] {
    let mut counts: BTreeMap<(&TenantId, JobStatus), u32> = BTreeMap::new();
    for job in jobs {
        *counts
            .entry((&job.description.tenant, job.status))
            .or_default() += 1;
    }
    let counts = counts.into_iter().map(|((tenant, status), count)| {
        let labels = [
            ("tenant", tenant.to_string()),
            ("status", status.to_string()),
        ];
        (Labels::from(labels), f64::from(count))
    });
    let running = jobs.iter().filter(|job| !job.status.is_terminal());
    let restarts = running.map(|job| {
        let tenant = job.description.tenant.to_string();
        let labels = [("tenant", tenant), ("job", job.id().to_string())];
        (Labels::from(labels), f64::from(job.restarts))
    });
    [
        Family::of(table::JOBS, counts),
        Family::of(table::JOB_RESTARTS, restarts),
    ]
}

fn tasks(api: &Api, jobs: &[Arc<JobView>]) -> Vec<Family> {
    let running = jobs.iter().filter(|job| !job.status.is_terminal());
    of_tasks(running.flat_map(|job| {
        let planned = job.graph.vertices.iter().zip(&job.vertices);
        planned.flat_map(move |(planned, vertex)| {
            vertex.subtasks.iter().map(move |subtask| Task {
                tenant: &job.description.tenant,
                attempt: subtask.current.id,
                vertex: vertex.uid.to_string(),
                name: &planned.name,
                counters: &subtask.current.counters,
                rate: api.rate(&subtask.current),
            })
        })
    }))
}
