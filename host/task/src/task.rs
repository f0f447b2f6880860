//! The loop of one task: decide, do, until the input has ended or the task is stopped.

use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Signal};
use wasmill_connectors::Committable;
use wasmill_network::Gate;
use wasmill_types::operator::{Operator, PollStatus, TaskContext, TimeDomain};
use wasmill_types::{Batch, Element, HostError, TaskFailure};

use crate::host::TaskHost;
use crate::mailbox::{Facts, Next, select};
use crate::source::SourceRole;
use crate::valve::{Passed, Valve};

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
    /// The channels of other tasks.
    pub gate: Option<Gate>,
    /// Per input of the operator, its channels in the order of the gate.
    pub inputs: Vec<TaskInput>,
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
    /// The number of the input in calls of the operator.
    pub input: u32,
    /// The gate's first channel of this input.
    pub first_channel: usize,
    /// The event time of its channels.
    pub valve: Valve,
    /// How many channels have not ended.
    pub open_channels: usize,
    /// The names of the subtasks that write the channels.
    pub peers: Vec<String>,
}

/// What drives the loop besides the task's parts.
struct Progress {
    /// When records that were collected must be sent.
    flush_at: Option<Duration>,
    /// When the source may be polled.
    poll_at: Option<Duration>,
    /// Inputs and sources that have not ended.
    open_inputs: usize,
    /// The watermark of each input.
    watermarks: Vec<i64>,
    /// The watermark that was sent on.
    watermark: i64,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Task {
    /// Runs the task to the end of its input; per output, what its sinks want to commit.
    ///
    /// # Errors
    /// Whatever ended the task before that.
    pub fn run(mut self) -> Result<Vec<Vec<Committable>>, TaskFailure> {
        self.operator.open(&self.context)?;
        let mut progress = Progress {
            flush_at: None,
            poll_at: self.source.is_some().then_some(Duration::ZERO),
            open_inputs: self.inputs.len() + usize::from(self.source.is_some()),
            watermarks: vec![i64::MIN; self.inputs.len()],
            watermark: i64::MIN,
        };
        while progress.open_inputs > 0 {
            self.step(&mut progress)?;
        }
        self.finish()
    }

    fn step(&mut self, progress: &mut Progress) -> Result<(), TaskFailure> {
        let now = self.clock.monotonic();
        match select(self.facts(progress, now), self.gate.as_mut()) {
            Next::Cancel => return Err(TaskFailure::Cancelled),
            Next::Flush => {
                self.operator.host().flush()?;
                progress.flush_at = None;
            }
            Next::FireTimers => {
                let now_ms = self.clock.now_ms();
                self.fire_timers(TimeDomain::Processing, now_ms)?;
            }
            Next::Poll => self.poll(progress, now)?,
            Next::Input(channel, element) => self.take(channel, element, progress)?,
            Next::Lost(lost) => return Err(self.lost(lost.channel)),
            Next::WaitForRoom(timeout) => {
                self.operator.host().notify_when_room(&self.signal);
                self.signal.wait(timeout);
                return Ok(());
            }
            Next::Wait(timeout) => {
                self.signal.wait(timeout);
                return Ok(());
            }
        }
        if progress.flush_at.is_none() && self.operator.host().is_dirty() {
            progress.flush_at = Some(now + self.buffer_timeout);
        }
        Ok(())
    }

    fn facts(&mut self, progress: &Progress, now: Duration) -> Facts {
        let host = self.operator.host();
        let timer = host
            .timers
            .as_ref()
            .and_then(|timers| timers.next(TimeDomain::Processing));
        let timer_in = timer.map(|at| {
            Duration::from_millis(at.saturating_sub(self.clock.now_ms()).max(0).unsigned_abs())
        });
        Facts {
            is_cancelled: self.cancel.is_cancelled(),
            has_room: host.has_room(),
            flush_at: progress.flush_at,
            timer_in,
            poll_at: progress.poll_at,
            now,
        }
    }

    fn poll(&mut self, progress: &mut Progress, now: Duration) -> Result<(), TaskFailure> {
        let Some(source) = &mut self.source else {
            return Ok(());
        };
        let now_ms = self.clock.now_ms();
        match source.poll(self.operator.as_mut(), now_ms)? {
            PollStatus::Ready => {}
            PollStatus::IdleUntil(at) => {
                let wait = at.saturating_sub(now_ms).max(0).unsigned_abs();
                progress.poll_at = Some(now + Duration::from_millis(wait));
                return Ok(());
            }
            PollStatus::Finished => {
                progress.poll_at = None;
                progress.open_inputs -= 1;
                self.end_source()?;
                return Ok(());
            }
        }
        progress.poll_at = Some(Duration::ZERO);
        self.note_first_record(now);
        Ok(())
    }

    /// Ends the inputs that the source feeds: a connector's in the chain, or the chain itself.
    fn end_source(&mut self) -> Result<(), TaskFailure> {
        let inputs = match &self.source {
            Some(SourceRole::Connector(source)) => source.inputs.clone(),
            Some(SourceRole::Guest { .. }) => vec![0],
            None => Vec::new(),
        };
        for input in inputs {
            self.operator.on_watermark(input, i64::MAX)?;
            self.operator.end_of_input(input)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        channel: usize,
        element: Element,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        let index = self
            .inputs
            .partition_point(|input| input.first_channel <= channel)
            - 1;
        let local = channel - self.inputs[index].first_channel;
        match element {
            Element::Batch(batch) => self.process(index, batch),
            Element::Watermark(time) => {
                let passed = self.inputs[index].valve.watermark(local, time);
                passed.map_or(Ok(()), |passed| self.pass(index, passed, progress))
            }
            Element::Status(status) => {
                let passed = self.inputs[index].valve.status(local, status);
                passed
                    .into_iter()
                    .try_for_each(|passed| self.pass(index, passed, progress))
            }
            // Records have ended; the end of the partition follows and is what counts here.
            Element::EndOfData => Ok(()),
            Element::EndOfPartition => {
                let input = &mut self.inputs[index];
                input.open_channels -= 1;
                if input.open_channels == 0 {
                    progress.open_inputs -= 1;
                    let number = input.input;
                    self.operator.end_of_input(number)?;
                }
                Ok(())
            }
        }
    }

    fn process(&mut self, index: usize, batch: Batch) -> Result<(), TaskFailure> {
        let records = batch.view();
        self.operator
            .host()
            .metrics
            .add_in(records.len(), records.data.len());
        self.operator.process(self.inputs[index].input, &records)?;
        if let Some(gate) = &mut self.gate {
            gate.recycle(batch);
        }
        Ok(())
    }

    /// Lets event time through: timers first, then the operator, then those behind it (semantics §1.19).
    fn pass(
        &mut self,
        index: usize,
        passed: Passed,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        let time = match passed {
            Passed::Status(status) => {
                return self.operator.host().broadcast(&Element::Status(status));
            }
            Passed::Watermark(time) => time,
        };
        progress.watermarks[index] = time;
        let combined = progress.watermarks.iter().copied().min().unwrap_or(time);
        if combined > progress.watermark {
            self.fire_timers(TimeDomain::Event, combined)?;
        }
        self.operator.on_watermark(self.inputs[index].input, time)?;
        if combined > progress.watermark {
            progress.watermark = combined;
            self.operator
                .host()
                .broadcast(&Element::Watermark(combined))?;
        }
        Ok(())
    }

    /// Fires timers up to a time, those included that firing registers.
    fn fire_timers(&mut self, domain: TimeDomain, up_to: i64) -> Result<(), TaskFailure> {
        while let Some(timers) = &mut self.operator.host().timers {
            let due = timers.due(domain, up_to, TIMERS_PER_CALL);
            if due.times.is_empty() || self.cancel.is_cancelled() {
                return Ok(());
            }
            self.operator.on_timers(domain, &due)?;
        }
        Ok(())
    }

    /// Ends the task in good order (semantics §9.1, §9.4).
    fn finish(&mut self) -> Result<Vec<Vec<Committable>>, TaskFailure> {
        if self.source.is_some() {
            self.operator
                .host()
                .broadcast(&Element::Watermark(i64::MAX))?;
        }
        self.operator.host().broadcast(&Element::EndOfData)?;
        self.operator.close()?;
        let host = self.operator.host();
        let committables = host.finish()?;
        host.broadcast(&Element::EndOfPartition)?;
        Ok(committables)
    }

    fn lost(&self, channel: usize) -> TaskFailure {
        let names = self.inputs.iter().flat_map(|input| &input.peers);
        let peer = names
            .into_iter()
            .nth(channel)
            .map_or("a producer", String::as_str);
        HostError::new(format!("lost the connection to {peer}")).into()
    }

    fn note_first_record(&mut self, now: Duration) {
        use std::sync::atomic::Ordering::Relaxed;
        let metrics = &self.operator.host().metrics;
        let first = &metrics.first_record_nanos;
        if first.load(Relaxed) < 0
            && metrics.records_in.load(Relaxed) + metrics.records_out.load(Relaxed) > 0
        {
            first.store(now.as_nanos() as i64, Relaxed);
        }
    }
}
