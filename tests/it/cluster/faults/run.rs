//! One job and what happens to it.
//!
//! The job has no end of its own: when enough has happened and it has got over it, it is stopped with a
//! savepoint, and its output is looked at. Invariant: nothing is still broken when a fault's turn is over.

use std::fs;

use wasmill_actor::{Clock, Rng};

use crate::cluster::ledger::{RESTARTS, check, check_nothing_lost, check_order};
use crate::cluster::{attempts, newest};
use crate::harness::{Cluster, bundle, lines_of_parts};

/// How many TaskManagers there are, with a slot each: one more than the job needs.
const TASK_MANAGERS: u64 = 3;
/// A lost TaskManager is noticed soon, so that much can happen.
const HEARTBEAT: &str = "[heartbeat]\ninterval = \"300ms\"\ntimeout = \"3s\"\n";
/// Little waits in channels: a savepoint does not overtake it, and a restart begins with what a checkpoint had of it.
const CHANNELS: &str = "[network]\nframe-bytes = \"2 KiB\"\nchannel-capacity = 2\n";
/// Between two panics of a task are at least so many milliseconds, and at most as many more.
const PANIC_MS: u64 = 600;

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struck {
    /// A task: its guest panics.
    Task,
    /// A TaskManager, killed and started again.
    TaskManager,
    /// The JobManager, killed and started again.
    JobManager,
    /// A TaskManager, stopped until it counts as lost, and continued.
    Breath,
    /// The network between two TaskManagers.
    Network,
    /// Checkpoint storage: its directory is away; sometimes a TaskManager dies meanwhile.
    Storage,
}

/// How the job keeps its state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    backend: &'static str,
    unaligned: bool,
    at_least_once: bool,
}

impl Variant {
    /// With this backend, exactly once, with aligned barriers.
    pub(super) fn of(backend: &'static str) -> Self {
        Self {
            backend,
            unaligned: false,
            at_least_once: false,
        }
    }

    /// With barriers that overtake.
    pub(super) fn unaligned(self) -> Self {
        let unaligned = true;
        Self { unaligned, ..self }
    }

    /// With barriers that nobody waits for.
    pub(super) fn at_least_once(self) -> Self {
        let at_least_once = true;
        Self {
            at_least_once,
            ..self
        }
    }

    /// All with the same guarantee.
    pub(super) fn all(self) -> Vec<Self> {
        let both = ["memory", "rocksdb"].map(Self::of);
        match self.at_least_once {
            true => both.map(Self::at_least_once).to_vec(),
            false => [both, both.map(Self::unaligned)].concat(),
        }
    }

    fn flags(self) -> Vec<&'static str> {
        let mut flags = vec!["--parallelism", "2", "--checkpoint-interval", "200ms"];
        flags.extend(["--backend", self.backend]);
        flags.extend([
            "-D",
            "execution.checkpointing.tolerable-failed-checkpoints=2",
        ]);
        if self.unaligned {
            flags.extend(["-D", "execution.checkpointing.unaligned.enabled=true"]);
        }
        if self.at_least_once {
            flags.extend(["-D", "execution.checkpointing.mode=AT_LEAST_ONCE"]);
        }
        flags
    }

    /// Where barriers overtake the counting is slower than the source, so that there is something to overtake.
    fn args(self) -> [&'static str; 4] {
        match self.unaligned {
            true => ["--records", "1000000000", "--work", "30000"],
            false => ["--records", "1000000000", "--rate", "5000"],
        }
    }
}

/// A job on a cluster to which things happen.
pub(super) struct Run {
    struck: Struck,
    variant: Variant,
    rng: Rng,
    cluster: Cluster,
    job: String,
    /// How much is to happen.
    faults: usize,
}

