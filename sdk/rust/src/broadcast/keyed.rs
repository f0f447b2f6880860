//! Rules for a keyed stream.

use std::marker::PhantomData;

use anyhow::Result;

use super::{BroadcastContext, Rules, TO_ALL};
use crate::codec::Record;
use crate::env::Port;
use crate::keyed::{KeySelector, KeyedLogic, KeyedStage, KeyedStream, SharedCore};
use crate::pipe::{BoxDown, Down, End, Leg, Legs, Node, Nowhere, OperatorPipe, Pipe, Upstream};
use crate::process::{Context, KeyedContext};
use crate::runtime::{Scope, Shared};
use crate::state::{KeyedStates, OperatorStates};
use crate::stream::{Collector, Stream};
use crate::timers::{Fired, Timer};

/// A keyed stream and the rules for it:
/// [`KeyedStream::connect_broadcast`](crate::KeyedStream::connect_broadcast) makes it.
pub struct KeyedBroadcast<T, U, S, B, V> {
    keyed: KeyedStream<T, U, S>,
    rules: Rules<B, V>,
}

impl<T, U, S, B, V> std::fmt::Debug for KeyedBroadcast<T, U, S, B, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("KeyedBroadcast");
        debug.field("of", &self.keyed);
        debug.field("by", &self.rules).finish()
    }
}

/// What [`KeyedBroadcast::process_with`] makes.
pub type KeyedBroadcastProcessed<T, S, B, P> = Stream<
    <P as KeyedBroadcastProcess<<S as KeySelector<T>>::Owned, T, B>>::Out,
    End<BroadcastStage<T, S, Broadcasting<B, P>, B>>,
>;

impl<T, U, S, B, V> KeyedBroadcast<T, U, S, B, V>
where
    T: Record,
    U: Upstream<T>,
    S: KeySelector<T>,
    B: Record,
    V: Upstream<B>,
{
    pub(super) fn new(keyed: KeyedStream<T, U, S>, rules: Rules<B, V>) -> Self {
        Self { keyed, rules }
    }

    /// Runs an object that processes records and rules; see [`KeyedBroadcastProcess`] and
    /// [the module](crate::broadcast).
    ///
    /// `setup` is called once per subtask, before the first record; it asks for keyed and for broadcast states, and
    /// returns the object.
    pub fn process_with<P, G>(self, setup: G) -> KeyedBroadcastProcessed<T, S, B, P>
    where
        G: FnOnce(&mut KeyedStates, &mut OperatorStates) -> P,
        P: KeyedBroadcastProcess<S::Owned, T, B>,
    {
        let (env, rules) = self.rules.into_parts();
        let keyed = self.keyed.stage("Broadcast-Process", |states, operator| {
            let mut broadcast = OperatorStates::beside_keyed(&env, operator);
            let process = setup(states, &mut broadcast);
            broadcast.finish_beside(&env, states.specs());
            Broadcasting {
                process,
                rules: PhantomData,
            }
        });
        let operator = keyed.operator();
        let rules = rules.seal(&env, Port { operator, input: 1 }, TO_ALL);
        Stream::new(&env, End(BroadcastStage { keyed, rules }))
    }
}

/// An object that processes the records of a keyed stream by rules that all subtasks have.
pub trait KeyedBroadcastProcess<K, T, B>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record; keyed states are those of its key, broadcast state can only be looked at.
    ///
    /// # Errors
    /// An error fails the job.
    fn process(
        &mut self,
        record: T,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Processes a rule, in each subtask. It belongs to no key: who uses keyed state here fails the job.
    ///
    /// # Errors
    /// An error fails the job.
    fn process_broadcast(
        &mut self,
        rule: B,
        cx: &mut BroadcastContext<'_>,
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

/// What a keyed operator does with a broadcast record.
pub trait BroadcastLogic<T, K, B>: KeyedLogic<T, K> {
    /// Processes it.
    ///
    /// # Errors
    /// An error fails the job.
    fn broadcast<D: Down<Self::Out>>(
        &mut self,
        rule: B,
        cx: Context<'_>,
        down: &mut D,
    ) -> Result<()>;
}

/// See [`KeyedBroadcast::process_with`].
pub struct Broadcasting<B, P> {
    process: P,
    rules: PhantomData<fn(B)>,
}

impl<T, K, B, P> KeyedLogic<T, K> for Broadcasting<B, P>
where
    B: 'static,
    P: KeyedBroadcastProcess<K, T, B>,
{
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

    fn timer<D: Down<P::Out>>(
        &mut self,
        fired: Fired<'_>,
        cx: &mut KeyedContext<'_, K>,
        shared: &Shared,
        down: &mut D,
    ) {
        let out = &mut Collector::new(down);
        if let Err(error) = self.process.on_timer(fired.timer, cx, out) {
            shared.fail_user(&error);
        }
    }
}

impl<T, K, B, P> BroadcastLogic<T, K, B> for Broadcasting<B, P>
where
    B: 'static,
    P: KeyedBroadcastProcess<K, T, B>,
{
    fn broadcast<D: Down<P::Out>>(&mut self, rule: B, cx: Context<'_>, down: &mut D) -> Result<()> {
        let mut cx = BroadcastContext::new(cx);
        self.process
            .process_broadcast(rule, &mut cx, &mut Collector::new(down))
    }
}

/// A keyed operator with an input of rules, and what leads to both.
pub struct BroadcastStage<T, S, L, B> {
    keyed: KeyedStage<T, S, L>,
    rules: Vec<Leg<B>>,
}

impl<T, S, L, B> Node for BroadcastStage<T, S, L, B> {
    fn operator(&self) -> u32 {
        self.keyed.operator()
    }
}

impl<T, S, L, B> OperatorPipe<L::Out> for BroadcastStage<T, S, L, B>
where
    T: Record,
    S: KeySelector<T>,
    L: BroadcastLogic<T, S::Owned, B>,
    B: Record,
{
}

impl<T, S, L, B> Pipe<L::Out> for BroadcastStage<T, S, L, B>
where
    T: Record,
    S: KeySelector<T>,
    L: BroadcastLogic<T, S::Owned, B>,
    B: Record,
{
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<L::Out>>(self, scope: &Scope, down: D) {
        if let Some(core) = self.keyed.open(scope, down) {
            Legs(self.rules).build(scope, RulesInput(core));
        }
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<L::Out>>) {
        self.build(scope, down.unwrap_or_else(|| Box::new(Nowhere)));
    }
}

/// The input of the rules.
struct RulesInput<T, S: KeySelector<T>, L, D>(SharedCore<T, S, L, D>);

impl<T, S, L, D, B> Down<B> for RulesInput<T, S, L, D>
where
    T: Record,
    S: KeySelector<T>,
    L: BroadcastLogic<T, S::Owned, B>,
    D: Down<L::Out>,
{
    fn push(&mut self, rule: B) {
        self.0
            .borrow_mut()
            .without_key(|logic, cx, down| logic.broadcast(rule, cx, down));
    }
}
