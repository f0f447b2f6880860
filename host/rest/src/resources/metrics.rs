//! The metrics of tasks, vertices, jobs, TaskManagers and the JobManager by Flink's names.
//!
//! Invariant: one table per kind of component ([`of_task`], [`of_job`], [`of_task_manager`] and
//! [`of_process`]) says which metrics there are.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use wasmill_jobmanager::view::{AttemptView, JobView, TaskManagerView};
use wasmill_types::id::JobId;
use wasmill_types::{JobStatus, metric};

use super::metric::{AggregatedMetrics, MetricCollection, Reading, Value};
use super::task_managers::find;
use crate::api::Api;
use crate::call::{Call, VertexOf, subtask};
use crate::error::ApiError;

/// What is counted of a task, and by the names of the operators at the ends of its chain; those between
/// are one loop in the guest, where nobody counts.
fn of_task_and_operators(vertex: &VertexOf, attempt: &AttemptView, api: &Api) -> Vec<Reading> {
    let mut readings = of_task(attempt, api);
    let counters = &attempt.counters;
    let operators = &vertex.planned().operators;
    let ends = [
        (operators.first(), metric::RECORDS_IN, counters.records_in),
        (operators.last(), metric::RECORDS_OUT, counters.records_out),
    ];
    readings.extend(ends.into_iter().filter_map(|(operator, name, count)| {
        let operator = &vertex.job.graph.operator(*operator?).name;
        // As Flink writes names where a dot ends one.
        let operator = operator.replace([' ', '.', ':', ','], "_");
        Some((format!("{operator}.{name}").into(), Value::Count(count)))
    }));
    readings
}

/// What is counted of a task; rates only while they are known.
pub(crate) fn of_task(attempt: &AttemptView, api: &Api) -> Vec<Reading> {
    let counters = &attempt.counters;
    let count = |name: &'static str, count: u64| (Cow::Borrowed(name), Value::Count(count));
    let mut readings = vec![
        count(metric::RECORDS_IN, counters.records_in),
        count(metric::RECORDS_OUT, counters.records_out),
        count(metric::BYTES_IN, counters.bytes_in),
        count(metric::BYTES_OUT, counters.bytes_out),
        count(metric::RECORDS_SENT, counters.records_sent),
        count(metric::BAD_RECORDS, counters.bad_records),
        count("accumulateBusyTimeMs", counters.busy_ms),
        count("accumulateBackPressuredTimeMs", counters.backpressured_ms),
        count("accumulateIdleTimeMs", counters.idle_ms),
    ];
    let times = [
        (metric::WATERMARK_IN, counters.watermark_in),
        (metric::WATERMARK_OUT, counters.watermark_out),
        (metric::WATERMARK_LAG, counters.watermark_lag_ms),
    ];
    let times = times.into_iter();
    readings.extend(times.filter_map(|(name, time)| Some((name.into(), Value::Time(time?)))));
    if let Some(rate) = api.rate(attempt) {
        let measures = [
            ("busyTimeMsPerSecond", rate.busy),
            ("backPressuredTimeMsPerSecond", rate.backpressured),
            ("idleTimeMsPerSecond", rate.idle),
            (metric::RECORDS_IN_RATE, rate.records_in),
            (metric::RECORDS_OUT_RATE, rate.records_out),
            (metric::BYTES_IN_RATE, rate.bytes_in),
            (metric::BYTES_OUT_RATE, rate.bytes_out),
        ];
        readings.extend(measures.map(|(name, value)| (name.into(), Value::Measure(value))));
    }
    let custom = counters.custom.iter();
    readings.extend(custom.map(|(name, value)| {
        let name = format!("user.{name}");
        (Cow::Owned(name), Value::Count(*value))
    }));
    readings
}

/// What is counted of a job.
fn of_job(job: &JobView, now_ms: i64) -> Vec<Reading> {
    let up_ms = match job.reached.get(&JobStatus::Running) {
        Some(since) if job.status == JobStatus::Running => now_ms - since,
        _ => 0,
    };
    let restarting_ms = match job.reached.get(&JobStatus::Restarting) {
        Some(since) if job.status == JobStatus::Restarting => now_ms - since,
        _ => 0,
    };
    let millis = |millis: i64| Value::Count(u64::try_from(millis).unwrap_or_default());
    // What Flink says of a job that has ended.
    let unless_over = |since_ms: i64| match job.status.is_terminal() {
        true => Value::Measure(-1.0),
        false => millis(since_ms),
    };
    vec![
        (metric::RESTARTS.into(), Value::Count(job.restarts.into())),
        ("uptime".into(), unless_over(up_ms)),
        ("downtime".into(), unless_over(restarting_ms)),
        ("runningTime".into(), millis(up_ms)),
        ("restartingTime".into(), millis(restarting_ms)),
    ]
}

