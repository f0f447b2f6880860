//! How a task asks for its next split: through the executor, of the JobMaster.
//!
//! Invariant: a task that waits for a split is woken by the answer, by the executor's end, or by being
//! cancelled, and each question has exactly one answer.

use std::sync::{Arc, Mutex, PoisonError};

use wasmill_actor::{Address, CancelToken, Signal};
use wasmill_connectors::Split;
use wasmill_rpc::protocol::SplitData;
use wasmill_task::source::SplitSource;
use wasmill_types::id::AttemptId;
use wasmill_types::{HostError, TaskFailure};

use crate::executor::Message;

/// What came of a question.
type Outcome = Result<Option<SplitData>, String>;

/// Asks for the splits of one attempt.
#[derive(Debug)]
pub(crate) struct AskedSplits {
    pub(crate) attempt: AttemptId,
    pub(crate) executor: Address<Message>,
    pub(crate) cancel: CancelToken,
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

impl SplitSource for AskedSplits {
    fn next_split(&mut self) -> Result<Option<Split>, TaskFailure> {
        let signal = Signal::new();
        let answer = Arc::default();
        let reply = SplitReply {
            answer: Arc::clone(&answer),
            signal: signal.clone(),
        };
        let woken = signal.clone();
        let _guard = self.cancel.on_cancel(move || woken.notify());
        let asked = Message::NextSplit(self.attempt, reply);
        self.executor
            .send_blocking(asked)
            .map_err(|gone| HostError::new(gone.to_string()))?;
        loop {
            if self.cancel.is_cancelled() {
                return Err(TaskFailure::Cancelled);
            }
            let taken = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            match taken {
                Some(Ok(split)) => return Ok(split.map(of_connector)),
                Some(Err(reason)) => {
                    let message = format!("ask for the next split: {reason}");
                    return Err(HostError::new(message).into());
                }
                // The executor answers within the time of a call, whatever the JobManager does.
                None => signal.wait(None),
            };
        }
    }
}

/// A split in the words of the connectors.
fn of_connector(split: SplitData) -> Split {
    Split {
        name: split.name,
        state: split.state,
    }
}
