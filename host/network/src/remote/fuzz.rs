//! Decoders of what a peer sends on the data plane, for fuzzing: they take any bytes and never panic.
//!
//! `tests/fuzz` calls them.

use bytes::Bytes;

use super::control::ControlDecoder;
use super::frame::Decoder;

/// The largest record that is taken, in bytes.
const MAX_RECORD: u32 = 1 << 16;

/// The frames of a channel, in pieces of the size that the first byte says.
pub fn frames(bytes: &[u8]) {
    let mut decoder = Decoder::new(MAX_RECORD);
    for piece in pieces(bytes) {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// The control stream of a connection, in pieces of the size that the first byte says.
pub fn control(bytes: &[u8]) {
    let mut decoder = ControlDecoder::default();
    for piece in pieces(bytes) {
        decoder.feed(piece);
        if decoder.messages().is_err() {
            return;
        }
    }
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (size, bytes) = bytes.split_first().unwrap_or((&1, &[]));
    bytes.chunks(usize::from(*size).max(1))
}
