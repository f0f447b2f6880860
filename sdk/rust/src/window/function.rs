//! What a window keeps of its records, and what comes out of it.

use std::marker::PhantomData;

use anyhow::Result;

use super::assign::Window;
use crate::codec::Record;
use crate::keyed::{Aggregate, Key};
use crate::pipe::Down;
use crate::stream::Collector;

/// Keeps the records of a window, whole or folded, and makes something of them.
pub trait WindowFunction<T, K>: 'static {
    /// What is kept.
    type Contents: Record;
    /// What comes out.
    type Out: Record;

    /// Adds a record; `time` is its timestamp.
    fn add(&mut self, contents: &mut Option<Self::Contents>, record: T, time: i64);

    /// Adds the contents of a window that has become part of this one.
    fn merge(&mut self, contents: &mut Option<Self::Contents>, other: Self::Contents);

    /// Whether windows that overlap may be put together from parts that they share, in the order of time.
    fn can_share(&self) -> bool {
        false
    }

    /// Adds the contents of a part, which other windows have too.
    fn share(&mut self, contents: &mut Option<Self::Contents>, part: &Self::Contents);

    /// Lets the contents come out.
    ///
    /// # Errors
    /// An error fails the job.
    fn fire<D: Down<Self::Out>>(
        &mut self,
        at: (&K, Window),
        contents: &mut Self::Contents,
        down: &mut D,
    ) -> Result<()>;
}

/// See [`WindowedStream::reduce`](super::WindowedStream::reduce).
pub struct ReduceWindow<F>(pub(super) F);

impl<T, K, F> WindowFunction<T, K> for ReduceWindow<F>
where
    T: Record + Clone,
    F: FnMut(T, T) -> T + 'static,
{
    type Contents = T;
    type Out = T;

    #[inline]
    fn add(&mut self, contents: &mut Option<T>, record: T, _: i64) {
        let next = match contents.take() {
            Some(known) => (self.0)(known, record),
            None => record,
        };
        *contents = Some(next);
    }

    fn merge(&mut self, contents: &mut Option<T>, other: T) {
        WindowFunction::<T, K>::add(self, contents, other, 0);
    }

    fn can_share(&self) -> bool {
        true
    }

    fn share(&mut self, contents: &mut Option<T>, part: &T) {
        WindowFunction::<T, K>::add(self, contents, part.clone(), 0);
    }

    fn fire<D: Down<T>>(&mut self, _: (&K, Window), contents: &mut T, down: &mut D) -> Result<()> {
        down.push_ref(contents);
        Ok(())
    }
}

/// See [`WindowedStream::aggregate`](super::WindowedStream::aggregate).
pub struct AggregateWindow<A>(pub(super) A);

impl<T, K: Key, A: Aggregate<T>> WindowFunction<T, K> for AggregateWindow<A> {
    type Contents = A::Accumulator;
    type Out = (K, A::Out);

    #[inline]
    fn add(&mut self, contents: &mut Option<A::Accumulator>, record: T, _: i64) {
        let accumulator = contents.get_or_insert_with(|| self.0.create());
        self.0.add(accumulator, record);
    }

    fn merge(&mut self, contents: &mut Option<A::Accumulator>, other: A::Accumulator) {
        merge(&self.0, contents, other);
    }

    fn can_share(&self) -> bool {
        true
    }

    fn share(&mut self, contents: &mut Option<A::Accumulator>, part: &A::Accumulator) {
        merge(&self.0, contents, part.clone());
    }

    fn fire<D: Down<(K, A::Out)>>(
        &mut self,
        (key, _): (&K, Window),
        contents: &mut A::Accumulator,
        down: &mut D,
    ) -> Result<()> {
        down.push((key.clone(), self.0.result(contents)));
        Ok(())
    }
}

fn merge<T, A: Aggregate<T>>(
    aggregate: &A,
    contents: &mut Option<A::Accumulator>,
    other: A::Accumulator,
) {
    match contents {
        Some(accumulator) => aggregate.merge(accumulator, other),
        None => *contents = Some(other),
    }
}

/// See [`WindowedStream::aggregate_with`](super::WindowedStream::aggregate_with).
pub struct AggregateWith<A, G, O> {
    pub(super) aggregate: A,
    pub(super) f: G,
    pub(super) out: PhantomData<fn() -> O>,
}

