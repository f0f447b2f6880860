//! Joins of what lies in the same window.
//!
//! The window operator keeps the records of both streams of a key; what comes out of them is the affair of the
//! functions here. Invariant: what comes out has the window's last millisecond as its timestamp.

use anyhow::Result;

use crate::codec::Record;
use crate::connect::Either;
use crate::keyed::KeySelector;
use crate::pipe::Upstream;
use crate::stream::Collector;
use crate::window::{
    Evictor, ProcessWindow, Timestamped, Trigger, Window, WindowAssigner, Windowed, WindowedStream,
};

/// What the join of a window makes.
pub type WindowJoined<L, R, S, W, X, G, V, O> =
    Windowed<Either<L, R>, S, W, X, ProcessWindow<G, V, O>>;

/// Joins of the records in the windows of two streams; [`KeyedStream::join`](crate::KeyedStream::join) comes before
/// the window. Triggers, evictors and lateness are those of windows.
#[expect(
    clippy::type_complexity,
    reason = "the functions made here have no names"
)]
impl<L, R, U, S, W, X, V> WindowedStream<Either<L, R>, U, S, W, X, V>
where
    L: Record + Clone,
    R: Record + Clone,
    U: Upstream<Either<L, R>>,
    S: KeySelector<Either<L, R>>,
    W: WindowAssigner<Either<L, R>>,
    X: Trigger<Either<L, R>>,
    V: Evictor<Either<L, R>>,
{
    /// Lets a function make what comes out of each pair of a left and a right record: the inner join.
    pub fn apply<O, F>(
        self,
        mut f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(&L, &R, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.pairs(Outer::Neither, move |left, right, out| {
            match (left, right) {
                (Some(left), Some(right)) => f(left, right, out),
                (None, _) | (_, None) => Ok(()),
            }
        })
    }

    /// As `apply`, also for left records without a partner.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::time::millis;
    /// # use wasmill::window::Tumbling;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let timed = || WatermarkStrategy::monotonous().timestamps(|at: &i64| *at);
    /// # let left = env.source(File::json_lines("l")).name("l").assign_timestamps_and_watermarks(timed());
    /// # let right = env.source(File::json_lines("r")).name("r").assign_timestamps_and_watermarks(timed());
    /// # let (left, right) = (left.key_by(|_: &i64| 0_u8), right.key_by(|_: &i64| 0_u8));
    /// let joined = left.join(right).window(Tumbling::of(millis(10))).left_outer(|left, right, out| {
    ///     out.emit((*left, right.copied()));
    ///     Ok(())
    /// });
    /// # joined.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("l", [1_i64, 12]).input("r", [2_i64, 3]);
    /// # let pairs = job.run().unwrap().output::<(i64, Option<i64>)>("Sink: blackhole");
    /// # assert_eq!(pairs, [(1, Some(2)), (1, Some(3)), (12, None)]);
    /// ```
    pub fn left_outer<O, F>(
        self,
        mut f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(&L, Option<&R>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.pairs(Outer::Left, move |left, right, out| {
            left.map_or(Ok(()), |left| f(left, right, out))
        })
    }

    /// As `apply`, also for right records without a partner.
    pub fn right_outer<O, F>(
        self,
        mut f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(Option<&L>, &R, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.pairs(Outer::Right, move |left, right, out| {
            right.map_or(Ok(()), |right| f(left, right, out))
        })
    }

    /// As `apply`, also for records of both sides without a partner.
    pub fn full_outer<O, F>(
        self,
        f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(Option<&L>, Option<&R>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.pairs(Outer::Both, f)
    }

    /// Lets a function make what comes out of all left and all right records of a window, each side in the order in
    /// which they came; one of the sides may be empty.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::time::millis;
    /// # use wasmill::window::Tumbling;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let timed = || WatermarkStrategy::monotonous().timestamps(|at: &i64| *at);
    /// # let left = env.source(File::json_lines("l")).name("l").assign_timestamps_and_watermarks(timed());
    /// # let right = env.source(File::json_lines("r")).name("r").assign_timestamps_and_watermarks(timed());
    /// # let (left, right) = (left.key_by(|_: &i64| 0_u8), right.key_by(|_: &i64| 0_u8));
    /// let sizes = left.join(right).window(Tumbling::of(millis(10))).co_group(
    ///     |_key, window, lefts: &[&i64], rights: &[&i64], out| {
    ///         out.emit((window.start, lefts.len(), rights.len()));
    ///         Ok(())
    ///     },
    /// );
    /// # sizes.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let job = wasmill::testing::Job::new(job).input("l", [1_i64, 12]).input("r", [2_i64, 3]);
    /// # let sizes = job.run().unwrap().output::<(i64, usize, usize)>("Sink: blackhole");
    /// # assert_eq!(sizes, [(0, 1, 2), (10, 1, 0)]);
    /// ```
    pub fn co_group<O, F>(
        self,
        mut f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(&S::Owned, Window, &[&L], &[&R], &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.process(
            move |key: &S::Owned,
                  window: Window,
                  records: &[Timestamped<Either<L, R>>],
                  out: &mut Collector<'_, O>| {
                let (left, right) = sides(records);
                f(key, window, &left, &right, out)
            },
        )
    }

    fn pairs<O, F>(
        self,
        outer: Outer,
        mut f: F,
    ) -> WindowJoined<L, R, S, W, X, impl OfWindow<S::Owned, L, R, O>, V, O>
    where
        O: Record,
        F: FnMut(Option<&L>, Option<&R>, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        self.co_group(
            move |_: &S::Owned,
                  _: Window,
                  left: &[&L],
                  right: &[&R],
                  out: &mut Collector<'_, O>| {
                for left in left {
                    for right in right {
                        f(Some(left), Some(right), out)?;
                    }
                    if right.is_empty() && outer.has_left() {
                        f(Some(left), None, out)?;
                    }
                }
                let alone = right
                    .iter()
                    .filter(|_| left.is_empty() && outer.has_right());
                alone
                    .into_iter()
                    .try_for_each(|right| f(None, Some(right), out))
            },
        )
    }
}

/// A function that makes what comes out of a window with records of two streams.
pub trait OfWindow<K, L, R, O>:
    FnMut(&K, Window, &[Timestamped<Either<L, R>>], &mut Collector<'_, O>) -> Result<()> + 'static
{
}

impl<K, L, R, O, F> OfWindow<K, L, R, O> for F where
    F: FnMut(&K, Window, &[Timestamped<Either<L, R>>], &mut Collector<'_, O>) -> Result<()>
        + 'static
{
}

/// Of which side records without a partner come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outer {
    Neither,
    Left,
    Right,
    Both,
}

impl Outer {
    fn has_left(self) -> bool {
        matches!(self, Self::Left | Self::Both)
    }

    fn has_right(self) -> bool {
        matches!(self, Self::Right | Self::Both)
    }
}

/// The records of each side.
fn sides<L, R>(records: &[Timestamped<Either<L, R>>]) -> (Vec<&L>, Vec<&R>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (_, record) in records {
        match record {
            Either::Left(record) => left.push(record),
            Either::Right(record) => right.push(record),
        }
    }
    (left, right)
}
