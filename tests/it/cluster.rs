//! Jobs on clusters of real processes: their output is that of the embedded runner, whatever happens to the
//! processes.

mod bad_input;
mod contract;
mod damage;
mod evolution;
mod exactly_once;
mod failover;
mod faults;
mod ledger;
mod local;
mod network;
mod nodes;
mod provider;
mod rest;
mod savepoints;
mod state;
mod versions;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Cluster, Wasmill, bundle, parts};

/// A text with many different words, in several files.
fn texts(dir: &Path, files: u32, lines: u32) -> PathBuf {
    let texts = dir.join("texts");
    fs::create_dir_all(&texts).unwrap();
    for file in 0..files {
        let mut text = String::new();
        for line in 0..lines {
            let number = u64::from(file * lines + line);
            let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
            text.push_str(&format!(
                "The {word} quick, brown fox {} Über\n",
                word % 100
            ));
        }
        fs::write(texts.join(format!("{file}.txt")), text).unwrap();
    }
    texts
}

/// The last count of every word.
fn counts(output: &Path) -> BTreeMap<String, u64> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for part in parts(output) {
        for line in fs::read_to_string(part).unwrap().lines() {
            let (word, count) = line.rsplit_once(',').unwrap();
            let count: u64 = count.parse().unwrap();
            match counts.get_mut(word) {
                Some(last) => *last = count.max(*last),
                None => drop(counts.insert(word.to_owned(), count)),
            }
        }
    }
    counts.into_iter().collect()
}

