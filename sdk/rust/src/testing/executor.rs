//! Runs a plan on one thread: takes a batch from a source, moves all records that it causes to where they
//! end, and takes the next.
//!
//! Called by [`super::Job::run`]. Invariant: between two batches no record is on its way, so a snapshot
//! taken there is consistent.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

mod drive;
mod open;
mod time;

use anyhow::{Result, bail, ensure};

use super::host::Emitted;
use super::outcome::{Outcome, SinkOutput};
use super::plan::{Plan, Role, Vertex};
use super::restore::{self, Snapshot};
use super::task::{Body, Item, Task};
use super::{Job, feed};
use crate::host::{PollStatus, blobs_iter, empty_blobs};
use crate::native::Instance;

/// A job at work.
pub(super) struct Executor {
    job: Rc<Job>,
    plan: Rc<Plan>,
    /// What the subtasks start from.
    start: Option<Snapshot>,
    /// How many records a test has pushed to each source.
    dealt: BTreeMap<usize, usize>,
    tasks: Vec<Task>,
    /// The place of each vertex's subtask 0 among the tasks.
    first: Vec<usize>,
    clock: i64,
    /// Batches taken from sources.
    batches: u64,
    polls: u64,
    restarts: u32,
    /// How many snapshots were taken.
    checkpoints: u64,
}

/// What a source did when it was asked.
enum Step {
    /// It handed over a batch.
    Moved,
    /// It has nothing before this time.
    Idle(i64),
    /// It is at its end.
    Ended,
}

impl Executor {
    pub(super) fn new(job: Rc<Job>, plan: Rc<Plan>, start: Option<Snapshot>) -> Result<Self> {
        let vertices = plan.vertices.len();
        let mut executor = Self {
            clock: start.as_ref().map_or(job.start, |start| start.clock),
            restarts: u32::from(start.is_some()),
            job,
            plan,
            start,
            dealt: BTreeMap::new(),
            tasks: Vec::new(),
            first: Vec::new(),
            batches: 0,
            polls: 0,
            checkpoints: 0,
        };
        for vertex in 0..vertices {
            executor.first.push(executor.tasks.len());
            executor.add_vertex(vertex)?;
        }
        executor.start = None;
        Ok(executor)
    }

    pub(super) fn run(mut self) -> Result<Outcome> {
        let is_source = |task: &usize| matches!(self.role(*task), Role::Feed | Role::GuestSource);
        let sources: Vec<usize> = (0..self.tasks.len()).filter(is_source).collect();
        while sources.iter().any(|source| !self.tasks[*source].ended) {
            self.round(&sources)?;
        }
        let late = self.job.pauses().find(|after| *after > self.batches);
        if let Some(after) = late {
            bail!(
                "the job ended after {} batches, before the snapshot after {after}; make the batches smaller \
                 with `batch_records`",
                self.batches
            );
        }
        Ok(self.into_outcome())
    }

    /// Asks every source once. When all are idle, time passes.
    fn round(&mut self, sources: &[usize]) -> Result<()> {
        let (mut moved, mut earliest) = (false, i64::MAX);
        for &source in sources {
            if self.tasks[source].ended {
                continue;
            }
            match self.step(source)? {
                Step::Idle(until) => earliest = earliest.min(until),
                Step::Moved | Step::Ended => moved = true,
            }
        }
        if !moved {
            let timer = self.next_timer();
            let next = timer.map_or(earliest, |timer| timer.min(earliest));
            self.clock = self.clock.max(next);
            self.fire_processing()?;
        }
        Ok(())
    }

    fn step(&mut self, source: usize) -> Result<Step> {
        let step = match &mut self.tasks[source].body {
            Body::Feed(batches) => match batches.pop_front() {
                None => Step::Ended,
                Some(batch) => {
                    let outputs = self.tasks[source].exchanges.len();
                    let emitted =
                        (0..outputs).map(|output| Emitted::Records(output, batch.clone()));
                    self.route(source, emitted.collect())?;
                    Step::Moved
                }
            },
            Body::Source { finished: true, .. } => {
                self.call(source, |instance| instance.end_of_input(0))?;
                Step::Ended
            }
            Body::Source { .. } | Body::Guest(_) | Body::Sink(_) => self.poll(source)?,
        };
        if matches!(step, Step::Ended) {
            self.route(source, vec![Emitted::Watermark(i64::MAX)])?;
            self.end(source);
        } else {
            self.batches += 1;
        }
        self.drain()?;
        if !matches!(step, Step::Ended) {
            self.probe()?;
            self.fire_processing()?;
            self.pause()?;
        }
        Ok(step)
    }

