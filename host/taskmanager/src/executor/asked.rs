//! What the JobManager asks for.
//!
//! Each message is first checked against the leader that it comes from; what takes long becomes an errand
//! that answers by itself.

use std::sync::Arc;

use wasmill_actor::Reply;
use wasmill_rpc::protocol::{
    Cancel, Commit, Deploy, Discard, JobDescription, JobLog, Notify, Prepare, ReadState, Release,
    ToTaskManager, Trigger,
};
use wasmill_rpc::{Answer, Request};
use wasmill_types::id::AttemptId;

use super::{Executor, Message};
use crate::gateway::JobManager;
use crate::jobs::{Refused, attempt_of};
use crate::programs::{Program, Programs};
use crate::{deploy, endpoints, errand, lookup};

/// Where an answer goes.
type To = Reply<Result<Answer, Refused>>;

impl Executor {
    pub(super) fn asked(&mut self, message: ToTaskManager, reply: To) {
        if self.stopping.is_some() {
            return reply.give(Err(Refused::ShuttingDown));
        }
        match message {
            ToTaskManager::Prepare(prepare) => self.prepare(*prepare, reply),
            ToTaskManager::Deploy(deploy) => self.deploy(deploy, reply),
            ToTaskManager::Commit(commit) => self.commit(commit, reply),
            ToTaskManager::Discard(discard) => self.discard_asked(discard, reply),
            ToTaskManager::Recover(recover) => self.recover(*recover, reply),
            ToTaskManager::Trigger(trigger) => {
                reply.give(self.trigger(*trigger).map(Trigger::answer));
            }
            ToTaskManager::Notify(notify) => {
                reply.give(self.notify(notify).map(Notify::answer));
            }
            ToTaskManager::JobLog(wanted) => {
                let log = self.jobs.log(wanted.job);
                let lines = log.map(|log| log.last(wanted.lines)).unwrap_or_default();
                reply.give(Ok(JobLog::answer(lines)));
            }
            ToTaskManager::ReadState(question) => {
                let site = Arc::clone(&self.site);
                self.errand("read state", async move {
                    let rows = lookup::read(&site, *question).await;
                    reply.give(rows.map(ReadState::answer));
                });
            }
            ToTaskManager::Cancel(cancel) => {
                reply.give(self.cancel(&cancel).map(Cancel::answer));
            }
            ToTaskManager::Release(release) => {
                reply.give(self.release(release).map(Release::answer));
            }
        }
    }

    fn prepare(&mut self, prepare: Prepare, reply: To) {
        let now = self.clock.monotonic();
        if let Err(refused) = self.jobs.follow(prepare.job.job, prepare.leader, now) {
            return reply.give(Err(refused));
        }
        let (site, program) = (Arc::clone(&self.site), self.program());
        self.errand("prepare", async move {
            let work = async {
                let program = program.of(&prepare.job).await?;
                let prepared = errand::on_thread("prepare", move || {
                    endpoints::prepare(&prepare, &site.access, &site.memory, program.as_ref())
                });
                prepared.await.map_err(Refused::Failed)?
            };
            reply.give(work.await.map(Prepare::answer));
        });
    }

    fn deploy(&mut self, deploy: Box<Deploy>, reply: To) {
        let accepted = self.accept(&deploy);
        if let Ok(accepted) = &accepted {
            for run in &accepted.replaced {
                self.site.channels.release(deploy.job.job, *run);
            }
        }
        let accepted = match accepted {
            Ok(accepted) if accepted.tasks.is_empty() => {
                return reply.give(Ok(Deploy::answer(())));
            }
            Ok(accepted) => accepted,
            Err(refused) => return reply.give(Err(refused)),
        };
        let attempts: Vec<AttemptId> = deploy
            .tasks
            .iter()
            .map(|place| attempt_of(deploy.job.job, place))
            .collect();
        let (site, program) = (Arc::clone(&self.site), self.program());
        self.errand("deploy", async move {
            let executor = site.executor.clone();
            let work = async {
                let program = program.of(&deploy.job).await?;
                let deployed = errand::on_thread("deploy", move || {
                    deploy::deploy(&site, &deploy, accepted, program.as_ref())
                });
                deployed.await.map_err(Refused::Failed)?
            };
            let deployed = work.await;
            if let Err(refused) = &deployed {
                // The executor ends only after its errands.
                let told = Message::NotDeployed(attempts, refused.clone());
                let _ = executor.send(told).await;
            }
            reply.give(deployed.map(Deploy::answer));
        });
    }

    fn accept(&mut self, deploy: &Deploy) -> Result<crate::jobs::Accepted, Refused> {
        let registration = self
            .job_manager
            .as_ref()
            .map(|(_, registration)| *registration);
        let registration = registration.ok_or(Refused::NotRegistered)?;
        let now = self.clock.monotonic();
        self.jobs.follow(deploy.job.job, deploy.leader, now)?;
        self.jobs.accept(deploy, registration)
    }

    fn cancel(&mut self, cancel: &Cancel) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        for attempt in &cancel.attempts {
            self.jobs.follow(attempt.job, cancel.leader, now)?;
        }
        self.jobs.cancel(&cancel.attempts, now);
        Ok(())
    }

    fn release(&mut self, release: Release) -> Result<(), Refused> {
        let now = self.clock.monotonic();
        self.jobs.follow(release.job, release.leader, now)?;
        let runs = self.jobs.runs(release.job);
        self.jobs.release(release.job, now);
        self.site.lookups.forget(release.job);
        self.site.state.forget(release.job);
        for run in runs {
            self.site.channels.release(release.job, run);
        }
        Ok(())
    }

    fn commit(&mut self, commit: Commit, reply: To) {
        let now = self.clock.monotonic();
        if let Err(refused) = self.jobs.follow(commit.job.job, commit.leader, now) {
            return reply.give(Err(refused));
        }
        let site = Arc::clone(&self.site);
        self.errand("commit", async move {
            let work = errand::on_thread("commit", move || endpoints::commit(commit, &site.access));
            let committed = work.await.map_err(Refused::Failed).flatten();
            reply.give(committed.map(Commit::answer));
        });
    }

    fn discard_asked(&mut self, discard: Discard, reply: To) {
        let now = self.clock.monotonic();
        if let Err(refused) = self.jobs.follow(discard.job.job, discard.leader, now) {
            return reply.give(Err(refused));
        }
        let site = Arc::clone(&self.site);
        self.errand("discard", async move {
            let work = errand::on_thread("discard", move || {
                endpoints::discard(&discard.job, discard.parts, &site.access)
            });
            let discarded = work.await.map_err(Refused::Failed).flatten();
            reply.give(discarded.map(Discard::answer));
        });
    }

    fn program(&self) -> ProgramOf {
        let job_manager = self.job_manager.as_ref();
        ProgramOf {
            programs: Arc::clone(&self.programs),
            job_manager: job_manager.map(|(job_manager, _)| job_manager.clone()),
        }
    }
}

/// Gets the program of a job.
struct ProgramOf {
    programs: Arc<dyn Programs>,
    job_manager: Option<JobManager>,
}

impl ProgramOf {
    async fn of(self, job: &JobDescription) -> Result<Option<Arc<dyn Program>>, Refused> {
        let Some(digest) = job.bundle else {
            return Ok(None);
        };
        let job_manager = self.job_manager.ok_or(Refused::NotRegistered)?;
        let program = self.programs.get(digest, job_manager).await;
        program
            .map(Some)
            .map_err(|error| Refused::Failed(error.to_string()))
    }
}
