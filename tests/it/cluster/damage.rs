//! Checkpoints that are damaged, and disks that are full: the job goes on from the checkpoint before, or says
//! clearly why it cannot.

use std::fs;
use std::path::{Path, PathBuf};

use super::ledger::{RESTARTS, check, check_nothing_lost, completed, submit};
use super::newest;
use crate::harness::{Cluster, SmallDisk, bundle};

/// A source that does not come to its end, and one that does, with its rate.
const ENDLESS: (&str, &str) = ("1000000000", "4000");
const RECORDS: (&str, u64, &str) = ("30000", 30_000, "6000");

/// All files below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).map(|it| it.flatten().collect::<Vec<_>>());
    let mut files = Vec::new();
    for path in entries.unwrap_or_default().iter().map(|it| it.path()) {
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The metadata of all checkpoints, by their numbers.
fn metadata(cluster: &Cluster) -> Vec<(u64, PathBuf)> {
    let files = files_below(&cluster.dir().join("checkpoints"));
    let metadata = files.into_iter().filter(|path| path.ends_with("_metadata"));
    let number = |path: &Path| {
        let directory = path.parent()?.file_name()?.to_str()?;
        directory.strip_prefix("chk-")?.parse().ok()
    };
    let mut found: Vec<(u64, PathBuf)> = metadata
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    found.sort();
    found
}

/// Changes a byte in the middle.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(file, bytes).unwrap();
}

/// Waits until the JobManager has logged something.
fn log_with(cluster: &Cluster, text: &str) {
    cluster.wait(text, || {
        cluster.logged("jobmanager").contains(text).then_some(())
    });
}

/// A job that keeps so many checkpoints, of which there are as many when the JobManager dies.
fn killed_with(retained: usize) -> (Cluster, String) {
    let mut cluster = Cluster::of(1, 2, RESTARTS);
    let keep = format!("execution.checkpointing.num-retained={retained}");
    let flags = ["--checkpoint-interval", "100ms", "-D", &keep];
    let job = submit(&cluster, &flags, ENDLESS.0, ENDLESS.1);
    cluster.wait("checkpoints", || {
        // The job store knows of a checkpoint before it counts, and a little after its metadata is there.
        let is_known = completed(&cluster, &job) > 0;
        (is_known && metadata(&cluster).len() >= retained).then_some(())
    });
    cluster.kill_job_manager();
    (cluster, job)
}

/// Stops a job; nothing of its output is lost.
fn stop_whole(cluster: &Cluster, job: &str) {
    let savepoints = cluster.dir().join("savepoints");
    // Not all of its tasks may run yet, which the command refuses.
    cluster.wait("the job to stop", || {
        let stop = cluster.client(["stop", "--json", job, "--savepoint-dir"]);
        let ended = stop.arg(&savepoints).end();
        (ended.code == Some(0)).then_some(())
    });
    // The savepoint is there a little before its output is visible.
    cluster.until(job, &["FINISHED"]);
    check_nothing_lost(&cluster.dir().join("entries"));
}

/// Waits until a job is listed as one that waits for its checkpoints, and says why.
fn waits_with(cluster: &Cluster, job: &str, reason: &str) {
    cluster.until(job, &["RECONCILING"]);
    let cause = newest(cluster, job).to_string();
    assert!(cause.contains(reason), "{cause}");
    log_with(cluster, "job does not go on yet");
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over_for_the_one_before() {
    let (mut cluster, job) = killed_with(3);
    let kept = metadata(&cluster);
    let [.., (before, _), (_, newest)] = &kept[..] else {
        panic!("{kept:?}");
    };
    damage(newest);
    cluster.restart_job_manager();
    cluster.until(&job, &["RUNNING"]);
    log_with(&cluster, "checkpoint passed over");
    let restored = &cluster.get(&format!("/jobs/{job}/checkpoints"))["latest"]["restored"];
    assert_eq!(restored["id"], *before, "{restored}");
    stop_whole(&cluster, &job);
}

#[test]
fn a_job_of_which_all_checkpoints_are_damaged_goes_on_when_they_are_mended() {
    let (mut cluster, job) = killed_with(1);
    let before = metadata(&cluster);
    before.iter().for_each(|(_, metadata)| damage(metadata));
    cluster.start_job_manager_again();
    waits_with(&cluster, &job, "can be used; mend them");
    // Nothing was deleted, so they may be mended: damaging them again is what they were.
    before.iter().for_each(|(_, metadata)| damage(metadata));
    cluster.until(&job, &["RUNNING"]);
    stop_whole(&cluster, &job);
}

#[test]
fn a_job_whose_checkpoints_are_away_goes_on_when_they_are_back() {
    let (mut cluster, job) = killed_with(1);
    let away = cluster.dir().join("away");
    let checkpoints = cluster.dir().join("checkpoints").join(&job);
    fs::rename(&checkpoints, &away).unwrap();
    cluster.start_job_manager_again();
    waits_with(
        &cluster,
        &job,
        "the job has completed checkpoints, and there is none",
    );
    // A JobManager that ends meanwhile leaves it to the next one.
    cluster.end().with_code(0);
    cluster.start_job_manager_again();
    cluster.until(&job, &["RECONCILING"]);
    fs::rename(&away, &checkpoints).unwrap();
    cluster.until(&job, &["RUNNING"]);
    // What kept it is remembered.
    let causes = cluster.get(&format!("/jobs/{job}/exceptions")).to_string();
    assert!(causes.contains("there is none"), "{causes}");
    stop_whole(&cluster, &job);
}

#[test]
fn a_job_that_waits_for_its_checkpoints_can_be_canceled() {
    let (mut cluster, job) = killed_with(1);
    // A file where the directory was: storage answers nothing but errors.
    let checkpoints = cluster.dir().join("checkpoints").join(&job);
    fs::rename(&checkpoints, cluster.dir().join("away")).unwrap();
    fs::write(&checkpoints, "in the way").unwrap();
    cluster.start_job_manager_again();
    cluster.until(&job, &["RECONCILING"]);
    cluster.client(["cancel", &job]).end().with_code(0);
    assert_eq!(cluster.state(&job), "CANCELED");
    cluster.kill_job_manager();
    cluster.start_job_manager_again();
    let listed = cluster.get("/jobs/overview");
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(0), "{listed}");
}

