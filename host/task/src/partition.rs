//! A result partition: the records of one edge on their way to the channels.
//!
//! Records are collected per channel and sent as frames: when a frame is full, when its oldest record has
//! waited for the buffer timeout, or before anything else goes down the channel. Invariants: what was
//! emitted first is sent first, per channel; only [`ResultPartition::emit`] and
//! [`ResultPartition::broadcast`] wait for room, and cancelling ends that.

use std::sync::Arc;

use wasmill_actor::{CancelToken, Clock, Signal};
use wasmill_network::{SendError, Sender, TrySendError};
use wasmill_types::barrier::Alignment;
use wasmill_types::id::EdgeId;
use wasmill_types::{Barrier, Batch, BatchView, Element, HostError, TaskFailure};

use crate::keeper::ChannelRecords;
use crate::metrics::{TaskMetrics, Wait};
use crate::partitioner::{Partitioner, Targets};

/// The most records that are collected for one frame: it bounds frames of empty records.
const MAX_FRAME_RECORDS: usize = 16_384;

/// The channels of one edge of one subtask.
#[derive(Debug)]
pub struct ResultPartition {
    channels: Vec<Channel>,
    partitioner: Partitioner,
    frame_bytes: usize,
    cancel: CancelToken,
    /// Whether any channel may have collected records: a frame that becomes full does not take it back.
    is_dirty: bool,
    /// The channels that something was sent to since they were last seen with room; each once. The others
    /// have room for sure, because nobody else sends to them.
    unsure: Vec<usize>,
    /// The edge, and the subtask that the first channel leads to.
    edge: (EdgeId, u32),
    /// Counts the time that the task waits for room.
    timed_by: Option<(Clock, Arc<TaskMetrics>)>,
}

#[derive(Debug)]
struct Channel {
    sender: Sender,
    frame: Batch,
    /// Whether it is in `unsure`.
    is_unsure: bool,
}

impl ResultPartition {
    /// A partition over these channels, in the order of the reader's subtasks.
    pub fn new(
        senders: Vec<Sender>,
        partitioner: Partitioner,
        frame_bytes: u32,
        cancel: CancelToken,
    ) -> Self {
        let channel = |sender| Channel {
            sender,
            frame: Batch::default(),
            is_unsure: false,
        };
        Self {
            unsure: Vec::with_capacity(senders.len()),
            channels: senders.into_iter().map(channel).collect(),
            partitioner,
            frame_bytes: frame_bytes as usize,
            cancel,
            is_dirty: false,
            edge: (EdgeId(0), 0),
            timed_by: None,
        }
    }

    /// Counts the time that it waits for room.
    #[must_use]
    pub fn timed_by(mut self, clock: Clock, metrics: Arc<TaskMetrics>) -> Self {
        self.timed_by = Some((clock, metrics));
        self
    }

    /// Takes records that have been checked; waits where a frame is full and its channel too.
    ///
    /// # Errors
    /// When the records lack what the partitioner needs, a channel's reader is gone, or the task is
    /// cancelled while it waits.
    pub fn emit(&mut self, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        let mut records = *records;
        if !self.partitioner.uses_hashes() {
            // A bundle might hand over some with one batch and none with the next, and the records of a
            // frame must agree.
            records.hashes = &[];
        }
        match self.partitioner.targets(&records)? {
            Targets::Each => self.spread(&records),
            Targets::One(channel) => self.extend(channel as usize, &records),
            Targets::Every => {
                (0..self.channels.len()).try_for_each(|channel| self.extend(channel, &records))
            }
        }
    }

    /// Sends something that is not records down every channel, after what was collected.
    ///
    /// # Errors
    /// When a channel's reader is gone, or the task is cancelled while it waits.
    pub fn broadcast(&mut self, element: &Element) -> Result<(), TaskFailure> {
        for channel in 0..self.channels.len() {
            if !self.channels[channel].frame.is_empty() {
                self.send_frame(channel)?;
            }
            self.send(channel, element.clone())?;
        }
        self.is_dirty = false;
        Ok(())
    }

    /// Says which edge this is, and from which subtask on its channels lead to its readers.
    #[must_use]
    pub fn of_edge(mut self, edge: EdgeId, first_consumer: u32) -> Self {
        self.edge = (edge, first_consumer);
        self
    }

    /// Sends a barrier. One that overtakes goes past the batches that wait in a channel and the records that
    /// are being collected, of which copies are returned, and does not wait; on pointwise and broadcast edges
    /// it stays in order (semantics §7.15).
    ///
    /// # Errors
    /// When a channel's reader is gone, or the task is cancelled while it waits.
    pub fn barrier(&mut self, barrier: &Arc<Barrier>) -> Result<Vec<ChannelRecords>, TaskFailure> {
        if !barrier.overtakes() {
            self.broadcast(&Element::Barrier(Arc::clone(barrier)))?;
            return Ok(Vec::new());
        }
        if !self.partitioner.spreads_over_all() {
            let in_order = Arc::new(barrier.passing(Alignment::Aligned));
            self.broadcast(&Element::Barrier(in_order))?;
            return Ok(Vec::new());
        }
        let (edge, first_consumer) = self.edge;
        let mut overtaken = Vec::new();
        for (peer, channel) in (first_consumer..).zip(&mut self.channels) {
            let sent = channel.sender.overtake(Arc::clone(barrier));
            let mut batches = sent.map_err(stopped)?;
            if !channel.frame.is_empty() {
                batches.push(channel.frame.clone());
            }
            if !batches.is_empty() {
                overtaken.push(ChannelRecords {
                    edge,
                    peer,
                    batches,
                });
            }
        }
        Ok(overtaken)
    }

