//! Whole TaskManagers with real tasks, and a JobManager that takes notes.

use std::sync::atomic::Ordering;

use tempfile::TempDir;
use wasmill_rpc::protocol::{
    Cancel, Commit, Deploy, Discard, JobDescription, JobLog, Prepare, Release, TaskChanged,
};
use wasmill_types::id::{JobId, LeaderId, OperatorId, SlotId};
use wasmill_types::{ExecutionState, FailureKind};

use super::*;
use crate::channels::NoChannels;
use crate::fixture::channels::Memory;
use crate::fixture::guest::{UNSTUCK, bundle};
use crate::fixture::job_manager::Notes;
use crate::fixture::{LEADER, SOON, TaskManager, attempts, deployment, files, job, numbers, run};

/// A TaskManager, a job for it, and what is needed to look at both.
struct Rig {
    manager: TaskManager,
    notes: Arc<Notes>,
    job: JobDescription,
    directory: TempDir,
}

impl Rig {
    /// One TaskManager, and a job whose operator does this.
    async fn new(does: &str, rows: Option<u64>, change: impl FnOnce(&mut Options)) -> Self {
        let notes = Arc::<Notes>::default();
        let directory = tempfile::tempdir().unwrap();
        let manager = TaskManager::start("a", &notes, Arc::new(NoChannels), change).await;
        let mut job = job(rows, does, &directory.path().join("out"));
        job.bundle = Some(bundle(does));
        let rig = Self {
            manager,
            notes,
            job,
            directory,
        };
        rig.prepare().await;
        rig
    }

    async fn prepare(&self) {
        let prepare = Prepare {
            leader: LEADER,
            job: self.job.clone(),
            only: None,
        };
        let prepared = self.manager.gateway.call(prepare, SOON).await.unwrap();
        self.notes.keep(prepared);
    }

    fn deployment(&self) -> Deploy {
        deployment(&self.job, &["a"], 0)
    }

    async fn deploy(&self, deploy: Deploy) -> Result<(), String> {
        let deployed = self.manager.gateway.call(deploy, SOON).await;
        deployed.map_err(|error| error.kind.to_string())
    }

    async fn cancel(&self) {
        let cancel = Cancel {
            leader: LEADER,
            attempts: attempts(&self.deployment()),
        };
        self.manager.gateway.call(cancel, SOON).await.unwrap();
    }

    fn files(&self) -> usize {
        files(&self.directory.path().join("out"))
    }
}

fn commit(job: &JobDescription, ended: &[TaskChanged]) -> Commit {
    let parts = ended.iter().flat_map(|change| change.parts.clone());
    Commit {
        leader: LEADER,
        job: Box::new(job.clone()),
        sink: OperatorId(2),
        parts: parts.collect(),
        after_snapshot: false,
    }
}

/// Two TaskManagers and a job that runs on both.
struct Pair {
    managers: [TaskManager; 2],
    notes: Arc<Notes>,
    job: JobDescription,
    directory: TempDir,
}

impl Pair {
    async fn new(memory: &Arc<Memory>, rows: Option<u64>) -> Self {
        let notes = Arc::<Notes>::default();
        let directory = tempfile::tempdir().unwrap();
        let mut job = job(rows, "log", &directory.path().join("out"));
        job.bundle = Some(bundle("log"));
        let channels = || -> Arc<dyn Channels> { Arc::new(Arc::clone(memory)) };
        let managers = [
            TaskManager::start("a", &notes, channels(), |_| {}).await,
            TaskManager::start("b", &notes, channels(), |_| {}).await,
        ];
        Self {
            managers,
            notes,
            job,
            directory,
        }
    }

    /// Deploys the job, and waits for the ends of all its tasks.
    async fn ends(&self) -> Vec<TaskChanged> {
        let prepare = Prepare {
            leader: LEADER,
            job: self.job.clone(),
            only: None,
        };
        let prepared = self.managers[0].gateway.call(prepare, SOON).await;
        self.notes.keep(prepared.unwrap());
        let mut all = Vec::new();
        for (at, manager) in self.managers.iter().enumerate() {
            let deploy = deployment(&self.job, &["a", "b"], at);
            all.extend(attempts(&deploy));
            manager.gateway.call(deploy, SOON).await.unwrap();
        }
        self.notes.ends(&all).await
    }
}

