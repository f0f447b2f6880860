//! Windows, sessions and days over all events at once.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{Bid, Event, auctions, bids, bids_by, day_and_minute, persons};

const LENGTH: i64 = 10_000;

pub(super) fn q5(events: &[Event]) -> Vec<String> {
    // By the end of the window: how many bids each auction has in it.
    let mut windows = BTreeMap::<i64, BTreeMap<i64, i64>>::new();
    for bid in bids(events) {
        let first_end = (bid.date_time / 2_000 + 1) * 2_000;
        for end in (0..5).map(|slide| first_end + slide * 2_000) {
            *windows
                .entry(end)
                .or_default()
                .entry(bid.auction)
                .or_default() += 1;
        }
    }
    let mut rows = Vec::new();
    for counts in windows.values() {
        let most = counts.values().max();
        let hottest = counts.iter().filter(|(_, count)| Some(*count) == most);
        rows.extend(hottest.map(|(auction, count)| format!("{auction},{count}")));
    }
    rows
}

pub(super) fn q7(events: &[Event]) -> Vec<String> {
    let mut highest = BTreeMap::<i64, i64>::new();
    for bid in bids(events) {
        let end = (bid.date_time / LENGTH + 1) * LENGTH;
        let price = highest.entry(end).or_default();
        *price = bid.price.max(*price);
    }
    let mut rows = Vec::new();
    for it in bids(events) {
        // The windows whose span it is in, both ends included.
        for end in (it.date_time / LENGTH..=it.date_time / LENGTH + 1).map(|n| n * LENGTH) {
            let is_in = it.date_time >= end - LENGTH && it.date_time <= end;
            if is_in && highest.get(&end) == Some(&it.price) {
                let (auction, bidder) = (it.auction, it.bidder);
                rows.push(format!(
                    "{auction},{bidder},{},{},{}",
                    it.price, it.date_time, it.extra
                ));
            }
        }
    }
    rows
}

pub(super) fn q8(events: &[Event]) -> Vec<String> {
    let start = |time: i64| time / LENGTH * LENGTH;
    let sold: BTreeSet<(i64, i64)> = auctions(events)
        .map(|it| (it.seller, start(it.date_time)))
        .collect();
    let entered = persons(events).map(|it| (it.id, start(it.date_time), &it.name));
    let both = entered.filter(|(id, start, _)| sold.contains(&(*id, *start)));
    both.map(|(id, start, name)| format!("{id},{name},{start}"))
        .collect()
}

pub(super) fn q11(events: &[Event]) -> Vec<String> {
    let mut rows = Vec::new();
    for (bidder, bids) in bids_by(events, |bid| bid.bidder) {
        let times: Vec<i64> = bids.iter().map(|bid| bid.date_time).collect();
        let sessions = times.chunk_by(|before, after| after - before <= LENGTH);
        for session in sessions {
            let (first, last) = (session[0], session[session.len() - 1]);
            rows.push(format!(
                "{bidder},{},{first},{}",
                session.len(),
                last + LENGTH
            ));
        }
    }
    rows
}

/// All, and those of each of three levels of the price.
fn levels(bids: &[&Bid], count: impl Fn(&[&Bid]) -> usize) -> String {
    let of = |low: i64, high: i64| {
        let bids = bids
            .iter()
            .filter(|bid| bid.price >= low && bid.price < high);
        count(&bids.copied().collect::<Vec<_>>())
    };
    let (low, high) = (10_000, 1_000_000);
    let counts = [
        of(0, i64::MAX),
        of(0, low),
        of(low, high),
        of(high, i64::MAX),
    ];
    counts.map(|count| count.to_string()).join(",")
}

fn distinct(of: impl Iterator<Item = i64>) -> usize {
    of.collect::<BTreeSet<_>>().len()
}

/// The counts of q15 and q16.
fn report(of: &[&Bid]) -> String {
    let all = levels(of, |bids| bids.len());
    let bidders = levels(of, |bids| distinct(bids.iter().map(|bid| bid.bidder)));
    let auctions = levels(of, |bids| distinct(bids.iter().map(|bid| bid.auction)));
    format!("{all},{bidders},{auctions}")
}

pub(super) fn q15(events: &[Event]) -> Vec<String> {
    let days = bids_by(events, |bid| day_and_minute(bid.date_time).0);
    days.iter()
        .map(|(day, bids)| format!("{day},{}", report(bids)))
        .collect()
}

pub(super) fn q16(events: &[Event]) -> Vec<String> {
    let key = |bid: &Bid| (bid.channel.clone(), day_and_minute(bid.date_time).0);
    let mut rows = Vec::new();
    for ((channel, day), bids) in bids_by(events, key) {
        let minutes = bids.iter().map(|bid| day_and_minute(bid.date_time).1);
        let last = minutes.max().unwrap();
        rows.push(format!("{channel},{day},{last},{}", report(&bids)));
    }
    rows
}

pub(super) fn q17(events: &[Event]) -> Vec<String> {
    let key = |bid: &Bid| (bid.auction, day_and_minute(bid.date_time).0);
    let mut rows = Vec::new();
    for ((auction, day), bids) in bids_by(events, key) {
        let prices: Vec<i64> = bids.iter().map(|bid| bid.price).collect();
        let (min, max) = (prices.iter().min().unwrap(), prices.iter().max().unwrap());
        let sum: i64 = prices.iter().sum();
        let average = sum / prices.len() as i64;
        let counts = levels(&bids, |bids| bids.len());
        rows.push(format!(
            "{auction},{day},{counts},{min},{max},{average},{sum}"
        ));
    }
    rows
}
