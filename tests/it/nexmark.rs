//! The queries of the example `nexmark` give what a slow computation over the events as JSON lines gives.
//!
//! The computations are in [`plain`], [`timed`] and [`kept`]; each reads all events at once and knows nothing
//! of streams.

mod events;
mod kept;
mod plain;
mod timed;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{Wasmill, bundle, lines_of_parts};
use events::{Event, read};

/// How many events the queries see.
const EVENTS: usize = 100_000;

/// How many there are where a second has one event only and the program runs slowly.
const SLOW_EVENTS: usize = 20_000;

/// One job alone, and two subtasks whose caches hold a part of the state only.
const FLAGS: [&[&str]; 2] = [
    &["--parallelism", "1"],
    &["--parallelism", "2", "--cache-bytes", "16KiB"],
];

/// Events that happen at a rate, and where queries write.
struct Site {
    directory: TempDir,
    count: usize,
    rate: &'static str,
    events: Vec<Event>,
}

/// What a query must write, in any order.
type Query = (&'static str, fn(&[Event]) -> Vec<String>);

impl Site {
    fn new(count: usize, rate: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut site = Self {
            directory,
            count,
            rate,
            events: Vec::new(),
        };
        let output = site.run("events", FLAGS[1], "events");
        let lines = fs::read_to_string(output.join("part-0-0.jsonl")).unwrap();
        site.events = lines.lines().map(read).collect();
        assert_eq!(site.events.len(), count);
        site
    }

    /// Runs a query; where its rows are.
    fn run(&self, query: &str, flags: &[&str], name: &str) -> PathBuf {
        let output = self.directory.path().join(name);
        let path = output.display().to_string();
        let count = self.count.to_string();
        let args = ["--query", query, "--events", &count, "--rate", self.rate];
        let args = args.into_iter().chain(["--output", &path]);
        let run = Wasmill::run_local(&bundle("nexmark"), flags, args);
        run.end().with_code(0);
        output
    }

    fn check(&self, queries: &[Query]) {
        for (query, compute) in queries {
            let mut expected = compute(&self.events);
            expected.sort();
            assert!(!expected.is_empty(), "{query} has no rows");
            for (run, flags) in FLAGS.iter().enumerate() {
                let output = self.run(query, flags, &format!("{query}-{run}"));
                assert_same(&lines_of_parts(&output), &expected, query, flags);
            }
        }
    }
}

/// Compares sorted lines; says where they differ first, for all of them are too many to read.
fn assert_same(found: &[String], expected: &[String], query: &str, flags: &[&str]) {
    let pairs = found.iter().zip(expected);
    if let Some((found, expected)) = pairs
        .into_iter()
        .find(|(found, expected)| found != expected)
    {
        panic!("{query} {flags:?}: `{found}` instead of `{expected}`");
    }
    assert_eq!(found.len(), expected.len(), "{query} {flags:?}: rows");
}

#[test]
fn queries_that_look_at_each_bid_alone() {
    Site::new(EVENTS, "10000").check(&[
        ("q0", plain::q0),
        ("q1", plain::q1),
        ("q2", plain::q2),
        ("q13", plain::q13),
        ("q14", plain::q14),
        ("q21", plain::q21),
        ("q22", plain::q22),
    ]);
}

#[test]
fn queries_that_join() {
    Site::new(EVENTS, "10000").check(&[
        ("q3", kept::q3),
        ("q4", kept::q4),
        ("q6", kept::q6),
        ("q8", timed::q8),
        ("q9", kept::q9),
        ("q20", kept::q20),
    ]);
}

#[test]
fn queries_over_windows() {
    let queries: &[Query] = &[
        ("q5", timed::q5),
        ("q7", timed::q7),
        ("q11", timed::q11),
        ("q17", timed::q17),
    ];
    Site::new(EVENTS, "10000").check(queries);
}

#[test]
fn queries_over_windows_with_few_events() {
    Site::new(SLOW_EVENTS, "1").check(&[
        ("q4", kept::q4),
        ("q5", timed::q5),
        ("q7", timed::q7),
        ("q8", timed::q8),
        ("q9", kept::q9),
        ("q11", timed::q11),
    ]);
}

#[test]
fn reports_of_several_days() {
    Site::new(EVENTS, "1").check(&[
        ("q15", timed::q15),
        ("q16", timed::q16),
        ("q17", timed::q17),
    ]);
}

#[test]
fn queries_that_keep_the_first_of_an_order() {
    Site::new(EVENTS, "10000").check(&[("q18", kept::q18), ("q19", kept::q19)]);
}

#[test]
fn bids_are_logged_in_a_directory_for_each_minute() {
    // Six and two thirds of a minute.
    let site = Site::new(EVENTS, "250");
    let expected = plain::q10(&site.events);
    assert_eq!(expected.len(), 7);
    for (run, flags) in FLAGS.iter().enumerate() {
        let output = site.run("q10", flags, &format!("q10-{run}"));
        for (partition, mut rows) in plain::q10(&site.events) {
            rows.sort();
            assert_same(
                &lines_of_parts(&output.join(&partition)),
                &rows,
                &partition,
                flags,
            );
        }
        assert_eq!(count_directories(&output), 1 + expected.len());
    }
}

/// How many directories are below this one.
fn count_directories(path: &Path) -> usize {
    let entries = fs::read_dir(path).unwrap().map(|it| it.unwrap().path());
    let directories = entries.filter(|it| it.is_dir());
    directories.map(|it| 1 + count_directories(&it)).sum()
}

#[test]
fn bids_are_counted_once_whatever_the_clock_says() {
    let site = Site::new(EVENTS, "10000");
    let mut expected = plain::q12_sums(&site.events);
    for (run, flags) in FLAGS.iter().enumerate() {
        let output = site.run("q12", flags, &format!("q12-{run}"));
        let mut sums = std::collections::BTreeMap::<i64, i64>::new();
        for line in lines_of_parts(&output) {
            let row: Vec<i64> = line.split(',').map(|it| it.parse().unwrap()).collect();
            let [bidder, count, start, end] = row[..] else {
                panic!("`{line}`");
            };
            assert_eq!((start % 10_000, end - start), (0, 10_000), "{line}");
            *sums.entry(bidder).or_default() += count;
        }
        assert_eq!(sums, std::mem::take(&mut expected));
        expected = sums;
    }
}