#[test]
fn a_job_whose_state_is_damaged_fails_with_the_file_as_the_reason() {
    const FEW: &str = "[restart]\nstrategy = \"fixed-delay\"\nfixed-delay-attempts = 2\nfixed-delay-delay = \"50ms\"\n";
    let mut cluster = Cluster::of(1, 2, FEW);
    let output = cluster.dir().join("entries");
    // Many keys, so that state has files.
    let args = ["--records", ENDLESS.0, "--keys", "100000", "--output"];
    let args = [&args[..], &[output.to_str().unwrap()]].concat();
    let flags = ["--checkpoint-interval", "100ms", "--backend", "rocksdb"];
    let job = cluster.submit(&bundle("ledger"), &flags, &args);
    let checkpoints = cluster.dir().join("checkpoints");
    let is_state = |path: &PathBuf| path.parent().is_some_and(|it| it.ends_with("shared"));
    cluster.wait("a checkpoint with files", || {
        let checkpoints_there = !metadata(&cluster).is_empty();
        (checkpoints_there && files_below(&checkpoints).iter().any(is_state)).then_some(())
    });
    cluster.kill("tm-1");
    // What was on its way to a checkpoint when it died is damaged too, which nobody notices.
    let states = files_below(&checkpoints).into_iter().filter(is_state);
    states.for_each(|path| damage(&path));
    cluster.join("tm-1", 2);
    assert_eq!(cluster.until(&job, &["FAILED", "FINISHED"]), "FAILED");
    let cause = newest(&cluster, &job).to_string();
    assert!(cause.contains("is corrupted: its checksum is"), "{cause}");
}

/// A job on a cluster with a disk of a few MiB, on which something is full for a while.
fn full(at: &str, mib: u32, tolerable: u32) {
    let mut disk = None;
    let mut cluster = Cluster::prepared(RESTARTS, |dir| {
        disk = Some(SmallDisk::mount(&dir.join(at), mib));
    });
    let disk = disk.expect("it was mounted");
    cluster.join("tm-1", 2);
    let tolerant = format!("execution.checkpointing.tolerable-failed-checkpoints={tolerable}");
    let interval = ["--checkpoint-interval", "100ms", "--parallelism", "2"];
    let flags = [&interval[..], &["-D", &tolerant, "--backend", "rocksdb"]].concat();
    let job = submit(&cluster, &flags, RECORDS.0, RECORDS.2);
    cluster.wait("a checkpoint", || {
        (!metadata(&cluster).is_empty()).then_some(())
    });
    disk.fill();
    let counts = |name: &str| {
        let checkpoints = cluster.get(&format!("/jobs/{job}/checkpoints"));
        checkpoints["counts"][name].as_u64().unwrap()
    };
    let failure = cluster.wait("a checkpoint or the job to fail", || {
        let checkpoints = cluster.get(&format!("/jobs/{job}/checkpoints"));
        let failed = checkpoints["latest"]["failed"]["failure_message"].as_str();
        let failed = failed.map(str::to_owned);
        let of_job = newest(&cluster, &job)["stacktrace"]
            .as_str()
            .map(str::to_owned);
        failed.or(of_job)
    });
    let says = failure.to_lowercase();
    assert!(says.contains("no space left"), "{failure}");
    disk.free();
    let completed = counts("completed");
    cluster.wait("a checkpoint after it", || {
        let is_over = cluster.state(&job) == "FINISHED";
        (is_over || counts("completed") > completed).then_some(())
    });
    let state = cluster.until(&job, &["FINISHED", "FAILED"]);
    assert_eq!(state, "FINISHED", "{}", newest(&cluster, &job));
    check(&cluster.dir().join("entries"), RECORDS.1);
}

#[test]
fn a_full_disk_of_checkpoints_makes_them_fail_until_there_is_room() {
    full("checkpoints", 4, 1000);
}

#[test]
fn a_full_disk_of_state_makes_checkpoints_and_then_tasks_fail_until_there_is_room() {
    // RocksDB may not write any more after such an error, so the task has to start again.
    full("tm-1", 64, 1);
}
