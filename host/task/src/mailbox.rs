//! What a task does next. Decides only; [`crate::task`] does it.

use std::time::Duration;

use wasmill_network::{Gate, ProducerLost};
use wasmill_types::Element;

/// What a task does next, most urgent first.
#[derive(Debug)]
pub enum Next {
    /// Stop.
    Cancel,
    /// Send what was collected: its time is over.
    Flush,
    /// Fire timers of processing time.
    FireTimers,
    /// Let the source make records.
    Poll,
    /// Take what came in on a channel.
    Input(usize, Element),
    /// A producer is gone without having ended.
    Lost(ProducerLost),
    /// Wait until every output has room, at most this long.
    WaitForRoom(Option<Duration>),
    /// Wait for a notification, at most this long.
    Wait(Option<Duration>),
}

/// What the decision depends on. Times are of the monotonic clock, unless they are said to be left.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the task has been cancelled.
    pub is_cancelled: bool,
    /// Whether every output takes records without waiting.
    pub has_room: bool,
    /// When collected records must be sent at the latest, if there are any.
    pub flush_at: Option<Duration>,
    /// How long until the next timer of processing time fires.
    pub timer_in: Option<Duration>,
    /// When the source may be polled; none when the task has no source.
    pub poll_at: Option<Duration>,
    /// Now.
    pub now: Duration,
}

/// Decides what comes next; takes from the gate when it is the gate's turn.
pub fn select(facts: Facts, gate: Option<&mut Gate>) -> Next {
    let Facts {
        now,
        flush_at,
        timer_in,
        poll_at,
        ..
    } = facts;
    if facts.is_cancelled {
        return Next::Cancel;
    }
    if flush_at.is_some_and(|at| at <= now) {
        return Next::Flush;
    }
    // Without room nothing may run that could emit; room notifies the task's signal.
    if !facts.has_room {
        return Next::WaitForRoom(flush_at.map(|at| at.saturating_sub(now)));
    }
    if timer_in == Some(Duration::ZERO) {
        return Next::FireTimers;
    }
    if poll_at.is_some_and(|at| at <= now) {
        return Next::Poll;
    }
    match gate.map_or(Ok(None), Gate::next) {
        Ok(Some((channel, element))) => return Next::Input(channel, element),
        Ok(None) => {}
        Err(lost) => return Next::Lost(lost),
    }
    let left = |at: Duration| at.saturating_sub(now);
    let deadlines = [flush_at.map(left), timer_in, poll_at.map(left)];
    Next::Wait(deadlines.into_iter().flatten().min())
}
