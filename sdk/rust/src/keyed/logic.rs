//! What keyed operators do with a record and the state of its key.

use std::marker::PhantomData;

use anyhow::Result;

use crate::codec::Record;
use crate::pipe::Down;
use crate::process::KeyedContext;
use crate::runtime::{News, Shared};
use crate::state::ValueState;
use crate::stream::Collector;
use crate::timers::{Fired, Timer};

/// What a keyed operator does with a record.
pub trait KeyedLogic<T, K>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record.
    fn element<D: Down<Self::Out>>(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    );

    /// Hears of a checkpoint.
    fn told(&mut self, news: News, shared: &Shared) {
        let _ = (news, shared);
    }

    /// A timer fires.
    fn timer<D: Down<Self::Out>>(
        &mut self,
        fired: Fired<'_>,
        _: &mut KeyedContext<'_, K>,
        shared: &Shared,
        _: &mut D,
    ) {
        let time = fired.timer.time;
        shared.fail_user(&anyhow::anyhow!(
            "a timer for {time} fires, and the operator has no function for timers; use `process_with` with a \
             `KeyedProcess` that has `on_timer`"
        ));
    }
}

/// See [`KeyedStream::reduce`](crate::KeyedStream::reduce).
pub struct Reducing<T, F> {
    state: ValueState<T>,
    f: F,
}

impl<T, F> Reducing<T, F> {
    pub(crate) fn new(state: ValueState<T>, f: F) -> Self {
        Self { state, f }
    }
}

impl<T: Record + Clone, K, F: FnMut(T, T) -> T + 'static> KeyedLogic<T, K> for Reducing<T, F> {
    type Out = T;

    #[inline]
    fn element<D: Down<T>>(
        &mut self,
        record: T,
        _: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let f = &mut self.f;
        let outcome = self.state.entry(|value| {
            let next = match value.take() {
                Some(known) => f(known, record),
                None => record,
            };
            down.push_ref(value.insert(next));
        });
        if let Err(error) = outcome {
            shared.fail_user(&error);
        }
    }
}

/// Folds records into an accumulator.
///
/// ```
/// use wasmill::prelude::*;
///
/// struct Average;
///
/// impl Aggregate<(String, f64)> for Average {
///     type Accumulator = (f64, u64);
///     type Out = f64;
///
///     fn create(&self) -> (f64, u64) {
///         (0.0, 0)
///     }
///
///     fn add(&self, (sum, count): &mut (f64, u64), (_, price): (String, f64)) {
///         *sum += price;
///         *count += 1;
///     }
///
///     fn result(&self, (sum, count): &(f64, u64)) -> f64 {
///         sum / *count as f64
///     }
///
///     fn merge(&self, accumulator: &mut (f64, u64), other: (f64, u64)) {
///         accumulator.0 += other.0;
///         accumulator.1 += other.1;
///     }
/// }
///
/// fn average_prices(env: &Env) -> Result<()> {
///     let trades = env.source(File::csv("trades"));
///     let averages = trades.key_by(|trade: &(String, f64)| trade.0.clone()).aggregate(Average);
///     averages.sink(File::csv("averages"));
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(average_prices)
///     .input("Source: file", [("A", 1.0), ("A", 2.0)])
///     .run()?;
/// assert_eq!(outcome.lines("Sink: file"), ["A,1.0", "A,1.5"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait Aggregate<T>: 'static {
    /// What is kept per key.
    type Accumulator: Record + Clone;
    /// What is emitted, together with the key.
    type Out: Record;

    /// The accumulator of a key without records.
    fn create(&self) -> Self::Accumulator;

    /// Adds a record.
    fn add(&self, accumulator: &mut Self::Accumulator, record: T);

    /// The result so far.
    fn result(&self, accumulator: &Self::Accumulator) -> Self::Out;

    /// Adds the records of `other` to `accumulator`. Windows that overlap are put together from parts, and
    /// sessions from others, in the order of their time.
    fn merge(&self, accumulator: &mut Self::Accumulator, other: Self::Accumulator);
}

/// Counts records.
#[derive(Debug, Clone, Copy)]
pub struct Count;

impl<T> Aggregate<T> for Count {
    type Accumulator = u64;
    type Out = u64;

    fn create(&self) -> u64 {
        0
    }

    fn add(&self, accumulator: &mut u64, _: T) {
        *accumulator += 1;
    }

    fn result(&self, accumulator: &u64) -> u64 {
        *accumulator
    }

    fn merge(&self, accumulator: &mut u64, other: u64) {
        *accumulator += other;
    }
}

/// See [`KeyedStream::aggregate`](crate::KeyedStream::aggregate).
pub struct Aggregating<T, A: Aggregate<T>> {
    state: ValueState<A::Accumulator>,
    aggregate: A,
}

impl<T, A: Aggregate<T>> Aggregating<T, A> {
    pub(crate) fn new(state: ValueState<A::Accumulator>, aggregate: A) -> Self {
        Self { state, aggregate }
    }
}

