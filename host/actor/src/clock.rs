//! The clock that everybody asks: the machine's, or one that a test moves by hand.
//!
//! Every part that needs the time is handed a [`Clock`]. Invariant: this file is the only one that reads
//! the machine's clocks, and [`Clock::monotonic`] never goes back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;
use tokio::sync::Notify;

use crate::signal::Signal;

/// The time was over before the thing that was waited for had happened.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("nothing came within {0:?}")]
pub struct Elapsed(pub Duration);

/// A source of time; cheap to clone, and clones show the same time.
#[derive(Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Clone)]
enum Source {
    System { start: Instant },
    Manual(Arc<ManualTime>),
}

struct ManualTime {
    start_ms: i64,
    state: Mutex<ManualState>,
    /// Wakes the futures that sleep.
    moved: Notify,
}

#[derive(Default)]
struct ManualState {
    elapsed: Duration,
    /// Who waits for the time to move; at most one entry per waiting thread.
    waiting: Vec<Signal>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the seam itself")]
        let start = Instant::now();
        Self {
            source: Source::System { start },
        }
    }

    /// A clock that shows `start_ms` milliseconds since the epoch until [`Clock::advance`] moves it.
    pub fn manual(start_ms: i64) -> Self {
        Self {
            source: Source::Manual(Arc::new(ManualTime {
                start_ms,
                state: Mutex::default(),
                moved: Notify::new(),
            })),
        }
    }

    /// Milliseconds since the Unix epoch. The machine's time may be set back while we run.
    pub fn now_ms(&self) -> i64 {
        match &self.source {
            Source::System { .. } => system_ms(),
            Source::Manual(time) => {
                let elapsed = time.state().elapsed.as_millis();
                time.start_ms
                    .saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX))
            }
        }
    }

    /// The time since an arbitrary start; it never goes back.
    pub fn monotonic(&self) -> Duration {
        match &self.source {
            Source::System { start } => start.elapsed(),
            Source::Manual(time) => time.state().elapsed,
        }
    }

    /// The processor time that the calling thread has used since an arbitrary start. With a manual clock
    /// threads are always busy.
    pub fn thread_time(&self) -> Duration {
        match &self.source {
            Source::System { .. } => {
                let time = clock_gettime(ClockId::ThreadCPUTime);
                let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
                Duration::new(time.tv_sec.unsigned_abs(), nanos)
            }
            Source::Manual(time) => time.state().elapsed,
        }
    }

    /// Moves a manual clock and wakes those who wait for it.
    ///
    /// # Panics
    /// On the machine's clock, which nobody can move: only the maker of a manual clock calls this.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        let Source::Manual(time) = &self.source else {
            panic!("only a manual clock can be advanced");
        };
        let waiting = {
            let mut state = time.state();
            state.elapsed = state.elapsed.saturating_add(by);
            std::mem::take(&mut state.waiting)
        };
        time.moved.notify_waiters();
        waiting.iter().for_each(Signal::notify);
    }

    /// Waits, without blocking the thread, until the clock shows `deadline` (see [`Clock::monotonic`]).
    pub async fn sleep_until(&self, deadline: Duration) {
        match &self.source {
            Source::System { start } => {
                #[expect(clippy::disallowed_methods, reason = "the seam itself")]
                tokio::time::sleep_until((*start + deadline).into()).await;
            }
            Source::Manual(time) => loop {
                // Registered before the look, so that no advance slips in between.
                let moved = time.moved.notified();
                if time.state().elapsed >= deadline {
                    return;
                }
                moved.await;
            },
        }
    }

    /// Waits, without blocking the thread, for this long.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.monotonic().saturating_add(duration))
            .await;
    }

    /// Waits for `work`, at most for this long.
    ///
    /// # Errors
    /// When the time was over first; `work` is dropped then.
    pub async fn timeout<T>(
        &self,
        duration: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.sleep(duration) => Err(Elapsed(duration)),
        }
    }

    /// Lets `wait` block until the clock shows `deadline`; used by [`Signal::wait_until`].
    ///
    /// `wait` gets the longest time to block, or none when only [`Clock::advance`] can end it; in that
    /// case `signal` is notified by the next advance.
    pub(crate) fn block_until<T>(
        &self,
        deadline: Duration,
        signal: &Signal,
        wait: impl FnOnce(Option<Duration>) -> T,
    ) -> T {
        let Source::Manual(time) = &self.source else {
            return wait(Some(deadline.saturating_sub(self.monotonic())));
        };
        let due = {
            let mut state = time.state();
            let due = state.elapsed >= deadline;
            if !due {
                state.waiting.push(signal.clone());
            }
            due
        };
        let outcome = wait(due.then_some(Duration::ZERO));
        time.state().waiting.retain(|other| !other.is_same(signal));
        outcome
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.source {
            Source::System { .. } => "system",
            Source::Manual(_) => "manual",
        };
        write!(f, "Clock({kind}, {} ms)", self.now_ms())
    }
}

impl ManualTime {
    fn state(&self) -> MutexGuard<'_, ManualState> {
        // Nothing panics under this lock, so a poisoned one still holds a whole value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn system_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_uses_no_processor_time() {
        let clock = Clock::system();
        let before = clock.thread_time();
        let (_nobody_sends, pause) = std::sync::mpsc::sync_channel::<()>(1);
        let _ = pause.recv_timeout(Duration::from_millis(50));
        let waited = clock.thread_time() - before;
        assert!(waited < Duration::from_millis(50), "{waited:?}");
        while clock.thread_time() == before {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_for_all_its_clones() {
        let clock = Clock::manual(1_000);
        let clone = clock.clone();
        for (advance_micros, now_ms, monotonic_micros) in [
            (0, 1_000, 0),
            (999, 1_000, 999),
            (1, 1_001, 1_000),
            (5_000, 1_006, 6_000),
        ] {
            clock.advance(Duration::from_micros(advance_micros));
            assert_eq!(clone.now_ms(), now_ms);
            assert_eq!(clone.monotonic(), Duration::from_micros(monotonic_micros));
        }
    }

    #[test]
    fn futures_sleep_until_the_clock_is_moved_that_far() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let clock = Clock::manual(0);
            let long = Duration::from_secs(10);
            let sleeper = clock.timeout(long, std::future::pending::<()>());
            let mover = async {
                for second in 0..10 {
                    assert_eq!(clock.monotonic(), Duration::from_secs(second));
                    clock.advance(Duration::from_secs(1));
                    tokio::task::yield_now().await;
                }
            };
            let (slept, ()) = tokio::join!(sleeper, mover);
            assert_eq!(slept, Err(Elapsed(long)));
            assert_eq!(clock.timeout(long, async { 7 }).await, Ok(7));
        });
    }

    #[test]
    fn the_far_ends_of_manual_time_saturate() {
        let clock = Clock::manual(i64::MAX - 1);
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now_ms(), i64::MAX);
    }

    #[test]
    fn the_machines_clock_shows_a_time_of_this_century_and_does_not_go_back() {
        let clock = Clock::system();
        let century = 946_684_800_000..4_102_444_800_000;
        assert!(century.contains(&clock.now_ms()), "{clock:?}");
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }
}
