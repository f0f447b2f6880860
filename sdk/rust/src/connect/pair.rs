//! Two keyed streams as one of a type that is either.
//!
//! So every operator on a keyed stream can have two inputs: windows, joins, and functions for two streams. The
//! records come on inputs of their own and as what they are; only the operator sees them as one type. Invariant:
//! both inputs are spread by the hash of the same key.

use std::marker::PhantomData;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::codec::{Encode, Record};
use crate::emit::Spread;
use crate::env::{Env, Port};
use crate::keyed::{ByKey, KeySelector, KeyedStream};
use crate::pipe::{Exit, Leg, Legs, SharedPort, Upstream, through};

/// A record of one of two streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Either<L, R> {
    /// Of the first.
    Left(L),
    /// Of the second.
    Right(R),
}

/// Two keyed streams as one.
pub type Together<A, U, S, B, V, Z> =
    KeyedStream<Either<A, B>, Pair<A, U, S, B, V, Z>, PairSelector<S, Z>>;

/// Takes the keys out of the records of both streams.
pub struct PairSelector<S, Z> {
    first: Rc<S>,
    second: Rc<Z>,
}

impl<A, B, S, Z> KeySelector<Either<A, B>> for PairSelector<S, Z>
where
    S: KeySelector<A>,
    Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
{
    type Owned = S::Owned;
    type Ref = S::Ref;

    #[inline]
    fn with<X>(&self, record: &Either<A, B>, f: impl FnOnce(&S::Ref) -> X) -> X {
        match record {
            Either::Left(record) => self.first.with(record, f),
            Either::Right(record) => self.second.with(record, f),
        }
    }
}

/// What is upstream of both streams.
pub struct Pair<A, U, S, B, V, Z> {
    first: (U, Rc<S>),
    second: (V, Rc<Z>),
    records: PhantomData<fn() -> (A, B)>,
}

impl<A: Record, U: Upstream<A>, S: KeySelector<A>> KeyedStream<A, U, S> {
    pub(crate) fn together<B, V, Z>(self, other: KeyedStream<B, V, Z>) -> Together<A, U, S, B, V, Z>
    where
        B: Record,
        V: Upstream<B>,
        Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
    {
        let (env, upstream, first) = self.into_parts();
        let (_, other, second) = other.into_parts();
        let pair = Pair {
            first: (upstream, Rc::clone(&first)),
            second: (other, Rc::clone(&second)),
            records: PhantomData,
        };
        KeyedStream::new(env, pair, PairSelector { first, second })
    }
}

impl<A, U, S, B, V, Z> Pair<A, U, S, B, V, Z>
where
    A: Record,
    U: Upstream<A>,
    S: KeySelector<A>,
    B: Record,
    V: Upstream<B>,
    Z: KeySelector<B>,
{
    /// Connects both to inputs of their own.
    fn legs(self, env: &Env, Port { operator, input }: Port) -> Vec<Leg<Either<A, B>>> {
        let (upstream, selector) = self.first;
        let first = upstream.seal(env, Port { operator, input }, ByKey(selector));
        let (upstream, selector) = self.second;
        let input = input + 1;
        let second = upstream.seal(env, Port { operator, input }, ByKey(selector));
        let first = first.into_iter().map(|leg| leg.map(Either::Left));
        let second = second.into_iter().map(|leg| leg.map(Either::Right));
        first.chain(second).collect()
    }
}

/// A keyed stream is read by an operator that spreads it by its key, which is what the pair does itself.
impl<A, U, S, B, V, Z> Upstream<Either<A, B>> for Pair<A, U, S, B, V, Z>
where
    A: Record,
    U: Upstream<A>,
    S: KeySelector<A>,
    B: Record,
    V: Upstream<B>,
    Z: KeySelector<B>,
{
    type Next = Legs<Either<A, B>>;

    fn connect(self, env: &Env, to: Port) -> Self::Next {
        Legs(self.legs(env, to))
    }

    fn seal<X: Spread<Either<A, B>>>(self, env: &Env, to: Port, _: X) -> Vec<Leg<Either<A, B>>> {
        self.legs(env, to)
    }

    fn write<E, X>(self, env: &Env, exit: Exit<'_>, encode: E, spread: X)
    where
        E: Encode<Either<A, B>>,
        X: Spread<Either<A, B>>,
    {
        through(self, env, "Pair").write(env, exit, encode, spread);
    }

    fn discard(self, env: &Env) {
        through(self, env, "Pair").discard(env);
    }

    fn share(self, env: &Env) -> SharedPort<Either<A, B>>
    where
        Either<A, B>: Clone,
    {
        through(self, env, "Pair").share(env)
    }
}
