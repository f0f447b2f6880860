//! What a task does at barriers, and at its end when checkpoints are taken (semantics §7.4, §8.5–8.7, §9).
//!
//! A barrier comes from the coordinator, at a task without running producers, or through the channels,
//! where the aligner says when it is complete. Invariants: sinks hand over, then the barrier goes
//! downstream, then state is taken, and no record is processed in between; a task whose last checkpoint is
//! not complete does not leave.

use std::sync::Arc;
use std::time::Duration;

use wasmill_types::barrier::{Alignment, Barrier, SnapshotKind};
use wasmill_types::id::{CheckpointId, EdgeId};
use wasmill_types::{Batch, TaskFailure};

use super::{Progress, Task, TaskInput};
use crate::aligner::{Aligner, Step};
use crate::keeper::{ChannelRecords, Declined, Keeper, Start, Taken, Times};
use crate::orders::{Order, Orders};
use crate::outcome::{Change, Outcome};

/// What a task has for its checkpoints.
pub struct Checkpoints {
    orders: Orders,
    aligner: Aligner,
    keeper: Box<dyn Keeper>,
    /// Whether sinks commit at checkpoints and the end waits for one.
    are_periodic: bool,
    /// The splits that a restored source goes on with, until it is open.
    splits: Vec<wasmill_connectors::Split>,
    /// What was in flight to a restored task, until it is open.
    in_flight: Vec<(EdgeId, Batch)>,
    restored_at_end: bool,
    /// Whether all operators have finished.
    is_finished: bool,
    /// The checkpoint that must complete before the task leaves.
    last: Last,
    /// A trigger for a savepoint before which the source has to finish.
    drain: Option<Arc<Barrier>>,
    /// The checkpoint whose barrier overtook, until it has come on all channels.
    recording: Option<Recording>,
    /// What the barrier that is being handled overtook, by channel.
    overtaken: Vec<(usize, Vec<Batch>)>,
}

/// A checkpoint that was taken before its barrier had come everywhere. What is recorded is bounded by what
/// the channels hold: producers send the barrier past it.
struct Recording {
    taken: Taken,
    /// By channel.
    inputs: Vec<ChannelRecords>,
}

impl Recording {
    fn new(taken: Taken, inputs: &[TaskInput]) -> Self {
        let channels = inputs.iter().flat_map(|input| {
            input.producers.clone().map(|peer| ChannelRecords {
                edge: input.edge,
                peer,
                batches: Vec::new(),
            })
        });
        Self {
            taken,
            inputs: channels.collect(),
        }
    }
}

/// Which checkpoint a task waits for before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// None.
    No,
    /// One that is yet to be taken.
    Wanted,
    /// This or a later one.
    Taken(CheckpointId),
    /// The savepoint with which the job stops.
    Stop(CheckpointId),
    /// It is complete; whether the job stops before its end.
    Complete { stops: bool },
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoints")
            .field("aligner", &self.aligner)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Checkpoints {
    /// Those of a task with so many channels.
    pub fn new(
        orders: Orders,
        channels: usize,
        keeper: Box<dyn Keeper>,
        are_periodic: bool,
        start: &mut Start,
    ) -> Self {
        Self {
            orders,
            aligner: Aligner::new(channels),
            keeper,
            are_periodic,
            splits: std::mem::take(&mut start.splits),
            in_flight: std::mem::take(&mut start.in_flight),
            restored_at_end: start.is_finished,
            is_finished: false,
            last: Last::No,
            drain: None,
            recording: None,
            overtaken: Vec::new(),
        }
    }

    pub(super) fn has_orders(&self) -> bool {
        self.orders.has_some()
    }

    pub(super) fn take_in_flight(&mut self) -> Vec<(EdgeId, Batch)> {
        std::mem::take(&mut self.in_flight)
    }

    pub(super) fn take_splits(&mut self) -> Vec<wasmill_connectors::Split> {
        std::mem::take(&mut self.splits)
    }

    /// Whether the operators had finished in the checkpoint that the task was restored from.
    pub(super) fn is_restored_at_end(&self) -> bool {
        self.restored_at_end
    }

    /// Whether the barrier of a savepoint with which the job stops has been passed on.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.last, Last::Stop(_) | Last::Complete { stops: true })
    }

    /// Whether the job has stopped with a savepoint before this task's input ended.
    pub(super) fn is_stopped(&self) -> bool {
        self.last == Last::Complete { stops: true } && !self.is_finished
    }

    /// Keeps a copy of records that a barrier overtook, or that come before theirs.
    pub(super) fn record(&mut self, channel: usize, batch: &Batch) {
        if let Some(recording) = &mut self.recording
            && self.aligner.is_missing(channel)
        {
            recording.inputs[channel].batches.push(batch.clone());
        }
    }

    fn record_all(&mut self, channel: usize, batches: Vec<Batch>) {
        if let Some(recording) = &mut self.recording {
            recording.inputs[channel].batches.extend(batches);
        }
    }

    /// The barrier has come on all channels.
    fn recorded(&mut self, checkpoint: CheckpointId) {
        for (channel, batches) in std::mem::take(&mut self.overtaken) {
            self.record_all(channel, batches);
        }
        let is_its = |it: &mut Recording| it.taken.barrier.checkpoint == checkpoint;
        if let Some(Recording { mut taken, inputs }) = self.recording.take_if(is_its) {
            let has_some = |channel: &ChannelRecords| !channel.batches.is_empty();
            taken.inputs = inputs.into_iter().filter(has_some).collect();
            self.keeper.keep(taken);
        }
    }

    fn drop_record(&mut self, checkpoint: CheckpointId) {
        let is_its = |it: &mut Recording| it.taken.barrier.checkpoint == checkpoint;
        self.recording.take_if(is_its);
    }

    /// Whether a checkpoint must complete before the task leaves.
    pub(super) fn waits(&self) -> bool {
        matches!(self.last, Last::Wanted | Last::Taken(_) | Last::Stop(_))
    }
}

