//! What goes over a channel's stream: elements as frames.
//!
//! The producer's side writes frames with [`Encoder`], the consumer's side reads them with [`Decoder`].
//! All numbers are little-endian. A stream begins with its channel's tag (`u32`, see
//! [`crate::remote::control`]); each frame begins with a byte:
//!
//! | byte   | frame            | what follows                                                          |
//! |--------|------------------|-----------------------------------------------------------------------|
//! | 1      | batch            | columns `u8` (1 timestamps, 2 hashes, 4 even), backlog `u32`, records `u32`, data length `u32`; timestamps `i64`, hashes `u32`, ends `u32` unless even; data |
//! | 2      | watermark        | `i64`                                                                 |
//! | 3      | status           | `u8` (0 active, 1 idle)                                               |
//! | 4      | end of data      |                                                                       |
//! | 5      | end of partition |                                                                       |
//! | 6      | lost             | length `u16`, why the producer went as UTF-8; empty when its task did  |
//! | 16     | barrier          | length `u16`, a [`Barrier`](wasmill_types::Barrier) in postcard       |
//! | 17–31  | reserved for latency markers |                                                           |
//!
//! An even batch's records all have the same length, so its ends say nothing and stay behind; the decoder
//! makes them. Credit counts what a batch occupies with its ends, however it comes.
//!
//! Invariants: a frame is one buffer, except for a record that is larger; what the decoder hands out has
//! been checked, and bytes that do not fit this table are an error, never a panic.

mod decode;
mod encode;

#[cfg(test)]
pub(crate) use decode::MalformedFrame;
pub(crate) use decode::{Decoded, Decoder};
pub(crate) use encode::{Encoder, Unsendable, buffers_of_batch};

use super::pool::BUFFER_BYTES;

const BATCH: u8 = 1;
const WATERMARK: u8 = 2;
const STATUS: u8 = 3;
const END_OF_DATA: u8 = 4;
const END_OF_PARTITION: u8 = 5;
const LOST: u8 = 6;
const BARRIER: u8 = 16;

const HAS_TIMESTAMPS: u8 = 1;
const HAS_HASHES: u8 = 2;
/// All records have the same length, and there are no ends.
const IS_EVEN: u8 = 4;

/// The length of a batch's head, in bytes.
const BATCH_HEAD: usize = 1 + 1 + 3 * 4;

/// The most bytes of a reason.
const MAX_REASON: usize = 1 << 10;

/// The most bytes of a barrier: most of it are the names of two directories.
const MAX_BARRIER: usize = 8 << 10;

/// The bytes that the columns of a batch occupy per record.
fn bytes_per_record(columns: u8) -> usize {
    wire_bytes_per_record(columns & !IS_EVEN)
}

/// The bytes of the columns that go over the wire, per record.
fn wire_bytes_per_record(columns: u8) -> usize {
    let timestamps = if columns & HAS_TIMESTAMPS == 0 { 0 } else { 8 };
    let hashes = if columns & HAS_HASHES == 0 { 0 } else { 4 };
    let ends = if columns & IS_EVEN == 0 { 4 } else { 0 };
    timestamps + hashes + ends
}

/// The buffers that a batch of this footprint fills.
pub(crate) fn buffers_of(footprint: usize) -> u32 {
    u32::try_from(footprint.div_ceil(BUFFER_BYTES)).map_or(u32::MAX, |buffers| buffers.max(1))
}

#[cfg(test)]
mod tests;
