//! Elements to frames, without copying records.
//!
//! Invariant: the data of a batch goes to the transport where it is, and its memory goes back to the
//! task once the transport is done with it.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use wasmill_types::element::ChannelStatus;
use wasmill_types::{Barrier, Batch, Element};

use super::{
    BARRIER, BATCH, BATCH_HEAD, END_OF_DATA, END_OF_PARTITION, HAS_HASHES, HAS_TIMESTAMPS, IS_EVEN,
    LOST, MAX_BARRIER, MAX_REASON, STATUS, WATERMARK, buffers_of, bytes_per_record,
    wire_bytes_per_record,
};
use crate::gate::Shared;
use crate::remote::pool::BUFFER_BYTES;

/// Data of at most so many bytes is copied behind its head: that costs less than to lend it.
const MAX_COPIED: usize = 1 << 10;

/// How much memory for heads and columns is taken at a time, in bytes: for some frames. Each channel keeps
/// it beside its buffers, so it has to be small beside them.
const HEADS_BYTES: usize = 8 << 10;

/// Something that no peer would take.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// A record that is too large.
    #[error("a record of {bytes} bytes is above the limit `wasm.record` of {limit} bytes")]
    Record { bytes: usize, limit: u32 },
    /// A barrier whose directories have too long names.
    #[error(
        "a checkpoint barrier of {bytes} bytes is above the limit of {MAX_BARRIER} bytes; shorten \
         `execution.checkpointing.dir` or the savepoint's directory"
    )]
    Barrier { bytes: usize },
}

/// Turns the elements of one channel into pieces for the transport.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Heads and columns; what was written is split off and shared with the transport.
    heads: BytesMut,
    pieces: Vec<Bytes>,
    /// A batch that goes as several frames, of which some have gone.
    batch: Option<Sending>,
    max_record: u32,
}

/// A batch on its way.
#[derive(Debug)]
struct Sending {
    lent: Lent,
    /// The first record that has not gone.
    next: usize,
}

/// A batch, shared by the pieces that are still with the transport.
#[derive(Debug, Clone)]
struct Lent(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    batch: Batch,
    /// Where its memory came from.
    origin: Arc<Shared>,
}

/// A frame that would come next, as its credit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    from: usize,
    to: usize,
    /// The buffers that it fills.
    pub(crate) buffers: u32,
}

impl Encoder {
    /// An encoder of records of at most `max_record` bytes, or a buffer's size if that is more.
    pub(crate) fn new(max_record: u32) -> Self {
        Self {
            heads: BytesMut::new(),
            pieces: Vec::new(),
            batch: None,
            max_record: max_record.max(BUFFER_BYTES as u32),
        }
    }

    /// The number that begins the stream.
    pub(crate) fn tag(&mut self, tag: u32) {
        self.head(4).put_u32_le(tag);
        self.cut();
    }

    /// An element that is not a batch.
    ///
    /// # Errors
    /// When a barrier is larger than any peer would take.
    pub(crate) fn event(&mut self, event: &Element) -> Result<(), Unsendable> {
        if let Element::Barrier(barrier) = event {
            return self.barrier(barrier);
        }
        let head = self.head(16);
        match event {
            Element::Batch(_) | Element::Barrier(_) => {
                unreachable!("a batch is not an event, and a barrier was sent above")
            }
            Element::Watermark(time) => {
                head.put_u8(WATERMARK);
                head.put_i64_le(*time);
            }
            Element::Status(status) => {
                head.put_u8(STATUS);
                head.put_u8(match status {
                    ChannelStatus::Active => 0,
                    ChannelStatus::Idle => 1,
                });
            }
            Element::EndOfData => head.put_u8(END_OF_DATA),
            Element::EndOfPartition => head.put_u8(END_OF_PARTITION),
        }
        self.cut();
        Ok(())
    }

