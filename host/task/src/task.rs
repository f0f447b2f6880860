//! The loop of one task: decide, do, until the input has ended or the task is stopped.
//!
//! [`crate::deployment`] makes a [`Task`] on its thread and runs it; `checkpoint` has what it does at
//! barriers and at its end. Invariants: nothing else touches the
//! task; it waits on its one signal only, except that an `emit` in the middle of a call waits for the
//! channel that is full; cancelling ends every wait.

mod checkpoint;

use std::ops::Range;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Signal};
use wasmill_network::Gate;
use wasmill_types::id::EdgeId;
use wasmill_types::operator::{Operator, PollStatus, TaskContext, TimeDomain, Timers};
use wasmill_types::{Batch, Element, HostError, TaskFailure};

use crate::event_time::{InputTime, Origin};
use crate::host::TaskHost;
use crate::mailbox::{Facts, Next, select};
use crate::metrics::Wait;
use crate::outcome::{Change, Outcome};
use crate::source::SourceRole;
use crate::valve::{Passed, Valve};

pub use checkpoint::Checkpoints;

/// How many timers are fired in one call.
const TIMERS_PER_CALL: usize = 1024;

/// Everything that one task is made of.
pub struct Task {
    /// What guest code is told about its place.
    pub context: TaskContext,
    /// The operator with the host side inside.
    pub operator: Box<dyn Operator<TaskHost>>,
    /// Makes the records of a source task.
    pub source: Option<SourceRole>,
    /// What it does at barriers.
    pub checkpoints: Checkpoints,
    /// The channels of other tasks.
    pub gate: Option<Gate>,
    /// Per input from other tasks, its channels in the order of the gate; input `i` of the operator is
    /// `inputs[i]`.
    pub inputs: Vec<TaskInput>,
    /// Who says how event time passes for its outputs.
    pub event_time: Origin,
    /// How long records wait for others to share their frame.
    pub buffer_timeout: Duration,
    /// The clock.
    pub clock: Clock,
    /// Wakes the task.
    pub signal: Signal,
    /// Stops the task.
    pub cancel: CancelToken,
}

/// One input of the operator that comes from other tasks.
#[derive(Debug)]
pub struct TaskInput {
    /// The edge.
    pub edge: EdgeId,
    /// The subtasks that write to its channels, in their order.
    pub producers: Range<u32>,
    /// The gate's first channel of this input.
    pub first_channel: usize,
    /// The event time of its channels.
    pub valve: Valve,
    /// How many channels may still bring records.
    pub open_channels: usize,
}

