//! The producer's end of one connection: hears what the consumer's side asks for and grants.
//!
//! Started for each accepted connection ([`super::DataPlane::serve`]). Invariants: it never waits for a
//! channel, so grants are always heard; whatever the peer sends ends in channels or in the end of this
//! connection.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use quinn::{ReadError, RecvStream};
use thiserror::Error;
use wasmill_actor::{ActorKind, actors};

use super::channel::ChannelId;
use super::control::{Control, ControlDecoder, MalformedControl};
use super::credit::{MAX_CREDIT, Purse};
use super::plane::Inner;
use super::producer::{Grants, Producer};
use super::transport::MAX_CHANNELS_PER_CONNECTION;
use super::wire::Wire;

/// How many bytes of the control stream are read at a time.
const READ_BYTES: usize = 64 << 10;

/// The producer's end of one connection.
pub(crate) struct Server {
    plane: Arc<Inner>,
    wire: Arc<Wire>,
    /// The channels by tag; those that have ended are forgotten when there are many.
    channels: HashMap<u32, Weak<Grants>>,
}

/// Something that no honest consumer says.
#[derive(Debug, Error)]
enum Violation {
    #[error(transparent)]
    Malformed(#[from] MalformedControl),
    #[error("channel {0} is asked for with a credit of {1}")]
    Credit(ChannelId, u32),
    #[error("two channels are called {0}")]
    SameTag(u32),
    #[error("more than {MAX_CHANNELS_PER_CONNECTION} channels are asked for on one connection")]
    TooManyChannels,
}

impl Server {
    pub(crate) fn new(plane: Arc<Inner>, wire: Arc<Wire>) -> Self {
        Self {
            plane,
            wire,
            channels: HashMap::new(),
        }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self) {
        let timeout = self.plane.options.connect_timeout;
        let accepted = self.wire.connection.accept_uni();
        let control = match self.plane.clock.timeout(timeout, accepted).await {
            Ok(Ok(control)) => control,
            Ok(Err(error)) => return self.ended(&error),
            Err(elapsed) => {
                self.wire
                    .violated(format_args!("no control stream: {elapsed}"));
                return;
            }
        };
        match self.listen(control).await {
            ReadError::ConnectionLost(error) => self.ended(&error),
            other => {
                self.wire
                    .violated(format_args!("the control stream: {other}"));
            }
        }
    }

    /// Hears control messages until the stream ends, and answers how.
    async fn listen(&mut self, mut control: RecvStream) -> ReadError {
        let mut decoder = ControlDecoder::default();
        loop {
            let piece = match control.read_chunk(READ_BYTES, true).await {
                Ok(Some(chunk)) => chunk.bytes,
                Ok(None) => return ReadError::ClosedStream,
                Err(error) => return error,
            };
            decoder.feed(&piece);
            if let Err(violation) = self.apply(&mut decoder) {
                self.wire.violated(violation);
            }
        }
    }

    fn apply(&mut self, decoder: &mut ControlDecoder) -> Result<(), Violation> {
        for message in decoder.messages()? {
            match message {
                Control::Subscribe {
                    tag,
                    channel,
                    credit,
                } => self.subscribe(tag, channel, credit)?,
                Control::Grant { tag, credit } => {
                    // The channel may have ended meanwhile.
                    if let Some(grants) = self.channels.get(&tag).and_then(Weak::upgrade) {
                        self.plane.metrics.earned(credit);
                        grants.add(credit);
                    }
                }
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, tag: u32, channel: ChannelId, credit: u32) -> Result<(), Violation> {
        if credit == 0 || credit > MAX_CREDIT {
            return Err(Violation::Credit(channel, credit));
        }
        if self.channels.len() >= MAX_CHANNELS_PER_CONNECTION as usize {
            self.channels.retain(|_, grants| grants.strong_count() > 0);
        }
        if self.channels.len() >= MAX_CHANNELS_PER_CONNECTION as usize {
            return Err(Violation::TooManyChannels);
        }
        let grants = Arc::<Grants>::default();
        if self.channels.contains_key(&tag) {
            return Err(Violation::SameTag(tag));
        }
        self.channels.insert(tag, Arc::downgrade(&grants));
        let producer = Producer {
            channel,
            tag,
            purse: Purse::new(credit),
            grants,
            wire: Arc::clone(&self.wire),
            metrics: Arc::clone(&self.plane.metrics),
            max_record: self.plane.options.max_record_bytes,
        };
        let serve = serve_channel(Arc::clone(&self.plane), producer);
        drop(actors::spawn(
            ActorKind::Channel,
            &format!("to {} {channel}", self.wire.peer.name),
            serve,
        ));
        Ok(())
    }

    fn ended(&self, error: &quinn::ConnectionError) {
        tracing::debug!(peer = %self.wire.peer, %error, "data connection ended");
    }
}

/// Waits for the offer of a channel and sends what comes.
async fn serve_channel(plane: Arc<Inner>, producer: Producer) {
    let channel = producer.channel;
    let asked = plane.offers.ask(channel, plane.clock.monotonic());
    let connection = producer.wire.connection.clone();
    let offered = match asked {
        Err(_) => Err(format!(
            "channel {channel} was asked for twice at TaskManager `{}`",
            plane.me
        )),
        Ok(asked) => {
            let answer = tokio::select! {
                biased;
                _ = connection.closed() => return,
                answer = asked => answer,
            };
            answer.map_err(|_| {
                let (me, timeout) = (&plane.me, plane.options.peer_timeout);
                format!("TaskManager `{me}` was not offered channel {channel} within {timeout:?}")
            })
        }
    };
    let timeout = plane.options.connect_timeout;
    let opened = plane.clock.timeout(timeout, connection.open_uni()).await;
    match (opened, offered) {
        (Ok(Ok(stream)), Ok(offered)) => producer.run(offered, stream).await,
        (Ok(Ok(stream)), Err(reason)) => producer.refuse(stream, &reason).await,
        (Ok(Err(error)), Ok(offered)) => offered.gate.fail(producer.wire.lost(&error)),
        (Err(elapsed), Ok(offered)) => {
            let reason = format!(
                "open channel {channel} to {}: {elapsed}",
                producer.wire.peer
            );
            offered.gate.fail(reason.into());
        }
        (Ok(Err(_)) | Err(_), Err(_)) => {}
    }
}
