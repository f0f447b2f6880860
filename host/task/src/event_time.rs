//! The event time of a task: its inputs' combined, and what its outputs were told (semantics §1.10, §1.14).
//! Pure.
//!
//! Behind each input stands a [`crate::valve`] over its channels. [`crate::task`] combines the inputs with
//! [`InputTime`]; [`crate::host`] asks [`OutputTime`] what to send. Invariants: the combined watermark
//! never goes back; the watermarks that outputs are told increase strictly, and none comes while they
//! think the task idle.

use std::time::Duration;

use wasmill_types::Element;
use wasmill_types::element::ChannelStatus;

use crate::valve::Passed;

/// Who says how event time passes for the outputs of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its inputs.
    Inputs,
    /// An operator of its chain, which is probed at this interval, if at all. What the inputs say ends
    /// there, but for the end of event time (semantics §1.15).
    Chain(Option<Duration>),
}

impl Origin {
    /// That of a chain whose operators make watermarks at these intervals, in milliseconds; 0: unprobed.
    pub fn of(intervals: impl IntoIterator<Item = u32>) -> Self {
        let mut intervals = intervals.into_iter().peekable();
        if intervals.peek().is_none() {
            return Self::Inputs;
        }
        let shortest = intervals.filter(|interval| *interval > 0).min();
        Self::Chain(shortest.map(|millis| Duration::from_millis(millis.into())))
    }

    /// Whether a watermark of the inputs reaches the outputs.
    pub fn lets_through(self, time: i64) -> bool {
        self == Self::Inputs || time == i64::MAX
    }
}

/// The watermarks and statuses of the inputs of a task, combined as Flink's operators do.
#[derive(Debug)]
pub struct InputTime {
    inputs: Vec<Part>,
    watermark: i64,
    status: ChannelStatus,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    watermark: i64,
    status: ChannelStatus,
}

impl InputTime {
    /// Inputs that are all active and at the beginning of time.
    pub fn new(inputs: usize) -> Self {
        let start = Part {
            watermark: i64::MIN,
            status: ChannelStatus::Active,
        };
        Self {
            inputs: vec![start; inputs],
            watermark: i64::MIN,
            status: ChannelStatus::Active,
        }
    }

    /// Takes a watermark of an input; the combined one if it has advanced.
    pub fn watermark(&mut self, input: usize, time: i64) -> Option<i64> {
        let part = &mut self.inputs[input];
        part.watermark = part.watermark.max(time);
        self.advance()
    }

    /// Takes a change of an input's status; what passes, in order.
    pub fn status(&mut self, input: usize, status: ChannelStatus) -> Vec<Passed> {
        self.inputs[input].status = status;
        let mut passed = Vec::new();
        passed.extend(self.advance().map(Passed::Watermark));
        let status = match self.active().next() {
            None => ChannelStatus::Idle,
            Some(_) => ChannelStatus::Active,
        };
        if std::mem::replace(&mut self.status, status) != status {
            passed.push(Passed::Status(status));
        }
        passed
    }

    fn active(&self) -> impl Iterator<Item = &Part> {
        let is_active = |part: &&Part| part.status == ChannelStatus::Active;
        self.inputs.iter().filter(is_active)
    }

    /// The least of the active inputs, or the latest of all when all are idle.
    fn advance(&mut self) -> Option<i64> {
        let least = self.active().map(|part| part.watermark).min();
        let latest = || self.inputs.iter().map(|part| part.watermark).max();
        let time = least.or_else(latest)?;
        if time <= self.watermark {
            return None;
        }
        self.watermark = time;
        Some(time)
    }
}

/// What the outputs of a task were told about event time.
#[derive(Debug)]
pub struct OutputTime {
    watermark: i64,
    status: ChannelStatus,
    /// Whether it was the bundle that said they are idle: a record takes that back.
    is_marked_idle: bool,
}

impl Default for OutputTime {
    /// Nothing was told.
    fn default() -> Self {
        Self {
            watermark: i64::MIN,
            status: ChannelStatus::Active,
            is_marked_idle: false,
        }
    }
}

impl OutputTime {
    /// What to send for a watermark; nothing if it does not exceed the last one.
    pub fn watermark(&mut self, time: i64) -> Vec<Element> {
        if time <= self.watermark {
            return Vec::new();
        }
        self.watermark = time;
        let mut told = Vec::from_iter(self.status(ChannelStatus::Active));
        told.push(Element::Watermark(time));
        told
    }

    /// What to send for a status of the inputs.
    pub fn status(&mut self, status: ChannelStatus) -> Option<Element> {
        self.is_marked_idle = false;
        let has_changed = std::mem::replace(&mut self.status, status) != status;
        has_changed.then_some(Element::Status(status))
    }

    /// What to send when the bundle says that it has nothing for now.
    pub fn mark_idle(&mut self) -> Option<Element> {
        if self.status == ChannelStatus::Idle {
            return None;
        }
        let told = self.status(ChannelStatus::Idle);
        self.is_marked_idle = true;
        told
    }

    /// Whether records must not be sent before [`OutputTime::status`] has said that there are some.
    #[inline]
    pub fn is_marked_idle(&self) -> bool {
        self.is_marked_idle
    }
}

#[cfg(test)]
mod tests;
