//! A cluster in memory, for the tests of this crate: pictures of a job that runs, one that failed and one
//! of another tenant, two TaskManagers, and what was asked of it.

mod checkpoints;
mod program;
mod state;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::coordinator::{Answer, Wanted};
use wasmill_checkpoint::failure::Failure;
use wasmill_graph::JobGraph;
use wasmill_jobmanager::lookup::{StateAnswer, StateQuestion};
use wasmill_jobmanager::view::{
    AttemptView, BundleView, ExceptionView, JobView, Location, SubtaskView, TaskManagerView,
    VertexView,
};
use wasmill_jobmanager::{JobManagerError, Rescaled, Strategy};
use wasmill_rpc::protocol::{
    Hardware, JobDescription, JobSettings, LogLine, SlotMemory, TaskCounters,
};
use wasmill_types::id::{AttemptId, Digest, JobId, SlotId, TaskManagerId, TenantId, VertexId};
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::{ExecutionState, FailureCause, FailureKind, JobStatus};

use self::program::{graph, spec};
use crate::cluster::{Cluster, Pending, Submission, Upload};

/// Now, in the tests.
pub(crate) const NOW_MS: i64 = 1_700_000_060_000;

/// When the jobs were submitted.
const START_MS: i64 = 1_700_000_000_000;

/// A job that runs, of the tenant `default`.
pub(crate) const RUNNING: JobId = JobId(0xaaaa_0000_0000_0000_0000_0000_0000_0001);
/// A job that has failed, of the tenant `default`.
pub(crate) const FAILED: JobId = JobId(0xbbbb_0000_0000_0000_0000_0000_0000_0002);
/// A job that has finished, of the tenant `default`.
pub(crate) const FINISHED: JobId = JobId(0xdddd_0000_0000_0000_0000_0000_0000_0004);
/// A job that runs, of the tenant `other`.
pub(crate) const FOREIGN: JobId = JobId(0xcccc_0000_0000_0000_0000_0000_0000_0003);

/// A bundle of the tenant `default`.
pub(crate) const BUNDLE: &str = "0b5e1ff2-0000-4000-8000-000000000001_word-count.wasm";
/// A bundle of the tenant `other`.
pub(crate) const FOREIGN_BUNDLE: &str = "0b5e1ff2-0000-4000-8000-000000000002_secret.wasm";

/// The tenant that is not `default`.
pub(crate) fn other_tenant() -> TenantId {
    "other".parse().unwrap()
}

/// The cluster.
pub(crate) struct Pictures {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: Vec<Arc<JobView>>,
    task_managers: Vec<Arc<TaskManagerView>>,
    bundles: Vec<BundleView>,
    asked: Vec<String>,
    submissions: Vec<Submission>,
    refusal: Option<JobManagerError>,
    failure: Option<Failure>,
}

impl Pictures {
    pub(crate) fn new() -> Arc<Self> {
        let tenant = TenantId::default;
        let jobs = [
            running(RUNNING, tenant()),
            failed(),
            finished(),
            running(FOREIGN, other_tenant()),
        ];
        let bundle = |id: &str, tenant| BundleView {
            id: id.to_owned(),
            tenant,
            name: id.split_once('_').unwrap().1.to_owned(),
            uploaded_ms: START_MS - 1000,
            digest: Digest([0xab; 32]),
            bytes: 51_200,
        };
        let bundles = vec![
            bundle(BUNDLE, tenant()),
            bundle(FOREIGN_BUNDLE, other_tenant()),
        ];
        let state = State {
            jobs: jobs.map(Arc::new).into(),
            task_managers: vec![task_manager("tm-a", 0), task_manager("tm-b", 1)],
            bundles,
            ..State::default()
        };
        let state = Mutex::new(state);
        Arc::new(Self { state })
    }

    /// What the next call of the cluster is refused with.
    pub(crate) fn refuse(&self, error: JobManagerError) {
        self.state.lock().unwrap().refusal = Some(error);
    }