    fn poll(&mut self, source: usize) -> Result<Step> {
        let limit = self.job.max_polls;
        self.polls += 1;
        ensure!(
            self.polls <= limit,
            "the job has not ended after {limit} polls of its sources; give the source an end, or raise the \
             limit with `max_polls`"
        );
        let records = self.job.batch_records;
        match self.call(source, |instance| instance.poll(records))? {
            PollStatus::Ready => Ok(Step::Moved),
            PollStatus::IdleUntil(time) => Ok(Step::Idle(time)),
            PollStatus::Finished => {
                if let Body::Source { finished, .. } = &mut self.tasks[source].body {
                    *finished = true;
                }
                Ok(Step::Moved)
            }
        }
    }

    /// Moves all records to where they end; vertices lie in the order of the flow.
    fn drain(&mut self) -> Result<()> {
        for task in 0..self.tasks.len() {
            while let Some((channel, item)) = self.tasks[task].inbox.pop_front() {
                match (item, &mut self.tasks[task].body) {
                    (Item::Records(batch), Body::Sink(records)) => {
                        let list = feed::as_blobs(batch);
                        records.extend(blobs_iter(&list).map(<[u8]>::to_vec));
                    }
                    (Item::Watermark(_) | Item::Idle, Body::Sink(_)) => {}
                    (Item::Records(batch), _) => {
                        let input = channel.0 as u32;
                        self.call(task, |instance| instance.process(input, &batch))?;
                    }
                    (Item::Watermark(time), _) => {
                        let passed = self.tasks[task].event_time.watermark(channel, time);
                        passed.map_or(Ok(()), |time| self.advance(task, time))?;
                    }
                    (Item::Idle, _) => self.idle(task, channel)?,
                }
            }
            self.tell_ends(task)?;
        }
        Ok(())
    }

    /// Tells a subtask which of its inputs have ended since it was told last.
    fn tell_ends(&mut self, task: usize) -> Result<()> {
        for input in 0..self.tasks[task].inputs.len() {
            let end = &mut self.tasks[task].inputs[input];
            if end.open > 0 || std::mem::replace(&mut end.told, true) {
                continue;
            }
            if self.role(task) != Role::Sink {
                self.call(task, |instance| instance.end_of_input(input as u32))?;
            }
        }
        let ended = &self.tasks[task];
        if !ended.ended && !ended.inputs.is_empty() && ended.inputs.iter().all(|end| end.told) {
            self.end(task);
        }
        Ok(())
    }

    /// Tells those who read from a subtask that nothing more comes from it.
    fn end(&mut self, task: usize) {
        let plan = Rc::clone(&self.plan);
        let ended = &mut self.tasks[task];
        ended.ended = true;
        let (vertex, subtask) = (ended.vertex, ended.subtask);
        for edge in &plan.vertices[vertex].outputs {
            let link = plan.links[edge];
            for reader in link.consumers(subtask) {
                let reader = self.first[link.to] + reader as usize;
                self.tasks[reader].inputs[link.input].open -= 1;
            }
        }
    }

    fn call<R>(
        &mut self,
        task: usize,
        call: impl FnOnce(&mut Instance) -> Result<R, crate::host::Failure>,
    ) -> Result<R> {
        let plan = Rc::clone(&self.plan);
        let name = &plan.vertices[self.tasks[task].vertex].name;
        let (result, emitted) = self.tasks[task].call(name, self.clock, call)?;
        self.route(task, emitted)?;
        Ok(result)
    }

