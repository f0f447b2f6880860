//! Savepoints: stopping with one and going on from it, at another parallelism and with another backend.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::ledger::{RESTARTS, check, completed, submit};
use super::newest;
use crate::harness::{Cluster, bundle, lines_of_parts};

/// How many records a job has that goes through savepoints, and how many of them it makes a second.
const RECORDS: (&str, u64) = ("24000", 24_000);
const RATE: &str = "6000";
/// The records and the rate of a job that does not end by itself.
const ENDLESS: (&str, &str) = ("1000000000", "2000");

/// Starts the ledger, also from a savepoint, and waits until it has work behind it.
fn start(cluster: &Cluster, flags: &[&str], (records, rate): (&str, &str)) -> String {
    let flags = [&["--checkpoint-interval", "100ms"], flags].concat();
    let job = submit(cluster, &flags, records, rate);
    cluster.wait("two checkpoints", || {
        let is_over = cluster.until(&job, &["RUNNING", "FINISHED", "FAILED"]) != "RUNNING";
        (is_over || completed(cluster, &job) >= 2).then_some(())
    });
    let state = cluster.state(&job);
    assert_eq!(state, "RUNNING", "{}", newest(cluster, &job));
    job
}

/// Stops a job with a savepoint; its path.
fn stop(cluster: &Cluster, job: &str, flags: &[&str]) -> String {
    let dir = cluster.dir().join("savepoints");
    let command = cluster.client(["stop", "--json", job, "--savepoint-dir"]);
    let ended = command.arg(dir).args(flags).end().with_code(0);
    assert_eq!(cluster.state(job), "FINISHED", "{}", newest(cluster, job));
    let savepoint = ended.summary()["savepoint"].as_str().unwrap().to_owned();
    assert!(Path::new(&savepoint).join("_metadata").is_file());
    savepoint
}

/// Waits for the end of a job that makes all records, and looks at what there is of them.
fn finish(cluster: &Cluster, job: &str) {
    let ended = cluster.until(job, &["FINISHED", "FAILED"]);
    assert_eq!(ended, "FINISHED", "{}", newest(cluster, job));
    check(&cluster.dir().join("entries"), RECORDS.1);
}

#[test]
fn a_stopped_job_goes_on_at_another_parallelism() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let first = start(&cluster, &["--parallelism", "2"], (RECORDS.0, RATE));
    let savepoint = stop(&cluster, &first, &[]);
    let entries = lines_of_parts(&cluster.dir().join("entries")).len() as u64;
    assert!((1..RECORDS.1).contains(&entries), "{entries} entries");
    // What was visible when it stopped is whole.
    check(&cluster.dir().join("entries"), entries);
    let flags = ["--parallelism", "3", "--from-savepoint", &savepoint];
    let second = start(&cluster, &flags, (RECORDS.0, RATE));
    let checkpoints = cluster.get(&format!("/jobs/{second}/checkpoints"));
    assert_eq!(checkpoints["counts"]["restored"], 1);
    let restored = &checkpoints["latest"]["restored"];
    assert_eq!(restored["external_path"], savepoint.as_str());
    assert_eq!(restored["is_savepoint"], true);
    finish(&cluster, &second);
    // The job does not own it.
    assert!(Path::new(&savepoint).is_dir());
}

/// What `--window 500` writes of ten keys and so many records.
fn windowed(records: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for key in 0..10 {
        for start in (0..records).step_by(500) {
            let end = start + 500;
            lines.push(format!("window,{key},{start},{end},50"));
        }
        // Ten records of a key make a session, of which the last ends it.
        for first in (key..records).step_by(100) {
            let end = first + 95;
            lines.push(format!("session,{key},{first},{end},10"));
        }
    }
    lines.sort();
    lines
}

