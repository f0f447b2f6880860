//! What a task does next. Decides only; [`crate::task`] does it.
//!
//! Invariant: nothing that could emit records is chosen while an output lacks room, and nothing at all is
//! chosen once the task is cancelled.

use std::time::Duration;

use wasmill_network::{Gate, ProducerLost};
use wasmill_types::Element;

/// What a task does next, most urgent first. Times are of the monotonic clock.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Stop.
    Cancel,
    /// Do what the task was told about checkpoints.
    Order,
    /// Stop trying to align a checkpoint.
    Overtake,
    /// Send what was collected: its time is over.
    Flush,
    /// Wait until every output has room, at most until this time.
    WaitForRoom(Option<Duration>),
    /// Fire timers of processing time.
    FireTimers,
    /// Ask operators that make watermarks for one.
    Probe,
    /// Let the source make records.
    Poll,
    /// Take what came in on a channel.
    Input(usize, Element),
    /// A producer is gone without having ended.
    Lost(ProducerLost),
    /// Wait for a notification, at most until this time.
    Wait(Option<Duration>),
}

/// What the decision depends on. Times are of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the task has been cancelled.
    pub is_cancelled: bool,
    /// Whether it was told something about checkpoints.
    pub has_orders: bool,
    /// When the pending checkpoint stops trying to align.
    pub overtake_at: Option<Duration>,
    /// Whether every output takes records without waiting.
    pub has_room: bool,
    /// When collected records must be sent at the latest, if there are any that can be.
    pub flush_at: Option<Duration>,
    /// When the next timer of processing time fires.
    pub timer_at: Option<Duration>,
    /// When operators that make watermarks are asked for one.
    pub probe_at: Option<Duration>,
    /// When the source may be polled; none when the task has no source, or one at its end.
    pub poll_at: Option<Duration>,
    /// Now.
    pub now: Duration,
}

/// Decides what comes next; takes from the gate when it is the gate's turn.
pub fn select(facts: Facts, gate: Option<&mut Gate>) -> Next {
    let Facts {
        now,
        flush_at,
        timer_at,
        probe_at,
        poll_at,
        ..
    } = facts;
    let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
    if facts.is_cancelled {
        return Next::Cancel;
    }
    if facts.has_orders {
        return Next::Order;
    }
    if is_due(facts.overtake_at) {
        return Next::Overtake;
    }
    if is_due(flush_at) {
        return Next::Flush;
    }
    if !facts.has_room {
        // A barrier that overtakes does not wait for room.
        if let Some(gate) = gate.filter(|gate| gate.has_barrier())
            && let Ok(Some((channel, element))) = gate.next()
        {
            return Next::Input(channel, element);
        }
        let until = [flush_at, facts.overtake_at].into_iter().flatten().min();
        return Next::WaitForRoom(until);
    }
    if is_due(timer_at) {
        return Next::FireTimers;
    }
    if is_due(probe_at) {
        return Next::Probe;
    }
    if is_due(poll_at) {
        return Next::Poll;
    }
    match gate.map_or(Ok(None), Gate::next) {
        Ok(Some((channel, element))) => return Next::Input(channel, element),
        Ok(None) => {}
        Err(lost) => return Next::Lost(lost),
    }
    let times = [flush_at, timer_at, probe_at, poll_at, facts.overtake_at];
    Next::Wait(times.into_iter().flatten().min())
}

#[cfg(test)]
mod tests;
