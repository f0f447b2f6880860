//! How QUIC is tuned for the data plane.
//!
//! `endpoint` puts these into the configuration of its connections. Invariant: QUIC's own flow control
//! never decides who may send; credits do. Its windows only bound what a peer that ignores its credit
//! can make us hold.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// After so long without a sign of life a connection is lost, in milliseconds.
pub const IDLE_TIMEOUT_MS: u32 = 5_000;

/// How often an idle side shows that it lives. A third of the timeout, so that one lost packet is not
/// taken for a lost peer.
pub const KEEP_ALIVE: Duration = Duration::from_millis(1_500);

/// The most channels that share one connection. The transport keeps some bytes for each of them from the
/// start.
pub const MAX_CHANNELS_PER_CONNECTION: u32 = 4_096;

/// How many bytes of one channel may be on their way or unread: more than the credit of a channel ever
/// allows, except for a giant record, which fills it in turns.
const STREAM_WINDOW: u32 = 2 << 20;

/// How many bytes of one connection may be unacknowledged. It bounds what a sender keeps for repetition;
/// the fastest link we aim at (10 Gbit/s) has 6 MiB on its way within 5 ms.
const SEND_WINDOW: u64 = 8 << 20;

/// The largest datagram that is tried, in bytes: larger ones than Ethernet's were slower with offloads
/// on, because fewer fit into one call.
const MTU_UPPER_BOUND: u16 = 1_452;

/// The round trip that is assumed before the first measurement: hosts of one cluster are near.
const INITIAL_RTT: Duration = Duration::from_millis(20);

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The consumer's, which connects and is sent the channels.
    Consumer,
    /// The producer's, which accepts and is sent requests and credits.
    Producer,
}

/// The settings for one end of a connection.
///
/// UDP segmentation and receive offloads (GSO, GRO) stay on, as they are by default. Over the loopback
/// interface of Linux 6.18 a megabyte of 100-byte records is 734 datagrams of 1 451 bytes that leave in
/// 74 calls of `sendmsg` (ten to a call, the most that quinn makes) and come in with 22 of `recvmmsg`;
/// 7 datagrams go the other way, with acknowledgements and 4 grants of credit.
pub fn config(end: End) -> Arc<TransportConfig> {
    let streams = match end {
        End::Consumer => MAX_CHANNELS_PER_CONNECTION,
        End::Producer => 1,
    };
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MTU_UPPER_BOUND);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(streams.into())
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(STREAM_WINDOW.into())
        // Not bounded beyond the streams' own windows: a channel that nobody reads must not take the
        // whole connection's window from the others.
        .receive_window(VarInt::MAX)
        .send_window(SEND_WINDOW)
        // A channel's frame goes out in one piece: in turns, a packet of each, all channels' frames
        // arrive late together, and each packet wakes another channel's actor. Credit bounds what
        // goes ahead of another channel.
        .send_fairness(false)
        .initial_rtt(INITIAL_RTT)
        .mtu_discovery_config(Some(mtu))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT_MS))));
    Arc::new(config)
}