#[test]
fn open_windows_and_pending_timers_are_restored_at_another_parallelism() {
    for (backends, parallelisms) in [
        (["rocksdb", "memory"], ["2", "3"]),
        (["memory", "rocksdb"], ["3", "1"]),
    ] {
        let cluster = Cluster::of(2, 2, RESTARTS);
        let output = cluster.dir().join("lines");
        let args = [
            "--records",
            "24000",
            "--rate",
            RATE,
            "--window",
            "500",
            "--output",
        ];
        let args = [&args[..], &[output.to_str().unwrap()]].concat();
        let flags = [
            "--checkpoint-interval",
            "100ms",
            "--backend",
            backends[0],
            "--parallelism",
        ];
        let flags = [&flags[..], &[parallelisms[0]]].concat();
        let first = cluster.submit(&bundle("ledger"), &flags, &args);
        cluster.wait("checkpoints", || {
            (completed(&cluster, &first) >= 8).then_some(())
        });
        let savepoint = stop(&cluster, &first, &[]);
        assert!(lines_of_parts(&output).len() < windowed(24_000).len());
        let flags = [
            "--from-savepoint",
            &savepoint,
            "--backend",
            backends[1],
            "--parallelism",
        ];
        let flags = [&flags[..], &[parallelisms[1]]].concat();
        let second = cluster.submit(&bundle("ledger"), &flags, &args);
        assert_eq!(cluster.until(&second, &["FINISHED", "FAILED"]), "FINISHED");
        let mut lines = lines_of_parts(&output);
        lines.sort();
        assert_eq!(lines, windowed(24_000), "{parallelisms:?}");
    }
}

#[test]
fn a_savepoint_of_one_backend_is_restored_with_the_other() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let of = |backend, parallelism| ["--backend", backend, "--parallelism", parallelism];
    let first = start(&cluster, &of("rocksdb", "2"), (RECORDS.0, RATE));
    let savepoint = stop(&cluster, &first, &[]);
    let from = ["--from-savepoint", &savepoint];
    let flags = [&of("memory", "3")[..], &from].concat();
    let second = start(&cluster, &flags, (RECORDS.0, RATE));
    let savepoint = stop(&cluster, &second, &["--format", "canonical"]);
    let from = ["--from-savepoint", &savepoint];
    let flags = [&of("rocksdb", "1")[..], &from].concat();
    finish(&cluster, &submit(&cluster, &flags, RECORDS.0, "0"));
}

#[test]
fn a_native_savepoint_is_restored_with_its_backend() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let flags = ["--backend", "rocksdb", "--parallelism", "2"];
    let first = start(&cluster, &flags, (RECORDS.0, RATE));
    let savepoint = stop(&cluster, &first, &["--format", "native"]);
    let flags = [
        "--backend",
        "rocksdb",
        "--parallelism",
        "3",
        "--from-savepoint",
        &savepoint,
    ];
    finish(&cluster, &submit(&cluster, &flags, RECORDS.0, "0"));
}

#[test]
fn a_job_that_runs_is_rescaled() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let job = start(&cluster, &["--parallelism", "2"], (RECORDS.0, RATE));
    let refused = cluster
        .client(["rescale", &job, "--parallelism", "200"])
        .end();
    refused
        .with_code(1)
        .error_with(&["parallelism 200", "max parallelism 128"]);
    let same = cluster
        .client(["rescale", &job, "--parallelism", "2"])
        .end();
    same.with_code(1).error_with(&["nothing of job", &job]);
    for parallelism in ["4", "1"] {
        let rescale = ["rescale", "--json", &job, "--parallelism", parallelism];
        let rescaled = cluster.client(rescale).end().with_code(0).summary();
        assert_eq!(rescaled["jobid"], job.as_str());
        assert!(rescaled["downtime_ms"].as_u64().unwrap() > 0, "{rescaled}");
        let detail = cluster.get(&format!("/jobs/{job}"));
        assert_eq!(
            detail["vertices"][0]["parallelism"].to_string(),
            parallelism
        );
        assert_eq!(detail["state"], "RUNNING");
    }
    finish(&cluster, &job);
}

#[test]
fn a_drained_job_finishes_with_all_that_it_has_read() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, &["--parallelism", "2"], ENDLESS);
    stop(&cluster, &job, &["--drain"]);
    let output = cluster.dir().join("entries");
    let entries = lines_of_parts(&output).len() as u64;
    assert!(entries > 0);
    check(&output, entries);
}

