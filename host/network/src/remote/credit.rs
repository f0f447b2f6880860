//! The credit of one channel, on both sides: pure accounting, driven by events (semantics §13).
//!
//! The producer's side owns a [`Purse`], the consumer's side an [`Allotment`]. One credit is one buffer
//! of [`crate::remote::pool::BUFFER_BYTES`]. Invariant: what the purse holds and the credit that is on
//! its way to it are together never more than the allotment has free; a batch that is larger than the
//! channel's own buffers may overdraw, one at a time, so that a giant record passes every channel.

use thiserror::Error;

/// The credit of the producer's side.
#[derive(Debug)]
pub(crate) struct Purse {
    /// Below zero after a giant batch.
    balance: i64,
    /// The consumer's exclusive buffers, with which the channel began.
    exclusive: u32,
}

/// The most credit that a purse may hold: more is a peer that is broken.
pub(crate) const MAX_CREDIT: u32 = 1 << 20;

/// A grant that no honest consumer gives.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a grant of {granted} leaves a credit above {MAX_CREDIT}")]
pub(crate) struct TooMuchCredit {
    granted: u32,
}

impl Purse {
    /// The purse of a channel whose consumer has announced its exclusive buffers.
    pub(crate) fn new(exclusive: u32) -> Self {
        Self {
            balance: i64::from(exclusive),
            exclusive,
        }
    }

    /// Whether a batch of so many buffers may be sent now.
    pub(crate) fn affords(&self, buffers: u32) -> bool {
        affords(self.balance, self.exclusive, buffers)
    }

    /// A batch goes. Events do not come here: they need no credit.
    pub(crate) fn spend(&mut self, buffers: u32) {
        debug_assert!(self.affords(buffers), "a batch waits until it is afforded");
        self.balance -= i64::from(buffers);
    }

    /// The consumer announced credit.
    ///
    /// # Errors
    /// When it is more than any consumer has.
    pub(crate) fn earn(&mut self, granted: u32) -> Result<(), TooMuchCredit> {
        self.balance += i64::from(granted);
        if self.balance > i64::from(MAX_CREDIT) {
            return Err(TooMuchCredit { granted });
        }
        Ok(())
    }
}

/// A batch needs its buffers in credit, or all that the channel has of its own where it needs more.
fn affords(balance: i64, exclusive: u32, buffers: u32) -> bool {
    balance >= i64::from(buffers.min(exclusive))
}

/// The credit of the consumer's side: the buffers that the channel has, and what is in them.
#[derive(Debug)]
pub(crate) struct Allotment {
    exclusive: u32,
    /// Borrowed from the gate's floating buffers.
    floating: u32,
    /// Filled by batches that the task has not taken.
    filled: u64,
    /// The buffers that the producer has waiting, as of its last batch.
    backlog: u32,
    /// Credit that the producer has not been told of.
    unannounced: u32,
}

/// A producer that sent without credit.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{buffers} buffers were sent with a credit of {credit}")]
pub(crate) struct BeyondCredit {
    buffers: u32,
    credit: i64,
}

/// What the consumer's side does after the task has taken batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freed {
    /// Floating buffers that go back to the gate.
    pub(crate) give_back: u32,
    /// Credit that is gained.
    pub(crate) gained: u32,
}

impl Allotment {
    /// The buffers of a channel that has announced its exclusive ones.
    pub(crate) fn new(exclusive: u32) -> Self {
        Self {
            exclusive,
            floating: 0,
            filled: 0,
            backlog: 0,
            unannounced: 0,
        }
    }

    /// A batch came that fills so many buffers, behind which the producer has `backlog` waiting.
    ///
    /// # Errors
    /// When the producer had no credit for it.
    pub(crate) fn fill(&mut self, buffers: u32, backlog: u32) -> Result<(), BeyondCredit> {
        let credit = self.credit() - i64::from(self.unannounced);
        if !affords(credit, self.exclusive, buffers) {
            return Err(BeyondCredit { buffers, credit });
        }
        self.filled += u64::from(buffers);
        self.backlog = backlog;
        Ok(())
    }

    /// How many floating buffers the channel wants: it tries to have the backlog and its initial credit
    /// free (semantics §13.2).
    pub(crate) fn wanted(&self) -> u32 {
        let missing = self.required() - self.credit();
        u32::try_from(missing).unwrap_or(if missing < 0 { 0 } else { u32::MAX })
    }

    /// The gate lent floating buffers; answers the credit that is gained.
    pub(crate) fn lend(&mut self, floating: u32) -> u32 {
        self.floating += floating;
        floating
    }

    /// The task took batches that had filled so many buffers.
    ///
    /// Floating buffers go back first, when the channel then holds more than it requires, or when
    /// another channel waits for them (semantics §13.3).
    pub(crate) fn drain(&mut self, buffers: u32, others_wait: bool) -> Freed {
        assert!(
            self.filled >= u64::from(buffers),
            "only what came is taken away"
        );
        self.filled -= u64::from(buffers);
        let surplus = if others_wait {
            i64::from(buffers)
        } else {
            self.credit() - self.required()
        };
        // No more than were freed: what was announced cannot be taken back.
        let most = self.floating.min(buffers);
        let give_back = u32::try_from(surplus.max(0)).map_or(most, |surplus| surplus.min(most));
        self.floating -= give_back;
        Freed {
            give_back,
            gained: buffers - give_back,
        }
    }

    /// The channel has gained credit; answers how much to announce now.
    ///
    /// Small gains are kept back while the producer has half of the channel's buffers left to go on with:
    /// a message per buffer costs more than the buffer. It is always left with enough for any batch.
    pub(crate) fn announce(&mut self, gained: u32) -> u32 {
        self.unannounced += gained;
        if self.known_is_enough() {
            return 0;
        }
        std::mem::take(&mut self.unannounced)
    }

    /// Whether a batch will come for sure without anything being done before.
    pub(crate) fn more_will_come(&self) -> bool {
        self.backlog > 0 && self.known_is_enough()
    }

    /// By how many buffers a giant batch exceeds what the channel has.
    pub(crate) fn overdraft(&self) -> u64 {
        u64::try_from(-self.credit()).unwrap_or(0)
    }

    /// Whether what the producer has been told of lets it go on.
    fn known_is_enough(&self) -> bool {
        let known = self.credit() - i64::from(self.unannounced);
        let enough = self.exclusive.max((self.exclusive + self.floating) / 2);
        known >= i64::from(enough)
    }

    fn required(&self) -> i64 {
        i64::from(self.backlog) + i64::from(self.exclusive)
    }

    /// The free buffers: the producer has been told of them, or will be when it needs to be.
    fn credit(&self) -> i64 {
        let has = i64::from(self.exclusive) + i64::from(self.floating);
        has - i64::try_from(self.filled).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests;
