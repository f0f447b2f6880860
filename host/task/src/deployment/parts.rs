//! All that each task is made of, short of the guest instance, which is made on the task's thread.
//!
//! Invariant: connectors open their readers and writers here, so that tasks whose connectors refuse have
//! not begun to run.

use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_connectors::{Budget, ConnectorError, ReaderContext, WriterContext};
use wasmill_graph::{ExecutionGraph, Vertex};
use wasmill_network::Gate;
use wasmill_state::{Expiry, OwnedGroups};
use wasmill_types::operator::{Operator, TaskContext};
use wasmill_types::{Batch, HostError, TaskFailure};

use super::channels::{Channels, Inlet};
use super::{Job, Places, RemoteChannels, TaskSpec};
use crate::direct::Direct;
use crate::endpoints::{Endpoints, no_bundle, of_operator};
use crate::event_time::{Origin, OutputTime};
use crate::guest::GuestCode;
use crate::host::TaskHost;
use crate::keeper::{Forgetful, Keeper, KeyedSetup};
use crate::metrics::TaskMetrics;
use crate::orders::Orders;
use crate::outcome::{JobFailure, Observer};
use crate::output::Output;
use crate::partition::ResultPartition;
use crate::partitioner::Partitioner;
use crate::plan::{PlannedOutput, VertexPlan};
use crate::sink::SinkOutput;
use crate::source::{ConnectorSource, SourceRole, SplitSource};
use crate::task::{Checkpoints, Task};
use crate::watched::{Role, Watched};

/// What a task is made of, on the way to its thread.
pub(super) struct TaskParts {
    pub(super) vertex: String,
    pub(super) watched: Watched,
    pub(super) context: TaskContext,
    pub(super) inlet: Inlet,
    host: TaskHost,
    code: Option<Arc<dyn GuestCode>>,
    /// The outputs of each input, of a task without guest code.
    routes: Vec<Vec<u32>>,
    source: Option<SourceRole>,
    keeper: Box<dyn Keeper>,
    /// The key groups of the subtask.
    groups: OwnedGroups,
    state_options: wasmill_state::Options,
    /// Whether checkpoints are taken from time to time.
    checkpoints: bool,
    event_time: Origin,
    buffer_timeout: Duration,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Clock,
    pub(super) cancel: CancelToken,
}

impl TaskParts {
    /// Makes the guest instance, and so the task.
    ///
    /// # Errors
    /// When the sandbox cannot be set up.
    pub(super) fn build(mut self) -> Result<Task, TaskFailure> {
        let setup = self.host.expiry.as_ref().map(|expiry| KeyedSetup {
            groups: self.groups.clone(),
            options: self.state_options,
            expiry: expiry.clone(),
        });
        let mut start = self.keeper.open(setup, &self.cancel)?;
        if let Some(opened) = start.keyed.take() {
            self.host.state = Some(opened.backend);
            self.host.timers = Some(opened.timers);
        }
        self.context.restored = std::mem::take(&mut start.lists);
        self.context.has_keyed_state = start.has_rows;
        let operator: Box<dyn Operator<TaskHost>> = match &self.code {
            Some(code) => code.instantiate(self.host, &self.cancel)?,
            None => Box::new(Direct::new(self.host, self.routes)),
        };
        let Inlet {
            gate,
            inputs,
            signal,
        } = self.inlet;
        let orders = self.watched.orders.clone();
        let channels = gate.as_ref().map_or(0, Gate::channels);
        let (keeper, periodic) = (self.keeper, self.checkpoints);
        Ok(Task {
            checkpoints: Checkpoints::new(orders, channels, keeper, periodic, &mut start),
            context: self.context,
            operator,
            source: self.source,
            gate,
            inputs,
            event_time: self.event_time,
            buffer_timeout: self.buffer_timeout,
            clock: self.clock,
            signal,
            cancel: self.cancel,
        })
    }
}

/// Makes the parts of tasks.
pub(super) struct Builder<'a> {
    job: &'a Job,
    endpoints: &'a Endpoints,
    places: &'a Places,
    plans: Vec<VertexPlan>,
    execution: ExecutionGraph,
    channels: Channels,
    /// A name for this run that no other run has.
    run: String,
}