/// Starts to count words into `counts` of the cluster's directory.
fn submit(cluster: &Cluster, texts: &Path, parallelism: &str) -> String {
    let output = cluster.dir().join("counts");
    let args = [
        "--input",
        texts.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    cluster.submit(
        &bundle("word-count"),
        &["--parallelism", parallelism],
        &args,
    )
}

/// The newest entry of a job's exception history.
fn newest(cluster: &Cluster, job: &str) -> Value {
    let exceptions = cluster.get(&format!("/jobs/{job}/exceptions"));
    exceptions["exceptionHistory"]["entries"][0].clone()
}

/// Waits until the whole job runs; the TaskManagers of all its subtasks.
fn hosts_of(cluster: &Cluster, job: &str) -> Vec<String> {
    cluster.wait("all subtasks to run", || {
        let detail = cluster.get(&format!("/jobs/{job}"));
        let mut hosts = Vec::new();
        for vertex in detail["vertices"].as_array()? {
            let id = vertex["id"].as_str()?;
            let found = cluster.get(&format!("/jobs/{job}/vertices/{id}"));
            for subtask in found["subtasks"].as_array()? {
                let is_there = subtask["status"] == "RUNNING" || subtask["status"] == "FINISHED";
                hosts.push(
                    is_there
                        .then(|| subtask["taskmanager-id"].as_str())??
                        .to_owned(),
                );
            }
        }
        hosts.sort();
        hosts.dedup();
        Some(hosts)
    })
}

/// How often the subtasks of a job were started: the largest number of an attempt.
fn attempts(cluster: &Cluster, job: &str) -> u64 {
    let detail = cluster.get(&format!("/jobs/{job}"));
    let vertices = detail["vertices"].as_array().unwrap();
    let of_vertex = |vertex: &Value| {
        let id = vertex["id"].as_str().unwrap();
        let found = cluster.get(&format!("/jobs/{job}/vertices/{id}"));
        let subtasks = found["subtasks"].as_array().unwrap();
        let attempts = subtasks.iter().map(|it| it["attempt"].as_u64().unwrap());
        attempts.max().unwrap_or_default()
    };
    vertices.iter().map(of_vertex).max().unwrap_or_default()
}

/// What the embedded runner counts.
fn embedded(dir: &Path, texts: &Path) -> BTreeMap<String, u64> {
    let output = dir.join("embedded");
    let args = [
        "--input",
        texts.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    Wasmill::run_local(&bundle("word-count"), &[], args)
        .end()
        .with_code(0);
    counts(&output)
}

#[test]
fn words_are_counted_on_two_task_managers_as_in_one_process() {
    let cluster = Cluster::of(2, 2, "");
    let texts = texts(cluster.dir(), 4, 2_000);
    let expected = embedded(cluster.dir(), &texts);
    assert!(expected.len() > 5_000, "{}", expected.len());
    for parallelism in ["1", "2", "4"] {
        let output = cluster.dir().join(format!("counts-{parallelism}"));
        let args = [
            "--input",
            texts.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ];
        let job = cluster.submit(
            &bundle("word-count"),
            &["--parallelism", parallelism],
            &args,
        );
        assert_eq!(
            cluster.until(&job, &["FINISHED", "FAILED"]),
            "FINISHED",
            "{}",
            cluster.logged("jobmanager")
        );
        assert_eq!(counts(&output), expected, "parallelism {parallelism}");
    }
    let overview = cluster.get("/overview");
    assert_eq!(
        (&overview["slots-total"], &overview["slots-available"]),
        (&4.into(), &4.into())
    );
}

#[test]
fn a_watched_run_ends_as_its_job_does() {
    let cluster = Cluster::of(1, 2, "");
    let texts = texts(cluster.dir(), 1, 100);
    let output = cluster.dir().join("counts");
    let run = |input: &Path| {
        let command = cluster.client(["run", "--json", "--parallelism", "2"]);
        let command = command
            .arg(bundle("word-count"))
            .args(["--", "--input"])
            .arg(input);
        command.arg("--output").arg(&output).end()
    };
    let missing = run(Path::new("/does/not/exist")).with_code(1);
    missing.error_with(&["/does/not/exist"]);
    assert_eq!(missing.summary()["state"], "FAILED");
    let finished = run(&texts).with_code(0).summary();
    assert_eq!(
        (&finished["state"], &finished["records_in"]),
        (&"FINISHED".into(), &100.into())
    );
    assert_eq!(counts(&output), embedded(cluster.dir(), &texts));
    // What was run is not what was uploaded to be kept.
    assert_eq!(cluster.get("/bundles")["files"], json!([]));
}

#[test]
fn a_run_says_that_it_waits_for_slots() {
    let cluster = Cluster::start("");
    let nowhere = cluster.dir().join("nowhere");
    let run = cluster
        .client(["run", "--json", "--parallelism", "2"])
        .arg(bundle("word-count"))
        .args(["--", "--input", "/", "--output"])
        .arg(&nowhere);
    let running = run.start().until("waits for slots: it needs 2 slots");
    let ended = running.signalled("INT").with_code(130);
    assert_eq!(ended.summary()["state"], "CANCELED");
}

#[test]
fn control_c_before_there_is_a_job_is_answered() {
    // A server that takes the upload and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let run = Wasmill::new(["run", "--json", "--jobmanager", &url]);
    let running = run.arg(bundle("word-count")).start();
    let (mut connection, _) = silent.accept().unwrap();
    connection.read_exact(&mut [0; 4]).unwrap();
    let ended = running.signalled("INT").with_code(130);
    assert_eq!(ended.summary()["state"], "CANCELED");
    assert!(ended.stderr.contains("wasmill list"), "{}", ended.stderr);
}

#[test]
fn a_guest_that_never_ends_is_cancelled_and_its_neighbour_is_not() {
    let cluster = Cluster::of(1, 2, "");
    let nowhere = cluster.dir().join("nowhere");
    let args = ["--output", nowhere.to_str().unwrap()];
    let spin = cluster.submit(&bundle("evil/spin"), &["--call-timeout", "1h"], &args);
    cluster.until(&spin, &["RUNNING"]);
    let cancelled = cluster
        .client(["cancel", "--json", &spin])
        .end()
        .with_code(0)
        .summary();
    assert_eq!(cancelled["state"], "CANCELED");
    let texts = texts(cluster.dir(), 1, 100);
    let output = cluster.dir().join("counts");
    let args = [
        "--input",
        texts.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    let job = cluster.submit(&bundle("word-count"), &["--parallelism", "2"], &args);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
}