#[test]
fn a_job_over_two_task_managers_ends_with_all_its_records() {
    run(async {
        let rows = 5_000;
        let memory = Arc::new(Memory::default());
        let pair = Pair::new(&memory, Some(rows)).await;
        let (job, out) = (&pair.job, pair.directory.path().join("out"));
        let ended = pair.ends().await;
        assert_eq!(*memory.connected.lock().unwrap(), 2, "one channel each way");
        assert_eq!(
            numbers(&out),
            [0; 0],
            "nothing is visible before the commit"
        );
        let (mut made, mut sent) = (0, 0);
        for change in &ended {
            let states = [
                ExecutionState::Initializing,
                ExecutionState::Running,
                ExecutionState::Finished,
            ];
            assert_eq!(pair.notes.states(change.attempt), states, "{change:?}");
            sent += change.counters.records_sent;
            if change.counters.is_source {
                made += change.counters.records_in;
            }
        }
        assert_eq!((made, sent), (rows, rows));
        // Twice, and elsewhere than the sinks were prepared.
        for manager in pair.managers.iter().rev() {
            manager
                .gateway
                .call(commit(job, &ended), SOON)
                .await
                .unwrap();
        }
        assert_eq!(numbers(&out), (0..rows).collect::<Vec<u64>>());
    });
}

#[test]
fn what_is_asked_before_the_registration_is_known_here_is_done_after_it() {
    run(async {
        let rig = Rig::new("log", Some(100), |_| {}).await;
        rig.notes.holds.store(true, Ordering::Release);
        rig.notes.hang_up(false);
        rig.notes.held.notified().await;
        let prepare = Prepare {
            leader: LEADER,
            job: rig.job.clone(),
            only: None,
        };
        let later = async {
            // The executor has taken what was asked before it answers this.
            let status = rig.manager.handle.status().await.unwrap();
            assert_eq!(status.registration, None);
            rig.notes.let_in.notify_one();
        };
        let (prepared, ()) = tokio::join!(rig.manager.gateway.call(prepare, SOON), later);
        assert!(!prepared.unwrap().sources.is_empty());
    });
}

#[test]
fn a_job_that_is_released_leaves_its_log() {
    run(async {
        let memory = Arc::new(Memory::default());
        let pair = Pair::new(&memory, Some(100)).await;
        pair.ends().await;
        let job = pair.job.job;
        for (manager, task) in pair.managers.iter().zip(["1/2", "2/2"]) {
            let log = JobLog { job, lines: 1 };
            let lines = manager.gateway.call(log, SOON).await.unwrap();
            let shown = lines.iter().map(|line| (&*line.task, &*line.message));
            let task = format!("log -> Sink: out ({task})");
            assert_eq!(shown.collect::<Vec<_>>(), [(&*task, "records came")]);
            let leader = LEADER;
            let released = manager.gateway.call(Release { leader, job }, SOON);
            released.await.unwrap();
            assert_eq!(manager.handle.status().await.unwrap().slots, []);
            assert_eq!(manager.gateway.call(log, SOON).await, Ok(lines));
        }
        assert!(memory.released.lock().unwrap().contains(&0));
    });
}

#[test]
fn a_broken_way_fails_the_tasks_with_its_reason() {
    run(async {
        let memory = Arc::new(Memory::broken("connection to `b` lost"));
        let pair = Pair::new(&memory, None).await;
        let ended = pair.ends().await;
        let failed = ended
            .iter()
            .filter(|change| change.state == ExecutionState::Failed);
        let causes: Vec<_> = failed
            .map(|change| change.failure.clone().unwrap())
            .collect();
        assert!(!causes.is_empty(), "{ended:?}");
        for cause in causes {
            let found = (cause.kind, &*cause.message);
            assert_eq!(found, (FailureKind::Host, "connection to `b` lost"));
        }
    });
}

#[test]
fn a_failure_is_told_with_its_kind_and_the_others_are_its_consequence() {
    run(async {
        let rig = Rig::new("fail", Some(1_000_000_000), |_| {}).await;
        rig.deploy(rig.deployment()).await.unwrap();
        // Each subtask that gets records fails; nobody here stops the others, which notice.
        let ended = rig.notes.ends(&attempts(&rig.deployment())).await;
        for change in ended {
            let cause = change.failure.unwrap();
            let expected = match change.attempt.vertex.0 {
                0 => (ExecutionState::Canceled, FailureKind::Consequence),
                _ => (ExecutionState::Failed, FailureKind::Guest),
            };
            let is_consequence = cause.kind == FailureKind::Consequence;
            let found = (change.state, cause.kind);
            assert!(found == expected || is_consequence, "{found:?} {cause}");
        }
        assert_eq!(rig.files(), 0, "failed tasks leave nothing");
    });
}

