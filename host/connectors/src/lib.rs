//! Built-in sources and sinks: how records enter and leave a job without guest code.
//!
//! A record's way in: [`source()`] parses the options once, [`Source::splits`] divides the input, each
//! subtask's thread opens a [`SourceReader`], is given splits and polls it for batches. The way out:
//! [`sink()`] parses, [`Sink::prepare`] checks the target before any task starts, each subtask's thread
//! fills a [`SinkWriter`], and once all have finished [`Sink::commit`] makes the output visible.
//!
//! Everything is synchronous and used by one thread; time comes in as `now_ms`, nothing spawns.
//! Invariants: [`SourceReader::poll`] gives the thread back within about 50 ms, so that a task can be
//! cancelled; no file stands under its final name before `commit`; no file outside of [`Access`] is
//! opened; what is held in memory has a bound that is named where it grows.

mod access;
mod bench;
mod blackhole;
mod catalog;
mod collector;
mod datagen;
mod error;
mod file;
mod lines;
mod options;
mod payload;
mod print;
mod sink;
mod socket;
mod source;
mod targets;
mod window;

pub use access::Access;
pub use bench::{Latencies, take_latencies};
pub use catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc, catalog};
pub use error::{ConnectorError, ErrorKind};
pub use sink::{Committable, Recovery, Sink, SinkWriter, WriterContext};
pub use source::{Budget, ReaderContext, Source, SourceReader, Split};
pub use targets::check_sinks;

use wasmill_types::job::ConnectorSpec;

/// The source that `spec` asks for.
///
/// # Errors
/// An unknown connector, or an option that is unknown, missing, given twice or has a bad value.
pub fn source(spec: &ConnectorSpec, access: &Access) -> Result<Box<dyn Source>, ConnectorError> {
    match spec.name.as_str() {
        "file" => Ok(Box::new(file::FileSource::parse(spec, access)?)),
        "socket" => Ok(Box::new(socket::SocketSource::parse(spec)?)),
        "bench" => Ok(Box::new(bench::BenchSource::parse(spec)?)),
        "datagen" => Ok(Box::new(datagen::DatagenSource::parse(spec)?)),
        name => Err(catalog::unknown(ConnectorKind::Source, name)),
    }
}

/// The sink that `spec` asks for.
///
/// # Errors
/// As [`source()`], and a path that `access` does not allow.
pub fn sink(spec: &ConnectorSpec, access: &Access) -> Result<Box<dyn Sink>, ConnectorError> {
    match spec.name.as_str() {
        "file" => Ok(Box::new(file::FileSink::parse(spec, access)?)),
        "print" => Ok(Box::new(print::PrintSink::parse(spec)?)),
        "bench" => Ok(Box::new(bench::LatencySink::parse(spec)?)),
        "blackhole" => Ok(Box::new(blackhole::BlackholeSink::parse(spec)?)),
        name => Err(catalog::unknown(ConnectorKind::Sink, name)),
    }
}

#[cfg(test)]
mod tests;
