//! The consumer's end of one connection: connects, asks for channels, announces credit, and hands the
//! streams that come to their channels.
//!
//! Started by the first channel that needs it ([`super::DataPlane::subscribe`]). Invariants: channels
//! leave their wishes in the [`Outbox`] and never wait for the network; when the connection fails, every
//! channel on it is told which TaskManager it led to and why.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::{RecvStream, SendStream};
use wasmill_actor::{ActorKind, Signal, actors};

use super::channel::PeerAddr;
use super::consumer::{Consumer, Subscription, Surroundings};
use super::control::Control;
use super::options::EXCLUSIVE_BUFFERS;
use super::plane::Inner;
use super::wire::{CloseCode, Wire};

/// What waits to be said on the control stream of a connection.
#[derive(Default)]
pub(crate) struct Outbox {
    pending: Mutex<Pending>,
    signal: Signal,
    /// The channels that use the connection or wait for it.
    channels: AtomicUsize,
}

#[derive(Default)]
struct Pending {
    /// Bounded by the buffers that each subscription holds.
    subscriptions: Vec<Subscription>,
    /// Credit by tag: at most an entry per channel.
    grants: HashMap<u32, u32>,
    /// The connection is over or about to be closed; no channel may come.
    is_closed: bool,
}

/// Counts a channel of a connection while it lives.
pub(crate) struct InUse(Arc<Outbox>);

/// The consumer's end of one connection.
pub(crate) struct Link {
    pub(crate) plane: Arc<Inner>,
    pub(crate) peer: PeerAddr,
    pub(crate) outbox: Arc<Outbox>,
}

/// The channels whose streams have not come, by tag.
type Expected = Arc<Mutex<HashMap<u32, Subscription>>>;

impl Outbox {
    /// Leaves a subscription; gives it back when the connection is over.
    pub(crate) fn subscribe(&self, subscription: Subscription) -> Result<(), Box<Subscription>> {
        let mut pending = self.lock();
        if pending.is_closed {
            return Err(Box::new(subscription));
        }
        pending.subscriptions.push(subscription);
        drop(pending);
        self.signal.notify();
        Ok(())
    }

    /// Leaves credit for a channel.
    pub(crate) fn grant(&self, tag: u32, credit: u32) {
        *self.lock().grants.entry(tag).or_default() += credit;
        self.signal.notify();
    }

    /// Whether no channel may come any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Takes no more; answers what was left.
    fn close(&self) -> Vec<Subscription> {
        let mut pending = self.lock();
        pending.is_closed = true;
        std::mem::take(&mut pending.subscriptions)
    }

    /// Takes no more if no channel uses the connection; answers whether that is so.
    fn close_if_idle(&self) -> bool {
        let mut pending = self.lock();
        pending.is_closed |= self.channels.load(Ordering::Acquire) == 0;
        pending.is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing that can panic half-way happens under the lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    pub(crate) fn new(outbox: &Arc<Outbox>) -> Self {
        outbox.channels.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(outbox))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.0.channels.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.signal.notify();
        }
    }
}

impl Link {
    /// Connects and serves the channels until the connection ends or none needs it.
    pub(crate) async fn run(self) {
        let reason = match self.connect().await {
            Err(reason) => reason,
            Ok((wire, control)) => self.serve(&wire, control).await,
        };
        self.plane.forget(&self.peer, &self.outbox);
        for subscription in self.outbox.close() {
            subscription.fail(Arc::clone(&reason));
        }
    }

