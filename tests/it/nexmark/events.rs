//! The events as the JSON lines of `--query events` have them.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the fields of the line, all of them")]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) email_address: String,
    pub(super) credit_card: String,
    pub(super) city: String,
    pub(super) state: String,
    pub(super) date_time: i64,
    pub(super) extra: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Auction {
    pub(super) id: i64,
    pub(super) item_name: String,
    pub(super) description: String,
    pub(super) initial_bid: i64,
    pub(super) reserve: i64,
    pub(super) date_time: i64,
    pub(super) expires: i64,
    pub(super) seller: i64,
    pub(super) category: i64,
    pub(super) extra: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Bid {
    pub(super) auction: i64,
    pub(super) bidder: i64,
    pub(super) price: i64,
    pub(super) channel: String,
    pub(super) url: String,
    pub(super) date_time: i64,
    pub(super) extra: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Event {
    Person(Person),
    Auction(Auction),
    Bid(Bid),
}

/// Reads a line.
pub(super) fn read(line: &str) -> Event {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: `{line}`"))
}

pub(super) fn persons(events: &[Event]) -> impl Iterator<Item = &Person> {
    events.iter().filter_map(|event| match event {
        Event::Person(person) => Some(person),
        Event::Auction(_) | Event::Bid(_) => None,
    })
}

pub(super) fn auctions(events: &[Event]) -> impl Iterator<Item = &Auction> {
    events.iter().filter_map(|event| match event {
        Event::Auction(auction) => Some(auction),
        Event::Person(_) | Event::Bid(_) => None,
    })
}

pub(super) fn bids(events: &[Event]) -> impl Iterator<Item = &Bid> {
    events.iter().filter_map(|event| match event {
        Event::Bid(bid) => Some(bid),
        Event::Person(_) | Event::Auction(_) => None,
    })
}

/// The bids for each auction, in the order of the events.
pub(super) fn bids_by<K: Ord>(
    events: &[Event],
    key: impl Fn(&Bid) -> K,
) -> std::collections::BTreeMap<K, Vec<&Bid>> {
    let mut found = std::collections::BTreeMap::<K, Vec<&Bid>>::new();
    for bid in bids(events) {
        found.entry(key(bid)).or_default().push(bid);
    }
    found
}

/// The date of the events' days and the minute of the day: all of them are in July 2015.
pub(super) fn day_and_minute(time: i64) -> (String, String) {
    let minutes = (time - 1_436_918_400_000) / 60_000;
    let (days, minute) = (minutes / 1440, minutes % 1440);
    let day = format!("2015-07-{}", 15 + days);
    (day, format!("{:02}:{:02}", minute / 60, minute % 60))
}

/// 0.908 times a price, with three decimals.
pub(super) fn euros(price: i64) -> String {
    let thousandths = price * 908;
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}
