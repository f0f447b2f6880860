//! `wasmill cluster start`: a whole cluster with one command, of which nothing is left when it ends.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{counts, embedded, texts};
use crate::harness::{Running, Wasmill, bundle, processes_of};

/// A cluster of two TaskManagers that keeps everything below a directory.
fn start(temporary: &Path) -> Running {
    let args = ["cluster", "start", "--taskmanagers", "2"];
    let command = Wasmill::new(args).args(["--rest", "127.0.0.1:0"]);
    let temporary = temporary.to_str().unwrap();
    let cluster = command.env("TMPDIR", temporary).start();
    cluster.until("Ctrl-C stops it")
}

/// Where REST is, by what it said.
fn url(cluster: &Running) -> String {
    let said = cluster.said();
    let (_, rest) = said.rsplit_once("REST is at ").unwrap();
    rest.split(';').next().unwrap().to_owned()
}

/// The session of a process, which is named after the one that made it.
fn session_of(process: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the command: the state, the parent, the group, the session.
    let (_, behind) = text.rsplit_once(") ").unwrap();
    behind.split(' ').nth(3).unwrap().to_owned()
}

#[test]
fn a_cluster_of_one_command_runs_a_job_and_ends_with_ctrl_c() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    let cluster = start(&place);
    let url = url(&cluster);
    let listed = Wasmill::new(["taskmanagers", "--json", "--jobmanager", &url]);
    let listed: Value = listed.end().with_code(0).summary();
    let found = listed["taskmanagers"].as_array().unwrap();
    assert_eq!(found.len(), 2, "{listed}");
    let processes = processes_of(&place);
    assert_eq!(processes.len(), 3);
    for process in processes {
        let (number, _) = process.split_once(' ').unwrap();
        assert_eq!(session_of(number), number, "{process}");
    }

    let texts = texts(dir.path(), 2, 500);
    let output = dir.path().join("counts");
    let run = Wasmill::new(["run", "--json", "--parallelism", "4", "--jobmanager", &url]);
    let run = run.arg(bundle("word-count")).args(["--", "--input"]);
    let run = run.arg(&texts).arg("--output").arg(&output);
    assert_eq!(run.end().with_code(0).summary()["state"], "FINISHED");
    assert_eq!(counts(&output), embedded(dir.path(), &texts));

    let ended = cluster.signalled("INT").with_code(0);
    assert!(!ended.stderr.contains("killed"), "{}", ended.stderr);
    assert_eq!(processes_of(&place), [""; 0]);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "its directory");
}

#[test]
fn the_processes_of_a_cluster_that_is_killed_end_by_themselves() {
    let dir = TempDir::new().unwrap();
    let cluster = start(dir.path());
    assert_eq!(processes_of(dir.path()).len(), 3);
    // Its standard error is that of all of them, and is read to the end.
    let ended = cluster.signalled("KILL");
    assert_eq!(ended.code, None);
    assert_eq!(processes_of(dir.path()), [""; 0]);
}
