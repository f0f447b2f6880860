//! The Nexmark benchmark: a generator of the events of an auction site, and queries over them as stream
//! programs.
//!
//! `generator` makes the events and `queries` has a file for each kind of query. A query's columns are
//! those of its SELECT list, in its order. Invariant: what a query writes depends on the number of events and
//! their rate only, not on the parallelism, except where it asks for the clock (q12).

mod calendar;
mod generator;
pub mod model;
mod queries;
mod random;

use wasmill::pipe::Upstream;
use wasmill::prelude::*;
use wasmill::{GuestSink, Record};

pub use generator::{Generator, Numbers, Rate};

use model::{Bid, Event, Numbered};

/// How many events happen in a second of event time, unless the program is told.
const RATE: u64 = 10_000;

/// What all queries are told.
#[derive(Debug, Clone)]
struct Settings {
    generator: Generator,
    /// The directory of the output; without one rows are only counted.
    output: Option<String>,
}

/// Runs the query `--query` (`q0` to `q22`, or `events` for the events themselves) over the first `--events`
/// events, of which `--rate` happen in a second (default 10 000), and writes the rows to the directory
/// `--output`. Without it the rows are added up in the counter `checksum`, for benchmarks.
#[wasmill::job]
pub fn nexmark(env: &Env) -> Result<()> {
    let query = env.arg("query")?;
    env.name(format!("nexmark {query}"));
    let rate = env.arg_or("rate", RATE)?;
    ensure!(
        (1..=1_000_000_000).contains(&rate),
        "`--rate` must be from 1 to 1000000000"
    );
    let settings = Settings {
        generator: Generator {
            events: env.arg_as("events")?,
            rate: Rate(rate),
        },
        output: env.arg_opt("output")?,
    };
    queries::build(env, &query, &settings)
}

impl Settings {
    /// The events in order, without event time.
    fn events(&self, env: &Env) -> Stream<Numbered, impl Upstream<Numbered> + use<>> {
        let events = env.guest_source(self.generator);
        events.name("events").uid("events")
    }

    /// The events with their time.
    fn timed(&self, env: &Env) -> Stream<Numbered, impl Upstream<Numbered> + use<>> {
        let strategy = WatermarkStrategy::monotonous().timestamps(|it: &Numbered| it.event.time());
        self.events(env).assign_timestamps_and_watermarks(strategy)
    }

    /// The bids, without event time.
    fn bids(&self, env: &Env) -> Stream<Bid, impl Upstream<Bid> + use<>> {
        self.events(env).flat_map(|it, out| {
            if let Event::Bid(bid) = it.event {
                out.emit(bid);
            }
        })
    }

    /// What a function takes of the bids, which it gets with their numbers; with event time.
    fn timed_bids<T: Record, F: Fn(u64, Bid) -> T + 'static>(
        &self,
        env: &Env,
        take: F,
    ) -> Stream<T, impl Upstream<T> + use<T, F>> {
        self.timed(env).flat_map(move |it, out| {
            if let Event::Bid(bid) = it.event {
                out.emit(take(it.number, bid));
            }
        })
    }

    /// Writes the rows, or adds up what each of them weighs.
    fn write<T: Record, U: Upstream<T>>(&self, rows: Stream<T, U>, weight: fn(&T) -> i64) {
        match &self.output {
            Some(directory) => rows.sink(File::csv(directory.clone())),
            None => rows.sink_with(Sum { weight, sum: 0 }),
        }
        .name("rows")
        .uid("rows");
    }
}

/// Adds up what rows weigh; benchmarks compare the sums.
struct Sum<T> {
    weight: fn(&T) -> i64,
    sum: u64,
}

impl<T: 'static> GuestSink<T> for Sum<T> {
    fn write(&mut self, row: &T) -> Result<()> {
        let weight = (self.weight)(row).cast_unsigned();
        self.sum = self.sum.wrapping_add(weight).wrapping_add(1);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        wasmill::metrics::add("checksum", self.sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
