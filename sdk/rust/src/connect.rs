//! Two streams of different types into one operator (semantics §1.19, §4).
//!
//! [`Stream::connect`] and [`KeyedStream::connect`] put them together; the operator has an input for each, and its
//! event time is the earlier of the two. Which input's record comes first is nobody's promise.
//!
//! ```
//! use wasmill::connect::KeyedCoProcess;
//! use wasmill::prelude::*;
//! use wasmill::state::ValueState;
//! use wasmill::{Collector, KeyedContext};
//!
//! /// Emits orders once they are paid: order and payment may come in any order.
//! struct Paid {
//!     order: ValueState<String>,
//!     paid: ValueState<bool>,
//! }
//!
//! impl KeyedCoProcess<u64, (u64, String), u64> for Paid {
//!     type Out = String;
//!
//!     fn process1(
//!         &mut self,
//!         (_, order): (u64, String),
//!         _cx: &mut KeyedContext<'_, u64>,
//!         out: &mut Collector<'_, String>,
//!     ) -> Result<()> {
//!         match self.paid.exists()? {
//!             true => out.emit(order),
//!             false => self.order.set(order),
//!         }
//!         Ok(())
//!     }
//!
//!     fn process2(
//!         &mut self,
//!         _payment: u64,
//!         _cx: &mut KeyedContext<'_, u64>,
//!         out: &mut Collector<'_, String>,
//!     ) -> Result<()> {
//!         self.paid.set(true);
//!         self.order.get()?.into_iter().for_each(|order| out.emit(order));
//!         Ok(())
//!     }
//! }
//!
//! fn paid_orders(env: &Env) -> Result<()> {
//!     let orders = env.source(File::csv("orders")).name("orders").key_by(|order: &(u64, String)| order.0);
//!     let payments = env.source(File::json_lines("payments")).name("payments").key_by(|id: &u64| *id);
//!     orders
//!         .connect(payments)
//!         .process_with(|states| Paid { order: states.value("order"), paid: states.value("paid") })
//!         .sink(File::lines("paid"));
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(paid_orders)
//!     .input("orders", [(1, "book"), (2, "pen")])
//!     .input("payments", [2_u64, 3])
//!     .run()?;
//! assert_eq!(outcome.lines("Sink: file"), ["pen"]);
//! # wasmill::Result::<()>::Ok(())
//! ```

mod keyed;
mod pair;
mod plain;

use crate::codec::Record;
use crate::keyed::{KeySelector, KeyedStream};
use crate::pipe::Upstream;
use crate::stream::Stream;

pub use keyed::{CoProcessingWith, KeyedCoProcess, KeyedConnected};
pub use pair::{Either, Pair, PairSelector, Together};
pub use plain::{CoProcess, CoProcessed, CoStage, Connected};

impl<A: Record, U: Upstream<A>> Stream<A, U> {
    /// Both streams into one operator; see [`CoProcess`].
    pub fn connect<B: Record, V: Upstream<B>>(self, other: Stream<B, V>) -> Connected<A, U, B, V> {
        Connected::new(self, other)
    }
}

impl<A: Record, U: Upstream<A>, S: KeySelector<A>> KeyedStream<A, U, S> {
    /// Both streams into one operator, where records of equal keys meet; see [`KeyedCoProcess`].
    ///
    /// The keys must be of one type, both taken with `key_by` or both with `key_by_ref`.
    pub fn connect<B, V, Z>(self, other: KeyedStream<B, V, Z>) -> KeyedConnected<A, U, S, B, V, Z>
    where
        B: Record,
        V: Upstream<B>,
        Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
    {
        KeyedConnected::new(self.together(other))
    }
}
