//! The generator of the Nexmark benchmark: each event is a function of its number.
//!
//! Of 50 events in a row the first is a person, the next three are auctions and the others bids. Most auctions
//! are sold by, and most bids go to and come from, a few *hot* persons and auctions that change as time goes
//! on; the others are drawn from those that are recent. Invariant: an event depends on nothing but its number
//! and [`Rate`], so whoever makes it makes the same one.

use std::sync::LazyLock;

use wasmill::prelude::*;
use wasmill::{GuestSource, Poll};

use crate::model::{Auction, Bid, Event, Numbered, Person};
use crate::random::Random;

/// How many events there are of each kind in a row of [`ALL`].
const PERSONS: u64 = 1;
const AUCTIONS: u64 = 3;
/// How many events make a row.
const ALL: u64 = 50;

/// The least id of a person, and of an auction.
const FIRST_ID: u64 = 1000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;

/// One in so many auctions is not by a hot seller, one in so many bids not for a hot auction or not by a hot
/// bidder, and one in so many does not come through a hot channel.
const HOT_SELLERS: u64 = 4;
const HOT_AUCTIONS: u64 = 2;
const HOT_BIDDERS: u64 = 4;
const HOT_CHANNELS: u64 = 2;
/// One in so many persons and auctions is hot.
const HOT: u64 = 100;

/// How many auctions are open at a time, on average, and how many persons are active.
const OPEN_AUCTIONS: u64 = 100;
const ACTIVE_PERSONS: u64 = 1000;
/// How many persons and auctions may be named before they appear.
const LEAD: u64 = 10;

/// The average sizes of events, in bytes.
const PERSON_BYTES: usize = 200;
const AUCTION_BYTES: usize = 500;
const BID_BYTES: usize = 100;

/// The time of the first event, 2015-07-15T00:00:00Z.
const FIRST_TIME: i64 = 1_436_918_400_000;

/// How many events a split has at least, and how many splits there are at most.
const MIN_SPLIT: u64 = 5_000;
const MAX_SPLITS: u64 = 1024;

const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES: [&str; 10] = [
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];
const FIRST_NAMES: [&str; 11] = [
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
];
const LAST_NAMES: [&str; 9] = [
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris",
];
const CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
/// How many channels there are besides.
const OTHER_CHANNELS: u64 = 10_000;

/// Kinds of seeds.
const OF_EVENTS: u64 = 1;
const OF_CHANNELS: u64 = 2;

/// How fast event time passes.
#[derive(Debug, Clone, Copy)]
pub struct Rate(pub u64);

