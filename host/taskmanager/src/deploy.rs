//! From the message `Deploy` to running tasks.
//!
//! The executor has accepted the tasks and waits for none of this. In this order: the program (fetched
//! and compiled, if it is not here), the graph, connectors, the tasks' shares of their slots, threads.
//! Invariant: a deployment starts all of its tasks or none.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmill_actor::{Address, CancelToken, Clock, Rng};
use wasmill_checkpoint::Storage;
use wasmill_connectors::Access;
use wasmill_graph::{ExecutionGraph, JobGraph, LogicalGraph};
use wasmill_rpc::protocol::{
    Backend, Deploy, JobDescription, LogLine, SlotMemory, TaskPlace, TaskRestore,
};
use wasmill_state::{BackendChoice, RocksOptions, RocksPlace, SharedMemory};
use wasmill_task::deployment::{self, Job, Place, Places, Share, TaskSpec};
use wasmill_task::endpoints::Endpoints;
use wasmill_task::outcome::{Change, Observer};
use wasmill_task::plan::VertexPlan;
use wasmill_task::source::SplitSource;
use wasmill_types::id::{AttemptId, JobId, SlotId, TaskManagerId, VertexId};
use wasmill_types::operator::LogLevel;
use wasmill_types::size::ByteSize;

use crate::budget::{self, GuestBudget};
use crate::channels::{Channels, OfRun};
use crate::executor::Message;
use crate::jobs::{Accepted, Refused, attempt_of};
use crate::logs::Log;
use crate::lookup::Lookups;
use crate::programs::{GuestLimits, Program};
use crate::snapshots::{self, AttemptKeeper, LocalFiles};
use crate::splits::AskedSplits;

/// What a deployment needs besides the message.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) id: TaskManagerId,
    pub(crate) memory: SlotMemory,
    pub(crate) options: wasmill_task::Options,
    pub(crate) access: Access,
    pub(crate) channels: Arc<dyn Channels>,
    pub(crate) clock: Clock,
    pub(crate) executor: Address<Message>,
    pub(crate) state: StatePlaces,
    pub(crate) lookups: Arc<Lookups>,
}

/// Where the state of tasks here is kept, and their checkpoints.
#[derive(Clone)]
pub(crate) struct StatePlaces {
    pub(crate) storage: Storage,
    directory: PathBuf,
    /// Whether files are kept for later attempts.
    local_recovery: bool,
    default: Backend,
    rocks: RocksOptions,
    /// The memory of the databases of each slot that has had one; at most one per slot.
    memories: Arc<Mutex<BTreeMap<SlotId, SharedMemory>>>,
}

impl StatePlaces {
    pub(crate) fn new(options: &crate::Options, clock: &Clock) -> Self {
        let mut rocks = options.rocks;
        if options.memory.state > 0 {
            rocks.memory = ByteSize(options.memory.state);
        }
        Self {
            storage: Storage::new(options.storage.clone(), clock.clone()),
            directory: options.state_directory.clone(),
            local_recovery: options.local_recovery,
            default: options.backend,
            rocks,
            memories: Arc::default(),
        }
    }

    /// Where files are kept for the next attempt of the same subtask.
    fn local(&self, attempt: AttemptId) -> LocalFiles {
        let kept = self.local_recovery.then_some(self.directory.as_path());
        LocalFiles::of(kept, attempt)
    }

    /// Removes what was kept for later attempts of a job.
    pub(crate) fn forget(&self, job: JobId) {
        snapshots::forget(&self.directory, job);
    }

    /// A directory for one attempt alone.
    fn directory(&self, attempt: AttemptId) -> PathBuf {
        let AttemptId {
            job,
            vertex,
            subtask,
            attempt,
        } = attempt;
        let number = u32::from_le_bytes(wasmill_actor::rng::secret());
        let name = format!("{job}-{vertex}-{subtask}-{attempt}-{number:08x}");
        self.directory.join(name)
    }

    /// A directory for files on their way, which nobody else has.
    pub(crate) fn scratch(&self) -> PathBuf {
        let number = u64::from_le_bytes(wasmill_actor::rng::secret());
        self.directory.join(format!("lookup-{number:016x}"))
    }

    fn backend(
        &self,
        wanted: Option<Backend>,
        slot: SlotId,
        directory: &std::path::Path,
    ) -> BackendChoice {
        match wanted.unwrap_or(self.default) {
            Backend::Memory => BackendChoice::Memory,
            Backend::Rocksdb => {
                // Nothing panics under this lock.
                let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
                let memory = memories
                    .entry(slot)
                    .or_insert_with(|| SharedMemory::new(&self.rocks));
                BackendChoice::Rocks(RocksPlace {
                    directory: directory.join("rocksdb"),
                    memory: memory.clone(),
                    options: self.rocks,
                })
            }
        }
    }
}

