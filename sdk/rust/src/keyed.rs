//! Keyed streams and the operators on them.
//!
//! Follow a record: `KeyedCore::process` decodes it, finds the slot of its key in the cache (with the
//! hash that came with the record), and hands it to the operator's logic, which reaches its state
//! through that slot. Invariant: a keyed operator heads its chain, so a subtask has at most one.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::wasmill::dataflow::job::{OperatorKind, Partitioning, StateKind};
use crate::codec::{Record, from_postcard, to_postcard};
use crate::emit::Spread;
use crate::env::{Env, Port};
use crate::host::{Batch, Blobs, Failure, OperatorState, blobs_iter};
use crate::pipe::{BoxDown, Down, End, Leg, Node, OperatorPipe, Pipe, Upstream};
use crate::process::KeyedContext;
use crate::reader::for_each_of;
use crate::runtime::{FireTimers, Input, NO_TIMESTAMP, News, Scope, Shared, Snapshot};
use crate::state::{KeyCache, KeyedStates};
use crate::stream::{Collector, Stream};
use crate::timers::{Fired, TimeDomain, Timer};

mod logic;

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

    pub(crate) fn operator<L>(
        self,
        name: &str,
        make: impl FnOnce(&mut KeyedStates) -> L,
    ) -> Keyed<T, S, L>
    where
        L: KeyedLogic<T, S::Owned>,
    {
        let env = self.env;
        let operator = env.add_operator(name, OperatorKind::Guest, Vec::new());
        let mut states = KeyedStates::new::<S::Owned>(&env, operator);
        let logic = make(&mut states);
        states.declare(&env);
        let spread = ByKey(Rc::clone(&self.selector));
        let legs = self
            .upstream
            .seal(&env, Port { operator, input: 0 }, spread);
        let stage = KeyedStage {
            operator,
            legs,
            selector: self.selector,
            states,
            logic,
        };
        Stream::new(&env, End(stage))
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
        if !scope.has(self.operator) {
            return;
        }
        // A budget beyond the address space is no budget.
        let cache_bytes = usize::try_from(scope.context().cache_bytes).unwrap_or(usize::MAX);
        let core = Rc::new(RefCell::new(KeyedCore {
            operator: self.operator,
            shared: scope.shared(),
            selector: self.selector,
            cache: KeyCache::new(self.states, cache_bytes),
            logic: self.logic,
            down,
            pending: Vec::new(),
            records: PhantomData,
        }));
        for leg in &self.legs {
            scope.add_input(leg.edge(), Box::new(KeyedInput(Rc::clone(&core))));
        }
        scope.set_timers(Box::new(KeyedInput(Rc::clone(&core))));
        scope.add_snapshot(Box::new(KeyedInput(core)));
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

/// A keyed operator at work.
struct KeyedCore<T, S: KeySelector<T>, L, D> {
    operator: u32,
    shared: Rc<Shared>,
    selector: Rc<S>,
    cache: KeyCache<S::Owned>,
    logic: L,
    down: D,
    /// The records of the current group while their state is fetched.
    pending: Vec<Pending<T>>,
    records: PhantomData<fn(T)>,
}

struct Pending<T> {
    record: T,
    index: u32,
    timestamp: i64,
    slot: u32,
}

impl<T, S, L, D> KeyedCore<T, S, L, D>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
{
    /// Works in groups, between which the cache shrinks: a batch of short records can be about more
    /// state than there is memory. Slots are looked up for one group, so no eviction can take one that
    /// a record still waits for.
    fn process(&mut self, batch: &Batch) {
        let mut next = 0;
        while next < batch.ends.len() && !self.shared.has_failed() {
            let group = next..batch.ends.len().min(next + self.cache.group());
            next = group.end;
            if self.cache.is_complete() {
                self.process_cached(batch, group);
            } else {
                self.process_fetched(batch, group);
            }
            if let Err(problem) = self.cache.trim() {
                self.shared.fail(Failure::Other(problem));
            }
        }
    }

    /// The state of every key is in the cache: one pass.
    fn process_cached(&mut self, batch: &Batch, group: Range<usize>) {
        let operator = self.operator;
        let Self {
            shared,
            selector,
            cache,
            logic,
            down,
            ..
        } = self;
        for_each_of(batch, group, shared, |index, bytes| {
            match from_postcard::<T>(bytes) {
                Ok(record) => {
                    let hash = batch.hashes.get(index).copied();
                    let slot = selector.with(&record, |key| cache.slot(hash, key));
                    cache.with_key(slot, |key| {
                        logic.element(
                            record,
                            &mut KeyedContext::new(shared, operator, key),
                            shared,
                            down,
                        );
                    });
                }
                Err(problem) => shared.bad_record(problem),
            }
        });
    }

    /// Some states are in the host's backend: decode all, fetch what is missing at once, then process.
    fn process_fetched(&mut self, batch: &Batch, group: Range<usize>) {
        let operator = self.operator;
        let Self {
            shared,
            selector,
            cache,
            logic,
            down,
            pending,
            ..
        } = self;
        for_each_of(batch, group, shared, |index, bytes| {
            match from_postcard::<T>(bytes) {
                Ok(record) => {
                    let hash = batch.hashes.get(index).copied();
                    let slot = selector.with(&record, |key| cache.slot(hash, key));
                    let timestamp = shared.timestamp();
                    pending.push(Pending {
                        record,
                        index: index as u32,
                        timestamp,
                        slot,
                    });
                }
                Err(problem) => shared.bad_record(problem),
            }
        });
        if let Err(problem) = cache.prefetch(pending.iter().map(|pending| pending.slot)) {
            shared.fail(Failure::Other(problem));
        }
        for Pending {
            record,
            index,
            timestamp,
            slot,
        } in pending.drain(..)
        {
            if shared.has_failed() {
                break;
            }
            shared.enter(index, timestamp);
            cache.with_key(slot, |key| {
                logic.element(
                    record,
                    &mut KeyedContext::new(shared, operator, key),
                    shared,
                    down,
                );
            });
        }
    }
}

impl<T, S, L, D> KeyedCore<T, S, L, D>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
{
    /// Works in groups, as [`KeyedCore::process`] does.
    fn fire(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) -> Result<(), String> {
        let timers = times
            .iter()
            .zip(blobs_iter(keys))
            .zip(blobs_iter(namespaces));
        let mut timers = timers.peekable();
        let mut group = Vec::new();
        while timers.peek().is_some() && !self.shared.has_failed() {
            for ((&time, key), namespace) in timers.by_ref().take(self.cache.group()) {
                let key: S::Owned = from_postcard(key)?;
                let slot = self.cache.slot::<S::Owned>(None, &key);
                let timer = Timer { domain, time };
                group.push((slot, Fired { timer, namespace }));
            }
            if !self.cache.is_complete() {
                self.cache.prefetch(group.iter().map(|(slot, _)| *slot))?;
            }
            for (slot, fired) in group.drain(..) {
                if self.shared.has_failed() {
                    break;
                }
                self.fire_one(slot, fired);
            }
            self.cache.trim()?;
        }
        Ok(())
    }

    fn fire_one(&mut self, slot: u32, fired: Fired<'_>) {
        // What a timer of processing time emits has no event time (semantics §2.7).
        let timestamp = match fired.timer.domain {
            TimeDomain::Event => fired.timer.time,
            TimeDomain::Processing => NO_TIMESTAMP,
        };
        self.shared.set_timestamp(timestamp);
        let (operator, shared) = (self.operator, &self.shared);
        let (logic, down) = (&mut self.logic, &mut self.down);
        self.cache.with_key(slot, |key| {
            let mut cx = KeyedContext::new(shared, operator, key);
            logic.timer(fired, &mut cx, shared, down);
        });
    }
}

struct KeyedInput<T, S: KeySelector<T>, L, D>(Rc<RefCell<KeyedCore<T, S, L, D>>>);

impl<T, S, L, D> Input for KeyedInput<T, S, L, D>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
{
    fn process(&mut self, batch: &Batch) {
        self.0.borrow_mut().process(batch);
    }
}

impl<T, S, L, D> FireTimers for KeyedInput<T, S, L, D>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
{
    fn fire(&mut self, domain: TimeDomain, times: &[i64], keys: &Blobs, namespaces: &Blobs) {
        let mut core = self.0.borrow_mut();
        if let Err(problem) = core.fire(domain, times, keys, namespaces) {
            core.shared.fail(Failure::Other(problem));
        }
    }
}

impl<T, S, L, D> Snapshot for KeyedInput<T, S, L, D>
where
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
{
    fn snapshot(&mut self, _: &mut Vec<OperatorState>) -> Result<(), String> {
        self.0.borrow_mut().cache.flush()
    }

    fn told(&mut self, news: News) {
        let core = &mut *self.0.borrow_mut();
        core.logic.told(news, &core.shared);
    }
}
