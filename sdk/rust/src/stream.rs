//! Streams: what a program connects operators to.

mod ends;
pub mod guest_sink;
mod partition;
mod settings;
pub mod stage;

use std::marker::PhantomData;

use anyhow::Result;
use serde::Serialize;

use crate::bindings::exports::wasmill::dataflow::job::OperatorKind;
use crate::codec::Record;
use crate::env::{Env, Port};
use crate::keyed::{ByRef, ByValue, Key, KeyedStream};
use crate::pipe::{Down, End, EndStage, Merged, SharedPort, Stage, Staged, Upstream};
use crate::process::{Context, Ended, Process, ProcessStage};
use crate::state::OperatorStates;
use crate::watermark::{
    AssignTimestamps, TimestampAssigner, WatermarkGenerator, WatermarkStrategy,
};

pub use guest_sink::GuestSink;
pub use settings::SinkHandle;
pub use stage::{Filter, FlatMap, Inspect, Map, TryMap};

/// A stream of records of type `T`.
///
/// The second parameter is what is upstream, as a type that the compiler fuses; it is inferred. In a
/// function's signature write `Stream<T>` and pass `stream.boxed()`:
///
/// ```
/// # use wasmill::prelude::*;
/// fn without_comments(lines: Stream<String>) -> Stream<String> {
///     lines.filter(|line| !line.starts_with('#')).boxed()
/// }
///
/// fn job(env: &Env) -> Result<()> {
///     let lines = env.source(File::lines("settings"));
///     without_comments(lines.boxed()).sink(File::lines("out"));
///     Ok(())
/// }
/// # let job = wasmill::testing::Job::new(job).input("Source: file", ["a", "# b"]);
/// # assert_eq!(job.run().unwrap().lines("Sink: file"), ["a"]);
/// ```
pub struct Stream<T, U = BoxStream<T>> {
    env: Env,
    upstream: U,
    records: PhantomData<fn() -> T>,
}

/// What is upstream of a boxed stream: its type is erased, at the cost of a call through a pointer for
/// each record. It is also shared: a boxed stream can be cloned.
pub type BoxStream<T> = SharedPort<T>;

/// What is upstream of the operators that follow `U`.
type Next<T, U> = <U as Upstream<T>>::Next;

/// What [`Stream::map`] makes.
pub type Mapped<T, O, U, F> = Stream<O, EndStage<Map<T, O, Next<T, U>, F>>>;
/// What [`Stream::try_map`] makes.
pub type TryMapped<T, O, U, F> = Stream<O, EndStage<TryMap<T, O, Next<T, U>, F>>>;
/// What [`Stream::flat_map`] makes.
pub type FlatMapped<T, O, U, F> = Stream<O, EndStage<FlatMap<T, O, Next<T, U>, F>>>;
/// What [`Stream::filter`] makes.
pub type Filtered<T, U, F> = Stream<T, EndStage<Filter<T, T, Next<T, U>, F>>>;
/// What [`Stream::inspect`] makes.
pub type Inspected<T, U, F> = Stream<T, EndStage<Inspect<T, T, Next<T, U>, F>>>;
/// What [`Stream::process`] makes.
pub type Processed<T, O, U, F> = Stream<O, EndStage<ProcessStage<T, O, Next<T, U>, F>>>;
/// What [`Stream::process_with`] makes.
pub type ProcessedWith<T, U, P> = Stream<<P as Process<T>>::Out, EndStage<Ended<T, Next<T, U>, P>>>;

/// What [`Stream::assign_timestamps_and_watermarks`] makes.
pub type Timed<T, U, F, G> = Stream<T, EndStage<AssignTimestamps<T, Next<T, U>, F, G>>>;

impl<T, U> std::fmt::Debug for Stream<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("of", &std::any::type_name::<T>())
            .finish_non_exhaustive()
    }
}

impl<T, U: Clone> Clone for Stream<T, U> {
    fn clone(&self) -> Self {
        Self {
            env: self.env.clone(),
            upstream: self.upstream.clone(),
            records: PhantomData,
        }
    }
}

/// Takes the records that a function emits.
pub struct Collector<'a, T> {
    down: &'a mut dyn Down<T>,
}

impl<T> std::fmt::Debug for Collector<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl<'a, T: 'static> Collector<'a, T> {
    #[inline]
    pub(crate) fn new(down: &'a mut dyn Down<T>) -> Self {
        Self { down }
    }

    /// Emits a record.
    #[inline]
    pub fn emit(&mut self, record: T) {
        self.down.push(record);
    }
}