    /// What the next checkpoint or savepoint fails with.
    pub(crate) fn fail(&self, failure: Failure) {
        self.state.lock().unwrap().failure = Some(failure);
    }

    /// What was asked of the cluster since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The last job that was submitted or planned.
    pub(crate) fn submission(&self) -> Option<Submission> {
        self.state.lock().unwrap().submissions.pop()
    }

    /// Replaces the jobs by copies of the running one.
    pub(crate) fn fill(&self, count: u32) {
        let job = |number| Arc::new(running(JobId(u128::from(number)), TenantId::default()));
        self.state.lock().unwrap().jobs = (0..count).map(job).collect();
    }

    /// The file names of all bundles.
    pub(crate) fn bundle_names(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.bundles.iter().map(|it| it.name.clone()).collect()
    }

    fn answer<T: Send + 'static>(&self, asked: String, answer: T) -> Pending<'_, T> {
        let refusal = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(asked);
            state.refusal.take()
        };
        Box::pin(std::future::ready(refusal.map_or(Ok(answer), Err)))
    }
}

impl Cluster for Pictures {
    fn jobs(&self) -> Vec<Arc<JobView>> {
        self.state.lock().unwrap().jobs.clone()
    }

    fn job(&self, job: JobId) -> Option<Arc<JobView>> {
        self.jobs().into_iter().find(|it| it.id() == job)
    }

    fn task_managers(&self) -> Vec<Arc<TaskManagerView>> {
        self.state.lock().unwrap().task_managers.clone()
    }

    fn submit(&self, submission: Submission) -> Pending<'_, JobId> {
        let job = submission.job.unwrap_or(RUNNING);
        let asked = format!("submit {}", submission.bundle);
        self.state.lock().unwrap().submissions.push(submission);
        self.answer(asked, job)
    }

    fn plan(&self, submission: Submission) -> Pending<'_, Arc<JobGraph>> {
        let asked = format!("plan {}", submission.bundle);
        self.state.lock().unwrap().submissions.push(submission);
        self.answer(asked, Arc::new(graph()))
    }

    fn cancel<'a>(&'a self, tenant: &'a TenantId, job: JobId) -> Pending<'a, ()> {
        self.answer(format!("cancel {job} of {tenant}"), ())
    }

    fn snapshot<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        wanted: Wanted,
    ) -> Pending<'a, Result<Answer, Failure>> {
        let failure = self.state.lock().unwrap().failure.take();
        let answer = Answer {
            checkpoint: CheckpointId(7),
            location: "file:///savepoints/savepoint-7".to_owned(),
        };
        let taken = failure.map_or(Ok(answer), Err);
        self.answer(format!("{wanted:?} of {job} of {tenant}"), taken)
    }

    fn dispose<'a>(&'a self, tenant: &'a TenantId, path: &'a str) -> Pending<'a, ()> {
        self.answer(format!("dispose {path} of {tenant}"), ())
    }

    fn rescale<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        parallelism: NonZeroU32,
    ) -> Pending<'a, Rescaled> {
        let rescaled = Rescaled {
            savepoint: "/s".to_owned(),
            downtime: Duration::from_millis(350),
        };
        self.answer(
            format!("rescale {job} of {tenant} to {parallelism}"),
            rescaled,
        )
    }

    fn job_log(&self, job: JobId, lines: u32) -> Pending<'_, Vec<LogLine>> {
        let line = |number: i64| LogLine {
            at_ms: START_MS + number,
            task: "count (1/2)".to_owned(),
            level: "INFO".to_owned(),
            message: format!("line {number}"),
        };
        let found = (0..5).map(line).collect();
        self.answer(format!("log {job} {lines}"), found)
    }

    fn look_up_state<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        question: &'a StateQuestion,
    ) -> Pending<'a, StateAnswer> {
        let asked = format!("look up {question:?} of {job} of {tenant}");
        self.answer(asked, state::answer(question))
    }

    fn bundles<'a>(&'a self, tenant: &'a TenantId) -> Pending<'a, Vec<BundleView>> {
        let mut bundles = self.state.lock().unwrap().bundles.clone();
        bundles.retain(|bundle| bundle.tenant == *tenant);
        Box::pin(std::future::ready(Ok(bundles)))
    }

    fn upload(&self, mut upload: Upload) -> Pending<'_, BundleView> {
        let refusal = self.state.lock().unwrap().refusal.take();
        Box::pin(async move {
            if let Some(refusal) = refusal {
                return Err(refusal);
            }
            let mut bytes = Vec::new();
            upload
                .bytes
                .read_to_end(&mut bytes)
                .await
                .map_err(|error| JobManagerError::Internal(error.to_string()))?;
            let view = BundleView {
                id: format!("uuid_{}", upload.file_name),
                tenant: upload.tenant,
                name: upload.file_name,
                uploaded_ms: NOW_MS,
                digest: Digest([1; 32]),
                bytes: bytes.len() as u64,
            };
            self.state.lock().unwrap().bundles.push(view.clone());
            Ok(view)
        })
    }

    fn delete_bundle<'a>(&'a self, tenant: &'a TenantId, bundle: &'a str) -> Pending<'a, ()> {
        self.answer(format!("delete {bundle} of {tenant}"), ())
    }

    fn join_token(&self, valid_for: Duration) -> Pending<'_, String> {
        self.answer(format!("join {valid_for:?}"), "join-me".to_owned())
    }

    fn shutdown(&self) -> Pending<'_, ()> {
        self.answer("shutdown".to_owned(), ())
    }
}

