//! The connector `blackhole`: a sink that takes records and drops them. It has no options.

use wasmill_types::BatchView;
use wasmill_types::job::ConnectorSpec;

use crate::catalog::{ConnectorDoc, ConnectorKind};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::sink::{Committable, Sink, SinkWriter, WriterContext};

/// The sink's doc.
pub(crate) const SINK: ConnectorDoc = ConnectorDoc {
    name: "blackhole",
    kind: ConnectorKind::Sink,
    summary: "Drops all records.",
    options: &[],
};

/// The `blackhole` sink.
#[derive(Debug)]
pub(crate) struct BlackholeSink;

struct BlackholeWriter;

impl BlackholeSink {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        Options::check(spec, &SINK)?;
        Ok(Self)
    }
}

impl Sink for BlackholeSink {
    fn prepare(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn writer(&self, _: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(BlackholeWriter))
    }

    fn commit(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn discard(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

impl SinkWriter for BlackholeWriter {
    fn write(&mut self, _: &BatchView<'_>) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<Committable>, ConnectorError> {
        Ok(Vec::new())
    }
}
