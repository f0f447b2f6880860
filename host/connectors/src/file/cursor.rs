//! One split being read: an open file, the position in it, and how its bytes become records.
//!
//! Called by [`super::reader`] in turns of `read` and `fill`. Invariant: [`Cursor::snapshot`] names the
//! start of the first record that was not handed out, so reading on from it repeats and loses nothing.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::Format;
use super::csv::{Fields, Layout, LineParser, Problem};
use super::input::{Input, NotGzip, Packing};
use super::rows::{RowStep, Rows};
use super::source::Reading;
use super::split::FileSplit;
use crate::collector::{Collector, Origin};
use crate::error::ConnectorError;
use crate::lines::{Lines, Step};
use crate::source::ReaderContext;
use crate::window::{Fill, Window};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A split being read.
#[derive(Debug)]
pub(super) struct Cursor {
    split: FileSplit,
    origin: Arc<Origin>,
    records: Records,
}

#[derive(Debug)]
enum Records {
    Text(Lines<Input>),
    Json(Lines<Input>),
    Csv(Lines<Input>, LineParser, Layout),
    Multiline(Window<Input>, Box<Rows>, Layout),
    /// A CSV file without a header, and so without rows.
    Nothing,
}

/// Why [`Cursor::read`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The batch has enough.
    Enough,
    /// There may be more at once.
    Again,
    /// [`Cursor::fill`] first.
    NeedInput,
    /// The split is at its end.
    End,
}