/// A job whose subtasks are in these states, vertex after vertex.
fn job(
    id: JobId,
    tenant: TenantId,
    status: JobStatus,
    states: [[ExecutionState; 2]; 2],
) -> JobView {
    let graph = Arc::new(graph());
    let vertex = |planned: &wasmill_graph::Vertex| {
        let subtasks = 0..planned.parallelism;
        let vertex = planned.id;
        let state = |subtask: u32| states[vertex.0 as usize][subtask as usize];
        VertexView {
            uid: planned.uid,
            subtasks: subtasks
                .map(|subtask| SubtaskView {
                    current: attempt(id, vertex, subtask, 0, state(subtask)),
                    previous: Vec::new(),
                })
                .collect(),
        }
    };
    let vertices = graph.vertices.iter().map(vertex).collect();
    let mut reached = BTreeMap::from([
        (JobStatus::Initializing, START_MS),
        (JobStatus::Created, START_MS + 10),
        (JobStatus::Running, START_MS + 20),
    ]);
    reached.entry(status).or_insert(START_MS + 30_000);
    JobView {
        checkpoints: Arc::default(),
        description: Arc::new(JobDescription {
            job: id,
            tenant,
            spec: spec(),
            bundle: Some(Digest([0xab; 32])),
            args: vec!["--input".to_owned(), "texts".to_owned()],
            settings: JobSettings {
                parallelism: 2,
                on_bad_record: BadRecordPolicy::Skip,
                cache_bytes: None,
                memory_bytes: Some(1 << 26),
                call_timeout_ms: None,
                seed: 7,
                checkpoints: wasmill_checkpoint::Options::default(),
                backend: None,
                restore: None,
            },
        }),
        graph,
        status,
        reached,
        vertices,
        exceptions: Vec::new(),
        restart_strategy: Strategy::FIXED_DELAY,
        restarts: 0,
        waiting_for: None,
    }
}

