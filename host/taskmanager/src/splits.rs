//! How a task asks for its next split: through the executor, of the JobMaster.
//!
//! A task that is done with a split at once asks for two, so that it does not wait for the JobMaster
//! between small ones; one whose splits last asks when it needs one, so that others get theirs. Invariant:
//! a task that waits for a split is woken by the answer, by the executor's end, or by being cancelled,
//! and each question has exactly one answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmill_actor::{Address, CancelToken, Clock, Signal};
use wasmill_connectors::Split;
use wasmill_rpc::protocol::SplitData;
use wasmill_task::source::SplitSource;
use wasmill_types::id::AttemptId;
use wasmill_types::{HostError, TaskFailure};

use crate::executor::Message;

/// How long a split may last for its task to ask for another one ahead: some round trips.
const SMALL: Duration = Duration::from_millis(20);

/// What came of a question.
type Outcome = Result<Option<SplitData>, String>;

/// Asks for the splits of one attempt.
#[derive(Debug)]
pub(crate) struct AskedSplits {
    attempt: AttemptId,
    executor: Address<Message>,
    cancel: CancelToken,
    clock: Clock,
    /// What was asked ahead.
    asked: Option<Asked>,
    /// When the last split was given.
    given_at: Option<Duration>,
}

/// A question whose answer may not be there yet.
#[derive(Debug)]
struct Asked {
    answer: Arc<Mutex<Option<Outcome>>>,
    signal: Signal,
}

/// The place for the answer; dropped without one, the executor has ended.
#[derive(Debug)]
pub(crate) struct SplitReply {
    answer: Arc<Mutex<Option<Outcome>>>,
    signal: Signal,
}

impl SplitReply {
    /// Answers.
    pub(crate) fn give(self, outcome: Outcome) {
        self.put(outcome);
    }

    fn put(&self, outcome: Outcome) {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.get_or_insert(outcome);
        drop(answer);
        self.signal.notify();
    }
}

impl Drop for SplitReply {
    fn drop(&mut self) {
        self.put(Err("the TaskManager is shutting down".to_owned()));
    }
}

impl AskedSplits {
    pub(crate) fn new(
        attempt: AttemptId,
        executor: Address<Message>,
        cancel: CancelToken,
        clock: Clock,
    ) -> Self {
        Self {
            attempt,
            executor,
            cancel,
            clock,
            asked: None,
            given_at: None,
        }
    }

    fn ask(&self) -> Result<Asked, HostError> {
        let asked = Asked {
            answer: Arc::default(),
            signal: Signal::new(),
        };
        let reply = SplitReply {
            answer: Arc::clone(&asked.answer),
            signal: asked.signal.clone(),
        };
        let message = Message::NextSplit(self.attempt, reply);
        let sent = self.executor.send_blocking(message);
        sent.map_err(|gone| HostError::new(gone.to_string()))?;
        Ok(asked)
    }

    fn wait(&self, asked: &Asked) -> Result<Option<SplitData>, TaskFailure> {
        let woken = asked.signal.clone();
        let _guard = self.cancel.on_cancel(move || woken.notify());
        loop {
            if self.cancel.is_cancelled() {
                return Err(TaskFailure::Cancelled);
            }
            let answer = &asked.answer;
            let taken = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            match taken {
                Some(Ok(split)) => return Ok(split),
                Some(Err(reason)) => {
                    let message = format!("ask for the next split: {reason}");
                    return Err(HostError::new(message).into());
                }
                // The executor answers within the time of a call, whatever the JobManager does.
                None => asked.signal.wait(None),
            };
        }
    }
}

impl SplitSource for AskedSplits {
    fn next_split(&mut self) -> Result<Option<Split>, TaskFailure> {
        let lasted = |given: Duration| self.clock.monotonic().saturating_sub(given);
        let was_small = self.given_at.is_some_and(|given| lasted(given) < SMALL);
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => self.ask()?,
        };
        let split = self.wait(&asked)?;
        if split.is_some() && was_small {
            self.asked = Some(self.ask()?);
        }
        self.given_at = Some(self.clock.monotonic());
        Ok(split.map(of_connector))
    }
}

/// A split in the words of the connectors.
fn of_connector(split: SplitData) -> Split {
    Split {
        name: split.name,
        state: split.state,
    }
}

#[cfg(test)]
mod tests;
