//! The connector `print`: a sink that writes records to standard output, one a line.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `prefix` | absent | a text in front of each line |
//!
//! As in Flink, a line is `record` when one subtask prints, `2> record` when several do (subtasks are
//! numbered from 1), and `prefix> record` or `prefix:2> record` with a prefix. Records are written as
//! their bytes are. Invariant: the lines of one batch are not mixed with those of another subtask.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use wasmill_types::BatchView;
use wasmill_types::job::ConnectorSpec;

use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::sink::{Committable, Sink, SinkWriter, WriterContext};

const PREFIX: &str = "prefix";

/// The sink's doc.
pub(crate) const SINK: ConnectorDoc = ConnectorDoc {
    name: "print",
    kind: ConnectorKind::Sink,
    summary: "Writes records to standard output, one a line.",
    options: &[OptionDoc::new(
        PREFIX,
        OptionDefault::Absent,
        "a text in front of each line; absent: none",
    )],
};

/// The `print` sink.
#[derive(Debug)]
pub(crate) struct PrintSink {
    prefix: Option<String>,
    output: Arc<dyn Output>,
}

/// Where lines go: standard output, or a test's memory.
trait Output: Send + Sync + fmt::Debug {
    /// Writes all bytes, not mixed with those of others.
    fn write(&self, lines: &[u8]) -> io::Result<()>;
}

#[derive(Debug)]
struct StandardOutput;

impl Output for StandardOutput {
    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(lines)?;
        out.flush()
    }
}

impl PrintSink {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        Self::onto(spec, Arc::new(StandardOutput))
    }

    fn onto(spec: &ConnectorSpec, output: Arc<dyn Output>) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SINK)?;
        let prefix = options.text(PREFIX)?;
        Ok(Self {
            prefix: prefix.filter(|text| !text.is_empty()).map(str::to_owned),
            output,
        })
    }
}

impl Sink for PrintSink {
    fn prepare(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn writer(&self, context: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let number = (context.parallelism > 1).then_some(context.subtask + 1);
        let start = match (&self.prefix, number) {
            (None, None) => String::new(),
            (None, Some(number)) => format!("{number}> "),
            (Some(prefix), None) => format!("{prefix}> "),
            (Some(prefix), Some(number)) => format!("{prefix}:{number}> "),
        };
        Ok(Box::new(PrintWriter {
            start,
            lines: Vec::new(),
            output: Arc::clone(&self.output),
        }))
    }

    fn commit(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn discard(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// Prints for one subtask. Holds the lines of one batch.
struct PrintWriter {
    start: String,
    lines: Vec<u8>,
    output: Arc<dyn Output>,
}

impl SinkWriter for PrintWriter {
    fn write(&mut self, records: &BatchView<'_>) -> Result<(), ConnectorError> {
        self.lines.clear();
        for record in records.records() {
            self.lines.extend_from_slice(self.start.as_bytes());
            self.lines.extend_from_slice(record);
            self.lines.push(b'\n');
        }
        let written = self.output.write(&self.lines);
        written.map_err(|error| ConnectorError::io("write to", Path::new("standard output"), error))
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<Committable>, ConnectorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
