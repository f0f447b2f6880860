//! Keyed streams and the operators on them.
//!
//! Follow a record: `KeyedCore::process` decodes it, finds the slot of its key in the cache (with the
//! hash that came with the record), and hands it to the operator's logic, which reaches its state
//! through that slot. Invariant: a keyed operator heads its chain, so a subtask has at most one.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::wasmill::dataflow::job::{OperatorKind, Partitioning, StateKind};
use crate::codec::{Record, to_postcard};
use crate::emit::Spread;
use crate::env::{Env, Port};
use crate::pipe::{BoxDown, Down, End, Leg, Node, OperatorPipe, Pipe, Upstream};
use crate::process::KeyedContext;
use crate::runtime::Scope;
use crate::state::{KeyCache, KeyedStates};
use crate::stream::{Collector, Stream};

mod core;
mod logic;

pub(crate) use self::core::SharedCore;
use self::core::{KeyedCore, KeyedSeat};

pub use logic::{
    Aggregate, Aggregating, Count, KeyedLogic, KeyedProcess, Processing, ProcessingWith, Reducing,
};

/// A key: compared by equality, hashed over its encoded bytes.
///
/// Equal keys must have equal bytes, so hash maps and hash sets, whose order is their own, are no keys.
pub trait Key: Serialize + DeserializeOwned + Eq + Clone + 'static {}

impl<K: Serialize + DeserializeOwned + Eq + Clone + 'static> Key for K {}

/// Takes the key out of a record.
pub trait KeySelector<T>: 'static {
    /// The key.
    type Owned: Key + Borrow<Self::Ref>;
    /// The key, borrowed.
    type Ref: ?Sized + Eq + Serialize + ToOwned<Owned = Self::Owned>;

    /// Calls `f` with the key of `record`.
    fn with<R>(&self, record: &T, f: impl FnOnce(&Self::Ref) -> R) -> R;
}

/// Keys that a function makes.
pub struct ByValue<F, K>(F, PhantomData<fn() -> K>);

impl<F, K> ByValue<F, K> {
    pub(crate) fn new(f: F) -> Self {
        Self(f, PhantomData)
    }
}

impl<T, K: Key, F: Fn(&T) -> K + 'static> KeySelector<T> for ByValue<F, K> {
    type Owned = K;
    type Ref = K;

    #[inline]
    fn with<R>(&self, record: &T, f: impl FnOnce(&K) -> R) -> R {
        f(&(self.0)(record))
    }
}

/// Keys that lie inside the record.
pub struct ByRef<F, Q: ?Sized>(F, PhantomData<fn() -> Box<Q>>);

impl<F, Q: ?Sized> ByRef<F, Q> {
    pub(crate) fn new(f: F) -> Self {
        Self(f, PhantomData)
    }
}

impl<T, Q, F> KeySelector<T> for ByRef<F, Q>
where
    Q: ?Sized + Eq + Serialize + ToOwned + 'static,
    Q::Owned: Key,
    F: for<'a> Fn(&'a T) -> &'a Q + 'static,
{
    type Owned = Q::Owned;
    type Ref = Q;

    #[inline]
    fn with<R>(&self, record: &T, f: impl FnOnce(&Q) -> R) -> R {
        f((self.0)(record))
    }
}

/// Spreads records by the hash of their key (`wit/types.wit`, `batch`).
pub(crate) struct ByKey<S>(pub(crate) Rc<S>);

impl<S> Clone for ByKey<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T, S: KeySelector<T>> Spread<T> for ByKey<S> {
    fn partitioning(&self) -> Partitioning {
        Partitioning::Hash
    }

    fn needs_guest(&self) -> bool {
        true
    }

    #[inline]
    fn number(&self, value: &T, _: u32, scratch: &mut Vec<u8>) -> Result<Option<u32>, String> {
        self.0.with(value, |key| to_postcard(key, scratch))?;
        Ok(Some(key_hash(scratch)))
    }
}

/// The hash of an encoded key: the low 32 bits of XXH3-64.
#[inline]
pub(crate) fn key_hash(key: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(key) as u32
}

/// A stream divided by key: [`Stream::key_by`] makes one.
pub struct KeyedStream<T, U, S> {
    env: Env,
    upstream: U,
    selector: Rc<S>,
    records: PhantomData<fn() -> T>,
}

impl<T, U, S> std::fmt::Debug for KeyedStream<T, U, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedStream")
            .field("of", &std::any::type_name::<T>())
            .finish_non_exhaustive()
    }
}

/// What a keyed operator makes: a stream that ends in it.
pub type Keyed<T, S, L> =
    Stream<<L as KeyedLogic<T, <S as KeySelector<T>>::Owned>>::Out, End<KeyedStage<T, S, L>>>;

impl<T: Record, U: Upstream<T>, S: KeySelector<T>> KeyedStream<T, U, S> {
    pub(crate) fn new(env: Env, upstream: U, selector: S) -> Self {
        Self {
            env,
            upstream,
            selector: Rc::new(selector),
            records: PhantomData,
        }
    }

