//! Queries over windows of time: q5, q7, q11 and q12.

use wasmill::prelude::*;
use wasmill::state::ValueState;
use wasmill::time::secs;
use wasmill::window::{Session, Sliding};
use wasmill::{Collector, KeyedContext, KeyedProcess, Record, TimeDomain, Timer};

use crate::Settings;

/// The length of all windows but the sliding ones' step, in milliseconds.
const LENGTH: i64 = 10_000;

/// One of those among which the best of a window are found.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Candidate<T> {
    /// The end of the window.
    end: i64,
    /// How good it is.
    rank: i64,
    /// Whether it belongs to the window; otherwise it only comes out if it is as good as the best that do.
    belongs: bool,
    row: T,
}

/// Lets only those pass that are no worse than the best so far: what comes later in a subtask is usually of the
/// same window, so hardly anything crosses the network.
struct Sieve {
    end: i64,
    best: i64,
}

impl Sieve {
    fn new() -> Self {
        let end = i64::MIN;
        Self { end, best: end }
    }

    fn passes(&mut self, end: i64, rank: i64) -> bool {
        if end != self.end {
            *self = Self { end, best: rank };
        }
        let passes = rank >= self.best;
        self.best = self.best.max(rank);
        passes
    }
}

/// The best of a window so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Best<T> {
    rank: i64,
    rows: Vec<T>,
    /// Those that do not belong to the window.
    others: Vec<(i64, T)>,
}

/// Finds the best of each window. All of those that are equally good come out.
struct Bests<T> {
    best: ValueState<Best<T>>,
    /// By how much later than the window's end all candidates have come.
    delay: i64,
}

impl<T: Record> KeyedProcess<i64, Candidate<T>> for Bests<T> {
    type Out = (i64, T);

    fn process(
        &mut self,
        it: Candidate<T>,
        cx: &mut KeyedContext<'_, i64>,
        _: &mut Collector<'_, (i64, T)>,
    ) -> Result<()> {
        let delay = self.delay;
        self.best.entry(|best| {
            let best = best.get_or_insert_with(|| {
                cx.register_timer(TimeDomain::Event, it.end + delay);
                let (rank, rows, others) = (i64::MIN, Vec::new(), Vec::new());
                Best { rank, rows, others }
            });
            if !it.belongs {
                return best.others.push((it.rank, it.row));
            }
            if it.rank > best.rank {
                best.rank = it.rank;
                best.rows.clear();
            }
            if it.rank == best.rank {
                best.rows.push(it.row);
            }
        })
    }

    fn on_timer(
        &mut self,
        _: Timer,
        _: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, (i64, T)>,
    ) -> Result<()> {
        self.best.entry(|best| {
            let Some(best) = best.take() else { return };
            best.rows
                .into_iter()
                .for_each(|row| out.emit((best.rank, row)));
            let others = best.others.into_iter();
            let equals = others.filter(|(rank, _)| *rank == best.rank);
            equals.for_each(|(rank, row)| out.emit((rank, row)));
        })
    }
}

/// q5: the auctions with the most bids of the last ten seconds, every two seconds.
pub(super) fn hot_items(env: &Env, settings: &Settings) {
    let mut sieve = Sieve::new();
    let rows = settings
        .timed_bids(env, |_, bid| bid.auction)
        .key_by(|auction| *auction)
        .window(Sliding::of(secs(10), secs(2)))
        .aggregate_with(Count, |auction, window, count, out| {
            out.emit((*auction, window.end, count as i64));
            Ok(())
        })
        .flat_map(move |(row, end, rank), out| {
            if sieve.passes(end, rank) {
                let belongs = true;
                out.emit(Candidate {
                    end,
                    rank,
                    belongs,
                    row,
                });
            }
        })
        .key_by(|it| it.end)
        .process_with(|states| Bests {
            best: states.value("hottest"),
            delay: -1,
        })
        .map(|(count, auction)| (auction, count));
    settings.write(rows, |(_, count)| *count);
}

