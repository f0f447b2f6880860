//! Queries that join two kinds of events: q3, q8 and q20.
//!
//! The kinds come as one stream of an enum, keyed by what they are joined on.

use wasmill::prelude::*;
use wasmill::state::ValueState;
use wasmill::time::secs;
use wasmill::window::Tumbling;
use wasmill::{Collector, KeyedContext, KeyedProcess, Record};

use crate::Settings;
use crate::model::Event;

/// One that there is once for each key, or one of many.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Either<L, R> {
    /// None when it is there but the query does not want it: then nobody needs to wait for it.
    One(Option<L>),
    Many(R),
}

/// What is known of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Known<L, R> {
    /// Those that wait for the one.
    Waiting(Vec<R>),
    One(Option<L>),
}

/// Joins each of the many with the one of its key, whichever comes first.
struct Join<L, R, F> {
    known: ValueState<Known<L, R>>,
    join: F,
}

impl<L, R, O, F> KeyedProcess<i64, (i64, Either<L, R>)> for Join<L, R, F>
where
    L: Record,
    R: Record,
    O: Record,
    F: Fn(i64, &L, R) -> O + 'static,
{
    type Out = O;

    fn process(
        &mut self,
        (key, event): (i64, Either<L, R>),
        _: &mut KeyedContext<'_, i64>,
        out: &mut Collector<'_, O>,
    ) -> Result<()> {
        let join = &self.join;
        self.known.entry(|known| match event {
            Either::One(one) => {
                if let (Some(one), Some(Known::Waiting(many))) = (&one, known.take()) {
                    many.into_iter().for_each(|it| out.emit(join(key, one, it)));
                }
                *known = Some(Known::One(one));
            }
            Either::Many(it) => match known.get_or_insert(Known::Waiting(Vec::new())) {
                Known::Waiting(many) => many.push(it),
                Known::One(Some(one)) => out.emit(join(key, one, it)),
                Known::One(None) => {}
            },
        })
    }
}

/// q3: who sells things of category 10 in Oregon, Idaho or California.
pub(super) fn local_items(env: &Env, settings: &Settings) {
    type Seller = (String, String, String);
    let events = settings.events(env).flat_map(|it, out| match it.event {
        Event::Person(it) => {
            let is_local = matches!(it.state.as_str(), "OR" | "ID" | "CA");
            let seller: Option<Seller> = is_local.then_some((it.name, it.city, it.state));
            out.emit((it.id, Either::One(seller)));
        }
        Event::Auction(it) if it.category == 10 => out.emit((it.seller, Either::Many(it.id))),
        Event::Auction(_) | Event::Bid(_) => {}
    });
    let rows = events
        .key_by(|(seller, _)| *seller)
        .process_with(|states| Join {
            known: states.value("sellers"),
            join: |_, seller: &Seller, auction: i64| {
                let (name, city, state) = seller.clone();
                (name, city, state, auction)
            },
        });
    settings.write(rows, |(.., auction)| *auction);
}

/// q20: the bids for things of category 10, with all that is known of the auction.
pub(super) fn expanded_bids(env: &Env, settings: &Settings) {
    type Sold = (String, String, i64, i64, i64, i64, i64, i64, String);
    type Offer = (i64, i64, String, String, i64, String);
    let events = settings.events(env).flat_map(|it, out| match it.event {
        Event::Auction(it) => {
            let is_wanted = it.category == 10;
            let sold: Option<Sold> = is_wanted.then_some((
                it.item_name,
                it.description,
                it.initial_bid,
                it.reserve,
                it.date_time,
                it.expires,
                it.seller,
                it.category,
                it.extra,
            ));
            out.emit((it.id, Either::One(sold)));
        }
        Event::Bid(it) => {
            let offer: Offer = (
                it.bidder,
                it.price,
                it.channel,
                it.url,
                it.date_time,
                it.extra,
            );
            out.emit((it.auction, Either::Many(offer)));
        }
        Event::Person(_) => {}
    });
    let rows = events.key_by(|(auction, _)| *auction);
    let rows = rows.process_with(|states| Join {
        known: states.value("auctions"),
        join: |auction, sold: &Sold, offer: Offer| {
            let (bidder, price, channel, url, time, extra) = offer;
            let bid = (auction, bidder, price, channel, url, time, extra);
            (bid, sold.clone())
        },
    });
    let rows = rows.map(
        |((auction, bidder, price, channel, url, time, extra), sold)| {
            let (name, description, initial, reserve, began, expires, seller, category, more) =
                sold;
            (
                auction,
                bidder,
                price,
                channel,
                url,
                time,
                extra,
                name,
                description,
                initial,
                reserve,
                began,
                expires,
                seller,
                category,
                more,
            )
        },
    );
    settings.write(rows, |(_, _, price, ..)| *price);
}

/// Somebody who has entered, or sold something.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Deed {
    Entered(String),
    Sold,
}

/// Who has entered in a window, and whether they sold something in it.
struct Newcomers;

impl Aggregate<(i64, Deed)> for Newcomers {
    type Accumulator = (Option<String>, bool);
    type Out = Option<String>;

    fn create(&self) -> (Option<String>, bool) {
        (None, false)
    }

    fn add(&self, (name, has_sold): &mut (Option<String>, bool), (_, deed): (i64, Deed)) {
        match deed {
            Deed::Entered(who) => *name = Some(who),
            Deed::Sold => *has_sold = true,
        }
    }

    fn result(&self, (name, has_sold): &(Option<String>, bool)) -> Option<String> {
        name.clone().filter(|_| *has_sold)
    }

    fn merge(&self, (name, has_sold): &mut (Option<String>, bool), other: (Option<String>, bool)) {
        *name = name.take().or(other.0);
        *has_sold |= other.1;
    }
}

/// q8: who has entered and put something up for sale within the same ten seconds.
pub(super) fn new_users(env: &Env, settings: &Settings) {
    let deeds = settings.timed(env).flat_map(|it, out| match it.event {
        Event::Person(it) => out.emit((it.id, Deed::Entered(it.name))),
        Event::Auction(it) => out.emit((it.seller, Deed::Sold)),
        Event::Bid(_) => {}
    });
    let rows = deeds
        .key_by(|(person, _)| *person)
        .window(Tumbling::of(secs(10)))
        .aggregate_with(Newcomers, |id, window, name, out| {
            if let Some(name) = name {
                out.emit((*id, name, window.start));
            }
            Ok(())
        });
    settings.write(rows, |(id, ..)| *id);
}
