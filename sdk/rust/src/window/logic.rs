//! The window operator at work (semantics §3.5–3.18).
//!
//! A key's open windows are one value of keyed state, so a record costs one look-up whatever windows there
//! are. Each window has timers with the window as their namespace: those of its trigger, and one at which it
//! goes. Invariant: a window that is there has a timer that removes it, unless it lasts for ever; a timer
//! of a window that is not there does nothing.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::assign::{Window, WindowAssigner};
use super::function::WindowFunction;
use super::slices::Slices;
use super::trigger::{Trigger, TriggerContext, TriggerResult};
use crate::codec::{Record, to_postcard};
use crate::host;
use crate::keyed::{Key, KeyedLogic};
use crate::pipe::Down;
use crate::process::{KeyedContext, SideOutput};
use crate::runtime::{NO_TIMESTAMP, Shared};
use crate::state::ValueState;
use crate::timers::{Fired, TimeDomain, Timer};

/// An open window of a key, or a slice of open windows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pane<C, R> {
    pub(super) window: Window,
    /// None once they were purged.
    pub(super) contents: Option<C>,
    pub(super) trigger: R,
}

/// The open windows of a key. Mostly there is one, which is kept where the key's state is.
pub(super) type Panes<C, R> = SmallVec<[Pane<C, R>; 1]>;

/// See [`WindowedStream`](super::WindowedStream).
pub struct WindowLogic<T, K, W, R: Trigger<T>, F: WindowFunction<T, K>> {
    panes: ValueState<Panes<F::Contents, R::State>>,
    windows: Windows<T, K, W, R, F>,
}

/// What is done with the windows of whatever key.
pub(super) struct Windows<T, K, W, R, F> {
    pub(super) rules: Rules<T, W>,
    trigger: R,
    pub(super) function: F,
    /// The windows of the record at hand.
    assigned: Vec<Window>,
    /// What the trigger asks for.
    pub(super) timers: Vec<(Timer, bool)>,
    keys: PhantomData<fn(K)>,
}

/// What there is besides trigger and function.
pub(super) struct Rules<T, W> {
    pub(super) assigner: W,
    pub(super) domain: TimeDomain,
    pub(super) lateness: i64,
    pub(super) late: Option<SideOutput<T>>,
    pub(super) keeping: Keeping,
}

/// How windows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Each by itself, with the timers of its trigger.
    Each,
    /// Windows that overlap are put together from slices.
    Slices(Slices),
    /// Windows that grow keep the timer that they had first, which is put off when it fires.
    Growing,
}

impl Keeping {
    /// How windows with this trigger and function are kept.
    pub(super) fn of<T, K, W, R, F>(assigner: &W, trigger: &R, function: &F, lateness: i64) -> Self
    where
        W: WindowAssigner<T>,
        R: Trigger<T>,
        F: WindowFunction<T, K>,
    {
        let slices = assigner.slices().filter(|_| function.can_share());
        match slices {
            // A record may have windows fire again that have come out, or something that nobody knows.
            _ if lateness > 0 || !trigger.is_plain() => Self::Each,
            Some(slices) => Self::Slices(slices),
            None if assigner.merges() => Self::Growing,
            None => Self::Each,
        }
    }

    /// The name of the state, which is none of another way.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Each | Self::Growing => "window-contents",
            Self::Slices(_) => "window-slices",
        }
    }
}

impl<T, W> Rules<T, W> {
    /// When a window goes; none: never.
    fn cleanup(&self, window: Window) -> Option<i64> {
        let end = window.max_timestamp();
        let time = match self.domain {
            TimeDomain::Event => end.saturating_add(self.lateness),
            TimeDomain::Processing => end,
        };
        (time < i64::MAX).then_some(time)
    }

    fn is_late(&self, window: Window, watermark: i64) -> bool {
        let is_event = self.domain == TimeDomain::Event;
        is_event && self.cleanup(window).is_some_and(|time| time <= watermark)
    }
}

/// The call at hand.
pub(super) struct Call<'a, K, D> {
    key: &'a K,
    pub(super) shared: &'a Shared,
    down: &'a mut D,
}

impl<T, K, W, R: Trigger<T>, F: WindowFunction<T, K>> WindowLogic<T, K, W, R, F> {
    pub(super) fn new(
        panes: ValueState<Panes<F::Contents, R::State>>,
        rules: Rules<T, W>,
        (trigger, function): (R, F),
    ) -> Self {
        let windows = Windows {
            rules,
            trigger,
            function,
            assigned: Vec::new(),
            timers: Vec::new(),
            keys: PhantomData,
        };
        Self { panes, windows }
    }
}

