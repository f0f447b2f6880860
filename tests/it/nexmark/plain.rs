//! Queries about each bid alone.

use std::collections::BTreeMap;

use super::events::{Event, bids, day_and_minute, euros};

pub(super) fn q0(events: &[Event]) -> Vec<String> {
    let rows = bids(events).map(|it| {
        format!(
            "{},{},{},{},{}",
            it.auction, it.bidder, it.price, it.date_time, it.extra
        )
    });
    rows.collect()
}

pub(super) fn q1(events: &[Event]) -> Vec<String> {
    let rows = bids(events).map(|it| {
        let price = euros(it.price);
        format!(
            "{},{},{price},{},{}",
            it.auction, it.bidder, it.date_time, it.extra
        )
    });
    rows.collect()
}

pub(super) fn q2(events: &[Event]) -> Vec<String> {
    let rows = bids(events).filter(|it| it.auction % 123 == 0);
    rows.map(|it| format!("{},{}", it.auction, it.price))
        .collect()
}

/// The rows of each partition.
pub(super) fn q10(events: &[Event]) -> BTreeMap<String, Vec<String>> {
    let mut partitions = BTreeMap::<String, Vec<String>>::new();
    for (bid, row) in bids(events).zip(q0(events)) {
        let (day, minute) = day_and_minute(bid.date_time);
        let rows = partitions.entry(format!("dt={day}/hm={minute}"));
        rows.or_default().push(format!("{row},{day},{minute}"));
    }
    partitions
}

/// How many bids each bidder made.
pub(super) fn q12_sums(events: &[Event]) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for bid in bids(events) {
        *sums.entry(bid.bidder).or_default() += 1;
    }
    sums
}

pub(super) fn q13(events: &[Event]) -> Vec<String> {
    let rows = bids(events).map(|it| {
        let value = it.auction % 10_000;
        format!(
            "{},{},{},{},{value}",
            it.auction, it.bidder, it.price, it.date_time
        )
    });
    rows.collect()
}

pub(super) fn q14(events: &[Event]) -> Vec<String> {
    let mut rows = Vec::new();
    for it in bids(events) {
        let thousandths = it.price * 908;
        if thousandths <= 1_000_000_000 || thousandths >= 50_000_000_000 {
            continue;
        }
        let hour = it.date_time / 3_600_000 % 24;
        let kind = if (8..=18).contains(&hour) {
            "dayTime"
        } else if hour <= 6 || hour >= 20 {
            "nightTime"
        } else {
            "otherTime"
        };
        let count = it.extra.chars().filter(|letter| *letter == 'c').count();
        let price = euros(it.price);
        let (auction, bidder, time, extra) = (it.auction, it.bidder, it.date_time, &it.extra);
        rows.push(format!(
            "{auction},{bidder},{price},{kind},{time},{extra},{count}"
        ));
    }
    rows
}

pub(super) fn q21(events: &[Event]) -> Vec<String> {
    let mut rows = Vec::new();
    for it in bids(events) {
        let mut parameters = it.url.split('&').skip(1);
        let parameter = parameters.find_map(|it| it.strip_prefix("channel_id="));
        let id = match it.channel.to_lowercase().as_str() {
            "apple" => Some("0"),
            "google" => Some("1"),
            "facebook" => Some("2"),
            "baidu" => Some("3"),
            _ => parameter,
        };
        if let Some(id) = id {
            rows.push(format!(
                "{},{},{},{},{id}",
                it.auction, it.bidder, it.price, it.channel
            ));
        }
    }
    rows
}

pub(super) fn q22(events: &[Event]) -> Vec<String> {
    let rows = bids(events).map(|it| {
        let parts: Vec<&str> = it.url.split('/').collect();
        let directories = parts[3..6].join(",");
        format!(
            "{},{},{},{},{directories}",
            it.auction, it.bidder, it.price, it.channel
        )
    });
    rows.collect()
}
