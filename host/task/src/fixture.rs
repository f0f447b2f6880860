//! What the tests of this crate are made of: graphs as text, guest code as closures, whole jobs.

pub(crate) mod driver;
pub(crate) mod graph;
pub(crate) mod guest;
pub(crate) mod job;

use std::sync::{Arc, Mutex};

use wasmill_actor::{Clock, Rng, Signal};
use wasmill_connectors::{Committable, ConnectorError, Sink, SinkWriter, Split, WriterContext};
use wasmill_types::id::OperatorId;
use wasmill_types::{Batch, BatchView, Element};

use crate::event_time::OutputTime;
use crate::host::TaskHost;
use crate::keeper::{Forgetful, Start};
use crate::orders::Orders;
use crate::output::Output;
use crate::sink::SinkOutput;
use crate::task::Checkpoints;

/// A batch of these records.
pub(crate) fn batch(records: &[&str]) -> Batch {
    let mut batch = Batch::default();
    records
        .iter()
        .for_each(|record| batch.push(record.as_bytes()));
    batch
}

/// A host with these outputs, all of them its operators', and without keyed state.
pub(crate) fn host(outputs: Vec<Output>) -> TaskHost {
    TaskHost {
        operator_outputs: outputs.len(),
        outputs,
        event_time: OutputTime::default(),
        state: None,
        timers: None,
        expiry: None,
        clock: Clock::manual(0),
        rng: Rng::seeded(1),
        metrics: Arc::default(),
        observer: Arc::new(()),
        max_record_bytes: 100,
        has_ended: false,
    }
}

/// An element as text: records joined by `,`, `W5`, `idle`, `active`, `end` of the data, `gone`.
pub(crate) fn shown(element: &Element) -> String {
    match element {
        Element::Batch(batch) => texts(&batch.view()).join(","),
        Element::Watermark(i64::MAX) => "Wmax".to_owned(),
        Element::Watermark(time) => format!("W{time}"),
        Element::Status(status) => format!("{status:?}").to_lowercase(),
        Element::Barrier(barrier) => format!("B{}", barrier.checkpoint),
        Element::EndOfData => "end".to_owned(),
        Element::EndOfPartition => "gone".to_owned(),
    }
}

/// The records as texts.
pub(crate) fn texts(records: &BatchView<'_>) -> Vec<String> {
    let text = |record: &[u8]| String::from_utf8(record.to_vec()).unwrap();
    records.records().map(text).collect()
}

/// A sink that fails when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) fails_to_write: bool,
    pub(crate) fails_to_finish: bool,
    pub(crate) written: Vec<String>,
}

impl SinkWriter for Writer {
    fn write(&mut self, records: &BatchView<'_>) -> Result<(), ConnectorError> {
        self.written.extend(texts(records));
        refuse(self.fails_to_write, "write")
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn prepare_commit(&mut self) -> Result<Vec<Committable>, ConnectorError> {
        refuse(self.fails_to_finish, "finish")?;
        let written = std::mem::take(&mut self.written);
        Ok(vec![committable(&written.join(","))])
    }

    fn finish(self: Box<Self>) -> Result<Vec<Committable>, ConnectorError> {
        refuse(self.fails_to_finish, "finish")?;
        Ok(vec![committable(&self.written.join(","))])
    }
}

/// The checkpoints of a task that keeps nothing.
pub(crate) fn checkpoints(signal: &Signal, channels: usize) -> Checkpoints {
    let orders = Orders::new(signal.clone());
    let mut start = Start::default();
    Checkpoints::new(orders, channels, Box::new(Forgetful), false, &mut start)
}

/// A sink with this writer, whose commits are counted.
pub(crate) fn sink(id: u32, writer: Writer) -> Output {
    Output::Sink(SinkOutput::new(
        OperatorId(id),
        Arc::new(Target::default()),
        Box::new(writer),
    ))
}

/// What a sink made visible.
#[derive(Debug, Default)]
pub(crate) struct Target(pub(crate) Mutex<Vec<String>>);

impl Sink for Target {
    fn prepare(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn writer(&self, _: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(Writer::default()))
    }

    fn commit(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        self.commit_checkpoint(parts)
    }

    fn commit_checkpoint(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        let names = parts.into_iter().map(|part| part.name);
        self.0.lock().unwrap().extend(names);
        Ok(())
    }

    fn discard(&self, _: Vec<Committable>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// A split of this name, which holds it too.
pub(crate) fn split(name: &str) -> Split {
    Split {
        name: name.to_owned(),
        state: name.as_bytes().to_vec(),
    }
}

/// Output of this name.
pub(crate) fn committable(name: &str) -> Committable {
    Committable {
        name: name.to_owned(),
        state: Vec::new(),
    }
}

/// An error, if there is to be one.
pub(crate) fn refuse(refused: bool, action: &'static str) -> Result<(), ConnectorError> {
    if !refused {
        return Ok(());
    }
    Err(ConnectorError::Io {
        action,
        path: "the disk".into(),
        source: std::io::ErrorKind::StorageFull.into(),
    })
}
