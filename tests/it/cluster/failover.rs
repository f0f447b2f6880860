//! Processes die, hang and come back while a job runs: it ends with the whole result, and says what
//! happened.

use std::fs;
use std::time::Duration;

use wasmill_actor::Clock;

use super::{counts, embedded, newest, submit, texts};
use crate::harness::Cluster;

/// Restarts at once, often enough.
const RESTARTS: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 10\nfixed-delay-delay = \"100ms\"\n";

/// How soon a job must run again when there is a spare TaskManager.
const SOON: Duration = Duration::from_secs(3);

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
    // A killed process leaves hidden files, which the next job that writes there removes.
    let left = fs::read_dir(cluster.dir().join("counts")).unwrap();
    let visible = left.filter(|entry| {
        !entry
            .as_ref()
            .unwrap()
            .file_name()
            .as_encoded_bytes()
            .starts_with(b".")
    });
    assert_eq!(visible.count(), 0);
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
