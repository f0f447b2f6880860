//! `provider = "process"`: the JobManager starts the TaskManagers that its jobs need, and ends them.

use std::fs;

use super::{counts, embedded, hosts_of, submit, texts};
use crate::harness::{Cluster, processes_of};

/// At most two TaskManagers, which are idle for this long.
fn config(idle: &str) -> String {
    format!(
        "[jobmanager]\nprovider = \"process\"\n\
         [provider]\nmax-taskmanagers = 2\nslots = 2\nidle-timeout = \"{idle}\"\n"
    )
}

/// The TaskManagers' processes: the JobManager's command line names the configuration.
fn task_managers(cluster: &Cluster) -> Vec<String> {
    let mut found = processes_of(cluster.dir());
    found.retain(|line| line.contains(" taskmanager "));
    found
}

#[test]
fn task_managers_come_for_a_job_and_go_when_they_are_idle() {
    let cluster = Cluster::start(&config("500ms"));
    assert_eq!(task_managers(&cluster), [""; 0]);
    let texts = texts(cluster.dir(), 4, 20_000);
    let job = submit(&cluster, &texts, "4");
    assert_eq!(hosts_of(&cluster, &job), ["local-1", "local-2"]);
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    cluster.until_joined(0);
    cluster.wait("their processes to end", || {
        task_managers(&cluster).is_empty().then_some(())
    });
    assert_eq!(
        counts(&cluster.dir().join("counts")),
        embedded(cluster.dir(), &texts)
    );

    // The next ones take over what these have fetched and compiled.
    fs::remove_dir_all(cluster.dir().join("counts")).unwrap();
    let job = submit(&cluster, &texts, "1");
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    let homes = cluster.home("jobmanager").join("taskmanagers");
    assert_eq!(fs::read_dir(homes).unwrap().count(), 2);
}

#[test]
fn no_task_manager_is_left_when_the_job_manager_is_told_to_end() {
    let mut cluster = Cluster::start(&config("1h"));
    let texts = texts(cluster.dir(), 4, 100_000);
    let job = submit(&cluster, &texts, "4");
    hosts_of(&cluster, &job);
    cluster.end().with_code(0);
    assert_eq!(processes_of(cluster.dir()), [""; 0]);
}

#[test]
fn no_task_manager_is_left_for_long_when_the_job_manager_is_killed() {
    let mut cluster = Cluster::start(&config("1h"));
    let texts = texts(cluster.dir(), 4, 100_000);
    let job = submit(&cluster, &texts, "2");
    hosts_of(&cluster, &job);
    cluster.kill_job_manager();
    cluster.wait("its TaskManager to end", || {
        processes_of(cluster.dir()).is_empty().then_some(())
    });
}