impl Task {
    /// Does what the coordinator says.
    pub(super) fn obey(&mut self, progress: &mut Progress) -> Result<(), TaskFailure> {
        let Some(order) = self.checkpoints.orders.take() else {
            return Ok(());
        };
        match order {
            Order::Trigger(barrier) => self.triggered(barrier, progress),
            Order::Complete(checkpoint) => self.complete(checkpoint),
            Order::Aborted(checkpoint) => {
                self.checkpoints.keeper.aborted(checkpoint);
                self.checkpoints.drop_record(checkpoint);
                let steps = self.checkpoints.aligner.aborted(checkpoint);
                self.do_all(steps)?;
                match self.checkpoints.is_restored_at_end() {
                    true => Ok(()),
                    false => self.operator.checkpoint_aborted(checkpoint.0),
                }
            }
        }
    }

    /// A checkpoint starts here.
    fn triggered(
        &mut self,
        barrier: Arc<Barrier>,
        progress: &mut Progress,
    ) -> Result<(), TaskFailure> {
        let drains = matches!(barrier.kind, SnapshotKind::Stop { drain: true, .. });
        if drains && progress.open_inputs > 0 && self.source.is_some() {
            // First the end of the data, then the barrier (semantics §8.6).
            self.checkpoints.drain = Some(barrier);
            progress.poll_at = None;
            progress.open_inputs = 0;
            return self.end_source();
        }
        let now = self.clock.monotonic();
        self.take_checkpoint(barrier, now, false)
    }

    /// A barrier has come on a channel.
    pub(super) fn barrier(
        &mut self,
        channel: usize,
        barrier: Arc<Barrier>,
    ) -> Result<(), TaskFailure> {
        let now = self.clock.monotonic();
        if barrier.overtakes()
            && let Some(gate) = &mut self.gate
        {
            let overtaken = gate.take_overtaken(channel);
            self.checkpoints.overtaken.push((channel, overtaken));
        }
        let steps = self.checkpoints.aligner.barrier(channel, barrier, now);
        let done = self.do_all(steps);
        // Of a barrier that counts for nothing, or of one whose record is still open.
        let overtaken = std::mem::take(&mut self.checkpoints.overtaken);
        for (channel, batches) in overtaken {
            self.checkpoints.record_all(channel, batches);
        }
        done
    }

    /// When the pending checkpoint stops trying to align, by the monotonic clock.
    pub(super) fn overtakes_at(&self, now: Duration) -> Option<Duration> {
        let barrier = self.checkpoints.aligner.pending()?;
        let Alignment::AlignedFor(patience) = barrier.alignment else {
            return None;
        };
        let patience = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        Some(self.when(barrier.triggered_ms.saturating_add(patience), now))
    }

    /// Stops trying to align (semantics §7.12).
    pub(super) fn overtake(&mut self) -> Result<(), TaskFailure> {
        let steps = self.checkpoints.aligner.overtake();
        self.do_all(steps)
    }

    /// Nothing comes on a channel any more.
    pub(super) fn channel_ended(&mut self, channel: usize) -> Result<(), TaskFailure> {
        let steps = self.checkpoints.aligner.ended(channel);
        self.do_all(steps)
    }

    fn do_all(&mut self, steps: Vec<Step>) -> Result<(), TaskFailure> {
        for step in steps {
            match (step, &mut self.gate) {
                (Step::Block(channel), Some(gate)) => gate.pause(channel),
                (Step::Resume(channel), Some(gate)) => gate.resume(channel),
                (Step::Block(_) | Step::Resume(_), None) => {}
                (
                    Step::Take {
                        barrier,
                        since,
                        records,
                    },
                    _,
                ) => self.take_checkpoint(barrier, since, records)?,
                (Step::Complete(checkpoint), _) => self.checkpoints.recorded(checkpoint),
                (Step::Subsumed(checkpoint), _) => {
                    self.checkpoints.drop_record(checkpoint);
                    let keeper = &mut self.checkpoints.keeper;
                    keeper.decline(checkpoint, Declined::Subsumed);
                }
            }
        }
        Ok(())
    }

