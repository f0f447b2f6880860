//! Joins: pairs of records of two keyed streams that belong together in time.
//!
//! * [`KeyedStream::join`], then a window: records of one key that lie in the same window
//!   ([`WindowedStream::apply`](crate::window::WindowedStream::apply), the outer joins beside it, and
//!   [`WindowedStream::co_group`](crate::window::WindowedStream::co_group)).
//! * [`KeyedStream::interval_join`]: records of one key that are not further apart than so much
//!   ([`IntervalJoin`]).
//! * [`KeyedStream::temporal_join`]: each record with the version that was valid at its time ([`TemporalJoin`]).
//!
//! ```
//! use wasmill::prelude::*;
//! use wasmill::time::secs;
//! use wasmill::window::Tumbling;
//!
//! /// Account, time in milliseconds, and what it is about.
//! type Event = (String, i64, String);
//!
//! fn clicks_and_views(env: &Env) -> Result<()> {
//!     let timed = || WatermarkStrategy::monotonous().timestamps(|event: &Event| event.1);
//!     let clicks = env.source(File::csv("clicks")).name("clicks");
//!     let views = env.source(File::csv("views")).name("views");
//!     let clicks = clicks.assign_timestamps_and_watermarks(timed()).key_by(|event| event.0.clone());
//!     let views = views.assign_timestamps_and_watermarks(timed()).key_by(|event| event.0.clone());
//!     clicks
//!         .join(views)
//!         .window(Tumbling::of(secs(10)))
//!         .apply(|click, view, out| {
//!             out.emit(format!("{} clicked {} and saw {}", click.0, click.2, view.2));
//!             Ok(())
//!         })
//!         .sink(File::lines("out"));
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(clicks_and_views)
//!     .input("clicks", [("ann", 1_000, "x"), ("bob", 2_000, "x")])
//!     .input("views", [("ann", 9_999, "y"), ("ann", 10_000, "z")])
//!     .run()?;
//! assert_eq!(outcome.lines("Sink: file"), ["ann clicked x and saw y"]);
//! # wasmill::Result::<()>::Ok(())
//! ```

mod buffer;
mod interval;
mod temporal;
mod window;

use crate::codec::Record;
use crate::connect::Together;
use crate::keyed::{KeySelector, KeyedStream};
use crate::pipe::Upstream;

pub use interval::{IntervalJoin, IntervalJoined, IntervalLogic};
pub use temporal::{TemporalJoin, TemporalJoined, TemporalLogic};
pub use window::{OfWindow, WindowJoined};

impl<A: Record, U: Upstream<A>, S: KeySelector<A>> KeyedStream<A, U, S> {
    /// Both streams as one, for windows: see [the module](crate::join).
    ///
    /// The keys must be of one type, both taken with `key_by` or both with `key_by_ref`.
    pub fn join<B, V, Z>(self, other: KeyedStream<B, V, Z>) -> Together<A, U, S, B, V, Z>
    where
        B: Record,
        V: Upstream<B>,
        Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
    {
        self.together(other)
    }

    /// Joins each record with those of the other stream that are near it in time; see [`IntervalJoin`].
    pub fn interval_join<B, V, Z>(
        self,
        other: KeyedStream<B, V, Z>,
    ) -> IntervalJoin<A, U, S, B, V, Z>
    where
        A: Clone,
        B: Record + Clone,
        V: Upstream<B>,
        Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
    {
        IntervalJoin::new(self.together(other))
    }

    /// Joins each record with the version of the other stream that was valid at its time; see [`TemporalJoin`].
    pub fn temporal_join<B, V, Z>(
        self,
        versions: KeyedStream<B, V, Z>,
    ) -> TemporalJoin<A, U, S, B, V, Z>
    where
        A: Clone,
        B: Record,
        V: Upstream<B>,
        Z: KeySelector<B, Owned = S::Owned, Ref = S::Ref>,
    {
        TemporalJoin::new(self.together(versions))
    }
}