    fn barrier(&mut self, barrier: &Barrier) -> Result<(), Unsendable> {
        let bytes = postcard::to_stdvec(barrier).unwrap_or_default();
        if bytes.is_empty() || bytes.len() > MAX_BARRIER {
            return Err(Unsendable::Barrier { bytes: bytes.len() });
        }
        let head = self.head(3 + bytes.len());
        head.put_u8(BARRIER);
        head.put_u16_le(bytes.len() as u16);
        head.put_slice(&bytes);
        self.cut();
        Ok(())
    }

    /// The producer is gone; why, if it was not its task.
    pub(crate) fn lost(&mut self, reason: &str) {
        let mut length = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let head = self.head(3 + length);
        head.put_u8(LOST);
        head.put_u16_le(length as u16);
        head.put_slice(&reason.as_bytes()[..length]);
        self.cut();
    }

    /// Begins a batch, which then goes part by part.
    pub(crate) fn begin(&mut self, batch: Batch, origin: &Arc<Shared>) {
        assert!(self.batch.is_none(), "one batch goes after the other");
        let origin = Arc::clone(origin);
        self.batch = Some(Sending {
            lent: Lent(Arc::new(Owned { batch, origin })),
            next: 0,
        });
    }

    /// The next part of the batch that was begun; none when all of it has gone.
    ///
    /// # Errors
    /// When its next record is larger than any peer would take.
    pub(crate) fn next_part(&mut self) -> Result<Option<Part>, Unsendable> {
        let Some(sending) = &self.batch else {
            return Ok(None);
        };
        let batch = sending.lent.batch();
        if sending.next >= batch.len() {
            self.batch = None;
            return Ok(None);
        }
        let part = part_from(batch, sending.next);
        let (start, end) = bounds(batch, part);
        if part.to - part.from == 1 && end - start > self.max_record as usize {
            return Err(Unsendable::Record {
                bytes: end - start,
                limit: self.max_record,
            });
        }
        Ok(Some(part))
    }

    /// The buffers of the parts of the begun batch that have not gone.
    pub(crate) fn begun(&self) -> u32 {
        self.batch.as_ref().map_or(0, |sending| {
            let batch = sending.lent.batch();
            match batch.len() - sending.next {
                0 => 0,
                rest => {
                    let data = batch.data.len() - start_of(batch, sending.next);
                    buffers_of(data + rest * bytes_per_record(columns_of(batch)))
                }
            }
        })
    }

    /// Sends a part of the begun batch; answers how many bytes the consumer will have of it.
    pub(crate) fn send_part(&mut self, part: Part, backlog: u32) -> usize {
        let Some(sending) = &mut self.batch else {
            unreachable!("a part is of the batch that was begun");
        };
        assert_eq!(sending.next, part.from, "parts go in order");
        sending.next = part.to;
        let lent = sending.lent.clone();
        let batch = lent.batch();
        let (start, end) = bounds(batch, part);
        let records = part.to - part.from;
        let mut columns = columns_of(batch);
        if is_even(&batch.ends[part.from..part.to], start) {
            columns |= IS_EVEN;
        }
        let column_bytes = records * wire_bytes_per_record(columns);
        let is_copied = end - start <= MAX_COPIED;
        let head = self.head(BATCH_HEAD + column_bytes + MAX_COPIED);
        head.put_u8(BATCH);
        head.put_u8(columns);
        head.put_u32_le(backlog);
        head.put_u32_le(records as u32);
        head.put_u32_le((end - start) as u32);
        put_columns(head, batch, part, columns);
        if is_copied {
            head.put_slice(&batch.data[start..end]);
        }
        self.cut();
        if !is_copied {
            let data = Bytes::from_owner(lent).slice(start..end);
            self.pieces.push(data);
        }
        records * bytes_per_record(columns) + end - start
    }

    /// The pieces to write, in order; the writer empties them.
    pub(crate) fn pieces(&mut self) -> &mut Vec<Bytes> {
        &mut self.pieces
    }

