//! The handle on the data plane of a TaskManager.
//!
//! The TaskExecutor offers the channels that its tasks write and subscribes to those that they read;
//! the endpoint hands over the connections that other TaskManagers open. Invariants: neither call waits
//! for the network; whatever goes wrong afterwards reaches the task through its gate or its sender, with
//! the peer's name.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;
use wasmill_actor::{ActorKind, CancelToken, Clock, Signal, actors};
use wasmill_types::id::{JobId, TaskManagerId};
use wasmill_types::metric;

use super::channel::{ChannelId, PeerAddr};
use super::consumer::Subscription;
use super::credit::Allotment;
use super::link::{InUse, Link, Outbox};
use super::metrics::Metrics;
use super::offers::{Offered, Offers};
use super::options::{EXCLUSIVE_BUFFERS, FILLING_BUFFERS, Options};
use super::pool::{BufferPool, PoolExhausted};
use super::serve::Server;
use super::wire::{CloseCode, Wire};
use crate::gate::Gate;
use crate::sender::Sender;

/// Opens connections to other TaskManagers; the endpoint does, with the cluster's certificates.
pub trait Connect: Send + Sync + 'static {
    /// Opens a connection whose other side has proven to be this peer.
    fn connect<'a>(&'a self, peer: &'a PeerAddr) -> Connecting<'a>;
}

/// A connection that is being opened.
pub type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<quinn::Connection, ConnectError>> + Send + 'a>>;

/// Why a connection was not opened, as one line for people that names the peer.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0}")]
pub struct ConnectError(pub String);

/// Why a channel was not opened.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// The network memory is used up.
    #[error(transparent)]
    Memory(#[from] PoolExhausted),
    /// Two tasks claim to write the same channel.
    #[error("channel {0} is offered twice")]
    OfferedTwice(ChannelId),
}

/// The data plane of one TaskManager; cheap to clone, and clones are the same data plane.
#[derive(Clone)]
pub struct DataPlane {
    inner: Arc<Inner>,
}

/// What the actors of the data plane share.
pub(crate) struct Inner {
    pub(crate) me: TaskManagerId,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) connector: Box<dyn Connect>,
    pub(crate) pool: BufferPool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) offers: Offers,
    pub(crate) wires: Wires,
    runtime: Handle,
    links: Mutex<HashMap<(PeerAddr, usize), Arc<Outbox>>>,
    attempts: Mutex<HashMap<(JobId, u32), CancelToken>>,
}

/// All connections, so that they can be closed together.
#[derive(Default)]
pub(crate) struct Wires {
    /// Those that have ended are forgotten when another comes.
    all: Mutex<Vec<Weak<Wire>>>,
}

