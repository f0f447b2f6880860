//! The temporal join: records with the version of something that was valid at their time.

use std::collections::BTreeMap;
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

/// Joins each record of a stream with the version of a table that was valid at its time:
/// [`KeyedStream::temporal_join`](crate::KeyedStream::temporal_join) makes it.
///
/// A record of the table's stream is the version of its key from its own time on, until the next one's; of two of
/// one time the one that came last counts. A record waits until the watermark has passed its time, so that all
/// versions up to then have come, and comes out with its own timestamp. A record that comes after that is late. Of
/// each key the newest version that has become valid is kept for ever.
///
/// ```
/// use wasmill::prelude::*;
///
/// /// Currency, time in milliseconds, and an amount or a rate.
/// type Event = (String, i64, u64);
///
/// fn in_cents(env: &Env) -> Result<()> {
///     let timed = || WatermarkStrategy::monotonous().timestamps(|event: &Event| event.1);
///     let orders = env.source(File::csv("orders")).name("orders");
///     let rates = env.source(File::csv("rates")).name("rates");
///     let orders = orders.assign_timestamps_and_watermarks(timed()).key_by(|it| it.0.clone());
///     let rates = rates.assign_timestamps_and_watermarks(timed()).key_by(|it| it.0.clone());
///     orders
///         .temporal_join(rates)
///         .apply(|order, rate, out| {
///             out.emit((order.1, order.2 * rate.2));
///             Ok(())
///         })
///         .sink(File::csv("out"));
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(in_cents)
///     .input("orders", [("EUR", 5, 2), ("EUR", 10, 2), ("EUR", 19, 1), ("EUR", 20, 1)])
///     .input("rates", [("EUR", 10, 100), ("EUR", 20, 110)])
///     .run()?;
/// assert_eq!(outcome.lines("Sink: file"), ["10,200", "19,100", "20,110"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct TemporalJoin<A, U, S, B, V, Z> {
    both: Together<A, U, S, B, V, Z>,
    late: Option<SideOutput<A>>,
}

impl<A, U, S, B, V, Z> std::fmt::Debug for TemporalJoin<A, U, S, B, V, Z> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemporalJoin")
            .field("of", &self.both)
            .finish_non_exhaustive()
    }
}

/// What [`TemporalJoin::apply`] makes.
pub type TemporalJoined<A, S, B, Z, F, O> =
    Keyed<Either<A, B>, PairSelector<S, Z>, TemporalLogic<A, B, F, O>>;

impl<A, U, S, B, V, Z> TemporalJoin<A, U, S, B, V, Z>
where
    A: Record + Clone,
    U: Upstream<A>,
    S: KeySelector<A>,
    B: Record,
    V: Upstream<B>,
    Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
{
    pub(super) fn new(both: Together<A, U, S, B, V, Z>) -> Self {
        Self { both, late: None }
    }

    /// Where late records of the stream go. Without it they are counted in `numLateRecordsDropped`.
    #[must_use]
    pub fn late_to(mut self, late: &SideOutput<A>) -> Self {
        self.late = Some(late.clone());
        self
    }

    /// Lets a function make what comes out of a record and its version. A record without one is dropped.
    #[expect(clippy::type_complexity, reason = "the function made here has no name")]
    pub fn apply<O, F>(
        self,
        mut f: F,
    ) -> TemporalJoined<
        A,
        S,
        B,
        Z,
        impl FnMut(&A, Option<&B>, &mut Collector<'_, O>) -> Result<()> + 'static,
        O,
    >
    where
        O: Record,
        F: FnMut(&A, &B, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.left_outer(
            move |record: &A, version: Option<&B>, out: &mut Collector<'_, O>| {
                version.map_or(Ok(()), |version| f(record, version, out))
            },
        )
    }

    /// As [`TemporalJoin::apply`], also for records without a version.
    pub fn left_outer<O, F>(self, f: F) -> TemporalJoined<A, S, B, Z, F, O>
    where
        O: Record,
        F: FnMut(&A, Option<&B>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        let late = self.late;
        self.both.operator("Temporal Join", |states| TemporalLogic {
            waiting: states.value("waiting"),
            versions: states.value("versions"),
            late,
            f,
            out: PhantomData,
        })
    }
}

