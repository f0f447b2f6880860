//! Records and functions that fail.

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{Collector, Process, ProcessContext};

use crate::shapes::check_failure;

fn lengths(env: &Env) -> Result<()> {
    let lines = env.source(File::lines("x"));
    lines.map(|line| line.len()).sink(Blackhole).name("out");
    Ok(())
}

fn sums(env: &Env) -> Result<()> {
    let rows = env.source(File::json_lines("x"));
    let sums = rows.map(|(a, b): (u32, u32)| a + b);
    sums.sink(Blackhole).name("out");
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Trade {
    symbol: String,
    price: f64,
}

fn prices(env: &Env) -> Result<()> {
    let trades = env.source(File::csv("x"));
    let prices = trades.map(|trade: Trade| (trade.symbol, trade.price as u64));
    prices.sink(Blackhole).name("out");
    Ok(())
}

fn json_prices(env: &Env) -> Result<()> {
    let trades = env.source(File::json_lines("x"));
    let prices = trades.map(|trade: Trade| (trade.symbol, trade.price as u64));
    prices.sink(Blackhole).name("out");
    Ok(())
}

/// Good records around a bad one, and what is said about the bad one.
fn bad_records() -> [(Job, &'static [&'static str]); 4] {
    let bytes =
        |main, records: [&'static [u8]; 3]| Job::new(main).input_bytes("Source: file", records);
    [
        (
            bytes(lengths, [b"good", b"b\xff", b"well"]),
            &["invalid UTF-8 at byte 1", "`b\\xff`"],
        ),
        (
            bytes(sums, [b"[1,2]", b"[1,", b"[3,4]"]),
            &["malformed JSON: EOF while parsing", " at column 3: `[1,`"],
        ),
        (
            bytes(
                json_prices,
                [
                    br#"{"symbol":"A","price":1}"#,
                    br#"{"symbol":"B"}"#,
                    br#"{"symbol":"C","price":3}"#,
                ],
            ),
            &[
                "this JSON is not a `",
                "Trade`: missing field `price` at column 14: `{\"symbol\":\"B\"}`",
            ],
        ),
        (
            Job::new(prices).input("Source: file", [("A", "1"), ("B", "cheap"), ("C", "3")]),
            &["column `price` is `cheap`, not a number: `B,cheap`"],
        ),
    ]
}

#[test]
fn a_record_that_cannot_be_read_fails_the_job_with_its_place() {
    for (job, parts) in bad_records() {
        for job in [job.clone(), job.chained()] {
            check_failure(&job, &["subtask 0 of `Map", "record 1 of the batch"]);
            check_failure(&job, parts);
        }
    }
}

#[test]
fn bad_records_are_skipped_and_counted_where_that_is_wanted() {
    for (job, _) in bad_records() {
        let outcome = job.skip_bad_records().run().unwrap();
        assert_eq!(outcome.counter("numBadRecords"), 1);
        assert_eq!(outcome.bytes("out").len(), 2);
    }
}

#[test]
fn bad_records_of_a_keyed_stream_are_skipped_too() {
    fn main(env: &Env) -> Result<()> {
        let rows = env.source(File::json_lines("x"));
        rows.key_by(|n: &u32| n % 2)
            .count()
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    let records: Vec<&[u8]> = vec![b"1", b"x", b"2", b"{", b"3"];
    for cache_bytes in [0, 1 << 20] {
        let job = Job::new(main).input_bytes("Source: file", records.clone());
        let outcome = job
            .cache_bytes(cache_bytes)
            .skip_bad_records()
            .run()
            .unwrap();
        assert_eq!(outcome.counter("numBadRecords"), 2);
        let counts = outcome.output::<(u32, u64)>("out");
        assert_eq!(counts, [(1, 1), (0, 1), (1, 2)]);
    }
}

#[test]
fn errors_of_user_code_fail_the_job_with_their_causes() {
    fn try_map(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let numbers = lines.try_map(|line| {
            let parsed = line.parse::<u64>();
            parsed.with_context(|| format!("the line `{line}`"))
        });
        numbers.sink(Blackhole);
        Ok(())
    }
    fn process(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let numbers = lines.process(|_| {
            |line: String, _, out| {
                out.emit(line.parse::<u64>().context("the line `x`")?);
                Ok(())
            }
        });
        numbers.sink(Blackhole);
        Ok(())
    }
    fn keyed(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let numbers = lines.key_by(|line| line.len()).process(|_| {
            |line: String, _, out| {
                out.emit(line.parse::<u64>().context("the line `x`")?);
                Ok(())
            }
        });
        numbers.sink(Blackhole);
        Ok(())
    }
    for main in [try_map as wasmill::Main, process, keyed] {
        for cache_bytes in [0, 1 << 20] {
            let job = Job::new(main).input("Source: file", ["1", "x", "y"]);
            for job in [job.clone(), job.cache_bytes(cache_bytes).chained()] {
                // Bad lines are no bad records: the policy for those does not concern them.
                let parts = ["the line `x`", "invalid digit"];
                check_failure(&job.clone().skip_bad_records(), &parts);
                check_failure(&job, &parts);
            }
        }
    }
}

struct FailsAtTheEnd;

impl Process<String> for FailsAtTheEnd {
    type Out = String;

    fn process(
        &mut self,
        record: String,
        _: &mut ProcessContext<'_>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        out.emit(record);
        Ok(())
    }

    fn end(&mut self, _: &mut Collector<'_, String>) -> Result<()> {
        bail!("nothing more to say")
    }
}

#[test]
fn an_error_at_the_end_of_the_input_fails_the_job() {
    fn main(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        lines.process_with(|_| FailsAtTheEnd).sink(File::lines("x"));
        Ok(())
    }
    let job = Job::new(main).input("Source: file", ["a"]);
    check_failure(&job, &["`Process`", "nothing more to say"]);
}

#[test]
fn a_record_over_the_limit_fails_the_job() {
    fn main(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let long = lines.map(|line| line.repeat(1_000));
        long.sink(File::lines("x"));
        Ok(())
    }
    let job = Job::new(main)
        .input("Source: file", ["a", "abc"])
        .max_record_bytes(2_000);
    check_failure(
        &job,
        &[
            "cannot emit a record to `Sink: file`",
            "3000 bytes",
            "limit of 2000",
        ],
    );
    // A policy for records that cannot be read is none for records that cannot be written.
    check_failure(&job.skip_bad_records(), &["3000 bytes"]);
}

#[test]
fn a_value_that_has_no_form_fails_the_job() {
    fn main(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let nested = lines.map(|line| (line, ("a", "b").0.to_owned(), vec![1, 2]));
        nested.sink(File::csv("x"));
        Ok(())
    }
    let job = Job::new(main).input("Source: file", ["a"]);
    check_failure(&job, &["cannot emit a record to `Sink: file`", "flatten"]);
}

#[test]
fn a_program_that_fails_has_no_graph() {
    fn main(env: &Env) -> Result<()> {
        env.source(File::lines("x")).sink(File::lines("y"));
        bail!("the moon is full")
    }
    check_failure(&Job::new(main), &["the moon is full"]);
}

#[test]
fn a_program_that_builds_different_graphs_is_caught() {
    fn main(env: &Env) -> Result<()> {
        let lines = env.source(File::lines("x"));
        let twice = lines.map(|line| line).map(|line| line);
        // The second run takes another way.
        if wasmill::random().is_multiple_of(2) {
            twice.sink(File::lines("y"));
        } else {
            twice.map(|line| line).sink(File::lines("y"));
        }
        Ok(())
    }
    check_failure(&Job::new(main), &["another graph", "its arguments only"]);
}

#[test]
fn mistakes_of_a_test_are_named() {
    check_failure(
        &Job::new(lengths),
        &["`Source: file` has no records", ".input("],
    );
    let job = Job::new(lengths).input("Source: file", ["a"]);
    check_failure(
        &job.clone().input("Source: fail", ["b"]),
        &["no source `Source: fail`", "`Source: file`"],
    );
    check_failure(&job.clone().parallelism(0), &["the parallelism", "is 0"]);
    check_failure(
        &job.clone().parallelism(4).max_parallelism(2),
        &["parallelism 4", "max parallelism 2"],
    );
    check_failure(&job.batch_records(0), &["batch_records"]);
    let rows = Job::new(lengths).input("Source: file", [[1, 2]]);
    check_failure(&rows, &["the input of `Source: file`", "a line of text"]);
    let rows = Job::new(prices).input("Source: file", [("A", "B", "C")]);
    check_failure(&rows, &["has 3 fields; the program reads 2"]);
}
