//! All that each task of a job is made of, short of the guest instance, which is made on the task's thread.
//!
//! Invariant: connectors open their readers and writers here, so that a job whose connectors refuse has not
//! begun to run.

use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_connectors::{Budget, ConnectorError, ReaderContext, WriterContext};
use wasmill_graph::{ExecutionGraph, Vertex};
use wasmill_state::{KeyedBackend, MemoryBackend, OwnedGroups, TimerService};
use wasmill_types::operator::{Operator, TaskContext};
use wasmill_types::{Batch, TaskFailure};

use super::channels::{Channels, Inlet};
use super::endpoints::{Endpoints, Splits, code};
use super::{Deployment, at, of_operator};
use crate::direct::Direct;
use crate::event_time::OutputTime;
use crate::guest::GuestCode;
use crate::host::TaskHost;
use crate::job::JobFailure;
use crate::job::watch::{Role, Watched};
use crate::metrics::TaskMetrics;
use crate::output::Output;
use crate::partition::ResultPartition;
use crate::partitioner::Partitioner;
use crate::plan::{PlannedOutput, VertexPlan};
use crate::source::{ConnectorSource, SourceRole};
use crate::task::Task;

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
    buffer_timeout: Duration,
    clock: Clock,
    cancel: CancelToken,
}

