//! Where the two ends of a channel meet at the producer: what its tasks offer, and what consumers have
//! asked for before it was offered.
//!
//! Invariant: whoever comes first waits for the other, but not for ever: [`Offers::expire`] is called
//! now and then and ends what has waited too long.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use wasmill_actor::CancelToken;
use wasmill_types::id::JobId;

use super::channel::ChannelId;
use super::pool::Reservation;
use crate::gate::Gate;

/// A channel's end at its producer.
#[derive(Debug)]
pub(crate) struct Offered {
    /// What the task has sent.
    pub(crate) gate: Gate,
    /// The memory of the gate's queue.
    pub(crate) buffers: Reservation,
    /// Ends the channel with its attempt.
    pub(crate) cancel: CancelToken,
}

/// Why two ends cannot meet: there is a third.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Twice;

/// All channels that wait for their other end. Bounded by the buffers that each offer reserves, and by
/// the channels that a connection may ask for.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    ends: Mutex<HashMap<ChannelId, Waiting>>,
}

/// One end of a channel that waits, since when.
#[derive(Debug)]
struct Waiting {
    end: End,
    since: Duration,
}

#[derive(Debug)]
enum End {
    Producer(Offered),
    Consumer(oneshot::Sender<Offered>),
}

impl Offers {
    /// A producer is there.
    pub(crate) fn offer(
        &self,
        channel: ChannelId,
        offered: Offered,
        now: Duration,
    ) -> Result<(), Twice> {
        let mut ends = self.lock();
        let mut offered = offered;
        match ends.remove(&channel) {
            Some(Waiting {
                end: End::Consumer(asked),
                ..
            }) => match asked.send(offered) {
                Ok(()) => return Ok(()),
                // It does not wait any more; another may come.
                Err(unwanted) => offered = unwanted,
            },
            Some(producer) => {
                ends.insert(channel, producer);
                return Err(Twice);
            }
            None => {}
        }
        let end = End::Producer(offered);
        ends.insert(channel, Waiting { end, since: now });
        Ok(())
    }

    /// A consumer is there; the channel comes when it is offered, and is dropped when that takes too long.
    pub(crate) fn ask(
        &self,
        channel: ChannelId,
        now: Duration,
    ) -> Result<oneshot::Receiver<Offered>, Twice> {
        let (asked, answer) = oneshot::channel();
        let mut ends = self.lock();
        match ends.entry(channel) {
            Entry::Vacant(place) => {
                let end = End::Consumer(asked);
                place.insert(Waiting { end, since: now });
            }
            Entry::Occupied(mut place) => match &mut place.get_mut().end {
                End::Producer(_) => {
                    if let End::Producer(offered) = place.remove().end {
                        // The other half is in our hands, so it is taken.
                        let _taken = asked.send(offered);
                    }
                }
                End::Consumer(earlier) if earlier.is_closed() => *earlier = asked,
                End::Consumer(_) => return Err(Twice),
            },
        }
        Ok(answer)
    }

    /// Ends what has waited for longer than `timeout`.
    pub(crate) fn expire(&self, now: Duration, timeout: Duration) {
        let is_over = |since: Duration| now.saturating_sub(since) > timeout;
        let expired = self.take(|_, waiting| is_over(waiting.since));
        for (channel, waiting) in expired {
            match waiting.end {
                End::Producer(offered) => {
                    let reason =
                        format!("no consumer asked for channel {channel} within {timeout:?}");
                    offered.gate.fail(reason.into());
                }
                // Dropping it tells the consumer's connection.
                End::Consumer(_) => {}
            }
        }
    }

    /// Ends what belongs to an attempt.
    pub(crate) fn withdraw(&self, job: JobId, epoch: u32) {
        let withdrawn = self.take(|channel, _| channel.job == job && channel.epoch == epoch);
        drop(withdrawn);
    }

    /// Takes some out; they are dropped outside the lock.
    fn take(&self, which: impl Fn(&ChannelId, &Waiting) -> bool) -> Vec<(ChannelId, Waiting)> {
        let mut ends = self.lock();
        ends.extract_if(|channel, waiting| which(channel, waiting))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Waiting>> {
        // Nothing that can panic half-way happens under the lock.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