    async fn connect(&self) -> Result<(Arc<Wire>, SendStream), Arc<str>> {
        let (peer, clock) = (&self.peer, &self.plane.clock);
        let timeout = self.plane.options.connect_timeout;
        let connecting = clock.timeout(timeout, self.plane.connector.connect(peer));
        let connection = match connecting.await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(error.0.into()),
            Err(elapsed) => return Err(format!("connect to {peer}: {elapsed}").into()),
        };
        let wire = Wire::new(connection, peer.clone());
        self.plane.wires.add(&wire);
        let opening = clock.timeout(timeout, wire.connection.open_uni());
        match opening.await {
            Ok(Ok(control)) => Ok((wire, control)),
            Ok(Err(error)) => Err(wire.lost(&error)),
            Err(elapsed) => {
                Err(wire.violated(format_args!("it takes no control stream: {elapsed}")))
            }
        }
    }

    /// Serves the channels; answers why it ends.
    async fn serve(&self, wire: &Arc<Wire>, mut control: SendStream) -> Arc<str> {
        let expected = Expected::default();
        let ended = self.exchange(wire, &mut control, &expected).await;
        let reason = wire.lost(&ended);
        let left = std::mem::take(&mut *lock(&expected));
        for subscription in left.into_values() {
            subscription.fail(Arc::clone(&reason));
        }
        reason
    }

    async fn exchange(
        &self,
        wire: &Arc<Wire>,
        control: &mut SendStream,
        expected: &Expected,
    ) -> quinn::ConnectionError {
        let connection = &wire.connection;
        let mut closed = pin!(connection.closed());
        let mut next_tag = 0;
        let mut bytes = Vec::new();
        loop {
            self.collect(&mut bytes, expected, &mut next_tag);
            // On an error the connection has ended, unless the peer refuses what it has asked for.
            if !bytes.is_empty() && control.write_all(&bytes).await.is_err() {
                wire.close(CloseCode::Violation, "the peer stopped the control stream");
                return closed.await;
            }
            bytes.clear();
            let is_idle = self.outbox.channels.load(Ordering::Acquire) == 0;
            let idle = self.plane.clock.sleep(self.plane.options.idle_connection);
            tokio::select! {
                biased;
                error = &mut closed => return error,
                () = self.outbox.signal.notified() => {}
                accepted = connection.accept_uni() => {
                    // An error is that of the connection, which the next turn finds.
                    if let Ok(stream) = accepted {
                        self.receive(stream, wire, expected);
                    }
                }
                () = idle, if is_idle => {
                    if self.outbox.close_if_idle() {
                        wire.close(CloseCode::Idle, "no channel needs it");
                    }
                }
            }
        }
    }

    /// Turns what the channels have left into messages.
    fn collect(&self, bytes: &mut Vec<u8>, expected: &Expected, next_tag: &mut u32) {
        let mut pending = self.outbox.lock();
        let subscriptions = std::mem::take(&mut pending.subscriptions);
        for (tag, credit) in pending.grants.drain() {
            Control::Grant { tag, credit }.encode(bytes);
        }
        drop(pending);
        for subscription in subscriptions {
            let tag = *next_tag;
            *next_tag = tag.wrapping_add(1);
            let (channel, credit) = (subscription.channel, EXCLUSIVE_BUFFERS);
            lock(expected).insert(tag, subscription);
            Control::Subscribe {
                tag,
                channel,
                credit,
            }
            .encode(bytes);
        }
    }

    /// A stream came: an actor of its own reads whose it is, and then what it brings.
    fn receive(&self, mut stream: RecvStream, wire: &Arc<Wire>, expected: &Expected) {
        let around = Surroundings {
            wire: Arc::clone(wire),
            outbox: Arc::clone(&self.outbox),
            pool: self.plane.pool.clone(),
            metrics: Arc::clone(&self.plane.metrics),
            max_record: self.plane.options.max_record_bytes,
        };
        let (expected, name) = (Arc::clone(expected), format!("from {}", self.peer.name));
        let (clock, timeout) = (self.plane.clock.clone(), self.plane.options.connect_timeout);
        let work = async move {
            let mut tag = [0; 4];
            let read = clock.timeout(timeout, stream.read_exact(&mut tag)).await;
            if !matches!(read, Ok(Ok(()))) {
                around.wire.violated("a stream without a channel's tag");
                return;
            }
            let tag = u32::from_le_bytes(tag);
            let subscription = lock(&expected).remove(&tag);
            match subscription {
                Some(subscription) => Consumer::new(subscription, tag, around).run(stream).await,
                None => drop(
                    around
                        .wire
                        .violated(format_args!("no channel is called {tag}")),
                ),
            }
        };
        drop(actors::spawn(ActorKind::Channel, &name, work));
    }
}

fn lock(expected: &Expected) -> MutexGuard<'_, HashMap<u32, Subscription>> {
    // Nothing that can panic half-way happens under the lock.
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}
