//! Processes die, hang and come back while a job runs: it ends with the whole result, and says what
//! happened.

use std::fs;
use std::time::Duration;

use wasmill_actor::Clock;

use super::ledger::{check, completed};
use super::{attempts, counts, embedded, hosts_of, newest, submit, texts};
use crate::harness::{Cluster, bundle, lines_of_parts};

/// Restarts at once, often enough.
const RESTARTS: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 10\nfixed-delay-delay = \"100ms\"\n";

/// How soon a job must run again when there is a spare TaskManager.
const SOON: Duration = Duration::from_secs(3);

/// Restarts at once, and nobody counts as lost only because the machine is slow.
const PATIENT: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 10\nfixed-delay-delay = \"50ms\"\n\
     [heartbeat]\ninterval = \"1s\"\ntimeout = \"45s\"\n";

/// Of each vertex, its name, where its only subtask is, and which attempt that is, once all run.
fn places(cluster: &Cluster, job: &str) -> Vec<(String, String, u64)> {
    cluster.wait("all subtasks to run", || {
        let detail = cluster.get(&format!("/jobs/{job}"));
        let place = |vertex: &serde_json::Value| {
            let id = vertex["id"].as_str()?;
            let found = cluster.get(&format!("/jobs/{job}/vertices/{id}"));
            let subtask = &found["subtasks"][0];
            let host = subtask["taskmanager-id"].as_str()?.to_owned();
            let place = (
                vertex["name"].as_str()?.to_owned(),
                host,
                subtask["attempt"].as_u64()?,
            );
            (subtask["status"] == "RUNNING").then_some(place)
        };
        detail["vertices"].as_array()?.iter().map(place).collect()
    })
}

/// The attempts of a job's vertices of one subtask each.
fn attempts_of_vertices(cluster: &Cluster, job: &str) -> Vec<u64> {
    let detail = cluster.get(&format!("/jobs/{job}"));
    let vertices = detail["vertices"].as_array().unwrap().iter();
    let attempt = |vertex: &serde_json::Value| {
        let id = vertex["id"].as_str().unwrap();
        let found = cluster.get(&format!("/jobs/{job}/vertices/{id}"));
        found["subtasks"][0]["attempt"].as_u64().unwrap()
    };
    vertices.map(attempt).collect()
}

/// Where a job's first running subtask is.
fn host_of(cluster: &Cluster, job: &str) -> String {
    cluster.wait("a subtask to run", || {
        let detail = cluster.get(&format!("/jobs/{job}"));
        let vertex = detail["vertices"][0]["id"].as_str()?;
        let subtasks = cluster.get(&format!("/jobs/{job}/vertices/{vertex}"));
        let name = subtasks["subtasks"][0]["taskmanager-id"].as_str()?;
        let runs = subtasks["subtasks"][0]["status"] == "RUNNING";
        runs.then(|| name.to_owned())
    })
}

#[test]
fn a_job_runs_again_soon_after_a_task_manager_was_killed() {
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let texts = texts(cluster.dir(), 4, 150_000);
    let job = submit(&cluster, &texts, "4");
    let victim = host_of(&cluster, &job);
    cluster.kill(&victim);
    let clock = Clock::system();
    cluster.wait("a restart", || {
        let restarted = cluster.get(&format!("/jobs/{job}"));
        let attempts = &restarted["timestamps"]["RESTARTING"];
        (attempts.as_i64()? > 0).then_some(())
    });
    cluster.until(&job, &["RUNNING", "FINISHED"]);
    assert!(clock.monotonic() < SOON, "{:?}", clock.monotonic());
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    let cause = newest(&cluster, &job).to_string();
    assert!(cause.contains(&victim), "{cause}");
    assert_eq!(
        counts(&cluster.dir().join("counts")),
        embedded(cluster.dir(), &texts)
    );
}

#[test]
fn a_task_manager_that_hangs_is_left_behind() {
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let texts = texts(cluster.dir(), 4, 150_000);
    let job = submit(&cluster, &texts, "4");
    let victim = host_of(&cluster, &job);
    cluster.signal(&victim, "STOP");
    cluster.until_joined(2);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    cluster.signal(&victim, "CONT");
    cluster.until_joined(3);
    assert_eq!(
        counts(&cluster.dir().join("counts")),
        embedded(cluster.dir(), &texts)
    );
}

#[test]
fn a_job_without_restarts_fails_with_the_lost_task_manager_as_the_reason() {
    let mut cluster = Cluster::of(2, 2, "");
    let texts = texts(cluster.dir(), 4, 150_000);
    let job = submit(&cluster, &texts, "4");
    let victim = host_of(&cluster, &job);
    cluster.kill(&victim);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FAILED");
    let cause = newest(&cluster, &job).to_string();
    assert!(cause.contains(&victim), "{cause}");
    // A killed process leaves hidden files, which the next job that writes there removes; it may have died
    // before it made the directory.
    let left = fs::read_dir(cluster.dir().join("counts"));
    let visible = left.into_iter().flatten().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        !name.as_encoded_bytes().starts_with(b".")
    });
    assert_eq!(visible.count(), 0);
}

