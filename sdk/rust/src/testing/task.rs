//! One subtask under test: where its records wait, and what runs them.
//!
//! Moved by the executor. Invariant: what a call emitted is taken out of the host before the next call.

use std::collections::VecDeque;

use anyhow::{Result, anyhow};

use super::event_time::{Channel, EventTime};
use super::exchange::Exchange;
use super::host::{Emitted, MemoryHost, memory};
use crate::host::{Batch, Failure};
use crate::native::Instance;

/// A subtask.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) vertex: usize,
    pub(super) subtask: u32,
    /// What waits, with the channel that it came on.
    pub(super) inbox: VecDeque<(Channel, Item)>,
    pub(super) event_time: EventTime,
    pub(super) inputs: Vec<InputEnd>,
    /// One per output.
    pub(super) exchanges: Vec<Exchange>,
    pub(super) body: Body,
    /// Whether nothing comes any more, and those who read from here know.
    pub(super) ended: bool,
}

/// Something on its way.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Records(Batch),
    Watermark(i64),
    Idle,
}

/// How far an input is from its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputEnd {
    /// Subtasks that may still send.
    pub(super) open: usize,
    /// Whether the operators have been told that there are none.
    pub(super) told: bool,
}

/// What a subtask does.
#[derive(Debug)]
pub(super) enum Body {
    /// Hands over what the test gave.
    Feed(VecDeque<Batch>),
    /// Runs operators of the bundle. `None` only while they are restarted.
    Guest(Option<Instance>),
    /// As `Guest`, polled: `finished` once the source has said so.
    Source {
        instance: Option<Instance>,
        finished: bool,
    },
    /// Keeps records for the test.
    Sink(Vec<Vec<u8>>),
}

impl Body {
    /// The operators of the bundle, where there are some.
    pub(super) fn slot(&mut self) -> Option<&mut Option<Instance>> {
        match self {
            Self::Guest(instance) | Self::Source { instance, .. } => Some(instance),
            Self::Feed(_) | Self::Sink(_) => None,
        }
    }
}

impl Task {
    /// Calls the operators; the result comes with what they emitted.
    pub(super) fn call<R>(
        &mut self,
        name: &str,
        clock: i64,
        call: impl FnOnce(&mut Instance) -> Result<R, Failure>,
    ) -> Result<(R, Vec<Emitted>)> {
        let instance = self.body.slot().and_then(Option::as_mut);
        let instance = instance.expect("only operators of the bundle are called");
        memory(instance.host()).clock = clock;
        let result = call(instance);
        let host = memory(instance.host());
        let emitted = std::mem::take(&mut host.emitted);
        let result = result.map_err(|failure| failed(name, self.subtask, &failure))?;
        host.check()?;
        Ok((result, emitted))
    }

    /// The host of the operators, where there are some.
    pub(super) fn host(&mut self) -> Option<&mut MemoryHost> {
        let instance = self.body.slot()?.as_mut()?;
        Some(memory(instance.host()))
    }
}

/// What a failure looks like to the test.
pub(super) fn failed(name: &str, subtask: u32, failure: &Failure) -> anyhow::Error {
    let what = match failure {
        Failure::User(message) | Failure::Other(message) => message.clone(),
        Failure::BadRecord(bad) => format!("record {} of the batch: {}", bad.index, bad.message),
    };
    anyhow!("subtask {subtask} of `{name}` failed: {what}")
}