    fn route(&mut self, task: usize, emitted: Vec<Emitted>) -> Result<()> {
        let plan = Rc::clone(&self.plan);
        let outputs = &plan.vertices[self.tasks[task].vertex].outputs;
        let writer = self.tasks[task].subtask;
        for emitted in emitted {
            let item = match emitted {
                Emitted::Records(output, batch) => {
                    let link = plan.links[&outputs[output]];
                    for (reader, part) in self.tasks[task].exchanges[output].spread(batch)? {
                        let reader = self.first[link.to] + reader as usize;
                        let item = ((link.input, writer), Item::Records(part));
                        self.tasks[reader].inbox.push_back(item);
                    }
                    continue;
                }
                Emitted::Watermark(time) if self.tasks[task].event_time.tells(time) => {
                    Item::Watermark(time)
                }
                Emitted::Watermark(_) => continue,
                Emitted::Idle => Item::Idle,
            };
            for output in outputs {
                let link = plan.links[output];
                for reader in link.consumers(writer) {
                    let reader = self.first[link.to] + reader as usize;
                    let item = ((link.input, writer), item.clone());
                    self.tasks[reader].inbox.push_back(item);
                }
            }
        }
        Ok(())
    }

    /// Takes the snapshot, and restarts, if the test asks for it at this point.
    fn pause(&mut self) -> Result<()> {
        let is_asked_for = |after: &BTreeSet<u64>| after.contains(&self.batches);
        let restart = is_asked_for(&self.job.restarts);
        let complete = is_asked_for(&self.job.snapshots);
        if !restart && !complete && !is_asked_for(&self.job.aborts) {
            return Ok(());
        }
        self.checkpoints += 1;
        let mut states = vec![Vec::new(); self.tasks.len()];
        let mut splits = vec![empty_blobs(); self.tasks.len()];
        for task in self.running() {
            states[task] = self.call(task, Instance::snapshot)?;
            if self.role(task) == Role::GuestSource {
                splits[task] = self.call(task, Instance::snapshot_splits)?;
            }
        }
        if !restart {
            return self.tell(complete);
        }
        self.restarts += 1;
        for task in self.running() {
            self.tasks[task].event_time.reset();
            let operators = &self.plan.vertices[self.tasks[task].vertex].operators;
            let own = &states[task];
            let restored = restore::given_back(&self.plan.graph, operators, own, &states);
            self.reopen(task, restored, None)?;
            if self.role(task) == Role::GuestSource {
                let splits = &splits[task];
                self.call(task, |instance| instance.assign(splits))?;
            }
            for input in 0..self.tasks[task].inputs.len() {
                if self.tasks[task].inputs[input].told {
                    self.call(task, |instance| instance.end_of_input(input as u32))?;
                }
            }
        }
        Ok(())
    }

    /// Tells all operators what came of the last checkpoint.
    fn tell(&mut self, complete: bool) -> Result<()> {
        let checkpoint = self.checkpoints;
        for task in self.running() {
            self.call(task, |instance| match complete {
                true => instance.checkpoint_complete(checkpoint),
                false => instance.checkpoint_aborted(checkpoint),
            })?;
        }
        Ok(())
    }

    /// The subtasks with operators of the bundle that have not ended.
    fn running(&self) -> Vec<usize> {
        let runs = |task: &usize| {
            let guest = matches!(self.role(*task), Role::Guest | Role::GuestSource);
            guest && !self.tasks[*task].ended
        };
        (0..self.tasks.len()).filter(runs).collect()
    }

    fn role(&self, task: usize) -> Role {
        self.plan.vertices[self.tasks[task].vertex].role
    }

    fn into_outcome(mut self) -> Outcome {
        let mut outcome = Outcome {
            batches: self.batches,
            ..Outcome::default()
        };
        let plan = Rc::clone(&self.plan);
        for (vertex, spec) in plan.vertices.iter().enumerate() {
            let tasks = self.first[vertex]..self.first[vertex] + spec.parallelism as usize;
            let mut subtasks = Vec::new();
            for task in &mut self.tasks[tasks] {
                if let Some(host) = task.host() {
                    outcome.add(std::mem::take(&mut host.reports));
                }
                if let Body::Sink(records) = &mut task.body {
                    subtasks.push(std::mem::take(records));
                }
            }
            if spec.role == Role::Sink {
                outcome.sinks.push(sink_output(&plan, spec, subtasks));
            }
        }
        outcome
    }
}

/// What a sink got, with what is to be known of the sink.
fn sink_output(plan: &Plan, spec: &Vertex, subtasks: Vec<Vec<Vec<u8>>>) -> SinkOutput {
    let operator = &plan.graph.operators[spec.operators[0] as usize];
    SinkOutput {
        name: operator.name.clone(),
        uid: operator.uid.clone(),
        format: plan.graph.edges[spec.inputs[0]].format.clone(),
        subtasks,
    }
}