impl<T, K, W, R, F> Windows<T, K, W, R, F>
where
    T: Record + Clone,
    K: Key,
    W: WindowAssigner<T>,
    R: Trigger<T>,
    F: WindowFunction<T, K>,
{
    /// Adds a record to its windows; whether there is one that takes it.
    fn add<D: Down<F::Out>>(
        &mut self,
        panes: &mut Panes<F::Contents, R::State>,
        record: T,
        time: i64,
        call: &mut Call<'_, K, D>,
    ) -> bool {
        if let Keeping::Slices(slices) = self.rules.keeping {
            return self.add_to_slice(panes, (record, time), slices, call);
        }
        let watermark = call.shared.watermark();
        let merges = self.rules.assigner.merges();
        let mut windows = std::mem::take(&mut self.assigned);
        windows.clear();
        self.rules.assigner.assign(&record, time, &mut windows);
        let (mut taken, mut record) = (false, Some(record));
        for (index, &window) in windows.iter().enumerate() {
            let found = match merges {
                true => self.merge(panes, window, call),
                false if self.rules.is_late(window, watermark) => None,
                false => Some(open(panes, window)),
            };
            let Some((pane, is_new)) = found else {
                continue;
            };
            taken = true;
            let is_last = index + 1 == windows.len();
            let record = match is_last {
                true => record.take(),
                false => record.clone(),
            };
            let Some(record) = record else { continue };
            self.element(&mut panes[pane], record, (time, is_new), call);
        }
        self.assigned = windows;
        taken
    }

    fn element<D: Down<F::Out>>(
        &mut self,
        pane: &mut Pane<F::Contents, R::State>,
        record: T,
        (time, is_new): (i64, bool),
        call: &mut Call<'_, K, D>,
    ) {
        let window = pane.window;
        let mut cx = TriggerContext {
            state: &mut pane.trigger,
            window,
            is_new,
            watermark: call.shared.watermark(),
            timers: &mut self.timers,
        };
        let result = self.trigger.on_element(&record, time, &mut cx);
        self.function.add(&mut pane.contents, record, time);
        if is_new {
            self.clean_up_later(window);
        }
        self.apply_timers(window, call);
        self.act(result, pane, call);
    }

    /// The window that a new one becomes, with those that it meets; none if it is too late for it.
    fn merge<D>(
        &mut self,
        panes: &mut Panes<F::Contents, R::State>,
        new: Window,
        call: &Call<'_, K, D>,
    ) -> Option<(usize, bool)> {
        let meeting = || {
            panes
                .iter()
                .map(|pane| pane.window)
                .filter(|it| it.meets(new))
        };
        let merged = meeting().fold(new, Window::cover);
        let watermark = call.shared.watermark();
        if self.rules.is_late(merged, watermark) {
            return None;
        }
        if let Some(index) = panes.iter().position(|pane| pane.window == merged) {
            return Some((index, false));
        }
        let (gone, kept): (Panes<_, _>, Panes<_, _>) = std::mem::take(panes)
            .into_iter()
            .partition(|pane| pane.window.meets(new));
        *panes = kept;
        let (mut contents, mut states) = (None, Vec::new());
        for pane in gone {
            if self.rules.keeping == Keeping::Each {
                self.timers_of(pane.window, true);
                self.apply_timers(pane.window, call);
            }
            if let Some(part) = pane.contents {
                self.function.merge(&mut contents, part);
            }
            states.push(pane.trigger);
        }
        let is_new = states.is_empty();
        let trigger = match is_new {
            true => R::State::default(),
            false => states.remove(0),
        };
        panes.push(Pane {
            window: merged,
            contents,
            trigger,
        });
        if !is_new && self.rules.keeping == Keeping::Each {
            let index = panes.len() - 1;
            let mut cx = TriggerContext {
                state: &mut panes[index].trigger,
                window: merged,
                is_new: false,
                watermark,
                timers: &mut self.timers,
            };
            self.trigger.on_merge(states, &mut cx);
            self.clean_up_later(merged);
            self.apply_timers(merged, call);
        }
        Some((panes.len() - 1, is_new))
    }

    /// Lets the contents of a window come out, or go.
    fn act<D: Down<F::Out>>(
        &mut self,
        result: TriggerResult,
        pane: &mut Pane<F::Contents, R::State>,
        call: &mut Call<'_, K, D>,
    ) {
        if result.fires()
            && let Some(contents) = &mut pane.contents
        {
            self.fire(pane.window, contents, call);
        }
        if result.purges() {
            pane.contents = None;
        }
    }

    /// Lets contents come out, as records of the end of the window.
    pub(super) fn fire<D: Down<F::Out>>(
        &mut self,
        window: Window,
        contents: &mut F::Contents,
        call: &mut Call<'_, K, D>,
    ) {
        let known = call.shared.timestamp();
        call.shared.set_timestamp(window.max_timestamp());
        if let Err(error) = self.function.fire((call.key, window), contents, call.down) {
            call.shared.fail_user(&error);
        }
        call.shared.set_timestamp(known);
    }

    fn clean_up_later(&mut self, window: Window) {
        let Some(time) = self.rules.cleanup(window) else {
            return;
        };
        let domain = self.rules.domain;
        let timer = (Timer { domain, time }, false);
        // Often the trigger's timer is the same.
        if !self.timers.contains(&timer) {
            self.timers.push(timer);
        }
    }

    /// The timers of the end of a window, and of when it goes.
    fn timers_of(&mut self, window: Window, deletes: bool) {
        let domain = self.rules.domain;
        let times = [Some(window.max_timestamp()), self.rules.cleanup(window)];
        for time in times.into_iter().flatten() {
            self.timers.push((Timer { domain, time }, deletes));
        }
    }

    pub(super) fn apply_timers<D>(&mut self, window: Window, call: &Call<'_, K, D>) {
        for (timer, deletes) in self.timers.drain(..) {
            let key = |out: &mut Vec<u8>| to_postcard(call.key, out);
            call.shared.timer(timer, deletes, key, &window.to_bytes());
        }
    }

    fn timer_of<D: Down<F::Out>>(
        &mut self,
        panes: &mut Panes<F::Contents, R::State>,
        (timer, window): (Timer, Window),
        call: &mut Call<'_, K, D>,
    ) {
        if let Keeping::Slices(slices) = self.rules.keeping {
            return self.fire_slices(panes, window, slices, call);
        }
        let Some(index) = panes.iter().position(|pane| pane.window == window) else {
            return self.put_off(panes, window, call);
        };
        let mut cx = TriggerContext {
            state: &mut panes[index].trigger,
            window,
            is_new: false,
            watermark: call.shared.watermark(),
            timers: &mut self.timers,
        };
        let result = self.trigger.on_timer(timer, &mut cx);
        self.act(result, &mut panes[index], call);
        let is_over = self.rules.cleanup(window) == Some(timer.time);
        if is_over && timer.domain == self.rules.domain {
            panes.remove(index);
            self.timers.clear();
        }
        self.apply_timers(window, call);
    }

    /// A window's timer fires, and the window is not there: if it has become part of another, that has the
    /// timer from now on.
    fn put_off<D>(
        &mut self,
        panes: &Panes<F::Contents, R::State>,
        window: Window,
        call: &Call<'_, K, D>,
    ) {
        if !self.rules.assigner.merges() {
            return;
        }
        let covers = |known: &Window| known.cover(window) == *known;
        let mut windows = panes.iter().map(|pane| pane.window);
        if let Some(grown) = windows.find(covers) {
            self.timers_of(grown, false);
            self.apply_timers(grown, call);
        }
    }
}