/// See [`TemporalJoin`].
pub struct TemporalLogic<A, B, F, O> {
    /// Records whose time has not come.
    waiting: ValueState<ByTime<A>>,
    /// The versions of the key, by the time from which they are valid.
    versions: ValueState<BTreeMap<i64, B>>,
    late: Option<SideOutput<A>>,
    f: F,
    out: PhantomData<fn() -> O>,
}

impl<A, B, F, O> TemporalLogic<A, B, F, O>
where
    A: Record + Clone,
    B: Record,
    O: Record,
    F: FnMut(&A, Option<&B>, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    /// Adds a version, unless a newer one was already valid when the watermark came where it is.
    fn add_version(&self, time: i64, version: B, watermark: i64) -> Result<()> {
        self.versions.entry(|value| {
            let versions = value.get_or_insert_default();
            let valid = versions.range(..=watermark).next_back();
            if valid.is_none_or(|(valid, _)| *valid <= time) {
                versions.insert(time, version);
            }
        })
    }

    /// Joins what has waited until this time, and forgets versions that are no longer valid.
    fn join<D: Down<O>>(&mut self, until: i64, down: &mut D) -> Result<()> {
        let due = buffer::take_until(&self.waiting, until)?;
        let f = &mut self.f;
        self.versions.read(|versions| {
            for (time, records) in &due {
                let valid = versions.and_then(|it| it.range(..=*time).next_back());
                let version = valid.map(|(_, version)| version);
                for record in records {
                    f(record, version, &mut Collector::new(down))?;
                }
            }
            Ok::<(), anyhow::Error>(())
        })??;
        let is_outdated = |versions: &BTreeMap<i64, B>| versions.range(..=until).nth(1).is_some();
        if self.versions.read(|it| it.is_some_and(is_outdated))? {
            self.versions.entry(|value| {
                let Some(versions) = value else { return };
                let valid = versions.range(..=until).next_back().map(|(time, _)| *time);
                if let Some(valid) = valid {
                    *versions = versions.split_off(&valid);
                }
            })?;
        }
        Ok(())
    }
}

impl<A, B, K, F, O> KeyedLogic<Either<A, B>, K> for TemporalLogic<A, B, F, O>
where
    A: Record + Clone,
    B: Record,
    K: Key,
    O: Record,
    F: FnMut(&A, Option<&B>, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Out = O;

    fn element<D: Down<O>>(
        &mut self,
        record: Either<A, B>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        _: &mut D,
    ) {
        let (time, watermark) = (shared.timestamp(), shared.watermark());
        if time == NO_TIMESTAMP {
            return shared.fail_user(&anyhow::anyhow!(
                "a record without a timestamp has come to a temporal join; put \
                 `assign_timestamps_and_watermarks` before it"
            ));
        }
        let added = match record {
            Either::Left(record) if time <= watermark => {
                match &self.late {
                    Some(late) => cx.side(late, record),
                    None => shared.dropped_late(),
                }
                return;
            }
            Either::Left(record) => buffer::add(&self.waiting, time, record),
            Either::Right(version) => self.add_version(time, version, watermark),
        };
        match added {
            Ok(()) => cx.register_timer(TimeDomain::Event, time),
            Err(error) => shared.fail_user(&error),
        }
    }

    /// The timers of a key fire in the order of their times, so what waits has the timer's own time.
    fn timer<D: Down<O>>(
        &mut self,
        fired: Fired<'_>,
        _: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        if let Err(error) = self.join(fired.timer.time, down) {
            shared.fail_user(&error);
        }
    }
}