impl Rate {
    /// When an event happens, in milliseconds since the epoch.
    pub fn time(self, number: u64) -> i64 {
        // Whole seconds first, for the product of all could be too large.
        let (seconds, rest) = (number / self.0, number % self.0);
        let millis = seconds
            .saturating_mul(1000)
            .saturating_add(rest.saturating_mul(1000) / self.0);
        FIRST_TIME.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// The event of a number. Not inlined: there is a source in each query, and one copy of this is enough.
    #[inline(never)]
    pub fn event(self, number: u64) -> Event {
        let mut random = Random::new(OF_EVENTS, number);
        match number % ALL {
            0 => Event::Person(self.person(number, &mut random)),
            1..=AUCTIONS => Event::Auction(self.auction(number, &mut random)),
            _ => Event::Bid(self.bid(number, &mut random)),
        }
    }

    fn person(self, number: u64, random: &mut Random) -> Person {
        let first = random.choice(&FIRST_NAMES);
        let name = format!("{first} {}", random.choice(&LAST_NAMES));
        let account = random.text(7, ' ');
        let email_address = format!("{account}@{}.com", random.text(5, ' '));
        let group = |random: &mut Random| format!("{:04}", random.below(10_000));
        let credit_card = [(); 4].map(|()| group(random)).join(" ");
        let city = random.choice(&CITIES).to_owned();
        let state = random.choice(&STATES).to_owned();
        let texts = [&name, &email_address, &credit_card, &city, &state];
        let size = 8 + texts.map(String::len).iter().sum::<usize>();
        Person {
            id: (FIRST_ID + last_person(number)) as i64,
            extra: random.extra(size, PERSON_BYTES),
            name,
            email_address,
            credit_card,
            city,
            state,
            date_time: self.time(number),
        }
    }

    fn auction(self, number: u64, random: &mut Random) -> Auction {
        let seller = match random.below(HOT_SELLERS) {
            0 => any_person(number, random),
            _ => last_person(number) / HOT * HOT,
        };
        let category = FIRST_CATEGORY + random.below(CATEGORIES);
        let initial_bid = random.price();
        let date_time = self.time(number);
        // On average so long that the usual number is open.
        let later = self.time(number + OPEN_AUCTIONS * ALL / AUCTIONS);
        let longest = (later.saturating_sub(date_time)).saturating_mul(2).max(1);
        let longest = longest.unsigned_abs().min(u64::from(u32::MAX));
        let expires = date_time + 1 + random.below(longest) as i64;
        let item_name = random.text(20, ' ');
        let description = random.text(100, ' ');
        let reserve = initial_bid + random.price();
        let size = 8 + item_name.len() + description.len() + 5 * 8;
        Auction {
            id: (FIRST_ID + last_auction(number)) as i64,
            item_name,
            description,
            initial_bid,
            reserve,
            date_time,
            expires,
            seller: (FIRST_ID + seller) as i64,
            category: category as i64,
            extra: random.extra(size, AUCTION_BYTES),
        }
    }

    #[inline]
    fn bid(self, number: u64, random: &mut Random) -> Bid {
        let last = last_auction(number);
        let auction = match random.below(HOT_AUCTIONS) {
            0 => {
                let first = last.saturating_sub(OPEN_AUCTIONS);
                first + random.below(last - first + 1 + LEAD)
            }
            _ => last / HOT * HOT,
        };
        // The second of the hot persons, so that they do not bid for what they sell.
        let bidder = match random.below(HOT_BIDDERS) {
            0 => any_person(number, random),
            _ => last_person(number) / HOT * HOT + 1,
        };
        let price = random.price();
        let (channel, url) = channel(random);
        Bid {
            auction: (FIRST_ID + auction) as i64,
            bidder: (FIRST_ID + bidder) as i64,
            price,
            channel,
            url,
            date_time: self.time(number),
            extra: random.extra(4 * 8, BID_BYTES),
        }
    }
}

/// The last person, counted from 0, up to an event.
fn last_person(number: u64) -> u64 {
    number / ALL * PERSONS
}

/// The last auction, counted from 0, up to an event; before the first auction the first.
fn last_auction(number: u64) -> u64 {
    let row = number / ALL * AUCTIONS;
    match number % ALL {
        0 => row.saturating_sub(1),
        place => row + (place - PERSONS).min(AUCTIONS - 1),
    }
}

/// One of the persons that are active, or about to appear.
fn any_person(number: u64, random: &mut Random) -> u64 {
    let persons = last_person(number) + 1;
    let active = persons.min(ACTIVE_PERSONS);
    persons - active + random.below(active + LEAD)
}

/// A channel and the page of the site to which it leads.
type Channel = (String, String);

/// All channels, the hot ones last. They are made once, for a page takes longer to make than the rest of a bid.
static ALL_CHANNELS: LazyLock<Vec<Channel>> = LazyLock::new(|| {
    let others = (0..OTHER_CHANNELS).map(|number| {
        let mut random = Random::new(OF_CHANNELS, number);
        let mut url = page(&mut random);
        if random.below(10) > 0 {
            let id = (number as u32).reverse_bits().cast_signed().unsigned_abs();
            url.push_str("&channel_id=");
            url.push_str(&id.to_string());
        }
        (format!("channel-{number}"), url)
    });
    let hot = (OTHER_CHANNELS..).zip(CHANNELS).map(|(number, name)| {
        let mut random = Random::new(OF_CHANNELS, number);
        (name.to_owned(), page(&mut random))
    });
    others.chain(hot).collect()
});

/// Draws a channel.
#[inline]
fn channel(random: &mut Random) -> Channel {
    let number = match random.below(HOT_CHANNELS) {
        0 => random.below(OTHER_CHANNELS),
        _ => OTHER_CHANNELS + random.below(CHANNELS.len() as u64),
    };
    ALL_CHANNELS[number as usize].clone()
}

fn page(random: &mut Random) -> String {
    let mut url = String::with_capacity(80);
    url.push_str("https://www.nexmark.com/");
    for _ in 0..3 {
        url.push_str(&random.text(5, '_'));
        url.push('/');
    }
    url.push_str("item.htm?query=1");
    url
}

/// Numbers of events that are still to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    next: u64,
    end: u64,
}