/// q7: the highest bids of each ten seconds.
///
/// A bid of the very millisecond in which a window ends counts as one of its highest too, if it is as high, for
/// so the query says.
pub(super) fn highest_bid(env: &Env, settings: &Settings) {
    let mut sieve = Sieve::new();
    let rows = settings
        .timed_bids(env, |_, it| it)
        .flat_map(move |it, out| {
            let begin = it.date_time.div_euclid(LENGTH) * LENGTH;
            let end = begin + LENGTH;
            let (rank, belongs) = (it.price, true);
            let is_edge = it.date_time == begin;
            let passes = sieve.passes(end, rank);
            if !passes && !is_edge {
                return;
            }
            let row = (it.auction, it.bidder, it.date_time, it.extra);
            if is_edge {
                let (end, row, belongs) = (begin, row.clone(), false);
                out.emit(Candidate {
                    end,
                    rank,
                    belongs,
                    row,
                });
            }
            if passes {
                out.emit(Candidate {
                    end,
                    rank,
                    belongs,
                    row,
                });
            }
        })
        .key_by(|it| it.end)
        .process_with(|states| Bests {
            best: states.value("highest"),
            delay: 0,
        })
        .map(|(price, (auction, bidder, time, extra))| (auction, bidder, price, time, extra));
    settings.write(rows, |(_, _, price, ..)| *price);
}

/// q11: how many bids somebody made until there was none for ten seconds.
pub(super) fn sessions(env: &Env, settings: &Settings) {
    let rows = settings
        .timed_bids(env, |_, bid| bid.bidder)
        .key_by(|bidder| *bidder)
        .window(Session::with_gap(secs(10)))
        .aggregate_with(Count, |bidder, window, count, out| {
            out.emit((*bidder, count, window.start, window.end));
            Ok(())
        });
    settings.write(rows, |(bidder, count, ..)| bidder * *count as i64);
}

/// How many bids somebody made in ten seconds by the clock.
struct ByTheClock {
    /// When the window began, and the count.
    window: ValueState<(i64, i64)>,
}

type Counted = (i64, i64, i64, i64);

impl ByTheClock {
    fn close(&self, bidder: i64, out: &mut Collector<'_, Counted>) -> Result<()> {
        self.window.entry(|window| {
            if let Some((start, count)) = window.take() {
                out.emit((bidder, count, start, start + LENGTH));
            }
        })
    }
}

impl KeyedProcess<i64, i64> for ByTheClock {
    type Out = Counted;

    fn process(
        &mut self,
        bidder: i64,
        cx: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, Counted>,
    ) -> Result<()> {
        let now = cx.now().div_euclid(LENGTH) * LENGTH;
        let count = self.window.entry(|window| match window {
            Some((start, count)) if *start == now => {
                *count += 1;
                None
            }
            window => window.replace((now, 1)).or(Some((now, 0))),
        })?;
        let Some((start, count)) = count else {
            return Ok(());
        };
        if count > 0 {
            // The clock has gone on, and the timer is still to come.
            out.emit((bidder, count, start, start + LENGTH));
        }
        cx.register_timer(TimeDomain::Processing, now + LENGTH - 1);
        // At the end of the input no timer by the clock fires any more.
        cx.register_timer(TimeDomain::Event, i64::MAX);
        Ok(())
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, Counted>,
    ) -> Result<()> {
        let window = self.window.get()?;
        let is_over = window.is_some_and(|(start, _)| start + LENGTH - 1 <= timer.time);
        match is_over {
            true => self.close(*cx.key(), out),
            false => Ok(()),
        }
    }
}

/// q12: how many bids somebody made in each ten seconds by the clock.
pub(super) fn by_the_clock(env: &Env, settings: &Settings) {
    let rows = settings
        .bids(env)
        .map(|bid| bid.bidder)
        .key_by(|bidder| *bidder)
        .process_with(|states| ByTheClock {
            window: states.value("window"),
        });
    // Rows depend on the clock, what they count does not: the row itself counts for one.
    settings.write(rows, |(_, count, ..)| count - 1);
}
