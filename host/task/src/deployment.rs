//! Builds the tasks of a job in one process, connects them, and starts them.
//!
//! Everything that can fail without data fails here, before the first task runs: connectors parse their
//! options, sources find their splits, sinks check their targets. Invariant: a job that does not start
//! leaves nothing behind.

use std::collections::HashMap;
use std::sync::Arc;

use wasmill_actor::{CancelToken, Clock, Rng, Signal, ThreadKind, threads};
use wasmill_connectors::{Access, Budget, ReaderContext, Sink, Source, Split, WriterContext};
use wasmill_graph::{ExecutionGraph, JobGraph, Vertex};
use wasmill_network::{Gate, Sender, gate};
use wasmill_state::{KeyedBackend, MemoryBackend, OwnedGroups, TimerService};
use wasmill_types::id::{EdgeId, JobId, OperatorId, TenantId, VertexId};
use wasmill_types::operator::{Operator, TaskContext};
use wasmill_types::{Batch, HostError, TaskFailure, span};

use crate::direct::Direct;
use crate::guest::GuestCode;
use crate::host::TaskHost;
use crate::job::{Outcome, RunningJob, TaskHandle};
use crate::metrics::TaskMetrics;
use crate::options::Options;
use crate::output::{Output, host_failure};
use crate::partition::ResultPartition;
use crate::partitioner::Partitioner;
use crate::plan::{PlannedOutput, VertexPlan, connector};
use crate::source::{ConnectorSource, SourceRole, SplitQueue};
use crate::task::{Task, TaskInput};
use crate::valve::Valve;

/// A job that is to run in this process.
pub struct Deployment {
    /// Who owns it.
    pub tenant: TenantId,
    /// Its id.
    pub job_id: JobId,
    /// The graph.
    pub graph: JobGraph,
    /// The code of its guest operators; may be missing when it has none.
    pub code: Option<Arc<dyn GuestCode>>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// What its connectors may touch.
    pub access: Access,
    /// Its settings.
    pub options: Options,
    /// The clock.
    pub clock: Clock,
    /// The randomness of the run.
    pub rng: Rng,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("job_id", &self.job_id)
            .finish_non_exhaustive()
    }
}

/// Starts a job.
///
/// # Errors
/// When a connector, the bundle or the machine refuses; nothing runs then.
pub fn deploy(deployment: Deployment) -> Result<RunningJob, TaskFailure> {
    Deployer::new(deployment)?.start()
}

/// The splits of a source operator, shared by its subtasks.
enum Splits {
    Connector(Box<dyn Source>, Arc<SplitQueue<Split>>),
    Guest(Arc<SplitQueue<Vec<u8>>>),
}

struct Deployer {
    job: Deployment,
    execution: ExecutionGraph,
    plans: Vec<VertexPlan>,
    sinks: HashMap<OperatorId, Box<dyn Sink>>,
    sources: HashMap<VertexId, Splits>,
    senders: HashMap<(EdgeId, u32), Vec<Sender>>,
    cancel: CancelToken,
    run: String,
}

/// The reading side of one subtask.
struct Inlet {
    gate: Option<Gate>,
    inputs: Vec<TaskInput>,
    signal: Signal,
}

impl Deployer {
    fn new(job: Deployment) -> Result<Self, TaskFailure> {
        let execution = ExecutionGraph::expand(&job.graph);
        let plans: Vec<_> = job
            .graph
            .vertices
            .iter()
            .map(|v| VertexPlan::new(&job.graph, v))
            .collect();
        let mut rng = job.rng.fork(u64::MAX);
        let run = format!("{:016x}", rng.next_u64());
        let mut deployer = Self {
            job,
            execution,
            plans,
            sinks: HashMap::new(),
            sources: HashMap::new(),
            senders: HashMap::new(),
            cancel: CancelToken::new(),
            run,
        };
        deployer.open_sources()?;
        deployer.open_sinks()?;
        Ok(deployer)
    }

