//! Where records go that leave the operators of a task: over an edge, or into a sink of the host.

use wasmill_actor::Signal;
use wasmill_connectors::{Committable, SinkWriter};
use wasmill_types::id::OperatorId;
use wasmill_types::{BatchView, Element, HostError, TaskFailure};

use crate::partition::ResultPartition;

/// One output of a task.
pub enum Output {
    /// An edge to another vertex.
    Edge(ResultPartition),
    /// A sink that is chained to the operators; none once it has finished.
    Sink(OperatorId, Option<Box<dyn SinkWriter>>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edge(partition) => partition.fmt(f),
            Self::Sink(sink, _) => write!(f, "Sink({sink})"),
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
            Self::Sink(_, Some(writer)) => Ok(writer.write(records)?),
            Self::Sink(_, None) => {
                Err(HostError::new("records were emitted to a sink that has finished").into())
            }
        }
    }

    /// Sends something that is not records over an edge; a sink has no use for it.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn broadcast(&mut self, element: &Element) -> Result<(), TaskFailure> {
        match self {
            Self::Edge(partition) => partition.broadcast(element),
            Self::Sink(..) => Ok(()),
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
            Self::Sink(..) => Ok(()),
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
            Self::Sink(..) => true,
        }
    }

    /// Has a task woken when an edge without room has some again; at once when there is room.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        match self {
            Self::Edge(partition) => partition.notify_when_room(signal),
            Self::Sink(..) => signal.notify(),
        }
    }

    /// Finishes a sink: what it wrote is complete, and waits for the job's commit.
    ///
    /// # Errors
    /// When the sink cannot make its output durable.
    pub fn finish(&mut self) -> Result<Option<(OperatorId, Vec<Committable>)>, TaskFailure> {
        let Self::Sink(sink, writer) = self else {
            return Ok(None);
        };
        let Some(writer) = writer.take() else {
            return Ok(None);
        };
        Ok(Some((*sink, writer.finish()?)))
    }
}
