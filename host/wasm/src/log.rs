//! Which lines of a guest reach the job's log.
//!
//! `imports` asks for every line. Invariant: pure; an instance logs at most its rate, plus what it saved
//! while it was silent, and what is left out is counted and reported at most once per second.

use std::time::Duration;

/// For how long an instance may save up what it does not log.
const BURST: u64 = 10;

/// How far apart reports of dropped lines are.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A bucket of bytes that refills with time.
#[derive(Debug)]
pub(crate) struct LogGate {
    bytes_per_second: u64,
    /// In bytes times nanoseconds per second, so that nothing is lost in divisions.
    saved: u128,
    refilled: Duration,
    dropped: u64,
    reported: Option<Duration>,
}

/// One byte in the units of the bucket.
const BYTE: u128 = 1_000_000_000;

impl LogGate {
    /// A full bucket.
    pub(crate) fn new(bytes_per_second: u64, now: Duration) -> Self {
        Self {
            bytes_per_second,
            saved: Self::capacity(bytes_per_second),
            refilled: now,
            dropped: 0,
            reported: None,
        }
    }

    /// Whether a line of this length may pass; counts it if not.
    pub(crate) fn admit(&mut self, bytes: usize, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.refilled).as_nanos();
        self.refilled = now;
        let refill = elapsed.saturating_mul(u128::from(self.bytes_per_second));
        let capacity = Self::capacity(self.bytes_per_second);
        self.saved = self.saved.saturating_add(refill).min(capacity);
        // An empty line costs too, or there could be infinitely many.
        let cost = (bytes.max(1) as u128).saturating_mul(BYTE);
        match self.saved.checked_sub(cost) {
            Some(rest) => {
                self.saved = rest;
                true
            }
            None => {
                self.dropped += 1;
                false
            }
        }
    }

    /// Whether there is anything to report, which asks for no clock.
    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped > 0
    }

    /// How many lines were dropped since the last report, if it is time to report.
    pub(crate) fn report(&mut self, now: Duration) -> Option<u64> {
        let due = self
            .reported
            .is_none_or(|last| now.saturating_sub(last) >= REPORT_INTERVAL);
        if !due {
            return None;
        }
        self.last_report().inspect(|_| self.reported = Some(now))
    }

    /// How many lines were dropped since the last report, when no other report will follow.
    pub(crate) fn last_report(&mut self) -> Option<u64> {
        let dropped = std::mem::take(&mut self.dropped);
        (dropped > 0).then_some(dropped)
    }

    fn capacity(bytes_per_second: u64) -> u128 {
        u128::from(bytes_per_second) * u128::from(BURST) * BYTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_at_the_rate_and_the_rest_is_counted() {
        // Two bytes per second: a bucket of 20.
        let mut gate = LogGate::new(2, Duration::ZERO);
        let at = Duration::from_millis;
        for (now, bytes, passes) in [
            (0, 15, true),
            (0, 6, false),
            (0, 5, true),
            (0, 0, false),
            (499, 1, false),
            (500, 1, true),
            (60_000, 20, true),
            (60_000, 1, false),
        ] {
            assert_eq!(
                gate.admit(bytes, at(now)),
                passes,
                "{bytes} bytes at {now} ms"
            );
        }
        assert_eq!(gate.last_report(), Some(4));
    }

    #[test]
    fn dropped_lines_are_reported_once_per_second() {
        let mut gate = LogGate::new(0, Duration::ZERO);
        let at = Duration::from_millis;
        for (now, reported) in [(0, Some(1)), (400, None), (999, None), (1000, Some(3))] {
            assert!(!gate.admit(10, at(now)));
            assert_eq!(gate.report(at(now)), reported, "at {now} ms");
        }
        assert_eq!(gate.report(at(5000)), None);
        assert!(!gate.has_dropped());
    }
}
