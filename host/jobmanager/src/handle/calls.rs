//! The calls of TaskManagers: whose they are, and which actor answers.
//!
//! Invariant: a TaskManager registers under the name of its certificate only; what it tells about jobs and
//! tasks goes to their JobMasters, which check the fencing tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_actor::{Address, Reply};
use wasmill_network::identity::Node;
use wasmill_rpc::protocol::{
    Acknowledge, Acknowledged, Decline, Deregister, Heartbeat, NextSplit, Register, TaskChanged,
    TaskReport, ToJobManager, ToTaskManager,
};
use wasmill_rpc::{
    Answer, Blobs, Caller, Gateway, Handler, Handling, NoBlobs, Refusal, Request as _, Services,
};
use wasmill_types::id::{JobId, RegistrationId, TaskManagerId};

use super::{Handle, JobManagerError};
use crate::{master, resources};

/// Takes the calls of one TaskManager, which is reached by the gateway.
struct Desk {
    handle: Handle,
    gateway: Gateway<ToTaskManager>,
}

impl Handle {
    /// What a TaskManager that is reached by `gateway` can ask here: its calls, and blobs.
    pub fn services(&self, gateway: Gateway<ToTaskManager>) -> Services<ToJobManager> {
        let desk = Desk {
            handle: self.clone(),
            gateway,
        };
        let blobs: Arc<dyn Blobs> = match &self.inner.store {
            Some(store) => Arc::new(store.bundles.clone()),
            None => Arc::new(NoBlobs),
        };
        Services {
            handler: Arc::new(desk),
            blobs,
        }
    }

    /// Tells that the process of a TaskManager that has this registration is gone; the reason is part of a
    /// sentence. One that was registered anew meanwhile, or has a registration of another name, stays.
    pub async fn lost(&self, id: TaskManagerId, registration: RegistrationId, reason: String) {
        let lost = resources::Message::Lost(id, registration, reason);
        // When nobody is there to be told it is gone all the same.
        let _told = self.inner.resources.send(lost).await;
    }

    async fn handle(
        &self,
        message: ToJobManager,
        caller: Node,
        gateway: Gateway<ToTaskManager>,
    ) -> Result<Answer, Refusal> {
        match message {
            ToJobManager::Register(register) => self.register(*register, &caller, gateway).await,
            ToJobManager::Heartbeat(heartbeat) => {
                self.heartbeat(*heartbeat).await.map(Heartbeat::answer)
            }
            ToJobManager::TaskChanged(changed) => {
                self.task_changed(changed).await.map(TaskChanged::answer)
            }
            ToJobManager::NextSplit(ask) => {
                let job = ask.attempt.job;
                let stale = || Refusal(format!("job {job} does not run"));
                let master = self.master(job).ok_or_else(stale)?;
                let split = |reply| master::Message::NextSplit(ask, reply);
                let split = self.ask(&master, split).await.map_err(refusal)?;
                split.map(NextSplit::answer).map_err(Refusal)
            }
            ToJobManager::Acknowledge(ack) => {
                let told = self.tell_master(ack.attempt.job, |reply| {
                    master::Message::Acknowledge(ack, reply)
                });
                told.await.map(Acknowledge::answer)
            }
            ToJobManager::Decline(decline) => {
                let told = self.tell_master(decline.attempt.job, |reply| {
                    master::Message::Decline(decline, reply)
                });
                told.await.map(Decline::answer)
            }
            ToJobManager::Deregister(Deregister { registration }) => {
                let gone = resources::Message::Withdrawn(registration);
                // When nobody is there to be told it is gone all the same.
                let _told = self.inner.resources.send(gone).await;
                Ok(Deregister::answer(()))
            }
        }
    }

    async fn register(
        &self,
        register: Register,
        caller: &Node,
        gateway: Gateway<ToTaskManager>,
    ) -> Result<Answer, Refusal> {
        let name = Node::TaskManager(register.id.clone());
        if *caller != name {
            return Err(Refusal(format!("{caller} cannot register as {name}")));
        }
        let message = |reply| resources::Message::Register(Box::new(register), gateway, reply);
        let registered = self.ask(&self.inner.resources, message).await;
        let registered = registered.map_err(refusal)?;
        registered.map(Register::answer).map_err(Refusal)
    }

    async fn heartbeat(&self, mut heartbeat: Heartbeat) -> Result<Acknowledged, Refusal> {
        // The jobs get them below; the ResourceManager needs their number only.
        let tasks = std::mem::take(&mut heartbeat.tasks);
        let running = tasks.len() as u32;
        let message = |reply| resources::Message::Heartbeat(Box::new(heartbeat), running, reply);
        let is_known = self.ask(&self.inner.resources, message).await;
        if !is_known.map_err(refusal)? {
            return Ok(Acknowledged::Stale);
        }
        let mut by_job: BTreeMap<JobId, Vec<TaskReport>> = BTreeMap::new();
        for report in tasks {
            by_job.entry(report.attempt.job).or_default().push(report);
        }
        for (job, reports) in by_job {
            if let Some(master) = self.master(job) {
                // A job that is busy gets the next ones.
                let _later = master.try_send(master::Message::Counters(reports));
            }
        }
        Ok(Acknowledged::Taken)
    }

    async fn task_changed(&self, changed: Box<TaskChanged>) -> Result<Acknowledged, Refusal> {
        let job = changed.attempt.job;
        self.tell_master(job, |reply| master::Message::TaskChanged(changed, reply))
            .await
    }

    /// Passes on what a task tells; stale when the job has ended.
    async fn tell_master(
        &self,
        job: JobId,
        message: impl FnOnce(Reply<Acknowledged>) -> master::Message,
    ) -> Result<Acknowledged, Refusal> {
        let Some(master) = self.master(job) else {
            return Ok(Acknowledged::Stale);
        };
        match self.ask(&master, message).await {
            // The job has ended meanwhile.
            Err(JobManagerError::Unavailable(_)) => Ok(Acknowledged::Stale),
            answer => answer.map_err(refusal),
        }
    }

    fn master(&self, job: JobId) -> Option<Address<master::Message>> {
        self.entry(job)?.master
    }
}

impl Handler<ToJobManager> for Desk {
    fn handle(&self, message: ToJobManager, caller: Caller) -> Handling {
        let (handle, gateway) = (self.handle.clone(), self.gateway.clone());
        Box::pin(async move { handle.handle(message, caller.node, gateway).await })
    }
}

fn refusal(error: JobManagerError) -> Refusal {
    Refusal(error.to_string())
}
