//! The names of channels between TaskManagers, and how a lost connection is told.
//!
//! Deployment derives the [`ChannelId`] on both sides from the same facts, so nothing is negotiated.
//! Invariant: an attempt of a job has an epoch of its own, so a channel of an earlier attempt is never
//! taken for one of a later.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use wasmill_types::id::{EdgeId, JobId, TaskManagerId};
use xxhash_rust::xxh3::xxh3_64;

use crate::endpoint::Closing;

/// One channel of a job: from a producing subtask to a consuming one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId {
    /// The job.
    pub job: JobId,
    /// Counts the deployments of the job, or of the region that the channel lies in.
    pub epoch: u32,
    /// The edge of the job.
    pub edge: EdgeId,
    /// The subtask that writes, from 0.
    pub producer: u32,
    /// The subtask that reads, from 0.
    pub consumer: u32,
}

/// Where a TaskManager takes connections of the data plane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerAddr {
    /// Its name, which its certificate must bear.
    pub name: TaskManagerId,
    /// Its address.
    pub address: SocketAddr,
}

/// The length of a channel's id on the wire, in bytes.
pub(crate) const CHANNEL_BYTES: usize = 16 + 4 * 4;

impl ChannelId {
    /// The id as it goes over the wire.
    pub(crate) fn to_bytes(self) -> [u8; CHANNEL_BYTES] {
        let mut bytes = [0; CHANNEL_BYTES];
        bytes[..16].copy_from_slice(&self.job.0.to_le_bytes());
        let numbers = [self.epoch, self.edge.0, self.producer, self.consumer];
        for (place, number) in bytes[16..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The id that these bytes are: all bytes are one.
    pub(crate) fn from_bytes(bytes: &[u8; CHANNEL_BYTES]) -> Self {
        let number = |index: usize| {
            let at = 16 + 4 * index;
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut job = [0; 16];
        job.copy_from_slice(&bytes[..16]);
        Self {
            job: JobId(u128::from_le_bytes(job)),
            epoch: number(0),
            edge: EdgeId(number(1)),
            producer: number(2),
            consumer: number(3),
        }
    }

    /// Which of `connections` the channel uses: the same each time, and about as many channels on each.
    pub(crate) fn pinned_to(self, connections: usize) -> usize {
        (xxh3_64(&self.to_bytes()) % connections.max(1) as u64) as usize
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            epoch,
            edge,
            producer,
            consumer,
        } = self;
        write!(
            f,
            "{job}/{epoch} edge {edge} from subtask {producer} to {consumer}"
        )
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskManager `{}` at {}", self.name, self.address)
    }
}

impl PeerAddr {
    /// The reason that tasks are told when the connection to this peer ends.
    ///
    /// `own` is why this side closed it, if it did: the transport only says that it is closed.
    pub(crate) fn lost(&self, error: &quinn::ConnectionError, own: Option<&str>) -> Arc<str> {
        match own {
            Some(own) => format!("connection to {self} lost: {own}").into(),
            None => {
                let reason = Closing::of(error).reason;
                format!("connection to {self} lost: {reason}").into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_wire_and_channels_spread_over_connections() {
        let mut channels_on = [0; 4];
        for producer in 0..100 {
            for consumer in 0..100 {
                let id = ChannelId {
                    job: JobId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
                    epoch: 7,
                    edge: EdgeId(3),
                    producer,
                    consumer,
                };
                assert_eq!(ChannelId::from_bytes(&id.to_bytes()), id);
                channels_on[id.pinned_to(4)] += 1;
            }
        }
        for channels in channels_on {
            assert!((2_300..2_700).contains(&channels), "{channels_on:?}");
        }
    }
}
