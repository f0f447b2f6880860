//! What a test that drives the job can have happen.
//!
//! Called by [`Harness`](super::super::Harness). Invariant: no record is on its way when a function returns.

use std::rc::Rc;

use anyhow::{Result, ensure};

use super::super::feed;
use super::super::host::Emitted;
use super::super::outcome::Outcome;
use super::super::plan::{Plan, Role};
use super::super::records::Encoded;
use super::super::restore::Snapshot;
use super::super::task::{Body, Task};
use super::{Executor, sink_output};
use crate::host::{blobs_iter, empty_blobs};
use crate::native::Instance;

impl Executor {
    pub(in super::super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(in super::super) fn clock(&self) -> i64 {
        self.clock
    }

    /// Has a source hand over records.
    pub(in super::super) fn push(&mut self, vertex: usize, records: &[Encoded]) -> Result<()> {
        let spec = &self.plan.vertices[vertex];
        ensure!(
            spec.role == Role::Feed,
            "the source `{}` makes its records itself; poll it instead",
            spec.name
        );
        let dealt = self.dealt.entry(vertex).or_default();
        let share = (*dealt, spec.parallelism as usize);
        *dealt += records.len();
        let feeds = feed::deal(&self.job, records, share);
        for (subtask, batches) in feeds.into_iter().enumerate() {
            let task = self.first[vertex] + subtask;
            for batch in batches {
                let outputs = self.tasks[task].exchanges.len();
                let emitted = (0..outputs).map(|output| Emitted::Records(output, batch.clone()));
                self.route(task, emitted.collect())?;
                self.drain()?;
            }
        }
        Ok(())
    }

    /// Has the subtasks of a source say how far event time has come, or that they are idle.
    pub(in super::super) fn say(&mut self, vertex: usize, watermark: Option<i64>) -> Result<()> {
        for task in self.tasks_of(vertex) {
            let said = watermark.map_or(Emitted::Idle, Emitted::Watermark);
            self.route(task, vec![said])?;
        }
        self.drain()
    }

    pub(in super::super) fn poll_all(&mut self, vertex: usize) -> Result<()> {
        let spec = &self.plan.vertices[vertex];
        ensure!(
            spec.role == Role::GuestSource,
            "the source `{}` has no code that could be polled; push its records instead",
            spec.name
        );
        for task in self.tasks_of(vertex) {
            if !matches!(self.tasks[task].body, Body::Source { finished: true, .. }) {
                self.poll(task)?;
                self.drain()?;
            }
        }
        Ok(())
    }

    /// Lets the clock go on, timer by timer.
    pub(in super::super) fn advance_clock(&mut self, to: i64) -> Result<()> {
        while let Some(time) = self.next_timer().filter(|time| *time <= to) {
            self.clock = self.clock.max(time);
            self.fire_processing()?;
        }
        self.clock = self.clock.max(to);
        self.probe()
    }

    /// When the next timer of processing time fires.
    pub(super) fn next_timer(&mut self) -> Option<i64> {
        let hosts = self.tasks.iter_mut().filter_map(Task::host);
        hosts.filter_map(|host| host.timers.next_processing()).min()
    }

    /// What the sinks have.
    pub(in super::super) fn so_far(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for (vertex, spec) in self.plan.vertices.iter().enumerate() {
            if spec.role == Role::Sink {
                let records = |task: usize| match &self.tasks[task].body {
                    Body::Sink(records) => records.clone(),
                    Body::Feed(_) | Body::Guest(_) | Body::Source { .. } => Vec::new(),
                };
                let subtasks = self.tasks_of(vertex).into_iter().map(records);
                let output = sink_output(&self.plan, spec, subtasks.collect());
                outcome.sinks.push(output);
            }
        }
        outcome
    }

    /// Forgets what a sink has, by its name or uid.
    pub(in super::super) fn clear_sink(&mut self, name: &str) {
        let plan = Rc::clone(&self.plan);
        for (vertex, spec) in plan.vertices.iter().enumerate() {
            let operator = &plan.graph.operators[spec.operators[0] as usize];
            if operator.name == name || operator.uid.as_deref() == Some(name) {
                for task in self.tasks_of(vertex) {
                    if let Body::Sink(records) = &mut self.tasks[task].body {
                        records.clear();
                    }
                }
            }
        }
    }

    pub(in super::super) fn counter(&mut self, name: &str) -> u64 {
        let hosts = self.tasks.iter_mut().filter_map(Task::host);
        let counts = hosts.filter_map(|host| host.reports.counters.get(name).copied());
        counts.sum()
    }

    pub(in super::super) fn snapshot(&mut self) -> Result<Snapshot> {
        let plan = Rc::clone(&self.plan);
        let mut snapshot = Snapshot {
            graph: plan.graph.clone(),
            clock: self.clock,
            kept: Default::default(),
            states: Default::default(),
            splits: Default::default(),
        };
        for task in self.running() {
            let states = self.call(task, Instance::snapshot)?;
            let operators = &plan.vertices[self.tasks[task].vertex].operators;
            for id in operators {
                let own = states.iter().filter(|state| state.operator == *id);
                let subtasks = snapshot.states.entry(*id).or_default();
                subtasks.push(own.cloned().collect());
            }
            if self.role(task) == Role::GuestSource {
                let splits = self.call(task, Instance::snapshot_splits)?;
                let known = snapshot
                    .splits
                    .entry(operators[0])
                    .or_insert_with(empty_blobs);
                for split in blobs_iter(&splits) {
                    known.data.extend_from_slice(split);
                    known.ends.push(known.data.len() as u32);
                }
            }
            if let Some(host) = self.tasks[task].host() {
                let kept = snapshot.kept.entry(operators[0]).or_default();
                kept.rows.extend(host.rows.clone());
                kept.timers.extend(&host.timers);
            }
        }
        Ok(snapshot)
    }

    fn tasks_of(&self, vertex: usize) -> Vec<usize> {
        let first = self.first[vertex];
        let count = self.plan.vertices[vertex].parallelism as usize;
        (first..first + count).collect()
    }
}
