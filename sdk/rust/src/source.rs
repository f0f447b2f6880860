//! Sources written in the bundle.
//!
//! Invariant: a split carries its own position, so a split taken from a snapshot continues where it
//! was.

use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::codec::{Record, from_postcard, to_postcard};
use crate::host::{Blobs, Failure, PollStatus, blobs_iter, blobs_push, counter_add, empty_blobs};
use crate::pipe::{BoxDown, Down, Node, Nowhere, OperatorPipe, Pipe};
use crate::runtime::{Scope, Shared, SourceDriver};

/// A source written in the bundle.
///
/// ```
/// use wasmill::prelude::*;
/// use wasmill::{GuestSource, Poll};
///
/// /// The letters from `a` on.
/// struct Letters(u8);
///
/// impl GuestSource for Letters {
///     type Item = char;
///     /// The next letter, and the one after the last.
///     type Split = (u8, u8);
///
///     fn splits(&mut self, _parallelism: u32) -> Result<Vec<(u8, u8)>> {
///         let middle = self.0 / 2;
///         Ok(vec![(b'a', b'a' + middle), (b'a' + middle, b'a' + self.0)])
///     }
///
///     fn poll(
///         &mut self,
///         (next, end): &mut (u8, u8),
///         max: u32,
///         emit: &mut impl FnMut(char),
///     ) -> Result<Poll> {
///         for _ in 0..max {
///             if next == end {
///                 return Ok(Poll::Finished);
///             }
///             emit(char::from(*next));
///             *next += 1;
///         }
///         Ok(Poll::More)
///     }
/// }
///
/// fn letters(env: &Env) -> Result<()> {
///     env.guest_source(Letters(5)).sink(File::lines("letters"));
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(letters).run()?;
/// assert_eq!(outcome.lines("Sink: file"), ["a", "b", "c", "d", "e"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait GuestSource: 'static {
    /// What it makes.
    type Item: Record;
    /// A part of the input with the position in it.
    type Split: Record;

    /// Divides the input among about `parallelism` readers.
    ///
    /// # Errors
    /// An error fails the job.
    fn splits(&mut self, parallelism: u32) -> Result<Vec<Self::Split>>;

    /// A split's place in the order in which a reader that has several reads them, each to its end; with
    /// none, the default, they take turns.
    ///
    /// A source whose splits follow each other in time says it, else the first records of a later split would
    /// have event time pass before the last of an earlier one have come.
    fn place(&self, split: &Self::Split) -> Option<u64> {
        let _ = split;
        None
    }

    /// Makes the next records of a split, at most `max`, and advances the split past them.
    ///
    /// # Errors
    /// An error fails the job.
    fn poll(
        &mut self,
        split: &mut Self::Split,
        max: u32,
        emit: &mut impl FnMut(Self::Item),
    ) -> Result<Poll>;
}

/// What a poll of a split left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// There may be more at once.
    More,
    /// There is nothing before this time, in milliseconds since the epoch.
    IdleUntil(i64),
    /// The split is at its end.
    Finished,
}

/// A source of `count` records, each a function of its index: split `s` of `p` makes the indices from
/// `count · s / p` on.
///
/// ```
/// # use wasmill::prelude::*;
/// # fn job(env: &Env) -> Result<()> {
/// let squares = env.guest_source(generate(4, |i| i * i));
/// # squares.sink(Blackhole);
/// # Ok(())
/// # }
/// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
/// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [0, 1, 4, 9]);
/// ```
pub fn generate<T: Record, F: FnMut(u64) -> T + 'static>(count: u64, f: F) -> Generate<T, F> {
    Generate {
        count,
        f,
        records: PhantomData,
    }
}

/// See [`generate`].
pub struct Generate<T, F> {
    count: u64,
    f: F,
    records: PhantomData<fn() -> T>,
}

impl<T, F> std::fmt::Debug for Generate<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generate")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// The indices that are left of a split.
#[derive(Debug, Serialize, Deserialize)]
pub struct Indices {
    next: u64,
    end: u64,
}

impl<T: Record, F: FnMut(u64) -> T + 'static> GuestSource for Generate<T, F> {
    type Item = T;
    type Split = Indices;

    fn splits(&mut self, parallelism: u32) -> Result<Vec<Indices>> {
        let bound = |split: u32| {
            (u128::from(self.count) * u128::from(split) / u128::from(parallelism)) as u64
        };
        Ok((0..parallelism)
            .map(|s| Indices {
                next: bound(s),
                end: bound(s + 1),
            })
            .collect())
    }

    #[inline]
    fn poll(&mut self, split: &mut Indices, max: u32, emit: &mut impl FnMut(T)) -> Result<Poll> {
        let end = split.end.min(split.next.saturating_add(u64::from(max)));
        for index in split.next..end {
            emit((self.f)(index));
        }
        split.next = end;
        Ok(if end == split.end {
            Poll::Finished
        } else {
            Poll::More
        })
    }
}

