//! A JobManager on a clock that is moved by hand, and TaskManagers that only take notes.

use tokio::sync::mpsc;
use wasmill_network::identity::Node;
use wasmill_rpc::protocol::{
    Acknowledged, Deploy, Hardware, JobLog, Prepare, Prepared, Register, SlotMemory, SourceSplits,
    SplitData, TaskChanged, TaskCounters, ToJobManager, ToTaskManager,
};
use wasmill_rpc::{
    Answer, Caller, Gateway, Handler, Handling, NoBlobs, Refusal, Request, Services,
};
use wasmill_types::id::{AttemptId, RegistrationId, TaskManagerId, VertexId};
use wasmill_types::{ExecutionState, FailureCause, FailureKind};

use super::super::*;
use crate::fixture;
use crate::programs::{DescribeFailure, Describing, Validating};
use crate::resources::Standalone;
use crate::restart::Strategy;

/// How long anything may take in truth.
const SOON: Duration = Duration::from_secs(20);
/// The deadline of calls, on the clock that is moved by hand.
pub(super) const CALL: Duration = Duration::from_secs(1_000);

/// Describes every bundle as the graph that is its text.
struct Texts;

impl Programs for Texts {
    fn validate(&self, bundle: PathBuf) -> Validating {
        Box::pin(async move {
            let text = std::fs::read_to_string(bundle).unwrap();
            match text.as_str() {
                "broken" => Err(DescribeFailure::Bundle("it is broken".to_owned())),
                _ => Ok(()),
            }
        })
    }

    fn describe(&self, bundle: PathBuf, _: Vec<String>) -> Describing {
        Box::pin(async move { Ok(fixture::spec(&std::fs::read_to_string(bundle).unwrap())) })
    }
}

pub(super) struct Rig {
    pub(super) handle: Handle,
    pub(super) clock: Clock,
    pub(super) dir: tempfile::TempDir,
    _actors: Actors,
}

/// A TaskManager that takes notes.
pub(super) struct Fake {
    pub(super) registration: RegistrationId,
    pub(super) job_manager: Gateway<ToJobManager>,
    /// What reaches it.
    pub(super) itself: Gateway<ToTaskManager>,
    messages: mpsc::Receiver<ToTaskManager>,
}

struct Notes(mpsc::Sender<ToTaskManager>);

impl Handler<ToTaskManager> for Notes {
    fn handle(&self, message: ToTaskManager, _: Caller) -> Handling {
        let notes = self.0.clone();
        Box::pin(async move {
            let answer = answer(&message);
            notes.send(message).await.unwrap();
            answer
        })
    }
}

fn answer(message: &ToTaskManager) -> Result<Answer, Refusal> {
    Ok(match message {
        ToTaskManager::Prepare(_) => Prepare::answer(Prepared {
            sources: vec![SourceSplits {
                vertex: VertexId(0),
                splits: vec![SplitData {
                    name: "split".to_owned(),
                    state: Vec::new(),
                }],
            }],
        }),
        ToTaskManager::JobLog(_) => JobLog::answer(Vec::new()),
        _ => Deploy::answer(()),
    })
}

impl Rig {
    pub(super) fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_000);
        let parts = Parts {
            options,
            uploads: Some(Uploads {
                data_dir: dir.path().to_owned(),
                programs: Arc::new(Texts),
            }),
            provider: Box::new(Standalone),
            clock: clock.clone(),
            rng: Rng::seeded(1),
        };
        let (handle, actors) = Handle::start(parts).unwrap();
        Self {
            handle,
            clock,
            _actors: actors,
            dir,
        }
    }

    pub(super) async fn task_manager(&self, name: &str, slots: u32) -> Fake {
        let id: TaskManagerId = name.parse().unwrap();
        let (notes, messages) = mpsc::channel(100);
        let services = Services {
            handler: Arc::new(Notes(notes)) as Arc<dyn Handler<ToTaskManager>>,
            blobs: Arc::new(NoBlobs),
        };
        let node = Node::TaskManager(id);
        let itself = Gateway::local(node.clone(), Node::JobManager, services, self.clock.clone());
        let services = self.handle.services(itself.clone());
        let job_manager = Gateway::local(Node::JobManager, node, services, self.clock.clone());
        let registered = job_manager.call(register(name, slots), CALL).await.unwrap();
        Fake {
            registration: registered.registration,
            job_manager,
            itself,
            messages,
        }
    }

    pub(super) async fn run(&self, graph: &str, job: u128, strategy: Strategy) -> JobId {
        let request = RunRequest {
            description: (*fixture::description(graph, job)).clone(),
            restart: Some(strategy),
        };
        self.handle.run(request).await.unwrap()
    }

    /// Waits until a job's picture shows something.
    pub(super) async fn until(&self, job: JobId, shows: impl Fn(&JobView) -> bool) -> Arc<JobView> {
        let mut views = self.handle.watch(job).unwrap();
        let seen = async {
            loop {
                if let Some(view) =
                    Some(Arc::clone(&views.borrow_and_update())).filter(|it| shows(it))
                {
                    return view;
                }
                // Pictures come at most so often.
                tokio::select! {
                    changed = views.changed() => changed.unwrap(),
                    () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(1)),
                }
            }
        };
        seen.await
    }

    pub(super) async fn until_status(&self, job: JobId, status: JobStatus) -> Arc<JobView> {
        self.until(job, |view| view.status == status).await
    }
}

/// What a TaskManager says when it registers.
pub(super) fn register(name: &str, slots: u32) -> Register {
    Register {
        id: name.parse().unwrap(),
        host: name.to_owned(),
        data: None,
        version: "0".to_owned(),
        pid: 1,
        slots,
        memory: SlotMemory::default(),
        hardware: Hardware::default(),
    }
}

impl Fake {
    pub(super) async fn next(&mut self) -> ToTaskManager {
        self.messages.recv().await.unwrap()
    }

    /// The next deployment; what comes before it is left out.
    pub(super) async fn deployment(&mut self) -> Deploy {
        loop {
            if let ToTaskManager::Deploy(deploy) = self.next().await {
                return *deploy;
            }
        }
    }

    pub(super) async fn tell(
        &self,
        deploy: &Deploy,
        task: usize,
        state: ExecutionState,
        failure: Option<FailureCause>,
    ) -> Acknowledged {
        let changed = TaskChanged {
            end_of_data: false,
            registration: self.registration,
            leader: deploy.leader,
            attempt: attempt(deploy, task),
            state,
            failure,
            parts: Vec::new(),
            counters: TaskCounters::default(),
        };
        self.job_manager.call(changed, CALL).await.unwrap()
    }

    pub(super) async fn finish(&self, deploy: &Deploy) {
        for task in 0..deploy.tasks.len() {
            let told = self
                .tell(deploy, task, ExecutionState::Finished, None)
                .await;
            assert_eq!(told, Acknowledged::Taken);
        }
    }
}

pub(super) fn attempt(deploy: &Deploy, task: usize) -> AttemptId {
    let place = deploy.tasks[task];
    AttemptId {
        job: deploy.job.job,
        vertex: place.vertex,
        subtask: place.subtask,
        attempt: place.attempt,
    }
}

pub(super) fn boom() -> Option<FailureCause> {
    Some(FailureCause::new(FailureKind::Guest, "boom"))
}

pub(super) const ONCE: Strategy = Strategy::FixedDelay {
    attempts: 1,
    delay: Duration::from_millis(500),
};

/// Runs a test on a runtime, within a bounded time.
pub(super) fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let bounded = async { Clock::system().timeout(SOON, test).await.unwrap() };
    runtime.unwrap().block_on(bounded);
}