/// What is measured of a TaskManager, by the names that Flink's pages ask for.
pub(crate) fn of_task_manager(it: &TaskManagerView) -> Vec<Reading> {
    let slots = it.slots.len() as u64;
    let (used, total) = it.network_buffers;
    let network = it.memory.network.saturating_mul(slots);
    let used_bytes = match total {
        0 => 0,
        _ => network / u64::from(total) * u64::from(used),
    };
    let available = total.saturating_sub(used);
    let reading = |(name, value): (&'static str, u64)| (Cow::Borrowed(name), Value::Count(value));
    [
        ("Status.JVM.Memory.Heap.Used", it.resident_bytes),
        ("Status.JVM.Memory.Heap.Committed", it.resident_bytes),
        ("Status.JVM.Memory.Heap.Max", it.hardware.physical_memory),
        ("Status.Shuffle.Netty.UsedMemory", used_bytes),
        ("Status.Shuffle.Netty.TotalMemory", network),
        ("Status.Shuffle.Netty.UsedMemorySegments", used.into()),
        ("Status.Shuffle.Netty.TotalMemorySegments", total.into()),
        (
            "Status.Shuffle.Netty.AvailableMemorySegments",
            available.into(),
        ),
        ("Status.Flink.Memory.Managed.Used", 0),
        (
            "Status.Flink.Memory.Managed.Total",
            it.memory.state.saturating_mul(slots),
        ),
    ]
    .into_iter()
    .chain(NOT_OF_A_JVM.map(|name| (name, 0)))
    .map(reading)
    .collect()
}

/// What Flink's pages ask of every process, and only a JVM has.
const NOT_OF_A_JVM: [&str; 11] = [
    "Status.JVM.Memory.NonHeap.Used",
    "Status.JVM.Memory.NonHeap.Committed",
    "Status.JVM.Memory.NonHeap.Max",
    "Status.JVM.Memory.Metaspace.Used",
    "Status.JVM.Memory.Metaspace.Max",
    "Status.JVM.Memory.Direct.Count",
    "Status.JVM.Memory.Direct.MemoryUsed",
    "Status.JVM.Memory.Direct.TotalCapacity",
    "Status.JVM.Memory.Mapped.Count",
    "Status.JVM.Memory.Mapped.MemoryUsed",
    "Status.JVM.Memory.Mapped.TotalCapacity",
];

/// What is measured of this process and the cluster as a whole.
fn of_process(call: &Call) -> Vec<Reading> {
    let task_managers = call.api.cluster.task_managers();
    let slots = || task_managers.iter().flat_map(|it| &it.slots);
    let jobs = call.api.jobs(&call.caller.tenant);
    let running = jobs.iter().filter(|job| !job.status.is_terminal()).count();
    let resident = super::job_manager::resident_bytes();
    let reading = |(name, value): (&'static str, u64)| (Cow::Borrowed(name), Value::Count(value));
    [
        (metric::TASK_MANAGERS, task_managers.len() as u64),
        (metric::RUNNING_JOBS, running as u64),
        ("taskSlotsTotal", slots().count() as u64),
        (
            "taskSlotsAvailable",
            slots().filter(|slot| slot.is_none()).count() as u64,
        ),
        ("Status.JVM.Memory.Heap.Used", resident),
        ("Status.JVM.Memory.Heap.Committed", resident),
        ("Status.JVM.Memory.Heap.Max", resident),
    ]
    .into_iter()
    .chain(NOT_OF_A_JVM.map(|name| (name, 0)))
    .map(reading)
    .collect()
}

/// `GET /jobmanager/metrics`
pub(crate) fn job_manager(call: &Call) -> Result<MetricCollection, ApiError> {
    Ok(MetricCollection::of(call, of_process(call)))
}

/// `GET /taskmanagers/:taskmanagerid/metrics`; as in Flink nothing of an unknown one.
pub(crate) fn task_manager(call: &Call) -> Result<MetricCollection, ApiError> {
    let readings = find(call).map(|it| of_task_manager(&it));
    Ok(MetricCollection::of(call, readings.unwrap_or_default()))
}

/// `GET /taskmanagers/metrics`
pub(crate) fn task_managers(call: &Call) -> Result<AggregatedMetrics, ApiError> {
    let wanted = call.list_query("taskmanagers");
    let mut all = call.api.cluster.task_managers();
    if let Some(wanted) = wanted {
        all.retain(|it| wanted.contains(&it.id.as_str()));
    }
    let components: Vec<_> = all.iter().map(|it| of_task_manager(it)).collect();
    AggregatedMetrics::of(call, &components)
}

/// `GET /jobs/metrics`
pub(crate) fn jobs(call: &Call) -> Result<AggregatedMetrics, ApiError> {
    let wanted: Option<Vec<JobId>> = call
        .list_query("jobs")
        .map(|ids| ids.into_iter().map(str::parse).collect())
        .transpose()
        .map_err(ApiError::bad_parameter)?;
    let mut all = call.api.jobs(&call.caller.tenant);
    if let Some(wanted) = wanted {
        all.retain(|job| wanted.contains(&job.id()));
    }
    let now_ms = call.now_ms();
    let components: Vec<_> = all.iter().map(|job| of_job(job, now_ms)).collect();
    AggregatedMetrics::of(call, &components)
}

/// `GET /jobs/:jobid/metrics`
pub(crate) fn job(call: &Call) -> Result<MetricCollection, ApiError> {
    let readings = of_job(&*call.job()?, call.now_ms());
    Ok(MetricCollection::of(call, readings))
}

/// `GET /jobs/:jobid/vertices/:vertexid/metrics`: of all subtasks, with their number before the name.
pub(crate) fn vertex(call: &Call) -> Result<MetricCollection, ApiError> {
    let vertex = call.vertex()?;
    let attempts = vertex.view().subtasks.iter().map(|it| &it.current);
    let readings = attempts.flat_map(|attempt| {
        let readings = of_task_and_operators(&vertex, attempt, &call.api).into_iter();
        readings.map(|(name, value)| (format!("{}.{name}", attempt.id.subtask).into(), value))
    });
    Ok(MetricCollection::of(call, readings.collect()))
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/metrics`
pub(crate) fn one_subtask(call: &Call) -> Result<MetricCollection, ApiError> {
    let (vertex, index) = call.subtask()?;
    let attempt = &subtask(&vertex, index).current;
    let readings = of_task_and_operators(&vertex, attempt, &call.api);
    Ok(MetricCollection::of(call, readings))
}

/// `GET /jobs/:jobid/vertices/:vertexid/subtasks/metrics`
pub(crate) fn subtasks(call: &Call) -> Result<AggregatedMetrics, ApiError> {
    let ranges = call.list_query("subtasks");
    let ranges: Option<Vec<_>> = ranges
        .map(|ranges| ranges.into_iter().map(range).collect())
        .transpose()?;
    let vertex = call.vertex()?;
    let wanted = |subtask: u32| match &ranges {
        Some(ranges) => ranges.iter().any(|range| range.contains(&subtask)),
        None => true,
    };
    let attempts = vertex.view().subtasks.iter().map(|it| &it.current);
    let attempts = attempts.filter(|attempt| wanted(attempt.id.subtask));
    let components: Vec<_> = attempts
        .map(|it| of_task_and_operators(&vertex, it, &call.api))
        .collect();
    AggregatedMetrics::of(call, &components)
}

/// A number, or two with a dash between them.
fn range(text: &str) -> Result<RangeInclusive<u32>, ApiError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => Err(ApiError::bad_parameter(format!(
            "`subtasks` must be numbers and ranges as in `0,2-4`, and has `{text}`"
        ))),
    }
}

/// `GET /jobs/:jobid/vertices/:vertexid/watermarks`: of the subtasks that have had one.
pub(crate) fn watermarks(call: &Call) -> Result<MetricCollection, ApiError> {
    let vertex = call.vertex()?;
    let attempts = vertex.view().subtasks.iter().map(|it| &it.current);
    let readings = attempts.filter_map(|attempt| {
        let time = Value::Time(attempt.counters.watermark_in?);
        let id = format!("{}.{}", attempt.id.subtask, metric::WATERMARK_IN);
        Some((Cow::Owned(id), time))
    });
    Ok(MetricCollection::with_values(readings.collect()))
}
