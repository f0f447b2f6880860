//! Reads the splits of the `file` source on one subtask's thread, one after the other.
//!
//! Invariant: a poll reads at most [`INPUT_PER_POLL`] bytes, whatever it finds in them, so that a task
//! between two files of megabytes of nothing useful can still be cancelled.

use std::collections::VecDeque;
use std::sync::Arc;

use wasmill_types::Batch;
use wasmill_types::operator::PollStatus;

use super::cursor::{Cursor, Progress};
use super::source::Reading;
use super::split::FileSplit;
use crate::collector::{Collector, Origins};
use crate::error::ConnectorError;
use crate::source::{Budget, ReaderContext, SourceReader, Split};

/// The most bytes that one poll reads: a few milliseconds' worth, even of packed files.
const INPUT_PER_POLL: usize = 4 << 20;

/// What opening a file counts for, in bytes, so that many small files do not make a poll long.
const OPENING_COST: usize = 64 << 10;

/// Reads splits in order.
#[derive(Debug)]
pub(super) struct FileReader {
    reading: Arc<Reading>,
    context: ReaderContext,
    waiting: VecDeque<FileSplit>,
    current: Option<Cursor>,
    origins: Origins,
    bad_records: u64,
}

impl FileReader {
    pub(super) fn new(reading: Arc<Reading>, context: ReaderContext) -> Self {
        Self {
            reading,
            context,
            waiting: VecDeque::new(),
            current: None,
            origins: Origins::default(),
            bad_records: 0,
        }
    }

    /// Opens the next split unless one is open; what that counts for.
    fn advance(&mut self) -> Result<usize, ConnectorError> {
        if self.current.is_some() {
            return Ok(0);
        }
        let Some(split) = self.waiting.pop_front() else {
            return Ok(0);
        };
        let cursor = Cursor::open(split, &self.reading, &self.context)?;
        self.origins.enter(cursor.origin());
        self.current = Some(cursor);
        Ok(OPENING_COST)
    }
}

impl SourceReader for FileReader {
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError> {
        self.waiting.push_back(split.unwrap_state()?);
        Ok(())
    }

    fn poll(
        &mut self,
        _now_ms: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError> {
        self.origins.clear();
        if let Some(cursor) = &self.current {
            self.origins.enter(cursor.origin());
        }
        let budget = budget.clamped();
        let mut read = 0;
        while read < INPUT_PER_POLL {
            read += self.advance()?;
            let Some(cursor) = &mut self.current else {
                return Ok(PollStatus::Finished);
            };
            let mut collector = Collector {
                out,
                origins: &mut self.origins,
                bad_records: &mut self.bad_records,
                budget,
                context: &self.context,
            };
            match cursor.read(&mut collector)? {
                Progress::Enough => return Ok(PollStatus::Ready),
                Progress::Again => {}
                Progress::NeedInput => read += cursor.fill()?,
                Progress::End => self.current = None,
            }
        }
        Ok(PollStatus::Ready)
    }

    fn locate(&self, index: u32) -> Option<String> {
        self.origins.locate(index)
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }

    fn snapshot(&self) -> Vec<Split> {
        let open = self.current.iter().map(Cursor::snapshot);
        open.chain(self.waiting.iter().cloned())
            .map(|split| Split::wrap(split.name(), &split))
            .collect()
    }
}
