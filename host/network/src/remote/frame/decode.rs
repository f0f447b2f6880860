//! Frames to elements, from pieces of a stream that end anywhere.
//!
//! Invariants: nothing that a peer sends panics here or makes us reserve more than one batch of the
//! largest size; after an error the decoder is of no more use.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use thiserror::Error;
use wasmill_types::batch::MalformedBatch;
use wasmill_types::element::ChannelStatus;
use wasmill_types::{Barrier, Batch, Element};

use super::{
    BARRIER, BATCH, BATCH_HEAD, BUFFER_BYTES, END_OF_DATA, END_OF_PARTITION, HAS_HASHES,
    HAS_TIMESTAMPS, IS_EVEN, LOST, MAX_BARRIER, MAX_REASON, STATUS, WATERMARK, buffers_of,
    bytes_per_record, wire_bytes_per_record,
};

/// Memory for data is taken in multiples of so many bytes, so that frames of about one size fit into each
/// other's memory.
const GRAIN_BYTES: usize = 512;

/// Reads the frames of one channel.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// The beginning of a frame, of a column or of a reason, until it is complete.
    partial: Vec<u8>,
    progress: Progress,
    max_record: u32,
}

#[derive(Debug)]
enum State {
    /// Between frames, or within the head of one.
    Head,
    /// Within the columns of a batch.
    Columns(Shape, Batch),
    /// Within the data of a batch.
    Data(Shape, Batch),
}

/// What may still come (`wasmill_types::element`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Data,
    Events,
    Nothing,
}

/// What the head of a batch says.
#[derive(Debug, Clone, Copy)]
struct Shape {
    columns: u8,
    records: usize,
    data: usize,
}

/// What the stream brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A batch begins; [`Decoder::reuse`] may give memory for it now.
    Coming {
        /// The buffers that it fills.
        buffers: u32,
        /// The buffers that wait behind it.
        backlog: u32,
    },
    /// A batch is complete.
    Batch(Batch),
    /// An element that is not a batch.
    Event(Element),
    /// The producer is gone without having ended; why, or nothing when its task ended.
    Lost(String),
}

/// Bytes that are no frame.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum MalformedFrame {
    /// A first byte that is not in the table.
    #[error("no frame begins with the byte {0}")]
    UnknownFrame(u8),
    /// A bit that has no meaning.
    #[error("a batch has the columns {0:#x}")]
    UnknownColumns(u8),
    /// A status that has no meaning.
    #[error("a status is {0}")]
    UnknownStatus(u8),
    /// A batch without records.
    #[error("a batch has no records")]
    EmptyBatch,
    /// A batch that no honest producer makes.
    #[error("a batch of {records} records has {bytes} bytes, the limit is {limit}")]
    BatchTooLarge {
        /// Its records.
        records: usize,
        /// Its footprint.
        bytes: usize,
        /// The largest footprint allowed for it.
        limit: usize,
    },
    /// Records that cannot all have the same length.
    #[error("a batch of {records} records of one length has {data} bytes of data")]
    Uneven {
        /// Its records.
        records: usize,
        /// The length of its data.
        data: usize,
    },
    /// Columns that contradict each other.
    #[error(transparent)]
    Batch(#[from] MalformedBatch),
    /// A reason that is too long or not UTF-8.
    #[error("a reason is not a text of at most {MAX_REASON} bytes")]
    Reason,
    /// A barrier that is too long or not one.
    #[error("a barrier is not one of at most {MAX_BARRIER} bytes")]
    Barrier,
    /// Something came after the end.
    #[error("a frame that begins with the byte {0} follows the end")]
    AfterEnd(u8),
}

impl Decoder {
    /// A decoder of records of at most `max_record` bytes, or a buffer's size if that is more.
    pub(crate) fn new(max_record: u32) -> Self {
        Self {
            state: State::Head,
            partial: Vec::new(),
            progress: Progress::Data,
            max_record: max_record.max(BUFFER_BYTES as u32),
        }
    }

