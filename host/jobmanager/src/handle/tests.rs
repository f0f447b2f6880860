//! The whole control plane with TaskManagers that only take notes.

mod rig;

use std::collections::BTreeMap;

use wasmill_network::endpoint::CloseCode;
use wasmill_rpc::protocol::{
    Acknowledged, Deregister, Heartbeat, NextSplit, TaskCounters, TaskReport, ToTaskManager,
};
use wasmill_types::id::RegistrationId;
use wasmill_types::{ExecutionState, FailureKind};

use super::*;
use crate::fixture;
use crate::restart::Strategy;
use rig::{CALL, ONCE, Rig, attempt, boom, on_runtime, register};

#[test]
fn an_uploaded_bundle_runs_for_its_tenant_and_stays_while_it_is_needed() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 2).await;
        let upload = |text: &'static str| Upload {
            tenant: TenantId::default(),
            file_name: "job.wasm".to_owned(),
            limit: 1_000,
            bytes: Box::new(text.as_bytes()),
        };
        let broken = rig.handle.upload(upload("broken")).await;
        assert_eq!(
            broken,
            Err(JobManagerError::Invalid("it is broken".to_owned()))
        );
        let bundle = rig.handle.upload(upload("src*2 => out*2")).await.unwrap();
        assert_eq!(
            rig.handle.bundles(&TenantId::default()).first(),
            Some(&bundle)
        );
        let submission = Submission {
            tenant: TenantId::default(),
            bundle: bundle.id.clone(),
            args: Vec::new(),
            settings: fixture::settings(),
            restart: None,
            job: None,
        };
        assert_eq!(
            rig.handle
                .plan(submission.clone())
                .await
                .unwrap()
                .vertices
                .len(),
            2
        );
        let job = rig.handle.submit(submission.clone()).await.unwrap();
        let foreign = Submission {
            tenant: "other".parse().unwrap(),
            ..submission
        };
        let not_found = JobManagerError::NotFound(format!("there is no bundle `{}`", bundle.id));
        assert_eq!(rig.handle.submit(foreign).await, Err(not_found));
        rig.handle
            .delete_bundle(&TenantId::default(), &bundle.id)
            .unwrap();

        let deploy = fake.deployment().await;
        let blobs = || std::fs::read_dir(rig.dir.path().join("bundles/blobs")).unwrap();
        assert_eq!(
            (deploy.job.bundle, blobs().count()),
            (Some(bundle.digest), 1)
        );
        fake.finish(&deploy).await;
        rig.handle.wait(job).await.unwrap();
        assert_eq!(
            blobs().count(),
            0,
            "the last job that needed the bundle has ended"
        );
    });
}

#[test]
fn a_job_runs_from_its_submission_to_its_end() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 2).await;
        let job = rig.run("src*2 => out*2", 1, Strategy::None).await;
        let deploy = fake.deployment().await;
        assert_eq!((deploy.tasks.len(), deploy.places.len()), (4, 4));
        assert_eq!(rig.handle.task_managers()[0].slots, [Some(job), Some(job)]);
        let ask = |task| NextSplit {
            registration: fake.registration,
            leader: deploy.leader,
            attempt: attempt(&deploy, task),
        };
        let split = fake.job_manager.call(ask(0), CALL).await.unwrap();
        assert_eq!(split.unwrap().name, "split");
        assert_eq!(fake.job_manager.call(ask(1), CALL).await.unwrap(), None);
        let heartbeat = Heartbeat {
            registration: fake.registration,
            slots: Vec::new(),
            tasks: vec![TaskReport {
                attempt: attempt(&deploy, 0),
                counters: TaskCounters {
                    records_in: 7,
                    ..TaskCounters::default()
                },
            }],
            resident_bytes: 1,
            network_buffers: (0, 1),
        };
        let alive = fake.job_manager.call(heartbeat, CALL).await;
        assert_eq!(alive, Ok(Acknowledged::Taken));
        let records = |view: &JobView| view.vertices[0].subtasks[0].current.counters.records_in;
        rig.until(job, |view| records(view) == 7).await;
        fake.finish(&deploy).await;
        let view = rig.handle.wait(job).await.unwrap();
        assert_eq!(view.status, JobStatus::Finished);
        // Told once more, after the end.
        let late = fake.tell(&deploy, 0, ExecutionState::Finished, None).await;
        assert_eq!(late, Acknowledged::Stale);
        assert_eq!(rig.handle.job_log(job, 10).await, Ok(Vec::new()));
        let blobs = std::fs::read_dir(rig.dir.path().join("bundles/blobs")).unwrap();
        assert_eq!(
            blobs.count(),
            0,
            "the last job that needed the bundle has ended"
        );
    });
}

