//! Reads the records of an input one by one and pushes them down the chain.
//!
//! Invariant: while a record is pushed, the shared timestamp is the record's, and after a failure no
//! further record is pushed.

use std::ops::Range;
use std::rc::Rc;

use crate::host::Batch;
use crate::pipe::Down;
use crate::runtime::{Input, NO_TIMESTAMP, Scope, Shared};

/// A loop over the records of one edge, fused with what follows.
pub(crate) struct Reader<F, D> {
    shared: Rc<Shared>,
    decode: F,
    down: D,
}

impl<F, D> Reader<F, D> {
    pub(crate) fn new(scope: &Scope, decode: F, down: D) -> Self {
        Self {
            shared: scope.shared(),
            decode,
            down,
        }
    }
}

impl<T, F, D> Input for ReaderOf<T, F, D>
where
    T: 'static,
    F: Fn(&[u8]) -> Result<T, String> + 'static,
    D: Down<T>,
{
    fn process(&mut self, batch: &Batch) {
        for_each(batch, &self.0.shared, |_, bytes| {
            match (self.0.decode)(bytes) {
                Ok(value) => self.0.down.push(value),
                Err(problem) => self.0.shared.bad_record(problem),
            }
        });
    }
}

/// A [`Reader`] that names the type of its records.
pub(crate) struct ReaderOf<T, F, D>(Reader<F, D>, std::marker::PhantomData<fn() -> T>);

impl<F, D> Reader<F, D> {
    /// The reader as an input of the subtask.
    pub(crate) fn into_input<T: 'static>(self) -> Box<dyn Input>
    where
        F: Fn(&[u8]) -> Result<T, String> + 'static,
        D: Down<T>,
    {
        Box::new(ReaderOf(self, std::marker::PhantomData))
    }
}

/// Visits the records of a batch until the subtask fails.
#[inline]
pub(crate) fn for_each(batch: &Batch, shared: &Shared, visit: impl FnMut(usize, &[u8])) {
    for_each_of(batch, 0..batch.ends.len(), shared, visit);
}

/// Visits some of the records of a batch, by their indices, until the subtask fails.
#[inline]
pub(crate) fn for_each_of(
    batch: &Batch,
    records: Range<usize>,
    shared: &Shared,
    mut visit: impl FnMut(usize, &[u8]),
) {
    let before = records.start.checked_sub(1);
    let mut start = before.map_or(0, |index| batch.ends[index] as usize);
    for index in records {
        let end = batch.ends[index];
        let bytes = &batch.data[start..end as usize];
        start = end as usize;
        let timestamp = batch.timestamps.get(index).copied().unwrap_or(NO_TIMESTAMP);
        shared.enter(index as u32, timestamp);
        visit(index, bytes);
        if shared.has_failed() {
            return;
        }
    }
}