    /// Room for a head of so many bytes.
    fn head(&mut self, bytes: usize) -> &mut BytesMut {
        if self.heads.capacity() < bytes {
            // Reuses the memory where the transport is done with all that was split off.
            self.heads.reserve(bytes.max(HEADS_BYTES));
        }
        &mut self.heads
    }

    /// Makes what was written into the head a piece.
    fn cut(&mut self) {
        let piece = self.heads.split().freeze();
        self.pieces.push(piece);
    }
}

impl Lent {
    fn batch(&self) -> &Batch {
        &self.0.batch
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0.batch.data
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.origin.recycle(std::mem::take(&mut self.batch));
    }
}

/// The buffers that a batch will fill.
pub(crate) fn buffers_of_batch(batch: &Batch) -> u32 {
    buffers_of(batch.footprint())
}

/// As many records from `from` on as fit into one buffer, at least one.
fn part_from(batch: &Batch, from: usize) -> Part {
    let start = start_of(batch, from);
    let per_record = bytes_per_record(columns_of(batch));
    let footprint = |to: usize| batch.ends[to - 1] as usize - start + (to - from) * per_record;
    let whole = footprint(batch.len());
    if whole <= BUFFER_BYTES {
        return Part {
            from,
            to: batch.len(),
            buffers: 1,
        };
    }
    // The footprint grows with every record, so the last one that fits can be bisected.
    let (mut fits, mut exceeds) = (from + 1, batch.len());
    while exceeds - fits > 1 {
        let middle = fits.midpoint(exceeds);
        if footprint(middle) <= BUFFER_BYTES {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    Part {
        from,
        to: fits,
        buffers: buffers_of(footprint(fits)),
    }
}

fn start_of(batch: &Batch, record: usize) -> usize {
    record
        .checked_sub(1)
        .map_or(0, |before| batch.ends[before] as usize)
}

/// Where the records of a part lie in the data.
fn bounds(batch: &Batch, part: Part) -> (usize, usize) {
    (start_of(batch, part.from), batch.ends[part.to - 1] as usize)
}

fn columns_of(batch: &Batch) -> u8 {
    let mut columns = 0;
    if !batch.timestamps.is_empty() {
        columns |= HAS_TIMESTAMPS;
    }
    if !batch.hashes.is_empty() {
        columns |= HAS_HASHES;
    }
    columns
}

fn put_columns(head: &mut BytesMut, batch: &Batch, part: Part, columns: u8) {
    let records = part.from..part.to;
    if columns & HAS_TIMESTAMPS != 0 {
        put_column(head, &batch.timestamps[records.clone()], |time| {
            time.to_le_bytes()
        });
    }
    if columns & HAS_HASHES != 0 {
        put_column(head, &batch.hashes[records.clone()], |hash| {
            hash.to_le_bytes()
        });
    }
    if columns & IS_EVEN == 0 {
        let base = start_of(batch, part.from) as u32;
        put_column(head, &batch.ends[records], |end| (end - base).to_le_bytes());
    }
}

/// Whether these records, the first of which begins at `start`, all have the same length.
///
/// All ends are looked at in a loop without a way out, which the compiler makes few instructions of;
/// the look at the last spares it where lengths vary.
fn is_even(ends: &[u32], start: usize) -> bool {
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return false;
    };
    let start = start as u32;
    let length = first - start;
    if u64::from(last - start) != u64::from(length) * ends.len() as u64 {
        return false;
    }
    let places = (1..=ends.len() as u32).zip(ends);
    // None of the products exceeds the last, which is an end.
    places.fold(0, |odd, (place, end)| {
        odd | ((end - start) ^ (place * length))
    }) == 0
}

/// Writes a column into place: the loop has no check per number, so the compiler makes it a copy.
fn put_column<const N: usize, T: Copy>(
    head: &mut BytesMut,
    column: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) {
    let from = head.len();
    head.resize(from + column.len() * N, 0);
    for (place, number) in head[from..].chunks_exact_mut(N).zip(column) {
        place.copy_from_slice(&to_bytes(*number));
    }
}
