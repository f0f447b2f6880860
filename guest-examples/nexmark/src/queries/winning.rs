//! Queries about the highest bid of each auction: q4, q6 and q9.
//!
//! A bid counts from the millisecond in which its auction begins to the one in which it expires. Of equal bids
//! the one that was made first wins. An auction is decided, and its state goes, once event time has passed its
//! end.

use wasmill::pipe::Upstream;
use wasmill::prelude::*;
use wasmill::state::{ListState, ValueState};
use wasmill::{Collector, KeyedContext, KeyedProcess, Record, TimeDomain, Timer};

use crate::Settings;
use crate::model::{Auction, Bid, Event};

/// An auction with what a query wants of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lot<A> {
    begins: i64,
    expires: i64,
    row: A,
}

/// A bid with what a query wants of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Offer<B> {
    price: i64,
    time: i64,
    number: u64,
    row: B,
}

impl<B> Offer<B> {
    fn beats(&self, other: &Self) -> bool {
        let rank = |it: &Self| (-it.price, it.time, it.number);
        rank(self) < rank(other)
    }
}

/// An auction that has ended, by its id, and the highest bid.
type Won<A, B> = (i64, A, Offer<B>);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Entry<A, B> {
    Lot(Lot<A>),
    Offer(Offer<B>),
}

/// What is known of an auction.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sale<A, B> {
    lot: Option<Lot<A>>,
    best: Option<Offer<B>>,
    /// Those that came before the auction.
    early: Vec<Offer<B>>,
}

impl<A, B> Sale<A, B> {
    fn consider(&mut self, offer: Offer<B>) {
        let Some(lot) = &self.lot else { return };
        let is_open = (lot.begins..=lot.expires).contains(&offer.time);
        if is_open && self.best.as_ref().is_none_or(|best| offer.beats(best)) {
            self.best = Some(offer);
        }
    }
}

/// Finds the highest bid of each auction.
struct Winning<A, B> {
    sale: ValueState<Sale<A, B>>,
}

impl<A: Record, B: Record> KeyedProcess<i64, (i64, Entry<A, B>)> for Winning<A, B> {
    type Out = Won<A, B>;

    fn process(
        &mut self,
        (_, entry): (i64, Entry<A, B>),
        cx: &mut KeyedContext<'_, i64>,
        _: &mut Collector<'_, Self::Out>,
    ) -> Result<()> {
        self.sale.entry(|known| {
            if let (None, Entry::Offer(offer)) = (&known, &entry)
                && offer.time <= cx.watermark()
            {
                // Its auction has ended, for one that is yet to come begins later.
                return;
            }
            let sale = known.get_or_insert_with(|| Sale {
                lot: None,
                best: None,
                early: Vec::new(),
            });
            match entry {
                Entry::Lot(lot) => {
                    cx.register_timer(TimeDomain::Event, lot.expires);
                    sale.lot = Some(lot);
                    let early = std::mem::take(&mut sale.early);
                    early.into_iter().for_each(|offer| sale.consider(offer));
                }
                Entry::Offer(offer) if sale.lot.is_some() => sale.consider(offer),
                Entry::Offer(offer) => {
                    if sale.early.is_empty() {
                        cx.register_timer(TimeDomain::Event, offer.time);
                    }
                    sale.early.push(offer);
                }
            }
        })
    }

    fn on_timer(
        &mut self,
        timer: Timer,
        cx: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()> {
        self.sale.entry(|known| {
            let Some(sale) = known else { return };
            let is_open = |lot: &Lot<A>| lot.expires > timer.time;
            if sale.lot.as_ref().is_some_and(is_open) {
                return;
            }
            if sale.lot.is_none() {
                // Bids whose auction would have come by now.
                sale.early.retain(|offer| offer.time > timer.time);
                if let Some(next) = sale.early.iter().map(|offer| offer.time).min() {
                    return cx.register_timer(TimeDomain::Event, next);
                }
            }
            if let Some(Sale {
                lot: Some(lot),
                best: Some(best),
                ..
            }) = known.take()
            {
                out.emit((*cx.key(), lot.row, best));
            }
        })
    }
}

/// Decides each auction; the functions take what the query wants.
fn decide<A: Record, B: Record>(
    env: &Env,
    settings: &Settings,
    of_auction: fn(Auction) -> A,
    of_bid: fn(Bid) -> B,
) -> Stream<Won<A, B>, impl Upstream<Won<A, B>> + use<A, B>> {
    let entries = settings.timed(env).flat_map(move |it, out| match it.event {
        Event::Auction(it) => {
            let (begins, expires, id) = (it.date_time, it.expires, it.id);
            let row = of_auction(it);
            let lot = Lot {
                begins,
                expires,
                row,
            };
            out.emit((id, Entry::Lot(lot)));
        }
        Event::Bid(bid) => {
            let (auction, price, time) = (bid.auction, bid.price, bid.date_time);
            let (number, row) = (it.number, of_bid(bid));
            let offer = Offer {
                price,
                time,
                number,
                row,
            };
            out.emit((auction, Entry::Offer(offer)));
        }
        Event::Person(_) => {}
    });
    entries
        .key_by(|(auction, _)| *auction)
        .process_with(|states| Winning {
            sale: states.value("sale"),
        })
}

/// The sum and the number of the prices of a category.
struct Average {
    prices: ValueState<(i64, i64)>,
}

impl KeyedProcess<i64, (i64, i64)> for Average {
    type Out = (i64, i64);

