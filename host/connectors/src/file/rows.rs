//! CSV rows that may span lines, cut out of a stream.
//!
//! Invariant: memory stays below twice the longest record allowed plus [`MAX_COLUMNS`] field ends; what
//! exceeds it is consumed to the row's end without being kept, and reported as a problem.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, Terminator};

use super::csv::{CsvOptions, Fields, Problem, restart, set_bounds};
use crate::window::Window;

/// The most fields in a row: a header with more is not one.
const MAX_COLUMNS: usize = 1 << 16;

/// Cuts rows out of a stream.
#[derive(Debug)]
pub(super) struct Rows {
    reader: Reader,
    output: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    ended: usize,
    bounds: Vec<(u32, u32)>,
    /// Where the unfinished row starts.
    row_start: Option<u64>,
    /// What is wrong with the unfinished row.
    problem: Option<Problem>,
    limit: usize,
}

/// Why [`Rows::next`] came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowStep {
    /// A row that starts here; [`Rows::fields`] has it.
    Row { start: u64 },
    /// A row that starts here is a bad record.
    Bad { start: u64, problem: Problem },
    /// No complete row is left in the window.
    NeedInput,
    /// All rows have come.
    End,
}

impl Rows {
    /// Rows whose fields have at most `limit` bytes together.
    pub(super) fn new(options: &CsvOptions, limit: usize) -> Self {
        Self {
            reader: options.parser(Terminator::CRLF),
            output: vec![0; limit.clamp(1, 8 << 10)],
            written: 0,
            ends: vec![0; 64],
            ended: 0,
            bounds: Vec::new(),
            row_start: None,
            problem: None,
            limit,
        }
    }

    /// The fields of the row that came last.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            bytes: &self.output,
            bounds: &self.bounds,
        }
    }

    /// Where the unfinished row, or else the next one, starts.
    pub(super) fn position<R: Read>(&self, window: &Window<R>) -> u64 {
        self.row_start.unwrap_or_else(|| window.position())
    }

    /// Forgets an unfinished row: the window was moved.
    pub(super) fn restart(&mut self) {
        restart(&mut self.reader);
        self.begin(None);
    }

    /// The next row in the window.
    pub(super) fn next<R: Read>(&mut self, window: &mut Window<R>) -> RowStep {
        loop {
            if self.row_start.is_none() {
                // The parser would skip line ends as well, but then the row would start at them.
                let ends = window.bytes().iter();
                let ends = ends.take_while(|byte| matches!(byte, b'\n' | b'\r'));
                window.consume(ends.count());
            }
            if window.bytes().is_empty() {
                return self.starved(window);
            }
            let start = *self.row_start.get_or_insert_with(|| window.offset());
            let (result, consumed) = self.feed(window.bytes());
            window.consume(consumed);
            if result == ReadRecordResult::Record {
                return self.row(start);
            }
        }
    }

    fn starved<R: Read>(&mut self, window: &Window<R>) -> RowStep {
        if !window.is_at_end() {
            return RowStep::NeedInput;
        }
        let Some(start) = self.row_start else {
            return RowStep::End;
        };
        // The last row may lack its line end. Within quotes a line end is data, and nothing ends.
        loop {
            match self.feed(b"\n") {
                (ReadRecordResult::Record, _) => return self.row(start),
                (_, 0) => {}
                _ => {
                    self.restart();
                    let problem = Problem::OpenQuoteAtEnd;
                    return RowStep::Bad { start, problem };
                }
            }
        }
    }

    /// Gives bytes to the parser once and makes room for more output.
    fn feed(&mut self, input: &[u8]) -> (ReadRecordResult, usize) {
        let (result, consumed, written, ended) = self.reader.read_record(
            input,
            &mut self.output[self.written..],
            &mut self.ends[self.ended..],
        );
        self.written += written;
        self.ended += ended;
        match result {
            ReadRecordResult::OutputFull if self.output.len() <= self.limit => {
                let larger = (self.output.len() * 2).min(self.limit + 1);
                self.output.resize(larger, 0);
            }
            ReadRecordResult::OutputFull => {
                let limit = self.limit;
                self.problem.get_or_insert(Problem::TooLarge { limit });
                self.written = 0;
            }
            ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                self.ends.resize(self.ends.len() * 2, 0);
            }
            ReadRecordResult::OutputEndsFull => {
                let limit = MAX_COLUMNS;
                self.problem.get_or_insert(Problem::TooManyFields { limit });
                self.ended = 0;
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::Record | ReadRecordResult::End => {}
        }
        (result, consumed)
    }

    fn row(&mut self, start: u64) -> RowStep {
        let ended = self.ended;
        match self.begin(None) {
            Some(problem) => RowStep::Bad { start, problem },
            None => {
                set_bounds(&mut self.bounds, &self.ends[..ended]);
                RowStep::Row { start }
            }
        }
    }

    /// Gets ready for another row; what was wrong with the last one.
    fn begin(&mut self, row_start: Option<u64>) -> Option<Problem> {
        self.row_start = row_start;
        (self.written, self.ended) = (0, 0);
        self.problem.take()
    }
}
