//! Where the records of a source task come from, and the splits that are still to be read.
//!
//! Splits wait with whoever leads the job, and subtasks ask for the next when they are done with theirs
//! ([`SplitSource`]), so a slow subtask reads fewer. Invariant: every split is taken by exactly one
//! subtask.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wasmill_connectors::{Budget, SourceReader, Split};
use wasmill_types::operator::{Operator, PollStatus};
use wasmill_types::{Batch, Blobs, GuestFailure, TaskFailure, metric};

use crate::host::TaskHost;
use crate::metrics::{TaskMetrics, Wait};

/// Gives a source task its splits.
pub trait SplitSource: Send {
    /// The next split, or none when all have been given out. May wait; cancelling the task ends that.
    ///
    /// # Errors
    /// When the task was cancelled, or nobody answers.
    fn next_split(&mut self) -> Result<Option<Split>, TaskFailure>;
}

/// The splits of a source operator that no subtask has taken yet, in the process that leads the job.
#[derive(Debug)]
pub struct SplitQueue(Mutex<VecDeque<Split>>);

impl SplitQueue {
    /// A queue of these splits.
    pub fn new(splits: impl IntoIterator<Item = Split>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(splits.into_iter().collect())))
    }

    /// Takes the next.
    pub fn take(&self) -> Option<Split> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}

impl SplitSource for Arc<SplitQueue> {
    fn next_split(&mut self) -> Result<Option<Split>, TaskFailure> {
        Ok(self.take())
    }
}

/// What makes the records of a source task.
pub enum SourceRole {
    /// A connector of the host.
    Connector(ConnectorSource),
    /// The bundle.
    Guest {
        /// Gives it splits.
        splits: Box<dyn SplitSource>,
        /// How many records a poll makes.
        max_records: u32,
        /// Whether a split has been assigned that is not at its end.
        is_reading: bool,
        /// How many splits were given.
        given: u64,
    },
}

impl std::fmt::Debug for SourceRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connector(_) => "Connector",
            Self::Guest { .. } => "Guest",
        })
    }
}

/// A connector's reader in one task.
pub struct ConnectorSource {
    /// Reads the splits.
    pub reader: Box<dyn SourceReader>,
    /// Gives it splits.
    pub splits: Box<dyn SplitSource>,
    /// How much one poll reads.
    pub budget: Budget,
    /// The inputs of the operator that the records go to.
    pub inputs: Vec<u32>,
    /// The outputs of the task that the records go to as they are.
    pub outputs: Vec<u32>,
    /// The records of the last poll.
    pub batch: Batch,
    /// Whether a split has been assigned that is not at its end.
    pub is_reading: bool,
    /// How many splits were given.
    pub given: u64,
    /// How many bad records have been counted.
    pub bad_records: u64,
}

impl std::fmt::Debug for ConnectorSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectorSource")
            .field("is_reading", &self.is_reading)
            .finish_non_exhaustive()
    }
}

impl SourceRole {
    /// The inputs of the operators that the source feeds: those of a connector in the same chain, and the
    /// input 0 of a chain that starts with a source of its own (`wit/operator.wit`, `end-of-input`).
    pub fn inputs(&self) -> &[u32] {
        match self {
            Self::Connector(source) => &source.inputs,
            Self::Guest { .. } => &[0],
        }
    }

    /// Makes records, once, and hands them on.
    ///
    /// # Errors
    /// When the source, the operator or an output fails.
    pub fn poll(
        &mut self,
        operator: &mut dyn Operator<TaskHost>,
        now_ms: i64,
    ) -> Result<PollStatus, TaskFailure> {
        match self {
            Self::Connector(source) => source.poll(operator, now_ms),
            Self::Guest {
                splits,
                max_records,
                is_reading,
                given,
            } => {
                if !*is_reading {
                    let Some(split) = next(splits.as_mut(), operator.host())? else {
                        return Ok(PollStatus::Finished);
                    };
                    let split = std::iter::once(split.state.as_slice());
                    operator.assign_splits(&split.collect::<Blobs>())?;
                    *is_reading = true;
                    *given += 1;
                }
                let status = operator.poll(*max_records)?;
                Ok(next_split_if_finished(status, is_reading))
            }
        }
    }