    /// Takes a checkpoint (semantics §7.4); `since` is when its first barrier came.
    fn take_checkpoint(
        &mut self,
        barrier: Arc<Barrier>,
        since: Duration,
        records: bool,
    ) -> Result<(), TaskFailure> {
        let begun = self.clock.monotonic();
        let id = barrier.checkpoint;
        let waited = u64::try_from(self.clock.now_ms() - barrier.triggered_ms).unwrap_or(0);
        let alignment = begun.saturating_sub(since);
        let host = self.operator.host();
        for sink in host.sinks() {
            sink.hand_over(id)?;
        }
        let outputs = host.barrier(&barrier)?;
        let (splits, given_splits) = match &self.source {
            Some(source) if !self.checkpoints.is_finished => {
                source.snapshot(self.operator.as_mut())?
            }
            Some(_) | None => (Vec::new(), u64::MAX),
        };
        let lists = match self.checkpoints.is_restored_at_end() {
            true => Vec::new(),
            false => self.operator.snapshot(id.0)?,
        };
        self.checkpoints.note(&barrier);
        let host = self.operator.host();
        let keyed = match host.snapshot(id.0) {
            Ok(keyed) => keyed.map(Arc::new),
            Err(error) => {
                let why = Declined::Failed(error.to_string());
                self.checkpoints.keeper.decline(id, why);
                return Ok(());
            }
        };
        let taken_at = self.clock.monotonic();
        let taken = Taken {
            barrier,
            keyed,
            lists,
            splits,
            given_splits,
            committables: host.sinks().flat_map(|sink| sink.pending()).collect(),
            is_finished: self.checkpoints.is_finished,
            inputs: Vec::new(),
            outputs,
            times: Times {
                sync: taken_at.saturating_sub(begun),
                alignment,
                start_delay: Duration::from_millis(waited).saturating_sub(alignment),
                taken_at,
            },
        };
        match records {
            true => self.checkpoints.recording = Some(Recording::new(taken, &self.inputs)),
            false => self.checkpoints.keeper.keep(taken),
        }
        Ok(())
    }

    /// A checkpoint is complete (semantics §7.16, §10.3).
    fn complete(&mut self, checkpoint: CheckpointId) -> Result<(), TaskFailure> {
        self.checkpoints.keeper.complete(checkpoint);
        for sink in self.operator.host().sinks() {
            sink.commit(checkpoint)?;
        }
        if !self.checkpoints.is_restored_at_end() {
            self.operator.checkpoint_complete(checkpoint.0)?;
        }
        self.checkpoints.last = match self.checkpoints.last {
            Last::Taken(last) if last <= checkpoint => Last::Complete { stops: false },
            Last::Stop(last) if last == checkpoint => Last::Complete { stops: true },
            last => last,
        };
        Ok(())
    }

    /// All input is processed: finishes the operators (semantics §9.2), and with checkpoints asks for the
    /// last one (semantics §9.3).
    pub(super) fn end_data(
        &mut self,
        progress: &mut Progress,
        outcome: &Outcome,
    ) -> Result<(), TaskFailure> {
        // Nothing that comes now is data.
        progress.open_inputs = 0;
        if self.checkpoints.is_restored_at_end() {
            self.operator.host().watermark(i64::MAX)?;
        }
        self.operator.host().end_data()?;
        self.checkpoints.is_finished = true;
        let are_periodic = self.checkpoints.are_periodic;
        for sink in self.operator.host().sinks() {
            match are_periodic {
                true => sink.end()?,
                false => {
                    if let Some(part) = sink.finish()? {
                        outcome.stage(part);
                    }
                }
            }
        }
        let drain = self.checkpoints.drain.take();
        if are_periodic && drain.is_none() {
            self.checkpoints.last = Last::Wanted;
            self.operator.host().observer.changed(Change::EndOfData);
        }
        let now = self.clock.monotonic();
        drain.map_or(Ok(()), |barrier| self.take_checkpoint(barrier, now, false))
    }
}

impl Checkpoints {
    /// A checkpoint is taken: it may be the one that the task waits for.
    fn note(&mut self, barrier: &Barrier) {
        let id = barrier.checkpoint;
        match barrier.kind {
            SnapshotKind::Stop { .. } => self.last = Last::Stop(id),
            SnapshotKind::Checkpoint if self.last == Last::Wanted => self.last = Last::Taken(id),
            SnapshotKind::Checkpoint | SnapshotKind::Savepoint(_) => {}
        }
    }
}
