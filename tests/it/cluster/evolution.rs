//! Programs that change between a savepoint and the job that goes on from it, and what functions hear of
//! checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use super::ledger::{RESTARTS, completed};
use super::newest;
use crate::harness::{Cluster, Ended, bundle, lines_of_parts};

/// How many visits a job counts in all, at which rate while it is to be stopped, and how many users there are.
const VISITS: u64 = 60_000;
const RATE: &str = "3000";
const USERS: u64 = 10;

/// `wasmill run --detach` of a version of the tally, which goes on from a savepoint if there is one.
fn run(cluster: &Cluster, version: &str, savepoint: Option<&str>, more: &[&str]) -> Ended {
    let flags = [
        "run",
        "--detach",
        "--json",
        "--checkpoint-interval",
        "100ms",
    ];
    let run = cluster.client(flags).args(["--parallelism", "2"]);
    let from = savepoint.map(|savepoint| ["--from-savepoint", savepoint]);
    let run = run.args(from.into_iter().flatten()).arg(bundle("tally"));
    let visits = VISITS.to_string();
    let args = ["--", "--version", version, "--visits", &visits];
    let output = cluster.dir().join("counts");
    run.args(args).args(more).arg("--output").arg(output).end()
}

/// Starts a version that takes long, and waits until it has taken checkpoints.
fn start(cluster: &Cluster, version: &str, savepoint: Option<&str>, more: &[&str]) -> String {
    let slow = [more, &["--rate", RATE]].concat();
    let started = run(cluster, version, savepoint, &slow).with_code(0);
    let job = started.summary()["jobid"].as_str().unwrap().to_owned();
    cluster.wait("two checkpoints", || {
        let state = cluster.until(&job, &["RUNNING", "FINISHED", "FAILED"]);
        (state != "RUNNING" || completed(cluster, &job) >= 2).then_some(())
    });
    job
}

fn stop(cluster: &Cluster, job: &str) -> String {
    let stop = cluster.client(["stop", "--json", job, "--savepoint-dir"]);
    let stopped = stop
        .arg(cluster.dir().join("savepoints"))
        .end()
        .with_code(0);
    stopped.summary()["savepoint"].as_str().unwrap().to_owned()
}

/// Goes on from a savepoint to the end, after which so many visits of each user were counted, from 1 without
/// a gap.
fn finish(cluster: &Cluster, version: &str, savepoint: &str, more: &[&str], visits: u64) {
    let fast = [more, &["--rate", "0"]].concat();
    let started = run(cluster, version, Some(savepoint), &fast).with_code(0);
    let job = started.summary()["jobid"].as_str().unwrap().to_owned();
    let job = job.as_str();
    let ended = cluster.until(job, &["FINISHED", "FAILED"]);
    assert_eq!(ended, "FINISHED", "{}", newest(cluster, job));
    assert_eq!(counts(&cluster.dir().join("counts")), full(visits));
}

fn counts(output: &Path) -> BTreeMap<String, Vec<u64>> {
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in lines_of_parts(output) {
        let (user, count) = line.split_once(',').unwrap();
        let count = count.parse().unwrap();
        counts.entry(user.to_owned()).or_default().push(count);
    }
    counts
        .values_mut()
        .for_each(|counts| counts.sort_unstable());
    counts
}

fn full(visits: u64) -> BTreeMap<String, Vec<u64>> {
    let of_user = |user: u64| (user.to_string(), (1..=visits).collect());
    (0..USERS).map(of_user).collect()
}

#[test]
fn state_goes_on_in_a_type_that_can_read_it_and_in_no_other() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let first = start(&cluster, "v1", None, &[]);
    let savepoint = stop(&cluster, &first);
    let inspected = cluster.client(["checkpoint", "inspect", &savepoint]).end();
    let inspected = inspected.with_code(0).stdout;
    assert!(
        inspected.contains("state `pages`: Map of u64 -> Map<String, u64>"),
        "{inspected}"
    );
    let old = "`u64 -> enum Visits { V1(u64) }`";
    for (version, new) in [("u64", "`u64 -> u64`"), ("text-key", "`String -> u64`")] {
        let refused = run(&cluster, version, Some(&savepoint), &[]).with_code(2);
        let operator = "state `visits` of operator `visits of users` (uid `users`)";
        refused.error_with(&[operator, old, new, "keep the old type under the old name"]);
    }
    let second = start(&cluster, "v2", Some(&savepoint), &[]);
    let savepoint = stop(&cluster, &second);
    let back = run(&cluster, "v1", Some(&savepoint), &[]).with_code(2);
    back.error_with(&[old, "V2 { all: u64, new: u64 }"]);
    finish(&cluster, "v2", &savepoint, &[], VISITS / USERS);
}

#[test]
fn a_source_that_is_new_is_read_from_its_beginning() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let first = start(&cluster, "u64", None, &[]);
    let savepoint = stop(&cluster, &first);
    let more = VISITS.to_string();
    let second = start(&cluster, "u64", Some(&savepoint), &["--more", &more]);
    // It is one of the sources from then on, of which the next savepoint knows.
    let savepoint = stop(&cluster, &second);
    finish(
        &cluster,
        "u64",
        &savepoint,
        &["--more", &more],
        2 * VISITS / USERS,
    );
}

#[test]
fn functions_of_a_bundle_hear_of_checkpoints() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, "u64", None, &[]);
    cluster.wait("a line about a complete checkpoint", || {
        let logged = cluster.client(["logs", &job]).end().with_code(0).stdout;
        logged.contains("is complete").then_some(())
    });
}