#[test]
fn a_task_manager_may_be_faster_than_the_answer_to_the_submission() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 1).await;
        let (registration, job_manager) = (fake.registration, fake.job_manager.clone());
        let asked = async {
            let deploy = fake.deployment().await;
            let ask = NextSplit {
                registration,
                leader: deploy.leader,
                attempt: attempt(&deploy, 0),
            };
            let split = job_manager.call(ask, CALL).await;
            let told = fake.tell(&deploy, 0, ExecutionState::Running, None).await;
            (deploy.job.job, split.unwrap().unwrap().name, told)
        };
        // In turns, so that what is asked comes while the submission is still on its way.
        let (job, asked) = tokio::join!(rig.run("src*1 => out*1", 1, Strategy::None), asked);
        assert_eq!(asked, (job, "split".to_owned(), Acknowledged::Taken));
    });
}

#[test]
fn a_job_that_fails_starts_again_and_then_fails() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 1).await;
        let job = rig.run("src*1 => out*1", 1, ONCE).await;
        for run in 0..2 {
            let deploy = fake.deployment().await;
            assert_eq!((deploy.run, deploy.tasks[0].attempt), (run + 1, run));
            fake.tell(&deploy, 0, ExecutionState::Failed, boom()).await;
            while !matches!(fake.next().await, ToTaskManager::Cancel(_)) {}
            fake.tell(&deploy, 1, ExecutionState::Canceled, None).await;
            let next = [JobStatus::Restarting, JobStatus::Failed][run as usize];
            rig.until_status(job, next).await;
            rig.clock.advance(Duration::from_secs(1));
        }
        let view = rig.handle.wait(job).await.unwrap();
        assert_eq!((view.status, view.restarts), (JobStatus::Failed, 1));
        assert_eq!(view.exceptions.len(), 2);
        assert_eq!(view.exceptions[0].cause.message, "boom");
        assert_eq!(view.vertices[0].subtasks[0].previous.len(), 1);
    });
}

#[test]
fn a_task_manager_that_is_lost_or_leaves_fails_its_tasks() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut lost = rig.task_manager("a", 1).await;
        let job = rig
            .run("src*1 => out*1", 1, Strategy::EXPONENTIAL_DELAY)
            .await;
        lost.deployment().await;
        lost.itself.close(CloseCode::Done, "");
        rig.until_status(job, JobStatus::Restarting).await;
        let mut leaving = rig.task_manager("b", 1).await;
        rig.clock.advance(Duration::from_secs(2));
        leaving.deployment().await;
        let registration = leaving.registration;
        leaving
            .job_manager
            .call(Deregister { registration }, CALL)
            .await
            .unwrap();
        let view = rig.until_status(job, JobStatus::Restarting).await;
        let root = &view.exceptions[0];
        assert_eq!(root.cause.kind, FailureKind::Lost);
        assert_eq!(
            root.cause.message,
            "TaskManager `b` is lost: it has ended in good order"
        );
        let mut silent = rig.task_manager("c", 1).await;
        rig.clock.advance(Duration::from_secs(3));
        silent.deployment().await;
        rig.clock.advance(Duration::from_secs(5));
        let view = rig.until_status(job, JobStatus::Restarting).await;
        let message = &view.exceptions[0].cause.message;
        assert!(message.contains("nothing was heard for"), "{message}");
        assert_eq!(rig.handle.task_managers().len(), 0);
        rig.handle.cancel(&TenantId::default(), job).await.unwrap();
        assert_eq!(
            rig.handle.wait(job).await.unwrap().status,
            JobStatus::Canceled
        );
    });
}

