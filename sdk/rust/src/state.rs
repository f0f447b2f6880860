//! State: what operators remember.
//!
//! *Keyed* state belongs to the key of the current record: [`ValueState`], [`ListState`], [`MapState`],
//! [`ReducingState`], [`AggregatingState`]. It lives in the host's backend; the bundle keeps a bounded
//! cache of decoded values in front of it and writes changes back in batches, at the latest at a
//! snapshot. *Operator* state belongs to the subtask: [`OperatorList`], [`BroadcastState`].
//!
//! Invariant: a state handle reads what it wrote, whether the value is cached or not.

mod cache;
mod changes;
mod keyed;
mod list;
mod map;
mod operator;
mod scan;
mod table;
mod value;

pub(crate) use cache::KeyCache;
pub use keyed::KeyedStates;
pub use list::ListState;
pub use map::MapState;
pub use operator::{BroadcastState, OperatorList, OperatorStates};
pub use value::{AggregatingState, ReducingState, ValueState};
