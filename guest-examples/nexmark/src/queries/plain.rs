//! Queries that look at each bid on its own: q0, q1, q2, q10, q13, q14, q21 and q22; and the events
//! themselves.

use wasmill::SideOutput;
use wasmill::prelude::*;

use crate::Settings;
use crate::calendar::{day, hour, minute};
use crate::model::Bid;

/// How many partitions q10 writes at most, one for each minute.
const MAX_MINUTES: i64 = 200;

/// How many rows the side input of q13 has.
const SIDE_ROWS: i64 = 10_000;

/// The events as JSON lines, in one file, in the order of their numbers.
pub(super) fn events(env: &Env, settings: &Settings) -> Result<()> {
    let Some(directory) = &settings.output else {
        bail!("events are only good for being looked at; say where, with `--output DIR`");
    };
    let events = env.guest_source(settings.generator).parallelism(1);
    let events = events.map(|it| it.event).parallelism(1);
    let lines = File::json_lines(directory.clone());
    events.sink(lines).parallelism(1);
    Ok(())
}

/// q0: the bids as they are.
pub(super) fn pass_through(env: &Env, settings: &Settings) {
    let rows = settings
        .bids(env)
        .map(|it| (it.auction, it.bidder, it.price, it.date_time, it.extra));
    settings.write(rows, |(_, _, price, ..)| *price);
}

/// q1: prices in euros instead of dollars.
pub(super) fn currency(env: &Env, settings: &Settings) {
    let rows = settings.bids(env).map(|it| {
        let price = Euros(it.price * EUROS_PER_1000);
        (it.auction, it.bidder, price, it.date_time, it.extra)
    });
    settings.write(rows, |(_, _, price, ..)| price.0);
}

/// q2: the bids for every 123rd auction.
pub(super) fn selection(env: &Env, settings: &Settings) {
    let bids = settings.bids(env).filter(|it| it.auction % 123 == 0);
    let rows = bids.map(|it| (it.auction, it.price));
    settings.write(rows, |(_, price)| *price);
}

type Logged = (i64, i64, i64, i64, String, String, String);

/// q10: the bids in a directory for each minute.
pub(super) fn log_to_files(env: &Env, settings: &Settings) -> Result<()> {
    let row = |it: Bid| -> Logged {
        let (dt, hm) = (day(it.date_time), minute(it.date_time));
        (
            it.auction,
            it.bidder,
            it.price,
            it.date_time,
            it.extra,
            dt,
            hm,
        )
    };
    let rows = settings.bids(env).map(row);
    let Some(directory) = &settings.output else {
        settings.write(rows, |(_, _, price, ..)| *price);
        return Ok(());
    };
    let generator = &settings.generator;
    let of_minute = |time: i64| time.div_euclid(60_000);
    let first = of_minute(generator.rate.time(0));
    let last = of_minute(generator.rate.time(generator.events.saturating_sub(1)));
    let count = last - first + 1;
    ensure!(
        count <= MAX_MINUTES,
        "the events last {count} minutes, and q10 writes at most {MAX_MINUTES} partitions; take fewer with \
         `--events`, or more per second with `--rate`"
    );
    let partitions: Vec<SideOutput<Logged>> = (0..count).map(|_| SideOutput::new()).collect();
    let outputs = partitions.clone();
    let logged = rows.process(move |_| {
        move |row: Logged, cx, _: &mut wasmill::Collector<'_, ()>| {
            let partition = usize::try_from(of_minute(row.3) - first)?;
            cx.side(&outputs[partition], row);
            Ok(())
        }
    });
    for (minutes, partition) in (first..).zip(&partitions) {
        let time = minutes * 60_000;
        let path = format!("{directory}/dt={}/hm={}", day(time), minute(time));
        logged.side_output(partition).sink(File::csv(path));
    }
    logged.discard();
    Ok(())
}

/// q13: each bid with the row of a bounded side input.
pub(super) fn side_input(env: &Env, settings: &Settings) {
    let values: Vec<String> = (0..SIDE_ROWS).map(|key| key.to_string()).collect();
    let rows = settings.bids(env).flat_map(move |it, out| {
        let key = usize::try_from(it.auction % SIDE_ROWS);
        if let Some(value) = key.ok().and_then(|key| values.get(key)) {
            out.emit((it.auction, it.bidder, it.price, it.date_time, value.clone()));
        }
    });
    settings.write(rows, |(_, _, price, ..)| *price);
}

/// q14: the bids of some prices, with the time of the day in words and a count of letters.
pub(super) fn calculation(env: &Env, settings: &Settings) {
    let rows = settings.bids(env).flat_map(|it, out| {
        let price = Euros(it.price * EUROS_PER_1000);
        if !(1_000_000_001..50_000_000_000).contains(&price.0) {
            return;
        }
        let time = match hour(it.date_time) {
            8..=18 => "dayTime",
            0..=6 | 20.. => "nightTime",
            _ => "otherTime",
        };
        let count = it.extra.bytes().filter(|letter| *letter == b'c').count() as i64;
        let time = time.to_owned();
        out.emit((
            it.auction,
            it.bidder,
            price,
            time,
            it.date_time,
            it.extra,
            count,
        ));
    });
    settings.write(rows, |(.., count)| *count);
}

/// q21: the bids that have come through a channel with an id.
pub(super) fn channel_ids(env: &Env, settings: &Settings) {
    let rows = settings.bids(env).flat_map(|it, out| {
        if let Some(id) = channel_id(&it) {
            let id = id.to_owned();
            out.emit((it.auction, it.bidder, it.price, it.channel, id));
        }
    });
    settings.write(rows, |(.., id)| id.len() as i64);
}

fn channel_id(bid: &Bid) -> Option<&str> {
    let known = [
        ("apple", "0"),
        ("google", "1"),
        ("facebook", "2"),
        ("baidu", "3"),
    ];
    let known = known
        .iter()
        .find(|(name, _)| bid.channel.eq_ignore_ascii_case(name));
    // The first parameter of this name, or the whole text if it begins so.
    let given = || match bid.url.strip_prefix("channel_id=") {
        Some(rest) => Some(rest),
        None => bid.url.split_once("&channel_id=").map(|(_, rest)| rest),
    };
    match known {
        Some((_, id)) => Some(id),
        None => given().map(|rest| rest.split('&').next().unwrap_or(rest)),
    }
}

/// q22: the directories of the pages on which bids were made.
pub(super) fn directories(env: &Env, settings: &Settings) {
    let rows = settings.bids(env).map(|it| {
        let mut parts = it.url.split('/').skip(3);
        let [first, second, third] = [(); 3].map(|()| parts.next().unwrap_or_default().to_owned());
        (
            it.auction, it.bidder, it.price, it.channel, first, second, third,
        )
    });
    settings.write(rows, |(.., third)| third.len() as i64);
}

/// How many euros a thousand dollars are.
const EUROS_PER_1000: i64 = 908;

/// An amount in thousandths of a cent of a euro; written as a decimal of three places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Euros(i64);

impl Serialize for Euros {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
            return serializer.serialize_str(&text);
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Euros {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Only bundles read it, from each other.
        i64::deserialize(deserializer).map(Self)
    }
}
