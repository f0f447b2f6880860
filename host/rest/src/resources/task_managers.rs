//! The TaskManagers. Everybody sees them; whose jobs run in their slots only those whose jobs they are.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::view::TaskManagerView;
use wasmill_rpc::protocol::SlotMemory;
use wasmill_types::id::JobId;

use crate::call::Call;
use crate::error::ApiError;

/// The TaskManagers.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskManagersInfo {
    taskmanagers: Vec<TaskManagerInfo>,
}

/// A TaskManager.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskManagerInfo {
    /// Its name: no fixed form.
    id: String,
    path: String,
    data_port: i32,
    jmx_port: i32,
    /// When it was last heard of, in milliseconds since the epoch: the field's name is Flink's.
    time_since_last_heartbeat: i64,
    slots_number: usize,
    free_slots: usize,
    total_resource: ResourceProfile,
    free_resource: ResourceProfile,
    assigned_tasks: u32,
    blocked: bool,
    hardware: HardwareDescription,
    memory_configuration: MemoryConfiguration,
    /// Its software. Not Flink's.
    version: String,
    /// Its process. Not Flink's.
    pid: u32,
}

/// What slots may use; memory in mebibytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceProfile {
    cpu_cores: f64,
    task_heap_memory: u64,
    task_off_heap_memory: u64,
    managed_memory: u64,
    network_memory: u64,
    #[schema(value_type = Object)]
    extended_resources: super::Empty,
}

impl ResourceProfile {
    /// Of so many slots.
    fn of(memory: SlotMemory, slots: usize, cpu_cores: f64) -> Self {
        let mebibytes = |bytes: u64| bytes.saturating_mul(slots as u64) >> 20;
        Self {
            cpu_cores,
            task_heap_memory: mebibytes(memory.guest),
            task_off_heap_memory: 0,
            managed_memory: mebibytes(memory.state),
            network_memory: mebibytes(memory.network),
            extended_resources: super::Empty {},
        }
    }
}

/// A machine; memory in bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HardwareDescription {
    cpu_cores: u32,
    physical_memory: u64,
    free_memory: u64,
    managed_memory: u64,
}

/// The memory of a process by purpose, in bytes; what has no counterpart here is 0.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemoryConfiguration {
    framework_heap: u64,
    task_heap: u64,
    framework_off_heap: u64,
    task_off_heap: u64,
    network_memory: u64,
    managed_memory: u64,
    jvm_metaspace: u64,
    jvm_overhead: u64,
    total_flink_memory: u64,
    total_process_memory: u64,
}

/// A TaskManager with what is in its slots.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskManagerDetailsInfo {
    #[serde(flatten)]
    info: TaskManagerInfo,
    metrics: TaskManagerMetrics,
    /// The slots that are in use by the caller's jobs.
    allocated_slots: Vec<SlotInfo>,
}

/// A slot in use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlotInfo {
    job_id: String,
    resource: ResourceProfile,
    assigned_tasks: usize,
}

/// What a process uses; what has no counterpart here is 0.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskManagerMetrics {
    heap_used: u64,
    heap_committed: u64,
    heap_max: u64,
    non_heap_used: u64,
    non_heap_committed: u64,
    non_heap_max: u64,
    direct_count: u64,
    direct_used: u64,
    direct_max: u64,
    mapped_count: u64,
    mapped_used: u64,
    mapped_max: u64,
    netty_shuffle_memory_segments_available: u32,
    netty_shuffle_memory_segments_used: u32,
    netty_shuffle_memory_segments_total: u32,
    netty_shuffle_memory_available: u64,
    netty_shuffle_memory_used: u64,
    netty_shuffle_memory_total: u64,
    /// As in Flink 1.20.
    memory_segments_available: u32,
    memory_segments_total: u32,
    #[schema(value_type = Vec<Object>)]
    garbage_collectors: [(); 0],
}

/// `GET /taskmanagers`
pub(crate) fn list(call: &Call) -> Result<TaskManagersInfo, ApiError> {
    let mut all = call.api.cluster.task_managers();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(TaskManagersInfo {
        taskmanagers: all.iter().map(|it| info(it)).collect(),
    })
}

