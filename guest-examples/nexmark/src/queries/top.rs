//! Queries that keep the first bids of an order: q18 and q19.
//!
//! What is first may change until the last event, so rows come out at the end of the input. The state grows
//! with the number of keys, as the queries have no window.

use wasmill::prelude::*;
use wasmill::state::ValueState;
use wasmill::{Collector, KeyedContext, KeyedProcess, TimeDomain, Timer};

use crate::Settings;
use crate::model::Bid;

/// How many bids of an auction q19 wants.
const TOP: usize = 10;

type Row = (i64, i64, i64, String, String, i64, String);

fn row(it: Bid) -> Row {
    (
        it.auction,
        it.bidder,
        it.price,
        it.channel,
        it.url,
        it.date_time,
        it.extra,
    )
}

/// A bid with its number.
type NumberedBid = (u64, Bid);

/// Keeps the last bid; of those of one millisecond, that with the largest number.
struct Last {
    bid: ValueState<NumberedBid>,
}

impl KeyedProcess<(i64, i64), NumberedBid> for Last {
    type Out = Row;

    fn process(
        &mut self,
        (number, bid): NumberedBid,
        cx: &mut KeyedContext<'_, (i64, i64)>,
        _: &mut Collector<'_, Row>,
    ) -> Result<()> {
        self.bid.entry(|last| match last {
            Some((known, it)) if (bid.date_time, number) < (it.date_time, *known) => {}
            Some(last) => *last = (number, bid),
            None => {
                cx.register_timer(TimeDomain::Event, i64::MAX);
                *last = Some((number, bid));
            }
        })
    }

    fn on_timer(
        &mut self,
        _: Timer,
        _: &mut KeyedContext<'_, (i64, i64)>,
        out: &mut Collector<'_, Row>,
    ) -> Result<()> {
        self.bid.entry(|last| {
            let bid = last.take();
            bid.into_iter().for_each(|(_, bid)| out.emit(row(bid)));
        })
    }
}

/// q18: the last bid of everybody for every auction.
pub(super) fn last_bids(env: &Env, settings: &Settings) {
    let rows = settings
        .timed_bids(env, |number, bid| (number, bid))
        .key_by(|(_, bid)| (bid.bidder, bid.auction))
        .process_with(|states| Last {
            bid: states.value("last"),
        });
    settings.write(rows, |(_, _, price, ..)| *price);
}

/// Keeps the highest bids, the highest first; of equal ones that with the smaller number.
struct Highest {
    bids: ValueState<Vec<NumberedBid>>,
}

impl KeyedProcess<i64, NumberedBid> for Highest {
    type Out = (Row, i64);

    fn process(
        &mut self,
        (number, bid): NumberedBid,
        cx: &mut KeyedContext<'_, i64>,
        _: &mut Collector<'_, (Row, i64)>,
    ) -> Result<()> {
        self.bids.entry(|bids| {
            let bids = bids.get_or_insert_with(|| {
                cx.register_timer(TimeDomain::Event, i64::MAX);
                Vec::new()
            });
            let rank = (-bid.price, number);
            let place = bids.partition_point(|(number, it)| (-it.price, *number) < rank);
            if place < TOP {
                bids.insert(place, (number, bid));
                bids.truncate(TOP);
            }
        })
    }

    fn on_timer(
        &mut self,
        _: Timer,
        _: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, (Row, i64)>,
    ) -> Result<()> {
        self.bids.entry(|bids| {
            let bids = bids.take().into_iter().flatten();
            for (rank, (_, bid)) in (1..).zip(bids) {
                out.emit((row(bid), rank));
            }
        })
    }
}

/// q19: the ten highest bids of each auction.
pub(super) fn top_bids(env: &Env, settings: &Settings) {
    let rows = settings
        .timed_bids(env, |number, bid| (number, bid))
        .key_by(|(_, bid)| bid.auction)
        .process_with(|states| Highest {
            bids: states.value("highest"),
        })
        .map(
            |((auction, bidder, price, channel, url, time, extra), rank)| {
                (auction, bidder, price, channel, url, time, extra, rank)
            },
        );
    settings.write(rows, |(_, _, price, ..)| *price);
}