#[test]
fn a_process_that_ends_takes_only_its_own_registration_with_it() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let old = rig.task_manager("a", 1).await;
        let mut fake = rig.task_manager("a", 1).await;
        let job = rig
            .run("src*1 => out*1", 1, Strategy::EXPONENTIAL_DELAY)
            .await;
        fake.deployment().await;
        let other = rig.task_manager("b", 1).await;
        let lost = |name: &str, registration, reason: &str| {
            let id = name.parse().unwrap();
            rig.handle.lost(id, registration, reason.to_owned())
        };
        lost("a", old.registration, "its former process has ended").await;
        lost("b", fake.registration, "another process has ended").await;
        lost("c", other.registration, "an unknown process has ended").await;
        lost("a", fake.registration, "its process has ended").await;
        let view = rig.until_status(job, JobStatus::Restarting).await;
        let message = &view.exceptions[0].cause.message;
        assert_eq!(message, "TaskManager `a` is lost: its process has ended");
        let task_managers = rig.handle.task_managers();
        assert_eq!(task_managers.len(), 1);
        assert_eq!(task_managers[0].id.as_str(), "b");
        fake.itself.closed().await;
    });
}

#[test]
fn a_job_is_canceled_by_its_tenant_only() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 1).await;
        let job = rig.run("src*1 => out*1", 1, Strategy::None).await;
        let deploy = fake.deployment().await;
        let tenant = TenantId::default();
        let other: TenantId = "other".parse().unwrap();
        let no_job = |job| JobManagerError::NotFound(format!("there is no job {job}"));
        assert_eq!(rig.handle.cancel(&other, job).await, Err(no_job(job)));
        assert_eq!(
            rig.handle.cancel(&tenant, JobId(9)).await,
            Err(no_job(JobId(9)))
        );
        rig.handle.cancel(&tenant, job).await.unwrap();
        while !matches!(fake.next().await, ToTaskManager::Cancel(_)) {}
        for task in 0..2 {
            fake.tell(&deploy, task, ExecutionState::Canceled, None)
                .await;
        }
        assert_eq!(
            rig.handle.wait(job).await.unwrap().status,
            JobStatus::Canceled
        );
        while !matches!(fake.next().await, ToTaskManager::Release(_)) {}
        assert_eq!(rig.handle.cancel(&tenant, job).await, Ok(()));
        // The slot is free again.
        let again = rig.run("src*1 => out*1", 2, Strategy::None).await;
        let deploy = fake.deployment().await;
        fake.finish(&deploy).await;
        rig.handle.wait(again).await.unwrap();
        let ended = rig
            .handle
            .cancel(&tenant, again)
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(
            ended,
            format!("job {again} cannot be canceled: it is FINISHED")
        );
    });
}

#[test]
fn a_job_waits_for_slots_and_then_fails_with_the_numbers() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let fake = rig.task_manager("a", 2).await;
        let job = rig.run("src*8 => out*8", 1, Strategy::None).await;
        let missing = "needs 8 slots, 2 are there, 2 of them free: add TaskManagers or lower the \
                       parallelism";
        let waits = |view: &JobView| view.waiting_for.as_deref() == Some(missing);
        rig.until(job, waits).await;
        // Heartbeats go on meanwhile.
        for _ in 0..100 {
            rig.clock.advance(Duration::from_secs(3));
            let heartbeat = Heartbeat {
                registration: fake.registration,
                slots: Vec::new(),
                tasks: Vec::new(),
                resident_bytes: 0,
                network_buffers: (0, 0),
            };
            fake.job_manager.call(heartbeat, CALL).await.unwrap();
        }
        let view = rig.handle.wait(job).await.unwrap();
        assert_eq!(view.status, JobStatus::Failed);
        assert_eq!(view.exceptions[0].cause.message, missing);
    });
}