/// One subtask of a vertex.
#[derive(Clone, Copy)]
struct Site<'a> {
    vertex: &'a Vertex,
    plan: &'a VertexPlan,
    spec: &'a TaskSpec,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        job: &'a Job,
        endpoints: &'a Endpoints,
        places: &'a Places,
        run: String,
    ) -> Result<Self, JobFailure> {
        let execution = ExecutionGraph::expand(&job.graph);
        let capacity = job.options.channel_capacity.get();
        let channels = Channels::new(&job.graph, &execution, places, capacity);
        let vertices = job.graph.vertices.iter();
        Ok(Self {
            job,
            endpoints,
            places,
            plans: vertices
                .map(|vertex| VertexPlan::new(&job.graph, vertex))
                .collect(),
            channels: channels.map_err(of_job)?,
            execution,
            run,
        })
    }

    /// The parts of a task, which is one of those that are here.
    pub(super) fn task(&mut self, mut spec: TaskSpec) -> Result<TaskParts, JobFailure> {
        let vertex = self.job.graph.vertex(spec.vertex);
        // Taken out while `self` is borrowed, which costs nothing.
        let plan = std::mem::take(&mut self.plans[spec.vertex.0 as usize]);
        let splits = spec.splits.take();
        let keeper = spec.keeper.take().unwrap_or_else(|| Box::new(Forgetful));
        let site = Site {
            vertex,
            plan: &plan,
            spec: &spec,
        };
        let parts = self.parts(site, splits, keeper);
        self.plans[spec.vertex.0 as usize] = plan;
        parts.map_err(|failure| JobFailure::at(&vertex.name, failure))
    }

    /// Hands the ends of channels whose other end is elsewhere to the network.
    pub(super) fn connect(self, remote: &dyn RemoteChannels) -> Result<(), JobFailure> {
        self.channels.connect(remote).map_err(of_job)
    }

    fn parts(
        &mut self,
        site: Site<'_>,
        splits: Option<Box<dyn SplitSource>>,
        keeper: Box<dyn Keeper>,
    ) -> Result<TaskParts, TaskFailure> {
        let Site { vertex, plan, spec } = site;
        let options = &self.job.options;
        let source = self.source(site, splits)?;
        let inlet = self.channels.take_inlet(vertex.id, spec.subtask);
        let watched = Watched {
            orders: Orders::new(inlet.signal.clone()),
            metrics: Arc::default(),
            role: match &source {
                None => Role::Inner,
                Some(SourceRole::Connector(_)) => Role::Connector,
                Some(SourceRole::Guest { .. }) => Role::GuestSource,
            },
        };
        let code = match &spec.code {
            _ if plan.guests.is_empty() => None,
            Some(code) => Some(Arc::clone(code)),
            None => return Err(no_bundle().into()),
        };
        let outputs = 0..plan.operator_outputs as u32;
        let operators = vertex
            .operators
            .iter()
            .map(|id| self.job.graph.operator(*id));
        let intervals: Vec<_> = operators.filter_map(|it| it.watermark_interval).collect();
        Ok(TaskParts {
            vertex: vertex.name.clone(),
            context: self.context(site),
            inlet,
            keeper,
            groups: OwnedGroups::new(spec.subtask, vertex.parallelism, vertex.max_parallelism),
            state_options: options.state,
            checkpoints: options.checkpoints,
            host: self.host(site, &watched.metrics)?,
            watched,
            code,
            routes: vec![outputs.collect(); plan.inputs.len()],
            source,
            event_time: Origin::of(intervals),
            buffer_timeout: options.buffer_timeout,
            observer: Arc::clone(&spec.observer),
            clock: self.job.clock.clone(),
            cancel: spec.cancel.clone(),
        })
    }

    fn host(
        &mut self,
        site: Site<'_>,
        metrics: &Arc<TaskMetrics>,
    ) -> Result<TaskHost, TaskFailure> {
        let Site { vertex, plan, spec } = site;
        let (subtask, options) = (spec.subtask, &self.job.options);
        let states = &self.job.graph.operator(vertex.head()).states;
        let expiry = || Expiry::new(self.job.clock.clone(), states);
        let outputs = plan.outputs.iter();
        Ok(TaskHost {
            outputs: outputs
                .map(|output| self.output(*output, site, metrics))
                .collect::<Result<_, _>>()?,
            operator_outputs: plan.operator_outputs,
            event_time: OutputTime::default(),
            state: None,
            timers: None,
            expiry: vertex.is_keyed.then(expiry),
            clock: self.job.clock.clone(),
            rng: self.rng(Stream::Task, vertex.id.0, subtask),
            metrics: Arc::clone(metrics),
            observer: Arc::clone(&spec.observer),
            max_record_bytes: options.max_record_bytes,
            has_ended: false,
        })
    }

    fn output(
        &mut self,
        output: PlannedOutput,
        site: Site<'_>,
        metrics: &Arc<TaskMetrics>,
    ) -> Result<Output, TaskFailure> {
        let subtask = site.spec.subtask;
        match output {
            PlannedOutput::Sink(id, _) => {
                let sink = self.endpoints.sinks.get(id);
                let writer = sink.writer(WriterContext {
                    subtask,
                    parallelism: site.vertex.parallelism,
                    attempt: site.spec.attempt,
                    run: self.run.clone(),
                });
                let writer = writer.map_err(|error| of_operator(&self.job.graph, id, error))?;
                Ok(Output::Sink(SinkOutput::new(id, Arc::clone(sink), writer)))
            }
            PlannedOutput::Edge(id) => {
                let edge = self.job.graph.edge(id);
                let ends = (id, edge.to);
                let first_consumer = self.execution.consumers(id, subtask).start;
                let senders =
                    self.channels
                        .take_senders(&self.execution, self.places, ends, subtask)?;
                let partitioner = Partitioner::new(
                    edge.partitioning,
                    senders.len() as u32,
                    self.job.graph.vertex(edge.to).max_parallelism,
                    self.rng(Stream::Edge, id.0, subtask),
                );
                let (bytes, cancel) = (self.job.options.frame_bytes, site.spec.cancel.clone());
                let partition = ResultPartition::new(senders, partitioner, bytes, cancel);
                let partition = partition.of_edge(id, first_consumer);
                let timed = partition.timed_by(self.job.clock.clone(), Arc::clone(metrics));
                Ok(Output::Edge(timed))
            }
        }
    }

    fn source(
        &self,
        site: Site<'_>,
        splits: Option<Box<dyn SplitSource>>,
    ) -> Result<Option<SourceRole>, TaskFailure> {
        let options = &self.job.options;
        let Some(splits) = splits else {
            return Ok(None);
        };
        if site.plan.has_guest_source {
            return Ok(Some(SourceRole::Guest {
                splits,
                max_records: options.source_batch_records,
                is_reading: false,
                given: 0,
            }));
        }
        let Some(source) = self.endpoints.sources.get(&site.vertex.id) else {
            return Ok(None);
        };
        let reader = source.reader(ReaderContext {
            subtask: site.spec.subtask,
            parallelism: site.vertex.parallelism,
            max_record_bytes: options.max_record_bytes,
            on_bad_record: options.on_bad_record,
            seed: self.job.rng.seed(),
        });
        let named = |error: ConnectorError| match site.plan.source {
            Some(id) => of_operator(&self.job.graph, id, error),
            None => error.into(),
        };
        let reader = reader.map_err(named)?;
        Ok(Some(SourceRole::Connector(ConnectorSource {
            reader,
            splits,
            budget: Budget {
                bytes: options.source_batch_bytes,
                records: options.source_batch_records,
            },
            inputs: site.plan.source_inputs.clone(),
            outputs: site.plan.source_outputs.clone(),
            batch: Batch::default(),
            is_reading: false,
            given: 0,
            bad_records: 0,
        })))
    }

    fn context(&self, site: Site<'_>) -> TaskContext {
        let Site { vertex, plan, spec } = site;
        let options = &self.job.options;
        let channels = |output: &PlannedOutput| match output {
            PlannedOutput::Edge(edge) => self.execution.consumers(*edge, spec.subtask).len() as u32,
            PlannedOutput::Sink(..) => 1,
        };
        let outputs = plan.outputs[..plan.operator_outputs].iter();
        TaskContext {
            job: self.job.graph.name.clone(),
            args: self.job.args.clone(),
            operators: plan.guests.clone(),
            inputs: plan.inputs.clone(),
            outputs: outputs
                .filter_map(|output| Some((output.edge()?, channels(output))))
                .collect(),
            subtask: spec.subtask,
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism,
            attempt: spec.attempt,
            restored: Vec::new(),
            has_keyed_state: false,
            cache_bytes: spec.cache_bytes,
            batch_bytes: options.frame_bytes,
            max_record_bytes: options.max_record_bytes,
            on_bad_record: options.on_bad_record,
        }
    }

    /// The randomness of one part of the job. Ids are far below 2³¹, so streams do not meet.
    fn rng(&self, stream: Stream, id: u32, subtask: u32) -> Rng {
        let number = u64::from(id) << 32 | u64::from(subtask);
        self.job.rng.fork((stream as u64) << 63 | number)
    }
}

/// A failure that is no single task's.
fn of_job(error: HostError) -> JobFailure {
    JobFailure {
        task: None,
        failure: error.into(),
    }
}

/// What randomness is for.
#[derive(Clone, Copy)]
enum Stream {
    Task = 0,
    Edge = 1,
}
