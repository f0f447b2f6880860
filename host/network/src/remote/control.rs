//! What the consumer's side says on the control stream of a connection: which channels it wants, and
//! what credit they have.
//!
//! All numbers are little-endian. `1`: tag `u32`, channel (36 bytes: job `u128`, epoch, edge, producer
//! and consumer `u32`), initial credit `u32`. `2`: tag `u32`, credit `u32`. The tag names the channel on
//! this connection from then on; the producer's side opens a stream that begins with it. There is no
//! message to end a channel: stopping its stream does. Invariant: as [`super::frame`]'s.

use thiserror::Error;

use super::channel::{CHANNEL_BYTES, ChannelId};

const SUBSCRIBE: u8 = 1;
const GRANT: u8 = 2;

/// One thing that the consumer's side says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// It wants a channel.
    Subscribe {
        /// What the channel is called on this connection.
        tag: u32,
        /// The channel.
        channel: ChannelId,
        /// Its exclusive buffers.
        credit: u32,
    },
    /// It has room.
    Grant {
        /// The channel.
        tag: u32,
        /// The buffers.
        credit: u32,
    },
}

/// Bytes that are no control message.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("no control message begins with the byte {0}")]
pub(crate) struct MalformedControl(u8);

impl Control {
    /// Appends the message.
    pub(crate) fn encode(self, to: &mut Vec<u8>) {
        match self {
            Self::Subscribe {
                tag,
                channel,
                credit,
            } => {
                to.push(SUBSCRIBE);
                to.extend_from_slice(&tag.to_le_bytes());
                to.extend_from_slice(&channel.to_bytes());
                to.extend_from_slice(&credit.to_le_bytes());
            }
            Self::Grant { tag, credit } => {
                to.push(GRANT);
                to.extend_from_slice(&tag.to_le_bytes());
                to.extend_from_slice(&credit.to_le_bytes());
            }
        }
    }
}

/// Reads control messages from pieces that end anywhere.
#[derive(Debug, Default)]
pub(crate) struct ControlDecoder {
    /// At most one message and one piece.
    unread: Vec<u8>,
}

impl ControlDecoder {
    /// Takes the next piece of the stream.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.unread.extend_from_slice(piece);
    }

    /// The messages that are complete.
    ///
    /// # Errors
    /// When the bytes are no message.
    pub(crate) fn messages(&mut self) -> Result<Vec<Control>, MalformedControl> {
        let mut messages = Vec::new();
        let mut rest = self.unread.as_slice();
        while let Some(kind) = rest.first() {
            let message = match *kind {
                SUBSCRIBE => subscribe(&mut rest),
                GRANT => grant(&mut rest),
                unknown => return Err(MalformedControl(unknown)),
            };
            let Some(message) = message else { break };
            messages.push(message);
        }
        let read = self.unread.len() - rest.len();
        self.unread.drain(..read);
        Ok(messages)
    }
}

fn subscribe(from: &mut &[u8]) -> Option<Control> {
    let (message, rest) = from.split_at_checked(1 + 4 + CHANNEL_BYTES + 4)?;
    let (channel, _) = message[5..].split_first_chunk()?;
    *from = rest;
    Some(Control::Subscribe {
        tag: number(message, 1)?,
        channel: ChannelId::from_bytes(channel),
        credit: number(message, 5 + CHANNEL_BYTES)?,
    })
}

fn grant(from: &mut &[u8]) -> Option<Control> {
    let (message, rest) = from.split_at_checked(1 + 4 + 4)?;
    *from = rest;
    Some(Control::Grant {
        tag: number(message, 1)?,
        credit: number(message, 5)?,
    })
}

fn number(from: &[u8], at: usize) -> Option<u32> {
    let (bytes, _) = from.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