    fn open_sources(&mut self) -> Result<(), TaskFailure> {
        for (vertex, plan) in self.job.graph.vertices.iter().zip(&self.plans) {
            let splits =
                if let Some(spec) = plan.source.and_then(|id| connector(&self.job.graph, id)) {
                    let source =
                        wasmill_connectors::source(spec, &self.job.access).map_err(host_failure)?;
                    let splits = source.splits(vertex.parallelism).map_err(host_failure)?;
                    Splits::Connector(source, SplitQueue::new(splits))
                } else if plan.has_guest_source {
                    let operator = plan.guests[0];
                    let splits =
                        self.code()?
                            .splits(&self.job.args, operator, vertex.parallelism)?;
                    Splits::Guest(SplitQueue::new(splits.view().iter().map(<[u8]>::to_vec)))
                } else {
                    continue;
                };
            self.sources.insert(vertex.id, splits);
        }
        Ok(())
    }

    fn open_sinks(&mut self) -> Result<(), TaskFailure> {
        for id in self.plans.iter().flat_map(VertexPlan::sinks) {
            let Some(spec) = connector(&self.job.graph, id) else {
                continue;
            };
            let sink = wasmill_connectors::sink(spec, &self.job.access).map_err(host_failure)?;
            self.sinks.insert(id, sink);
        }
        self.sinks
            .values()
            .try_for_each(|sink| sink.prepare().map_err(host_failure))
    }

    fn code(&self) -> Result<&Arc<dyn GuestCode>, TaskFailure> {
        let missing =
            || HostError::new("the job has operators of a bundle, but no bundle came with it");
        Ok(self.job.code.as_ref().ok_or_else(missing)?)
    }

    fn start(mut self) -> Result<RunningJob, TaskFailure> {
        let mut inlets = Vec::new();
        for vertex in &self.job.graph.vertices {
            for subtask in 0..vertex.parallelism {
                inlets.push(connect(
                    &self.job,
                    &self.execution,
                    vertex,
                    subtask,
                    &mut self.senders,
                ));
            }
        }
        let mut handles = Vec::new();
        let mut inlets = inlets.into_iter();
        for index in 0..self.job.graph.vertices.len() {
            for subtask in 0..self.job.graph.vertices[index].parallelism {
                let inlet = inlets.next().expect("one inlet was made per subtask");
                let started = self.start_task(index, subtask, inlet);
                match started {
                    Ok(handle) => handles.push(handle),
                    Err(failure) => {
                        self.cancel.cancel();
                        RunningJob::new(handles, self.sinks, self.cancel, self.job.clock).stop();
                        return Err(failure);
                    }
                }
            }
        }
        Ok(RunningJob::new(
            handles,
            self.sinks,
            self.cancel,
            self.job.clock,
        ))
    }

    fn start_task(
        &mut self,
        index: usize,
        subtask: u32,
        inlet: Inlet,
    ) -> Result<TaskHandle, TaskFailure> {
        let vertex = &self.job.graph.vertices[index];
        let name = format!("{} ({}/{})", vertex.name, subtask + 1, vertex.parallelism);
        let span = tracing::info_span!(
            "task",
            { span::TENANT } = %self.job.tenant,
            { span::JOB } = %self.job.job_id,
            { span::VERTEX } = vertex.name,
            { span::SUBTASK } = subtask,
        );
        let metrics = TaskMetrics::new();
        let signal = inlet.signal.clone();
        let sinks: Vec<Option<OperatorId>> = self.plans[index]
            .outputs
            .iter()
            .map(|o| sink_of(*o))
            .collect();
        let parts = self.task_parts(index, subtask, inlet, Arc::clone(&metrics))?;
        let cancel = self.cancel.clone();
        let on_cancel = cancel.on_cancel(move || signal.notify());
        let outcome = Outcome::default();
        let (result, failed) = (outcome.clone(), self.cancel.clone());
        let body = move || {
            let _guard = span.entered();
            let _notified = on_cancel;
            let ended = parts.build().and_then(Task::run);
            if ended.is_err() {
                failed.cancel();
            }
            result.set(ended);
        };
        let worker = threads::spawn(ThreadKind::Task, &name, body)
            .map_err(|error| HostError::new(format!("{error}")))?;
        Ok(TaskHandle {
            name,
            vertex: index,
            worker,
            outcome,
            metrics,
            sinks,
        })
    }

