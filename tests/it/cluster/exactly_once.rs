//! Exactly-once, end to end: the ledger's records take effect once each, whatever dies while it runs.

use wasmill_actor::Rng;

use super::ledger::{RESTARTS, check, completed, submit};
use super::newest;
use crate::harness::{Cluster, bundle};

/// How many TaskManagers die during one job.
const FAULTS: usize = 6;

/// Kills random TaskManagers while the ledger runs.
fn survives(flags: &[&str], seed: u64) {
    let mut rng = Rng::seeded(seed);
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let interval = ["--parallelism", "2", "--checkpoint-interval", "200ms"];
    let flags = [&interval, flags].concat();
    let job = submit(&cluster, &flags, "40000", "8000");
    for fault in 0..FAULTS {
        let completed = completed(&cluster, &job);
        // Some die between checkpoints, some right after one.
        if rng.below(2) == 0 {
            cluster.wait("a checkpoint", || {
                let is_over = cluster.state(&job) == "FINISHED";
                (is_over || super::ledger::completed(&cluster, &job) > completed).then_some(())
            });
        }
        let victim = format!("tm-{}", 1 + rng.below(3));
        cluster.kill(&victim);
        cluster.join(&victim, 2);
        cluster.until(&job, &["RUNNING", "FINISHED", "FAILED"]);
        assert_ne!(cluster.state(&job), "FAILED", "after fault {fault}");
    }
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), 40_000);
    cluster.wait("the state of ended and killed tasks to be gone", || {
        let homes = (1..=3).map(|number| cluster.home(&format!("tm-{number}")).join("state"));
        let has_some = |home: std::path::PathBuf| {
            std::fs::read_dir(home).is_ok_and(|mut left| left.next().is_some())
        };
        (!homes.into_iter().any(has_some)).then_some(())
    });
}

#[test]
fn killed_task_managers_change_nothing_with_state_in_rocksdb() {
    survives(&["--backend", "rocksdb"], 2);
}

#[test]
fn killed_task_managers_change_nothing_with_barriers_that_overtake() {
    // The counting is slower than the source, so channels are full and barriers overtake what is in them.
    let unaligned = "execution.checkpointing.unaligned.enabled=true";
    let mut cluster = Cluster::of(3, 2, RESTARTS);
    let flags = ["--parallelism", "2", "--checkpoint-interval", "200ms"];
    let flags = [&flags[..], &["--backend", "rocksdb", "-D", unaligned]].concat();
    let output = cluster.dir().join("entries");
    let args = ["--records", "60000", "--work", "20000", "--output"];
    let args = [&args[..], &[output.to_str().unwrap()]].concat();
    let job = cluster.submit(&bundle("ledger"), &flags, &args);
    for fault in 0..FAULTS {
        let before = completed(&cluster, &job);
        cluster.wait("a checkpoint", || {
            let is_over = ["FINISHED", "FAILED"].contains(&cluster.state(&job).as_str());
            (is_over || completed(&cluster, &job) > before).then_some(())
        });
        let victim = format!("tm-{}", 1 + fault % 3);
        cluster.kill(&victim);
        cluster.join(&victim, 2);
        cluster.until(&job, &["RUNNING", "FINISHED", "FAILED"]);
    }
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&output, 60_000);
}

#[test]
fn storage_that_fails_makes_checkpoints_fail_and_not_the_output_wrong() {
    let cluster = Cluster::of(2, 2, RESTARTS);
    let tolerant = "execution.checkpointing.tolerable-failed-checkpoints=2";
    let flags = [
        "--parallelism",
        "2",
        "--checkpoint-interval",
        "200ms",
        "-D",
        tolerant,
    ];
    let job = submit(&cluster, &flags, "60000", "8000");
    cluster.wait("a checkpoint", || {
        (completed(&cluster, &job) > 0).then_some(())
    });
    // Where the directory was there is a file for a while.
    let directory = cluster.dir().join("checkpoints");
    let aside = cluster.dir().join("aside");
    std::fs::rename(&directory, &aside).unwrap();
    std::fs::write(&directory, "not a directory").unwrap();
    cluster.wait("a checkpoint to fail", || {
        let checkpoints = cluster.get(&format!("/jobs/{job}/checkpoints"));
        (checkpoints["counts"]["failed"].as_u64()? > 0).then_some(())
    });
    std::fs::remove_file(&directory).unwrap();
    std::fs::rename(&aside, &directory).unwrap();
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), 60_000);
}

#[test]
fn a_job_manager_that_starts_again_goes_on_with_its_jobs() {
    let mut cluster = Cluster::of(2, 2, RESTARTS);
    let flags = ["--parallelism", "2", "--checkpoint-interval", "200ms"];
    let job = submit(&cluster, &flags, "40000", "8000");
    for _ in 0..2 {
        cluster.until(&job, &["RUNNING"]);
        cluster.wait("a checkpoint", || has_entries(&cluster).then_some(()));
        cluster.kill_job_manager();
        cluster.restart_job_manager();
    }
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), 40_000);
}

/// Whether some output is visible.
fn has_entries(cluster: &Cluster) -> bool {
    let Ok(files) = std::fs::read_dir(cluster.dir().join("entries")) else {
        return false;
    };
    let mut names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("part-"))
}

#[test]
fn output_becomes_visible_with_checkpoints() {
    let cluster = Cluster::of(1, 2, RESTARTS);
    let job = submit(
        &cluster,
        &["--checkpoint-interval", "100ms"],
        "1000000000",
        "1000",
    );
    cluster.wait("entries of a job that runs", || {
        has_entries(&cluster).then_some(())
    });
    assert_eq!(cluster.state(&job), "RUNNING");
    cluster.client(["cancel", &job]).end().with_code(0);
    assert_eq!(cluster.until(&job, &["CANCELED"]), "CANCELED");
    cluster.wait("what no checkpoint covers to be removed", || {
        let files = std::fs::read_dir(cluster.dir().join("entries")).ok()?;
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        (!names.into_iter().any(|name| name.starts_with('.'))).then_some(())
    });
}
