//! How long a call has run in the guest.
//!
//! `guest` starts one per call, asks it at every tick of the epoch, and tells it about the time spent in
//! the host: a call that waits for consumers is not slow. The time is the processor's, of the thread: on a
//! busy machine a call waits for its turn, which is not the guest's fault either. Invariant: pure; the
//! caller brings the time.

use std::time::Duration;

/// The time of the running call.
///
/// It starts at the first tick and not at the start of the call, and only then does it look at the time
/// spent in the host: a call shorter than a tick, which is nearly every call, never reads the clock.
#[derive(Debug, Default)]
pub(crate) struct CallTimer {
    /// When the first tick of the call came.
    started: Option<Duration>,
    in_host: Duration,
}

impl CallTimer {
    /// A tick of the epoch: how long the call has run in the guest, at most a tick less than true.
    pub(crate) fn tick(&mut self, now: Duration) -> Duration {
        let started = *self.started.get_or_insert(now);
        now.saturating_sub(started).saturating_sub(self.in_host)
    }

    /// The guest calls the host: the time of the entry, to give back to [`CallTimer::leave`].
    pub(crate) fn enter(&self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        self.started.map(|_| now())
    }

    /// The host has answered.
    pub(crate) fn leave(&mut self, entered: Option<Duration>, now: impl FnOnce() -> Duration) {
        if let Some(entered) = entered {
            self.in_host += now().saturating_sub(entered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Step {
        Tick { at: u64, ran: u64 },
        Host { from: u64, to: u64 },
    }
    use Step::{Host, Tick};

    #[test]
    fn time_in_the_host_does_not_count() {
        let seconds = Duration::from_secs;
        for (name, steps) in [
            (
                "a spinning guest",
                vec![
                    Tick { at: 5, ran: 0 },
                    Tick { at: 6, ran: 1 },
                    Tick { at: 9, ran: 4 },
                ],
            ),
            (
                "a guest that waits for its consumers",
                vec![
                    Tick { at: 1, ran: 0 },
                    Host { from: 2, to: 60 },
                    Tick { at: 61, ran: 2 },
                    Host { from: 62, to: 63 },
                    Tick { at: 64, ran: 4 },
                ],
            ),
            (
                "a guest that waits before the first tick",
                vec![
                    Host { from: 0, to: 60 },
                    Tick { at: 60, ran: 0 },
                    Tick { at: 61, ran: 1 },
                ],
            ),
        ] {
            let mut timer = CallTimer::default();
            for step in steps {
                match step {
                    Tick { at, ran } => {
                        assert_eq!(timer.tick(seconds(at)), seconds(ran), "{name} at {at}");
                    }
                    Host { from, to } => {
                        let entered = timer.enter(|| seconds(from));
                        timer.leave(entered, || seconds(to));
                    }
                }
            }
        }
    }

    #[test]
    fn a_call_shorter_than_a_tick_does_not_read_the_clock() {
        let mut timer = CallTimer::default();
        let entered = timer.enter(|| panic!("no tick yet"));
        timer.leave(entered, || panic!("no tick yet"));
    }
}