#[test]
fn a_lost_task_manager_takes_only_its_region_back_to_the_checkpoint() {
    let mut cluster = Cluster::of(3, 1, PATIENT);
    let outputs = ["entries", "second"].map(|name| cluster.dir().join(name));
    let [first, second] = outputs.each_ref().map(|it| it.to_str().unwrap());
    let args = ["--records", "1000000000", "--rate", "3000"];
    let args = [&args[..], &["--output", first, "--second", second]].concat();
    let flags = ["--checkpoint-interval", "100ms", "--backend", "rocksdb"];
    let job = cluster.submit(&bundle("ledger"), &flags, &args);
    // Each region has a slot, and each TaskManager has one.
    assert_eq!(hosts_of(&cluster, &job).len(), 2);
    for struck in ["records", "records-2", "records"] {
        let before = completed(&cluster, &job);
        cluster.wait("a checkpoint", || {
            (completed(&cluster, &job) > before).then_some(())
        });
        let places_before = places(&cluster, &job);
        let is_struck = |(name, _, _): &&(String, String, u64)| name.ends_with(struck);
        let found = places_before.iter().find(is_struck);
        let (_, victim, _) = found.expect("it is a vertex").clone();
        cluster.kill(&victim);
        cluster.join(&victim, 1);
        cluster.wait("its tasks to start again", || {
            let now = places(&cluster, &job);
            let again = now.iter().zip(&places_before).all(|(now, before)| {
                let is_again = now.2 > before.2;
                is_again == (before.1 == victim)
            });
            again.then_some(())
        });
    }
    let savepoints = cluster.dir().join("savepoints");
    let stop = cluster.client(["stop", "--json", &job, "--savepoint-dir"]);
    stop.arg(savepoints).end().with_code(0);
    for output in outputs {
        // This fails if hidden files are left of those that were killed.
        check(&output, lines_of_parts(&output).len() as u64);
    }
    // One restart of two tasks for each that was killed, and none besides.
    let attempts = attempts_of_vertices(&cluster, &job);
    assert_eq!(attempts.iter().sum::<u64>(), 2 * 3, "{attempts:?}");
}

#[test]
fn a_task_that_starts_again_where_it_was_downloads_no_state() {
    let cluster = Cluster::of(1, 1, RESTARTS);
    let output = cluster.dir().join("entries");
    let start = Clock::system().now_ms();
    let panics: Vec<String> = (1..=8).map(|n| (start + n * 5_000).to_string()).collect();
    let args = [
        "--records",
        "1000000000",
        "--rate",
        "50000",
        "--keys",
        "100000",
    ];
    let rest = ["--panic-at", &panics.join(","), "--output"];
    let args = [&args[..], &rest, &[output.to_str().unwrap()]].concat();
    let flags = ["--checkpoint-interval", "300ms", "--backend", "rocksdb"];
    let job = cluster.submit(&bundle("ledger"), &flags, &args);
    // What several checkpoints share is in files of its own.
    let shared = cluster.dir().join("checkpoints").join(&job).join("shared");
    cluster.wait("a checkpoint with files", || {
        let has_files = fs::read_dir(&shared).is_ok_and(|mut files| files.next().is_some());
        (has_files && completed(&cluster, &job) > 0).then_some(())
    });
    // From now on storage loses each file as soon as it is there; what is still being written has a `#`.
    let lose = || {
        for file in fs::read_dir(&shared).unwrap().flatten() {
            if !file.file_name().as_encoded_bytes().contains(&b'#') {
                let _ = fs::remove_file(file.path());
            }
        }
    };
    let before = attempts(&cluster, &job);
    cluster.wait("a panic", || {
        lose();
        (attempts(&cluster, &job) > before).then_some(())
    });
    let checkpoints = completed(&cluster, &job);
    cluster.wait("a checkpoint after it", || {
        lose();
        (completed(&cluster, &job) > checkpoints).then_some(())
    });
    let failures = cluster.get(&format!("/jobs/{job}/exceptions")).to_string();
    assert!(failures.contains("has come"), "{failures}");
    assert!(!failures.contains("restore state"), "{failures}");
}

#[test]
fn a_task_manager_that_is_told_to_end_hands_its_tasks_over() {
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let texts = texts(cluster.dir(), 4, 150_000);
    let job = submit(&cluster, &texts, "4");
    let victim = host_of(&cluster, &job);
    cluster.signal(&victim, "TERM");
    cluster.until_joined(2);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    assert_eq!(
        counts(&cluster.dir().join("counts")),
        embedded(cluster.dir(), &texts)
    );
}

#[test]
fn a_job_that_needs_more_slots_than_there_are_waits_and_then_says_how_many() {
    let cluster = Cluster::of(1, 2, "[jobmanager]\nslot-timeout = \"1s\"\n");
    let texts = texts(cluster.dir(), 1, 10);
    let job = submit(&cluster, &texts, "8");
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FAILED");
    let cause = newest(&cluster, &job).to_string();
    assert!(
        cause.contains('8') && cause.contains('2') && cause.contains("slots"),
        "{cause}"
    );
}
