//! The measure for the data plane: bytes over streams of the same transport, written and read without
//! looking at them.
//!
//! Connections have the data plane's settings, certificates and number, and stay open between rounds as
//! its own do; there are as many streams as it has channels. Each stream sends one block of the cache
//! again and again, which is the least that QUIC can be asked to do.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_network::endpoint::{Connection, Endpoint, Opener, Protocol, Whom};
use wasmill_network::identity::Node;
use wasmill_network::remote::transport::{self, End};

use super::protocol::{Amount, Member};

/// The size of a block, in bytes: that of a frame.
pub(super) const BLOCK_BYTES: u64 = 32 << 10;

/// How many packets are read at a time, as by the data plane.
const PIECES: usize = 128;

/// The most streams that may be asked for.
const MAX_STREAMS: u32 = transport::MAX_CHANNELS_PER_CONNECTION;

/// What a consumer wants of one connection; 12 bytes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Want {
    /// How many streams.
    pub(super) streams: u32,
    /// How many blocks on each.
    pub(super) blocks: u64,
}

/// The protocol, as one end of its connections speaks it.
pub(super) fn protocol(end: End) -> Protocol {
    Protocol {
        name: "wasmill-bench",
        version: 1,
        opener: Opener::TaskManager,
        transport: transport::config(end),
    }
}

/// Opens connections to another TaskManager process.
pub(super) async fn connect(
    endpoint: &Endpoint,
    to: &Member,
    connections: usize,
) -> Result<Vec<Connection>> {
    let protocol = protocol(End::Consumer);
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        let whom = Whom::Node(Node::TaskManager(to.name.clone()));
        let link = endpoint.connect(to.address, whom, &protocol).await?;
        opened.push(link.connection);
    }
    Ok(opened)
}

/// Sends what the other side asks for, until the connection ends.
pub(super) async fn serve(connection: Connection) {
    while let Ok(mut asked) = connection.accept_uni().await {
        let mut bytes = [0; 12];
        let Ok(()) = asked.read_exact(&mut bytes).await else {
            return;
        };
        let want = Want::from_bytes(bytes);
        for _ in 0..want.streams.min(MAX_STREAMS) {
            let work = write(connection.clone(), want.blocks);
            drop(actors::spawn(ActorKind::Channel, "raw", work));
        }
    }
}

async fn write(connection: Connection, blocks: u64) {
    let block = Bytes::from(vec![7; BLOCK_BYTES as usize]);
    // Who reads notices when something is missing, and says so.
    let Ok(mut stream) = connection.open_uni().await else {
        return;
    };
    for _ in 0..blocks {
        if stream.write_chunk(block.clone()).await.is_err() {
            return;
        }
    }
    if stream.finish().is_ok() {
        let _read = stream.stopped().await;
    }
}

/// Asks for streams on these connections in turn, and starts an actor that reads each.
pub(super) async fn read(
    connections: &[Connection],
    streams: u32,
    blocks: u64,
) -> Result<Vec<Actor<Result<Amount>>>> {
    let mut readers = Vec::new();
    let count = u32::try_from(connections.len()).context("count connections")?;
    for (index, connection) in (0..count).zip(connections) {
        let streams = streams / count + u32::from(index < streams % count);
        let mut asking = connection.open_uni().await?;
        asking
            .write_all(&Want { streams, blocks }.to_bytes())
            .await?;
        asking.finish()?;
        for _ in 0..streams {
            let work = read_one(connection.clone(), blocks * BLOCK_BYTES);
            readers.push(actors::spawn(ActorKind::Channel, "raw", work));
        }
    }
    Ok(readers)
}

async fn read_one(connection: Connection, expected: u64) -> Result<Amount> {
    let mut stream = connection.accept_uni().await?;
    let mut pieces = [const { Bytes::new() }; PIECES];
    let mut bytes = 0;
    while let Some(count) = stream.read_chunks(&mut pieces).await? {
        for piece in &mut pieces[..count] {
            bytes += std::mem::take(piece).len() as u64;
        }
    }
    ensure!(
        bytes == expected,
        "{bytes} of {expected} bytes came on a raw stream"
    );
    Ok(Amount {
        bytes,
        ..Amount::default()
    })
}

impl Want {
    fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.streams.to_le_bytes());
        bytes[4..].copy_from_slice(&self.blocks.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, blocks @ ..] = bytes;
        Self {
            streams: u32::from_le_bytes([a, b, c, d]),
            blocks: u64::from_le_bytes(blocks),
        }
    }
}

/// Takes in the connections of a TaskManager process: those for raw streams here, others to `data`.
pub(super) async fn accept(
    mut listener: wasmill_network::endpoint::Listener,
    data: Arc<dyn Fn(wasmill_network::endpoint::Link) + Send + Sync>,
) {
    while let Some(accepted) = listener.accept().await {
        match accepted {
            Ok(link) if link.protocol == protocol(End::Producer).name => {
                let work = serve(link.connection);
                drop(actors::spawn(ActorKind::Connection, "raw", work));
            }
            Ok(link) => data(link),
            Err(refused) => tracing::warn!(%refused, "a connection was refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_survives_the_wire() {
        let want = Want {
            streams: 16,
            blocks: 1 << 40,
        };
        assert_eq!(Want::from_bytes(want.to_bytes()), want);
    }
}