    /// Reads on until something is complete; none when all of the input is read.
    ///
    /// # Errors
    /// When the bytes are no frame.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, MalformedFrame> {
        loop {
            match &mut self.state {
                State::Head => return self.next_head(input),
                State::Columns(shape, batch) => {
                    let wanted = shape.records * wire_bytes_per_record(shape.columns);
                    if self.partial.is_empty() && input.len() >= wanted {
                        read_columns(batch, *shape, &input[..wanted]);
                        input.advance(wanted);
                    } else if collect(&mut self.partial, input, wanted) {
                        read_columns(batch, *shape, &self.partial);
                        self.partial.clear();
                    } else {
                        return Ok(None);
                    }
                    // Growing by doubling would make a spare that is a little too small twice what a
                    // buffer stands for.
                    batch
                        .data
                        .reserve_exact(shape.data.next_multiple_of(GRAIN_BYTES));
                    self.state = State::Data(*shape, std::mem::take(batch));
                }
                State::Data(shape, batch) => {
                    let missing = shape.data - batch.data.len();
                    let piece = missing.min(input.len());
                    batch.data.extend_from_slice(&input[..piece]);
                    input.advance(piece);
                    if piece < missing {
                        return Ok(None);
                    }
                    let (shape, batch) = (*shape, std::mem::take(batch));
                    self.state = State::Head;
                    if shape.columns & IS_EVEN == 0 {
                        batch.view().checked(self.max_record)?;
                    }
                    return Ok(Some(Decoded::Batch(batch)));
                }
            }
        }
    }

    /// Gives an empty batch whose memory the batch that is coming may use.
    pub(crate) fn reuse(&mut self, spare: Batch) {
        debug_assert!(spare.is_empty(), "a spare batch is empty");
        if let State::Columns(_, batch) = &mut self.state {
            *batch = spare;
        }
    }

    /// Whether the end of the partition or the loss of the producer has come.
    pub(crate) fn is_ended(&self) -> bool {
        self.progress == Progress::Nothing
    }

    fn next_head(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, MalformedFrame> {
        let Some(first) = self.partial.first().or_else(|| input.first()).copied() else {
            return Ok(None);
        };
        if self.progress == Progress::Nothing
            || (self.progress == Progress::Events && first == BATCH)
        {
            return Err(MalformedFrame::AfterEnd(first));
        }
        let length = match first {
            BATCH => BATCH_HEAD,
            WATERMARK => 9,
            STATUS => 2,
            END_OF_DATA | END_OF_PARTITION => 1,
            LOST | BARRIER => 3,
            unknown => return Err(MalformedFrame::UnknownFrame(unknown)),
        };
        if !collect(&mut self.partial, input, length) {
            return Ok(None);
        }
        let decoded = match first {
            BATCH => return self.begin_batch().map(Some),
            WATERMARK => Decoded::Event(Element::Watermark(i64::from_le_bytes(array(
                &self.partial[1..],
            )))),
            STATUS => Decoded::Event(Element::Status(status(self.partial[1])?)),
            END_OF_DATA => {
                self.progress = Progress::Events;
                Decoded::Event(Element::EndOfData)
            }
            END_OF_PARTITION => {
                self.progress = Progress::Nothing;
                Decoded::Event(Element::EndOfPartition)
            }
            BARRIER => match self.barrier(input)? {
                Some(barrier) => Decoded::Event(Element::Barrier(Arc::new(barrier))),
                None => return Ok(None),
            },
            _ => match self.lost(input)? {
                Some(lost) => lost,
                None => return Ok(None),
            },
        };
        self.partial.clear();
        Ok(Some(decoded))
    }

    fn begin_batch(&mut self) -> Result<Decoded, MalformedFrame> {
        let number = |at: usize| u32::from_le_bytes(array(&self.partial[at..]));
        let columns = self.partial[1];
        if columns & !(HAS_TIMESTAMPS | HAS_HASHES | IS_EVEN) != 0 {
            return Err(MalformedFrame::UnknownColumns(columns));
        }
        let (backlog, records, data) = (number(2), number(6) as usize, number(10) as usize);
        let per_record = bytes_per_record(columns);
        // Neither can overflow: both factors and the summand have at most 32 bits.
        let bytes = records * per_record + data;
        let limit = match records {
            0 => return Err(MalformedFrame::EmptyBatch),
            1 => BUFFER_BYTES.max(self.max_record as usize + per_record),
            _ => BUFFER_BYTES,
        };
        if bytes > limit {
            return Err(MalformedFrame::BatchTooLarge {
                records,
                bytes,
                limit,
            });
        }
        if columns & IS_EVEN != 0 && data % records != 0 {
            return Err(MalformedFrame::Uneven { records, data });
        }
        let shape = Shape {
            columns,
            records,
            data,
        };
        self.partial.clear();
        self.state = State::Columns(shape, Batch::default());
        Ok(Decoded::Coming {
            buffers: buffers_of(bytes),
            backlog,
        })
    }

    /// Reads on in a barrier, whose length is there.
    fn barrier(&mut self, input: &mut Bytes) -> Result<Option<Barrier>, MalformedFrame> {
        let length = usize::from(u16::from_le_bytes(array(&self.partial[1..])));
        if length > MAX_BARRIER {
            return Err(MalformedFrame::Barrier);
        }
        if !collect(&mut self.partial, input, 3 + length) {
            return Ok(None);
        }
        let read = postcard::take_from_bytes(&self.partial[3..]);
        match read {
            Ok((barrier, [])) => Ok(Some(barrier)),
            Ok(_) | Err(_) => Err(MalformedFrame::Barrier),
        }
    }

    /// Reads on in a reason, whose length is there.
    fn lost(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, MalformedFrame> {
        let length = usize::from(u16::from_le_bytes(array(&self.partial[1..])));
        if length > MAX_REASON {
            return Err(MalformedFrame::Reason);
        }
        if !collect(&mut self.partial, input, 3 + length) {
            return Ok(None);
        }
        let reason = str::from_utf8(&self.partial[3..]).map_err(|_| MalformedFrame::Reason)?;
        self.progress = Progress::Nothing;
        Ok(Some(Decoded::Lost(reason.to_owned())))
    }
}

/// Moves bytes from the input until `partial` has as many as wanted; answers whether it has.
fn collect(partial: &mut Vec<u8>, input: &mut Bytes, wanted: usize) -> bool {
    let piece = wanted.saturating_sub(partial.len()).min(input.len());
    partial.extend_from_slice(&input[..piece]);
    input.advance(piece);
    partial.len() >= wanted
}

fn status(byte: u8) -> Result<ChannelStatus, MalformedFrame> {
    match byte {
        0 => Ok(ChannelStatus::Active),
        1 => Ok(ChannelStatus::Idle),
        unknown => Err(MalformedFrame::UnknownStatus(unknown)),
    }
}

fn read_columns(batch: &mut Batch, shape: Shape, bytes: &[u8]) {
    let timestamps = if shape.columns & HAS_TIMESTAMPS == 0 {
        0
    } else {
        shape.records * 8
    };
    let hashes = if shape.columns & HAS_HASHES == 0 {
        0
    } else {
        shape.records * 4
    };
    let (timestamps, rest) = bytes.split_at(timestamps);
    let (hashes, ends) = rest.split_at(hashes);
    let times = timestamps.chunks_exact(8);
    batch
        .timestamps
        .extend(times.map(|bytes| i64::from_le_bytes(array(bytes))));
    let numbers = |bytes: &'_ [u8], column: &mut Vec<u32>| {
        let numbers = bytes.chunks_exact(4);
        column.extend(numbers.map(|bytes| u32::from_le_bytes(array(bytes))));
    };
    numbers(hashes, &mut batch.hashes);
    if shape.columns & IS_EVEN == 0 {
        numbers(ends, &mut batch.ends);
    } else {
        // Neither exceeds 32 bits: both are from a head, which was checked.
        let (records, length) = (shape.records as u32, (shape.data / shape.records) as u32);
        batch.ends.extend((1..=records).map(|place| place * length));
    }
}

/// The first bytes, of which there are enough: they have been collected.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
