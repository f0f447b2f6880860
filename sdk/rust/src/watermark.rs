//! Watermarks: how a stream gets its event time (semantics §1.12–17).
//!
//! [`WatermarkStrategy`] is what a program says; the stage of
//! [`Stream::assign_timestamps_and_watermarks`](crate::Stream::assign_timestamps_and_watermarks) is at
//! work here, and `Makers` combines those of one chain. Invariant: a watermark follows the records that
//! it speaks of, and the watermarks of a chain increase strictly.

mod assign;
mod idle;

use std::time::Duration;

use crate::time::as_millis;

pub use assign::{AssignTimestamps, Assigning};

/// How often watermarks are made when the program does not say.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// Says how event time passes: where timestamps come from, and which watermarks follow.
///
/// ```
/// use wasmill::prelude::*;
/// use wasmill::time::secs;
///
/// fn job(env: &Env) -> Result<()> {
///     let clicks = env.source(File::csv("clicks"));
///     let strategy = WatermarkStrategy::bounded_out_of_orderness(secs(5))
///         .timestamps(|(_, at): &(String, i64)| *at)
///         .idle_after(secs(60));
///     clicks.assign_timestamps_and_watermarks(strategy).sink(File::csv("out"));
///     Ok(())
/// }
/// # let graph = wasmill::testing::describe(job, &[]).unwrap();
/// # assert_eq!(graph.operators[1].name, "Timestamps/Watermarks");
/// ```
#[derive(Debug, Clone)]
pub struct WatermarkStrategy<F = KeepTimestamps, G = BoundedOutOfOrderness> {
    timestamps: F,
    generator: G,
    idle_after: Option<Duration>,
    interval: Duration,
}

impl WatermarkStrategy {
    /// Records come in the order of their time; each may equal the one before.
    pub fn monotonous() -> Self {
        Self::bounded_out_of_orderness(Duration::ZERO)
    }

    /// A record comes at most this much later than one with a later time.
    pub fn bounded_out_of_orderness(bound: Duration) -> Self {
        Self::with(BoundedOutOfOrderness {
            bound: as_millis(bound),
            latest: i64::MIN,
        })
    }
}

impl WatermarkStrategy<KeepTimestamps, NoWatermarks> {
    /// No watermarks: windows of event time fire at the end of the input.
    pub fn no_watermarks() -> Self {
        Self {
            interval: Duration::ZERO,
            ..Self::with(NoWatermarks)
        }
    }
}

impl<G> WatermarkStrategy<KeepTimestamps, G> {
    /// Watermarks of the program's own; see [`WatermarkGenerator`].
    pub fn with(generator: G) -> Self {
        Self {
            timestamps: KeepTimestamps,
            generator,
            idle_after: None,
            interval: INTERVAL,
        }
    }
}

impl<F, G> WatermarkStrategy<F, G> {
    /// Takes each record's time, in milliseconds since the epoch, out of the record. Without this it keeps
    /// the one that it came with.
    pub fn timestamps<E>(self, extract: E) -> WatermarkStrategy<Extract<E>, G> {
        WatermarkStrategy {
            timestamps: Extract(extract),
            generator: self.generator,
            idle_after: self.idle_after,
            interval: self.interval,
        }
    }

    /// A subtask without records for longer than this does not hold back the others' event time. Time
    /// during which it could not send does not count.
    #[must_use]
    pub fn idle_after(mut self, timeout: Duration) -> Self {
        self.idle_after = Some(timeout);
        self
    }

    /// How often watermarks are made; 200 ms when nothing is said, and zero leaves only those that
    /// [`WatermarkGenerator::on_event`] returns.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The interval in the graph, in milliseconds.
    pub(crate) fn interval_millis(&self) -> u32 {
        u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX)
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let is_zero = self.idle_after.is_some_and(|timeout| timeout.is_zero());
        is_zero.then_some("`idle_after` is zero; give a timeout of at least a millisecond")
    }
}

/// Says when a record happened.
pub trait TimestampAssigner<T>: 'static {
    /// The record's time; `known` is the one that it came with, if any.
    fn timestamp(&mut self, record: &T, known: i64) -> i64;
}

/// Records keep the timestamps that they came with.
#[derive(Debug, Clone, Copy)]
pub struct KeepTimestamps;

impl<T> TimestampAssigner<T> for KeepTimestamps {
    #[inline]
    fn timestamp(&mut self, _: &T, known: i64) -> i64 {
        known
    }
}

/// Timestamps that a function takes out of the records.
#[derive(Debug, Clone, Copy)]
pub struct Extract<E>(E);

impl<T, E: FnMut(&T) -> i64 + 'static> TimestampAssigner<T> for Extract<E> {
    #[inline]
    fn timestamp(&mut self, record: &T, _: i64) -> i64 {
        (self.0)(record)
    }
}

