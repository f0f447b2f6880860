//! Ctrl-C and SIGTERM: what they do depends on how far the command is.
//!
//! `run` installs one and tells it how far it is. Invariant: the first signal stops a job in good order,
//! so that no output stays behind; a second one, or one while there is nothing to clean up, ends the
//! process at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock};

use crate::failure::Exit;
use crate::screen::Screen;

/// Signals that follow the first this closely are the same: `timeout` and some terminals send one to the
/// process and one to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

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
            Self::Preparing | Self::Stopping(_) => Response::Exit,
            Self::Running(token) => Response::Cancel(token),
        }
    }
}

impl Interrupt {
    /// Takes the signals over, for the rest of the process.
    pub(crate) fn install(screen: Screen, clock: Clock) -> Self {
        let interrupt = Self {
            stage: Arc::new(Mutex::new(Stage::Preparing)),
        };
        let handler = interrupt.clone();
        let installed = ctrlc::set_handler(move || {
            // The lock is not held while the job's callbacks run.
            let response = handler.stage().handle_signal(clock.monotonic());
            match response {
                Response::Cancel(token) => token.cancel(),
                Response::Wait => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_cancels_a_job_and_the_second_exits() {
        let at = Duration::from_millis;
        let live = || Stage::Running(CancelToken::new());
        for (stage, first) in [
            (Stage::Preparing, "Exit"),
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
