//! A cluster in this process: a JobManager and one TaskManager, which call each other in memory.
//!
//! `run --local` and `bench` run their jobs here, so that what runs on one machine goes the same way as on a
//! cluster. Invariants: the job fits, whatever its size, since there are as many slots as it needs; one side
//! cannot lose the other, since they end together, also after the process was stopped for a while; when
//! [`run`] returns nothing of the job is left but its output.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Builder;
use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_connectors::Access;
use wasmill_graph::JobGraph;
use wasmill_jobmanager::view::JobView;
use wasmill_jobmanager::{JobManagerError, Parts, RunRequest, Standalone, Strategy, slots_needed};
use wasmill_network::identity::Node;
use wasmill_rpc::protocol::{JobDescription, SlotMemory};
use wasmill_rpc::{Gateway, NoBlobs, Services, heartbeat};
use wasmill_taskmanager::channels::NoChannels;
use wasmill_taskmanager::executor::{self, Environment};
use wasmill_taskmanager::gateway::{Connect, Going, JobManager};
use wasmill_taskmanager::programs::ProgramError;
use wasmill_taskmanager::{Program, Programs};
use wasmill_types::id::{Digest, TaskManagerId};

use crate::failure::{Failure, story};

/// The name of the TaskManager.
const TASK_MANAGER: &str = "local";

/// How old the counters of a running job may be.
const COUNTERS: Duration = Duration::from_millis(200);

/// How long one step of the job may take: no other machine is waited for, and the user can end it any time.
const STEP: Duration = Duration::from_secs(3_600);

/// What a slot has: as much as anything can ask for. The bounds are those of single instances, which the
/// job's settings have.
const SLOT: SlotMemory = SlotMemory {
    guest: 1 << 50,
    cache: 1 << 50,
    network: 1 << 50,
    // The default of the backend.
    state: 0,
};

/// A job to run here.
pub(crate) struct Embedded {
    /// The job; its settings say what an instance of its bundle may use.
    pub(crate) description: JobDescription,
    /// Its graph.
    pub(crate) graph: JobGraph,
    /// Its code.
    pub(crate) program: Arc<dyn Program>,
    /// What its connectors may touch.
    pub(crate) access: Access,
    /// How its tasks work.
    pub(crate) task: wasmill_task::Options,
    /// Where state lies that is kept in files; in the directory of temporary files if not said.
    pub(crate) state_directory: Option<PathBuf>,
    /// The clock.
    pub(crate) clock: Clock,
}

/// The pictures of a running job, as they come.
pub(crate) type Views = tokio::sync::watch::Receiver<Arc<JobView>>;

/// How a job went.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The last picture of it.
    pub(crate) view: Arc<JobView>,
    /// From its submission to its end.
    pub(crate) elapsed: Duration,
}

/// Runs the job to its end, or until `cancel` is cancelled and it has stopped. `started` gets the pictures
/// as soon as there are any.
///
/// # Errors
/// When the job cannot be started, or the machine gives no runtime.
pub(crate) fn run(
    job: Embedded,
    cancel: &CancelToken,
    started: impl FnOnce(Views),
) -> Result<Ended, Failure> {
    // Control is all that runs on it: the tasks have threads of their own.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("start the runtime: {error}")))?;
    let ended = runtime.block_on(job.run(cancel, started));
    // What still runs has had its time.
    runtime.shutdown_background();
    ended
}

