//! Broadcast state: rules that every subtask has, applied to another stream (semantics §4.3–4.6).
//!
//! [`KeyedStream::connect_broadcast`] and [`Stream::connect_broadcast`] send each record of the rules to all
//! subtasks. What comes there may change broadcast state and nothing else: it has no key, so there is no keyed
//! state and there are no timers. The other side looks at broadcast state and cannot change it, since the subtasks
//! would then differ. Records of the two sides come in no particular order, nor do rules of different subtasks, so
//! rules should not depend on the order of each other.
//!
//! ```
//! use wasmill::broadcast::{BroadcastContext, KeyedBroadcastProcess};
//! use wasmill::prelude::*;
//! use wasmill::state::{BroadcastView, ValueState};
//! use wasmill::{Collector, KeyedContext};
//!
//! /// Emits accounts that have spent more than the limit of their currency.
//! struct Limits {
//!     limits: BroadcastView<String, u64>,
//!     spent: ValueState<u64>,
//! }
//!
//! impl KeyedBroadcastProcess<String, (String, String, u64), (String, u64)> for Limits {
//!     type Out = String;
//!
//!     fn process(
//!         &mut self,
//!         (_, currency, amount): (String, String, u64),
//!         cx: &mut KeyedContext<'_, String>,
//!         out: &mut Collector<'_, String>,
//!     ) -> Result<()> {
//!         let spent = self.spent.get()?.unwrap_or_default() + amount;
//!         self.spent.set(spent);
//!         if self.limits.get(&currency).is_some_and(|limit| spent > limit) {
//!             out.emit(cx.key().clone());
//!         }
//!         Ok(())
//!     }
//!
//!     fn process_broadcast(
//!         &mut self,
//!         (currency, limit): (String, u64),
//!         cx: &mut BroadcastContext<'_>,
//!         _out: &mut Collector<'_, String>,
//!     ) -> Result<()> {
//!         cx.change(&self.limits, |limits| limits.insert(currency, limit));
//!         Ok(())
//!     }
//! }
//!
//! fn spenders(env: &Env) -> Result<()> {
//!     let limits = env.source(File::csv("limits")).name("limits");
//!     let payments = env.source(File::csv("payments")).name("payments");
//!     payments
//!         .key_by(|(account, _, _): &(String, String, u64)| account.clone())
//!         .connect_broadcast(limits)
//!         .process_with(|states, broadcast| Limits {
//!             limits: broadcast.broadcast_view("limits"),
//!             spent: states.value("spent"),
//!         })
//!         .sink(File::lines("out"));
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(spenders)
//!     .input("limits", [("EUR", 100)])
//!     .input("payments", [("ann", "EUR", 60), ("bob", "EUR", 70), ("ann", "EUR", 50)])
//!     .run()?;
//! assert_eq!(outcome.lines("Sink: file"), ["ann"]);
//! # wasmill::Result::<()>::Ok(())
//! ```
//!
//! Each subtask has its copy of broadcast state in memory, and in checkpoints. When the parallelism changes, each
//! gets one of the copies. To apply a function to the keyed state of every key, as Flink can, is not possible: the
//! host finds state by key only.

mod keyed;
mod plain;

use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::codec::Record;
use crate::emit::Plain;
use crate::keyed::{KeySelector, KeyedStream};
use crate::pipe::{Spreading, Upstream};
use crate::process::Context;
use crate::state::BroadcastView;
use crate::stream::Stream;

pub use keyed::{
    BroadcastLogic, BroadcastStage, Broadcasting, KeyedBroadcast, KeyedBroadcastProcess,
    KeyedBroadcastProcessed,
};
pub use plain::{Broadcast, BroadcastProcess, BroadcastProcessed, Obeying};

/// The rules, on their way to all subtasks.
type Rules<B, V> = Stream<B, Spreading<V, Plain>>;

impl<T: Record, U: Upstream<T>> Stream<T, U> {
    /// Sends the records of `rules` to all subtasks of the operator that reads this stream; see
    /// [`BroadcastProcess`].
    pub fn connect_broadcast<B: Record, V: Upstream<B>>(
        self,
        rules: Stream<B, V>,
    ) -> Broadcast<T, U, B, V> {
        Broadcast::new(self.connect(rules.broadcast()))
    }
}

impl<T: Record, U: Upstream<T>, S: KeySelector<T>> KeyedStream<T, U, S> {
    /// Sends the records of `rules` to all subtasks of the operator that reads this stream; see
    /// [`KeyedBroadcastProcess`].
    pub fn connect_broadcast<B: Record, V: Upstream<B>>(
        self,
        rules: Stream<B, V>,
    ) -> KeyedBroadcast<T, U, S, B, V> {
        KeyedBroadcast::new(self, rules.broadcast())
    }
}

/// What a function can ask about the broadcast record it processes.
#[derive(Debug, Clone, Copy)]
pub struct BroadcastContext<'a> {
    context: Context<'a>,
}

impl<'a> BroadcastContext<'a> {
    fn new(context: Context<'a>) -> Self {
        Self { context }
    }

    /// Changes broadcast state. The function must not use the state by another handle.
    ///
    /// All subtasks must do the same with a record, so let the change depend on nothing but it and the state.
    #[expect(
        clippy::unused_self,
        reason = "only who has the context of a broadcast record may change the state"
    )]
    pub fn change<K: Record + Ord, V: Record, R>(
        &self,
        state: &BroadcastView<K, V>,
        f: impl FnOnce(&mut std::collections::BTreeMap<K, V>) -> R,
    ) -> R {
        state.change(f)
    }
}

impl<'a> std::ops::Deref for BroadcastContext<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

/// All subtasks get the rules.
const TO_ALL: Plain = Plain(Partitioning::Broadcast);
