//! Joins and rankings over all events at once.

use std::collections::BTreeMap;

use super::events::{Auction, Bid, Event, auctions, bids_by, persons};

pub(super) fn q3(events: &[Event]) -> Vec<String> {
    let persons: BTreeMap<i64, _> = persons(events).map(|it| (it.id, it)).collect();
    let mut rows = Vec::new();
    for auction in auctions(events).filter(|it| it.category == 10) {
        if let Some(seller) = persons.get(&auction.seller)
            && ["OR", "ID", "CA"].contains(&seller.state.as_str())
        {
            let (name, city, state) = (&seller.name, &seller.city, &seller.state);
            rows.push(format!("{name},{city},{state},{}", auction.id));
        }
    }
    rows
}

/// Each auction for which anybody bid in time, with the highest bid; of equal ones the first.
fn winners(events: &[Event]) -> Vec<(&Auction, &Bid)> {
    let bids = bids_by(events, |bid| bid.auction);
    let mut winners = Vec::new();
    for auction in auctions(events) {
        let bids = bids.get(&auction.id).into_iter().flatten();
        let in_time =
            |it: &&&Bid| it.date_time >= auction.date_time && it.date_time <= auction.expires;
        let mut best: Option<&Bid> = None;
        for bid in bids.filter(in_time) {
            if best.is_none_or(|best| bid.price > best.price) {
                best = Some(bid);
            }
        }
        winners.extend(best.map(|best| (auction, best)));
    }
    winners
}

pub(super) fn q4(events: &[Event]) -> Vec<String> {
    let mut prices = BTreeMap::<i64, Vec<i64>>::new();
    for (auction, bid) in winners(events) {
        prices.entry(auction.category).or_default().push(bid.price);
    }
    let average = |prices: &[i64]| prices.iter().sum::<i64>() / prices.len() as i64;
    let rows = prices
        .iter()
        .map(|(category, prices)| format!("{category},{}", average(prices)));
    rows.collect()
}

pub(super) fn q6(events: &[Event]) -> Vec<String> {
    let mut sales = BTreeMap::<i64, Vec<(i64, i64, i64)>>::new();
    for (auction, bid) in winners(events) {
        let sale = (bid.date_time, auction.id, bid.price);
        sales.entry(auction.seller).or_default().push(sale);
    }
    let mut rows = Vec::new();
    for (seller, mut sales) in sales {
        sales.sort_unstable();
        for last in 0..sales.len() {
            let window = &sales[last.saturating_sub(10)..=last];
            let sum: i64 = window.iter().map(|sale| sale.2).sum();
            rows.push(format!("{seller},{}", sum / window.len() as i64));
        }
    }
    rows
}

pub(super) fn q9(events: &[Event]) -> Vec<String> {
    let rows = winners(events).into_iter().map(|(it, bid)| {
        let texts = format!("{},{},{}", it.id, it.item_name, it.description);
        let times = format!("{},{}", it.date_time, it.expires);
        let auction = format!(
            "{texts},{},{},{times},{},{},{}",
            it.initial_bid, it.reserve, it.seller, it.category, it.extra
        );
        let bid = format!(
            "{},{},{},{},{}",
            bid.auction, bid.bidder, bid.price, bid.date_time, bid.extra
        );
        format!("{auction},{bid}")
    });
    rows.collect()
}

/// All columns of a bid.
fn all_of(it: &Bid) -> String {
    format!(
        "{},{},{},{},{},{},{}",
        it.auction, it.bidder, it.price, it.channel, it.url, it.date_time, it.extra
    )
}

pub(super) fn q18(events: &[Event]) -> Vec<String> {
    let bids = bids_by(events, |bid| (bid.bidder, bid.auction));
    // Times never go back, so the last of the events has the latest time.
    let last = bids.values().map(|bids| all_of(bids[bids.len() - 1]));
    last.collect()
}

pub(super) fn q19(events: &[Event]) -> Vec<String> {
    let mut rows = Vec::new();
    for (_, mut bids) in bids_by(events, |bid| bid.auction) {
        // This keeps the order of equal ones.
        bids.sort_by_key(|bid| std::cmp::Reverse(bid.price));
        let top = bids.iter().take(10).zip(1..);
        rows.extend(top.map(|(bid, rank)| format!("{},{rank}", all_of(bid))));
    }
    rows
}

pub(super) fn q20(events: &[Event]) -> Vec<String> {
    let bids = bids_by(events, |bid| bid.auction);
    let mut rows = Vec::new();
    for it in auctions(events).filter(|it| it.category == 10) {
        for bid in bids.get(&it.id).into_iter().flatten() {
            let bid = all_of(bid);
            let texts = format!("{},{}", it.item_name, it.description);
            let prices = format!("{},{}", it.initial_bid, it.reserve);
            let times = format!("{},{}", it.date_time, it.expires);
            let rest = format!("{},{},{}", it.seller, it.category, it.extra);
            rows.push(format!("{bid},{texts},{prices},{times},{rest}"));
        }
    }
    rows
}
