//! Streams: what a program connects operators to.

pub mod guest_sink;
pub mod stage;

use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;
use serde::Serialize;

use crate::bindings::exports::wasmill::dataflow::job::{
    Chaining, OperatorKind, OperatorSpec, Partitioning,
};
use crate::codec::Record;
use crate::connector::Sink;
use crate::emit::{ByChoice, Plain, Spread};
use crate::env::{Env, Port};
use crate::keyed::{ByRef, ByValue, Key, KeyedStream};
use crate::pipe::{
    Down, End, EndStage, Exit, Merged, Node, SharedPort, Spreading, Stage, Staged, Upstream, finish,
};
use crate::process::{Context, Ended, Process, ProcessStage, SideOutput};
use crate::state::OperatorStates;

pub use guest_sink::GuestSink;
use guest_sink::Writing;
pub use stage::{Filter, FlatMap, Inspect, Map, TryMap};

/// A stream of records of type `T`.
///
/// The second parameter is what is upstream, as a type that the compiler fuses; it is inferred. In a
/// function's signature write `Stream<T>` and pass `stream.boxed()`.
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
    pub fn map<O: Record, F: FnMut(T) -> O + 'static>(self, f: F) -> Mapped<T, O, U, F> {
        self.stage("Map", |operator, prev| Map::new(operator, prev, f))
    }

    /// Turns each record into another one, or fails the job.
    pub fn try_map<O: Record, F: FnMut(T) -> Result<O> + 'static>(
        self,
        f: F,
    ) -> TryMapped<T, O, U, F> {
        self.stage("Map", |operator, prev| TryMap::new(operator, prev, f))
    }

    /// Turns each record into any number of others.
    pub fn flat_map<O: Record, F: FnMut(T, &mut Collector<'_, O>) + 'static>(
        self,
        f: F,
    ) -> FlatMapped<T, O, U, F> {
        self.stage("Flat Map", |operator, prev| FlatMap::new(operator, prev, f))
    }

    /// Keeps the records for which the function is true.
    pub fn filter<F: FnMut(&T) -> bool + 'static>(self, f: F) -> Filtered<T, U, F>
    where
        T: Record,
    {
        self.stage("Filter", |operator, prev| Filter::new(operator, prev, f))
    }

    /// Looks at each record and hands it on.
    pub fn inspect<F: FnMut(&T) + 'static>(self, f: F) -> Inspected<T, U, F>
    where
        T: Record,
    {
        self.stage("Inspect", |operator, prev| Inspect::new(operator, prev, f))
    }

    /// Runs a function that may keep operator state, emit to side outputs, and fail.
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns
    /// the function.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// let numbers = env.guest_source(generate(10, |i| i));
    /// let seen = numbers.process(|states| {
    ///     let total = states.list::<u64>("total");
    ///     move |number: u64, _cx, out| {
    ///         total.push(number);
    ///         out.emit(total.len() as u64);
    ///         Ok(())
    ///     }
    /// });
    /// # seen.sink(Blackhole); Ok(())
    /// # }
    /// # wasmill::testing::describe(job, &[]).unwrap();
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

    /// Runs an object that processes records and is told when the input has ended.
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
    pub fn key_by<K: Key, F: Fn(&T) -> K + 'static>(self, f: F) -> KeyedStream<T, U, ByValue<F, K>>
    where
        T: Record,
    {
        KeyedStream::new(self.env, self.upstream, ByValue::new(f))
    }

    /// As [`Stream::key_by`] for a key that lies inside the record; spares the copy of the key.
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
    pub fn union<V: Upstream<T>>(self, other: Stream<T, V>) -> Stream<T, Merged<U, V>>
    where
        T: Record,
    {
        let env = self.env.clone();
        Stream::new(&env, Merged(self.upstream, other.upstream))
    }

    /// Spreads records over all subtasks of the next operator in turn.
    pub fn rebalance(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Rebalance))
    }

    /// Spreads records over a fixed share of the next operator's subtasks in turn.
    pub fn rescale(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Rescale))
    }

    /// Sends each record to a random subtask of the next operator.
    pub fn shuffle(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Shuffle))
    }

    /// Sends each record to every subtask of the next operator.
    pub fn broadcast(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Broadcast))
    }

    /// Sends all records to subtask 0 of the next operator.
    pub fn global(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Global))
    }

    /// Sends each record to the subtask that the function chooses among `n` (its second argument).
    pub fn partition_custom<F: Fn(&T, u32) -> u32 + 'static>(
        self,
        f: F,
    ) -> Stream<T, Spreading<U, ByChoice<F>>> {
        self.spread(ByChoice(Rc::new(f)))
    }

    /// A stream that several operators can read: clone it for each.
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

    /// Ends the stream in a sink written in the bundle.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// struct Sum(u64);
    ///
    /// impl wasmill::GuestSink<u64> for Sum {
    ///     fn write(&mut self, number: &u64) -> Result<()> {
    ///         self.0 += number;
    ///         Ok(())
    ///     }
    ///
    ///     fn end(&mut self) -> Result<()> {
    ///         wasmill::metrics::add("sum", self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// fn sum(env: &Env) -> Result<()> {
    ///     env.guest_source(generate(10, |i| i)).sink_with(Sum(0));
    ///     Ok(())
    /// }
    ///
    /// assert_eq!(Job::new(sum).run()?.counter("sum"), 45);
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    pub fn sink_with<S: GuestSink<T>>(self, sink: S) -> SinkHandle {
        let env = self.env;
        let operator = env.add_operator("Sink: guest", OperatorKind::Guest, Vec::new());
        // It has no output that anybody could read.
        env.discard(operator);
        let prev = self.upstream.connect(&env, Port { operator, input: 0 });
        finish(prev, &env, |scope| Writing::new(scope, operator, sink));
        SinkHandle { env, operator }
    }

    /// Writes the records to a connector of the host, for instance [`File::csv`](crate::File::csv).
    pub fn sink<S: Sink<T>>(self, sink: S) -> SinkHandle
    where
        T: Record,
    {
        let (connector, encoder) = sink.into_parts();
        let name = format!("Sink: {}", connector.name);
        let env = self.env;
        let operator = env.add_operator(&name, OperatorKind::SinkConnector(connector), Vec::new());
        let exit = Exit {
            to: Port { operator, input: 0 },
            format: S::FORMAT,
        };
        self.upstream
            .write(&env, exit, encoder, Plain(Partitioning::Forward));
        SinkHandle { env, operator }
    }

    /// Runs what leads here, although nobody reads its records: for its effects or its side outputs.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// fn counts_only(env: &Env) -> Result<()> {
    ///     let numbers = env.guest_source(generate(10, |i| i));
    ///     numbers.inspect(|_| wasmill::metrics::add("seen", 1)).discard();
    ///     Ok(())
    /// }
    ///
    /// assert_eq!(Job::new(counts_only).run()?.counter("seen"), 10);
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    pub fn discard(self)
    where
        T: Record,
    {
        self.upstream.discard(&self.env);
    }

    fn spread<S: Spread<T>>(self, spread: S) -> Stream<T, Spreading<U, S>> {
        let env = self.env.clone();
        Stream {
            env,
            upstream: Spreading {
                upstream: self.upstream,
                spread,
            },
            records: PhantomData,
        }
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

/// Settings of the operator that made the stream.
impl<T: 'static, U: Node> Stream<T, U> {
    /// Names the operator.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.edit(|operator| operator.name = name.into())
    }

    /// Ties the operator to its state across versions of the program.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.edit(|operator| operator.uid = Some(uid.into()))
    }

    /// Sets the number of subtasks.
    pub fn parallelism(self, parallelism: u32) -> Self {
        self.edit(|operator| operator.parallelism = Some(parallelism))
    }

    /// Sets the number of key groups: the upper bound of the parallelism for ever.
    pub fn max_parallelism(self, max_parallelism: u32) -> Self {
        self.edit(|operator| operator.max_parallelism = Some(max_parallelism))
    }

    /// Puts the operator into a slot sharing group: operators of different groups share no slot.
    pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
        self.edit(|operator| operator.slot_sharing_group = Some(group.into()))
    }

    /// Runs subtasks of equal index of all operators with the same constraint in one slot.
    pub fn co_location(self, constraint: impl Into<String>) -> Self {
        self.edit(|operator| operator.co_location = Some(constraint.into()))
    }

    /// Starts a new chain at the operator.
    pub fn start_new_chain(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Head)
    }

    /// Keeps the operator out of every chain.
    pub fn disable_chaining(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Never)
    }

    /// The records that the operator emitted to a side output.
    pub fn side_output<S: Record + Clone>(&self, side: &SideOutput<S>) -> Stream<S> {
        let operator = self.upstream.operator();
        let (output, outlet) = side.attach(&self.env, operator);
        Stream::new(&self.env, SharedPort::new(operator, output, outlet))
    }

    fn edit(self, change: impl FnOnce(&mut OperatorSpec)) -> Self {
        self.env.edit(self.upstream.operator(), change);
        self
    }
}

/// A sink that has been added to the graph, for naming and setting it.
#[derive(Debug)]
pub struct SinkHandle {
    env: Env,
    operator: u32,
}

impl SinkHandle {
    /// Names the sink.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.edit(|operator| operator.name = name.into())
    }

    /// Ties the sink to its state across versions of the program.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.edit(|operator| operator.uid = Some(uid.into()))
    }

    /// Sets the number of subtasks.
    pub fn parallelism(self, parallelism: u32) -> Self {
        self.edit(|operator| operator.parallelism = Some(parallelism))
    }

    /// Puts the sink into a slot sharing group.
    pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
        self.edit(|operator| operator.slot_sharing_group = Some(group.into()))
    }

    /// Keeps the sink out of every chain.
    pub fn disable_chaining(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Never)
    }

    fn edit(self, change: impl FnOnce(&mut OperatorSpec)) -> Self {
        self.env.edit(self.operator, change);
        self
    }
}
