//! Which windows a record belongs to (semantics §3.1–3.7).

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slices::Slices;
use super::trigger::{EventTime, Never, ProcessingTime, Trigger};
use crate::time::as_millis;
use crate::timers::TimeDomain;

/// A span of time, from `start` to before `end`, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first millisecond.
    pub start: i64,
    /// The millisecond after the last.
    pub end: i64,
}

impl Window {
    /// All time: the window of [`Global`].
    pub const ALL: Self = Self {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// The last millisecond; that of all time is `i64::MAX`.
    #[inline]
    pub const fn max_timestamp(self) -> i64 {
        match self.end {
            i64::MAX => i64::MAX,
            end => end - 1,
        }
    }

    /// Whether the windows have a millisecond in common, or touch.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    pub(crate) fn cover(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The window as the namespace of its timers.
    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let both =
            u128::from(self.start.cast_unsigned()) << 64 | u128::from(self.end.cast_unsigned());
        both.to_be_bytes()
    }

    /// The window of a timer.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let both = u128::from_be_bytes(bytes.try_into().ok()?);
        Some(Self {
            start: ((both >> 64) as u64).cast_signed(),
            end: (both as u64).cast_signed(),
        })
    }
}

/// Says which windows a record belongs to.
pub trait WindowAssigner<T>: 'static {
    /// Fires its windows when the program says nothing else.
    type DefaultTrigger: Trigger<T>;

    /// The clock of its windows.
    fn domain(&self) -> TimeDomain;

    /// Whether windows that meet become one.
    fn merges(&self) -> bool {
        false
    }

    /// Whether records need a time to belong to a window.
    fn needs_time(&self) -> bool {
        true
    }

    /// The parts that windows which overlap share.
    fn slices(&self) -> Option<Slices> {
        None
    }

    /// Appends the windows of a record; `time` is its timestamp, or the clock's where the windows are of
    /// processing time.
    fn assign(&mut self, record: &T, time: i64, windows: &mut Vec<Window>);

    /// What fires its windows when the program says nothing else.
    fn default_trigger(&self) -> Self::DefaultTrigger;

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Windows of one length that follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Tumbling<C = OfEventTime>(Spans<C>);

/// Windows of one length that start at even distances, and so overlap or leave gaps.
///
/// When the length is a multiple of the distance, what `reduce` and `aggregate` fold is kept once for all
/// windows that overlap, in slices as long as the distance, and put together in the order of time when a window
/// comes out. So the function must give the same whichever neighbours are folded first, and a record costs as
/// much as with [`Tumbling`] windows.
/// Windows with a trigger of their own or with [`allowed_lateness`](super::WindowedStream::allowed_lateness) are
/// kept each by itself.
#[derive(Debug, Clone, Copy)]
pub struct Sliding<C = OfEventTime>(Spans<C>);

#[derive(Debug, Clone, Copy)]
struct Spans<C> {
    size: i64,
    slide: i64,
    offset: i64,
    /// A start of a window: that of the one that was asked for last, most likely.
    recent: i64,
    clock: PhantomData<C>,
}

/// The clock of windows: event time or processing time.
pub trait WindowClock: Copy + 'static {
    /// The clock.
    const DOMAIN: TimeDomain;
    /// Fires at the end of a window.
    type AtEnd: Default + Copy + 'static;
}

/// Windows of event time.
#[derive(Debug, Clone, Copy)]
pub struct OfEventTime;

/// Windows of processing time.
#[derive(Debug, Clone, Copy)]
pub struct OfProcessingTime;

impl WindowClock for OfEventTime {
    const DOMAIN: TimeDomain = TimeDomain::Event;
    type AtEnd = EventTime;
}

impl WindowClock for OfProcessingTime {
    const DOMAIN: TimeDomain = TimeDomain::Processing;
    type AtEnd = ProcessingTime;
}

impl Tumbling {
    /// Windows of event time of this length.
    pub fn of(size: Duration) -> Self {
        let size = as_millis(size);
        Self(Spans::new(size, size))
    }

    /// Windows of processing time.
    pub fn processing_time(self) -> Tumbling<OfProcessingTime> {
        Tumbling(self.0.at())
    }
}

impl Sliding {
    /// Windows of event time of this length, one of which starts each `slide`.
    pub fn of(size: Duration, slide: Duration) -> Self {
        Self(Spans::new(as_millis(size), as_millis(slide)))
    }

    /// Windows of processing time.
    pub fn processing_time(self) -> Sliding<OfProcessingTime> {
        Sliding(self.0.at())
    }
}

