//! The producer's end of a remote channel: from the task's local gate to the stream, while there is
//! credit.
//!
//! Started for each channel that a consumer asks for (`serve`). Invariants: a batch is written only with
//! credit, events without (semantics §13.1); records are not copied here; the task hears of a connection
//! that broke by the peer's name, and of a consumer that went by nothing but that.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn::{SendStream, StoppedError, VarInt, WriteError};
use wasmill_actor::Signal;
use wasmill_types::Element;

use super::channel::ChannelId;
use super::credit::Purse;
use super::frame::{Encoder, Unsendable, buffers_of_batch};
use super::metrics::Metrics;
use super::offers::Offered;
use super::wire::Wire;
use crate::gate::Gate;

/// So many pieces are written at a time: enough that taking the transport's lock does not count, few
/// enough that the first leaves soon.
const MAX_PIECES: usize = 16;

/// Credit that the connection has heard of for a channel, on its way to the channel's actor.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    credit: AtomicU64,
    signal: Signal,
}

/// The producer's end of one channel.
pub(crate) struct Producer {
    pub(crate) channel: ChannelId,
    pub(crate) tag: u32,
    pub(crate) purse: Purse,
    pub(crate) grants: Arc<Grants>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) max_record: u32,
}

/// Why the channel ends.
enum Ended {
    /// The end of the partition or the loss of the task was written.
    Written,
    /// The consumer does not want more.
    ConsumerGone,
    /// The connection is lost, or the peer broke the protocol.
    Broken(Arc<str>),
    /// The task made a record that cannot be sent.
    Unsendable(Unsendable),
}

/// What became of the attempt to take from the gate.
enum Filled {
    /// There may be more to take.
    More,
    /// Nothing is there, or there is no credit for it.
    Waits,
    /// The last thing was taken.
    Last,
}

impl Grants {
    /// The consumer granted credit.
    pub(crate) fn add(&self, credit: u32) {
        self.credit.fetch_add(credit.into(), Ordering::Relaxed);
        self.signal.notify();
    }

    fn take(&self) -> u32 {
        let credit = self.credit.swap(0, Ordering::Relaxed);
        // More than fits is refused by the purse as well.
        u32::try_from(credit).unwrap_or(u32::MAX)
    }
}

impl Producer {
    /// Sends all that the task puts into its gate, until one of both ends.
    pub(crate) async fn run(mut self, offered: Offered, mut stream: SendStream) {
        let Offered {
            mut gate,
            buffers,
            cancel,
        } = offered;
        let mut encoder = Encoder::new(self.max_record);
        encoder.tag(self.tag);
        let ended = tokio::select! {
            biased;
            // The attempt is over, and dropping the stream ends it for the consumer.
            () = cancel.cancelled() => return,
            ended = self.pump(&mut gate, &mut encoder, &mut stream) => ended,
        };
        match ended {
            Ended::Written | Ended::ConsumerGone => drop(gate),
            Ended::Broken(reason) => gate.fail(reason),
            Ended::Unsendable(error) => {
                let reason = format!("channel {}: {error}", self.channel);
                encoder.lost(&reason);
                self.write_last(&mut encoder, &mut stream).await;
                gate.fail(reason.into());
            }
        }
        drop(buffers);
    }

    /// Tells the consumer that the channel will not come.
    pub(crate) async fn refuse(&self, mut stream: SendStream, reason: &str) {
        let mut encoder = Encoder::new(self.max_record);
        encoder.tag(self.tag);
        encoder.lost(reason);
        self.write_last(&mut encoder, &mut stream).await;
    }

    async fn pump(
        &mut self,
        gate: &mut Gate,
        encoder: &mut Encoder,
        stream: &mut SendStream,
    ) -> Ended {
        let mut stopped = pin!(stream.stopped());
        let something = gate.signal().clone();
        loop {
            let filled = match self.fill(gate, encoder) {
                Ok(filled) => filled,
                Err(ended) => return ended,
            };
            if !encoder.pieces().is_empty() {
                if let Err(error) = stream.write_all_chunks(encoder.pieces()).await {
                    return self.not_written(error);
                }
                encoder.pieces().clear();
            }
            match filled {
                Filled::More => continue,
                Filled::Waits => {}
                Filled::Last => {
                    // An error says that the stream was stopped, which the next line finds too.
                    let _stopped = stream.finish();
                    return self.stopped(stopped.await);
                }
            }
            tokio::select! {
                biased;
                end = &mut stopped => return self.stopped(end),
                () = self.grants.signal.notified() => {}
                () = something.notified() => {}
            }
        }
    }

    /// Takes from the gate what may be written now.
    fn fill(&mut self, gate: &mut Gate, encoder: &mut Encoder) -> Result<Filled, Ended> {
        let earned = self.purse.earn(self.grants.take());
        earned.map_err(|error| Ended::Broken(self.wire.violated(error)))?;
        while encoder.pieces().len() < MAX_PIECES {
            if let Some(part) = encoder.next_part().map_err(Ended::Unsendable)? {
                if !self.purse.affords(part.buffers) {
                    return Ok(Filled::Waits);
                }
                self.purse.spend(part.buffers);
                let begun = encoder.begun().saturating_sub(part.buffers);
                let bytes = encoder.send_part(part, begun.saturating_add(backlog(gate)));
                self.metrics.sent(bytes);
                continue;
            }
            match gate.next() {
                Ok(None) => return Ok(Filled::Waits),
                Ok(Some((_, Element::Batch(batch)))) => encoder.begin(batch, gate.shared()),
                Ok(Some((_, event))) => {
                    encoder.event(&event).map_err(Ended::Unsendable)?;
                    if matches!(event, Element::EndOfPartition) {
                        return Ok(Filled::Last);
                    }
                }
                Err(lost) => {
                    encoder.lost(lost.reason.as_deref().unwrap_or_default());
                    return Ok(Filled::Last);
                }
            }
        }
        Ok(Filled::More)
    }

    /// Writes what ends the stream; when that fails, the consumer has gone or hears it from the
    /// connection's loss.
    async fn write_last(&self, encoder: &mut Encoder, stream: &mut SendStream) {
        if let Err(error) = stream.write_all_chunks(encoder.pieces()).await {
            tracing::debug!(channel = %self.channel, %error, "nobody hears how a channel ended");
        }
    }

    fn not_written(&self, error: WriteError) -> Ended {
        match error {
            WriteError::ConnectionLost(error) => Ended::Broken(self.wire.lost(&error)),
            WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                Ended::ConsumerGone
            }
        }
    }

    /// The stream has ended: all of it has arrived, or the consumer or the connection is gone.
    fn stopped(&self, end: Result<Option<VarInt>, StoppedError>) -> Ended {
        match end {
            Ok(None) => Ended::Written,
            Ok(Some(_)) | Err(StoppedError::ZeroRttRejected) => Ended::ConsumerGone,
            Err(StoppedError::ConnectionLost(error)) => Ended::Broken(self.wire.lost(&error)),
        }
    }
}

/// The buffers that wait in the task's gate (semantics §13.2). A batch that is being collected is not
/// there yet: the task flushes it by itself.
fn backlog(gate: &Gate) -> u32 {
    let exchange = gate.shared().lock();
    let buffers = exchange.queued_batches(0).map(buffers_of_batch);
    buffers.fold(0, u32::saturating_add)
}