fn attempt(
    job: JobId,
    vertex: VertexId,
    subtask: u32,
    attempt: u32,
    state: ExecutionState,
) -> AttemptView {
    use ExecutionState::{Created, Deploying, Initializing, Running, Scheduled};

    let path = [Created, Scheduled, Deploying, Initializing, Running];
    let steps = (0_i64..).map(|step| START_MS + 100 * (step + 1));
    let mut reached: BTreeMap<_, _> = path.into_iter().zip(steps).collect();
    reached.entry(state).or_insert(START_MS + 20_000);
    let unit = u64::from(vertex.0) * 2 + u64::from(subtask) + 1;
    AttemptView {
        id: AttemptId {
            job,
            vertex,
            subtask,
            attempt,
        },
        state,
        reached,
        location: Some(Location {
            task_manager: task_manager_id(["tm-a", "tm-b"][subtask as usize]),
            endpoint: format!("host-{subtask}:6121"),
            slot: SlotId(0),
        }),
        counters: TaskCounters {
            records_in: 100 * unit,
            bytes_in: 1000 * unit,
            records_out: 50 * unit,
            bytes_out: 500 * unit,
            busy_ms: 1000,
            backpressured_ms: 600 * u64::from(subtask),
            idle_ms: 1000 - 600 * u64::from(subtask),
            watermark_in: (subtask == 1).then_some(START_MS),
            custom: vec![("words".to_owned(), 10 * unit)],
            ..TaskCounters::default()
        },
        failure: None,
    }
}

fn running(id: JobId, tenant: TenantId) -> JobView {
    let mut job = job(
        id,
        tenant,
        JobStatus::Running,
        [[ExecutionState::Running; 2]; 2],
    );
    let subtask = &mut job.vertices[1].subtasks[1];
    let mut previous = attempt(id, VertexId(1), 1, 0, ExecutionState::Failed);
    previous.failure = Some(lost());
    subtask.current.id.attempt = 1;
    subtask.previous = vec![previous];
    job.restarts = 1;
    job.checkpoints = checkpoints::taken(id, &job.graph, START_MS);
    job.exceptions = vec![exception(lost(), Some("count -> Sink: out (2/2)"))];
    job
}

fn failed() -> JobView {
    use ExecutionState::{Canceled, Failed};

    let states = [[Canceled; 2], [Failed, Canceled]];
    let mut job = job(FAILED, TenantId::default(), JobStatus::Failed, states);
    let cause = FailureCause::new(FailureKind::Guest, "the job's code failed: no such word");
    job.vertices[1].subtasks[0].current.failure = Some(cause.clone());
    let mut root = exception(cause, Some("count -> Sink: out (1/2)"));
    root.concurrent = vec![exception(lost(), None)];
    job.exceptions = vec![
        root,
        exception(lost(), Some("Source: lines -> split (1/1)")),
    ];
    job
}

fn finished() -> JobView {
    let states = [[ExecutionState::Finished; 2]; 2];
    job(FINISHED, TenantId::default(), JobStatus::Finished, states)
}

fn lost() -> FailureCause {
    FailureCause::new(FailureKind::Lost, "the TaskManager `tm-b` is gone")
}

fn exception(cause: FailureCause, task: Option<&str>) -> ExceptionView {
    ExceptionView {
        at_ms: START_MS + 15_000,
        cause,
        task: task.map(str::to_owned),
        location: task.map(|_| Location {
            task_manager: task_manager_id("tm-b"),
            endpoint: "host-1:6121".to_owned(),
            slot: SlotId(0),
        }),
        concurrent: Vec::new(),
    }
}

fn task_manager_id(name: &str) -> TaskManagerId {
    name.parse().unwrap()
}

fn task_manager(name: &str, number: u32) -> Arc<TaskManagerView> {
    Arc::new(TaskManagerView {
        id: task_manager_id(name),
        host: format!("host-{number}"),
        data: Some(([127, 0, 0, 1], 6121).into()),
        version: "0.1.0".to_owned(),
        pid: 100 + number,
        hardware: Hardware {
            cpu_cores: 4,
            physical_memory: 8 << 30,
        },
        memory: SlotMemory {
            guest: 256 << 20,
            cache: 64 << 20,
            network: 32 << 20,
            state: 128 << 20,
        },
        slots: vec![Some(RUNNING), Some(FOREIGN), None],
        tasks: 4,
        last_heartbeat_ms: NOW_MS - 500,
        resident_bytes: 60 << 20,
        network_buffers: (16, 64),
    })
}