    fn process(
        &mut self,
        (_, price): (i64, i64),
        cx: &mut KeyedContext<'_, i64>,
        _: &mut Collector<'_, (i64, i64)>,
    ) -> Result<()> {
        let is_first = self.prices.entry(|prices| {
            let (sum, count) = prices.get_or_insert_default();
            *sum += price;
            *count += 1;
            *count == 1
        })?;
        if is_first {
            cx.register_timer(TimeDomain::Event, i64::MAX);
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timer,
        cx: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, (i64, i64)>,
    ) -> Result<()> {
        if let Some((sum, count)) = self.prices.get()? {
            out.emit((*cx.key(), sum / count));
        }
        self.prices.clear();
        Ok(())
    }
}

/// q4: the average of the highest bids of the auctions of each category, at the end of the input.
pub(super) fn average_price(env: &Env, settings: &Settings) {
    let sold = decide(env, settings, |it| it.category, |_| ());
    let rows = sold
        .map(|(_, category, best)| (category, best.price))
        .key_by(|(category, _)| *category)
        .process_with(|states| Average {
            prices: states.value("prices"),
        });
    settings.write(rows, |(_, price)| *price);
}

/// How many sales before the last one q6 takes into account.
const BEFORE: usize = 10;

/// What somebody has sold: when the bid was made, the auction, and the price.
struct Sales {
    sales: ListState<(i64, i64, i64)>,
}

impl KeyedProcess<i64, (i64, i64, i64, i64)> for Sales {
    type Out = (i64, i64);

    fn process(
        &mut self,
        (_, time, auction, price): (i64, i64, i64, i64),
        cx: &mut KeyedContext<'_, i64>,
        _: &mut Collector<'_, (i64, i64)>,
    ) -> Result<()> {
        cx.register_timer(TimeDomain::Event, i64::MAX);
        self.sales.add((time, auction, price))
    }

    fn on_timer(
        &mut self,
        _: Timer,
        cx: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, (i64, i64)>,
    ) -> Result<()> {
        let mut sales = self.sales.get()?;
        self.sales.clear()?;
        sales.sort_unstable();
        for last in 0..sales.len() {
            let window = &sales[last.saturating_sub(BEFORE)..=last];
            let sum: i64 = window.iter().map(|(_, _, price)| price).sum();
            out.emit((*cx.key(), sum / window.len() as i64));
        }
        Ok(())
    }
}

/// q6: for each sale the average of its seller's prices up to then, over eleven sales at most, at the end of
/// the input: before, it is not known which bid will win and so which sale comes next.
pub(super) fn selling_prices(env: &Env, settings: &Settings) {
    let sold = decide(env, settings, |it| it.seller, |_| ());
    let rows = sold
        .map(|(auction, seller, best)| (seller, best.time, auction, best.price))
        .key_by(|(seller, ..)| *seller)
        .process_with(|states| Sales {
            sales: states.list("sales"),
        });
    settings.write(rows, |(_, price)| *price);
}

/// q9: each auction with its highest bid, once it has ended.
pub(super) fn winning_bids(env: &Env, settings: &Settings) {
    let sold = decide(env, settings, |it| it, |it| (it.bidder, it.extra));
    let rows = sold.map(|(auction, it, best)| {
        let (bidder, extra) = best.row;
        (
            it.id,
            it.item_name,
            it.description,
            it.initial_bid,
            it.reserve,
            it.date_time,
            it.expires,
            it.seller,
            it.category,
            it.extra,
            auction,
            bidder,
            best.price,
            best.time,
            extra,
        )
    });
    settings.write(rows, |row| row.12);
}