/// The pane of a window, made if it is not there; whether it was.
fn open<C, R: Default>(panes: &mut Panes<C, R>, window: Window) -> (usize, bool) {
    // Usually the latest.
    if let Some(index) = panes.iter().rposition(|pane| pane.window == window) {
        return (index, false);
    }
    panes.push(Pane {
        window,
        contents: None,
        trigger: R::default(),
    });
    (panes.len() - 1, true)
}

impl<T, K, W, R, F> KeyedLogic<T, K> for WindowLogic<T, K, W, R, F>
where
    T: Record + Clone,
    K: Key,
    W: WindowAssigner<T>,
    R: Trigger<T>,
    F: WindowFunction<T, K>,
{
    type Out = F::Out;

    fn element<D: Down<F::Out>>(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let timestamp = shared.timestamp();
        let rules = &self.windows.rules;
        let time = match rules.domain {
            TimeDomain::Event => timestamp,
            TimeDomain::Processing => host::now(),
        };
        if time == NO_TIMESTAMP && rules.assigner.needs_time() {
            return shared.fail_user(&anyhow::anyhow!(
                "a record without a timestamp has come to a window of event time; put \
                 `assign_timestamps_and_watermarks` before it"
            ));
        }
        let late = rules.late.as_ref();
        let late = late.map(|late| (late.clone(), record.clone()));
        let mut call = Call {
            key: cx.key(),
            shared,
            down,
        };
        let windows = &mut self.windows;
        let outcome = self.panes.entry(|value| {
            let panes = value.get_or_insert_default();
            let taken = windows.add(panes, record, time, &mut call);
            if panes.is_empty() {
                *value = None;
            }
            taken
        });
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                let rules = &self.windows.rules;
                let last = timestamp.saturating_add(rules.lateness);
                let is_late = rules.domain == TimeDomain::Event && last <= shared.watermark();
                match late {
                    _ if !is_late => {}
                    Some((late, record)) => cx.side(&late, record),
                    None => shared.dropped_late(),
                }
            }
            Err(error) => shared.fail_user(&error),
        }
    }

    fn timer<D: Down<F::Out>>(
        &mut self,
        fired: Fired<'_>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let Some(window) = Window::from_bytes(fired.namespace) else {
            return shared.fail_user(&anyhow::anyhow!("a timer fires that is of no window"));
        };
        let mut call = Call {
            key: cx.key(),
            shared,
            down,
        };
        let windows = &mut self.windows;
        let outcome = self.panes.entry(|value| {
            let Some(panes) = value else { return };
            windows.timer_of(panes, (fired.timer, window), &mut call);
            if panes.is_empty() {
                *value = None;
            }
        });
        if let Err(error) = outcome {
            shared.fail_user(&error);
        }
    }
}