/// Starts the tasks; from then on they tell themselves how they go. Blocks: it opens files.
pub(crate) fn deploy(
    site: &Site,
    deploy: &Deploy,
    accepted: Accepted,
    program: Option<&Arc<dyn Program>>,
) -> Result<(), Refused> {
    let description = &deploy.job;
    let graph = graph(description)?;
    let failed = |error: wasmill_task::JobFailure| Refused::Failed(error.to_string());
    let endpoints = Endpoints::open(&graph, &site.access).map_err(failed)?;
    let here: Vec<&TaskPlace> = accepted.tasks.iter().map(|(place, _)| place).collect();
    let places = places(site, deploy, &graph, &here)?;
    let options = options(site, description, &graph, &places, &here);
    let guests = guests(&graph, &here, &accepted.neighbours);
    if !deploy.restores.is_empty() && deploy.restores.len() != deploy.tasks.len() {
        let problem = "the deployment has not as many restores as tasks; please report this bug";
        return Err(Refused::Failed(problem.to_owned()));
    }
    let restore_of = |place: &TaskPlace| {
        let index = deploy.tasks.iter().position(|task| task == place);
        let restore = index.and_then(|index| deploy.restores.get(index));
        restore.cloned().unwrap_or_default()
    };
    let spec = |(place, cancel): &(TaskPlace, CancelToken)| {
        let budget = budget::guest(&site.memory, guests[&place.slot], &description.settings);
        let told = Told {
            attempt: attempt_of(description.job, place),
            log: Arc::clone(&accepted.log),
            restore: restore_of(place),
        };
        spec(
            site,
            description,
            &graph,
            (place, cancel),
            (budget, program),
            told,
        )
    };
    let job = Job {
        tenant: description.tenant.clone(),
        job_id: description.job,
        graph: graph.clone(),
        args: description.args.clone(),
        options,
        clock: site.clock.clone(),
        rng: Rng::seeded(description.settings.seed),
    };
    let share = Share {
        job: &job,
        endpoints: &endpoints,
        run: format!("{}-{}-{}", description.job, deploy.leader, deploy.run),
        tasks: accepted.tasks.iter().map(spec).collect(),
        places,
        remote: &OfRun {
            channels: site.channels.as_ref(),
            job: description.job,
            run: deploy.run,
            peers: &deploy.peers,
        },
    };
    // A task's thread does nothing any more once it has told its end, so nobody has to join it.
    deployment::start(share).map(drop).map_err(failed)
}

/// The graph of a job; the JobManager has checked it the same way.
pub(crate) fn graph(job: &JobDescription) -> Result<JobGraph, Refused> {
    let options = wasmill_graph::Options {
        parallelism: job.settings.parallelism,
        ..wasmill_graph::Options::default()
    };
    let logical = LogicalGraph::check(job.spec.clone(), &options)
        .map_err(|error| Refused::Failed(error.to_string()))?;
    Ok(JobGraph::from_logical(&logical))
}

/// What the guest of a job may use outside of tasks.
pub(crate) fn limits(budget: GuestBudget, job: &JobDescription) -> GuestLimits {
    GuestLimits {
        memory_bytes: budget.memory_bytes,
        call_timeout: job.settings.call_timeout_ms.map(Duration::from_millis),
    }
}

/// Where all subtasks are. What the message says must be one with the tasks that it brings.
fn places(
    site: &Site,
    deploy: &Deploy,
    graph: &JobGraph,
    here: &[&TaskPlace],
) -> Result<Places, Refused> {
    let broken =
        |what: &str| Refused::Failed(format!("the deployment {what}; please report this bug"));
    let is_self = |place: &Option<u16>| {
        let peer = place.and_then(|index| deploy.peers.get(usize::from(index)));
        peer.is_some_and(|peer| peer.id == site.id)
    };
    let tasks = here.iter().map(|place| (place.vertex, place.subtask));
    let places = Places::new(graph, tasks, &deploy.places)
        .ok_or_else(|| broken("does not fit the graph of its job"))?;
    if deploy.places.iter().filter(|place| is_self(place)).count() != deploy.tasks.len() {
        return Err(broken("lacks tasks that it says run here"));
    }
    Ok(places)
}