impl<C> Tumbling<C> {
    /// Windows start so many milliseconds after the full multiples of their length; less than that.
    #[must_use]
    pub fn offset(mut self, millis: i64) -> Self {
        self.0.offset = millis;
        self.0.recent = millis;
        self
    }
}

impl<C> Sliding<C> {
    /// Windows start so many milliseconds after the full multiples of the slide; less than that.
    #[must_use]
    pub fn offset(mut self, millis: i64) -> Self {
        self.0.offset = millis;
        self.0.recent = millis;
        self
    }
}

impl Spans<OfEventTime> {
    fn new(size: i64, slide: i64) -> Self {
        Self {
            size,
            slide,
            offset: 0,
            recent: 0,
            clock: PhantomData,
        }
    }

    fn at<C>(self) -> Spans<C> {
        Spans {
            size: self.size,
            slide: self.slide,
            offset: self.offset,
            recent: self.offset,
            clock: PhantomData,
        }
    }
}

impl<C> Spans<C> {
    /// The start of the last window that a time belongs to, or would without gaps.
    #[inline]
    fn last_start(&mut self, time: i64) -> i64 {
        let since = time.wrapping_sub(self.recent).cast_unsigned();
        // A division takes longer than the rest.
        if time < self.recent || since >= self.slide.cast_unsigned() {
            let since = time.wrapping_sub(self.offset).rem_euclid(self.slide);
            self.recent = time.saturating_sub(since);
        }
        self.recent
    }

    #[inline]
    fn assign(&mut self, time: i64, windows: &mut Vec<Window>) {
        let mut start = self.last_start(time);
        while start > time.saturating_sub(self.size) {
            let end = start.saturating_add(self.size);
            windows.push(Window { start, end });
            let Some(before) = start.checked_sub(self.slide) else {
                return;
            };
            start = before;
        }
    }

    fn problem(&self) -> Option<String> {
        if self.size <= 0 || self.slide <= 0 {
            return Some("a window of no length; give it at least a millisecond".to_owned());
        }
        let (offset, slide) = (self.offset, self.slide);
        (offset.unsigned_abs() >= slide.unsigned_abs()).then(|| {
            format!("windows are offset by {offset} ms and start each {slide} ms; the offset must be less")
        })
    }
}

impl<T: 'static, C: WindowClock> WindowAssigner<T> for Tumbling<C>
where
    C::AtEnd: Trigger<T>,
{
    type DefaultTrigger = C::AtEnd;

    fn domain(&self) -> TimeDomain {
        C::DOMAIN
    }

    #[inline]
    fn assign(&mut self, _: &T, time: i64, windows: &mut Vec<Window>) {
        let start = self.0.last_start(time);
        let end = start.saturating_add(self.0.size);
        windows.push(Window { start, end });
    }

    fn default_trigger(&self) -> C::AtEnd {
        C::AtEnd::default()
    }

    fn problem(&self) -> Option<String> {
        self.0.problem()
    }
}

impl<T: 'static, C: WindowClock> WindowAssigner<T> for Sliding<C>
where
    C::AtEnd: Trigger<T>,
{
    type DefaultTrigger = C::AtEnd;

    fn domain(&self) -> TimeDomain {
        C::DOMAIN
    }

    fn assign(&mut self, _: &T, time: i64, windows: &mut Vec<Window>) {
        self.0.assign(time, windows);
    }

    fn slices(&self) -> Option<Slices> {
        Slices::of(self.0.size, self.0.slide, self.0.offset)
    }

    fn default_trigger(&self) -> C::AtEnd {
        C::AtEnd::default()
    }

    fn problem(&self) -> Option<String> {
        self.0.problem()
    }
}

/// Windows that last until there was no record of their key for a while.
#[derive(Debug, Clone, Copy)]
pub struct Session<G = Duration, C = OfEventTime> {
    gap: G,
    clock: PhantomData<C>,
}

/// How long there must be no record after one.
pub trait Gap<T>: 'static {
    /// In milliseconds.
    fn after(&mut self, record: &T) -> i64;

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        None
    }
}

impl<T> Gap<T> for Duration {
    fn after(&mut self, _: &T) -> i64 {
        as_millis(*self)
    }

    fn problem(&self) -> Option<String> {
        let is_zero = as_millis(*self) == 0;
        is_zero.then(|| "a session gap of zero; give it at least a millisecond".to_owned())
    }
}

/// A gap that depends on the record.
#[derive(Debug, Clone, Copy)]
pub struct DynamicGap<F>(F);

impl<T, F: FnMut(&T) -> Duration + 'static> Gap<T> for DynamicGap<F> {
    fn after(&mut self, record: &T) -> i64 {
        as_millis((self.0)(record))
    }
}

