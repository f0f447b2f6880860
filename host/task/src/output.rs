//! Where records go that leave the operators of a task: over an edge, or into a sink of the host.

use std::sync::Arc;

use wasmill_actor::Signal;
use wasmill_types::{Barrier, BatchView, Element, TaskFailure};

use crate::keeper::ChannelRecords;
use crate::partition::ResultPartition;
use crate::sink::SinkOutput;

/// One output of a task.
pub enum Output {
    /// An edge to another vertex.
    Edge(ResultPartition),
    /// A sink that is chained to the operators.
    Sink(SinkOutput),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edge(partition) => partition.fmt(f),
            Self::Sink(sink) => sink.fmt(f),
        }
    }
}

impl Output {
    /// Takes records that have been checked.
    ///
    /// # Errors
    /// When the edge or the sink cannot take them.
    pub fn emit(&mut self, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        match self {
            Self::Edge(partition) => partition.emit(records),
            Self::Sink(sink) => sink.write(records),
        }
    }

    /// Sends something that is not records over an edge; a sink has no use for it.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn broadcast(&mut self, element: &Element) -> Result<(), TaskFailure> {
        match self {
            Self::Edge(partition) => partition.broadcast(element),
            Self::Sink(_) => Ok(()),
        }
    }

    /// Sends a barrier, past what waits if it overtakes and the edge lets it; what it overtook.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn barrier(&mut self, barrier: &Arc<Barrier>) -> Result<Vec<ChannelRecords>, TaskFailure> {
        match self {
            Self::Edge(partition) => partition.barrier(barrier),
            Self::Sink(_) => Ok(Vec::new()),
        }
    }

    /// Sends what an edge has collected, as far as there is room. A sink collects on its own: what it has
    /// been given is not seen before the job's commit.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn flush(&mut self) -> Result<(), TaskFailure> {
        match self {
            Self::Edge(partition) => partition.flush(),
            Self::Sink(_) => Ok(()),
        }
    }

    /// Whether records wait for a flush.
    pub fn is_dirty(&self) -> bool {
        matches!(self, Self::Edge(partition) if partition.is_dirty())
    }

    /// Whether records would be taken without waiting.
    pub fn has_room(&mut self) -> bool {
        match self {
            Self::Edge(partition) => partition.has_room(),
            Self::Sink(_) => true,
        }
    }

    /// Has a task woken when an edge without room has some again; at once when there is room.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        match self {
            Self::Edge(partition) => partition.notify_when_room(signal),
            Self::Sink(_) => signal.notify(),
        }
    }

    /// The sink, if it is one.
    pub fn sink(&mut self) -> Option<&mut SinkOutput> {
        match self {
            Self::Sink(sink) => Some(sink),
            Self::Edge(_) => None,
        }
    }
}