#[test]
fn a_savepoint_is_taken_looked_at_and_disposed_of() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, &["--parallelism", "2"], ENDLESS);
    let dir = cluster.dir().join("savepoints");
    let taken = cluster.client(["savepoint", &job, "--json", "--savepoint-dir"]);
    let taken = taken.arg(&dir).end().with_code(0).summary();
    let path = taken["savepoint"].as_str().unwrap();
    assert_eq!(cluster.state(&job), "RUNNING");
    let inspected = cluster.client(["checkpoint", "inspect", "--json", path]);
    let inspected = inspected.end().with_code(0).summary();
    assert_eq!(
        (&inspected["job"], &inspected["kind"], &inspected["format"]),
        (
            &job.as_str().into(),
            &"savepoint".into(),
            &"CANONICAL".into()
        )
    );
    assert_eq!(inspected["self-contained"], true);
    let listed = cluster
        .client(["checkpoint", "list", &job])
        .end()
        .with_code(0);
    assert!(listed.stdout.contains("CHECKPOINT"), "{}", listed.stdout);
    let disposed = cluster.client(["savepoint", "dispose", path]);
    disposed.end().with_code(0);
    assert!(!Path::new(path).exists());
    let again = cluster.client(["savepoint", "dispose", path]).end();
    again
        .with_code(1)
        .error_with(&[path, "is not a checkpoint or savepoint"]);
    let cancelled = cluster.client(["savepoint", &job, "--cancel", "--savepoint-dir"]);
    cancelled.arg(&dir).end().with_code(0);
    assert_eq!(cluster.until(&job, &["CANCELED", "FAILED"]), "CANCELED");
}

#[test]
fn nobody_starts_from_or_removes_what_another_tenant_has_saved() {
    let mut cluster = Cluster::with_tokens(RESTARTS);
    cluster.join("tm-1", 2);
    cluster.until_joined(1);
    let owner = cluster.tenant_token("acme", "submitter");
    let others = [("beta", "admin"), ("default", "submitter")];
    let others = others.map(|(tenant, role)| (tenant, cluster.tenant_token(tenant, role)));
    // The JobManager looks at the file of tokens now and then.
    cluster.wait("the tokens to be known", || {
        let mut tokens = others.iter().map(|(_, token)| token).chain([&owner]);
        let is_known =
            |token: &String| cluster.request_as(token, "GET", "/overview", None).0 == 200;
        tokens.all(is_known).then_some(())
    });
    cluster.bearer.clone_from(&owner);
    let job = start(&cluster, &[], ENDLESS);
    let savepoint = stop(&cluster, &job, &[]);
    let kept = "execution.checkpointing.externalized-checkpoint-retention=RETAIN_ON_CANCELLATION";
    let flags = ["--from-savepoint", &savepoint, "-D", kept];
    let again = start(&cluster, &flags, ENDLESS);
    cluster.client(["cancel", &again]).end().with_code(0);
    cluster.until(&again, &["CANCELED"]);
    let checkpoints = cluster.get(&format!("/jobs/{again}/checkpoints"));
    let checkpoint = checkpoints["latest"]["completed"]["external_path"].as_str();
    for (tenant, token) in others {
        cluster.bearer = token;
        let upload = cluster.client(["upload"]).arg(bundle("ledger"));
        upload.end().with_code(0);
        let told = ["belongs to tenant `acme`", &format!("tenant `{tenant}`")];
        for path in [savepoint.as_str(), checkpoint.unwrap()] {
            let disposed = cluster.client(["savepoint", "dispose", path]).end();
            disposed.with_code(1).error_with(&told);
            let run = cluster.client(["run", "--detach", "--from-savepoint", path]);
            let output = cluster.dir().join("stolen");
            let run = run
                .arg(bundle("ledger"))
                .args(["--", "--records", "1", "--output"]);
            run.arg(&output).end().with_code(1).error_with(&told);
            let listed = cluster.get("/jars");
            let id = listed["files"][0]["id"].as_str().unwrap();
            let args = ["--records", "1", "--output", output.to_str().unwrap()];
            let body =
                json!({ "savepointPath": path, "claimMode": "CLAIM", "programArgsList": args });
            let (status, answer) = cluster.request("POST", &format!("/jars/{id}/run"), Some(&body));
            assert_eq!(status, 403, "{answer}");
        }
    }
    cluster.bearer = owner;
    for path in [savepoint.as_str(), checkpoint.unwrap()] {
        let disposed = cluster.client(["savepoint", "dispose", path]);
        disposed.end().with_code(0);
    }
}

