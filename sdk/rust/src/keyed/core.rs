//! A keyed operator at work: records and timers, each with the state of its key.
//!
//! Both come in batches and are worked off in groups, between which the cache shrinks. Invariant: a slot
//! that was looked up for a group is not evicted before the group is done.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::rc::Rc;

use super::{KeySelector, KeyedLogic, key_hash};
use crate::codec::{Record, from_postcard};
use crate::host::{Batch, Blobs, Failure, OperatorState, blobs_iter};
use crate::pipe::{DecodeFn, Down};
use crate::process::{Context, KeyedContext};
use crate::reader::for_each_of;
use crate::runtime::{FireTimers, Input, NO_TIMESTAMP, News, Scope, Shared, Snapshot};
use crate::state::KeyCache;
use crate::timers::{Fired, TimeDomain, Timer};

/// A keyed operator at work.
pub(crate) struct KeyedCore<T, S: KeySelector<T>, L, D> {
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
    pub(super) fn new(
        scope: &Scope,
        operator: u32,
        (selector, cache): (Rc<S>, KeyCache<S::Owned>),
        (logic, down): (L, D),
    ) -> Self {
        Self {
            operator,
            shared: scope.shared(),
            selector,
            cache,
            logic,
            down,
            pending: Vec::new(),
            records: PhantomData,
        }
    }

    /// Works in groups, between which the cache shrinks: a batch of short records can be about more
    /// state than there is memory. Slots are looked up for one group, so no eviction can take one that
    /// a record still waits for.
    fn process(&mut self, batch: &Batch, decode: impl Fn(&[u8]) -> Result<T, String>) {
        let mut next = 0;
        while next < batch.ends.len() && !self.shared.has_failed() {
            let group = next..batch.ends.len().min(next + self.cache.group());
            next = group.end;
            if self.cache.is_complete() {
                self.process_cached(batch, group, &decode);
            } else {
                self.process_fetched(batch, group, &decode);
            }
            if let Err(problem) = self.cache.trim() {
                self.shared.fail(Failure::Other(problem));
            }
        }
    }

    /// The state of every key is in the cache: one pass.
    fn process_cached(
        &mut self,
        batch: &Batch,
        group: Range<usize>,
        decode: &impl Fn(&[u8]) -> Result<T, String>,
    ) {
        let operator = self.operator;
        let Self {
            shared,
            selector,
            cache,
            logic,
            down,
            ..
        } = self;
        for_each_of(batch, group, shared, |index, bytes| match decode(bytes) {
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
        });
    }

    /// Some states are in the host's backend: decode all, fetch what is missing at once, then process.
    fn process_fetched(
        &mut self,
        batch: &Batch,
        group: Range<usize>,
        decode: &impl Fn(&[u8]) -> Result<T, String>,
    ) {
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
        for_each_of(batch, group, shared, |index, bytes| match decode(bytes) {
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
                let hash = key_hash(key);
                let key: S::Owned = from_postcard(key)?;
                let slot = self.cache.slot::<S::Owned>(Some(hash), &key);
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

impl<T, S: KeySelector<T>, L, D> KeyedCore<T, S, L, D> {
    /// Processes a record that belongs to no key.
    pub(crate) fn without_key(
        &mut self,
        f: impl FnOnce(&mut L, Context<'_>, &mut D) -> anyhow::Result<()>,
    ) {
        let context = Context::new(&self.shared, self.operator);
        let outcome = f(&mut self.logic, context, &mut self.down);
        // What it did with keyed state failed already, or did nothing: no key is the current one.
        let outcome = match self.cache.was_missed() {
            true => Err(anyhow::anyhow!(
                "keyed state was used for a broadcast record, which has no key; keep what all keys need in \
                 broadcast state"
            )),
            false => outcome,
        };
        if let Err(error) = outcome {
            self.shared.fail_user(&error);
        }
    }
}

/// The operator, as all that reach it have it.
pub(crate) type SharedCore<T, S, L, D> = Rc<RefCell<KeyedCore<T, S, L, D>>>;

/// One of the operator's inputs; what comes there is postcard when nothing else is said.
pub(super) fn input<T, S, L, D>(
    core: &SharedCore<T, S, L, D>,
    decode: Option<DecodeFn<T>>,
) -> Box<dyn Input>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
{
    let core = Rc::clone(core);
    match decode {
        Some(decode) => Box::new(KeyedInput { core, decode }),
        None => Box::new(KeyedInput {
            core,
            decode: |bytes: &[u8]| from_postcard(bytes),
        }),
    }
}

struct KeyedInput<T, S: KeySelector<T>, L, D, F> {
    core: SharedCore<T, S, L, D>,
    decode: F,
}

impl<T, S, L, D, F> Input for KeyedInput<T, S, L, D, F>
where
    T: Record,
    S: KeySelector<T>,
    L: KeyedLogic<T, S::Owned>,
    D: Down<L::Out>,
    F: Fn(&[u8]) -> Result<T, String>,
{
    fn process(&mut self, batch: &Batch) {
        self.core.borrow_mut().process(batch, &self.decode);
    }
}

/// The operator, as timers and snapshots reach it.
pub(super) struct KeyedSeat<T, S: KeySelector<T>, L, D>(pub(super) SharedCore<T, S, L, D>);

impl<T, S, L, D> FireTimers for KeyedSeat<T, S, L, D>
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

impl<T, S, L, D> Snapshot for KeyedSeat<T, S, L, D>
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