#[test]
fn the_panic_of_a_job_master_fails_its_job_only() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 2).await;
        let broken = rig.run("src*1 => out*1", 1, ONCE).await;
        fake.deployment().await;
        let fine = rig.run("src*1 => out*1", 2, ONCE).await;
        let deploy = fake.deployment().await;
        let master = rig.handle.entry(broken).unwrap().master.unwrap();
        master.send(master::Message::Panic).await.unwrap();
        let view = rig.handle.wait(broken).await.unwrap();
        assert_eq!(view.status, JobStatus::Failed);
        let message = &view.exceptions[0].cause.message;
        assert!(message.ends_with("a bug in the JobMaster"), "{message}");
        while !matches!(fake.next().await, ToTaskManager::Release(it) if it.job == broken) {}
        fake.finish(&deploy).await;
        assert_eq!(
            rig.handle.wait(fine).await.unwrap().status,
            JobStatus::Finished
        );
        // Its slot is free again.
        rig.run("src*2 => out*2", 3, ONCE).await;
        fake.deployment().await;
    });
}

#[test]
fn many_jobs_run_at_the_same_time() {
    on_runtime(async {
        const JOBS: u32 = 200;
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", JOBS).await;
        let mut deployed = BTreeMap::new();
        for job in 0..u128::from(JOBS) {
            rig.run("src*1", job, Strategy::None).await;
        }
        while deployed.len() < JOBS as usize {
            let deploy = fake.deployment().await;
            fake.finish(&deploy).await;
            deployed.insert(deploy.job.job, deploy);
        }
        for job in deployed.keys() {
            assert_eq!(
                rig.handle.wait(*job).await.unwrap().status,
                JobStatus::Finished
            );
        }
        assert_eq!(rig.handle.jobs().len(), JOBS as usize);
    });
}

#[test]
fn a_shutdown_suspends_jobs_and_takes_no_more() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let mut fake = rig.task_manager("a", 1).await;
        let job = rig.run("src*1", 1, Strategy::None).await;
        fake.deployment().await;
        rig.handle.shutdown().await;
        // Whoever starts on the same data directory goes on with it.
        assert_eq!(rig.handle.job(job).unwrap().status, JobStatus::Suspended);
        let request = RunRequest {
            description: (*fixture::description("src*1", 2)).clone(),
            restart: None,
        };
        let refused = rig.handle.run(request).await.unwrap_err();
        assert!(
            matches!(refused, JobManagerError::Unavailable(_)),
            "{refused}"
        );
    });
}

#[test]
fn a_task_manager_registers_under_its_own_name_only() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let fake = rig.task_manager("a", 1).await;
        for (request, expected) in [
            (
                register("b", 1),
                "TaskManager `a` cannot register as TaskManager `b`",
            ),
            (
                register("a", 0),
                "a TaskManager has 1 to 4096 slots, and this one offers 0",
            ),
        ] {
            let refused = fake.job_manager.call(request, CALL).await.unwrap_err();
            assert_eq!(refused.kind.to_string(), expected);
        }
        let unknown = Heartbeat {
            registration: RegistrationId(5),
            slots: Vec::new(),
            tasks: Vec::new(),
            resident_bytes: 0,
            network_buffers: (0, 0),
        };
        let stale = fake.job_manager.call(unknown, CALL).await;
        assert_eq!(stale, Ok(Acknowledged::Stale));
    });
}

#[test]
fn a_second_process_of_a_name_waits_for_the_end_of_the_first() {
    on_runtime(async {
        let rig = Rig::new(Options::default());
        let first = rig.task_manager("a", 1).await;
        let mut other = register("a", 1);
        other.pid = 2;
        let refused = first.job_manager.call(other, CALL).await.unwrap_err();
        let told = refused.to_string();
        assert!(
            told.contains("a TaskManager `a` is there already, process 1 on `a`"),
            "{told}"
        );
        // The same process comes back.
        let again = first.job_manager.call(register("a", 1), CALL).await;
        assert_ne!(again.unwrap().registration, first.registration);
    });
}
