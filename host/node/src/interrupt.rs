//! Ctrl-C and SIGTERM: what they do depends on how far the command is.
//!
//! `run` installs one and tells it how far it is. Invariant: the first signal stops a job in good order,
//! so that no output stays behind; one while there is nothing to clean up is answered and ends the process;
//! a second one ends it at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Signal, ThreadKind, threads};

use crate::failure::Exit;
use crate::screen::Screen;

/// Signals that follow the first this closely are the same: `timeout` and some terminals send one to the
/// process and one to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

/// How long the process says that it ends, when nobody may be reading what it says.
const FAREWELL: Duration = Duration::from_secs(1);

/// How far the command is, as the signal handler sees it; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    stage: Arc<Mutex<Stage>>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing that would have to be cleaned up.
    Preparing,
    /// The job runs, or is about to.
    Running(CancelToken),
    /// A signal came, at this time.
    Stopping(Duration),
}

/// What a signal does.
#[derive(Debug)]
enum Response {
    Exit,
    /// Says that nothing has run, and exits.
    Leave,
    /// Nothing more: the job stops.
    Wait,
    Cancel(CancelToken),
}

impl Stage {
    fn handle_signal(&mut self, now: Duration) -> Response {
        match std::mem::replace(self, Self::Stopping(now)) {
            Self::Stopping(since) if now.saturating_sub(since) < SAME_SIGNAL => {
                *self = Self::Stopping(since);
                Response::Wait
            }
            Self::Preparing => Response::Leave,
            Self::Stopping(_) => Response::Exit,
            Self::Running(token) => Response::Cancel(token),
        }
    }
}

impl Interrupt {
    /// Takes the signals over, for the rest of the process. `farewell` says that the command ends before it
    /// had anything to run.
    pub(crate) fn install(
        screen: Screen,
        clock: Clock,
        farewell: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let interrupt = Self {
            stage: Arc::new(Mutex::new(Stage::Preparing)),
        };
        let handler = interrupt.clone();
        let farewell = Arc::new(farewell);
        let installed = ctrlc::set_handler(move || {
            // The lock is not held while the job's callbacks run.
            let response = handler.stage().handle_signal(clock.monotonic());
            match response {
                Response::Cancel(token) => token.cancel(),
                Response::Wait => {}
                Response::Leave => {
                    say_within_bounds(&clock, Arc::clone(&farewell));
                    std::process::exit(Exit::Cancelled.code().into());
                }
                Response::Exit => {
                    screen.erase_if_free();
                    std::process::exit(Exit::Cancelled.code().into());
                }
            }
        });
        if let Err(error) = installed {
            tracing::warn!(%error, "take over Ctrl-C; it will end the process without cleaning up");
        }
        interrupt
    }

    /// From here on there is a job, which a signal cancels.
    pub(crate) fn running(&self, token: CancelToken) {
        *self.stage() = Stage::Running(token);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Every change replaces the whole value.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says farewell, but not for longer than [`FAREWELL`].
fn say_within_bounds(clock: &Clock, farewell: Arc<impl Fn() + Send + Sync + 'static>) {
    let said = Signal::new();
    let when_said = said.clone();
    let work = move || {
        farewell();
        when_said.notify();
    };
    if let Ok(_worker) = threads::spawn(ThreadKind::Errand, "farewell", work) {
        said.wait_until(clock, clock.monotonic() + FAREWELL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_cancels_a_job_and_the_second_exits() {
        let at = Duration::from_millis;
        let live = || Stage::Running(CancelToken::new());
        for (stage, first) in [
            (Stage::Preparing, "Leave"),
            (live(), "Cancel(CancelToken(live))"),
            (Stage::Stopping(at(0)), "Exit"),
        ] {
            let mut stage = stage;
            let responses =
                [1000, 1299, 1300].map(|ms| format!("{:?}", stage.handle_signal(at(ms))));
            assert_eq!(responses, [first, "Wait", "Exit"]);
        }
    }
}