impl Cursor {
    /// Opens the split's file and goes to its position, or to its start.
    pub(super) fn open(
        split: FileSplit,
        reading: &Reading,
        context: &ReaderContext,
    ) -> Result<Self, ConnectorError> {
        let path = Path::new(&split.path);
        let packing = Packing::of(path);
        let real = reading.access.existing(path)?;
        let opening = Opening {
            split: &split,
            reading,
            limit: context.max_record(),
        };
        let failed = |error: io::Error| match error.get_ref() {
            Some(inner) if inner.is::<NotGzip>() => ConnectorError::input(path, inner.to_string()),
            _ => ConnectorError::io("open", path, error),
        };
        let input = Input::open(&real, packing).map_err(failed)?;
        let records = opening.records(input)?;
        let note = match packing {
            Packing::Plain => "",
            Packing::Gzip | Packing::Zstd => " of the unpacked data",
        };
        let name = split.path.clone();
        Ok(Self {
            split,
            origin: Arc::new(Origin { name, note }),
            records,
        })
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The split, with the position reached.
    pub(super) fn snapshot(&self) -> FileSplit {
        let position = match &self.records {
            Records::Text(lines) | Records::Json(lines) | Records::Csv(lines, ..) => {
                lines.position()
            }
            Records::Multiline(window, rows, _) => Some(rows.position(window)),
            Records::Nothing => None,
        };
        FileSplit {
            position: position.or(self.split.position),
            ..self.split.clone()
        }
    }

    /// Hands over the records that are in memory.
    pub(super) fn read(
        &mut self,
        collector: &mut Collector<'_>,
    ) -> Result<Progress, ConnectorError> {
        let origin = &self.origin;
        let step = match &mut self.records {
            Records::Text(lines) => lines.next(|offset, line| collector.take(offset, line)),
            Records::Json(lines) => lines.next(|offset, line| {
                if line.iter().all(u8::is_ascii_whitespace) {
                    return ControlFlow::Continue(());
                }
                collector.take(offset, line)
            }),
            Records::Csv(lines, parser, layout) => {
                read_csv(lines, parser, layout, origin, collector)?
            }
            Records::Multiline(window, rows, layout) => {
                read_rows(window, rows, layout, origin, collector)?
            }
            Records::Nothing => Step::End,
        };
        match step {
            Step::Enough => Ok(Progress::Enough),
            Step::NeedInput => Ok(Progress::NeedInput),
            Step::End => self.end(),
            Step::TooLong { start } => {
                collector.reject_long(origin, start)?;
                Ok(Progress::Again)
            }
        }
    }

    /// Reads once from the file; how many bytes.
    pub(super) fn fill(&mut self) -> Result<usize, ConnectorError> {
        let filled = match &mut self.records {
            Records::Text(lines) | Records::Json(lines) | Records::Csv(lines, ..) => lines.fill(),
            Records::Multiline(window, ..) => window.fill(),
            Records::Nothing => Ok(Fill::End),
        };
        match filled.map_err(|error| read_failed(Path::new(&self.split.path), error))? {
            Fill::Data(bytes) => Ok(bytes),
            Fill::Pending | Fill::End => Ok(0),
        }
    }

    /// A file that became shorter while it was read has lost records.
    fn end(&self) -> Result<Progress, ConnectorError> {
        let window = match &self.records {
            Records::Text(lines) | Records::Json(lines) | Records::Csv(lines, ..) => lines.window(),
            Records::Multiline(window, ..) => window,
            Records::Nothing => return Ok(Progress::End),
        };
        let expected = self.split.end.or(self.split.position).unwrap_or(0);
        let length = window.offset() + window.bytes().len() as u64;
        if length >= expected {
            return Ok(Progress::End);
        }
        let problem = format!(
            "became shorter while the job read it: it ends at byte {length}, not {expected}; do not \
             change files that are being read"
        );
        Err(ConnectorError::input(Path::new(&self.split.path), problem))
    }
}

fn read_csv(
    lines: &mut Lines<Input>,
    parser: &mut LineParser,
    layout: &Layout,
    origin: &Origin,
    collector: &mut Collector<'_>,
) -> Result<Step, ConnectorError> {
    let limit = collector.context.max_record();
    let mut failed = None;
    let step = lines.next(|offset, line| {
        if line.is_empty() {
            return ControlFlow::Continue(());
        }
        let encoded = parser
            .parse(line)
            .and_then(|row| layout.encode(row, limit, &mut collector.out.data));
        let Err(problem) = encoded else {
            return collector.end_record(offset);
        };
        match collector.reject(origin, offset, &problem) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    failed.map_or(Ok(step), Err)
}

fn read_rows(
    window: &mut Window<Input>,
    rows: &mut Rows,
    layout: &Layout,
    origin: &Origin,
    collector: &mut Collector<'_>,
) -> Result<Step, ConnectorError> {
    let limit = collector.context.max_record();
    loop {
        let (start, problem) = match rows.next(window) {
            RowStep::NeedInput => return Ok(Step::NeedInput),
            RowStep::End => return Ok(Step::End),
            RowStep::Bad { start, problem } => (start, problem),
            RowStep::Row { start } => {
                match layout.encode(rows.fields(), limit, &mut collector.out.data) {
                    Ok(()) if collector.end_record(start).is_break() => {
                        return Ok(Step::Enough);
                    }
                    Ok(()) => continue,
                    Err(problem) => (start, problem),
                }
            }
        };
        collector.reject(origin, start, &problem)?;
    }
}

/// What it takes to open a split.
struct Opening<'a> {
    split: &'a FileSplit,
    reading: &'a Reading,
    limit: usize,
}

impl Opening<'_> {
    fn records(&self, input: Input) -> Result<Records, ConnectorError> {
        let mut window = Window::new(input, 0);
        match self.reading.format {
            Format::Lines => Ok(Records::Text(self.lines(window)?)),
            Format::JsonLines => Ok(Records::Json(self.lines(window)?)),
            Format::Csv if self.reading.csv.multiline => {
                self.drop_mark(&mut window)?;
                self.multiline(window)
            }
            Format::Csv => {
                self.drop_mark(&mut window)?;
                self.csv(window)
            }
        }
    }

    fn lines(&self, mut window: Window<Input>) -> Result<Lines<Input>, ConnectorError> {
        let end = self.split.end.unwrap_or(u64::MAX);
        let (position, aligned) = self.first_position(0);
        if position == 0 {
            self.drop_mark(&mut window)?;
        } else {
            self.move_window(&mut window, position)?;
        }
        let mut lines = Lines::new(window, self.limit, end);
        if !aligned {
            lines.align();
        }
        Ok(lines)
    }

    fn csv(&self, window: Window<Input>) -> Result<Records, ConnectorError> {
        let mut parser = LineParser::new(&self.reading.csv);
        let mut lines = Lines::new(window, self.limit, u64::MAX);
        let Some(layout) = self.find_header(&mut lines, &mut parser)? else {
            return Ok(Records::Nothing);
        };
        let (position, aligned) = self.first_position(lines.window().offset());
        if position != lines.window().offset() {
            self.move_window(lines.window_mut(), position)?;
        }
        lines.set_end(self.split.end.unwrap_or(u64::MAX));
        if !aligned {
            lines.align();
        }
        Ok(Records::Csv(lines, parser, layout))
    }

    /// Reads the first line that is not blank; none when there is no such line.
    fn find_header(
        &self,
        lines: &mut Lines<Input>,
        parser: &mut LineParser,
    ) -> Result<Option<Layout>, ConnectorError> {
        let mut layout = None;
        while layout.is_none() {
            let step = lines.next(|_, line| {
                if line.is_empty() {
                    return ControlFlow::Continue(());
                }
                layout = Some(self.layout(parser.parse(line)));
                ControlFlow::Break(())
            });
            match step {
                Step::Enough => {}
                Step::NeedInput => drop(lines.fill().map_err(|error| self.failed(error))?),
                Step::End => break,
                Step::TooLong { .. } => {
                    return Err(self.header_problem("is longer than a record may be"));
                }
            }
        }
        layout.transpose()
    }

    fn multiline(&self, mut window: Window<Input>) -> Result<Records, ConnectorError> {
        let mut rows = Box::new(Rows::new(&self.reading.csv, self.limit));
        let layout = loop {
            match rows.next(&mut window) {
                RowStep::Row { .. } => break self.layout(Ok(rows.fields()))?,
                RowStep::Bad { problem, .. } => self.layout(Err(problem)).map(drop)?,
                RowStep::NeedInput => drop(window.fill().map_err(|error| self.failed(error))?),
                RowStep::End => return Ok(Records::Nothing),
            }
        };
        if let Some(position) = self.split.position {
            self.move_window(&mut window, position)?;
            rows.restart();
        }
        Ok(Records::Multiline(window, rows, layout))
    }

    fn layout(&self, header: Result<Fields<'_>, Problem>) -> Result<Layout, ConnectorError> {
        match header {
            Ok(header) => Layout::new(header, &self.reading.csv, &self.split.path),
            Err(problem) => Err(self.header_problem(&format!("cannot be read: {problem}"))),
        }
    }

    /// Where to start reading, given where the data starts, and whether a line starts there.
    fn first_position(&self, data_start: u64) -> (u64, bool) {
        match self.split.position {
            Some(position) => (position.max(data_start), true),
            None if self.split.start <= data_start => (data_start, true),
            // A line that starts exactly at the split's start is found by the line end before it.
            None => (self.split.start - 1, false),
        }
    }

    fn move_window(&self, window: &mut Window<Input>, position: u64) -> Result<(), ConnectorError> {
        if !window.source().can_seek() {
            window.skip_to(position);
            return Ok(());
        }
        let moved = window.move_to(position, |input| input.seek(position));
        moved.map_err(|error| self.failed(error))
    }

    fn drop_mark(&self, window: &mut Window<Input>) -> Result<(), ConnectorError> {
        while window.bytes().len() < BYTE_ORDER_MARK.len() {
            match window.fill().map_err(|error| self.failed(error))? {
                Fill::Data(_) => {}
                Fill::End | Fill::Pending => break,
            }
        }
        if window.bytes().starts_with(BYTE_ORDER_MARK) {
            window.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> ConnectorError {
        read_failed(Path::new(&self.split.path), error)
    }

    fn header_problem(&self, problem: &str) -> ConnectorError {
        let problem = format!("has a header line that {problem}");
        ConnectorError::input(Path::new(&self.split.path), problem)
    }
}

/// A packed file says with kinds of its own that it is broken.
fn read_failed(path: &Path, error: io::Error) -> ConnectorError {
    let broken = match (Packing::of(path), error.kind()) {
        (Packing::Plain, _) => None,
        (Packing::Gzip | Packing::Zstd, ErrorKind::UnexpectedEof) => Some("is cut off"),
        // The codecs' own complaints are not the operating system's.
        (Packing::Gzip | Packing::Zstd, _) if error.raw_os_error().is_none() => Some("is damaged"),
        (Packing::Gzip | Packing::Zstd, _) => None,
    };
    match broken {
        Some(how) => ConnectorError::input(path, format!("{how}, it cannot be unpacked: {error}")),
        None => ConnectorError::io("read", path, error),
    }
}
