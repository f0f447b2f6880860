//! State: what operators remember.
//!
//! *Keyed* state belongs to the key of the current record: [`ValueState`], [`ListState`], [`MapState`],
//! [`ReducingState`], [`AggregatingState`]. It lives in the host's backend; the bundle keeps a bounded
//! cache of decoded values in front of it and writes changes back in batches, at the latest at a
//! snapshot. *Operator* state belongs to the subtask: [`OperatorList`], [`BroadcastState`].
//!
//! # Changing what is kept
//!
//! The types of each state are kept with it, for the SDK finds them out when it describes the job; nothing is to be
//! derived for that beyond `serde`. A job that starts from a savepoint is refused before anything of it runs
//! when a state of the same operator (the same [`uid`](crate::Stream::uid)) and the same name has another kind,
//! or a type, or a key, that cannot read what is there. State is encoded by position, so what can be read is:
//!
//! * the same type, also under another name, or wrapped in a struct of one unnamed field: `u64` as
//!   `struct Count(u64)`;
//! * an enum with variants added *behind* the old ones.
//!
//! Fields that are added, removed, renamed or moved, numbers of another width, and an `Option` around or at the
//! end of what there was are *not* the same encoding, and are refused. To change a type nevertheless:
//!
//! * Keep an enum of versions from the start: `enum Visits { V1(u64) }` becomes
//!   `enum Visits { V1(u64), V2 { all: u64, new: u64 } }`, and the program turns a `V1` into a `V2` when it meets it.
//! * Or take a second state under another name, keep the first one as it is, and move each key's value when a
//!   record of the key comes: what is in neither is new. The old state can be removed from the program, with
//!   what is left in it, in a later version.
//! * A field can have another name in Rust with `#[serde(rename = "old name")]`.
//! * To begin anew, give the operator another uid and run with `--allow-non-restored-state`.
//!
//! Types that do not say what they consist of, because they need a format that describes itself
//! (`#[serde(untagged)]`, `#[serde(flatten)]`) or have aliases, are not compared; nor is state of savepoints
//! that were taken before their types were kept.
//!
//! Invariant: a state handle reads what it wrote, whether the value is cached or not.

mod average;
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
pub use operator::{BroadcastState, BroadcastView, OperatorList, OperatorStates};
pub use value::{AggregatingState, ReducingState, ValueState};
