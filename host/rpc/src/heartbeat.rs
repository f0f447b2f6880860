//! Heartbeats: how a side knows that the other one still works, not only that its machine answers.
//!
//! The TaskManager sends one each interval ([`watch`]) and takes the answers as the JobManager's; the
//! JobManager feeds what comes to a [`Monitor`]. Invariant: a monitor reports one loss, once: that nothing
//! was heard for the timeout, or that calls failed several times in a row, whichever is first (semantics
//! §11.7).

use std::time::Duration;

use thiserror::Error;
use wasmill_actor::Clock;

use crate::call::{CallErrorKind, Message, Request};
use crate::gateway::Gateway;

/// The longest interval that may be chosen: Flink's default.
pub const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// The longest timeout that may be chosen: Flink's default.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(50);
/// A silence that never is: ten years.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// How many heartbeats in a row fail until the other side counts as unreachable.
pub const MAX_FAILED: u32 = 2;

/// How often, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    interval: Duration,
    timeout: Duration,
}

/// An interval and a timeout that do not fit.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum InvalidOptions {
    /// Outside of the bounds.
    #[error("a heartbeat interval of {0:?} is not between 10 ms and {MAX_INTERVAL:?}")]
    Interval(Duration),
    /// Outside of the bounds.
    #[error("a heartbeat timeout of {0:?} is longer than {MAX_TIMEOUT:?}")]
    Timeout(Duration),
    /// One lost heartbeat must not be the end.
    #[error("a heartbeat timeout of {timeout:?} is less than twice the interval of {interval:?}")]
    Ratio {
        /// The interval.
        interval: Duration,
        /// The timeout.
        timeout: Duration,
    },
}

/// The other side is lost.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Loss {
    /// It hangs, or its network is down.
    #[error("nothing was heard for {0:?}; it hangs, or the network is down")]
    Timeout(Duration),
    /// Calls do not reach it.
    #[error("{failed} heartbeats in a row failed, the last because of this: {last}")]
    Unreachable {
        /// How many.
        failed: u32,
        /// The last error.
        last: String,
    },
    /// The connection has ended: its process has.
    #[error("the connection ended: {0}")]
    Disconnected(String),
}

/// Watches one other side; knows no clock and no connection.
#[derive(Debug, Clone)]
pub struct Monitor {
    timeout: Duration,
    heard: Duration,
    failed: u32,
    reported: bool,
}

impl Options {
    /// Checks what was chosen.
    ///
    /// # Errors
    /// When one is out of bounds, or they do not fit to each other.
    pub fn new(interval: Duration, timeout: Duration) -> Result<Self, InvalidOptions> {
        if interval < Duration::from_millis(10) || interval > MAX_INTERVAL {
            return Err(InvalidOptions::Interval(interval));
        }
        if timeout > MAX_TIMEOUT {
            return Err(InvalidOptions::Timeout(timeout));
        }
        if timeout < 2 * interval {
            return Err(InvalidOptions::Ratio { interval, timeout });
        }
        Ok(Self { interval, timeout })
    }

    /// What two sides in one process have: neither is ever lost, since a process that was stopped for a while
    /// was stopped with both, so the heartbeats are there for what they tell.
    pub fn of_one_process(interval: Duration) -> Self {
        let timeout = NEVER;
        Self { interval, timeout }
    }

    /// What the other side has chosen; the bounds of a choice are its own business.
    ///
    /// # Errors
    /// When the two do not fit to each other.
    pub fn told(interval: Duration, timeout: Duration) -> Result<Self, InvalidOptions> {
        if interval.is_zero() || timeout < interval.saturating_mul(2) {
            return Err(InvalidOptions::Ratio { interval, timeout });
        }
        Ok(Self { interval, timeout })
    }

    /// How often a heartbeat is sent.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// After which silence the other side is lost.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

impl Default for Options {
    /// A killed process is known from its connection at once, one that hangs within 5 seconds.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Monitor {
    /// Begins to watch; the beginning counts as heard.
    pub fn new(options: &Options, now: Duration) -> Self {
        Self {
            timeout: options.timeout,
            heard: now,
            failed: 0,
            reported: false,
        }
    }

    /// Something came from the other side: any message counts.
    pub fn heard(&mut self, now: Duration) {
        self.heard = self.heard.max(now);
        self.failed = 0;
    }

    /// A heartbeat could not be delivered.
    pub fn failed(&mut self, error: &str) -> Option<Loss> {
        self.failed += 1;
        let failed = self.failed;
        let last = error.to_owned();
        (failed >= MAX_FAILED)
            .then_some(Loss::Unreachable { failed, last })
            .filter(|_| self.report())
    }

    /// Whether the other side is lost by now.
    pub fn check(&mut self, now: Duration) -> Option<Loss> {
        let silent = now.saturating_sub(self.heard);
        (silent >= self.timeout)
            .then_some(Loss::Timeout(silent))
            .filter(|_| self.report())
    }

    /// When [`Monitor::check`] is worth asking next, in the time of `now`.
    pub fn due(&self) -> Duration {
        self.heard + self.timeout
    }

    /// Whether this is the first loss.
    fn report(&mut self) -> bool {
        !std::mem::replace(&mut self.reported, true)
    }
}

/// Sends heartbeats until the other side is lost, and answers how. `payload` makes each heartbeat, and
/// `heard` gets the answers. May be dropped at any time.
pub async fn watch<M: Message, R: Request<Message = M>>(
    gateway: &Gateway<M>,
    options: &Options,
    clock: &Clock,
    mut payload: impl FnMut() -> R,
    mut heard: impl FnMut(R::Reply),
) -> Loss {
    let mut monitor = Monitor::new(options, clock.monotonic());
    loop {
        let start = clock.monotonic();
        // It ends by the monitor's own deadline, so that a hung peer is not waited for longer.
        let left = monitor.due().saturating_sub(start);
        let sent = tokio::select! {
            biased;
            reason = gateway.closed() => return Loss::Disconnected(reason),
            sent = gateway.call(payload(), left) => sent,
        };
        let now = clock.monotonic();
        let loss = match sent {
            Ok(reply) => {
                monitor.heard(now);
                heard(reply);
                None
            }
            Err(error) => match error.kind {
                CallErrorKind::Disconnected { reason } => return Loss::Disconnected(reason),
                CallErrorKind::Timeout(_) => monitor.check(now),
                CallErrorKind::Refused(_) | CallErrorKind::Malformed(_) => {
                    monitor.failed(&error.to_string())
                }
            },
        };
        if let Some(loss) = loss.or_else(|| monitor.check(now)) {
            return loss;
        }
        let next = (start + options.interval).min(monitor.due());
        tokio::select! {
            biased;
            reason = gateway.closed() => return Loss::Disconnected(reason),
            () = clock.sleep_until(next) => {}
        }
    }
}

#[cfg(test)]
mod tests;