impl Run {
    /// Starts the cluster and the job.
    pub(super) fn start(struck: Struck, variant: Variant, seed: u64, faults: usize) -> Self {
        say(&format!(
            "{struck:?} {variant:?}: WASMILL_FAULTS_SEED={seed}"
        ));
        let mut rng = Rng::seeded(seed);
        let config = format!("{RESTARTS}{HEARTBEAT}{CHANNELS}");
        let cluster = match struck {
            Struck::Network => Cluster::of_hosts(TASK_MANAGERS as usize, 1, &config),
            _ => Cluster::of(TASK_MANAGERS as usize, 1, &config),
        };
        let panics = match struck {
            Struck::Task => panics(&mut rng, faults),
            _ => String::new(),
        };
        let output = cluster.dir().join("entries");
        let output = ["--output", output.to_str().unwrap(), "--panic-at", &panics];
        let args = [&variant.args()[..], &output].concat();
        let job = cluster.submit(&bundle("ledger"), &variant.flags(), &args);
        Self {
            struck,
            variant,
            rng,
            cluster,
            job,
            faults,
        }
    }

    /// Lets so much happen to the job, and checks what it has written.
    pub(super) fn go(mut self) {
        let before = Clock::system();
        for fault in 0..self.faults {
            if self.struck != Struck::Task {
                self.moment();
            }
            match self.struck {
                // They choose the moment.
                Struck::Task => self.until_restarted(fault as u64),
                Struck::TaskManager => self.kill(),
                Struck::JobManager => {
                    self.cluster.kill_job_manager();
                    self.cluster.restart_job_manager();
                }
                Struck::Breath => self.hang(),
                Struck::Network => self.part(),
                Struck::Storage => self.lose_storage(),
            }
            let state = self.cluster.state(&self.job);
            assert_ne!(state, "FAILED", "{}", newest(&self.cluster, &self.job));
        }
        let stops = self.stop();
        if stops > 1 || self.struck == Struck::JobManager {
            self.remove_pending();
        }
        let entries = self.check();
        let took = before.monotonic().as_secs();
        let restarts = attempts(&self.cluster, &self.job);
        say(&format!(
            "{:?} {:?}: {} faults, {restarts} restarts, {entries} entries, {took} s",
            self.struck, self.variant, self.faults
        ));
    }

    /// Waits for one of the moments at which something may happen.
    fn moment(&mut self) {
        match self.rng.below(6) {
            0 => {}
            1 => drop(self.cluster.until(&self.job, &["RUNNING", "FAILED"])),
            2 | 3 => self.until_checkpoint(),
            _ => self.cluster.wait("a checkpoint to begin", || {
                let checkpoints = self.checkpoints();
                (checkpoints["counts"]["in_progress"].as_u64()? > 0).then_some(())
            }),
        }
    }

    fn checkpoints(&self) -> serde_json::Value {
        let path = format!("/jobs/{}/checkpoints", self.job);
        self.cluster.get(&path)
    }

    /// Waits for a checkpoint to be complete that was not before.
    fn until_checkpoint(&self) {
        let before = self.newest_checkpoint();
        self.cluster.wait("a checkpoint", || {
            (self.newest_checkpoint() > before).then_some(())
        });
    }

    /// The last completed checkpoint, of this JobManager or one before: their numbers grow.
    fn newest_checkpoint(&self) -> Option<u64> {
        let latest = &self.checkpoints()["latest"];
        let of = |kind: &str| latest[kind]["id"].as_u64();
        of("completed").max(of("restored"))
    }

    fn until_restarted(&self, attempt: u64) {
        self.cluster.wait("the job to restart", || {
            (attempts(&self.cluster, &self.job) > attempt).then_some(())
        });
    }

    fn any_task_manager(&mut self) -> String {
        format!("tm-{}", 1 + self.rng.below(TASK_MANAGERS))
    }

    fn kill(&mut self) {
        let victim = self.any_task_manager();
        self.cluster.kill(&victim);
        self.cluster.join(&victim, 1);
    }

    fn hang(&mut self) {
        let victim = self.any_task_manager();
        self.cluster.until_joined(TASK_MANAGERS as usize);
        self.cluster.signal(&victim, "STOP");
        self.cluster.until_joined(TASK_MANAGERS as usize - 1);
        if self.rng.below(2) == 0 {
            self.until_checkpoint();
        }
        // It goes on where it was, with tasks that do not count any more.
        self.cluster.signal(&victim, "CONT");
        self.cluster.until_joined(TASK_MANAGERS as usize);
    }

