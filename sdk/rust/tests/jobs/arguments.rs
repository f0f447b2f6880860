//! The arguments of a program.

use std::net::IpAddr;

use wasmill::prelude::*;
use wasmill::testing::Job;

fn main(env: &Env) -> Result<()> {
    let name = env.arg("name")?;
    let count = env.arg_or("count", 2_u32)?;
    let factor: Option<f64> = env.arg_opt("factor")?;
    let limit: i64 = env.arg_as("limit")?;
    let _: Option<IpAddr> = env.arg_opt("address")?;
    let loud = env.flag("loud");
    let line = format!("{name} {count} {factor:?} {limit} {loud}");
    let lines = env.guest_source(generate(1, move |_| line.clone()));
    lines.sink(File::lines("x")).name("out");
    Ok(())
}

fn check(args: &[&str], expected: Result<&str, &[&str]>) {
    let outcome = Job::new(main).args(args.iter().copied()).run();
    match (outcome, expected) {
        (Ok(outcome), Ok(line)) => assert_eq!(outcome.lines("out"), [line], "{args:?}"),
        (Err(problem), Err(parts)) => {
            let message = format!("{problem:#}");
            for part in parts {
                assert!(
                    message.contains(part),
                    "{args:?}: `{part}` is not in: {message}"
                );
            }
        }
        (outcome, expected) => panic!("{args:?}: {outcome:?} instead of {expected:?}"),
    }
}

#[test]
fn arguments_are_read_by_name() {
    let all = [
        "--name",
        "a b",
        "--count=3",
        "--loud",
        "--limit",
        "-5",
        "--factor",
        "1.5",
    ];
    check(&all, Ok("a b 3 Some(1.5) -5 true"));
    check(&["--name=", "--limit=0"], Ok(" 2 None 0 false"));
    check(&["--name=--x", "--limit=1"], Ok("--x 2 None 1 false"));
}

#[test]
fn arguments_are_given_once() {
    for args in [
        &["--name", "a", "--limit", "1", "--name", "b"][..],
        &["--name=a", "--limit", "1", "--name", "a"],
    ] {
        check(args, Err(&["`--name` is given more than once"]));
    }
    check(
        &["--loud", "--name", "a", "--limit", "1", "--loud"],
        Err(&["`--loud` is given more than once"]),
    );
}

#[test]
fn missing_arguments_are_named_with_the_fix() {
    check(
        &["--limit", "1"],
        Err(&["`--name` is missing", "--name VALUE"]),
    );
    check(&["--name", "a"], Err(&["`--limit` is missing"]));
    check(
        &["--limit", "1", "--name"],
        Err(&["`--name` needs a value"]),
    );
    check(
        &["--name", "--limit", "1"],
        Err(&["`--name` needs a value"]),
    );
}

#[test]
fn malformed_arguments_are_named_with_the_reason() {
    check(
        &["--name", "a", "--limit", "much"],
        Err(&["argument `--limit`: `much` is not a whole number (i64)"]),
    );
    check(
        &["--name", "a", "--limit", "1", "--count", "-1"],
        Err(&["argument `--count`: `-1` is not a whole number (u32)"]),
    );
    check(
        &["--name", "a", "--limit", "1", "--factor", "half"],
        Err(&["argument `--factor`: `half` is not a number (f64)"]),
    );
    check(
        &["--name", "a", "--limit", "1", "--address", "home"],
        Err(&["argument `--address`: `home` is not a value of the type IpAddr: invalid IP"]),
    );
    check(
        &["--name", "a", "--limit", "1", "--loud=yes"],
        Err(&["`--loud`", "takes no value"]),
    );
}

#[test]
fn unknown_arguments_are_named_with_those_there_are() {
    let known = "`--address`, `--count`, `--factor`, `--limit`, `--loud`, `--name`";
    check(
        &["--name", "a", "--limit", "1", "--nam", "b"],
        Err(&["no argument `--nam`", known]),
    );
    check(
        &["--name", "a", "--limit", "1", "--verbose=1"],
        Err(&["no argument `--verbose`", known]),
    );
    check(
        &["--name", "a", "--limit", "1", "stray"],
        Err(&["`stray`", "does not belong to an argument", known]),
    );
    check(
        &["--name", "a", "--limit", "1", "--loud", "very"],
        Err(&["`very`", "does not belong to an argument"]),
    );
    check(
        &["-name", "a", "--name", "a", "--limit", "1"],
        Err(&["`-name`", "does not belong to an argument"]),
    );
}
