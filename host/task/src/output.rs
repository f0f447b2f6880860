//! Where records go that leave the operators of a task: over an edge, or into a sink of the host.

use wasmill_actor::Signal;
use wasmill_connectors::{Committable, SinkWriter};
use wasmill_types::{BatchView, Element, HostError, TaskFailure};

use crate::partition::ResultPartition;

/// One output of a task.
pub enum Output {
    /// An edge to another vertex.
    Edge(ResultPartition),
    /// A sink that is chained to the operators.
    Sink(Option<Box<dyn SinkWriter>>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edge(partition) => partition.fmt(f),
            Self::Sink(_) => f.write_str("Sink"),
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
            Self::Sink(Some(writer)) => writer.write(records).map_err(host_failure),
            Self::Sink(None) => {
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
            Self::Sink(_) => Ok(()),
        }
    }

    /// Sends what was collected, and shows what a sink was given.
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
    pub fn has_room(&self) -> bool {
        match self {
            Self::Edge(partition) => partition.has_room(),
            Self::Sink(_) => true,
        }
    }

    /// Has a task woken when there is room again; at once when there is.
    pub fn notify_when_room(&mut self, signal: &Signal) {
        if let Self::Edge(partition) = self {
            partition.notify_when_room(signal);
        }
    }

    /// Finishes a sink: what it wrote is complete, and waits for the job's commit.
    ///
    /// # Errors
    /// When the sink cannot make its output durable.
    pub fn finish(&mut self) -> Result<Vec<Committable>, TaskFailure> {
        match self {
            Self::Edge(_) => Ok(Vec::new()),
            Self::Sink(writer) => match writer.take() {
                Some(writer) => writer.finish().map_err(host_failure),
                None => Ok(Vec::new()),
            },
        }
    }
}

/// A connector's error as a task's failure.
pub(crate) fn host_failure(error: wasmill_connectors::ConnectorError) -> TaskFailure {
    TaskFailure::from(error)
}
