//! Nodes that cannot start or are not let in say why, on both sides.

use std::fs;

use tempfile::TempDir;

use crate::harness::{Cluster, Wasmill};

/// An address at which nobody listens: the port `discard`.
const NOBODY: &str = "127.0.0.1:9";

#[test]
fn a_taken_port_is_named_by_who_wants_it_too() {
    let cluster = Cluster::start("");
    let rest = cluster.url.strip_prefix("http://").unwrap();
    for (rest, rpc, taken, flag) in [
        (rest, "127.0.0.1:0", rest, "--rest"),
        ("127.0.0.1:0", &cluster.rpc, &cluster.rpc, "--rpc"),
    ] {
        let dir = TempDir::new().unwrap();
        let (empty, new) = (dir.path().join("empty"), dir.path().join("new"));
        fs::create_dir(&empty).unwrap();
        for home in [&empty, &new] {
            let second = Wasmill::new(["jobmanager", "--rest", rest, "--rpc", rpc, "--data-dir"]);
            let ended = second.arg(home).end().with_code(1);
            ended.error_with(&[taken, "choose another", flag]);
        }
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
        assert!(!new.exists());
    }
    let home = cluster.home("jobmanager");
    let second = Wasmill::new([
        "jobmanager",
        "--rest",
        "127.0.0.1:0",
        "--rpc",
        "127.0.0.1:0",
    ]);
    let ended = second.arg("--data-dir").arg(&home).end().with_code(1);
    ended.error_with(&[home.to_str().unwrap(), "used by another process"]);
    assert_eq!(cluster.request("GET", "/overview", None).0, 200);
}

#[test]
fn clients_say_that_there_is_no_job_manager_and_how_to_get_one() {
    let url = format!("http://{NOBODY}");
    let job = "0123456789abcdef0123456789abcdef";
    for command in [
        &["list"][..],
        &["taskmanagers", "--json"],
        &["status", job],
        &["cancel", job],
        &["logs", job],
    ] {
        let ended = Wasmill::new(command).args(["--jobmanager", &url]).end();
        let ended = ended.with_code(1);
        ended.error_with(&["cannot reach the JobManager", &url, "wasmill cluster start"]);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_task_manager_that_may_not_join_hears_why_and_the_job_manager_tells_too() {
    let cluster = Cluster::start("");
    let other = Cluster::start("");
    let text = "wmj1_AAAA";
    let admin = cluster.client_token("admin");
    for (case, token, code, told) in [
        (
            "of another cluster",
            other.token.as_str(),
            1,
            "or a join token of the one that it has reached",
        ),
        ("cut short", text, 2, "join token"),
        ("of a client", &admin, 2, "is not a join token"),
    ] {
        let name = "stranger";
        let ended = cluster.task_manager(name, 1, token).end();
        assert_eq!(ended.code, Some(code), "{case}: {}", ended.stderr);
        ended.error_with(&[told]);
        assert!(!ended.stderr.contains(token), "{case}: {}", ended.stderr);
        assert!(!cluster.home(name).exists(), "{case}");
    }
    cluster.wait("the JobManager to tell of the refusal", || {
        let logged = cluster.logged("jobmanager");
        logged.contains("refuses this node").then_some(())
    });
    assert_eq!(cluster.get("/overview")["taskmanagers"], 0);
}

#[test]
fn a_task_manager_that_reaches_nobody_gives_up() {
    let dir = TempDir::new().unwrap();
    let cluster = Cluster::start("");
    let start = [
        "taskmanager",
        "--jobmanager",
        NOBODY,
        "--join",
        &cluster.token,
    ];
    let ended = Wasmill::new(start).arg("--data-dir").arg(dir.path()).end();
    ended
        .with_code(1)
        .error_with(&["no answer from the JobManager", NOBODY]);
}

#[test]
fn a_token_is_not_made_for_a_cluster_that_there_is_not() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("jobmanager");
    let (missing_name, empty_name) = (missing.to_str().unwrap(), dir.path().to_str().unwrap());
    for home in [missing_name, empty_name] {
        let ended = Wasmill::new(["token", "join", "--data-dir", home]).end();
        let ended = ended.with_code(1);
        ended.error_with(&[
            home,
            "is not the data directory of a JobManager",
            "start one",
        ]);
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
