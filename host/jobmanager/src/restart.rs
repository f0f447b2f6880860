//! Restart strategies: whether a job starts again after a failure, and when (semantics §11.1–4).
//!
//! The scheduler asks once per failover. Invariant: what is decided follows from the strategy, the times of
//! the failures and the stream of random numbers alone; no clock is read here.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use wasmill_actor::Rng;

/// The strategy of a job, as its submitter or the cluster's configuration chose it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Strategy {
    /// The first failure ends the job.
    #[default]
    None,
    /// So many restarts, with the same delay before each.
    FixedDelay {
        /// How many restarts.
        attempts: u32,
        /// The time before each.
        delay: Duration,
    },
    /// Restarts as long as failures are rare.
    FailureRate {
        /// How many failures may lie within the interval.
        max_failures: u32,
        /// The interval.
        interval: Duration,
        /// The time before each restart.
        delay: Duration,
    },
    /// Restarts with delays that grow while failures go on.
    ExponentialDelay {
        /// The first delay, and the shortest.
        initial: Duration,
        /// The longest delay.
        max: Duration,
        /// How much longer each delay is than the one before.
        multiplier: f64,
        /// The share of a delay by which it is changed at random, up or down.
        jitter: f64,
        /// After how long without a failure the delays start from the first again.
        reset: Duration,
        /// How many restarts until that; none for any number.
        attempts: Option<u32>,
    },
}

/// What becomes of a job that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It starts again after this time.
    After(Duration),
    /// It ends; the text says why, to follow the failure's.
    GiveUp(String),
}

/// A strategy with what it remembers of the failures so far.
#[derive(Debug)]
pub(crate) struct Restart {
    strategy: Strategy,
    rng: Rng,
    /// Restarts, of the exponential strategy those since the last reset.
    attempts: u32,
    /// The times of the last failures; of the failure rate only, at most one more than it allows.
    failures: VecDeque<Duration>,
    /// When the exponential strategy starts, or started, the job again.
    next_restart: Option<Duration>,
}

impl Strategy {
    /// Flink's fixed delay with its defaults.
    pub const FIXED_DELAY: Self = Self::FixedDelay {
        attempts: 1,
        delay: Duration::from_secs(1),
    };
    /// Flink's failure rate with its defaults.
    pub const FAILURE_RATE: Self = Self::FailureRate {
        max_failures: 1,
        interval: Duration::from_secs(60),
        delay: Duration::from_secs(1),
    };
    /// Flink's exponential delay with its defaults.
    pub const EXPONENTIAL_DELAY: Self = Self::ExponentialDelay {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(60),
        multiplier: 1.5,
        jitter: 0.1,
        reset: Duration::from_secs(3600),
        attempts: None,
    };
}

impl Restart {
    pub(crate) fn new(strategy: Strategy, rng: Rng) -> Self {
        Self {
            strategy,
            rng,
            attempts: 0,
            failures: VecDeque::new(),
            next_restart: None,
        }
    }

    /// The strategy.
    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Decides about a failure at `now`, in any monotonic time.
    pub(crate) fn on_failure(&mut self, now: Duration) -> Decision {
        match self.strategy {
            Strategy::None => Decision::GiveUp("no restart strategy is set".to_owned()),
            Strategy::FixedDelay { attempts, delay } => {
                self.attempts = self.attempts.saturating_add(1);
                if self.attempts <= attempts {
                    return Decision::After(delay);
                }
                Decision::GiveUp(format!(
                    "all {attempts} restarts of `fixed-delay` are used up"
                ))
            }
            Strategy::FailureRate {
                max_failures,
                interval,
                delay,
            } => self.failure_rate(now, max_failures, interval, delay),
            Strategy::ExponentialDelay { .. } => self.exponential(now),
        }
    }

    fn failure_rate(
        &mut self,
        now: Duration,
        max_failures: u32,
        interval: Duration,
        delay: Duration,
    ) -> Decision {
        self.failures.push_back(now);
        let is_old = |at: &Duration| now.saturating_sub(*at) > interval;
        while self.failures.front().is_some_and(is_old) {
            self.failures.pop_front();
        }
        if self.failures.len() <= max_failures as usize {
            return Decision::After(delay);
        }
        Decision::GiveUp(format!(
            "`failure-rate` allows {max_failures} failures within {interval:?}"
        ))
    }

    fn exponential(&mut self, now: Duration) -> Decision {
        let Strategy::ExponentialDelay {
            reset, attempts, ..
        } = self.strategy
        else {
            unreachable!("the caller has matched the strategy");
        };
        if let Some(next) = self.next_restart {
            // A failure before the job runs again belongs to the one that stopped it.
            if now <= next {
                return Decision::After(next - now);
            }
            if now - next >= reset {
                self.attempts = 0;
            }
        }
        if let Some(most) = attempts
            && self.attempts >= most
        {
            return Decision::GiveUp(format!(
                "all {most} restarts of `exponential-delay` are used up"
            ));
        }
        let delay = self.exponential_delay();
        self.attempts = self.attempts.saturating_add(1);
        self.next_restart = Some(now.saturating_add(delay));
        Decision::After(delay)
    }

    fn exponential_delay(&mut self) -> Duration {
        let Strategy::ExponentialDelay {
            initial,
            max,
            multiplier,
            jitter,
            ..
        } = self.strategy
        else {
            unreachable!("the caller has matched the strategy");
        };
        // An exponent beyond this is beyond any maximum.
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        let grown = initial.as_millis() as f64 * multiplier.powi(exponent);
        let delay = grown.min(max.as_millis() as f64) as u64;
        let spread = (delay as f64 * jitter) as u64;
        let shifted = match spread {
            0 => delay,
            _ => (delay + self.rng.below(2 * spread + 1)).saturating_sub(spread),
        };
        Duration::from_millis(shifted).clamp(initial, max.max(initial))
    }
}

#[cfg(test)]
mod tests;
