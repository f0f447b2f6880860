//! Functions of two keyed streams.

use anyhow::Result;

use super::pair::{Either, PairSelector, Together};
use crate::codec::Record;
use crate::keyed::{KeySelector, Keyed, KeyedLogic};
use crate::pipe::{Down, Upstream};
use crate::process::KeyedContext;
use crate::runtime::Shared;
use crate::state::KeyedStates;
use crate::stream::Collector;
use crate::timers::{Fired, Timer};

/// Two keyed streams that one operator will read: [`KeyedStream::connect`](crate::KeyedStream::connect) makes it.
pub struct KeyedConnected<A, U, S, B, V, Z> {
    both: Together<A, U, S, B, V, Z>,
}

impl<A, U, S, B, V, Z> std::fmt::Debug for KeyedConnected<A, U, S, B, V, Z> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedConnected")
            .field("of", &self.both)
            .finish()
    }
}

impl<A, U, S, B, V, Z> KeyedConnected<A, U, S, B, V, Z>
where
    A: Record,
    U: Upstream<A>,
    S: KeySelector<A>,
    B: Record,
    V: Upstream<B>,
    Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
{
    pub(super) fn new(both: Together<A, U, S, B, V, Z>) -> Self {
        Self { both }
    }

    /// Runs an object that processes the records of both streams; see [`KeyedCoProcess`] and
    /// [the module](crate::connect).
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns the object.
    pub fn process_with<P, G>(
        self,
        setup: G,
    ) -> Keyed<Either<A, B>, PairSelector<S, Z>, CoProcessingWith<P>>
    where
        G: FnOnce(&mut KeyedStates) -> P,
        P: KeyedCoProcess<S::Owned, A, B>,
    {
        let make = |states: &mut KeyedStates| CoProcessingWith(setup(states));
        self.both.operator("Co-Process", make)
    }
}

/// An object that processes the records of two keyed streams, which share the states of their key.
pub trait KeyedCoProcess<K, A, B>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record of the first stream; states are those of its key.
    ///
    /// # Errors
    /// An error fails the job.
    fn process1(
        &mut self,
        record: A,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Processes a record of the second stream; states are those of its key.
    ///
    /// # Errors
    /// An error fails the job.
    fn process2(
        &mut self,
        record: B,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// A timer fires that [`KeyedContext::register_timer`] registered; states are those of its key. Timers of event
    /// time fire when both streams have come so far.
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

/// See [`KeyedConnected::process_with`].
pub struct CoProcessingWith<P>(P);

impl<A, B, K, P> KeyedLogic<Either<A, B>, K> for CoProcessingWith<P>
where
    P: KeyedCoProcess<K, A, B>,
{
    type Out = P::Out;

    fn element<D: Down<P::Out>>(
        &mut self,
        record: Either<A, B>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let out = &mut Collector::new(down);
        let outcome = match record {
            Either::Left(record) => self.0.process1(record, cx, out),
            Either::Right(record) => self.0.process2(record, cx, out),
        };
        if let Err(error) = outcome {
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
        let outcome = self.0.on_timer(fired.timer, cx, &mut Collector::new(down));
        if let Err(error) = outcome {
            shared.fail_user(&error);
        }
    }
}