#[test]
fn what_a_job_cannot_start_from_is_named() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = start(&cluster, &["--parallelism", "2"], ENDLESS);
    let savepoint = stop(&cluster, &job, &[]);
    let missing = cluster.dir().join("missing");
    let broken = cluster.dir().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("_metadata"), "no metadata at all").unwrap();
    let (missing, broken) = (missing.to_str().unwrap(), broken.to_str().unwrap());
    for (path, parallelism, texts) in [
        (
            missing,
            "2",
            &[missing, "is not a checkpoint or savepoint"][..],
        ),
        (broken, "2", &[broken, "is not a checkpoint's metadata"]),
        (
            &savepoint,
            "129",
            &["parallelism 129", "max parallelism 128", "lower it"],
        ),
    ] {
        let run = cluster.client(["run", "--detach", "--parallelism", parallelism]);
        let run = run.args(["--from-savepoint", path]).arg(bundle("ledger"));
        let output = cluster.dir().join("elsewhere");
        let run = run.args(["--", "--records", "1", "--output"]).arg(output);
        run.end().with_code(2).error_with(texts);
    }
    let nowhere = cluster
        .client(["stop", &job, "--savepoint-dir", "/s"])
        .end();
    nowhere.with_code(1).error_with(&[&job, "FINISHED already"]);
    let unknown = "00000000000000000000000000000001";
    let unknown = cluster
        .client(["stop", unknown, "--savepoint-dir", "/s"])
        .end();
    unknown.with_code(1).error_with(&["could not be found"]);
}

#[test]
fn a_savepoint_without_a_directory_says_which_option_is_missing() {
    let cluster = Cluster::of(1, 1, RESTARTS);
    let job = start(&cluster, &[], ENDLESS);
    let refused = cluster.client(["savepoint", &job]).end().with_code(2);
    refused.error_with(&["execution.checkpointing.savepoint-dir"]);
    // A place that cannot be written to fails the savepoint; the job goes on from its last checkpoint
    // (semantics §8.7).
    let file = cluster.dir().join("file");
    fs::write(&file, "").unwrap();
    let failed = cluster.client(["stop", &job, "--savepoint-dir"]);
    failed.arg(&file).end().with_code(1);
    assert_eq!(cluster.until(&job, &["RUNNING", "FAILED"]), "RUNNING");
    let before = completed(&cluster, &job);
    cluster.wait("a checkpoint after the failure", || {
        (completed(&cluster, &job) > before).then_some(())
    });
}

#[test]
fn broadcast_rules_are_in_every_subtask_when_a_savepoint_is_restored_at_another_parallelism() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let rules = cluster.dir().join("rules.jsonl");
    // Every payment is against it.
    let rule = r#"{"rule":"none","from":0,"limit":0,"within":1000}"#;
    fs::write(&rules, format!("{rule}\n")).unwrap();
    let run = |name: &str, flags: &[&str]| {
        let flags = [&["--checkpoint-interval", "100ms"], flags].concat();
        let output = cluster.dir().join(name);
        let (rules, output) = (rules.to_str().unwrap(), output.to_str().unwrap());
        let args = ["--rules", rules, "--made", "2000", "--output", output];
        cluster.submit(&bundle("fraud"), &flags, &args)
    };
    // Alerts of all sixteen accounts, so from all subtasks.
    let alerts = |name: &str, job: &str| {
        cluster.wait("alerts of all accounts", || {
            let state = cluster.state(job);
            assert!(
                !["FAILED", "CANCELED"].contains(&state.as_str()),
                "{}",
                newest(&cluster, job)
            );
            let accounts = accounts(&cluster.dir().join(name));
            (accounts.len() == 16).then_some(())
        });
    };
    let first = run("first", &["--parallelism", "2"]);
    alerts("first", &first);
    let savepoint = stop(&cluster, &first, &[]);
    let mut from = savepoint;
    for (name, parallelism) in [("more", "4"), ("fewer", "1")] {
        let flags = ["--parallelism", parallelism, "--from-savepoint", &from];
        let job = run(name, &flags);
        alerts(name, &job);
        from = stop(&cluster, &job, &[]);
    }
}

/// The accounts in the visible output of a job that runs.
fn accounts(output: &Path) -> BTreeSet<String> {
    let mut accounts = BTreeSet::new();
    for file in fs::read_dir(output).into_iter().flatten() {
        let path = file.unwrap().path();
        let is_visible = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("part-"));
        let text = if is_visible {
            fs::read_to_string(path).unwrap()
        } else {
            String::new()
        };
        accounts.extend(
            text.lines()
                .filter_map(|line| line.split(',').next())
                .map(str::to_owned),
        );
    }
    accounts
}