    fn task_parts(
        &mut self,
        index: usize,
        subtask: u32,
        inlet: Inlet,
        metrics: Arc<TaskMetrics>,
    ) -> Result<TaskParts, TaskFailure> {
        let options = self.job.options.clone();
        let vertex = self.job.graph.vertices[index].clone();
        let rng = self.job.rng.fork((index as u64) << 32 | u64::from(subtask));
        let outputs = self.outputs(index, subtask)?;
        let context = self.context(index, subtask);
        let groups = OwnedGroups::new(subtask, vertex.parallelism, vertex.max_parallelism);
        let state: Option<Box<dyn KeyedBackend>> = vertex
            .is_keyed
            .then(|| Box::new(MemoryBackend::new(groups.clone(), &options.state)) as _);
        let timers = vertex
            .is_keyed
            .then(|| TimerService::new(groups, &options.state));
        let clock = self.job.clock.clone();
        let max_record_bytes = options.max_record_bytes;
        let host = TaskHost {
            outputs,
            state,
            timers,
            clock,
            rng,
            metrics,
            max_record_bytes,
        };
        let plan = &self.plans[index];
        let code = if plan.guests.is_empty() {
            None
        } else {
            Some(Arc::clone(self.code()?))
        };
        Ok(TaskParts {
            source: self.source_role(&vertex, subtask)?,
            context,
            host,
            code,
            routes: plan
                .inputs
                .iter()
                .map(|_| (0..plan.outputs.len() as u32).collect())
                .collect(),
            inlet,
            buffer_timeout: options.buffer_timeout,
            clock: self.job.clock.clone(),
            cancel: self.cancel.clone(),
        })
    }

    fn outputs(&mut self, index: usize, subtask: u32) -> Result<Vec<Output>, TaskFailure> {
        let planned = self.plans[index].outputs.clone();
        planned
            .into_iter()
            .map(|output| self.output(output, index, subtask))
            .collect()
    }

    fn output(
        &mut self,
        output: PlannedOutput,
        index: usize,
        subtask: u32,
    ) -> Result<Output, TaskFailure> {
        let vertex = &self.job.graph.vertices[index];
        match output {
            PlannedOutput::Sink(id, _) => {
                let run = self.run.clone();
                let (parallelism, attempt) = (vertex.parallelism, 0);
                let context = WriterContext {
                    subtask,
                    parallelism,
                    attempt,
                    run,
                };
                let writer = self.sinks[&id].writer(context).map_err(host_failure)?;
                Ok(Output::Sink(Some(writer)))
            }
            PlannedOutput::Edge(id) => {
                let edge = self.job.graph.edge(id);
                let senders = self.senders.remove(&(id, subtask)).unwrap_or_default();
                let max_parallelism = self.job.graph.vertex(edge.to).max_parallelism;
                let rng = self
                    .job
                    .rng
                    .fork(u64::from(id.0) << 32 | u64::from(subtask) | 1 << 63);
                let channels = senders.len() as u32;
                let partitioner =
                    Partitioner::new(edge.partitioning, channels, max_parallelism, rng);
                let (bytes, cancel) = (self.job.options.frame_bytes, self.cancel.clone());
                Ok(Output::Edge(ResultPartition::new(
                    senders,
                    partitioner,
                    bytes,
                    cancel,
                )))
            }
        }
    }

    fn source_role(
        &self,
        vertex: &Vertex,
        subtask: u32,
    ) -> Result<Option<SourceRole>, TaskFailure> {
        let plan = &self.plans[vertex.id.0 as usize];
        let options = &self.job.options;
        match self.sources.get(&vertex.id) {
            None => Ok(None),
            Some(Splits::Guest(queue)) => Ok(Some(SourceRole::Guest {
                queue: Arc::clone(queue),
                max_records: options.source_batch_records,
                is_reading: false,
            })),
            Some(Splits::Connector(source, queue)) => {
                let reader = source.reader(ReaderContext {
                    subtask,
                    parallelism: vertex.parallelism,
                    max_record_bytes: options.max_record_bytes,
                    on_bad_record: options.on_bad_record,
                    seed: self.job.rng.seed(),
                });
                let (bytes, records) = (options.source_batch_bytes, options.source_batch_records);
                Ok(Some(SourceRole::Connector(ConnectorSource {
                    reader: reader.map_err(host_failure)?,
                    queue: Arc::clone(queue),
                    budget: Budget { bytes, records },
                    inputs: plan.source_inputs.clone(),
                    outputs: plan.source_outputs.clone(),
                    batch: Batch::default(),
                    is_reading: false,
                    bad_records: 0,
                })))
            }
        }
    }

