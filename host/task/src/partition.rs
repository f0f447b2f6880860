//! A result partition: the records of one edge on their way to the channels.
//!
//! Records are collected per channel and sent as frames: when a frame is full, when its oldest record has
//! waited for the buffer timeout, or before anything else goes down the channel. Invariant: what was
//! emitted first is sent first, per channel.

use wasmill_actor::{CancelToken, Signal};
use wasmill_network::{SendError, Sender};
use wasmill_types::{Batch, BatchView, Element, TaskFailure};

use crate::partitioner::{Partitioner, Targets};

/// The most records in one frame: it bounds frames of empty records.
const MAX_FRAME_RECORDS: usize = 16_384;

/// The channels of one edge of one subtask.
#[derive(Debug)]
pub struct ResultPartition {
    channels: Vec<Channel>,
    partitioner: Partitioner,
    frame_bytes: usize,
    cancel: CancelToken,
    /// Whether any channel has collected records.
    is_dirty: bool,
}

#[derive(Debug)]
struct Channel {
    sender: Sender,
    frame: Batch,
}

impl ResultPartition {
    /// A partition over these channels, in the order of the reader's subtasks.
    pub fn new(
        senders: Vec<Sender>,
        partitioner: Partitioner,
        frame_bytes: u32,
        cancel: CancelToken,
    ) -> Self {
        let channels = senders.into_iter().map(|sender| Channel {
            sender,
            frame: Batch::default(),
        });
        let frame_bytes = frame_bytes as usize;
        Self {
            channels: channels.collect(),
            partitioner,
            frame_bytes,
            cancel,
            is_dirty: false,
        }
    }

    /// Takes records that have been checked.
    ///
    /// # Errors
    /// When a channel's reader is gone, or the task is cancelled while it waits for room.
    pub fn emit(&mut self, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        match self.partitioner.targets(records)? {
            Targets::One(channel) => self.extend(channel as usize, records)?,
            Targets::Every => {
                for channel in 0..self.channels.len() {
                    self.extend(channel, records)?;
                }
            }
            Targets::Each => {
                for index in 0..records.len() {
                    let number = records.hashes.get(index).copied().unwrap_or(0);
                    let target = self.partitioner.next(number)?;
                    let channel = &mut self.channels[target as usize];
                    channel.frame.push_from(records, index);
                    if is_full(&channel.frame, self.frame_bytes) {
                        channel.send_frame(&self.cancel)?;
                    }
                }
            }
        }
        self.is_dirty = true;
        Ok(())
    }

    /// Sends something that is not records down every channel, after what was collected.
    ///
    /// # Errors
    /// As [`ResultPartition::emit`].
    pub fn broadcast(&mut self, element: &Element) -> Result<(), TaskFailure> {
        self.flush()?;
        for channel in &mut self.channels {
            channel
                .sender
                .send(element.clone(), &self.cancel)
                .map_err(failure)?;
        }
        Ok(())
    }

    /// Sends everything that was collected.
    ///
    /// # Errors
    /// As [`ResultPartition::emit`].
    pub fn flush(&mut self) -> Result<(), TaskFailure> {
        if std::mem::take(&mut self.is_dirty) {
            for channel in self
                .channels
                .iter_mut()
                .filter(|channel| !channel.frame.is_empty())
            {
                channel.send_frame(&self.cancel)?;
            }
        }
        Ok(())
    }

    /// Whether records wait for a flush.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Whether every channel would take a frame at once.
    pub fn has_room(&self) -> bool {
        self.channels
            .iter()
            .all(|channel| channel.sender.has_room())
    }

    /// Has a task woken when a channel that is full has room again.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        for channel in self
            .channels
            .iter_mut()
            .filter(|channel| !channel.sender.has_room())
        {
            channel.sender.notify_when_room(signal);
        }
    }

    fn extend(&mut self, channel: usize, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        let channel = &mut self.channels[channel];
        channel.frame.extend_from(records);
        if is_full(&channel.frame, self.frame_bytes) {
            channel.send_frame(&self.cancel)?;
        }
        Ok(())
    }
}

impl Channel {
    fn send_frame(&mut self, cancel: &CancelToken) -> Result<(), TaskFailure> {
        let empty = self.sender.spare().unwrap_or_default();
        let frame = std::mem::replace(&mut self.frame, empty);
        self.sender
            .send(Element::Batch(frame), cancel)
            .map_err(failure)
    }
}

fn is_full(frame: &Batch, frame_bytes: usize) -> bool {
    frame.data.len() >= frame_bytes || frame.len() >= MAX_FRAME_RECORDS
}

/// A reader that is gone has failed, and its own failure is the one to report.
fn failure(error: SendError) -> TaskFailure {
    match error {
        SendError::Cancelled | SendError::ReceiverGone => TaskFailure::Cancelled,
    }
}