/// Makes watermarks from what it sees. Each split of a source has one of its own, a clone of the first; the
/// least of theirs counts (semantics §1.10).
///
/// ```
/// use wasmill::WatermarkGenerator;
///
/// /// A record may say that everything before it has come.
/// #[derive(Clone)]
/// struct AtMarkers;
///
/// impl WatermarkGenerator<(bool, i64)> for AtMarkers {
///     fn on_event(&mut self, (is_marker, _): &(bool, i64), timestamp: i64) -> Option<i64> {
///         is_marker.then_some(timestamp)
///     }
///
///     fn on_probe(&mut self) -> Option<i64> {
///         None
///     }
/// }
/// # assert_eq!(AtMarkers.on_event(&(true, 5), 5), Some(5));
/// ```
pub trait WatermarkGenerator<T>: Clone + 'static {
    /// Sees a record; may return a watermark, which follows the record at once.
    fn on_event(&mut self, record: &T, timestamp: i64) -> Option<i64>;

    /// Is asked from time to time. One that does not exceed the last counts for nothing.
    fn on_probe(&mut self) -> Option<i64>;
}

/// See [`WatermarkStrategy::bounded_out_of_orderness`].
#[derive(Debug, Clone, Copy)]
pub struct BoundedOutOfOrderness {
    bound: i64,
    latest: i64,
}

impl<T> WatermarkGenerator<T> for BoundedOutOfOrderness {
    #[inline]
    fn on_event(&mut self, _: &T, timestamp: i64) -> Option<i64> {
        self.latest = self.latest.max(timestamp);
        None
    }

    fn on_probe(&mut self) -> Option<i64> {
        let has_seen = self.latest != i64::MIN;
        has_seen.then(|| self.latest.saturating_sub(self.bound).saturating_sub(1))
    }
}

/// See [`WatermarkStrategy::no_watermarks`].
#[derive(Debug, Clone, Copy)]
pub struct NoWatermarks;

impl<T> WatermarkGenerator<T> for NoWatermarks {
    #[inline]
    fn on_event(&mut self, _: &T, _: i64) -> Option<i64> {
        None
    }

    fn on_probe(&mut self) -> Option<i64> {
        None
    }
}

/// The operators of a chain that make watermarks, combined (semantics §1.10). Usually there is one.
#[derive(Default)]
pub(crate) struct Makers {
    parts: Vec<Part>,
    emitted: Option<i64>,
    is_idle: bool,
}

#[derive(Clone, Copy)]
struct Part {
    watermark: i64,
    is_idle: bool,
}

/// What a chain says about its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Watermark(i64),
    Idle,
}

impl Makers {
    pub(crate) fn add(&mut self) -> usize {
        let (watermark, is_idle) = (i64::MIN, false);
        self.parts.push(Part { watermark, is_idle });
        self.parts.len() - 1
    }

    /// An operator has made a watermark.
    pub(crate) fn watermark(&mut self, maker: usize, time: i64) -> Option<Said> {
        let part = &mut self.parts[maker];
        part.is_idle = false;
        part.watermark = part.watermark.max(time);
        self.advance()
    }

    /// An operator has had no records for long, or has some again.
    pub(crate) fn set_idle(&mut self, maker: usize, is_idle: bool) -> Option<Said> {
        self.parts[maker].is_idle = is_idle;
        let all = self.parts.iter().all(|part| part.is_idle);
        if all && !std::mem::replace(&mut self.is_idle, all) {
            return Some(Said::Idle);
        }
        self.is_idle = all;
        self.advance()
    }

    fn advance(&mut self) -> Option<Said> {
        let active = self.parts.iter().filter(|part| !part.is_idle);
        let time = active.map(|part| part.watermark).min()?;
        if time == i64::MIN || self.emitted.is_some_and(|emitted| time <= emitted) {
            return None;
        }
        (self.emitted, self.is_idle) = (Some(time), false);
        Some(Said::Watermark(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_trails_the_latest_record_by_the_bound_and_one() {
        let WatermarkStrategy { mut generator, .. } =
            WatermarkStrategy::bounded_out_of_orderness(Duration::from_millis(3));
        let probe = WatermarkGenerator::<()>::on_probe;
        assert_eq!(probe(&mut generator), None);
        for (time, expected) in [(10, 6), (8, 6), (12, 8), (i64::MIN + 1, 8)] {
            assert_eq!(generator.on_event(&(), time), None);
            assert_eq!(probe(&mut generator), Some(expected), "after {time}");
        }
    }

    #[test]
    fn several_operators_of_a_chain_say_the_least_of_those_that_are_not_idle() {
        let mut makers = Makers::default();
        let (a, b) = (makers.add(), makers.add());
        assert_eq!(makers.watermark(a, 5), None);
        assert_eq!(makers.watermark(b, 3), Some(Said::Watermark(3)));
        assert_eq!(makers.watermark(b, 2), None);
        assert_eq!(makers.set_idle(b, true), Some(Said::Watermark(5)));
        assert_eq!(makers.set_idle(a, true), Some(Said::Idle));
        assert_eq!(makers.set_idle(a, true), None);
        assert_eq!(makers.watermark(b, 4), None);
        assert_eq!(makers.watermark(b, 9), Some(Said::Watermark(9)));
    }
}