impl Embedded {
    async fn run(
        self,
        cancel: &CancelToken,
        started: impl FnOnce(Views),
    ) -> Result<Ended, Failure> {
        let broken = |error: JobManagerError| Failure::failed(story(&error));
        let (rng, clock) = (Rng::from_entropy(), self.clock.clone());
        let parts = Parts {
            options: job_manager_options(),
            uploads: None,
            provider: Box::new(Standalone),
            clock: clock.clone(),
            rng: rng.fork(0),
        };
        let (job_manager, mut actors) = wasmill_jobmanager::Handle::start(parts).map_err(broken)?;
        let executor = self.task_manager(&job_manager, rng.fork(1))?;
        let tenant = self.description.tenant.clone();
        let request = RunRequest {
            description: self.description,
            restart: Some(Strategy::None),
        };
        let submitted = clock.monotonic();
        let job = job_manager.run(request).await.map_err(broken)?;
        let views = job_manager.watch(job);
        let views = views.ok_or_else(|| Failure::failed("the job was forgotten as it started"))?;
        started(views);
        let ended = async {
            let last = job_manager.wait(job).await;
            last.ok_or_else(|| Failure::failed("the job was forgotten while it ran"))
        };
        tokio::pin!(ended);
        let last = tokio::select! {
            biased;
            last = &mut ended => last,
            () = cancel.cancelled() => {
                // One that is just ending has no need of it.
                if let Err(error) = job_manager.cancel(&tenant, job).await {
                    tracing::debug!(%error, "not cancelled");
                }
                ended.await
            }
            broken = actors.join() => {
                let why = broken.err().map_or_else(String::new, |panicked| format!(": {panicked}"));
                Err(Failure::failed(format!("the JobManager ended{why}")))
            }
        };
        let elapsed = clock.monotonic().saturating_sub(submitted);
        executor.shut_down().await;
        job_manager.shutdown().await;
        Ok(Ended {
            view: last?,
            elapsed,
        })
    }

    fn task_manager(
        &self,
        job_manager: &wasmill_jobmanager::Handle,
        rng: Rng,
    ) -> Result<executor::Handle, Failure> {
        let id: TaskManagerId = TASK_MANAGER.parse().map_err(|error| {
            Failure::failed(format!(
                "name the TaskManager: {error}; please report this bug"
            ))
        })?;
        let connect = Arc::new(InProcess {
            id: id.clone(),
            job_manager: job_manager.clone(),
            executor: OnceLock::new(),
            clock: self.clock.clone(),
        });
        let defaults = wasmill_taskmanager::Options::named(id);
        let state_directory = self.state_directory.clone();
        let options = wasmill_taskmanager::Options {
            slots: slots_needed(&self.graph),
            memory: SLOT,
            task: self.task.clone(),
            call_timeout: STEP,
            state_directory: state_directory.unwrap_or_else(|| defaults.state_directory.clone()),
            ..defaults
        };
        let environment = Environment {
            connect: Arc::clone(&connect) as _,
            channels: Arc::new(NoChannels),
            programs: Arc::new(One(Arc::clone(&self.program))),
            access: self.access.clone(),
            clock: self.clock.clone(),
            rng,
        };
        let (handle, _lives_as_long_as_the_job) = executor::start(options, environment);
        // Nobody connects before: the runtime has one thread, which is here.
        let _set_once = connect.executor.set(handle.clone());
        Ok(handle)
    }
}

/// As patient as can be: nothing here waits for another machine.
fn job_manager_options() -> wasmill_jobmanager::Options {
    wasmill_jobmanager::Options {
        heartbeat: heartbeat::Options::of_one_process(COUNTERS),
        prepare_timeout: STEP,
        deploy_timeout: STEP,
        commit_timeout: STEP,
        // What cannot be made visible now cannot be a second later, and somebody waits for the answer.
        commit_tries: 1,
        ..wasmill_jobmanager::Options::default()
    }
}

/// Connects the two sides.
struct InProcess {
    id: TaskManagerId,
    job_manager: wasmill_jobmanager::Handle,
    executor: OnceLock<executor::Handle>,
    clock: Clock,
}

impl Connect for InProcess {
    fn connect(&self) -> Going<Result<JobManager, String>> {
        let node = Node::TaskManager(self.id.clone());
        let (clock, job_manager) = (self.clock.clone(), self.job_manager.clone());
        let executor = self.executor.get().cloned();
        Box::pin(async move {
            let executor = executor.ok_or("the TaskManager is just starting")?;
            let services = Services {
                handler: Arc::new(executor),
                blobs: Arc::new(NoBlobs),
            };
            let ours = Gateway::local(node.clone(), Node::JobManager, services, clock.clone());
            let theirs = job_manager.services(ours);
            Ok(Gateway::local(Node::JobManager, node, theirs, clock))
        })
    }
}

/// There is one program, and it is here.
struct One(Arc<dyn Program>);

impl Programs for One {
    fn get(&self, _: Digest, _: JobManager) -> Going<Result<Arc<dyn Program>, ProgramError>> {
        let program = Arc::clone(&self.0);
        Box::pin(async move { Ok(program) })
    }
}