    /// Parts the two TaskManagers between which records go.
    fn part(&mut self) {
        let hosts = super::super::hosts_of(&self.cluster, &self.job);
        let [one, other] = &hosts[..] else {
            panic!("the job is on {hosts:?}");
        };
        let attempt = attempts(&self.cluster, &self.job);
        let cuts = match self.rng.below(3) {
            0 => vec![(one, other)],
            1 => vec![(other, one)],
            _ => vec![(one, other), (other, one)],
        };
        let hosts = self.cluster.hosts();
        cuts.iter().for_each(|(from, to)| hosts.cut(from, to));
        self.until_restarted(attempt);
        cuts.iter().for_each(|(from, to)| hosts.mend(from, to));
    }

    /// Where the directory was there is a file for a while.
    fn lose_storage(&mut self) {
        let directory = self.cluster.dir().join("checkpoints");
        let aside = self.cluster.dir().join("aside");
        self.cluster
            .wait("the directory", || directory.is_dir().then_some(()));
        let attempt = attempts(&self.cluster, &self.job);
        let failed = |run: &Self| run.checkpoints()["counts"]["failed"].as_u64();
        let failed_before = failed(self);
        fs::rename(&directory, &aside).unwrap();
        fs::write(&directory, "not a directory").unwrap();
        if self.rng.below(2) == 0 {
            self.kill();
        }
        self.cluster.wait("storage to be missed", || {
            let is_missed = failed(self) > failed_before;
            (is_missed || attempts(&self.cluster, &self.job) > attempt).then_some(())
        });
        fs::remove_file(&directory).unwrap();
        fs::rename(&aside, &directory).unwrap();
    }

    /// Stops the job when it has got over everything; how often that was tried.
    fn stop(&self) -> u32 {
        let mut tries = 0;
        self.until_checkpoint();
        let savepoints = self.cluster.dir().join("savepoints");
        self.cluster.wait("the job to stop with a savepoint", || {
            if self.cluster.state(&self.job) != "RUNNING" {
                return None;
            }
            tries += 1;
            let stop = self.cluster.client(["stop", "--json", &self.job]);
            let ended = stop.arg("--savepoint-dir").arg(&savepoints).end();
            // A task may still panic while it is stopped; then the job restarts.
            (ended.code == Some(0)).then_some(())
        });
        assert_eq!(self.cluster.state(&self.job), "FINISHED");
        tries
    }

    /// Removes what sinks had handed over for a savepoint that may be there: that of a stop that failed, or one
    /// that an earlier JobManager knew of.
    fn remove_pending(&self) {
        for entry in fs::read_dir(self.cluster.dir().join("entries")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().contains(".pending-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Checks what is there; how many entries.
    fn check(&self) -> usize {
        let output = self.cluster.dir().join("entries");
        let entries = lines_of_parts(&output).len();
        match self.variant.at_least_once {
            true => check_nothing_lost(&output),
            false => {
                check(&output, entries as u64);
                check_order(&output);
            }
        }
        entries
    }
}

/// When tasks panic: often at first, and ever more seldom, so that the job can be stopped in the end.
fn panics(rng: &mut Rng, faults: usize) -> String {
    const SELDOM: u32 = 8;

    let mut at = Clock::system().now_ms() as u64;
    let mut times = Vec::new();
    // Some come while the job does not run.
    for _ in 0..3 * faults {
        at += PANIC_MS + rng.below(PANIC_MS);
        times.push(at.to_string());
    }
    for round in 0..SELDOM {
        at += PANIC_MS << round;
        times.push(at.to_string());
    }
    times.join(",")
}

/// Tells whoever looks at the test's output.
#[expect(
    clippy::print_stderr,
    reason = "a seed is of use only where it is seen"
)]
fn say(text: &str) {
    eprintln!("{text}");
}
