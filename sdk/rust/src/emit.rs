//! Where records leave the chain: encoded into columns, and handed to the host a batch at a time.
//!
//! Invariant: at the end of every call of the host all columns have been emitted.

use std::cell::RefCell;
use std::rc::Rc;

use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::codec::Encode;
use crate::host::{self, Batch};
use crate::pipe::Down;
use crate::runtime::{NO_TIMESTAMP, Scope, Shared};

/// The most records in one emitted batch.
const MAX_BATCH_RECORDS: usize = 16_384;

/// How the records of an exchange are spread.
pub trait Spread<T>: Clone + 'static {
    /// The name of it in the graph.
    fn partitioning(&self) -> Partitioning;

    /// Whether guest code must look at each record.
    fn needs_guest(&self) -> bool;

    /// Whether the program asked for nothing in particular.
    fn is_default(&self) -> bool {
        matches!(self.partitioning(), Partitioning::Forward)
    }

    /// The number that goes with a record: key hash or index of the target; `channels` is the number
    /// of targets, `scratch` is empty memory.
    fn number(
        &self,
        value: &T,
        channels: u32,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<u32>, String>;
}

/// Spreads records without looking at them.
#[derive(Debug, Clone, Copy)]
pub struct Plain(pub(crate) Partitioning);

impl<T> Spread<T> for Plain {
    fn partitioning(&self) -> Partitioning {
        self.0
    }

    fn needs_guest(&self) -> bool {
        false
    }

    #[inline]
    fn number(&self, _: &T, _: u32, _: &mut Vec<u8>) -> Result<Option<u32>, String> {
        Ok(None)
    }
}

/// Sends each record to the subtask that a function chooses.
pub struct ByChoice<F>(pub(crate) Rc<F>);

impl<F> Clone for ByChoice<F> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T, F: Fn(&T, u32) -> u32 + 'static> Spread<T> for ByChoice<F> {
    fn partitioning(&self) -> Partitioning {
        Partitioning::Custom
    }

    fn needs_guest(&self) -> bool {
        true
    }

    fn number(&self, value: &T, channels: u32, _: &mut Vec<u8>) -> Result<Option<u32>, String> {
        let target = (self.0)(value, channels);
        if target < channels {
            return Ok(Some(target));
        }
        Err(format!(
            "the partitioner chose subtask {target} of {channels}"
        ))
    }
}

/// The columns of one output while they fill.
pub(crate) struct OutputBuffer {
    output: u32,
    batch: Batch,
    batch_bytes: usize,
    max_record_bytes: usize,
}

impl OutputBuffer {
    pub(crate) fn new(output: u32, batch_bytes: u32, max_record_bytes: u32) -> Self {
        Self {
            output,
            batch: host::empty_batch(),
            batch_bytes: batch_bytes as usize,
            max_record_bytes: max_record_bytes as usize,
        }
    }

    /// Emits what is there.
    pub(crate) fn flush(&mut self) {
        if self.batch.ends.is_empty() {
            return;
        }
        host::emit(self.output, &self.batch);
        self.batch.timestamps.clear();
        self.batch.hashes.clear();
        self.batch.ends.clear();
        self.batch.data.clear();
    }

    #[inline]
    fn push(
        &mut self,
        timestamp: i64,
        number: Option<u32>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        let start = self.batch.data.len();
        if let Err(problem) = encode(&mut self.batch.data) {
            self.batch.data.truncate(start);
            return Err(problem);
        }
        let end = self.batch.data.len();
        if end - start > self.max_record_bytes {
            self.batch.data.truncate(start);
            let limit = self.max_record_bytes;
            return Err(format!(
                "a record of {} bytes is over the limit of {limit}",
                end - start
            ));
        }
        if timestamp != NO_TIMESTAMP || !self.batch.timestamps.is_empty() {
            self.batch
                .timestamps
                .resize(self.batch.ends.len(), NO_TIMESTAMP);
            self.batch.timestamps.push(timestamp);
        }
        if let Some(number) = number {
            self.batch.hashes.push(number);
        }
        self.batch.ends.push(end as u32);
        if end >= self.batch_bytes || self.batch.ends.len() >= MAX_BATCH_RECORDS {
            self.flush();
        }
        Ok(())
    }
}

/// The end of a segment: encodes records for one edge.
pub(crate) struct Emitter<E, S> {
    /// None when the edge does not leave this subtask; nothing is pushed then.
    buffer: Option<Rc<RefCell<OutputBuffer>>>,
    shared: Rc<Shared>,
    edge: u32,
    encode: E,
    spread: S,
    channels: u32,
    scratch: Vec<u8>,
}

impl<E, S> Emitter<E, S> {
    pub(crate) fn new(scope: &Scope, edge: u32, encode: E, spread: S) -> Self {
        let output = scope.output(edge);
        let buffer = output.as_ref().map(|_| scope.output_buffer(edge));
        let channels = output.map_or(1, |output| output.channels);
        Self {
            buffer,
            shared: scope.shared(),
            edge,
            encode,
            spread,
            channels,
            scratch: Vec::new(),
        }
    }
}

impl<E, S> Emitter<E, S> {
    #[inline]
    fn emit<T>(&mut self, value: &T)
    where
        E: Encode<T>,
        S: Spread<T>,
    {
        let Some(buffer) = &self.buffer else { return };
        self.scratch.clear();
        let outcome = match self.spread.number(value, self.channels, &mut self.scratch) {
            Ok(number) => buffer
                .borrow_mut()
                .push(self.shared.timestamp(), number, |out| {
                    self.encode.encode(value, out)
                }),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = outcome {
            self.shared.fail_output(self.edge, &problem);
        }
    }
}

impl<T: 'static, E: Encode<T>, S: Spread<T>> Down<T> for Emitter<E, S> {
    #[inline]
    fn push(&mut self, value: T) {
        self.emit(&value);
    }

    #[inline]
    fn push_ref(&mut self, value: &T) {
        self.emit(value);
    }
}