/// What drives the loop besides the task's parts.
struct Progress {
    /// When records that were collected must be sent.
    flush_at: Option<Duration>,
    /// When the source may be polled.
    poll_at: Option<Duration>,
    /// When the operators that make watermarks are probed.
    probe_at: Option<Duration>,
    /// Inputs and sources that may still bring records.
    open_inputs: usize,
    /// Channels that have not said that their producer is gone.
    open_channels: usize,
    /// The event time of the inputs.
    event_time: InputTime,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Task {
    /// Runs the task to the end of its input (semantics §9.1, §9.2, §9.4); what its sinks want to commit
    /// is staged in `outcome`.
    ///
    /// # Errors
    /// Whatever ended the task before that.
    pub fn run(&mut self, outcome: &Outcome) -> Result<(), TaskFailure> {
        self.open()?;
        self.operator.host().observer.changed(Change::Running);
        let mut progress = self.start();
        while progress.open_inputs > 0 && !self.checkpoints.is_stopped() {
            self.step(&mut progress)?;
        }
        self.finish(progress, outcome)
    }

    fn finish(&mut self, mut progress: Progress, outcome: &Outcome) -> Result<(), TaskFailure> {
        if !self.checkpoints.is_stopped() {
            self.end_data(&mut progress, outcome)?;
        }
        // Whoever leaves before its producers do looks to them like a failure.
        while progress.open_channels > 0 || self.checkpoints.waits() {
            self.step(&mut progress)?;
        }
        if !self.checkpoints.is_restored_at_end() {
            self.operator.close()?;
        }
        self.operator.host().end_partition()
    }

    /// Opens the operators, unless they had finished before the checkpoint that the task is restored from
    /// (semantics §9.6).
    fn open(&mut self) -> Result<(), TaskFailure> {
        if self.checkpoints.is_restored_at_end() {
            return Ok(());
        }
        self.operator.open(&self.context)?;
        for (edge, batch) in self.checkpoints.take_in_flight() {
            // They came over edges of this job, or restoring would have been refused.
            if let Some(index) = self.inputs.iter().position(|input| input.edge == edge) {
                self.process(index, batch)?;
            }
        }
        let splits = self.checkpoints.take_splits();
        match &mut self.source {
            Some(source) => source.restore(self.operator.as_mut(), splits),
            None => Ok(()),
        }
    }

    fn start(&self) -> Progress {
        let is_at_end = self.checkpoints.is_restored_at_end();
        let reads = self.source.is_some() && !is_at_end;
        Progress {
            flush_at: None,
            poll_at: reads.then_some(Duration::ZERO),
            probe_at: self.next_probe(),
            open_inputs: match is_at_end {
                true => 0,
                false => self.inputs.len() + usize::from(reads),
            },
            open_channels: self.inputs.iter().map(|input| input.open_channels).sum(),
            event_time: InputTime::new(self.inputs.len()),
        }
    }

    fn step(&mut self, progress: &mut Progress) -> Result<(), TaskFailure> {
        let now = self.clock.monotonic();
        let facts = self.facts(progress, now);
        match select(facts, self.gate.as_mut()) {
            Next::Cancel => Err(TaskFailure::Cancelled),
            Next::Order => self.obey(progress),
            Next::Overtake => self.overtake(),
            Next::Flush => {
                progress.flush_at = None;
                self.operator.host().flush()
            }
            Next::WaitForRoom(until) => {
                self.operator.host().notify_when_room(&self.signal);
                self.wait(Wait::Room, until);
                Ok(())
            }
            Next::FireTimers => self
                .fire_timers(TimeDomain::Processing, self.clock.now_ms())
                .map(drop),
            Next::Probe => {
                progress.probe_at = self.next_probe();
                self.operator
                    .on_timers(TimeDomain::Processing, &Timers::default())
            }
            Next::Poll => self.poll(progress, now),
            Next::Input(channel, element) => self.take(channel, element, progress),
            Next::Lost(lost) => {
                tracing::debug!(%lost, "a producer is gone before its end");
                Err(match lost.reason {
                    // Its own failure is the one to report (see `outcome`).
                    None => TaskFailure::Cancelled,
                    // The way to it broke, which is nobody else's to report.
                    Some(reason) => HostError::new(&*reason).into(),
                })
            }
            Next::Wait(until) => {
                self.wait(Wait::Input, until);
                Ok(())
            }
        }
    }

    fn facts(&mut self, progress: &mut Progress, now: Duration) -> Facts {
        let host = self.operator.host();
        let has_room = host.has_room();
        // What could not be sent for lack of room must not be tried again before there is some.
        if progress.flush_at.is_none() && has_room && host.is_dirty() {
            progress.flush_at = Some(now + self.buffer_timeout);
        }
        // At the end of the input the timers that have not fired are dropped (semantics §2.10).
        // What they emit after the barrier of a savepoint with which the job stops would be lost.
        let may_fire = progress.open_inputs > 0 && !self.checkpoints.is_stopping();
        let timers = host.timers.as_ref().filter(|_| may_fire);
        let timer = timers.and_then(|timers| timers.next(TimeDomain::Processing));
        Facts {
            is_cancelled: self.cancel.is_cancelled(),
            has_orders: self.checkpoints.has_orders(),
            overtake_at: self.overtakes_at(now),
            has_room,
            flush_at: progress.flush_at,
            timer_at: timer.map(|at| self.when(at, now)),
            probe_at: progress.probe_at.filter(|_| may_fire),
            // After the barrier of a savepoint with which the job stops nothing new is made.
            poll_at: progress.poll_at.filter(|_| !self.checkpoints.is_stopping()),
            now,
        }
    }

    /// When operators that make watermarks are probed next, by the monotonic clock.
    fn next_probe(&self) -> Option<Duration> {
        let Origin::Chain(Some(interval)) = self.event_time else {
            return None;
        };
        Some(self.clock.monotonic().saturating_add(interval))
    }

    /// When the monotonic clock will be where the other one shows `at_ms`, given that it shows `now`.
    fn when(&self, at_ms: i64, now: Duration) -> Duration {
        let left = at_ms.saturating_sub(self.clock.now_ms()).max(0);
        now.saturating_add(Duration::from_millis(left.unsigned_abs()))
    }

    fn wait(&mut self, wait: Wait, until: Option<Duration>) {
        let times = &self.operator.host().metrics.times;
        times.wait(&self.clock, wait, || match until {
            Some(deadline) => self.signal.wait_until(&self.clock, deadline),
            None => self.signal.wait(None),
        });
    }

    fn poll(&mut self, progress: &mut Progress, now: Duration) -> Result<(), TaskFailure> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let status = source.poll(self.operator.as_mut(), self.clock.now_ms())?;
        let metrics = &self.operator.host().metrics;
        if metrics.first_record.get().is_none() && source.has_made_records(metrics) {
            metrics.first_record.get_or_init(|| self.clock.monotonic());
        }
        progress.poll_at = match status {
            PollStatus::Ready => Some(Duration::ZERO),
            PollStatus::IdleUntil(at_ms) => Some(self.when(at_ms, now)),
            PollStatus::IdleFor(pause) => Some(self.clock.monotonic().saturating_add(pause)),
            PollStatus::Finished => None,
        };
        if status == PollStatus::Finished {
            progress.open_inputs -= 1;
            return self.end_source();
        }
        Ok(())
    }

