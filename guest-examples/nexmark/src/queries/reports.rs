//! Reports of a day: q15, q16 and q17.
//!
//! They come out when event time has passed the end of the day in UTC, and at the end of the input. Distinct
//! bidders and auctions are counted in two steps: first each of them by itself, so that no key has the whole
//! day's sets, then their sums.

use wasmill::Record;
use wasmill::keyed::Key;
use wasmill::prelude::*;
use wasmill::time::days;
use wasmill::window::Tumbling;

use crate::Settings;
use crate::calendar::{day, minute};

/// Which of three levels a price is of.
fn level(price: i64) -> usize {
    match price {
        ..10_000 => 0,
        10_000..1_000_000 => 1,
        _ => 2,
    }
}

/// A bid as one of those of its bidder, or as one of those of its auction.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seen<G> {
    group: G,
    is_bidder: bool,
    id: i64,
    price: i64,
    time: i64,
}

/// How many bids of each level there are, and the time of the last.
struct Levels;

impl<G: Record> Aggregate<Seen<G>> for Levels {
    type Accumulator = ([i64; 3], i64);
    type Out = ([i64; 3], i64);

    fn create(&self) -> ([i64; 3], i64) {
        ([0; 3], i64::MIN)
    }

    fn add(&self, (counts, last): &mut ([i64; 3], i64), it: Seen<G>) {
        counts[level(it.price)] += 1;
        *last = it.time.max(*last);
    }

    fn result(&self, accumulator: &([i64; 3], i64)) -> ([i64; 3], i64) {
        *accumulator
    }

    fn merge(&self, (counts, last): &mut ([i64; 3], i64), other: ([i64; 3], i64)) {
        counts.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
        *last = other.1.max(*last);
    }
}

/// A report, or what one bidder or auction adds to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Report<G> {
    group: G,
    last: i64,
    /// All, and those of each level.
    bids: [i64; 4],
    bidders: [i64; 4],
    auctions: [i64; 4],
}

impl<G> Report<G> {
    fn of_one(group: G, is_bidder: bool, (counts, last): ([i64; 3], i64)) -> Self {
        let [low, middle, high] = counts;
        let bids = [low + middle + high, low, middle, high];
        let distinct = bids.map(|count| count.min(1));
        let none = [0; 4];
        // Each bid is seen twice and counted once.
        match is_bidder {
            true => Self {
                group,
                last,
                bids,
                bidders: distinct,
                auctions: none,
            },
            false => Self {
                group,
                last,
                bids: none,
                bidders: none,
                auctions: distinct,
            },
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.last = self.last.max(other.last);
        for (sums, more) in [
            (&mut self.bids, other.bids),
            (&mut self.bidders, other.bidders),
            (&mut self.auctions, other.auctions),
        ] {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        self
    }
}

/// The reports of each day and group.
fn report<G: Key + Record>(
    env: &Env,
    settings: &Settings,
    group: fn(String) -> G,
) -> Stream<Report<G>, impl wasmill::pipe::Upstream<Report<G>> + use<G>> {
    let bids = settings.timed_bids(env, move |_, it| {
        (
            group(it.channel),
            it.bidder,
            it.auction,
            it.price,
            it.date_time,
        )
    });
    let seen = bids.flat_map(|(group, bidder, auction, price, time), out| {
        for (is_bidder, id) in [(true, bidder), (false, auction)] {
            let group = group.clone();
            out.emit(Seen {
                group,
                is_bidder,
                id,
                price,
                time,
            });
        }
    });
    seen.key_by(|it| (it.group.clone(), it.is_bidder, it.id))
        .window(Tumbling::of(days(1)))
        .aggregate_with(Levels, |(group, is_bidder, _), _, counts, out| {
            out.emit(Report::of_one(group.clone(), *is_bidder, counts));
            Ok(())
        })
        .key_by(|it| it.group.clone())
        .window(Tumbling::of(days(1)))
        .reduce(Report::and)
}

/// q15: how many bids, bidders and auctions there were on a day, by the level of the price.
pub(super) fn bidding(env: &Env, settings: &Settings) {
    let rows = report(env, settings, |_| ()).map(|it| {
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (it.bids, it.bidders, it.auctions);
        (day(it.last), a, b, c, d, e, f, g, h, i, j, k, l)
    });
    settings.write(rows, |row| row.1 + row.5 + row.9);
}

/// q16: the same for each channel, with the minute of its last bid.
pub(super) fn channels(env: &Env, settings: &Settings) {
    let rows = report(env, settings, |channel| channel).map(|it| {
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (it.bids, it.bidders, it.auctions);
        let (day, minute) = (day(it.last), minute(it.last));
        (it.group, day, minute, a, b, c, d, e, f, g, h, i, j, k, l)
    });
    settings.write(rows, |row| row.3 + row.7 + row.11);
}

/// What is known of the prices of an auction.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Prices {
    counts: [i64; 3],
    min: i64,
    max: i64,
    sum: i64,
}

impl Aggregate<(i64, i64)> for Prices {
    type Accumulator = Self;
    type Out = Self;

    fn create(&self) -> Self {
        *self
    }

    fn add(&self, it: &mut Self, (_, price): (i64, i64)) {
        it.counts[level(price)] += 1;
        it.min = it.min.min(price);
        it.max = it.max.max(price);
        it.sum += price;
    }

    fn result(&self, it: &Self) -> Self {
        *it
    }

    fn merge(&self, it: &mut Self, other: Self) {
        it.counts
            .iter_mut()
            .zip(other.counts)
            .for_each(|(a, b)| *a += b);
        it.min = it.min.min(other.min);
        it.max = it.max.max(other.max);
        it.sum += other.sum;
    }
}

/// q17: how many bids there were for an auction on a day, and at which prices.
pub(super) fn auctions(env: &Env, settings: &Settings) {
    let none = Prices {
        counts: [0; 3],
        min: i64::MAX,
        max: i64::MIN,
        sum: 0,
    };
    let rows = settings
        .timed_bids(env, |_, it| (it.auction, it.price))
        .key_by(|(auction, _)| *auction)
        .window(Tumbling::of(days(1)))
        .aggregate_with(none, |auction, window, it, out| {
            let [low, middle, high] = it.counts;
            let count = low + middle + high;
            let (day, average) = (day(window.start), it.sum / count.max(1));
            out.emit((
                *auction, day, count, low, middle, high, it.min, it.max, average, it.sum,
            ));
            Ok(())
        });
    settings.write(rows, |row| row.9);
}