impl Session {
    /// Sessions of event time that end when there was no record for `gap`.
    pub fn with_gap(gap: Duration) -> Self {
        let clock = PhantomData;
        Self { gap, clock }
    }
}

impl<F> Session<DynamicGap<F>> {
    /// Sessions of event time with a gap that a function takes from each record; at least a millisecond.
    pub fn with_dynamic_gap(gap: F) -> Self {
        let (gap, clock) = (DynamicGap(gap), PhantomData);
        Self { gap, clock }
    }
}

impl<G> Session<G> {
    /// Sessions of processing time.
    pub fn processing_time(self) -> Session<G, OfProcessingTime> {
        let (gap, clock) = (self.gap, PhantomData);
        Session { gap, clock }
    }
}

impl<T: 'static, G: Gap<T>, C: WindowClock> WindowAssigner<T> for Session<G, C>
where
    C::AtEnd: Trigger<T>,
{
    type DefaultTrigger = C::AtEnd;

    fn domain(&self) -> TimeDomain {
        C::DOMAIN
    }

    fn merges(&self) -> bool {
        true
    }

    fn assign(&mut self, record: &T, time: i64, windows: &mut Vec<Window>) {
        let gap = self.gap.after(record).max(1);
        let end = time.saturating_add(gap);
        windows.push(Window { start: time, end });
    }

    fn default_trigger(&self) -> C::AtEnd {
        C::AtEnd::default()
    }

    fn problem(&self) -> Option<String> {
        self.gap.problem()
    }
}

/// One window of all time, which fires only where a trigger says so.
#[derive(Debug, Clone, Copy)]
pub struct Global;

impl<T: 'static> WindowAssigner<T> for Global {
    type DefaultTrigger = Never;

    fn domain(&self) -> TimeDomain {
        TimeDomain::Event
    }

    fn needs_time(&self) -> bool {
        false
    }

    #[inline]
    fn assign(&mut self, _: &T, _: i64, windows: &mut Vec<Window>) {
        windows.push(Window::ALL);
    }

    fn default_trigger(&self) -> Never {
        Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(mut assigner: impl WindowAssigner<()>, time: i64) -> Vec<(i64, i64)> {
        let mut windows = Vec::new();
        assigner.assign(&(), time, &mut windows);
        windows.iter().map(|it| (it.start, it.end)).collect()
    }

    #[test]
    fn tumbling_windows_start_at_multiples_of_their_length_also_before_the_epoch() {
        let of = |millis| Tumbling::of(Duration::from_millis(millis));
        for (time, offset, expected) in [
            (0, 0, (0, 10)),
            (9, 0, (0, 10)),
            (10, 0, (10, 20)),
            (-1, 0, (-10, 0)),
            (-10, 0, (-10, 0)),
            (4, 5, (-5, 5)),
            (5, 5, (5, 15)),
            (4, -3, (-3, 7)),
        ] {
            assert_eq!(windows(of(10).offset(offset), time), [expected], "{time}");
        }
    }

    #[test]
    fn sliding_windows_are_all_that_hold_the_time() {
        let of = |size, slide| {
            let millis = Duration::from_millis;
            Sliding::of(millis(size), millis(slide))
        };
        assert_eq!(windows(of(10, 5), 7), [(5, 15), (0, 10)]);
        assert_eq!(windows(of(10, 5), -1), [(-5, 5), (-10, 0)]);
        assert_eq!(windows(of(10, 4), 9), [(8, 18), (4, 14), (0, 10)]);
        // With gaps between windows.
        assert_eq!(windows(of(2, 5), 6), [(5, 7)]);
        assert_eq!(windows(of(2, 5), 8), []);
    }

    #[test]
    fn windows_that_make_no_sense_are_told() {
        let problem = |assigner: &dyn Fn() -> Option<String>| assigner().unwrap();
        let zero = Duration::ZERO;
        let text = problem(&|| WindowAssigner::<()>::problem(&Tumbling::of(zero)));
        assert!(text.contains("no length"), "{text}");
        let offset = Tumbling::of(Duration::from_millis(5)).offset(-5);
        let text = problem(&|| WindowAssigner::<()>::problem(&offset));
        assert!(text.contains("the offset must be less"), "{text}");
        let text = problem(&|| WindowAssigner::<()>::problem(&Session::with_gap(zero)));
        assert!(text.contains("a session gap of zero"), "{text}");
    }

    #[test]
    fn a_window_comes_back_from_the_namespace_of_its_timers() {
        for (start, end) in [(0, 10), (-10, 0), (i64::MIN, i64::MAX)] {
            let window = Window { start, end };
            assert_eq!(Window::from_bytes(&window.to_bytes()), Some(window));
        }
        assert_eq!(Window::from_bytes(b"short"), None);
    }
}
