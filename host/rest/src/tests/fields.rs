//! The fields that clients read, by hand from Flink's documentation and, where that is wrong, from what is
//! really sent. A path in a field's name goes through the first entry of lists.

use serde_json::Value;

use super::{Fixture, count_vertex, run};
use crate::fixture::{FAILED, RUNNING};

/// Paths (`J` a job that runs, `F` one that failed, `V` a vertex) and fields.
const FIELDS: &[(&str, &str)] = &[
    (
        "/overview",
        "taskmanagers slots-total slots-available jobs-running jobs-finished jobs-cancelled jobs-failed flink-version flink-commit",
    ),
    (
        "/config",
        "refresh-interval timezone-name timezone-offset flink-version flink-revision features.web-submit features.web-cancel features.web-rescale features.web-history",
    ),
    ("/jobs", "jobs.id jobs.status"),
    (
        "/jobs/overview",
        "jobs.jid jobs.name jobs.state jobs.start-time jobs.end-time jobs.duration jobs.last-modification jobs.jobType jobs.schedulerType jobs.pending-operators jobs.tasks.total jobs.tasks.created jobs.tasks.scheduled jobs.tasks.deploying jobs.tasks.running jobs.tasks.finished jobs.tasks.canceling jobs.tasks.canceled jobs.tasks.failed jobs.tasks.reconciling jobs.tasks.initializing",
    ),
    (
        "/jobs/J",
        "jid name isStoppable state job-type start-time end-time duration maxParallelism now timestamps.INITIALIZING timestamps.CREATED timestamps.RUNNING timestamps.FAILING timestamps.FAILED timestamps.CANCELLING timestamps.CANCELED timestamps.FINISHED timestamps.RESTARTING timestamps.SUSPENDED timestamps.RECONCILING status-counts.CREATED status-counts.SCHEDULED status-counts.DEPLOYING status-counts.RUNNING status-counts.FINISHED status-counts.CANCELING status-counts.CANCELED status-counts.FAILED status-counts.RECONCILING status-counts.INITIALIZING schedulerType pending-operators plan.jid plan.name plan.type plan.nodes",
    ),
    (
        "/jobs/J",
        "vertices.id vertices.slotSharingGroupId vertices.name vertices.maxParallelism vertices.parallelism vertices.status vertices.start-time vertices.end-time vertices.duration vertices.tasks.RUNNING vertices.metrics.read-bytes vertices.metrics.read-bytes-complete vertices.metrics.write-bytes vertices.metrics.write-bytes-complete vertices.metrics.read-records vertices.metrics.read-records-complete vertices.metrics.write-records vertices.metrics.write-records-complete vertices.metrics.accumulated-backpressured-time vertices.metrics.accumulated-idle-time vertices.metrics.accumulated-busy-time",
    ),
    (
        "/jobs/J/plan",
        "plan.jid plan.name plan.type plan.nodes.id plan.nodes.parallelism plan.nodes.operator plan.nodes.operator_strategy plan.nodes.description plan.nodes.inputs plan.nodes.optimizer_properties",
    ),
    ("/jobs/J/status", "status"),
    (
        "/jobs/J/config",
        "jid name execution-config.execution-mode execution-config.restart-strategy execution-config.job-parallelism execution-config.object-reuse-mode execution-config.user-config",
    ),
    (
        "/jobs/F/exceptions",
        "root-exception timestamp truncated all-exceptions.exception all-exceptions.task all-exceptions.location all-exceptions.timestamp exceptionHistory.truncated exceptionHistory.entries.exceptionName exceptionHistory.entries.stacktrace exceptionHistory.entries.timestamp exceptionHistory.entries.taskName exceptionHistory.entries.location exceptionHistory.entries.endpoint exceptionHistory.entries.taskManagerId exceptionHistory.entries.failureLabels exceptionHistory.entries.concurrentExceptions.exceptionName exceptionHistory.entries.concurrentExceptions.stacktrace",
    ),
    (
        "/jobs/J/checkpoints",
        "counts.restored counts.total counts.in_progress counts.completed counts.failed summary.checkpointed_size.min summary.checkpointed_size.max summary.checkpointed_size.avg summary.checkpointed_size.p50 summary.checkpointed_size.p90 summary.checkpointed_size.p95 summary.checkpointed_size.p99 summary.checkpointed_size.p999 summary.state_size.min summary.state_size.max summary.state_size.avg summary.state_size.p50 summary.state_size.p90 summary.state_size.p95 summary.state_size.p99 summary.state_size.p999 summary.end_to_end_duration.min summary.end_to_end_duration.max summary.end_to_end_duration.avg summary.end_to_end_duration.p50 summary.end_to_end_duration.p90 summary.end_to_end_duration.p95 summary.end_to_end_duration.p99 summary.end_to_end_duration.p999 summary.alignment_buffered.min summary.alignment_buffered.max summary.alignment_buffered.avg summary.alignment_buffered.p50 summary.alignment_buffered.p90 summary.alignment_buffered.p95 summary.alignment_buffered.p99 summary.alignment_buffered.p999 summary.processed_data.min summary.processed_data.max summary.processed_data.avg summary.processed_data.p50 summary.processed_data.p90 summary.processed_data.p95 summary.processed_data.p99 summary.processed_data.p999 summary.persisted_data.min summary.persisted_data.max summary.persisted_data.avg summary.persisted_data.p50 summary.persisted_data.p90 summary.persisted_data.p95 summary.persisted_data.p99 summary.persisted_data.p999 latest.completed.external_path latest.completed.discarded latest.savepoint.external_path latest.failed.failure_timestamp latest.failed.failure_message latest.restored history.className history.id history.status history.is_savepoint history.savepointFormat history.trigger_timestamp history.latest_ack_timestamp history.checkpointed_size history.state_size history.end_to_end_duration history.alignment_buffered history.processed_data history.persisted_data history.num_subtasks history.num_acknowledged_subtasks history.checkpoint_type history.tasks",
    ),
    (
        "/jobs/J/checkpoints/config",
        "mode interval timeout min_pause max_concurrent externalization.enabled externalization.delete_on_cancellation state_backend checkpoint_storage unaligned_checkpoints tolerable_failed_checkpoints aligned_checkpoint_timeout checkpoints_after_tasks_finish state_changelog_enabled changelog_periodic_materialization_interval changelog_storage",
    ),
    (
        "/jobs/J/checkpoints/details/1",
        "className id status is_savepoint savepointFormat trigger_timestamp latest_ack_timestamp checkpointed_size state_size end_to_end_duration alignment_buffered processed_data persisted_data num_subtasks num_acknowledged_subtasks checkpoint_type tasks external_path discarded",
    ),
    (
        "/jobs/J/checkpoints/details/1/subtasks/V",
        "id status latest_ack_timestamp checkpointed_size state_size end_to_end_duration alignment_buffered processed_data persisted_data num_subtasks num_acknowledged_subtasks summary.checkpointed_size.min summary.state_size.min summary.end_to_end_duration.min summary.checkpoint_duration.sync.min summary.checkpoint_duration.async.min summary.alignment.buffered.min summary.alignment.processed.min summary.alignment.persisted.min summary.alignment.duration.min summary.start_delay.min subtasks.className subtasks.index subtasks.status subtasks.ack_timestamp subtasks.end_to_end_duration subtasks.state_size subtasks.checkpointed_size subtasks.checkpoint.sync subtasks.checkpoint.async subtasks.alignment.buffered subtasks.alignment.processed subtasks.alignment.persisted subtasks.alignment.duration subtasks.start_delay subtasks.unaligned_checkpoint subtasks.aborted",
    ),
    ("/jobs/J/execution-result", "status.id"),
    (
        "/jobs/F/execution-result",
        "status.id job-execution-result.id job-execution-result.name job-execution-result.application-status job-execution-result.accumulator-results job-execution-result.net-runtime job-execution-result.start-time job-execution-result.end-time job-execution-result.failure-cause.class job-execution-result.failure-cause.stack-trace job-execution-result.failure-cause.serialized-throwable",
    ),
    (
        "/jobs/J/accumulators",
        "job-accumulators user-task-accumulators.name user-task-accumulators.type user-task-accumulators.value serialized-user-task-accumulators",
    ),
    ("/jobs/J/metrics", "id"),
    ("/jobs/J/metrics?get=numRestarts", "id value"),
    ("/jobs/metrics?get=numRestarts", "id min max avg sum skew"),
    (
        "/jobs/J/vertices/V",
        "id name parallelism maxParallelism now subtasks.subtask subtasks.status subtasks.attempt subtasks.host subtasks.endpoint subtasks.start-time subtasks.start_time subtasks.end-time subtasks.duration subtasks.metrics.read-bytes subtasks.taskmanager-id subtasks.status-duration.RUNNING subtasks.other-concurrent-attempts aggregated.metrics.read-bytes.min aggregated.metrics.read-bytes.max aggregated.metrics.read-bytes.avg aggregated.metrics.read-bytes.sum aggregated.status-duration.RUNNING.min",
    ),
    (
        "/jobs/J/vertices/V/accumulators",
        "id user-accumulators.name user-accumulators.type user-accumulators.value",
    ),
    (
        "/jobs/J/vertices/V/backpressure",
        "status backpressureLevel backpressure-level end-timestamp subtasks.subtask subtasks.attempt-number subtasks.backpressureLevel subtasks.backpressure-level subtasks.ratio subtasks.idleRatio subtasks.busyRatio subtasks.other-concurrent-attempts",
    ),
    ("/jobs/J/vertices/V/metrics", "id"),
    ("/jobs/J/vertices/V/metrics?get=0.numRecordsIn", "id value"),
    (
        "/jobs/J/vertices/V/subtasks/accumulators",
        "id parallelism subtasks.subtask subtasks.attempt subtasks.endpoint subtasks.user-accumulators.name",
    ),
    ("/jobs/J/vertices/V/subtasks/metrics", "id"),
    (
        "/jobs/J/vertices/V/subtasks/metrics?get=numRecordsIn,busyTimeMsPerSecond,backPressuredTimeMsPerSecond,numRecordsInPerSecond",
        "id min max avg sum skew",
    ),
    (
        "/jobs/J/vertices/V/subtasks/1",
        "subtask status attempt endpoint start-time end-time duration metrics.write-records taskmanager-id status-duration other-concurrent-attempts",
    ),
    (
        "/jobs/J/vertices/V/subtasks/1/attempts/0",
        "subtask status attempt endpoint start-time end-time duration metrics.write-records taskmanager-id status-duration other-concurrent-attempts",
    ),
    (
        "/jobs/J/vertices/V/subtasks/1/metrics?get=numBytesOut",
        "id value",
    ),
    (
        "/jobs/J/vertices/V/subtasktimes",
        "id name now subtasks.subtask subtasks.host subtasks.endpoint subtasks.duration subtasks.timestamps.CREATED subtasks.timestamps.RUNNING",
    ),
    (
        "/jobs/J/vertices/V/taskmanagers",
        "id name now taskmanagers.host taskmanagers.endpoint taskmanagers.status taskmanagers.start-time taskmanagers.end-time taskmanagers.duration taskmanagers.metrics.read-bytes taskmanagers.status-counts.RUNNING taskmanagers.taskmanager-id taskmanagers.aggregated.metrics",
    ),
    (
        "/taskmanagers",
        "taskmanagers.id taskmanagers.path taskmanagers.dataPort taskmanagers.jmxPort taskmanagers.timeSinceLastHeartbeat taskmanagers.slotsNumber taskmanagers.freeSlots taskmanagers.assignedTasks taskmanagers.blocked taskmanagers.totalResource.cpuCores taskmanagers.totalResource.taskHeapMemory taskmanagers.totalResource.taskOffHeapMemory taskmanagers.totalResource.managedMemory taskmanagers.totalResource.networkMemory taskmanagers.totalResource.extendedResources taskmanagers.freeResource.cpuCores taskmanagers.hardware.cpuCores taskmanagers.hardware.physicalMemory taskmanagers.hardware.freeMemory taskmanagers.hardware.managedMemory taskmanagers.memoryConfiguration.frameworkHeap taskmanagers.memoryConfiguration.taskHeap taskmanagers.memoryConfiguration.frameworkOffHeap taskmanagers.memoryConfiguration.taskOffHeap taskmanagers.memoryConfiguration.networkMemory taskmanagers.memoryConfiguration.managedMemory taskmanagers.memoryConfiguration.jvmMetaspace taskmanagers.memoryConfiguration.jvmOverhead taskmanagers.memoryConfiguration.totalFlinkMemory taskmanagers.memoryConfiguration.totalProcessMemory",
    ),
    (
        "/taskmanagers/tm-a",
        "id path slotsNumber freeSlots allocatedSlots.jobId allocatedSlots.resource.cpuCores allocatedSlots.assignedTasks metrics.heapUsed metrics.heapCommitted metrics.heapMax metrics.nonHeapUsed metrics.nonHeapCommitted metrics.nonHeapMax metrics.directCount metrics.directUsed metrics.directMax metrics.mappedCount metrics.mappedUsed metrics.mappedMax metrics.nettyShuffleMemorySegmentsAvailable metrics.nettyShuffleMemorySegmentsUsed metrics.nettyShuffleMemorySegmentsTotal metrics.nettyShuffleMemoryAvailable metrics.nettyShuffleMemoryUsed metrics.nettyShuffleMemoryTotal metrics.memorySegmentsAvailable metrics.memorySegmentsTotal metrics.garbageCollectors",
    ),
    (
        "/taskmanagers/tm-a/metrics?get=Status.JVM.Memory.Heap.Used",
        "id value",
    ),
    (
        "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used",
        "id min max avg sum skew",
    ),
    ("/jobmanager/config", "key value"),
    (
        "/jobmanager/environment",
        "jvm.version jvm.arch jvm.options classpath",
    ),
    ("/jobmanager/metrics?get=taskSlotsTotal", "id value"),
    (
        "/jars",
        "address files.id files.name files.uploaded files.entry.name files.entry.description",
    ),
];

#[test]
fn every_answer_has_the_fields_that_clients_read() {
    run(async {
        let fixture = Fixture::open();
        let (job, failed, vertex) = (RUNNING.to_string(), FAILED.to_string(), count_vertex());
        for (path, fields) in FIELDS {
            let path = path
                .replacen("/jobs/J", &format!("/jobs/{job}"), 1)
                .replacen("/jobs/F", &format!("/jobs/{failed}"), 1)
                .replacen("/vertices/V", &format!("/vertices/{vertex}"), 1)
                .replacen("/subtasks/V", &format!("/subtasks/{vertex}"), 1);
            let (status, body) = fixture.get(&path).await;
            assert_eq!(status, 200, "{path}: {body}");
            for field in fields.split(' ') {
                assert!(has(&body, field), "{path} lacks {field}: {body:#}");
            }
        }
    });
}

fn has(value: &Value, field: &str) -> bool {
    let value = match value {
        Value::Array(entries) => match entries.first() {
            Some(first) => first,
            None => return false,
        },
        other => other,
    };
    // Names of fields have no dots, names of metrics are values.
    match field.split_once('.') {
        Some((name, rest)) => value.get(name).is_some_and(|value| has(value, rest)),
        None => value.get(field).is_some(),
    }
}