#[test]
fn a_cancelled_job_ends_and_leaves_nothing() {
    run(async {
        for does in ["map", "spin"] {
            let rig = Rig::new(does, None, |_| {}).await;
            rig.deploy(rig.deployment()).await.unwrap();
            let all = attempts(&rig.deployment());
            rig.notes.reached(all[3], ExecutionState::Running).await;
            rig.cancel().await;
            rig.cancel().await;
            let ended = rig.notes.ends(&all).await;
            for change in ended {
                let found = (change.state, change.failure);
                assert_eq!(found, (ExecutionState::Canceled, None), "{does}");
            }
            assert_eq!(rig.files(), 0, "{does}");
        }
    });
}

#[test]
fn a_deployment_is_done_once_and_only_for_the_leader() {
    run(async {
        let rig = Rig::new("spin", None, |_| {}).await;
        let first = rig.deployment();
        rig.deploy(first.clone()).await.unwrap();
        rig.deploy(first.clone()).await.unwrap();
        let all = attempts(&first);
        for id in &all {
            rig.notes.reached(*id, ExecutionState::Running).await;
        }
        assert_eq!(rig.manager.handle.status().await.unwrap().tasks.len(), 4);

        let mut other = first.clone();
        other.job.job = JobId(8);
        let taken = rig.deploy(other).await.unwrap_err();
        assert!(taken.contains("slot 0 is in use by job 0000"), "{taken}");
        let mut missing = first.clone();
        missing
            .tasks
            .iter_mut()
            .for_each(|task| (task.slot, task.attempt) = (SlotId(9), 1));
        let missing = rig.deploy(missing).await.unwrap_err();
        assert_eq!(
            missing,
            "there is no slot 9; this TaskManager has 2, counted from 0"
        );

        // Another leader takes the job over, which ends what the first has started.
        let mut second = first.clone();
        (second.leader, second.run) = (LeaderId(2), 1);
        second.tasks.iter_mut().for_each(|task| task.attempt = 1);
        rig.deploy(second).await.unwrap();
        let ended = rig.notes.ends(&all).await;
        assert!(
            ended
                .iter()
                .all(|change| change.state == ExecutionState::Canceled)
        );
        let replaced = rig.deploy(first.clone()).await.unwrap_err();
        assert!(replaced.contains("was replaced"), "{replaced}");
        let mut outdated = first;
        outdated.leader = LeaderId(2);
        let outdated = rig.deploy(outdated).await.unwrap_err();
        assert!(outdated.contains("is older than one"), "{outdated}");
        rig.manager.handle.shut_down().await;
    });
}

#[test]
fn what_cannot_be_deployed_is_refused_and_its_attempts_have_failed() {
    run(async {
        let rig = Rig::new("map", Some(1), |_| {}).await;
        let mut deploy = rig.deployment();
        deploy.job.bundle = Some(wasmill_types::id::Digest([99; 32]));
        let refused = rig.deploy(deploy.clone()).await.unwrap_err();
        assert!(refused.ends_with("nobody has it"), "{refused}");
        for change in rig.notes.ends(&attempts(&deploy)).await {
            let cause = change.failure.unwrap();
            assert!(cause.message.ends_with("nobody has it"), "{cause}");
        }
        let mut broken = rig.deployment();
        broken.tasks.iter_mut().for_each(|task| task.attempt = 1);
        broken.places.pop();
        let refused = rig.deploy(broken).await.unwrap_err();
        assert!(refused.contains("does not fit the graph"), "{refused}");
    });
}

