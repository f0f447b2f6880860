//! The progress line of a running job, on a terminal.
//!
//! `run` starts it and stops it. Invariant: the job never waits for it; nothing of it is left on the
//! screen when it has stopped.

use std::collections::VecDeque;
use std::time::Duration;

use wasmill_actor::{Clock, Signal, ThreadKind, Woken, Worker, threads};

use crate::embedded::Views;
use crate::quantity;
use crate::screen::Screen;
use crate::summary::Counts;

/// The time between two updates.
const INTERVAL: Duration = Duration::from_millis(200);

/// How many updates a rate is averaged over: two seconds' worth.
const WINDOW: usize = 10;

/// A thread that draws the progress line.
#[derive(Debug)]
pub(crate) struct Progress {
    stop: Signal,
    worker: Worker<()>,
}

impl Progress {
    /// Starts to draw; none when the machine gives no thread for it.
    pub(crate) fn start(views: Views, clock: Clock, screen: Screen) -> Option<Self> {
        let stop = Signal::new();
        let stopped = stop.clone();
        let worker = threads::spawn(ThreadKind::Progress, "line", move || {
            let (mut meter, started) = (Meter::default(), clock.monotonic());
            while stopped.wait(Some(INTERVAL)) == Woken::TimedOut {
                let counts = Counts::of(&views.borrow());
                let elapsed = clock.monotonic().saturating_sub(started);
                screen.draw(&meter.line(elapsed, &counts));
            }
            screen.erase();
        });
        match worker {
            Ok(worker) => Some(Self { stop, worker }),
            Err(error) => {
                tracing::warn!(%error, "show no progress");
                None
            }
        }
    }

    /// Takes the line away and stops.
    pub(crate) fn stop(self) {
        self.stop.notify();
        if let Err(panicked) = self.worker.join() {
            tracing::warn!(%panicked, "the progress was not shown to its end");
        }
    }
}

/// Rates over the last updates.
#[derive(Debug, Default)]
struct Meter {
    /// Time, records and bytes; at most [`WINDOW`] of them.
    samples: VecDeque<(Duration, u64, u64)>,
}

impl Meter {
    /// Takes the counters of an update and makes the line of it.
    fn line(&mut self, elapsed: Duration, counts: &Counts) -> String {
        let now = (elapsed, counts.records_in, counts.bytes_in);
        let (then, records, bytes) = self.samples.front().copied().unwrap_or_default();
        if self.samples.len() == WINDOW {
            self.samples.pop_front();
        }
        self.samples.push_back(now);
        let time = now.0.saturating_sub(then);
        let records_rate = quantity::per_second(now.1.saturating_sub(records), time);
        let bytes_rate = quantity::per_second(now.2.saturating_sub(bytes), time);
        let bad = match counts.bad_records {
            0 => String::new(),
            bad => format!("  {} bad", quantity::count(bad)),
        };
        format!(
            "{}  {}  {}  {} records/s  {}/s{bad}",
            quantity::stopwatch(elapsed),
            quantity::counted(counts.records_in, "record"),
            quantity::bytes(counts.bytes_in),
            quantity::about(records_rate),
            quantity::bytes(bytes_rate as u64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_time_counts_and_recent_rates() {
        let mut meter = Meter::default();
        for (millis, records_in, bytes_in, bad_records, line) in [
            (0, 0, 0, 0, "0:00  0 records  0 B  0 records/s  0 B/s"),
            (
                200,
                1_000,
                102_400,
                0,
                "0:00  1,000 records  100.0 KiB  5.0k records/s  500.0 KiB/s",
            ),
            (
                400,
                1_000,
                102_400,
                2,
                "0:00  1,000 records  100.0 KiB  2.5k records/s  250.0 KiB/s  2 bad",
            ),
        ] {
            let elapsed = Duration::from_millis(millis);
            let counts = Counts {
                records_in,
                bytes_in,
                bad_records,
                ..Counts::default()
            };
            assert_eq!(meter.line(elapsed, &counts), line);
        }
    }

    #[test]
    fn a_rate_forgets_what_is_older_than_the_window() {
        let mut meter = Meter::default();
        let mut at = |update: u32| {
            let counts = Counts {
                records_in: if update == 0 { 0 } else { 1_000_000 },
                ..Counts::default()
            };
            meter.line(INTERVAL * update, &counts)
        };
        let lines: Vec<String> = (0..20).map(&mut at).collect();
        assert!(lines[9].contains("555.6k records/s"), "{}", lines[9]);
        assert!(lines[19].contains("  0 records/s"), "{}", lines[19]);
        assert_eq!(meter.samples.len(), WINDOW);
    }
}