impl TaskParts {
    /// Makes the guest instance, and so the task.
    ///
    /// # Errors
    /// When the sandbox cannot be set up.
    pub(super) fn build(self) -> Result<Task, TaskFailure> {
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

/// Makes the parts of all tasks of a job.
pub(super) struct Builder<'a> {
    job: &'a Deployment,
    plans: &'a [VertexPlan],
    endpoints: &'a Endpoints,
    cancel: &'a CancelToken,
    execution: ExecutionGraph,
    channels: Channels,
    /// A name for this run that no other run has.
    run: String,
}

/// One subtask of a vertex.
#[derive(Clone, Copy)]
struct Place<'a> {
    vertex: &'a Vertex,
    plan: &'a VertexPlan,
    subtask: u32,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        job: &'a Deployment,
        plans: &'a [VertexPlan],
        endpoints: &'a Endpoints,
        cancel: &'a CancelToken,
    ) -> Self {
        let execution = ExecutionGraph::expand(&job.graph);
        let capacity = job.options.channel_capacity.get();
        Self {
            job,
            plans,
            endpoints,
            cancel,
            channels: Channels::connect(&job.graph, &execution, capacity),
            execution,
            run: format!("{:016x}", job.rng.fork(u64::MAX).next_u64()),
        }
    }

    /// The tasks, those of upstream vertices first.
    pub(super) fn tasks(mut self) -> Result<Vec<TaskParts>, JobFailure> {
        let mut tasks = Vec::new();
        for (vertex, plan) in self.job.graph.vertices.iter().zip(self.plans) {
            for subtask in 0..vertex.parallelism {
                let place = Place {
                    vertex,
                    plan,
                    subtask,
                };
                let parts = self.task(place);
                tasks.push(parts.map_err(|failure| at(&vertex.name, failure))?);
            }
        }
        Ok(tasks)
    }

    fn task(&mut self, place: Place<'_>) -> Result<TaskParts, TaskFailure> {
        let Place {
            vertex,
            plan,
            subtask,
        } = place;
        let options = &self.job.options;
        let source = self.source(place)?;
        let watched = Watched {
            metrics: Arc::default(),
            role: match &source {
                None => Role::Inner,
                Some(SourceRole::Connector(_)) => Role::Connector,
                Some(SourceRole::Guest { .. }) => Role::GuestSource,
            },
        };
        let needs_code = !plan.guests.is_empty();
        let outputs = 0..plan.operator_outputs as u32;
        Ok(TaskParts {
            vertex: vertex.name.clone(),
            context: self.context(place),
            inlet: self.channels.take_inlet(vertex.id, subtask),
            host: self.host(place, &watched.metrics)?,
            watched,
            code: needs_code.then(|| code(self.job).cloned()).transpose()?,
            routes: vec![outputs.collect(); plan.inputs.len()],
            source,
            buffer_timeout: options.buffer_timeout,
            clock: self.job.clock.clone(),
            cancel: self.cancel.clone(),
        })
    }

    fn host(
        &mut self,
        place: Place<'_>,
        metrics: &Arc<TaskMetrics>,
    ) -> Result<TaskHost, TaskFailure> {
        let Place {
            vertex,
            plan,
            subtask,
        } = place;
        let options = &self.job.options;
        let groups = OwnedGroups::new(subtask, vertex.parallelism, vertex.max_parallelism);
        let backend = || MemoryBackend::new(groups.clone(), &options.state);
        let state: Option<Box<dyn KeyedBackend>> =
            vertex.is_keyed.then(|| Box::new(backend()) as _);
        let timers = vertex
            .is_keyed
            .then(|| TimerService::new(groups.clone(), &options.state));
        let outputs = plan.outputs.iter();
        Ok(TaskHost {
            outputs: outputs
                .map(|output| self.output(*output, place))
                .collect::<Result<_, _>>()?,
            operator_outputs: plan.operator_outputs,
            event_time: OutputTime::default(),
            state,
            timers,
            clock: self.job.clock.clone(),
            rng: self.rng(Stream::Task, vertex.id.0, subtask),
            metrics: Arc::clone(metrics),
            max_record_bytes: options.max_record_bytes,
            has_ended: false,
        })
    }

    fn output(&mut self, output: PlannedOutput, place: Place<'_>) -> Result<Output, TaskFailure> {
        let subtask = place.subtask;
        match output {
            PlannedOutput::Sink(id, _) => {
                let writer = self.endpoints.sinks[&id].sink.writer(WriterContext {
                    subtask,
                    parallelism: place.vertex.parallelism,
                    attempt: 0,
                    run: self.run.clone(),
                });
                let writer = writer.map_err(|error| of_operator(self.job, id, error))?;
                Ok(Output::Sink(id, Some(writer)))
            }
            PlannedOutput::Edge(id) => {
                let edge = self.job.graph.edge(id);
                let senders = self.channels.take_senders(id, subtask);
                let partitioner = Partitioner::new(
                    edge.partitioning,
                    senders.len() as u32,
                    self.job.graph.vertex(edge.to).max_parallelism,
                    self.rng(Stream::Edge, id.0, subtask),
                );
                let (bytes, cancel) = (self.job.options.frame_bytes, self.cancel.clone());
                let partition = ResultPartition::new(senders, partitioner, bytes, cancel);
                Ok(Output::Edge(partition))
            }
        }
    }

    fn source(&self, place: Place<'_>) -> Result<Option<SourceRole>, TaskFailure> {
        let options = &self.job.options;
        let Some(splits) = self.endpoints.sources.get(&place.vertex.id) else {
            return Ok(None);
        };
        let (source, queue) = match splits {
            Splits::Guest(queue) => {
                return Ok(Some(SourceRole::Guest {
                    queue: Arc::clone(queue),
                    max_records: options.source_batch_records,
                    is_reading: false,
                }));
            }
            Splits::Connector(source, queue) => (source, queue),
        };
        let reader = source.reader(ReaderContext {
            subtask: place.subtask,
            parallelism: place.vertex.parallelism,
            max_record_bytes: options.max_record_bytes,
            on_bad_record: options.on_bad_record,
            seed: self.job.rng.seed(),
        });
        let named = |error: ConnectorError| match place.plan.source {
            Some(id) => of_operator(self.job, id, error),
            None => error.into(),
        };
        let reader = reader.map_err(named)?;
        Ok(Some(SourceRole::Connector(ConnectorSource {
            reader,
            queue: Arc::clone(queue),
            budget: Budget {
                bytes: options.source_batch_bytes,
                records: options.source_batch_records,
            },
            inputs: place.plan.source_inputs.clone(),
            outputs: place.plan.source_outputs.clone(),
            batch: Batch::default(),
            is_reading: false,
            bad_records: 0,
        })))
    }

    fn context(&self, place: Place<'_>) -> TaskContext {
        let (vertex, plan, options) = (place.vertex, place.plan, &self.job.options);
        let channels = |output: &PlannedOutput| match output {
            PlannedOutput::Edge(edge) => {
                self.execution.consumers(*edge, place.subtask).len() as u32
            }
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
            subtask: place.subtask,
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

    /// The randomness of one part of the job. Ids are far below 2³¹, so streams do not meet.
    fn rng(&self, stream: Stream, id: u32, subtask: u32) -> Rng {
        let number = u64::from(id) << 32 | u64::from(subtask);
        self.job.rng.fork((stream as u64) << 63 | number)
    }
}

/// What randomness is for.
#[derive(Clone, Copy)]
enum Stream {
    Task = 0,
    Edge = 1,
}
