//! Windows that overlap, put together from slices that they share.
//!
//! A slice is as long as windows are apart, so a window is a few whole slices, and a record goes into one
//! slice whatever windows it belongs to. Invariants: the slices of a key are in the order of their time; for
//! each there is a timer of the first window that holds it and has not come out, and when that comes out the
//! next window gets its timer.

use super::assign::{Window, WindowAssigner};
use super::function::WindowFunction;
use super::logic::{Call, Pane, Panes, Windows};
use super::trigger::Trigger;
use crate::codec::Record;
use crate::keyed::Key;
use crate::pipe::Down;
use crate::timers::{TimeDomain, Timer};

/// How time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    /// The length of windows.
    size: i64,
    /// The length of slices.
    slide: i64,
    offset: i64,
}

impl Slices {
    /// The slices of windows of a length of which one starts each `slide`; none when windows do not overlap
    /// or are not whole slices.
    pub(super) fn of(size: i64, slide: i64, offset: i64) -> Option<Self> {
        let are_whole = slide > 0 && size > slide && size % slide == 0;
        are_whole.then_some(Self {
            size,
            slide,
            offset,
        })
    }

    fn slice_at(self, time: i64) -> Window {
        let since = time.wrapping_sub(self.offset).rem_euclid(self.slide);
        let start = time.saturating_sub(since);
        let end = start.saturating_add(self.slide);
        Window { start, end }
    }

    /// The first window that holds a slice and ends after `horizon`.
    fn first_window(self, slice: Window, horizon: i64) -> Option<Window> {
        let passed = horizon.saturating_sub(slice.end - 1);
        let skipped = match passed {
            0.. => passed / self.slide + 1,
            _ => 0,
        };
        let start = slice.end.saturating_sub(self.size);
        let start = start.saturating_add(skipped.saturating_mul(self.slide));
        (start <= slice.start).then(|| self.window_from(start))
    }

    fn window_from(self, start: i64) -> Window {
        let end = start.saturating_add(self.size);
        Window { start, end }
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
    /// Adds a record to its slice; whether a window takes it.
    pub(super) fn add_to_slice<D>(
        &mut self,
        panes: &mut Panes<F::Contents, R::State>,
        (record, time): (T, i64),
        slices: Slices,
        call: &Call<'_, K, D>,
    ) -> bool {
        let slice = slices.slice_at(time);
        let horizon = match self.rules.domain {
            TimeDomain::Event => call.shared.watermark(),
            TimeDomain::Processing => i64::MIN,
        };
        let Some(window) = slices.first_window(slice, horizon) else {
            return false;
        };
        // Usually it is the latest.
        let before = panes.iter().rposition(|pane| pane.window <= slice);
        if let Some(index) = before.filter(|index| panes[*index].window == slice) {
            self.function.add(&mut panes[index].contents, record, time);
            return true;
        }
        let mut others = panes.iter();
        if !others.any(|pane| slices.first_window(pane.window, horizon) == Some(window)) {
            self.fire_later(window, call);
        }
        let mut contents = None;
        self.function.add(&mut contents, record, time);
        let new = Pane {
            window: slice,
            contents,
            trigger: R::State::default(),
        };
        panes.insert(before.map_or(0, |index| index + 1), new);
        true
    }

    /// A window is at its end: what its slices hold comes out, and the slice that only it still needed goes.
    pub(super) fn fire_slices<D: Down<F::Out>>(
        &mut self,
        panes: &mut Panes<F::Contents, R::State>,
        window: Window,
        slices: Slices,
        call: &mut Call<'_, K, D>,
    ) {
        let mut contents = None;
        for pane in panes.iter() {
            let is_in = (window.start..window.end).contains(&pane.window.start);
            if let Some(part) = pane.contents.as_ref().filter(|_| is_in) {
                self.function.share(&mut contents, part);
            }
        }
        if let Some(contents) = &mut contents {
            self.fire(window, contents, call);
        }
        panes.retain(|pane| pane.window.start > window.start);
        if panes.iter().any(|pane| pane.window.start < window.end) {
            let next = slices.window_from(window.start.saturating_add(slices.slide));
            self.fire_later(next, call);
        }
    }

    fn fire_later<D>(&mut self, window: Window, call: &Call<'_, K, D>) {
        let (domain, time) = (self.rules.domain, window.max_timestamp());
        self.timers.push((Timer { domain, time }, false));
        self.apply_timers(window, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_belongs_to_the_windows_that_hold_it_and_are_not_over() {
        let slices = Slices::of(10, 2, 1).unwrap();
        let slice = slices.slice_at(6);
        assert_eq!(slice, Window { start: 5, end: 7 });
        let ends = |horizon| slices.first_window(slice, horizon).map(|it| it.end);
        for (horizon, expected) in [
            (i64::MIN, Some(7)),
            (5, Some(7)),
            (6, Some(9)),
            (7, Some(9)),
            (8, Some(11)),
            (13, Some(15)),
            (14, None),
            (i64::MAX, None),
        ] {
            assert_eq!(ends(horizon), expected, "{horizon}");
        }
    }

    #[test]
    fn only_windows_that_are_whole_slices_share_them() {
        for (size, slide, is_sliced) in [
            (10, 5, true),
            (10, 10, false),
            (10, 3, false),
            (10, 20, false),
            (10, 0, false),
        ] {
            assert_eq!(Slices::of(size, slide, 0).is_some(), is_sliced, "{slide}");
        }
    }
}