impl<T: 'static, U: Upstream<T>> Stream<T, U> {
    pub(crate) fn new(env: &Env, upstream: U) -> Self {
        Self {
            env: env.clone(),
            upstream,
            records: PhantomData,
        }
    }

    /// Turns each record into another one.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.map(|n: u64| n * n);
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 1, 4, 9]);
    /// ```
    pub fn map<O: Record, F: FnMut(T) -> O + 'static>(self, f: F) -> Mapped<T, O, U, F> {
        self.stage("Map", |operator, prev| Map::new(operator, prev, f))
    }

    /// Turns each record into another one, or fails the job.
    ///
    /// Records that may be bad are better dropped in a `flat_map`, or sent to a
    /// [`SideOutput`](crate::SideOutput).
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// let lines = env.source(File::lines("numbers"));
    /// let numbers = lines.try_map(|line| {
    ///     line.parse::<u64>().with_context(|| format!("the line `{line}`"))
    /// });
    /// # numbers.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("Source: file", ["1", "one"]);
    /// # assert!(job.run().unwrap_err().to_string().contains("the line `one`"));
    /// ```
    pub fn try_map<O: Record, F: FnMut(T) -> Result<O> + 'static>(
        self,
        f: F,
    ) -> TryMapped<T, O, U, F> {
        self.stage("Map", |operator, prev| TryMap::new(operator, prev, f))
    }

    /// Turns each record into any number of others.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// let lines = env.source(File::lines("text"));
    /// let words = lines.flat_map(|line: String, out| {
    ///     for word in line.split_whitespace() {
    ///         out.emit(word.to_owned());
    ///     }
    /// });
    /// # words.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("Source: file", ["a b", "", "c"]);
    /// # assert_eq!(job.run().unwrap().output::<String>("Sink: blackhole"), ["a", "b", "c"]);
    /// ```
    pub fn flat_map<O: Record, F: FnMut(T, &mut Collector<'_, O>) + 'static>(
        self,
        f: F,
    ) -> FlatMapped<T, O, U, F> {
        self.stage("Flat Map", |operator, prev| FlatMap::new(operator, prev, f))
    }

    /// Keeps the records for which the function is true.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.filter(|n| n % 2 == 0);
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 2]);
    /// ```
    pub fn filter<F: FnMut(&T) -> bool + 'static>(self, f: F) -> Filtered<T, U, F>
    where
        T: Record,
    {
        self.stage("Filter", |operator, prev| Filter::new(operator, prev, f))
    }

    /// Looks at each record and hands it on.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.inspect(|n| wasmill::log::debug!("got {n}"));
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 1, 2, 3]);
    /// ```
    pub fn inspect<F: FnMut(&T) + 'static>(self, f: F) -> Inspected<T, U, F>
    where
        T: Record,
    {
        self.stage("Inspect", |operator, prev| Inspect::new(operator, prev, f))
    }

    /// Gives records their event time, and says how event time passes; see [`WatermarkStrategy`].
    ///
    /// Watermarks that come from upstream end here (semantics §1.15).
    pub fn assign_timestamps_and_watermarks<F, G>(
        self,
        strategy: WatermarkStrategy<F, G>,
    ) -> Timed<T, U, F, G>
    where
        T: Record,
        F: TimestampAssigner<T>,
        G: WatermarkGenerator<T>,
    {
        let env = self.env.clone();
        let (interval, problem) = (strategy.interval_millis(), strategy.problem());
        self.stage("Timestamps/Watermarks", |operator, prev| {
            if let Some(problem) = problem {
                env.mistake(problem.to_owned());
            }
            env.edit(operator, |operator| {
                operator.watermark_interval = Some(interval);
            });
            AssignTimestamps::new(operator, prev, strategy)
        })
    }

    /// Runs a function that may keep operator state, emit to side outputs, and fail.
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns
    /// the function.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.process(|states| {
    ///     let seen = states.list::<u64>("seen");
    ///     move |number: u64, _cx, out| {
    ///         seen.push(number);
    ///         out.emit(seen.len() as u64);
    ///         Ok(())
    ///     }
    /// });
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [1, 2, 3, 4]);
    /// ```
    pub fn process<O, G, F>(self, setup: G) -> Processed<T, O, U, F>
    where
        O: Record,
        G: FnOnce(&mut OperatorStates) -> F,
        F: FnMut(T, &mut Context<'_>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        let operator = self
            .env
            .add_operator("Process", OperatorKind::Guest, Vec::new());
        let mut states = OperatorStates::new(&self.env, operator);
        let function = setup(&mut states);
        states.finish(&self.env);
        let prev = self
            .upstream
            .connect(&self.env, Port { operator, input: 0 });
        Stream::new(
            &self.env,
            End(Staged(ProcessStage::new(operator, prev, function))),
        )
    }

    /// Runs an object that processes records and is told when the input has ended; see [`Process`].
    pub fn process_with<P, G>(self, setup: G) -> ProcessedWith<T, U, P>
    where
        G: FnOnce(&mut OperatorStates) -> P,
        P: Process<T>,
    {
        let operator = self
            .env
            .add_operator("Process", OperatorKind::Guest, Vec::new());
        let mut states = OperatorStates::new(&self.env, operator);
        let process = setup(&mut states);
        states.finish(&self.env);
        let prev = self
            .upstream
            .connect(&self.env, Port { operator, input: 0 });
        Stream::new(&self.env, End(Staged(Ended::new(operator, prev, process))))
    }

    /// Divides the stream by a key: records of equal keys meet in the same subtask.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.key_by(|n| n % 2).count();
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<(u64, u64)>("Sink: blackhole"), [(0, 1), (1, 1), (0, 2), (1, 2)]);
    /// ```
    pub fn key_by<K: Key, F: Fn(&T) -> K + 'static>(self, f: F) -> KeyedStream<T, U, ByValue<F, K>>
    where
        T: Record,
    {
        KeyedStream::new(self.env, self.upstream, ByValue::new(f))
    }

    /// As [`Stream::key_by`] for a key that lies inside the record; spares the copy of the key.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// let words = env.source(File::lines("words"));
    /// let counts = words.key_by_ref(|word| word.as_str()).count();
    /// # counts.sink(File::csv("out"));
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("Source: file", ["a", "b", "a"]);
    /// # assert_eq!(job.run().unwrap().lines("Sink: file"), ["a,1", "b,1", "a,2"]);
    /// ```
    pub fn key_by_ref<Q, F>(self, f: F) -> KeyedStream<T, U, ByRef<F, Q>>
    where
        T: Record,
        Q: ?Sized + Eq + Serialize + ToOwned + 'static,
        Q::Owned: Key,
        F: for<'a> Fn(&'a T) -> &'a Q + 'static,
    {
        KeyedStream::new(self.env, self.upstream, ByRef::new(f))
    }

    /// The records of both streams, in any order.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let more = env.guest_source(generate(2, |i| 10 + i));
    /// let out = numbers.union(more);
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 1, 2, 3, 10, 11]);
    /// ```
    pub fn union<V: Upstream<T>>(self, other: Stream<T, V>) -> Stream<T, Merged<U, V>>
    where
        T: Record,
    {
        let env = self.env.clone();
        Stream::new(&env, Merged(self.upstream, other.upstream))
    }

    /// A stream that several operators can read: clone it for each.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let numbers = numbers.shared();
    /// let squares = numbers.clone().map(|n| n * n);
    /// let out = squares.union(numbers.filter(|n| *n > 2));
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 1, 4, 9, 3]);
    /// ```
    pub fn shared(self) -> Stream<T, SharedPort<T>>
    where
        T: Record + Clone,
    {
        let port = self.upstream.share(&self.env);
        Stream::new(&self.env, port)
    }

    /// The stream without its upstream type, for signatures: `Stream<T>`. It can be cloned.
    pub fn boxed(self) -> Stream<T>
    where
        T: Record + Clone,
    {
        self.shared()
    }

    /// The program, and what is upstream.
    pub(crate) fn into_parts(self) -> (Env, U) {
        (self.env, self.upstream)
    }

    fn stage<O: Record, G: Stage<O>>(
        self,
        name: &str,
        make: impl FnOnce(u32, U::Next) -> G,
    ) -> Stream<O, EndStage<G>> {
        let operator = self.env.add_operator(name, OperatorKind::Guest, Vec::new());
        let prev = self
            .upstream
            .connect(&self.env, Port { operator, input: 0 });
        Stream::new(&self.env, End(Staged(make(operator, prev))))
    }
}
