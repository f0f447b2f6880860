//! What the tests of this crate are made of: a JobManager that takes notes, guest code that runs
//! natively, channels in memory, jobs.

pub(crate) mod channels;
pub(crate) mod guest;
pub(crate) mod job_manager;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{Actor, Clock, Rng};
use wasmill_connectors::Access;
use wasmill_network::identity::Node;
use wasmill_rpc::protocol::{Deploy, JobDescription, JobSettings, Peer, TaskPlace, ToTaskManager};
use wasmill_rpc::{Gateway, NoBlobs, Services};
use wasmill_types::id::{
    AttemptId, Digest, JobId, LeaderId, OperatorId, SlotId, TenantId, VertexId,
};
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
};
use wasmill_types::operator::BadRecordPolicy;

use crate::channels::Channels;
use crate::executor::{Environment, Handle, start};
use crate::options::Options;
use guest::Native;
use job_manager::Notes;

/// How long anything in a test may take.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The leader of the tests' jobs.
pub(crate) const LEADER: LeaderId = LeaderId(1);

/// Runs a test on a runtime.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(async {
        let clock = Clock::system();
        clock.timeout(6 * SOON, work).await.expect("the test ends")
    })
}

/// A TaskManager and the way to it.
pub(crate) struct TaskManager {
    pub(crate) handle: Handle,
    pub(crate) actor: Actor<()>,
    pub(crate) gateway: Gateway<ToTaskManager>,
}

impl TaskManager {
    /// Starts one, and waits until it is registered.
    pub(crate) async fn start(
        name: &str,
        notes: &Arc<Notes>,
        channels: Arc<dyn Channels>,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let clock = Clock::system();
        let id = name.parse().unwrap();
        let mut options = Options::named(id);
        options.slots = 2;
        options.retry = (Duration::from_millis(1), Duration::from_millis(5));
        change(&mut options);
        let node = Node::TaskManager(options.id.clone());
        let environment = Environment {
            connect: Arc::new(job_manager::Local {
                notes: Arc::clone(notes),
                node: node.clone(),
            }),
            channels,
            programs: Arc::new(Native),
            access: Access::unrestricted(),
            clock: clock.clone(),
            rng: Rng::seeded(1),
        };
        let (handle, actor) = start(options, environment);
        let services = Services {
            handler: Arc::new(handle.clone()),
            blobs: Arc::new(NoBlobs),
        };
        let gateway = Gateway::local(node, Node::JobManager, services, clock);
        let manager = Self {
            handle,
            actor,
            gateway,
        };
        manager.registered().await;
        manager
    }

    /// Waits until it is registered.
    pub(crate) async fn registered(&self) {
        while self.handle.status().await.unwrap().registration.is_none() {
            tokio::task::yield_now().await;
        }
    }
}

/// A job of a source of the host with this many rows, or without end; an operator of the bundle that
/// does what its name says (`guest`); and a file sink in a directory, all with two subtasks.
pub(crate) fn job(rows: Option<u64>, guest: &str, out: &Path) -> JobDescription {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let connector = |name: &str, options| ConnectorSpec {
        name: name.to_owned(),
        options,
    };
    let mut source = vec![
        option("fields", r#"{"n":{"kind":"sequence"}}"#),
        option("format", "text"),
    ];
    source.extend(rows.map(|rows| option("rows", &rows.to_string())));
    let kinds = [
        OperatorKind::SourceConnector(connector("datagen", source)),
        OperatorKind::Guest,
        OperatorKind::SinkConnector(connector(
            "file",
            vec![option("path", out.to_str().unwrap())],
        )),
    ];
    let operators = kinds.into_iter().zip(["n", guest, "out"]).enumerate();
    let operators = operators.map(|(id, (kind, name))| OperatorSpec {
        id: OperatorId(id as u32),
        name: name.to_owned(),
        kind,
        chaining: Chaining::Always,
        states: Vec::new(),
        uid: None,
        parallelism: Some(2),
        max_parallelism: None,
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    });
    let edges = [Partitioning::Rebalance, Partitioning::Forward];
    let edges = edges.into_iter().enumerate();
    let edges = edges.map(|(from, partitioning)| EdgeSpec {
        upstream: OperatorId(from as u32),
        output: 0,
        downstream: OperatorId(from as u32 + 1),
        input: 0,
        partitioning,
        format: "text".to_owned(),
    });
    JobDescription {
        job: JobId(7),
        tenant: TenantId::default(),
        spec: JobSpec {
            name: "job".to_owned(),
            operators: operators.collect(),
            edges: edges.collect(),
            parallelism: None,
        },
        bundle: Some(Digest([7; 32])),
        args: Vec::new(),
        settings: JobSettings {
            parallelism: 1,
            on_bad_record: BadRecordPolicy::Fail,
            cache_bytes: None,
            memory_bytes: None,
            call_timeout_ms: None,
            seed: 3,
            checkpoints: wasmill_checkpoint::Options::default(),
            backend: None,
            restore: None,
        },
    }
}

/// The deployment of subtask `i` of both vertices of a job at the `i`-th of these TaskManagers; for the
/// one at `at`. With only one of them it gets all tasks.
pub(crate) fn deployment(job: &JobDescription, names: &[&str], at: usize) -> Deploy {
    let place = |vertex, subtask| TaskPlace {
        vertex: VertexId(vertex),
        subtask,
        attempt: 0,
        slot: SlotId(subtask),
    };
    let all = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let home = |subtask: u32| subtask as usize % names.len();
    let here = all.into_iter().filter(|(_, subtask)| home(*subtask) == at);
    Deploy {
        restores: Vec::new(),
        leader: LEADER,
        job: job.clone(),
        run: 0,
        tasks: here
            .map(|(vertex, subtask)| place(vertex, subtask))
            .collect(),
        peers: names
            .iter()
            .map(|name| Peer {
                id: name.parse().unwrap(),
                data: None,
            })
            .collect(),
        places: all
            .into_iter()
            .map(|(_, subtask)| Some(home(subtask) as u16))
            .collect(),
    }
}

/// The attempts of a deployment.
pub(crate) fn attempts(deploy: &Deploy) -> Vec<AttemptId> {
    let tasks = deploy.tasks.iter();
    tasks
        .map(|place| crate::jobs::attempt_of(deploy.job.job, place))
        .collect()
}

/// The numbers in the visible files of a directory, sorted.
pub(crate) fn numbers(out: &Path) -> Vec<u64> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(out).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("part-")
        {
            let text = std::fs::read_to_string(path).unwrap();
            numbers.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
        }
    }
    numbers.sort_unstable();
    numbers
}

/// How many files a directory has, visible or not.
pub(crate) fn files(out: &Path) -> usize {
    std::fs::read_dir(out).into_iter().flatten().count()
}