impl<T: 'static, K: crate::keyed::Key, A: Aggregate<T>> KeyedLogic<T, K> for Aggregating<T, A> {
    type Out = (K, A::Out);

    #[inline]
    fn element<D: Down<Self::Out>>(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let aggregate = &self.aggregate;
        let outcome = self.state.entry(|value| {
            let accumulator = value.get_or_insert_with(|| aggregate.create());
            aggregate.add(accumulator, record);
            aggregate.result(accumulator)
        });
        match outcome {
            Ok(result) => down.push((cx.key().clone(), result)),
            Err(error) => shared.fail_user(&error),
        }
    }
}

/// See [`KeyedStream::process`](crate::KeyedStream::process).
pub struct Processing<O, F> {
    f: F,
    records: PhantomData<fn() -> O>,
}

impl<O, F> Processing<O, F> {
    pub(crate) fn new(f: F) -> Self {
        Self {
            f,
            records: PhantomData,
        }
    }
}

impl<T, K, O, F> KeyedLogic<T, K> for Processing<O, F>
where
    O: Record,
    F: FnMut(T, &mut KeyedContext<'_, K>, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Out = O;

    #[inline]
    fn element<D: Down<O>>(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        if let Err(error) = (self.f)(record, cx, &mut Collector::new(down)) {
            shared.fail_user(&error);
        }
    }
}

/// An object that processes the records of a keyed stream.
///
/// ```
/// use wasmill::prelude::*;
/// use wasmill::state::ValueState;
/// use wasmill::{Collector, KeyedContext, KeyedProcess};
///
/// /// Emits by how much the value of a key has changed.
/// struct Change {
///     last: ValueState<i64>,
/// }
///
/// impl KeyedProcess<String, (String, i64)> for Change {
///     type Out = (String, i64);
///
///     fn process(
///         &mut self,
///         (_, value): (String, i64),
///         cx: &mut KeyedContext<'_, String>,
///         out: &mut Collector<'_, (String, i64)>,
///     ) -> Result<()> {
///         let last = self.last.get()?.unwrap_or_default();
///         self.last.set(value);
///         out.emit((cx.key().clone(), value - last));
///         Ok(())
///     }
/// }
///
/// fn changes(env: &Env) -> Result<()> {
///     let values = env.source(File::csv("values"));
///     let keyed = values.key_by(|(key, _): &(String, i64)| key.clone());
///     keyed.process_with(|states| Change { last: states.value("last") }).sink(File::csv("changes"));
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(changes)
///     .input("Source: file", [("a", 5), ("a", 3)])
///     .run()?;
/// assert_eq!(outcome.lines("Sink: file"), ["a,5", "a,-2"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait KeyedProcess<K, T>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record; states are those of its key.
    ///
    /// # Errors
    /// An error fails the job.
    fn process(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Called when a checkpoint is complete: what the function did before its barrier will not be undone.
    ///
    /// Not every complete checkpoint is told of, and a job may fail before it hears of one, so a call stands
    /// for all checkpoints up to its number. A savepoint that does not stop the job is not told of. Nothing can
    /// be emitted here, and there is no
    /// key whose state could be used.
    ///
    /// # Errors
    /// An error fails the job.
    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<()> {
        let _ = checkpoint;
        Ok(())
    }

    /// Called when a checkpoint was given up: what the function did before its barrier belongs to the next.
    ///
    /// # Errors
    /// An error fails the job.
    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<()> {
        let _ = checkpoint;
        Ok(())
    }

    /// A timer fires that [`KeyedContext::register_timer`] registered; states are those of its key.
    ///
    /// # Errors
    /// An error fails the job.
    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()> {
        let _ = (timer, cx, out);
        Ok(())
    }
}

/// See [`KeyedStream::process_with`](crate::KeyedStream::process_with).
pub struct ProcessingWith<P> {
    process: P,
}

impl<P> ProcessingWith<P> {
    pub(crate) fn new(process: P) -> Self {
        Self { process }
    }
}

impl<T, K, P: KeyedProcess<K, T>> KeyedLogic<T, K> for ProcessingWith<P> {
    type Out = P::Out;

    fn element<D: Down<P::Out>>(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        if let Err(error) = self.process.process(record, cx, &mut Collector::new(down)) {
            shared.fail_user(&error);
        }
    }

    fn told(&mut self, news: News, shared: &Shared) {
        let told = match news {
            News::Complete(checkpoint) => self.process.checkpoint_complete(checkpoint),
            News::Aborted(checkpoint) => self.process.checkpoint_aborted(checkpoint),
        };
        if let Err(error) = told {
            shared.fail_user(&error);
        }
    }

    fn timer<D: Down<P::Out>>(
        &mut self,
        fired: Fired<'_>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let outcome = self
            .process
            .on_timer(fired.timer, cx, &mut Collector::new(down));
        if let Err(error) = outcome {
            shared.fail_user(&error);
        }
    }
}
