//! The ledger as the tests of exactly-once run it: what it writes shows whether anything was lost or
//! repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::harness::{Cluster, bundle, lines_of_parts, parts};

/// Restarts at once, as often as needed.
pub(super) const RESTARTS: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 1000\nfixed-delay-delay = \"50ms\"\n";

/// Starts the ledger on a cluster.
pub(super) fn submit(cluster: &Cluster, flags: &[&str], records: &str, rate: &str) -> String {
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
pub(super) fn check(output: &Path, records: u64) {
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for line in lines_of_parts(output) {
        let numbers: Vec<u64> = line.split(',').map(|it| it.parse().unwrap()).collect();
        let [i, key, count] = numbers[..] else {
            panic!("`{line}` is no entry");
        };
        // All records of a key come from one split, in order: the sorted output is that of every run.
        assert_eq!((key, count), (i % 10, i / 10 + 1), "{line}");
        assert!(
            seen.insert(i),
            "record {i} stands there twice: {}",
            entries(output, i)
        );
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

/// The entries of each key are in the order of its records, in each file.
pub(super) fn check_order(output: &Path) {
    for part in parts(output) {
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for line in std::fs::read_to_string(&part).unwrap().lines() {
            let i: u64 = line.split(',').next().unwrap().parse().unwrap();
            let before = last.insert(i % 10, i);
            assert!(
                before < Some(i),
                "{i} after {before:?} in {}",
                part.display()
            );
        }
    }
}

/// Each record of a key up to its last one that has an entry has at least one.
pub(super) fn check_nothing_lost(output: &Path) {
    let lines = lines_of_parts(output);
    let number = |line: &String| line.split(',').next().unwrap().parse::<u64>().unwrap();
    let seen: BTreeSet<u64> = lines.iter().map(number).collect();
    for key in 0..10 {
        let of_key = seen.iter().filter(|i| *i % 10 == key);
        let whole = (key..).step_by(10);
        let gap = of_key.zip(whole).find(|(i, expected)| *i != expected);
        assert_eq!(gap, None, "a record of key {key} is missing");
    }
}

/// Where the entries of a record are.
fn entries(output: &Path, record: u64) -> String {
    let mut found = String::new();
    for part in parts(output) {
        let text = std::fs::read_to_string(&part).unwrap();
        let start = format!("{record},");
        for line in text.lines().filter(|line| line.starts_with(&start)) {
            let written = std::fs::metadata(&part).unwrap().modified().unwrap();
            found.push_str(&format!("{line} in {} of {written:?}; ", part.display()));
        }
    }
    found
}

/// How many checkpoints of a job are complete.
pub(super) fn completed(cluster: &Cluster, job: &str) -> u64 {
    let checkpoints = cluster.get(&format!("/jobs/{job}/checkpoints"));
    checkpoints["counts"]["completed"].as_u64().unwrap_or(0)
}
