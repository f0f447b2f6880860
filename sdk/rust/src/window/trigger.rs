//! When a window's contents come out (semantics §3.9–3.13).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::assign::Window;
use crate::codec::Record;
use crate::time::as_millis;
use crate::timers::{TimeDomain, Timer};

/// What is done with a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerResult {
    /// Nothing.
    Continue,
    /// The contents come out and stay.
    Fire,
    /// The contents go.
    Purge,
    /// The contents come out and go.
    FireAndPurge,
}

impl TriggerResult {
    pub(crate) fn fires(self) -> bool {
        matches!(self, Self::Fire | Self::FireAndPurge)
    }

    pub(crate) fn purges(self) -> bool {
        matches!(self, Self::Purge | Self::FireAndPurge)
    }
}

/// Says when the contents of a window come out.
///
/// One trigger serves all keys and windows of a subtask; what belongs to one window is in its `State`,
/// which is part of checkpoints.
pub trait Trigger<T>: 'static {
    /// What it keeps per window.
    type State: Serialize + DeserializeOwned + Default + 'static;

    /// A record was added to the window.
    fn on_element(
        &mut self,
        record: &T,
        timestamp: i64,
        cx: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult;

    /// A timer fires that this trigger registered for the window.
    fn on_timer(&mut self, timer: Timer, cx: &mut TriggerContext<'_, Self::State>)
    -> TriggerResult;

    /// Whether windows with this trigger can become one.
    fn can_merge(&self) -> bool {
        true
    }

    /// Whether it lets windows come out once, at their end, and keeps nothing for them.
    fn is_plain(&self) -> bool {
        false
    }

    /// The window has come from several: `others` are the states of those that are gone, whose timers count
    /// no more.
    fn on_merge(&mut self, others: Vec<Self::State>, cx: &mut TriggerContext<'_, Self::State>);

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// What a trigger can ask about its window.
#[derive(Debug)]
pub struct TriggerContext<'a, S> {
    /// What the trigger keeps for the window.
    pub state: &'a mut S,
    pub(crate) window: Window,
    pub(crate) is_new: bool,
    pub(crate) watermark: i64,
    /// Timers to register, and to delete.
    pub(crate) timers: &'a mut Vec<(Timer, bool)>,
}

impl<S> TriggerContext<'_, S> {
    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Whether this is the first record since the window was made.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// How far event time has come.
    pub fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Has the trigger called at this time for this window.
    pub fn register_timer(&mut self, domain: TimeDomain, time: i64) {
        self.timers.push((Timer { domain, time }, false));
    }

    /// Takes that back.
    pub fn delete_timer(&mut self, domain: TimeDomain, time: i64) {
        self.timers.push((Timer { domain, time }, true));
    }
}

/// Fires when event time passes the end of the window, and at each record that comes after that.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventTime;

impl<T> Trigger<T> for EventTime {
    type State = ();

    #[inline]
    fn on_element(&mut self, _: &T, _: i64, cx: &mut TriggerContext<'_, ()>) -> TriggerResult {
        let end = cx.window.max_timestamp();
        if end <= cx.watermark {
            return TriggerResult::Fire;
        }
        if cx.is_new {
            cx.register_timer(TimeDomain::Event, end);
        }
        TriggerResult::Continue
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut TriggerContext<'_, ()>) -> TriggerResult {
        match timer.time == cx.window.max_timestamp() {
            true => TriggerResult::Fire,
            false => TriggerResult::Continue,
        }
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: Vec<()>, cx: &mut TriggerContext<'_, ()>) {
        let end = cx.window.max_timestamp();
        if end > cx.watermark {
            cx.register_timer(TimeDomain::Event, end);
        }
    }
}

/// Fires when the clock passes the end of the window.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessingTime;

impl<T> Trigger<T> for ProcessingTime {
    type State = ();

    #[inline]
    fn on_element(&mut self, _: &T, _: i64, cx: &mut TriggerContext<'_, ()>) -> TriggerResult {
        if cx.is_new {
            cx.register_timer(TimeDomain::Processing, cx.window.max_timestamp());
        }
        TriggerResult::Continue
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut TriggerContext<'_, ()>) -> TriggerResult {
        match timer.time == cx.window.max_timestamp() {
            true => TriggerResult::Fire,
            false => TriggerResult::Continue,
        }
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: Vec<()>, cx: &mut TriggerContext<'_, ()>) {
        cx.register_timer(TimeDomain::Processing, cx.window.max_timestamp());
    }
}

/// Never fires.
#[derive(Debug, Clone, Copy, Default)]
pub struct Never;

impl<T> Trigger<T> for Never {
    type State = ();

    fn on_element(&mut self, _: &T, _: i64, _: &mut TriggerContext<'_, ()>) -> TriggerResult {
        TriggerResult::Continue
    }

    fn on_timer(&mut self, _: Timer, _: &mut TriggerContext<'_, ()>) -> TriggerResult {
        TriggerResult::Continue
    }

    fn on_merge(&mut self, _: Vec<()>, _: &mut TriggerContext<'_, ()>) {}
}

/// Fires each time that so many records have come.
#[derive(Debug, Clone, Copy)]
pub struct EachCount(pub u64);

impl<T> Trigger<T> for EachCount {
    type State = u64;

    fn on_element(&mut self, _: &T, _: i64, cx: &mut TriggerContext<'_, u64>) -> TriggerResult {
        *cx.state += 1;
        if *cx.state < self.0 {
            return TriggerResult::Continue;
        }
        *cx.state = 0;
        TriggerResult::Fire
    }

    fn on_timer(&mut self, _: Timer, _: &mut TriggerContext<'_, u64>) -> TriggerResult {
        TriggerResult::Continue
    }

    fn on_merge(&mut self, others: Vec<u64>, cx: &mut TriggerContext<'_, u64>) {
        *cx.state += others.iter().sum::<u64>();
    }

    fn problem(&self) -> Option<String> {
        let is_zero = self.0 == 0;
        is_zero.then(|| "a window that fires each 0 records; give at least 1".to_owned())
    }
}

/// Fires as another trigger does, after which the contents go.
#[derive(Debug, Clone, Copy)]
pub struct Purging<R>(pub R);

impl<T, R: Trigger<T>> Trigger<T> for Purging<R> {
    type State = R::State;

    fn on_element(
        &mut self,
        record: &T,
        timestamp: i64,
        cx: &mut TriggerContext<'_, R::State>,
    ) -> TriggerResult {
        purging(self.0.on_element(record, timestamp, cx))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut TriggerContext<'_, R::State>) -> TriggerResult {
        purging(self.0.on_timer(timer, cx))
    }

    fn can_merge(&self) -> bool {
        self.0.can_merge()
    }

    fn on_merge(&mut self, others: Vec<R::State>, cx: &mut TriggerContext<'_, R::State>) {
        self.0.on_merge(others, cx);
    }

    fn problem(&self) -> Option<String> {
        self.0.problem()
    }
}

fn purging(result: TriggerResult) -> TriggerResult {
    match result {
        TriggerResult::Fire => TriggerResult::FireAndPurge,
        other => other,
    }
}

/// Fires each interval of event time, and when event time passes the end of the window.
#[derive(Debug, Clone, Copy)]
pub struct Continuous(i64);

impl Continuous {
    /// Fires each interval of event time.
    pub fn each(interval: std::time::Duration) -> Self {
        Self(as_millis(interval))
    }

    fn schedule(self, after: i64, cx: &mut TriggerContext<'_, Option<i64>>) {
        let next = after.saturating_add(self.0).min(cx.window.max_timestamp());
        *cx.state = Some(next);
        cx.register_timer(TimeDomain::Event, next);
    }
}

impl<T> Trigger<T> for Continuous {
    /// When it fires next.
    type State = Option<i64>;

    fn on_element(
        &mut self,
        _: &T,
        timestamp: i64,
        cx: &mut TriggerContext<'_, Option<i64>>,
    ) -> TriggerResult {
        let end = cx.window.max_timestamp();
        if end <= cx.watermark {
            return TriggerResult::Fire;
        }
        if cx.is_new {
            cx.register_timer(TimeDomain::Event, end);
        }
        if cx.state.is_none() {
            self.schedule(timestamp - timestamp.rem_euclid(self.0), cx);
        }
        TriggerResult::Continue
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut TriggerContext<'_, Option<i64>>,
    ) -> TriggerResult {
        if timer.time == cx.window.max_timestamp() {
            return TriggerResult::Fire;
        }
        if *cx.state != Some(timer.time) {
            return TriggerResult::Continue;
        }
        self.schedule(timer.time, cx);
        TriggerResult::Fire
    }

    fn on_merge(&mut self, others: Vec<Option<i64>>, cx: &mut TriggerContext<'_, Option<i64>>) {
        let pending = others.into_iter().chain([*cx.state]).flatten().min();
        *cx.state = pending;
        let end = cx.window.max_timestamp();
        for time in pending.into_iter().chain([end]) {
            cx.register_timer(TimeDomain::Event, time);
        }
    }

    fn problem(&self) -> Option<String> {
        let is_zero = self.0 == 0;
        is_zero
            .then(|| "a trigger with an interval of zero; give at least a millisecond".to_owned())
    }
}

/// Fires when a record differs enough from the one at which it fired last.
#[derive(Debug, Clone, Copy)]
pub struct Delta<F> {
    threshold: f64,
    delta: F,
}

impl<F> Delta<F> {
    /// Fires when `delta` of the record at which it fired last, and the new one, is above the threshold.
    pub fn above(threshold: f64, delta: F) -> Self {
        Self { threshold, delta }
    }
}

impl<T, F> Trigger<T> for Delta<F>
where
    T: Record + Clone,
    F: FnMut(&T, &T) -> f64 + 'static,
{
    type State = Last<T>;

    fn on_element(
        &mut self,
        record: &T,
        _: i64,
        cx: &mut TriggerContext<'_, Last<T>>,
    ) -> TriggerResult {
        let fires = match &cx.state.0 {
            None => {
                cx.state.0 = Some(record.clone());
                return TriggerResult::Continue;
            }
            Some(last) => (self.delta)(last, record) > self.threshold,
        };
        if !fires {
            return TriggerResult::Continue;
        }
        cx.state.0 = Some(record.clone());
        TriggerResult::Fire
    }

    fn on_timer(&mut self, _: Timer, _: &mut TriggerContext<'_, Last<T>>) -> TriggerResult {
        TriggerResult::Continue
    }

    fn can_merge(&self) -> bool {
        false
    }

    fn on_merge(&mut self, _: Vec<Last<T>>, _: &mut TriggerContext<'_, Last<T>>) {}
}

/// The record at which a [`Delta`] fired last.
#[derive(Debug, Serialize, Deserialize)]
pub struct Last<T>(Option<T>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(None)
    }
}