    /// Folds the records of each key into one and emits it after every record.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let pairs = env.guest_source(generate(4, |i| (i % 2, i)));
    /// let out = pairs.key_by(|(key, _)| *key).reduce(|a, b| (a.0, a.1 + b.1));
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<(u64, u64)>("Sink: blackhole"), [(0, 0), (1, 1), (0, 2), (1, 4)]);
    /// ```
    pub fn reduce<F: FnMut(T, T) -> T + 'static>(self, f: F) -> Keyed<T, S, Reducing<T, F>>
    where
        T: Clone,
    {
        self.operator("Reduce", |states| {
            Reducing::new(states.value_of_kind("reduce", StateKind::Reducing), f)
        })
    }

    /// Folds the records of each key into an accumulator; emits the key and the result after every
    /// record. See [`Aggregate`].
    pub fn aggregate<A: Aggregate<T>>(self, aggregate: A) -> Keyed<T, S, Aggregating<T, A>> {
        self.operator("Aggregate", |states| {
            Aggregating::new(
                states.value_of_kind("aggregate", StateKind::Aggregating),
                aggregate,
            )
        })
    }

    /// Counts the records of each key; emits the key and its count after every record.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let pairs = env.guest_source(generate(4, |i| (i % 2, i)));
    /// let out = pairs.key_by(|(key, _)| *key).count();
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<(u64, u64)>("Sink: blackhole"), [(0, 1), (1, 1), (0, 2), (1, 2)]);
    /// ```
    pub fn count(self) -> Keyed<T, S, Aggregating<T, Count>> {
        self.aggregate(Count).name("Count")
    }

    /// Runs a function that keeps state per key, emits to side outputs, and may fail.
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns
    /// the function. The states are those of the current record's key.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let words = env.source(File::lines("x"));
    /// let first_seen = words.key_by(|word| word.clone()).process(|states| {
    ///     let seen = states.value::<bool>("seen");
    ///     move |word: String, _cx, out| {
    ///         if !seen.exists()? {
    ///             seen.set(true);
    ///             out.emit(word);
    ///         }
    ///         Ok(())
    ///     }
    /// });
    /// # first_seen.sink(File::lines("y"));
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("Source: file", ["a", "b", "a"]);
    /// # assert_eq!(job.run().unwrap().lines("Sink: file"), ["a", "b"]);
    /// ```
    pub fn process<O, G, F>(self, setup: G) -> Keyed<T, S, Processing<O, F>>
    where
        O: Record,
        G: FnOnce(&mut KeyedStates) -> F,
        F: FnMut(T, &mut KeyedContext<'_, S::Owned>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.operator("Process", |states| Processing::new(setup(states)))
    }

    /// Runs an object that processes records; see [`KeyedProcess`].
    pub fn process_with<P, G>(self, setup: G) -> Keyed<T, S, ProcessingWith<P>>
    where
        G: FnOnce(&mut KeyedStates) -> P,
        P: KeyedProcess<S::Owned, T>,
    {
        self.operator("Process", |states| ProcessingWith::new(setup(states)))
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// The program, what is upstream, and what takes the keys out of records.
    pub(crate) fn into_parts(self) -> (Env, U, Rc<S>) {
        (self.env, self.upstream, self.selector)
    }

    pub(crate) fn operator<L>(
        self,
        name: &str,
        make: impl FnOnce(&mut KeyedStates) -> L,
    ) -> Keyed<T, S, L>
    where
        L: KeyedLogic<T, S::Owned>,
    {
        let env = self.env.clone();
        let stage = self.stage(name, |states, operator| {
            let logic = make(states);
            env.declare_states(operator, states.specs());
            logic
        });
        Stream::new(&env, End(stage))
    }

    /// The operator, to which other inputs can be added. Whoever makes the logic declares the states.
    pub(crate) fn stage<L>(
        self,
        name: &str,
        make: impl FnOnce(&mut KeyedStates, u32) -> L,
    ) -> KeyedStage<T, S, L>
    where
        L: KeyedLogic<T, S::Owned>,
    {
        let env = self.env;
        let operator = env.add_operator(name, OperatorKind::Guest, Vec::new());
        let mut states = KeyedStates::new::<S::Owned>(&env);
        let logic = make(&mut states, operator);
        let spread = ByKey(Rc::clone(&self.selector));
        let port = Port { operator, input: 0 };
        let legs = self.upstream.seal(&env, port, spread);
        KeyedStage {
            operator,
            legs,
            selector: self.selector,
            states,
            logic,
        }
    }
}

/// A keyed operator and what leads to it.
pub struct KeyedStage<T, S, L> {
    operator: u32,
    legs: Vec<Leg<T>>,
    selector: Rc<S>,
    states: KeyedStates,
    logic: L,
}

impl<T, S, L> Node for KeyedStage<T, S, L> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T, S, L> KeyedStage<T, S, L>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
{
    /// The operator at work, if it runs here, with its own input connected.
    pub(crate) fn open<D: Down<L::Out>>(
        self,
        scope: &Scope,
        down: D,
    ) -> Option<SharedCore<T, S, L, D>> {
        if !scope.has(self.operator) {
            return None;
        }
        // A budget beyond the address space is no budget.
        let cache_bytes = usize::try_from(scope.context().cache_bytes).unwrap_or(usize::MAX);
        let cache = KeyCache::new(self.states, cache_bytes);
        let core = KeyedCore::new(
            scope,
            self.operator,
            (self.selector, cache),
            (self.logic, down),
        );
        let core = Rc::new(RefCell::new(core));
        for leg in self.legs {
            let (edge, decode) = leg.into_parts();
            scope.add_input(edge, core::input(&core, decode));
        }
        scope.set_timers(Box::new(KeyedSeat(Rc::clone(&core))));
        scope.add_snapshot(Box::new(KeyedSeat(Rc::clone(&core))));
        Some(core)
    }
}

impl<T, S, L> Pipe<L::Out> for KeyedStage<T, S, L>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
{
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<L::Out>>(self, scope: &Scope, down: D) {
        self.open(scope, down);
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<L::Out>>) {
        self.build(
            scope,
            down.unwrap_or_else(|| Box::new(crate::pipe::Nowhere)),
        );
    }
}

impl<T, S, L> OperatorPipe<L::Out> for KeyedStage<T, S, L>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
{
}
