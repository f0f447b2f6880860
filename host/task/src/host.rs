//! What guest code calls back: its outputs, state, timers, clock and log, of one task.
//!
//! Columns from the guest are checked here, once. Invariants: whatever a guest passes ends in a result,
//! never in a panic; nothing follows the end of the data.

use std::sync::Arc;

use wasmill_actor::{Clock, Rng, Signal};
use wasmill_state::{Expiry, KeyedBackend, KeyedSnapshot, StateError, TimerService};
use wasmill_types::batch::MalformedBatch;
use wasmill_types::element::ChannelStatus;
use wasmill_types::operator::{
    Changes, LogLevel, OperatorHost, OptionalBlobs, Page, TimeDomain, Timers,
};
use wasmill_types::{Barrier, BatchView, BlobsView, Element, TaskFailure};

use crate::event_time::OutputTime;
use crate::keeper::ChannelRecords;
use crate::metrics::{Histogram, TaskMetrics};
use crate::outcome::Observer;
use crate::output::Output;
use crate::sink::SinkOutput;

/// The host side of one task.
pub struct TaskHost {
    /// Where the task's records go: first the outputs of its operators, then those that only the source
    /// connector of the task writes to.
    pub outputs: Vec<Output>,
    /// How many of `outputs` are the operators'.
    pub operator_outputs: usize,
    /// What the outputs were told about event time.
    pub event_time: OutputTime,
    /// Keyed state; none when the task has no keyed operator.
    pub state: Option<Box<dyn KeyedBackend>>,
    /// Timers; none when the task has no keyed operator.
    pub timers: Option<TimerService>,
    /// Which keyed states expire; none when the task has no keyed operator.
    pub expiry: Option<Expiry>,
    /// The clock.
    pub clock: Clock,
    /// The subtask's own randomness.
    pub rng: Rng,
    /// What the task counts.
    pub metrics: Arc<TaskMetrics>,
    /// Hears what the task does.
    pub observer: Arc<dyn Observer>,
    /// The largest record, in bytes.
    pub max_record_bytes: u32,
    /// Whether the end of the data was sent, after which nothing may be emitted.
    pub has_ended: bool,
}

impl std::fmt::Debug for TaskHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskHost")
            .field("outputs", &self.outputs)
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

impl TaskHost {
    /// Sends records that have been checked to an output.
    ///
    /// # Errors
    /// When the output cannot take them.
    pub fn send(&mut self, output: usize, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        if self.event_time.is_marked_idle() && !records.is_empty() {
            self.status(ChannelStatus::Active)?;
        }
        let target = &mut self.outputs[output];
        let (count, bytes) = (records.len(), records.data.len());
        self.metrics.add_out(count, bytes);
        if matches!(target, Output::Sink(_)) {
            self.metrics.add_sent(count);
        }
        target.emit(records)
    }

    /// The sinks.
    pub fn sinks(&mut self) -> impl Iterator<Item = &mut SinkOutput> {
        self.outputs.iter_mut().filter_map(Output::sink)
    }

    /// Keyed state and timers as they are now.
    ///
    /// # Errors
    /// When the backend cannot.
    pub fn snapshot(&mut self, checkpoint: u64) -> Result<Option<KeyedSnapshot>, StateError> {
        let (Some(state), Some(timers), Some(expiry)) =
            (&mut self.state, &mut self.timers, &self.expiry)
        else {
            return Ok(None);
        };
        KeyedSnapshot::take(checkpoint, state.as_mut(), timers, expiry).map(Some)
    }

    /// Tells the outputs that event time has advanced; ignored unless it has.
    ///
    /// # Errors
    /// When an edge cannot take it.
    pub fn watermark(&mut self, time: i64) -> Result<(), TaskFailure> {
        let told = self.event_time.watermark(time);
        if !told.is_empty() {
            self.metrics.watermark_out.set(time);
        }
        told.iter().try_for_each(|element| self.broadcast(element))
    }

    /// Tells the outputs whether the inputs hold back event time.
    ///
    /// # Errors
    /// When an edge cannot take it.
    pub fn status(&mut self, status: ChannelStatus) -> Result<(), TaskFailure> {
        let told = self.event_time.status(status);
        told.map_or(Ok(()), |element| self.broadcast(&element))
    }

    /// Cuts the outputs: what was sent belongs to the checkpoint. What the barrier overtook is returned.
    ///
    /// # Errors
    /// When an edge cannot take it.
    pub fn barrier(&mut self, barrier: &Arc<Barrier>) -> Result<Vec<ChannelRecords>, TaskFailure> {
        let mut overtaken = Vec::new();
        for output in &mut self.outputs {
            overtaken.extend(output.barrier(barrier)?);
        }
        Ok(overtaken)
    }

    /// Says that all records have been sent.
    ///
    /// # Errors
    /// When an edge cannot take it.
    pub fn end_data(&mut self) -> Result<(), TaskFailure> {
        self.has_ended = true;
        self.broadcast(&Element::EndOfData)
    }

    /// Says that the task is gone.
    ///
    /// # Errors
    /// When an edge cannot take it.
    pub fn end_partition(&mut self) -> Result<(), TaskFailure> {
        self.broadcast(&Element::EndOfPartition)
    }