    /// Sends what was collected for channels that have room. The rest goes when there is room, so this
    /// never waits; the partition stays dirty then.
    ///
    /// # Errors
    /// When a channel's reader is gone, or the task was cancelled.
    pub fn flush(&mut self) -> Result<(), TaskFailure> {
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        for index in 0..self.channels.len() {
            let channel = &self.channels[index];
            if channel.frame.is_empty() {
                continue;
            }
            if channel.is_unsure && !channel.sender.has_room() {
                self.is_dirty = true;
            } else {
                self.send_frame(index)?;
            }
        }
        Ok(())
    }

    /// Whether records may wait for a flush.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Whether every channel would take a frame at once. Asks only channels that were sent to since.
    pub fn has_room(&mut self) -> bool {
        while let Some(&index) = self.unsure.last() {
            let channel = &mut self.channels[index];
            if !channel.sender.has_room() {
                return false;
            }
            channel.is_unsure = false;
            self.unsure.pop();
        }
        true
    }

    /// Has a task woken when a channel without room has some again, or at once when all have.
    ///
    /// One channel is enough to wait for: without it the others' room is of no use. When it has room
    /// the task asks again.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        if self.has_room() {
            signal.notify();
        } else if let Some(&full) = self.unsure.last() {
            // It may have room by now; then this notifies at once.
            self.channels[full].sender.notify_when_room(signal);
        }
    }

    /// Each record to its own channel.
    fn spread(&mut self, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        for index in 0..records.len() {
            let hash = records.hashes.get(index).copied().unwrap_or(0);
            let target = self.partitioner.next(hash)? as usize;
            let frame = &mut self.channels[target].frame;
            make_room(&mut frame.data, records.length(index), self.frame_bytes);
            frame.push_from(records, index);
            if is_full(frame, self.frame_bytes) {
                self.send_frame(target)?;
            }
        }
        self.is_dirty |= !records.is_empty();
        Ok(())
    }

    /// All records to one channel.
    fn extend(&mut self, index: usize, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        let frame = &mut self.channels[index].frame;
        frame.extend_from(records);
        if is_full(frame, self.frame_bytes) {
            return self.send_frame(index);
        }
        self.is_dirty |= !frame.is_empty();
        Ok(())
    }

    fn send_frame(&mut self, index: usize) -> Result<(), TaskFailure> {
        let channel = &mut self.channels[index];
        let mut next = channel.sender.spare().unwrap_or_default();
        if is_full(&channel.frame, self.frame_bytes) {
            // The next one will most likely be full too.
            prepare(&mut next, &channel.frame, self.frame_bytes);
        }
        let frame = std::mem::replace(&mut channel.frame, next);
        self.send(index, Element::Batch(frame))
    }

    fn send(&mut self, index: usize, element: Element) -> Result<(), TaskFailure> {
        let channel = &mut self.channels[index];
        if !channel.is_unsure {
            channel.is_unsure = true;
            self.unsure.push(index);
        }
        if self.cancel.is_cancelled() {
            return Err(TaskFailure::Cancelled);
        }
        let element = match channel.sender.try_send(element) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(element)) => element,
            Err(TrySendError::ReceiverGone { reason, .. }) => {
                return Err(stopped(SendError::ReceiverGone { reason }));
            }
        };
        let send = || channel.sender.send(element, &self.cancel);
        let sent = match &self.timed_by {
            Some((clock, metrics)) => metrics.times.wait(clock, Wait::Room, send),
            None => send(),
        };
        sent.map_err(stopped)
    }
}

fn is_full(frame: &Batch, frame_bytes: usize) -> bool {
    frame.data.len() >= frame_bytes || frame.len() >= MAX_FRAME_RECORDS
}

/// Gives a batch the memory that another frame like `last` will need: growing by doubling would copy it
/// again and again and end with up to twice the memory that a buffer stands for.
fn prepare(next: &mut Batch, last: &Batch, frame_bytes: usize) {
    debug_assert!(next.is_empty(), "a spare batch is empty");
    // The record that fills the frame lies behind its end, and lengths differ. A giant record is not
    // expected to come again.
    let filling = (2 * last.data.len() / last.len().max(1)).min(frame_bytes / 8);
    if next.data.capacity() < frame_bytes + filling {
        let spare_room = frame_bytes / 64;
        next.data.reserve_exact(frame_bytes + filling + spare_room);
    }
    let spare_records = last.len() / 16;
    if next.ends.capacity() < last.len() {
        next.ends.reserve_exact(last.len() + spare_records);
    }
    if next.hashes.capacity() < last.hashes.len() {
        next.hashes.reserve_exact(last.hashes.len() + spare_records);
    }
    if next.timestamps.capacity() < last.timestamps.len() {
        let records = last.timestamps.len() + spare_records;
        next.timestamps.reserve_exact(records);
    }
}

/// Makes room for a record of a frame that is not full. Where doubling would exceed a full frame, there is
/// room for that and one more record of this length then, and no more.
#[inline]
fn make_room(data: &mut Vec<u8>, record: usize, frame_bytes: usize) {
    if data.capacity() - data.len() < record && data.capacity() > frame_bytes / 2 {
        let whole = frame_bytes.max(data.len()) + record;
        data.reserve_exact(whole - data.len());
    }
}

/// A reader that is gone has failed, and its own failure is the one to report; a way to the reader that
/// broke is nobody else's to report.
fn stopped(error: SendError) -> TaskFailure {
    match error {
        SendError::Cancelled | SendError::ReceiverGone { reason: None } => TaskFailure::Cancelled,
        SendError::ReceiverGone {
            reason: Some(reason),
        } => HostError::new(&*reason).into(),
    }
}

#[cfg(test)]
mod tests;
