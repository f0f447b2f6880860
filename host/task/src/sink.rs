//! A sink of the host at the end of a task, and what it has handed over.
//!
//! Without checkpoints a sink finishes with its task and the job commits. With checkpoints it hands over at
//! each barrier, and the task commits when it hears that the checkpoint is complete (semantics §10).
//! Invariants: what was handed over for a checkpoint is committed once that or a later one is complete, in
//! order, and is part of every checkpoint until then; after the end of the data nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_connectors::{Committable, Sink, SinkWriter};
use wasmill_types::id::{CheckpointId, OperatorId};
use wasmill_types::{BatchView, HostError, TaskFailure};

use crate::keeper::Pending;
use crate::outcome::Part;

/// A sink that is chained to the operators of a task.
pub struct SinkOutput {
    id: OperatorId,
    sink: Arc<dyn Sink>,
    /// None once it has finished.
    writer: Option<Box<dyn SinkWriter>>,
    /// What was handed over, by the checkpoint whose completion commits it.
    pending: BTreeMap<CheckpointId, Vec<Committable>>,
    /// What was handed over at the end of the data, before the next barrier.
    rest: Vec<Committable>,
}

impl std::fmt::Debug for SinkOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sink({})", self.id)
    }
}

impl SinkOutput {
    /// A sink and its writer.
    pub fn new(id: OperatorId, sink: Arc<dyn Sink>, writer: Box<dyn SinkWriter>) -> Self {
        Self {
            id,
            sink,
            writer: Some(writer),
            pending: BTreeMap::new(),
            rest: Vec::new(),
        }
    }

    /// Its operator.
    pub fn id(&self) -> OperatorId {
        self.id
    }

    /// Takes records.
    ///
    /// # Errors
    /// When the target cannot take them.
    pub fn write(&mut self, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        match &mut self.writer {
            Some(writer) => Ok(writer.write(records)?),
            None => Err(HostError::new("records were emitted to a sink that has finished").into()),
        }
    }

    /// Hands over what was written since the last barrier (semantics §10.1).
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn hand_over(&mut self, checkpoint: CheckpointId) -> Result<(), TaskFailure> {
        let mut parts = std::mem::take(&mut self.rest);
        if let Some(writer) = &mut self.writer {
            parts.extend(writer.prepare_commit()?);
        }
        if !parts.is_empty() {
            self.pending.entry(checkpoint).or_default().extend(parts);
        }
        Ok(())
    }

    /// Everything that is part of a checkpoint now.
    pub fn pending(&self) -> impl Iterator<Item = Pending> + '_ {
        self.pending.iter().map(|(checkpoint, parts)| Pending {
            sink: self.id,
            checkpoint: *checkpoint,
            parts: parts.clone(),
        })
    }

    /// Commits what was handed over until a checkpoint that is complete (semantics §10.3).
    ///
    /// # Errors
    /// When it cannot be made visible.
    pub fn commit(&mut self, checkpoint: CheckpointId) -> Result<(), TaskFailure> {
        while let Some(oldest) = self.pending.first_entry() {
            if *oldest.key() > checkpoint {
                return Ok(());
            }
            let parts = oldest.get().clone();
            self.sink.commit_checkpoint(parts)?;
            self.pending.pop_first();
        }
        Ok(())
    }

    /// The data has ended; a checkpoint that follows commits the rest (semantics §10.2).
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn end(&mut self) -> Result<(), TaskFailure> {
        if let Some(mut writer) = self.writer.take() {
            self.rest = writer.prepare_commit()?;
        }
        Ok(())
    }

    /// The data has ended and no checkpoint follows: everything waits for the job's commit.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn finish(&mut self) -> Result<Option<Part>, TaskFailure> {
        let Some(writer) = self.writer.take() else {
            return Ok(None);
        };
        let pending = std::mem::take(&mut self.pending).into_values().flatten();
        let mut parts: Vec<_> = pending.collect();
        parts.extend(writer.finish()?);
        Ok(Some((self.id, parts)))
    }
}