/// How the job's tasks work here: as it chose, with channels that fit into the slots.
fn options(
    site: &Site,
    job: &JobDescription,
    graph: &JobGraph,
    places: &Places,
    here: &[&TaskPlace],
) -> wasmill_task::Options {
    let defaults = &site.options;
    let execution = ExecutionGraph::expand(graph);
    let mut channels: BTreeMap<SlotId, usize> = BTreeMap::new();
    for place in here {
        let vertex = graph.vertex(place.vertex);
        let inputs = vertex.inputs.iter();
        let inputs = inputs.map(|edge| execution.producers(*edge, place.subtask).len());
        // A channel to a task here is one of that task's inputs.
        let outputs = vertex.outputs.iter().map(|edge| {
            let to = graph.edge(*edge).to;
            let elsewhere = |consumer: &u32| places.of(to, *consumer) != Place::Here;
            let consumers = execution.consumers(*edge, place.subtask);
            consumers.filter(elsewhere).count()
        });
        *channels.entry(place.slot).or_default() += inputs.sum::<usize>() + outputs.sum::<usize>();
    }
    let most = channels.values().copied().max().unwrap_or(0);
    let capacity = defaults.channel_capacity.get();
    let fitting = budget::channel_capacity(&site.memory, most, defaults.frame_bytes, capacity);
    wasmill_task::Options {
        channel_capacity: NonZeroUsize::new(fitting).unwrap_or(defaults.channel_capacity),
        on_bad_record: job.settings.on_bad_record,
        checkpoints: crate::endpoints::commits_at_checkpoints(job),
        ..defaults.clone()
    }
}

/// How many tasks with guest code each slot has, with those that live there already.
fn guests(
    graph: &JobGraph,
    here: &[&TaskPlace],
    neighbours: &[(VertexId, SlotId)],
) -> BTreeMap<SlotId, u32> {
    let new = here.iter().map(|place| (place.vertex, place.slot));
    let mut guests = BTreeMap::new();
    for (vertex, slot) in new.chain(neighbours.iter().copied()) {
        let plan = VertexPlan::new(graph, graph.vertex(vertex));
        *guests.entry(slot).or_default() += u32::from(!plan.guests.is_empty());
    }
    guests
}

/// Who is told about an attempt, and where its lines go.
struct Told {
    attempt: AttemptId,
    log: Arc<Log>,
    /// What it starts with.
    restore: TaskRestore,
}

fn spec(
    site: &Site,
    job: &JobDescription,
    graph: &JobGraph,
    (place, cancel): (&TaskPlace, &CancelToken),
    (budget, program): (GuestBudget, Option<&Arc<dyn Program>>),
    told: Told,
) -> TaskSpec {
    let vertex = graph.vertex(place.vertex);
    let plan = VertexPlan::new(graph, vertex);
    let directory = site.state.directory(told.attempt);
    let is_source = plan.source.is_some() || plan.has_guest_source;
    let asked = || -> Box<dyn SplitSource> {
        Box::new(AskedSplits::new(
            told.attempt,
            site.executor.clone(),
            cancel.clone(),
            site.clock.clone(),
        ))
    };
    TaskSpec {
        vertex: place.vertex,
        subtask: place.subtask,
        attempt: place.attempt,
        code: program.map(|program| program.code(limits(budget, job))),
        cache_bytes: budget.cache_bytes,
        splits: is_source.then(asked),
        keeper: Some(Box::new(AttemptKeeper::new(snapshots::Setup {
            attempt: told.attempt,
            job,
            graph,
            vertex,
            backend: site
                .state
                .backend(job.settings.backend, place.slot, &directory),
            directory,
            local: site.state.local(told.attempt),
            max_record_bytes: site.options.max_record_bytes,
            restore: told.restore,
            executor: site.executor.clone(),
        }))),
        observer: Arc::new(Teller {
            attempt: told.attempt,
            task: format!(
                "{} ({}/{})",
                vertex.name,
                place.subtask + 1,
                vertex.parallelism
            ),
            log: told.log,
            executor: site.executor.clone(),
            clock: site.clock.clone(),
        }),
        cancel: cancel.clone(),
    }
}

/// Passes on what a task does.
struct Teller {
    attempt: AttemptId,
    task: String,
    log: Arc<Log>,
    executor: Address<Message>,
    clock: Clock,
}

impl Observer for Teller {
    fn changed(&self, change: Change) {
        // When the executor has ended, nobody wants to know.
        let _ = self
            .executor
            .send_blocking(Message::Changed(self.attempt, change));
    }

    fn logged(&self, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
            LogLevel::Trace => "TRACE",
        };
        self.log.push(LogLine {
            at_ms: self.clock.now_ms(),
            task: self.task.clone(),
            level: level.to_owned(),
            message: message.to_owned(),
        });
    }
}
