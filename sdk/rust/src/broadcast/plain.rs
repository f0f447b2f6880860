//! Rules for a stream without keys.

use anyhow::Result;

use super::{BroadcastContext, Spreading};
use crate::codec::Record;
use crate::connect::{CoProcess, CoProcessed, Connected};
use crate::emit::Plain;
use crate::pipe::Upstream;
use crate::process::Context;
use crate::state::OperatorStates;
use crate::stream::Collector;

/// A stream and the rules for it: [`Stream::connect_broadcast`](crate::Stream::connect_broadcast) makes it.
pub struct Broadcast<T, U, B, V> {
    both: Connected<T, U, B, Spreading<V, Plain>>,
}

impl<T, U, B, V> std::fmt::Debug for Broadcast<T, U, B, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broadcast").field("of", &self.both).finish()
    }
}

/// What [`Broadcast::process_with`] makes.
pub type BroadcastProcessed<T, B, P> = CoProcessed<T, B, Obeying<P>>;

impl<T: Record, U: Upstream<T>, B: Record, V: Upstream<B>> Broadcast<T, U, B, V> {
    pub(super) fn new(both: Connected<T, U, B, Spreading<V, Plain>>) -> Self {
        Self { both }
    }

    /// Runs an object that processes records and rules; see [`BroadcastProcess`].
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns the object.
    pub fn process_with<P, G>(self, setup: G) -> BroadcastProcessed<T, B, P>
    where
        G: FnOnce(&mut OperatorStates) -> P,
        P: BroadcastProcess<T, B>,
    {
        let processed = self.both.process_with(|states| Obeying(setup(states)));
        processed.name("Broadcast-Process")
    }
}

/// An object that processes the records of a stream by rules that all subtasks have.
///
/// ```
/// use wasmill::broadcast::{BroadcastContext, BroadcastProcess};
/// use wasmill::prelude::*;
/// use wasmill::state::BroadcastView;
/// use wasmill::{Collector, ProcessContext};
///
/// /// Replaces words that are known.
/// struct Translate(BroadcastView<String, String>);
///
/// impl BroadcastProcess<String, (String, String)> for Translate {
///     type Out = String;
///
///     fn process(
///         &mut self,
///         word: String,
///         _cx: &mut ProcessContext<'_>,
///         out: &mut Collector<'_, String>,
///     ) -> Result<()> {
///         out.emit(self.0.get(&word).unwrap_or(word));
///         Ok(())
///     }
///
///     fn process_broadcast(
///         &mut self,
///         (from, to): (String, String),
///         cx: &mut BroadcastContext<'_>,
///         _out: &mut Collector<'_, String>,
///     ) -> Result<()> {
///         cx.change(&self.0, |words| words.insert(from, to));
///         Ok(())
///     }
/// }
///
/// fn translate(env: &Env) -> Result<()> {
///     let dictionary = env.source(File::csv("dictionary")).name("dictionary");
///     let words = env.source(File::lines("words")).name("words");
///     let translated = words.connect_broadcast(dictionary);
///     translated.process_with(|states| Translate(states.broadcast_view("words"))).sink(Print::new());
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(translate)
///     .input("dictionary", [("zwei", "two")])
///     .input("words", ["one", "zwei"])
///     .run()?;
/// assert_eq!(outcome.output::<String>("Sink: print"), ["one", "two"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait BroadcastProcess<T, B>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record; broadcast state can only be looked at.
    ///
    /// # Errors
    /// An error fails the job.
    fn process(
        &mut self,
        record: T,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Processes a rule, in each subtask.
    ///
    /// # Errors
    /// An error fails the job.
    fn process_broadcast(
        &mut self,
        rule: B,
        cx: &mut BroadcastContext<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;
}

/// See [`Broadcast::process_with`].
pub struct Obeying<P>(P);

impl<T, B, P: BroadcastProcess<T, B>> CoProcess<T, B> for Obeying<P> {
    type Out = P::Out;

    fn process1(
        &mut self,
        record: T,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, P::Out>,
    ) -> Result<()> {
        self.0.process(record, cx, out)
    }

    fn process2(
        &mut self,
        rule: B,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, P::Out>,
    ) -> Result<()> {
        let mut cx = BroadcastContext::new(*cx);
        self.0.process_broadcast(rule, &mut cx, out)
    }
}
