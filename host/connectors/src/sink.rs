//! What every sink is: the traits between connectors and the task that runs them.
//!
//! Output becomes visible in two steps, so that a failed job leaves nothing behind: each writer stages
//! what it was given and hands over [`Committable`]s when it finishes; the job commits them all once
//! every subtask has finished. A job with checkpoints does not wait for its end (semantics §10): at each
//! barrier a writer hands over what it has ([`SinkWriter::prepare_commit`]), and when the checkpoint is
//! complete that is committed ([`Sink::commit_checkpoint`]); after a failure [`Sink::recover`] brings the
//! target to where the restored checkpoint was. Invariant: dropping a writer undoes what it has not handed
//! over.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use wasmill_types::BatchView;

use crate::error::ConnectorError;

/// A sink with its options, parsed.
pub trait Sink: Send + Sync + fmt::Debug {
    /// Checks the target and gets it ready; called once, before any task starts.
    ///
    /// # Errors
    /// A target that cannot be written, or is occupied.
    fn prepare(&self) -> Result<(), ConnectorError>;

    /// As [`Sink::prepare`], for a job that makes its output visible at each checkpoint.
    ///
    /// # Errors
    /// As [`Sink::prepare`].
    fn prepare_for_checkpoints(&self) -> Result<(), ConnectorError> {
        self.prepare()
    }

    /// Makes what writers handed over at a barrier visible. What is visible already stays as it is, so
    /// repeating it is harmless (semantics §10.4).
    ///
    /// # Errors
    /// A target that cannot be written.
    fn commit_checkpoint(&self, _parts: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Brings the target to where a checkpoint was: commits what was handed over until then, and removes
    /// what else tasks of this job have left; none of those runs whose files go.
    ///
    /// # Errors
    /// A target that cannot be written.
    fn recover(&self, _recovery: &Recovery) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// A writer for one subtask.
    ///
    /// # Errors
    /// A target that cannot be written.
    fn writer(&self, context: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError>;

    /// Makes what the writers of all subtasks finished visible. When it fails halfway the error says
    /// what stands, and the rest is kept: the caller decides whether to call it again with the same
    /// parts, which goes on from there, or to [`Sink::discard`] them, which removes the rest only.
    ///
    /// # Errors
    /// [`ConnectorError::Commit`] and what stopped it; [`ConnectorError::TakenMeanwhile`], after which
    /// nothing is left to be committed.
    fn commit(&self, parts: Vec<Committable>) -> Result<(), ConnectorError>;

    /// Removes what writers finished and no commit made visible, for a job that has failed.
    ///
    /// # Errors
    /// What could not be removed.
    fn discard(&self, parts: Vec<Committable>) -> Result<(), ConnectorError>;
}

/// Where a target is to be brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// What the names of all runs of the job begin with.
    pub job: String,
    /// What was handed over and may not be visible yet.
    pub commit: Vec<Committable>,
    /// Whether what was handed over later goes; otherwise only what never was handed over. A savepoint
    /// of the job may refer to it.
    pub removes_later: bool,
    /// Whose files go, while other subtasks of the sink run; those of all if absent.
    pub subtasks: Option<BTreeSet<u32>>,
}

/// Which subtask a writer belongs to.
#[derive(Debug, Clone)]
pub struct WriterContext {
    /// The index of the subtask.
    pub subtask: u32,
    /// The number of subtasks.
    pub parallelism: u32,
    /// How often the subtask was started before.
    pub attempt: u32,
    /// A name for this run of the job that no other run has.
    pub run: String,
}

/// Writes the records of one subtask, on its thread.
pub trait SinkWriter: Send {
    /// Takes records, in order.
    ///
    /// # Errors
    /// A target that cannot be written; the writer is of no use afterwards.
    fn write(&mut self, records: &BatchView<'_>) -> Result<(), ConnectorError>;

    /// Hands everything taken so far to the operating system.
    ///
    /// # Errors
    /// As [`SinkWriter::write`].
    fn flush(&mut self) -> Result<(), ConnectorError>;

    /// Makes everything taken so far durable and hands it over; what comes later belongs to the next
    /// checkpoint.
    ///
    /// # Errors
    /// As [`SinkWriter::write`].
    fn prepare_commit(&mut self) -> Result<Vec<Committable>, ConnectorError> {
        self.flush().map(|()| Vec::new())
    }

    /// Makes everything durable and returns what is to be committed.
    ///
    /// # Errors
    /// As [`SinkWriter::write`]; nothing is left behind then.
    fn finish(self: Box<Self>) -> Result<Vec<Committable>, ConnectorError>;
}

/// Output that is complete but not yet visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committable {
    /// For logs and errors.
    pub name: String,
    /// What only the connector understands.
    pub state: Vec<u8>,
}

impl Committable {
    /// Wraps a connector's own state.
    pub(crate) fn wrap(name: String, state: &impl Serialize) -> Self {
        let state = serde_json::to_vec(state).expect("committable states are plain data");
        Self { name, state }
    }

    /// The connector's own state.
    pub(crate) fn unwrap_state<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ConnectorError> {
        serde_json::from_slice(&self.state).map_err(|error| self.foreign(&error.to_string()))
    }

    /// The error for a committable that this connector did not make.
    pub(crate) fn foreign(&self, reason: &str) -> ConnectorError {
        ConnectorError::Foreign {
            name: self.name.clone(),
            what: "committable",
            reason: reason.to_owned(),
        }
    }
}
