//! The channels to other TaskManagers, as this crate needs them.
//!
//! Invariant: the name of a channel has the run in it, so that nothing of an earlier deployment of a job
//! reaches a later one.

use wasmill_network::remote::{ChannelId, DataPlane, PeerAddr};
use wasmill_network::{Gate, Sender};
use wasmill_rpc::protocol::Peer;
use wasmill_task::deployment::{ChannelEnds, RemoteChannels};
use wasmill_types::HostError;
use wasmill_types::id::JobId;

/// The data plane. Nothing here waits: a channel that breaks later fails through its end, with a reason.
pub trait Channels: Send + Sync + 'static {
    /// What comes out of `gate` is for the consumer elsewhere, who asks for it.
    ///
    /// # Errors
    /// When there is no memory for the channel.
    fn offer(&self, channel: ChannelId, gate: Gate) -> Result<(), HostError>;

    /// What the producer at `peer` makes is to be put into `sender`.
    ///
    /// # Errors
    /// When there is no memory for the channel.
    fn subscribe(&self, channel: ChannelId, peer: &Peer, sender: Sender) -> Result<(), HostError>;

    /// Ends all channels of a deployment: its tasks here have ended, and nobody elsewhere needs what
    /// they made.
    fn release(&self, job: JobId, run: u32);

    /// Network buffers in use, and how many there are.
    fn buffers(&self) -> (u32, u32);

    /// What has been moved, by names of [`wasmill_types::metric`].
    fn counters(&self) -> Vec<(&'static str, u64)>;
}

/// The data plane of a TaskManager that is the only one.
#[derive(Debug, Clone, Copy)]
pub struct NoChannels;

impl Channels for NoChannels {
    fn offer(&self, channel: ChannelId, _: Gate) -> Result<(), HostError> {
        Err(no_data_plane(channel))
    }

    fn subscribe(&self, channel: ChannelId, _: &Peer, _: Sender) -> Result<(), HostError> {
        Err(no_data_plane(channel))
    }

    fn release(&self, _: JobId, _: u32) {}

    fn buffers(&self) -> (u32, u32) {
        (0, 0)
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

impl Channels for DataPlane {
    fn offer(&self, channel: ChannelId, gate: Gate) -> Result<(), HostError> {
        let offered = Self::offer(self, channel, gate);
        offered.map_err(|error| HostError::new(error.to_string()))
    }

    fn subscribe(&self, channel: ChannelId, peer: &Peer, sender: Sender) -> Result<(), HostError> {
        let unreachable = || {
            HostError::new(format!(
                "TaskManager `{}` has a task of this job, and no data plane",
                peer.id
            ))
        };
        let address = PeerAddr {
            name: peer.id.clone(),
            address: peer.data.ok_or_else(unreachable)?,
        };
        let subscribed = Self::subscribe(self, channel, &address, sender);
        subscribed.map_err(|error| HostError::new(error.to_string()))
    }

    fn release(&self, job: JobId, run: u32) {
        Self::release(self, job, run);
    }

    fn buffers(&self) -> (u32, u32) {
        let pool = self.pool();
        (pool.in_use(), pool.total())
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.metrics()
    }
}

fn no_data_plane(channel: ChannelId) -> HostError {
    HostError::new(format!(
        "this TaskManager has no data plane for channel {channel}"
    ))
}

/// The channels of one deployment.
pub(crate) struct OfRun<'a> {
    pub(crate) channels: &'a dyn Channels,
    pub(crate) job: JobId,
    pub(crate) run: u32,
    pub(crate) peers: &'a [Peer],
}

impl OfRun<'_> {
    fn id(&self, ends: ChannelEnds) -> ChannelId {
        ChannelId {
            job: self.job,
            epoch: self.run,
            edge: ends.edge,
            producer: ends.producer,
            consumer: ends.consumer,
        }
    }
}

impl RemoteChannels for OfRun<'_> {
    fn offer(&self, ends: ChannelEnds, gate: Gate) -> Result<(), HostError> {
        self.channels.offer(self.id(ends), gate)
    }

    fn subscribe(&self, ends: ChannelEnds, peer: u16, sender: Sender) -> Result<(), HostError> {
        let unnamed = || HostError::new(format!("the deployment names no TaskManager {peer}"));
        let peer = self.peers.get(usize::from(peer)).ok_or_else(unnamed)?;
        self.channels.subscribe(self.id(ends), peer, sender)
    }
}
