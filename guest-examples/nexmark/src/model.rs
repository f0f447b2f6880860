//! The events of an auction site, with the fields of the Nexmark benchmark.
//!
//! Invariant: as JSON the fields have the benchmark's names, and times are milliseconds since the epoch.

use serde::{Deserialize, Serialize};

/// Somebody who sells or bids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Numbered in the order of events.
    pub id: i64,
    /// First and last name.
    pub name: String,
    /// An address that nobody has.
    pub email_address: String,
    /// Four groups of four digits.
    pub credit_card: String,
    /// A city of the west of the United States.
    pub city: String,
    /// A state there; not necessarily that of the city.
    pub state: String,
    /// When the person entered the site.
    pub date_time: i64,
    /// Fills the event up to its usual size.
    pub extra: String,
}

/// Something that is for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Auction {
    /// Numbered in the order of events.
    pub id: i64,
    /// What is sold.
    pub item_name: String,
    /// More about it.
    pub description: String,
    /// The least that may be bid, in cents.
    pub initial_bid: i64,
    /// The least for which it is sold, in cents.
    pub reserve: i64,
    /// When it began.
    pub date_time: i64,
    /// When it ends; a bid of this millisecond still counts.
    pub expires: i64,
    /// Who sells.
    pub seller: i64,
    /// What kind of thing it is, from 10 to 14.
    pub category: i64,
    /// Fills the event up to its usual size.
    pub extra: String,
}

/// An offer for an auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bid {
    /// Of which auction.
    pub auction: i64,
    /// Who bids.
    pub bidder: i64,
    /// How much, in cents.
    pub price: i64,
    /// Through which channel the bidder came.
    pub channel: String,
    /// The page on which the bid was made.
    pub url: String,
    /// When.
    pub date_time: i64,
    /// Fills the event up to its usual size.
    pub extra: String,
}

/// What happens on the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// Somebody enters.
    Person(Person),
    /// Something is put up for sale.
    Auction(Auction),
    /// Somebody bids.
    Bid(Bid),
}

impl Event {
    /// When it happened, in milliseconds since the epoch.
    pub fn time(&self) -> i64 {
        match self {
            Self::Person(person) => person.date_time,
            Self::Auction(auction) => auction.date_time,
            Self::Bid(bid) => bid.date_time,
        }
    }
}

/// An event with its number, which says what came first where times are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// From 0 on, without gaps.
    pub number: u64,
    /// The event.
    pub event: Event,
}