impl<T, K, A, G, O> WindowFunction<T, K> for AggregateWith<A, G, O>
where
    A: Aggregate<T>,
    O: Record,
    G: FnMut(&K, Window, A::Out, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Contents = A::Accumulator;
    type Out = O;

    #[inline]
    fn add(&mut self, contents: &mut Option<A::Accumulator>, record: T, _: i64) {
        let accumulator = contents.get_or_insert_with(|| self.aggregate.create());
        self.aggregate.add(accumulator, record);
    }

    fn merge(&mut self, contents: &mut Option<A::Accumulator>, other: A::Accumulator) {
        merge(&self.aggregate, contents, other);
    }

    fn can_share(&self) -> bool {
        true
    }

    fn share(&mut self, contents: &mut Option<A::Accumulator>, part: &A::Accumulator) {
        merge(&self.aggregate, contents, part.clone());
    }

    fn fire<D: Down<O>>(
        &mut self,
        (key, window): (&K, Window),
        contents: &mut A::Accumulator,
        down: &mut D,
    ) -> Result<()> {
        let result = self.aggregate.result(contents);
        (self.f)(key, window, result, &mut Collector::new(down))
    }
}

/// A record in a window, with its timestamp.
pub type Timestamped<T> = (i64, T);

/// See [`WindowedStream::process`](super::WindowedStream::process).
pub struct ProcessWindow<G, V, O> {
    pub(super) f: G,
    pub(super) evictor: V,
    pub(super) out: PhantomData<fn() -> O>,
}

impl<T, K, G, V, O> WindowFunction<T, K> for ProcessWindow<G, V, O>
where
    T: Record + Clone,
    O: Record,
    V: Evictor<T>,
    G: FnMut(&K, Window, &[Timestamped<T>], &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Contents = Vec<Timestamped<T>>;
    type Out = O;

    fn add(&mut self, contents: &mut Option<Vec<Timestamped<T>>>, record: T, time: i64) {
        contents.get_or_insert_default().push((time, record));
    }

    fn merge(&mut self, contents: &mut Option<Vec<Timestamped<T>>>, other: Vec<Timestamped<T>>) {
        contents.get_or_insert_default().extend(other);
    }

    fn share(&mut self, contents: &mut Option<Vec<Timestamped<T>>>, part: &Vec<Timestamped<T>>) {
        contents.get_or_insert_default().extend_from_slice(part);
    }

    fn fire<D: Down<O>>(
        &mut self,
        (key, window): (&K, Window),
        contents: &mut Vec<Timestamped<T>>,
        down: &mut D,
    ) -> Result<()> {
        self.evictor.before(window, contents);
        (self.f)(key, window, contents, &mut Collector::new(down))?;
        self.evictor.after(window, contents);
        Ok(())
    }
}

/// Removes records from a window when it fires (semantics §3.19).
pub trait Evictor<T>: 'static {
    /// Before the function sees them, in the order in which they came.
    fn before(&mut self, window: Window, records: &mut Vec<Timestamped<T>>);

    /// After the function has seen them.
    fn after(&mut self, window: Window, records: &mut Vec<Timestamped<T>>) {
        let _ = (window, records);
    }
}

/// Removes nothing.
#[derive(Debug, Clone, Copy)]
pub struct KeepAll;

impl<T> Evictor<T> for KeepAll {
    fn before(&mut self, _: Window, _: &mut Vec<Timestamped<T>>) {}
}

/// Keeps the records that came last, so many.
#[derive(Debug, Clone, Copy)]
pub struct KeepLast(pub usize);

impl<T> Evictor<T> for KeepLast {
    fn before(&mut self, _: Window, records: &mut Vec<Timestamped<T>>) {
        let surplus = records.len().saturating_sub(self.0);
        records.drain(..surplus);
    }
}

/// Keeps the records that are not older, by so many milliseconds, than the latest of them.
#[derive(Debug, Clone, Copy)]
pub struct KeepRecent(pub i64);

impl<T> Evictor<T> for KeepRecent {
    fn before(&mut self, _: Window, records: &mut Vec<Timestamped<T>>) {
        let latest = records.iter().map(|(time, _)| *time).max();
        let Some(latest) = latest.filter(|latest| *latest != i64::MIN) else {
            return;
        };
        let oldest = latest.saturating_sub(self.0);
        records.retain(|(time, _)| *time > oldest);
    }
}

/// Keeps the records that differ from the last one by less than a threshold.
#[derive(Debug, Clone, Copy)]
pub struct KeepSimilar<F> {
    /// What is too much.
    pub threshold: f64,
    /// How much a record differs from the last one.
    pub delta: F,
}

impl<T, F: FnMut(&T, &T) -> f64 + 'static> Evictor<T> for KeepSimilar<F> {
    fn before(&mut self, _: Window, records: &mut Vec<Timestamped<T>>) {
        let Some((last, others)) = records.split_last() else {
            return;
        };
        let (threshold, delta) = (self.threshold, &mut self.delta);
        let keeps = others.iter().chain([last]);
        let keeps: Vec<bool> = keeps
            .map(|(_, record)| delta(record, &last.1) < threshold)
            .collect();
        let mut keeps = keeps.into_iter();
        records.retain(|_| keeps.next().unwrap_or(true));
    }
}
