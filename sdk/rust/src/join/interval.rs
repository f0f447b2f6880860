//! The interval join (semantics §3.22).

use std::marker::PhantomData;

use anyhow::Result;

use super::buffer::{self, ByTime};
use crate::codec::Record;
use crate::connect::{Either, PairSelector, Together};
use crate::keyed::{Key, KeySelector, Keyed, KeyedLogic};
use crate::pipe::{Down, Upstream};
use crate::process::{KeyedContext, SideOutput};
use crate::runtime::{NO_TIMESTAMP, Shared};
use crate::state::ValueState;
use crate::stream::Collector;
use crate::timers::{Fired, TimeDomain};

/// Joins each record of the left stream with those of the right that are near it in time:
/// [`KeyedStream::interval_join`](crate::KeyedStream::interval_join) makes it.
///
/// A left and a right record of one key are a pair when the right one's time is from `left + lower` to
/// `left + upper`, both included unless the program says otherwise; a pair has the later time of the two. A record
/// that comes when the watermark has passed its time is late, and joined with nothing. Records are kept as long as
/// a partner can come in time.
///
/// ```
/// use wasmill::prelude::*;
///
/// /// Order, time in milliseconds.
/// type Event = (u64, i64);
///
/// fn shipped_soon(env: &Env) -> Result<()> {
///     let timed = || WatermarkStrategy::monotonous().timestamps(|event: &Event| event.1);
///     let orders = env.source(File::csv("orders")).name("orders");
///     let shipments = env.source(File::csv("shipments")).name("shipments");
///     let orders = orders.assign_timestamps_and_watermarks(timed()).key_by(|order| order.0);
///     let shipments = shipments.assign_timestamps_and_watermarks(timed()).key_by(|it| it.0);
///     orders
///         .interval_join(shipments)
///         .between(0, 3_600_000)
///         .apply(|order, shipment, out| {
///             out.emit((order.0, shipment.1 - order.1));
///             Ok(())
///         })
///         .sink(File::csv("out"));
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(shipped_soon)
///     .input("orders", [(1, 0), (2, 10)])
///     .input("shipments", [(1, 500), (2, 3_600_011)])
///     .run()?;
/// assert_eq!(outcome.lines("Sink: file"), ["1,500"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct IntervalJoin<A, U, S, B, V, Z> {
    both: Together<A, U, S, B, V, Z>,
    lower: i64,
    upper: i64,
    late_left: Option<SideOutput<A>>,
    late_right: Option<SideOutput<B>>,
}

impl<A, U, S, B, V, Z> std::fmt::Debug for IntervalJoin<A, U, S, B, V, Z> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntervalJoin")
            .field("lower", &self.lower)
            .field("upper", &self.upper)
            .finish_non_exhaustive()
    }
}

/// What [`IntervalJoin::apply`] makes.
pub type IntervalJoined<A, S, B, Z, F, O> =
    Keyed<Either<A, B>, PairSelector<S, Z>, IntervalLogic<A, B, F, O>>;

impl<A, U, S, B, V, Z> IntervalJoin<A, U, S, B, V, Z>
where
    A: Record + Clone,
    U: Upstream<A>,
    S: KeySelector<A>,
    B: Record + Clone,
    V: Upstream<B>,
    Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
{
    pub(super) fn new(both: Together<A, U, S, B, V, Z>) -> Self {
        Self {
            both,
            lower: 0,
            upper: 0,
            late_left: None,
            late_right: None,
        }
    }

    /// How much later than the left record the right one may be, in milliseconds; negative is earlier. Without it
    /// both must have the same time.
    #[must_use]
    pub fn between(mut self, lower: i64, upper: i64) -> Self {
        (self.lower, self.upper) = (lower, upper);
        self
    }

    /// A right record that is exactly `lower` later is no partner.
    #[must_use]
    pub fn lower_bound_exclusive(mut self) -> Self {
        self.lower = self.lower.saturating_add(1);
        self
    }

    /// A right record that is exactly `upper` later is no partner.
    #[must_use]
    pub fn upper_bound_exclusive(mut self) -> Self {
        self.upper = self.upper.saturating_sub(1);
        self
    }

    /// Where late records of the left stream go. Without it they are counted in `numLateRecordsDropped`.
    #[must_use]
    pub fn late_left_to(mut self, late: &SideOutput<A>) -> Self {
        self.late_left = Some(late.clone());
        self
    }

    /// Where late records of the right stream go. Without it they are counted in `numLateRecordsDropped`.
    #[must_use]
    pub fn late_right_to(mut self, late: &SideOutput<B>) -> Self {
        self.late_right = Some(late.clone());
        self
    }

    /// Lets a function make what comes out of each pair.
    pub fn apply<O, F>(self, f: F) -> IntervalJoined<A, S, B, Z, F, O>
    where
        O: Record,
        F: FnMut(&A, &B, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        let (lower, upper) = (self.lower, self.upper);
        if lower > upper {
            self.both.env().mistake(format!(
                "an interval join from {lower} to {upper} ms has no pairs; give it a lower bound that is not above \
                 the upper one"
            ));
        }
        let late = (self.late_left, self.late_right);
        self.both.operator("Interval Join", |states| IntervalLogic {
            left: states.value("left"),
            right: states.value("right"),
            lower,
            upper,
            late,
            f,
            out: PhantomData,
        })
    }
}