    fn context(&self, index: usize, subtask: u32) -> TaskContext {
        let (vertex, plan) = (&self.job.graph.vertices[index], &self.plans[index]);
        let options = &self.job.options;
        let channels = |output: &PlannedOutput| match output {
            PlannedOutput::Edge(edge) => self.execution.consumers(*edge, subtask).len() as u32,
            PlannedOutput::Sink(..) => 1,
        };
        let guest_outputs = &plan.outputs[..plan.guest_outputs];
        TaskContext {
            job: self.job.graph.name.clone(),
            args: self.job.args.clone(),
            operators: plan.guests.clone(),
            inputs: plan.inputs.clone(),
            outputs: guest_outputs
                .iter()
                .filter_map(|o| Some((o.edge()?, channels(o))))
                .collect(),
            subtask,
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism,
            attempt: 0,
            restored: Vec::new(),
            has_keyed_state: false,
            cache_bytes: options.cache_bytes,
            batch_bytes: options.frame_bytes,
            max_record_bytes: options.max_record_bytes,
            on_bad_record: options.on_bad_record,
        }
    }
}

/// What a task is made of, on the way to its thread: guest instances are made where they run.
struct TaskParts {
    context: TaskContext,
    host: TaskHost,
    code: Option<Arc<dyn GuestCode>>,
    routes: Vec<Vec<u32>>,
    source: Option<SourceRole>,
    inlet: Inlet,
    buffer_timeout: std::time::Duration,
    clock: Clock,
    cancel: CancelToken,
}

impl TaskParts {
    fn build(self) -> Result<Task, TaskFailure> {
        let operator: Box<dyn Operator<TaskHost>> = match &self.code {
            Some(code) => code.instantiate(self.host, &self.cancel)?,
            None => Box::new(Direct::new(self.host, self.routes)),
        };
        let Inlet {
            gate,
            inputs,
            signal,
        } = self.inlet;
        Ok(Task {
            context: self.context,
            operator,
            source: self.source,
            gate,
            inputs,
            buffer_timeout: self.buffer_timeout,
            clock: self.clock,
            signal,
            cancel: self.cancel,
        })
    }
}

/// Makes the channels that lead to a subtask.
fn connect(
    job: &Deployment,
    execution: &ExecutionGraph,
    vertex: &Vertex,
    subtask: u32,
    senders: &mut HashMap<(EdgeId, u32), Vec<Sender>>,
) -> Inlet {
    let signal = Signal::new();
    let mut inputs = Vec::new();
    let mut writers = Vec::new();
    for (input, &id) in vertex.inputs.iter().enumerate() {
        let producers = execution.producers(id, subtask);
        let upstream = job.graph.vertex(job.graph.edge(id).from);
        let name = |p: u32| format!("{} ({}/{})", upstream.name, p + 1, upstream.parallelism);
        inputs.push(TaskInput {
            input: input as u32,
            first_channel: writers.len(),
            valve: Valve::new(producers.len()),
            open_channels: producers.len(),
            peers: producers.clone().map(name).collect(),
        });
        writers.extend(producers.map(|producer| (id, producer)));
    }
    if writers.is_empty() {
        return Inlet {
            gate: None,
            inputs,
            signal,
        };
    }
    let (gate, made) = gate(writers.len(), job.options.channel_capacity, signal.clone());
    for (writer, sender) in writers.into_iter().zip(made) {
        senders.entry(writer).or_default().push(sender);
    }
    Inlet {
        gate: Some(gate),
        inputs,
        signal,
    }
}

fn sink_of(output: PlannedOutput) -> Option<OperatorId> {
    match output {
        PlannedOutput::Sink(id, _) => Some(id),
        PlannedOutput::Edge(_) => None,
    }
}