#[test]
fn a_task_that_does_not_end_costs_its_slot_until_it_does() {
    run(async {
        let rig = Rig::new("stuck", None, |options| {
            options.cancel_timeout = Duration::from_millis(50);
        })
        .await;
        rig.deploy(rig.deployment()).await.unwrap();
        let all = attempts(&rig.deployment());
        rig.notes.reached(all[3], ExecutionState::Running).await;
        while rig
            .manager
            .handle
            .status()
            .await
            .unwrap()
            .tasks
            .iter()
            .filter(|task| task.counters.records_in > 0 && !task.counters.is_source)
            .count()
            < 2
        {
            tokio::task::yield_now().await;
        }
        rig.cancel().await;
        let ended = rig.notes.ends(&all).await;
        for change in &ended[2..] {
            let cause = change.failure.clone().unwrap();
            assert_eq!(change.state, ExecutionState::Failed);
            assert!(cause.message.contains("its thread was given up"), "{cause}");
        }
        let mut again = rig.deployment();
        again.tasks.iter_mut().for_each(|task| task.attempt = 1);
        let lost = rig.deploy(again.clone()).await.unwrap_err();
        assert!(lost.starts_with("slot 0 is lost"), "{lost}");
        UNSTUCK.store(true, Ordering::Release);
        while rig.deploy(again.clone()).await.is_err() {
            tokio::task::yield_now().await;
        }
        rig.manager.handle.shut_down().await;
    });
}

#[test]
fn changes_are_told_until_they_are_taken() {
    run(async {
        let rig = Rig::new("map", Some(10), |_| {}).await;
        rig.notes.refusals.store(5, Ordering::Release);
        rig.deploy(rig.deployment()).await.unwrap();
        let all = attempts(&rig.deployment());
        rig.notes.ends(&all).await;
        for id in all {
            assert_eq!(rig.notes.states(id).len(), 3, "each once");
        }
    });
}

#[test]
fn attempts_that_nobody_knows_are_stopped_and_their_output_is_removed() {
    run(async {
        let rig = Rig::new("map", Some(100), |_| {}).await;
        rig.notes.is_forgetful.store(true, Ordering::Release);
        rig.deploy(rig.deployment()).await.unwrap();
        rig.notes.ends(&attempts(&rig.deployment())).await;
        while rig.files() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn without_a_job_manager_tasks_are_stopped_and_the_task_manager_registers_again() {
    run(async {
        let ends: [(fn(&Notes), _); 3] = [
            (|notes| notes.hang_up(true), Duration::from_millis(30)),
            (|notes| notes.hang_up(false), SOON),
            (Notes::die, SOON),
        ];
        for (end, timeout) in ends {
            let rig = Rig::new("spin", None, |options| {
                options.registration_timeout = timeout;
            })
            .await;
            rig.deploy(rig.deployment()).await.unwrap();
            let all = attempts(&rig.deployment());
            rig.notes.reached(all[3], ExecutionState::Running).await;
            end(&rig.notes);
            while !rig.manager.handle.status().await.unwrap().tasks.is_empty() {
                tokio::task::yield_now().await;
            }
            rig.notes.is_away.store(false, Ordering::Release);
            while rig.notes.registrations.load(Ordering::Acquire) < 2 {
                tokio::task::yield_now().await;
            }
            rig.manager.registered().await;
            assert_eq!(rig.manager.handle.status().await.unwrap().slots, []);
            assert_eq!(rig.files(), 0);
        }
    });
}

#[test]
fn a_task_manager_that_ends_withdraws_and_stops_its_tasks() {
    run(async {
        let mut rig = Rig::new("spin", None, |_| {}).await;
        rig.deploy(rig.deployment()).await.unwrap();
        rig.manager.handle.shut_down().await;
        assert!(rig.notes.deregistered.load(Ordering::Acquire));
        assert_eq!(rig.files(), 0);
        rig.manager.actor.join().await.unwrap();
        let late = rig.deploy(rig.deployment()).await.unwrap_err();
        assert_eq!(late, "this TaskManager is shutting down");
    });
}

#[test]
fn staged_output_can_be_discarded() {
    run(async {
        let rig = Rig::new("map", Some(10), |_| {}).await;
        rig.deploy(rig.deployment()).await.unwrap();
        let ended = rig.notes.ends(&attempts(&rig.deployment())).await;
        let parts: Vec<_> = ended.into_iter().flat_map(|change| change.parts).collect();
        assert!(rig.files() > 0 && !parts.is_empty());
        for _ in 0..2 {
            let discard = Discard {
                leader: LEADER,
                job: Box::new(rig.job.clone()),
                parts: parts.clone(),
            };
            rig.manager.gateway.call(discard, SOON).await.unwrap();
            assert_eq!(rig.files(), 0);
        }
    });
}
