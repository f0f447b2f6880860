//! How often somebody may fail to join.
//!
//! Invariants: the table is bounded, whoever knocks; who has not failed lately is not hindered by others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// How many attempts of one address may fail within [`WINDOW`].
pub(super) const MAX_FAILED: u32 = 10;
/// After how long failures are forgotten.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How many addresses are remembered.
const MAX_ADDRESSES: usize = 1_024;

/// Counts failed attempts by address.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    failures: HashMap<IpAddr, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Duration,
    count: u32,
}

impl Limiter {
    /// Whether an address may try; if not, how long it has to wait.
    pub(super) fn check(&mut self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        self.forget(now);
        match self.failures.get(&address) {
            Some(failures) if failures.count >= MAX_FAILED => {
                Err((failures.since + WINDOW).saturating_sub(now))
            }
            Some(_) => Ok(()),
            // So many addresses at once are one attacker; those that are new wait until some are forgotten.
            None if self.failures.len() >= MAX_ADDRESSES => Err(WINDOW),
            None => Ok(()),
        }
    }

    /// An attempt has failed.
    pub(super) fn failed(&mut self, address: IpAddr, now: Duration) {
        self.forget(now);
        if self.failures.len() >= MAX_ADDRESSES && !self.failures.contains_key(&address) {
            return;
        }
        let fresh = Failures {
            since: now,
            count: 0,
        };
        self.failures.entry(address).or_insert(fresh).count += 1;
    }

    fn forget(&mut self, now: Duration) {
        self.failures
            .retain(|_, failures| now < failures.since + WINDOW);
    }
}
