//! How the subtasks under test are set up, and set up again after a restart.

use std::rc::Rc;

use anyhow::Result;

use super::super::event_time::EventTime;
use super::super::exchange::Exchange;
use super::super::feed;
use super::super::host::{MemoryHost, Seat, SplitMix, memory};
use super::super::plan::{Link, Role};
use super::super::restore::Kept;
use super::super::task::{Body, InputEnd, Task, failed};
use super::Executor;
use crate::host::{
    BadRecordPolicy, Blobs, OperatorState, OutputEdge, TaskContext, blobs_iter, blobs_push,
    empty_blobs,
};
use crate::native::{self, Instance};

impl Executor {
    pub(super) fn add_vertex(&mut self, vertex: usize) -> Result<()> {
        let (plan, job) = (Rc::clone(&self.plan), Rc::clone(&self.job));
        let spec = &plan.vertices[vertex];
        let mut feeds = match spec.role {
            Role::Feed => feed::batches(&job, &plan, vertex)?,
            Role::Guest | Role::GuestSource | Role::Sink => Vec::new(),
        }
        .into_iter();
        for subtask in 0..spec.parallelism {
            let body = match spec.role {
                Role::Feed => Body::Feed(feeds.next().unwrap_or_default()),
                Role::Sink => Body::Sink(Vec::new()),
                Role::Guest => Body::Guest(None),
                Role::GuestSource => Body::Source {
                    instance: None,
                    finished: false,
                },
            };
            let links = |edges: &[usize]| -> Vec<Link> {
                edges.iter().map(|edge| plan.links[edge]).collect()
            };
            let channels = spec.inputs.iter().flat_map(|edge| {
                let link = &plan.links[edge];
                link.producers(subtask).map(|writer| (link.input, writer))
            });
            let task = Task {
                vertex,
                subtask,
                inbox: Default::default(),
                event_time: EventTime::new(channels),
                inputs: links(&spec.inputs)
                    .into_iter()
                    .map(|link| InputEnd {
                        open: link.producers(subtask).count(),
                        told: false,
                    })
                    .collect(),
                exchanges: (spec.outputs.iter().zip(links(&spec.outputs)))
                    .map(|(edge, link)| Exchange::new(&link, subtask, self.seed(*edge, subtask)))
                    .collect(),
                body,
                ended: false,
            };
            self.tasks.push(task);
            if matches!(spec.role, Role::Guest | Role::GuestSource) {
                let started = self.start.as_ref().map(|start| {
                    let seat = self.seat(vertex, subtask);
                    start.share(&plan.graph, &spec.operators, seat)
                });
                let (restored, kept) = started.unzip();
                self.reopen(self.tasks.len() - 1, restored.unwrap_or_default(), kept)?;
            }
        }
        if spec.role == Role::GuestSource {
            self.assign(vertex)?;
        }
        Ok(())
    }

    /// Deals the splits of a source out to its subtasks.
    fn assign(&mut self, vertex: usize) -> Result<()> {
        let spec = &self.plan.vertices[vertex];
        let (operator, parallelism) = (spec.operators[0], spec.parallelism);
        let splits = match self.start.as_ref().and_then(|start| start.splits(operator)) {
            Some(splits) => splits,
            None => self.find_splits(vertex)?,
        };
        let mut dealt = vec![empty_blobs(); parallelism as usize];
        for (index, split) in blobs_iter(&splits).enumerate() {
            let to = &mut dealt[index % parallelism as usize];
            blobs_push::<std::convert::Infallible>(to, |bytes| {
                bytes.extend_from_slice(split);
                Ok(())
            })?;
        }
        let first = self.tasks.len() - parallelism as usize;
        for (index, splits) in dealt.iter().enumerate() {
            self.call(first + index, |instance| instance.assign(splits))?;
        }
        Ok(())
    }

    fn find_splits(&self, vertex: usize) -> Result<Blobs> {
        let spec = &self.plan.vertices[vertex];
        let (operator, parallelism) = (spec.operators[0], spec.parallelism);
        let seat = self.seat(vertex, 0);
        let host = Box::new(MemoryHost::new(seat, SplitMix(self.job.seed)));
        let (splits, _) = native::lend(host, || {
            native::splits(self.job.main, &self.job.args, operator, parallelism)
        });
        splits.map_err(|failure| failed(&spec.name, 0, &failure))
    }

    /// Opens the operators of a subtask; what its host knew is carried over, or given.
    pub(super) fn reopen(
        &mut self,
        task: usize,
        restored: Vec<OperatorState>,
        kept: Option<Kept>,
    ) -> Result<()> {
        let (vertex, subtask) = (self.tasks[task].vertex, self.tasks[task].subtask);
        let seed = self.seed(self.plan.links.len() + vertex, subtask);
        let mut host = MemoryHost::new(self.seat(vertex, subtask), seed.fork(self.restarts.into()));
        host.clock = self.clock;
        if let Some(kept) = kept {
            (host.rows, host.timers) = (kept.rows, kept.timers);
        }
        if let Some(old) = self.tasks[task].host() {
            host.rows = std::mem::take(&mut old.rows);
            host.timers = std::mem::take(&mut old.timers);
            host.reports = std::mem::take(&mut old.reports);
        }
        let context = self.context(vertex, subtask, restored);
        let slot = self.tasks[task].body.slot();
        let slot = slot.expect("only operators of the bundle are opened");
        // The old operators go first, as they would with their process.
        *slot = None;
        let opened = Instance::open(self.job.main, context, Box::new(host));
        let name = &self.plan.vertices[vertex].name;
        let mut instance = opened.map_err(|failure| failed(name, subtask, &failure))?;
        memory(instance.host()).check()?;
        *slot = Some(instance);
        Ok(())
    }

    fn seat(&self, vertex: usize, subtask: u32) -> Seat {
        let spec = &self.plan.vertices[vertex];
        Seat {
            subtask,
            parallelism: spec.parallelism,
            max_parallelism: spec.max_parallelism,
            max_record_bytes: self.job.max_record_bytes,
        }
    }

    /// Random numbers of their own for a part of the job.
    fn seed(&self, part: usize, subtask: u32) -> SplitMix {
        SplitMix(self.job.seed)
            .fork(part as u64)
            .fork(u64::from(subtask))
    }

    fn context(&self, vertex: usize, subtask: u32, restored: Vec<OperatorState>) -> TaskContext {
        let (plan, job) = (&self.plan, &self.job);
        let spec = &plan.vertices[vertex];
        let output = |edge: &usize| OutputEdge {
            edge: *edge as u32,
            channels: plan.links[edge].readers,
        };
        TaskContext {
            job: plan.graph.name.clone(),
            args: job.args.clone(),
            operators: spec.operators.clone(),
            inputs: spec.inputs.iter().map(|edge| *edge as u32).collect(),
            outputs: spec.outputs.iter().map(output).collect(),
            subtask,
            parallelism: spec.parallelism,
            max_parallelism: spec.max_parallelism,
            attempt: self.restarts,
            restored,
            has_keyed_state: self.restarts > 0,
            cache_bytes: job.cache_bytes,
            batch_bytes: job.batch_bytes,
            max_record_bytes: job.max_record_bytes,
            on_bad_record: if job.skip_bad_records {
                BadRecordPolicy::Skip
            } else {
                BadRecordPolicy::Fail
            },
        }
    }
}
