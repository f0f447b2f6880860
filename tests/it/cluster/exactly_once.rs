//! Exactly-once, end to end: the ledger's records take effect once each, whatever dies while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wasmill_actor::Rng;

use super::newest;
use crate::harness::{Cluster, bundle, lines_of_parts};

/// Restarts at once, as often as needed.
const RESTARTS: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 1000\nfixed-delay-delay = \"50ms\"\n";

/// How many TaskManagers die during one job.
const FAULTS: usize = 6;

/// Starts the ledger on a cluster.
fn submit(cluster: &Cluster, flags: &[&str], records: &str, rate: &str) -> String {
    let output = cluster.dir().join("entries");
    let args = [
        "--records",
        records,
        "--rate",
        rate,
        "--keys",
        "10",
        "--output",
        output.to_str().unwrap(),
    ];
    cluster.submit(&bundle("ledger"), flags, &args)
}

/// Each record has one entry, the counts of each key are `1..n`, and nothing else is left there.
fn check(output: &Path, records: u64) {
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for line in lines_of_parts(output) {
        let numbers: Vec<u64> = line.split(',').map(|it| it.parse().unwrap()).collect();
        let [i, key, count] = numbers[..] else {
            panic!("`{line}` is no entry");
        };
        assert_eq!(key, i % 10, "{line}");
        assert!(seen.insert(i), "record {i} stands there twice");
        counts.entry(key).or_default().push(count);
    }
    assert_eq!(seen.len() as u64, records, "records are missing");
    for (key, mut counts) in counts {
        counts.sort_unstable();
        let whole: Vec<u64> = (1..=counts.len() as u64).collect();
        assert_eq!(counts, whole, "key {key}");
    }
    let hidden = |name: &String| name.starts_with('.');
    let files = std::fs::read_dir(output).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(
        names.filter(hidden).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}

/// Kills random TaskManagers while the ledger runs.
fn survives(flags: &[&str], seed: u64) {
    let mut rng = Rng::seeded(seed);
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let interval = ["--parallelism", "2", "--checkpoint-interval", "200ms"];
    let flags = [&interval, flags].concat();
    let job = submit(&cluster, &flags, "40000", "8000");
    for fault in 0..FAULTS {
        let completed = completed(&cluster, &job);
        // Some die between checkpoints, some right after one.
        if rng.below(2) == 0 {
            cluster.wait("a checkpoint", || {
                let is_over = cluster.state(&job) == "FINISHED";
                (is_over || self::completed(&cluster, &job) > completed).then_some(())
            });
        }
        let victim = format!("tm-{}", 1 + rng.below(3));
        cluster.kill(&victim);
        cluster.join(&victim, 2);
        cluster.until(&job, &["RUNNING", "FINISHED", "FAILED"]);
        assert_ne!(cluster.state(&job), "FAILED", "after fault {fault}");
    }
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), 40_000);
}

/// How many checkpoints of a job are complete.
fn completed(cluster: &Cluster, job: &str) -> u64 {
    let checkpoints = cluster.get(&format!("/jobs/{job}/checkpoints"));
    checkpoints["counts"]["completed"].as_u64().unwrap_or(0)
}

#[test]
fn killed_task_managers_change_nothing_with_state_in_memory() {
    survives(&["--backend", "memory"], 1);
}

#[test]
fn killed_task_managers_change_nothing_with_state_in_rocksdb() {
    survives(&["--backend", "rocksdb"], 2);
}

#[test]
fn a_job_manager_that_starts_again_goes_on_with_its_jobs() {
    let mut cluster = Cluster::of(2, 2, RESTARTS);
    let flags = ["--parallelism", "2", "--checkpoint-interval", "200ms"];
    let job = submit(&cluster, &flags, "40000", "8000");
    for _ in 0..2 {
        cluster.until(&job, &["RUNNING"]);
        cluster.wait("a checkpoint", || has_entries(&cluster).then_some(()));
        cluster.kill_job_manager();
        cluster.restart_job_manager();
    }
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), 40_000);
}

/// Whether some output is visible.
fn has_entries(cluster: &Cluster) -> bool {
    let Ok(files) = std::fs::read_dir(cluster.dir().join("entries")) else {
        return false;
    };
    let mut names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("part-"))
}

#[test]
fn output_becomes_visible_with_checkpoints() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = submit(
        &cluster,
        &["--checkpoint-interval", "100ms"],
        "1000000000",
        "1000",
    );
    cluster.wait("entries of a job that runs", || {
        has_entries(&cluster).then_some(())
    });
    assert_eq!(cluster.state(&job), "RUNNING");
    cluster.client(["cancel", &job]).end().with_code(0);
    assert_eq!(cluster.until(&job, &["CANCELED"]), "CANCELED");
}