    /// Ends event time and then the inputs that the source feeds.
    fn end_source(&mut self) -> Result<(), TaskFailure> {
        let inputs = self.source.as_ref().map(|source| source.inputs().to_vec());
        let inputs = inputs.unwrap_or_default();
        if !inputs.is_empty() {
            self.operator.on_watermark(i64::MAX)?;
        }
        self.operator.host().watermark(i64::MAX)?;
        let mut inputs = inputs.into_iter();
        inputs.try_for_each(|input| self.operator.end_of_input(input))
    }

    fn take(
        &mut self,
        channel: usize,
        element: Element,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        if self.checkpoints.is_restored_at_end() {
            return self.pass_by(channel, element, progress);
        }
        let index = self
            .inputs
            .partition_point(|input| input.first_channel <= channel)
            - 1;
        let input = &mut self.inputs[index];
        let local = channel - input.first_channel;
        match element {
            Element::Batch(batch) => {
                self.checkpoints.record(channel, &batch);
                self.process(index, batch)
            }
            Element::Watermark(time) => {
                let passed = input.valve.watermark(local, time);
                passed.map_or(Ok(()), |passed| self.pass(index, passed, progress))
            }
            Element::Status(status) => {
                let mut passed = input.valve.status(local, status).into_iter();
                passed.try_for_each(|passed| self.pass(index, passed, progress))
            }
            Element::Barrier(barrier) => self.barrier(channel, barrier),
            Element::EndOfData => {
                if progress.open_inputs == 0 {
                    return Ok(());
                }
                input.open_channels -= 1;
                if input.open_channels > 0 {
                    return Ok(());
                }
                progress.open_inputs -= 1;
                self.operator.end_of_input(index as u32)
            }
            Element::EndOfPartition => {
                progress.open_channels -= 1;
                self.channel_ended(channel)
            }
        }
    }

    /// The operators have finished before the checkpoint that the task was restored from: what comes is the end
    /// that they have seen (semantics §9.6).
    fn pass_by(
        &mut self,
        channel: usize,
        element: Element,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        match element {
            Element::Barrier(barrier) => self.barrier(channel, barrier),
            Element::EndOfPartition => {
                progress.open_channels -= 1;
                self.channel_ended(channel)
            }
            Element::Batch(_) | Element::Watermark(_) | Element::Status(_) | Element::EndOfData => {
                Ok(())
            }
        }
    }

    fn process(&mut self, index: usize, batch: Batch) -> Result<(), TaskFailure> {
        let records = batch.view();
        let metrics = &self.operator.host().metrics;
        metrics.add_in(records.len(), records.data.len());
        self.operator.process(index as u32, &records)?;
        if let Some(gate) = &mut self.gate {
            gate.recycle(batch);
        }
        Ok(())
    }

    /// Lets through what a valve let through.
    fn pass(
        &mut self,
        index: usize,
        passed: Passed,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        match passed {
            Passed::Watermark(time) => {
                let combined = progress.event_time.watermark(index, time);
                combined.map_or(Ok(()), |time| self.advance(time))
            }
            Passed::Status(status) => {
                for passed in progress.event_time.status(index, status) {
                    match passed {
                        Passed::Watermark(time) => self.advance(time)?,
                        Passed::Status(status) if self.event_time == Origin::Inputs => {
                            self.operator.host().status(status)?;
                        }
                        Passed::Status(_) => {}
                    }
                }
                Ok(())
            }
        }
    }

    /// Event time has advanced: first the operators hear of it, then timers fire, then those behind the
    /// task hear of it (semantics §1.19, §2.3).
    fn advance(&mut self, time: i64) -> Result<(), TaskFailure> {
        self.operator.host().metrics.watermark_in.set(time);
        self.operator.on_watermark(time)?;
        while self.fire_timers(TimeDomain::Event, time)? {}
        match self.event_time.lets_through(time) {
            true => self.operator.host().watermark(time),
            false => Ok(()),
        }
    }

    /// Fires timers up to a time with one call; whether there were any. Firing may register more.
    fn fire_timers(&mut self, domain: TimeDomain, up_to: i64) -> Result<bool, TaskFailure> {
        let Some(timers) = &mut self.operator.host().timers else {
            return Ok(false);
        };
        let due = timers.due(domain, up_to, TIMERS_PER_CALL);
        if due.times.is_empty() {
            return Ok(false);
        }
        // A bundle may register due timers for ever.
        if self.cancel.is_cancelled() {
            return Err(TaskFailure::Cancelled);
        }
        self.operator.on_timers(domain, &due)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