/// The end of a stream that a source of the bundle makes.
pub struct FromGuest<S> {
    operator: u32,
    source: S,
}

impl<S> FromGuest<S> {
    pub(crate) fn new(operator: u32, source: S) -> Self {
        Self { operator, source }
    }
}

impl<S> Node for FromGuest<S> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<S: GuestSource> Pipe<S::Item> for FromGuest<S> {
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<S::Item>>(self, scope: &Scope, down: D) {
        let driver = Driver {
            source: self.source,
            down,
            shared: scope.shared(),
            splits: Vec::new(),
            numbers: 0,
            next: 0,
        };
        if scope.has(self.operator) {
            driver.tell_splits();
        }
        scope.add_source(self.operator, Box::new(driver));
    }

    /// Also built where nothing follows: splits are asked of an instance that runs no other operator.
    fn build_apart(self, scope: &Scope, down: Option<BoxDown<S::Item>>) {
        self.build(scope, down.unwrap_or_else(|| Box::new(Nowhere)));
    }
}

impl<S: GuestSource> OperatorPipe<S::Item> for FromGuest<S> {}

/// A source with its splits and what follows it.
struct Driver<S: GuestSource, D> {
    source: S,
    down: D,
    shared: Rc<Shared>,
    /// With their numbers, which are those of no other split.
    splits: Vec<(u32, S::Split)>,
    numbers: u32,
    /// The split that is polled next: splits without a place take turns, so one without end starves no other.
    next: usize,
}

impl<S: GuestSource, D: Down<S::Item>> Driver<S, D> {
    /// Each split that is being read has an event time of its own: those that take turns, or else the first.
    fn tell_splits(&self) {
        let in_turns = |(_, split): &&(u32, S::Split)| self.source.place(split).is_none();
        let count = self.splits.iter().take_while(in_turns).count().max(1);
        let numbers = self.splits.iter().take(count).map(|(number, _)| *number);
        self.shared.set_splits(numbers);
    }

    fn poll_split(&mut self, max: u32) -> Result<Poll, Failure> {
        let down = &mut self.down;
        let (number, split) = &mut self.splits[self.next];
        self.shared.set_split(*number);
        let mut made = 0;
        let outcome = self.source.poll(split, max, &mut |record| {
            made += 1;
            down.push(record);
        });
        if made > 0 {
            // The host sees only what leaves the chain.
            counter_add("numRecordsIn", made);
        }
        outcome.map_err(|error| Failure::User(format!("{error:#}")))
    }
}

impl<S: GuestSource, D: Down<S::Item>> SourceDriver for Driver<S, D> {
    fn splits(&mut self, parallelism: u32) -> Result<Blobs, Failure> {
        let splits = self.source.splits(parallelism);
        let splits = splits.map_err(|error| Failure::User(format!("{error:#}")))?;
        encode_splits(splits.iter())
    }

    fn assign(&mut self, splits: &Blobs) -> Result<(), Failure> {
        for bytes in blobs_iter(splits) {
            self.numbers += 1;
            let split = from_postcard(bytes).map_err(Failure::Other)?;
            self.splits.push((self.numbers, split));
        }
        // Splits without a place stay as they came.
        self.splits
            .sort_by_key(|(_, split)| self.source.place(split));
        self.tell_splits();
        Ok(())
    }

    fn poll(&mut self, max_records: u32) -> Result<PollStatus, Failure> {
        let mut earliest: Option<i64> = None;
        for _ in 0..self.splits.len() {
            self.next %= self.splits.len();
            match self.poll_split(max_records)? {
                Poll::More => {
                    let is_in_turns = self.source.place(&self.splits[self.next].1).is_none();
                    self.next = if is_in_turns { self.next + 1 } else { 0 };
                    return Ok(PollStatus::Ready);
                }
                Poll::IdleUntil(time) => {
                    earliest = Some(earliest.map_or(time, |known| known.min(time)));
                    self.next += 1;
                }
                Poll::Finished => {
                    self.splits.remove(self.next);
                    self.tell_splits();
                    let all = self.splits.is_empty();
                    return Ok(if all {
                        PollStatus::Finished
                    } else {
                        PollStatus::Ready
                    });
                }
            }
        }
        Ok(earliest.map_or(PollStatus::Finished, PollStatus::IdleUntil))
    }

    fn snapshot(&mut self) -> Result<Blobs, Failure> {
        encode_splits(self.splits.iter().map(|(_, split)| split))
    }
}

fn encode_splits<'a, S: Serialize + 'a>(
    splits: impl Iterator<Item = &'a S>,
) -> Result<Blobs, Failure> {
    let mut blobs = empty_blobs();
    for split in splits {
        blobs_push(&mut blobs, |bytes| to_postcard(split, bytes)).map_err(Failure::Other)?;
    }
    Ok(blobs)
}