impl DataPlane {
    /// The data plane of the TaskManager `me`. Its actors run on the runtime that this is called on.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new(me: TaskManagerId, options: Options, clock: Clock, connector: impl Connect) -> Self {
        let inner = Arc::new(Inner {
            me,
            pool: BufferPool::new(options.memory),
            options,
            clock,
            connector: Box::new(connector),
            metrics: Arc::default(),
            offers: Offers::default(),
            wires: Wires::default(),
            runtime: Handle::current(),
            links: Mutex::default(),
            attempts: Mutex::default(),
        });
        let expiry = expire_offers(Arc::downgrade(&inner), &inner);
        drop(actors::spawn(ActorKind::Errand, "expire offers", expiry));
        Self { inner }
    }

    /// Serves a connection that another TaskManager has opened, until it ends.
    pub fn serve(&self, peer: PeerAddr, connection: quinn::Connection) {
        let _entered = self.inner.runtime.enter();
        let wire = Wire::new(connection, peer);
        self.inner.wires.add(&wire);
        let name = format!("from {}", wire.peer.name);
        let server = Server::new(Arc::clone(&self.inner), wire);
        drop(actors::spawn(ActorKind::Connection, &name, server.run()));
    }

    /// Sends what comes into `gate`, which has one channel, to the consumer that asks for it.
    ///
    /// The task holds the gate's sender. The gate's queue is paid for from the network memory, a buffer
    /// per element, and one more for the frame that the task is filling. When no consumer asks within `network.peer-timeout`, the sender hears that.
    ///
    /// # Errors
    /// When the network memory is used up, or the channel has been offered before.
    ///
    /// # Panics
    /// If the gate has not exactly one channel.
    pub fn offer(&self, channel: ChannelId, gate: Gate) -> Result<(), OpenError> {
        assert_eq!(gate.channels(), 1, "a remote channel has a gate of its own");
        let what = format!("channel {channel}, to be sent,");
        let elements = u32::try_from(gate.capacity()).unwrap_or(u32::MAX);
        let buffers = elements.saturating_add(FILLING_BUFFERS);
        let offered = Offered {
            gate,
            buffers: self.inner.pool.reserve(buffers, &what)?,
            cancel: self.inner.attempt(channel),
        };
        let now = self.inner.clock.monotonic();
        let taken = self.inner.offers.offer(channel, offered, now);
        taken.map_err(|_| OpenError::OfferedTwice(channel))
    }

    /// Has what `peer` offers on a channel come to `sender`, and thereby to the gate of a task.
    ///
    /// A gate whose channels have room for [`EXCLUSIVE_BUFFERS`] and
    /// [`super::FLOATING_PER_GATE`] elements never makes the network wait for room.
    ///
    /// # Errors
    /// When the network memory is used up. Everything else comes through the gate.
    pub fn subscribe(
        &self,
        channel: ChannelId,
        peer: &PeerAddr,
        sender: Sender,
    ) -> Result<(), OpenError> {
        let inner = &self.inner;
        let what = format!("channel {channel}, to be received,");
        let exclusive = inner.pool.reserve(EXCLUSIVE_BUFFERS, &what)?;
        let signal = Signal::new();
        let floating = inner.pool.floating(sender.gate_address(), signal.clone());
        let outbox = inner.link(peer, channel);
        let mut subscription = Box::new(Subscription {
            channel,
            allotment: Allotment::new(EXCLUSIVE_BUFFERS),
            floating,
            signal,
            cancel: inner.attempt(channel),
            kept: (exclusive, InUse::new(&outbox)),
            sender,
        });
        let mut outbox = outbox;
        // A connection that is just being closed is replaced by another, which is new.
        while let Err(back) = outbox.subscribe(*subscription) {
            subscription = back;
            outbox = inner.link(peer, channel);
            subscription.kept.1 = InUse::new(&outbox);
        }
        Ok(())
    }

    /// Ends all channels of an attempt of a job, also those that wait for their other end. To be called
    /// once per attempt when its tasks have ended here: it also forgets the attempt.
    pub fn release(&self, job: JobId, epoch: u32) {
        let attempt = lock(&self.inner.attempts).remove(&(job, epoch));
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        self.inner.offers.withdraw(job, epoch);
    }

    /// Closes all connections; the tasks that use them, here and there, are told this reason.
    pub fn close(&self, reason: &str) {
        for wire in self.inner.wires.live() {
            wire.close(CloseCode::Shutdown, reason);
        }
    }

    /// The network memory.
    pub fn pool(&self) -> &BufferPool {
        &self.inner.pool
    }

    /// Counters and the state of the network memory, with their names.
    pub fn metrics(&self) -> Vec<(&'static str, u64)> {
        let pool = &self.inner.pool;
        let buffers = [
            (metric::NETWORK_BUFFERS_TOTAL, pool.total().into()),
            (metric::NETWORK_BUFFERS_USED, pool.in_use().into()),
        ];
        let counters = self.inner.metrics.snapshot().into_iter();
        counters.chain(buffers).collect()
    }
}

impl Inner {
    /// The connection that a channel is pinned to; a new one when there is none.
    fn link(self: &Arc<Self>, peer: &PeerAddr, channel: ChannelId) -> Arc<Outbox> {
        let index = channel.pinned_to(self.options.connections.get());
        let mut links = lock(&self.links);
        let place = (peer.clone(), index);
        if let Some(outbox) = links.get(&place).filter(|outbox| !outbox.is_closed()) {
            return Arc::clone(outbox);
        }
        let outbox = Arc::<Outbox>::default();
        links.insert(place, Arc::clone(&outbox));
        drop(links);
        let link = Link {
            plane: Arc::clone(self),
            peer: peer.clone(),
            outbox: Arc::clone(&outbox),
        };
        let _entered = self.runtime.enter();
        let name = format!("to {} {index}", peer.name);
        drop(actors::spawn(ActorKind::Connection, &name, link.run()));
        outbox
    }

    /// Forgets a connection that is over.
    pub(crate) fn forget(&self, peer: &PeerAddr, outbox: &Arc<Outbox>) {
        let is_it = |place: &(PeerAddr, usize), other: &Arc<Outbox>| {
            place.0 == *peer && Arc::ptr_eq(other, outbox)
        };
        lock(&self.links).retain(|place, other| !is_it(place, other));
    }

    /// The token that ends the channels of an attempt.
    fn attempt(&self, channel: ChannelId) -> CancelToken {
        let mut attempts = lock(&self.attempts);
        let attempt = attempts.entry((channel.job, channel.epoch)).or_default();
        attempt.clone()
    }
}

impl Wires {
    pub(crate) fn add(&self, wire: &Arc<Wire>) {
        let mut all = lock(&self.all);
        all.retain(|wire| wire.strong_count() > 0);
        all.push(Arc::downgrade(wire));
    }

    fn live(&self) -> Vec<Arc<Wire>> {
        lock(&self.all).iter().filter_map(Weak::upgrade).collect()
    }
}

/// Ends offers and requests that have waited too long, until the data plane is gone.
fn expire_offers(plane: Weak<Inner>, inner: &Inner) -> impl Future<Output = ()> + use<> {
    let (clock, timeout) = (inner.clock.clone(), inner.options.peer_timeout);
    let period = (timeout / 4).max(Duration::from_millis(1));
    async move {
        loop {
            clock.sleep(period).await;
            let Some(plane) = plane.upgrade() else { return };
            plane.offers.expire(clock.monotonic(), timeout);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic half-way happens under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataPlane({})", self.inner.me)
    }
}