    /// Sends what was collected, as far as there is room.
    ///
    /// # Errors
    /// When an output cannot take it.
    pub fn flush(&mut self) -> Result<(), TaskFailure> {
        self.outputs.iter_mut().try_for_each(Output::flush)
    }

    /// Whether records wait for a flush.
    pub fn is_dirty(&self) -> bool {
        self.outputs.iter().any(Output::is_dirty)
    }

    /// Whether every output would take records without waiting.
    pub fn has_room(&mut self) -> bool {
        self.outputs.iter_mut().all(Output::has_room)
    }

    /// Has a task woken when an output without room has some again, or at once when all have.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        match self
            .outputs
            .iter_mut()
            .find_map(|output| (!output.has_room()).then_some(output))
        {
            Some(full) => full.notify_when_room(signal),
            None => signal.notify(),
        }
    }

    fn broadcast(&mut self, element: &Element) -> Result<(), TaskFailure> {
        let outputs = &mut self.outputs;
        outputs
            .iter_mut()
            .try_for_each(|output| output.broadcast(element))
    }

    /// What the bundle emits must come before it has been told that its input has ended.
    fn check_open(&self, what: &str) -> Result<(), TaskFailure> {
        if self.has_ended {
            let problem =
                format!("it emitted {what} while it was closed, after its last input had ended");
            return Err(TaskFailure::Contract(problem));
        }
        Ok(())
    }

    fn keyed(&mut self) -> Result<&mut dyn KeyedBackend, TaskFailure> {
        match &mut self.state {
            Some(state) => Ok(state.as_mut()),
            None => Err(not_keyed("state")),
        }
    }

    fn keyed_timers(&mut self) -> Result<&mut TimerService, TaskFailure> {
        self.timers.as_mut().ok_or_else(|| not_keyed("timers"))
    }
}

fn not_keyed(what: &str) -> TaskFailure {
    TaskFailure::Contract(format!(
        "the chain has no keyed operator, so it has no keyed {what}"
    ))
}

/// A batch that breaks a limit is a different thing than one that makes no sense.
fn malformed(error: MalformedBatch) -> TaskFailure {
    match &error {
        MalformedBatch::RecordTooLarge { .. } => TaskFailure::Limit {
            limit: wasmill_wasm::Limits::RECORD,
            message: error.to_string(),
        },
        MalformedBatch::End { .. }
        | MalformedBatch::Trailing { .. }
        | MalformedBatch::Column { .. } => {
            TaskFailure::Contract(format!("it emitted a malformed batch: {error}"))
        }
    }
}

impl OperatorHost for TaskHost {
    fn emit(&mut self, output: u32, records: BatchView<'_>) -> Result<(), TaskFailure> {
        self.check_open("records")?;
        let records = records.checked(self.max_record_bytes).map_err(malformed)?;
        let (output, count) = (output as usize, self.operator_outputs);
        if output >= count {
            let problem = format!("it emitted on output {output}, and the chain has {count}");
            return Err(TaskFailure::Contract(problem));
        }
        self.send(output, &records)
    }

    fn emit_watermark(&mut self, time: i64) -> Result<(), TaskFailure> {
        self.check_open("a watermark")?;
        self.watermark(time)
    }

    fn mark_idle(&mut self) -> Result<(), TaskFailure> {
        self.check_open("its idleness")?;
        let told = self.event_time.mark_idle();
        told.map_or(Ok(()), |element| self.broadcast(&element))
    }

    fn state_get(
        &mut self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        self.keyed()?.get(state, keys, sub_keys)
    }

    fn state_write(&mut self, state: u32, changes: Changes<'_>) -> Result<(), TaskFailure> {
        self.keyed()?.write(state, &changes)
    }

    fn state_scan(
        &mut self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        self.keyed()?.scan(state, key, after, limit)
    }

    fn register_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure> {
        self.keyed_timers()?.register(domain, &timers)
    }

    fn delete_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure> {
        self.keyed_timers()?.delete(domain, &timers)
    }

    fn now(&mut self) -> i64 {
        self.clock.now_ms()
    }

    fn random(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// The task's span names the job, vertex and subtask.
    fn log(&mut self, level: LogLevel, message: &str) -> Result<(), TaskFailure> {
        self.observer.logged(level, message);
        match level {
            LogLevel::Error => tracing::error!(target: "guest", "{message}"),
            LogLevel::Warn => tracing::warn!(target: "guest", "{message}"),
            LogLevel::Info => tracing::info!(target: "guest", "{message}"),
            LogLevel::Debug => tracing::debug!(target: "guest", "{message}"),
            LogLevel::Trace => tracing::trace!(target: "guest", "{message}"),
        }
        Ok(())
    }

    fn counter_add(&mut self, name: &str, delta: u64) {
        self.metrics.count(name, delta);
    }

    fn gauge_set(&mut self, name: &str, value: f64) {
        self.metrics
            .with_guest(|guest| guest.gauges.insert(name.to_owned(), value));
    }

    fn histogram_record(&mut self, name: &str, value: f64) {
        self.metrics.with_guest(|guest| {
            let first = Histogram {
                min: value,
                max: value,
                ..Histogram::default()
            };
            let histogram = guest.histograms.entry(name.to_owned()).or_insert(first);
            histogram.count += 1;
            histogram.sum += value;
            histogram.min = histogram.min.min(value);
            histogram.max = histogram.max.max(value);
        });
    }
}

#[cfg(test)]
mod tests;
