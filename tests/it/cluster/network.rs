//! Clusters of several hosts whose network breaks: the job ends with the whole result of its last attempt,
//! and its history says which TaskManager lost which.
//!
//! The hosts are network namespaces, so these tests run as root.

use serde_json::Value;

use super::{attempts, counts, embedded, hosts_of, newest, submit, texts};
use crate::harness::Cluster;

/// Restarts often enough for a network that stays broken for some attempts.
const RESTARTS: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 50\nfixed-delay-delay = \"200ms\"\n";

/// The lines of each of six files: so many that the job is not done when something happens to it.
const LINES: u32 = 60_000;

/// A cluster with a job that all its TaskManagers run, and which counts the words of some texts.
struct Busy {
    cluster: Cluster,
    job: String,
    texts: std::path::PathBuf,
}

impl Busy {
    fn with(task_managers: usize, parallelism: &str) -> Self {
        let cluster = Cluster::of_hosts(task_managers, 2, RESTARTS);
        let texts = texts(cluster.dir(), 6, LINES);
        let job = submit(&cluster, &texts, parallelism);
        assert_eq!(hosts_of(&cluster, &job).len(), task_managers);
        Self {
            cluster,
            job,
            texts,
        }
    }

    /// Waits for a failure of the job; what is only its consequence is not shown.
    fn failure(&self) -> Value {
        let newest = self.cluster.wait("the job to notice", || {
            let newest = newest(&self.cluster, &self.job);
            (!newest.is_null()).then_some(newest)
        });
        assert_ne!(newest["failureLabels"]["kind"], "consequence", "{newest}");
        newest
    }

    /// Waits for the end of the job, and checks that it is that of a later attempt, and complete.
    fn ends_whole(&self) {
        let Self {
            cluster,
            job,
            texts,
        } = self;
        assert_eq!(cluster.until(job, &["FINISHED", "FAILED"]), "FINISHED");
        assert!(attempts(cluster, job) > 0);
        let detail = cluster.get(&format!("/jobs/{job}"));
        assert!(
            detail["timestamps"]["RESTARTING"].as_i64() > Some(0),
            "{detail}"
        );
        let found = counts(&cluster.dir().join("counts"));
        assert_eq!(found, embedded(cluster.dir(), texts));
    }
}

/// Checks that a failure names a task, where it ran, and its peer: one TaskManager of the two each.
fn names_both(failure: &Value, one: &str, other: &str) {
    let reporter = failure["taskManagerId"].as_str().unwrap_or_default();
    let peer = match reporter {
        name if name == one => other,
        name if name == other => one,
        _ => panic!("neither `{one}` nor `{other}` has noticed: {failure}"),
    };
    let story = failure["stacktrace"].as_str().unwrap_or_default();
    assert!(story.contains(peer), "no `{peer}` in {failure}");
    assert!(failure["taskName"].is_string(), "{failure}");
    assert!(
        failure["endpoint"]
            .as_str()
            .is_some_and(|it| it.contains(':')),
        "{failure}"
    );
}

#[test]
fn words_are_counted_on_three_hosts_as_in_one_process() {
    let cluster = Cluster::of_hosts(3, 2, "");
    let texts = texts(cluster.dir(), 6, 2_000);
    let job = submit(&cluster, &texts, "6");
    assert_eq!(hosts_of(&cluster, &job), ["tm-1", "tm-2", "tm-3"]);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    assert_eq!(attempts(&cluster, &job), 0);
    let found = counts(&cluster.dir().join("counts"));
    assert_eq!(found, embedded(cluster.dir(), &texts));
}

#[test]
fn a_partition_between_two_task_managers_is_told_with_both_their_names() {
    let busy = Busy::with(3, "6");
    busy.cluster.hosts().part("tm-1", "tm-2");
    let failure = busy.failure();
    // Both are still members of the cluster: only each other is what they have lost.
    busy.cluster.until_joined(3);
    names_both(&failure, "tm-1", "tm-2");
    busy.cluster.hosts().join("tm-1", "tm-2");
    busy.ends_whole();
}

#[test]
fn a_connection_that_carries_nothing_one_way_is_given_up_and_made_again() {
    let busy = Busy::with(2, "4");
    busy.cluster.hosts().cut("tm-1", "tm-2");
    let failure = busy.failure();
    names_both(&failure, "tm-1", "tm-2");
    busy.cluster.hosts().mend("tm-1", "tm-2");
    busy.ends_whole();
}

#[test]
fn a_task_manager_that_the_job_manager_does_not_hear_is_left_behind_and_comes_back() {
    let busy = Busy::with(3, "4");
    let cluster = &busy.cluster;
    cluster.hosts().part("tm-2", "jobmanager");
    cluster.until_joined(2);
    let failure = busy.failure().to_string();
    assert!(failure.contains("tm-2"), "{failure}");
    cluster.until(&busy.job, &["FINISHED", "FAILED"]);
    cluster.hosts().join("tm-2", "jobmanager");
    cluster.until_joined(3);
    cluster.wait("all slots to be free", || {
        let overview = cluster.get("/overview");
        (overview["slots-available"] == 6).then_some(())
    });
    // Only now: what it ran for the job, it may have ended when it heard of that.
    busy.ends_whole();
}
