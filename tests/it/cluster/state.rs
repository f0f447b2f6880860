//! State that is looked up while its job runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ledger::{RESTARTS, completed};
use crate::harness::{Cluster, bundle};

/// Starts the tally, which does not end by itself, with these flags.
fn start(cluster: &Cluster, flags: &[&str]) -> String {
    let output = cluster.dir().join("counts");
    let output = output.to_str().unwrap();
    let args = [
        "--visits",
        "1000000000",
        "--rate",
        "2000",
        "--output",
        output,
    ];
    let flags = [&["--parallelism", "2"], flags].concat();
    let job = cluster.submit(&bundle("tally"), &flags, &args);
    assert_eq!(cluster.until(&job, &["RUNNING", "FAILED"]), "RUNNING");
    job
}

/// The lines of all parts that are visible; others are being written.
fn visible(output: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(output).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_visible = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        !name.starts_with('.')
    };
    let texts = paths
        .filter(is_visible)
        .map(|path| fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What `wasmill state` prints of the operator `users`, as JSON.
fn state(cluster: &Cluster, job: &str, state: &str, key: &[&str]) -> Value {
    let command = cluster.client(["state", "--json", job, "users", state]);
    command.args(key).end().with_code(0).summary()
}

/// Looks up how often a user came and which pages they saw, both in one checkpoint.
fn look(cluster: &Cluster, job: &str) {
    cluster.wait("a complete checkpoint", || {
        (completed(cluster, job) > 0).then_some(())
    });
    let (visits, pages) = cluster.wait("two looks at one checkpoint", || {
        let visits = state(cluster, job, "visits", &["--key", "3"]);
        let pages = state(cluster, job, "pages", &["--key-hex", "03"]);
        let is_same = visits["checkpoint-id"] == pages["checkpoint-id"];
        (is_same && visits["found"] == true).then_some((visits, pages))
    });
    assert_eq!(
        (&visits["kind"], &visits["types"]),
        (&json!("value"), &json!("u64 -> u64"))
    );
    let entries = pages["entries"].as_array().unwrap();
    let seen = entries.iter().map(|it| it["value"].as_u64().unwrap());
    let count = visits["value"].as_u64().unwrap();
    assert_eq!(seen.sum::<u64>(), count, "{visits} {pages}");
    assert!(
        entries
            .iter()
            .all(|it| it["key"].as_str().unwrap().starts_with("page-"))
    );
    // The sink makes visible what the checkpoint covers, and counts go up one by one.
    let line = format!("3,{count}");
    let output = cluster.dir().join("counts");
    cluster.wait("the output of the checkpoint", || {
        visible(&output).contains(&line).then_some(())
    });
    let page = state(
        cluster,
        job,
        "pages",
        &["--key", "3", "--sub-key", "\"page-0\""],
    );
    assert!(page["value"].as_u64().unwrap() > 0, "{page}");
    let nobody = state(cluster, job, "visits", &["--key", "12345"]);
    assert_eq!(
        (&nobody["found"], &nobody["value"]),
        (&json!(false), &Value::Null)
    );
    let text = cluster.client(["state", job, "users", "pages", "--key", "3", "--limit", "1"]);
    let text = text.end().with_code(0).stdout;
    assert!(
        text.starts_with("KEY ") && text.contains("there are more"),
        "{text}"
    );
}

#[test]
fn state_in_memory_is_looked_up_in_the_last_checkpoint() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, &["--checkpoint-interval", "500ms"]);
    look(&cluster, &job);
    let path = format!("/jobs/{job}/state");
    for (rest, status, text) in [
        ("users/visits", 400, "give `key` as JSON"),
        ("users/visits?key=x", 400, "is no JSON"),
        (
            "users/visits?key=%22x%22",
            400,
            "is not a value of the type u64",
        ),
        ("users/visits?key-hex=0", 400, "hexadecimal"),
        (
            "users/nothing?key=3",
            404,
            "those that it keeps: `visits`, `pages`",
        ),
        (
            "nobody/visits?key=3",
            404,
            "those that keep state by key: `users`",
        ),
    ] {
        let (found, answer) = cluster.request("GET", &format!("{path}/{rest}"), None);
        let problem = answer.to_string();
        assert!(
            found == status && problem.contains(text),
            "{rest}: {found} {problem}"
        );
    }
}

#[test]
fn state_in_rocksdb_is_looked_up_in_the_last_checkpoint() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let flags = ["--checkpoint-interval", "500ms", "--backend", "rocksdb"];
    let job = start(&cluster, &flags);
    look(&cluster, &job);
    // Files that an earlier look has brought are used again.
    let before = completed(&cluster, &job);
    cluster.wait("another checkpoint", || {
        (completed(&cluster, &job) > before).then_some(())
    });
    look(&cluster, &job);
}

#[test]
fn a_job_without_a_checkpoint_has_nothing_to_look_up() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, &[]);
    let refused = cluster.client(["state", &job, "users", "visits", "--key", "3"]);
    refused
        .end()
        .with_code(1)
        .error_with(&[&job, "no complete checkpoint yet"]);
}