/// `GET /taskmanagers/:taskmanagerid`
pub(crate) fn detail(call: &Call) -> Result<TaskManagerDetailsInfo, ApiError> {
    let it = find(call).ok_or_else(|| {
        let id = call.segment("taskmanagerid");
        ApiError::not_found(format!("Could not find TaskManager with id {id}."))
    })?;
    let slots = it.slots.iter().flatten();
    let own = slots.filter_map(|job| call.api.job(&call.caller.tenant, *job).ok());
    let allocated = own.map(|job| SlotInfo {
        job_id: job.id().to_string(),
        resource: ResourceProfile::of(it.memory, 1, 1.0),
        assigned_tasks: tasks_per_slot(&job, &it),
    });
    Ok(TaskManagerDetailsInfo {
        metrics: metrics(&it),
        allocated_slots: allocated.collect(),
        info: info(&it),
    })
}

/// The TaskManager that the path names.
pub(crate) fn find(call: &Call) -> Option<Arc<TaskManagerView>> {
    let wanted = call.segment("taskmanagerid");
    let mut all = call.api.cluster.task_managers().into_iter();
    all.find(|it| it.id.as_str() == wanted)
}

/// How many tasks of a job each of its slots on a TaskManager has, on average and rounded up: a picture
/// of a TaskManager does not tell its slots of one job apart.
fn tasks_per_slot(job: &wasmill_jobmanager::view::JobView, it: &TaskManagerView) -> usize {
    let is_job = |slot: &&Option<JobId>| **slot == Some(job.id());
    let slots = it.slots.iter().filter(is_job).count().max(1);
    let subtasks = job.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let here = subtasks.filter(|subtask| {
        let attempt = &subtask.current;
        let location = attempt.location.as_ref();
        !attempt.state.is_terminal() && location.is_some_and(|place| place.task_manager == it.id)
    });
    here.count().div_ceil(slots)
}

fn info(it: &TaskManagerView) -> TaskManagerInfo {
    let free = it.slots.iter().filter(|slot| slot.is_none()).count();
    let slots = it.slots.len();
    let cpu_cores = f64::from(it.hardware.cpu_cores);
    let free_cores = match slots {
        0 => 0.0,
        _ => cpu_cores * free as f64 / slots as f64,
    };
    let all = |bytes: u64| bytes.saturating_mul(slots as u64);
    let total = all(it.memory.total());
    TaskManagerInfo {
        id: it.id.to_string(),
        path: format!("{}/{}", it.host, it.id),
        data_port: it.data.map_or(-1, |address| i32::from(address.port())),
        jmx_port: -1,
        time_since_last_heartbeat: it.last_heartbeat_ms,
        slots_number: slots,
        free_slots: free,
        total_resource: ResourceProfile::of(it.memory, slots, cpu_cores),
        free_resource: ResourceProfile::of(it.memory, free, free_cores),
        assigned_tasks: it.tasks,
        blocked: false,
        hardware: HardwareDescription {
            cpu_cores: it.hardware.cpu_cores,
            physical_memory: it.hardware.physical_memory,
            free_memory: it
                .hardware
                .physical_memory
                .saturating_sub(it.resident_bytes),
            managed_memory: all(it.memory.state),
        },
        memory_configuration: MemoryConfiguration {
            framework_heap: 0,
            task_heap: all(it.memory.guest),
            framework_off_heap: 0,
            task_off_heap: 0,
            network_memory: all(it.memory.network),
            managed_memory: all(it.memory.state),
            jvm_metaspace: 0,
            jvm_overhead: 0,
            total_flink_memory: total,
            total_process_memory: total,
        },
        version: it.version.clone(),
        pid: it.pid,
    }
}

fn metrics(it: &TaskManagerView) -> TaskManagerMetrics {
    let (used, total) = it.network_buffers;
    let available = total.saturating_sub(used);
    let memory = it.memory.network.saturating_mul(it.slots.len() as u64);
    let of_buffers = |count: u32| match total {
        0 => 0,
        _ => memory / u64::from(total) * u64::from(count),
    };
    TaskManagerMetrics {
        heap_used: it.resident_bytes,
        heap_committed: it.resident_bytes,
        heap_max: it.hardware.physical_memory,
        non_heap_used: 0,
        non_heap_committed: 0,
        non_heap_max: 0,
        direct_count: 0,
        direct_used: 0,
        direct_max: 0,
        mapped_count: 0,
        mapped_used: 0,
        mapped_max: 0,
        netty_shuffle_memory_segments_available: available,
        netty_shuffle_memory_segments_used: used,
        netty_shuffle_memory_segments_total: total,
        netty_shuffle_memory_available: of_buffers(available),
        netty_shuffle_memory_used: of_buffers(used),
        netty_shuffle_memory_total: memory,
        memory_segments_available: available,
        memory_segments_total: total,
        garbage_collectors: [],
    }
}