/// Makes the first events.
///
/// Splits follow each other in time and are given out and read in this order, so the events that a reader makes
/// are in the order of their time whichever splits it gets.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    /// How many events.
    pub events: u64,
    /// How fast event time passes.
    pub rate: Rate,
}

impl GuestSource for Generator {
    type Item = Numbered;
    type Split = Numbers;

    fn splits(&mut self, _parallelism: u32) -> Result<Vec<Numbers>> {
        let size = self.events.div_ceil(MAX_SPLITS).max(MIN_SPLIT);
        let count = self.events.div_ceil(size);
        let split = |index: u64| Numbers {
            next: index * size,
            end: self.events.min((index + 1) * size),
        };
        Ok((0..count).map(split).collect())
    }

    fn place(&self, split: &Numbers) -> Option<u64> {
        Some(split.next)
    }

    #[inline]
    fn poll(
        &mut self,
        split: &mut Numbers,
        max: u32,
        emit: &mut impl FnMut(Numbered),
    ) -> Result<Poll> {
        let end = split.end.min(split.next.saturating_add(u64::from(max)));
        for number in split.next..end {
            let event = self.rate.event(number);
            emit(Numbered { number, event });
        }
        split.next = end;
        Ok(match end == split.end {
            true => Poll::Finished,
            false => Poll::More,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate(10_000);

    #[test]
    fn of_fifty_events_one_is_a_person_and_three_are_auctions() {
        let mut counts = [0; 3];
        for number in 0..5_000 {
            let kind = match RATE.event(number) {
                Event::Person(_) => 0,
                Event::Auction(_) => 1,
                Event::Bid(_) => 2,
            };
            counts[kind] += 1;
        }
        assert_eq!(counts, [100, 300, 4_600]);
    }

    #[test]
    fn ids_follow_each_other_and_times_never_go_back() {
        let (mut persons, mut auctions, mut time) = (1000, 1000, FIRST_TIME);
        for number in 0..5_000 {
            let event = RATE.event(number);
            assert!(event.time() >= time);
            time = event.time();
            match event {
                Event::Person(person) => {
                    assert_eq!(person.id, persons);
                    persons += 1;
                }
                Event::Auction(auction) => {
                    assert_eq!(auction.id, auctions);
                    assert!(auction.expires > auction.date_time);
                    auctions += 1;
                }
                Event::Bid(bid) => assert!(bid.auction < auctions + LEAD as i64),
            }
        }
        assert_eq!(time, FIRST_TIME + 499);
    }

    #[test]
    fn splits_have_each_number_once_in_the_order_of_time() {
        for events in [0, 1, 4_999, 5_000, 5_001, 100_000, 10_000_000_007] {
            let mut generator = Generator { events, rate: RATE };
            let splits = generator.splits(2).unwrap();
            assert!(splits.len() as u64 <= MAX_SPLITS);
            let mut next = 0;
            for split in splits {
                assert_eq!(split.next, next);
                assert!(split.end > split.next);
                next = split.end;
            }
            assert_eq!(next, events);
        }
    }

    #[test]
    fn a_channel_always_leads_to_the_same_page() {
        let mut pages = std::collections::BTreeMap::new();
        for number in 0..20_000 {
            if let Event::Bid(bid) = RATE.event(number) {
                let known = pages.entry(bid.channel).or_insert_with(|| bid.url.clone());
                assert_eq!(*known, bid.url);
            }
        }
        assert!(pages.len() > 4_000);
    }
}