    /// Goes on with splits of a checkpoint.
    ///
    /// # Errors
    /// When the source refuses them.
    pub fn restore(
        &mut self,
        operator: &mut dyn Operator<TaskHost>,
        splits: Vec<Split>,
    ) -> Result<(), TaskFailure> {
        if splits.is_empty() {
            return Ok(());
        }
        match self {
            Self::Connector(source) => {
                for split in splits {
                    source.reader.assign(split)?;
                }
                source.is_reading = true;
            }
            Self::Guest { is_reading, .. } => {
                let states = splits.iter().map(|split| split.state.as_slice());
                operator.assign_splits(&states.collect::<Blobs>())?;
                *is_reading = true;
            }
        }
        Ok(())
    }

    /// The splits that are not at their end, and how many were given in all.
    ///
    /// # Errors
    /// When the bundle fails.
    pub fn snapshot(
        &self,
        operator: &mut dyn Operator<TaskHost>,
    ) -> Result<(Vec<Split>, u64), TaskFailure> {
        match self {
            Self::Connector(source) => Ok((source.reader.snapshot(), source.given)),
            Self::Guest {
                given, is_reading, ..
            } => {
                if !*is_reading {
                    return Ok((Vec::new(), *given));
                }
                let states = operator.snapshot_splits()?;
                let named = |(number, state): (usize, &[u8])| Split {
                    name: format!("split {number}"),
                    state: state.to_vec(),
                };
                let splits = states.view().iter().enumerate().map(named).collect();
                Ok((splits, *given))
            }
        }
    }

    /// Whether the source has made records, as far as the host sees it.
    pub fn has_made_records(&self, metrics: &TaskMetrics) -> bool {
        let made = match self {
            Self::Connector(_) => metrics.records_in.load(Ordering::Relaxed),
            Self::Guest { .. } => metrics.made_by_guest(),
        };
        made > 0
    }
}

impl ConnectorSource {
    fn poll(
        &mut self,
        operator: &mut dyn Operator<TaskHost>,
        now_ms: i64,
    ) -> Result<PollStatus, TaskFailure> {
        if !self.is_reading {
            let Some(split) = next(self.splits.as_mut(), operator.host())? else {
                return Ok(PollStatus::Finished);
            };
            tracing::debug!(split = split.name, "read split");
            self.reader.assign(split)?;
            self.is_reading = true;
            self.given += 1;
        }
        self.batch.clear();
        let status = self.reader.poll(now_ms, self.budget, &mut self.batch)?;
        self.count_bad_records(operator);
        if !self.batch.is_empty() {
            self.hand_on(operator)
                .map_err(|failure| self.located(failure))?;
        }
        Ok(next_split_if_finished(status, &mut self.is_reading))
    }

    fn hand_on(&self, operator: &mut dyn Operator<TaskHost>) -> Result<(), TaskFailure> {
        let records = self.batch.view();
        operator
            .host()
            .metrics
            .add_in(records.len(), records.data.len());
        for &input in &self.inputs {
            operator.process(input, &records)?;
        }
        let host = operator.host();
        let mut outputs = self.outputs.iter();
        outputs.try_for_each(|&output| host.send(output as usize, &records))
    }

    fn count_bad_records(&mut self, operator: &mut dyn Operator<TaskHost>) {
        let bad = self.reader.bad_records();
        if bad > self.bad_records {
            operator
                .host()
                .metrics
                .count(metric::BAD_RECORDS, bad - self.bad_records);
            self.bad_records = bad;
        }
    }

    /// The failure with the place where its record came from.
    fn located(&self, failure: TaskFailure) -> TaskFailure {
        match failure {
            TaskFailure::Guest(GuestFailure::BadRecord {
                index,
                message,
                location: None,
            }) => {
                let location = self.reader.locate(index);
                GuestFailure::BadRecord {
                    index,
                    message,
                    location,
                }
                .into()
            }
            other => other,
        }
    }
}

/// Asks for the next split; the time that takes is one without input.
fn next(splits: &mut dyn SplitSource, host: &TaskHost) -> Result<Option<Split>, TaskFailure> {
    let times = &host.metrics.times;
    times.wait(&host.clock, Wait::Input, || splits.next_split())
}

/// At the end of a split another may follow: the queue says at the next poll.
fn next_split_if_finished(status: PollStatus, is_reading: &mut bool) -> PollStatus {
    match status {
        PollStatus::Finished => {
            *is_reading = false;
            PollStatus::Ready
        }
        PollStatus::Ready | PollStatus::IdleUntil(_) | PollStatus::IdleFor(_) => status,
    }
}

#[cfg(test)]
mod tests;