/// See [`IntervalJoin`].
pub struct IntervalLogic<A, B, F, O> {
    left: ValueState<ByTime<A>>,
    right: ValueState<ByTime<B>>,
    lower: i64,
    upper: i64,
    late: (Option<SideOutput<A>>, Option<SideOutput<B>>),
    f: F,
    out: PhantomData<fn() -> O>,
}

impl<A, B, F, O> IntervalLogic<A, B, F, O>
where
    A: Record + Clone,
    B: Record + Clone,
    O: Record,
    F: FnMut(&A, &B, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    /// How long after its time a left and a right record can still be of use, in milliseconds.
    fn keep(&self) -> (i64, i64) {
        (self.upper.max(0), self.lower.saturating_neg().max(0))
    }

    fn add<K: Key, D: Down<O>>(
        &mut self,
        record: Either<A, B>,
        time: i64,
        (cx, shared, down): (&KeyedContext<'_, K>, &Shared, &mut D),
    ) -> Result<()> {
        let (keep_left, keep_right) = self.keep();
        let f = &mut self.f;
        let mut pair = |left: &A, right: &B, later: i64| {
            shared.set_timestamp(later);
            f(left, right, &mut Collector::new(down))
        };
        let keep = match record {
            Either::Left(left) => {
                let partners = time.saturating_add(self.lower)..=time.saturating_add(self.upper);
                buffer::each(&self.right, partners, |at, right| {
                    pair(&left, right, time.max(at))
                })?;
                buffer::add(&self.left, time, left)?;
                keep_left
            }
            Either::Right(right) => {
                let partners = time.saturating_sub(self.upper)..=time.saturating_sub(self.lower);
                buffer::each(&self.left, partners, |at, left| {
                    pair(left, &right, time.max(at))
                })?;
                buffer::add(&self.right, time, right)?;
                keep_right
            }
        };
        cx.register_timer(TimeDomain::Event, time.saturating_add(keep));
        Ok(())
    }

    fn late<K: Key>(&self, record: Either<A, B>, cx: &KeyedContext<'_, K>, shared: &Shared) {
        match (record, &self.late) {
            (Either::Left(record), (Some(late), _)) => cx.side(late, record),
            (Either::Right(record), (_, Some(late))) => cx.side(late, record),
            (Either::Left(_) | Either::Right(_), _) => shared.dropped_late(),
        }
    }
}

impl<A, B, K, F, O> KeyedLogic<Either<A, B>, K> for IntervalLogic<A, B, F, O>
where
    A: Record + Clone,
    B: Record + Clone,
    K: Key,
    O: Record,
    F: FnMut(&A, &B, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Out = O;

    fn element<D: Down<O>>(
        &mut self,
        record: Either<A, B>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let time = shared.timestamp();
        if time == NO_TIMESTAMP {
            return shared.fail_user(&anyhow::anyhow!(
                "a record without a timestamp has come to an interval join; put \
                 `assign_timestamps_and_watermarks` before it"
            ));
        }
        if time < shared.watermark() {
            return self.late(record, cx, shared);
        }
        if let Err(error) = self.add(record, time, (cx, shared, down)) {
            shared.fail_user(&error);
        }
    }

    fn timer<D: Down<O>>(
        &mut self,
        fired: Fired<'_>,
        _: &mut KeyedContext<'_, K>,
        shared: &Shared,
        _: &mut D,
    ) {
        let time = fired.timer.time;
        let (left, right) = self.keep();
        let gone = buffer::take_until(&self.left, time.saturating_sub(left)).map(drop);
        let gone = gone
            .and_then(|()| buffer::take_until(&self.right, time.saturating_sub(right)).map(drop));
        if let Err(error) = gone {
            shared.fail_user(&error);
        }
    }
}
