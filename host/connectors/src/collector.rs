//! Where a reader of lines or rows puts what it found: records into the batch, their origins beside
//! it, bad records into the count or the error.
//!
//! Invariant: `origins` has one offset per record of the batch.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;

use wasmill_types::Batch;
use wasmill_types::operator::BadRecordPolicy;

use crate::error::ConnectorError;
use crate::source::{Budget, ReaderContext};

/// One input that records come from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The file or address.
    pub(crate) name: String,
    /// Said after the offset: empty, or what the offset counts in.
    pub(crate) note: &'static str,
}

/// Where the records of one batch came from. Holds eight bytes per record of the last batch, whose
/// size the poll's budget bounds.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    offsets: Vec<u64>,
    /// From which record on the input is which.
    inputs: Vec<(usize, Arc<Origin>)>,
}

/// Takes the records of one input during one poll.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    pub(crate) out: &'a mut Batch,
    pub(crate) origins: &'a mut Origins,
    pub(crate) bad_records: &'a mut u64,
    pub(crate) budget: Budget,
    pub(crate) context: &'a ReaderContext,
}

impl Collector<'_> {
    /// Takes one record; breaks when the batch has enough.
    #[inline]
    pub(crate) fn take(&mut self, offset: u64, record: &[u8]) -> ControlFlow<()> {
        self.out.data.extend_from_slice(record);
        self.end_record(offset)
    }

    /// Ends the record whose bytes the caller appended to `out.data`.
    #[inline]
    pub(crate) fn end_record(&mut self, offset: u64) -> ControlFlow<()> {
        self.out.ends.push(self.out.data.len() as u32);
        self.origins.offsets.push(offset);
        if self.budget.is_used_up(self.out) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Leaves a bad record out, or fails, as the policy says.
    pub(crate) fn reject(
        &mut self,
        origin: &Origin,
        offset: u64,
        problem: &dyn Display,
    ) -> Result<(), ConnectorError> {
        let location = origin.location(offset);
        match self.context.on_bad_record {
            BadRecordPolicy::Fail => Err(ConnectorError::BadRecord {
                location,
                problem: problem.to_string(),
            }),
            BadRecordPolicy::Skip => {
                *self.bad_records += 1;
                tracing::debug!(%location, %problem, "left out a bad record");
                Ok(())
            }
        }
    }

    /// As [`Collector::reject`], for a line or row above the limit.
    pub(crate) fn reject_long(
        &mut self,
        origin: &Origin,
        offset: u64,
    ) -> Result<(), ConnectorError> {
        let limit = self.context.max_record();
        let problem = format!("the line is longer than the limit of {limit} bytes for a record");
        self.reject(origin, offset, &problem)
    }
}

impl Origin {
    /// Where a record of this input starts, for a person.
    pub(crate) fn location(&self, offset: u64) -> String {
        format!("{}, byte {offset}{}", self.name, self.note)
    }
}

impl Origins {
    /// Forgets the last batch.
    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
        self.inputs.clear();
    }

    /// The records that follow come from this input.
    pub(crate) fn enter(&mut self, origin: &Arc<Origin>) {
        self.inputs.push((self.offsets.len(), Arc::clone(origin)));
    }

    /// Where record `index` came from.
    pub(crate) fn locate(&self, index: u32) -> Option<String> {
        let index = index as usize;
        let offset = *self.offsets.get(index)?;
        let after = self.inputs.partition_point(|(first, _)| *first <= index);
        let (_, origin) = self.inputs.get(after.checked_sub(1)?)?;
        Some(origin.location(offset))
    }
}
