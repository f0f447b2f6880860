//! Each query runs natively, and gives the same at every parallelism.

use wasmill::testing::Job;

use super::*;

/// The rows of a query, sorted.
fn rows(query: &str, parallelism: u32) -> Vec<String> {
    let args = ["--query", query, "--events", "20000", "--output", "any"];
    let job = Job::new(nexmark).args(args).parallelism(parallelism);
    let mut rows = job.run().unwrap().lines("rows");
    rows.sort();
    rows
}

#[test]
fn the_rows_of_every_query_are_the_same_at_every_parallelism() {
    for query in 0..=22 {
        // q10 has a sink for each minute, and q12 asks for the clock.
        if matches!(query, 10 | 12) {
            continue;
        }
        let query = format!("q{query}");
        let alone = rows(&query, 1);
        assert!(!alone.is_empty(), "{query} has no rows");
        assert_eq!(rows(&query, 3), alone, "{query}");
    }
}

#[test]
fn every_bid_is_counted_once_by_the_clock() {
    let counts = rows("q12", 2).into_iter().map(|row| {
        let count = row.split(',').nth(1).unwrap();
        count.parse::<u64>().unwrap()
    });
    assert_eq!(counts.sum::<u64>(), 20_000 / 50 * 46);
}

#[test]
fn a_query_that_does_not_exist_is_refused() {
    let args = ["--query", "q23", "--events", "1"];
    let problem = wasmill::testing::describe(nexmark, &args).unwrap_err();
    assert!(problem.contains("no query `q23`"), "{problem}");
    let args = [
        "--query", "q10", "--events", "1000", "--rate", "1", "--output", "x",
    ];
    wasmill::testing::describe(nexmark, &args).unwrap();
    let args = [
        "--query", "q10", "--events", "100000", "--rate", "1", "--output", "x",
    ];
    let problem = wasmill::testing::describe(nexmark, &args).unwrap_err();
    assert!(problem.contains("`--rate`"), "{problem}");
}
