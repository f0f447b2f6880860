//! What a JobMaster does: carries out the scheduler's actions.
//!
//! Calls are made by errands, which tell their end as messages. Invariant: nothing here waits; an errand
//! ends by the deadlines of its calls, and always tells its end while the JobMaster lives.

use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{Address, Clock};
use wasmill_rpc::call::Request;
use wasmill_rpc::protocol::{Cancel, Commit, Deploy, Discard, PartData, Release, ToTaskManager};
use wasmill_rpc::{CallError, CallErrorKind};
use wasmill_types::id::{AttemptId, OperatorId, RegistrationId};
use wasmill_types::{FailureCause, FailureKind, JobStatus};

use super::{JobMaster, Message, sink_name};
use crate::resources::{self, Member};
use crate::scheduler::{Action, Deployment, Event, Share};
use crate::slots::SlotRequest;

/// How long a TaskManager may take to begin what it does at once: to stop tasks, to forget a job.
const SHORT: Duration = Duration::from_secs(10);
/// How often staged output is tried to be removed.
const DISCARD_TRIES: u32 = 3;
/// The time between these tries.
const DISCARD_DELAY: Duration = Duration::from_secs(1);

impl JobMaster {
    pub(super) fn perform(&mut self, action: Action) {
        let job = self.setup.description.job;
        let resources = &self.setup.resources;
        match action {
            Action::RequestSlots {
                request,
                slots,
                held,
                demand,
            } => {
                let deadline = self.setup.clock.monotonic() + self.setup.options.slot_timeout;
                let request = SlotRequest {
                    job,
                    number: request,
                    slots,
                    held,
                    demand,
                    deadline,
                };
                let address = self.address.clone();
                resources.post(resources::Message::Request(request, address));
            }
            Action::WithdrawSlots(number) => {
                resources.post(resources::Message::Withdraw(job, number));
            }
            Action::ReturnSlots(slots) => {
                resources.post(resources::Message::Return(job, slots));
            }
            Action::GiveUpSlot(slot) => resources.post(resources::Message::GiveUp(job, slot)),
            Action::Prepare { number, only } => self.prepare(number, only),
            Action::TakeBackSplits(subtasks) => {
                subtasks
                    .into_iter()
                    .for_each(|it| self.splits.take_back(it));
            }
            Action::Deploy(deployment) => self.deploy(deployment),
            Action::Cancel {
                registration,
                attempts,
            } => self.cancel(registration, attempts),
            Action::Commit { sink, parts } => self.commit(sink, parts),
            Action::Discard { parts, is_awaited } => self.discard(parts, is_awaited),
            Action::StartTimer(timer, after) => {
                let due = self.setup.clock.monotonic().saturating_add(after);
                self.timers.insert((due, self.next_timer), timer);
                self.next_timer += 1;
            }
            Action::End => self.end(),
        }
    }

    fn deploy(&mut self, deployment: Deployment) {
        let Deployment {
            run,
            shares,
            places,
        } = deployment;
        let member = |share: &Share| self.members.get(&share.registration).map(Arc::clone);
        let members: Vec<Option<Arc<Member>>> = shares.iter().map(member).collect();
        // A TaskManager that is not there any more fails its share below; the others need its place.
        let peers: Vec<_> = members.iter().flatten().map(|it| it.peer.clone()).collect();
        let is_whole = peers.len() == shares.len();
        self.restored();
        for (share, member) in shares.into_iter().zip(members) {
            let registration = share.registration;
            let attempts: Vec<_> = share.tasks.iter().map(|it| self.attempt(it)).collect();
            let deployed = move |result| {
                Message::Done(Event::Deployed {
                    registration,
                    attempts,
                    result,
                })
            };
            let Some(member) = member.filter(|_| is_whole) else {
                let lost = "a TaskManager was lost before the tasks were deployed";
                let lost = FailureCause::new(FailureKind::Lost, lost);
                self.errand("deploy", async move { deployed(Err(lost)) });
                continue;
            };
            let restores = match self.restores(&share.tasks) {
                Ok(restores) => restores,
                Err(cause) => {
                    self.errand("deploy", async move { deployed(Err(cause)) });
                    continue;
                }
            };
            let request = Deploy {
                leader: self.setup.leader,
                job: (*self.setup.description).clone(),
                run,
                restores,
                tasks: share.tasks,
                peers: peers.clone(),
                places: places.clone(),
            };
            let deadline = self.setup.options.deploy_timeout;
            self.errand("deploy", async move {
                let result = member.gateway.call(request, deadline).await;
                deployed(result.map_err(|error| cause("deploy the tasks", &error)))
            });
        }
    }

    fn attempt(&self, task: &wasmill_rpc::protocol::TaskPlace) -> AttemptId {
        AttemptId {
            job: self.setup.description.job,
            vertex: task.vertex,
            subtask: task.subtask,
            attempt: task.attempt,
        }
    }

    fn cancel(&self, registration: RegistrationId, attempts: Vec<AttemptId>) {
        let leader = self.setup.leader;
        self.order(registration, Cancel { leader, attempts });
    }

    fn commit(&self, sink: OperatorId, parts: Vec<PartData>) {
        let request = Commit {
            leader: self.setup.leader,
            job: Box::new((*self.setup.description).clone()),
            sink,
            parts,
            after_snapshot: self.checkpoints.coordinator.latest().is_some(),
        };
        let (anyone, deadline) = (self.anyone(), self.setup.options.commit_timeout);
        let name = sink_name(&self.setup.graph, sink);
        self.errand("commit", async move {
            let result = match anyone.find().await {
                Ok(member) => {
                    let done = member.gateway.call(request, deadline).await;
                    done.map_err(|error| story(&error))
                }
                Err(nobody) => Err(nobody),
            };
            if let Err(error) = &result {
                tracing::warn!(sink = name, error, "commit failed");
            }
            Message::Done(Event::Committed { sink, result })
        });
    }

    fn discard(&self, parts: Vec<PartData>, is_awaited: bool) {
        let request = Discard {
            leader: self.setup.leader,
            job: Box::new((*self.setup.description).clone()),
            parts,
        };
        let (anyone, deadline) = (self.anyone(), self.setup.options.commit_timeout);
        let clock = self.setup.clock.clone();
        let address = self.address.clone();
        let work = async move {
            let result = anyone.discard(request, deadline, &clock).await;
            match is_awaited {
                true => address.post(Message::Done(Event::Discarded(result))),
                false => {
                    if let Err(error) = result {
                        tracing::warn!(error, "left unfinished output behind");
                    }
                }
            }
        };
        let _tells_its_end = actors::spawn(ActorKind::Errand, "discard", work);
    }

    fn end(&mut self) {
        self.is_over = true;
        self.timers.clear();
        self.settle_output();
        let lease = self.setup.lease.take();
        if self.setup.scheduler.status() == JobStatus::Suspended {
            // The JobManager ends, and the one that goes on with the job needs the bundle.
            std::mem::forget(lease);
        }
        let (leader, job) = (self.setup.leader, self.setup.description.job);
        for registration in self.members.keys() {
            self.order(*registration, Release { leader, job });
        }
        self.setup.resources.post(resources::Message::JobEnded(job));
    }

    /// Tells a TaskManager something that it does at once; one that does not answer is found otherwise.
    pub(super) fn order<R>(&self, registration: RegistrationId, request: R)
    where
        R: Request<Message = ToTaskManager, Reply = ()>,
    {
        let Some(member) = self.members.get(&registration).map(Arc::clone) else {
            return;
        };
        let order = async move {
            if let Err(error) = member.gateway.call(request, SHORT).await {
                tracing::debug!(%error, "order not taken");
            }
        };
        let _ends_by_its_deadline = actors::spawn(ActorKind::Errand, R::NAME, order);
    }

    /// Starts an errand whose end is a message to this actor.
    pub(super) fn errand(&self, name: &str, work: impl Future<Output = Message> + Send + 'static) {
        let address = self.address.clone();
        let work = async move {
            let message = work.await;
            address.post(message);
        };
        let _tells_its_end = actors::spawn(ActorKind::Errand, name, work);
    }

    pub(super) fn anyone(&self) -> Anyone {
        Anyone {
            members: self.members.values().map(Arc::clone).collect(),
            resources: self.setup.resources.clone(),
            clock: self.setup.clock.clone(),
        }
    }
}

/// Some TaskManager, for what any of them can do: preferably one of the job's.
pub(super) struct Anyone {
    members: Vec<Arc<Member>>,
    resources: Address<resources::Message>,
    clock: Clock,
}

impl Anyone {
    /// One that is there now; the error is for people.
    pub(super) async fn find(&self) -> Result<Arc<Member>, String> {
        let registered = self.resources.ask(resources::Message::Members);
        let registered = self.clock.timeout(SHORT, registered).await;
        let registered = registered.map_err(|late| format!("ask the ResourceManager: {late}"))?;
        let registered = registered.map_err(|gone| gone.to_string())?;
        let is_ours = |it: &&Arc<Member>| {
            let mut ours = self.members.iter();
            ours.any(|our| our.registration == it.registration)
        };
        let found = registered
            .iter()
            .find(is_ours)
            .or_else(|| registered.first());
        let found = found.map(Arc::clone);
        found.ok_or_else(|| "no TaskManager is registered to do it".to_owned())
    }

    async fn discard(
        &self,
        request: Discard,
        deadline: Duration,
        clock: &Clock,
    ) -> Result<(), String> {
        let mut tries = 0;
        loop {
            tries += 1;
            let done = match self.find().await {
                Ok(member) => {
                    let done = member.gateway.call(request.clone(), deadline).await;
                    done.map_err(|error| story(&error))
                }
                Err(nobody) => Err(nobody),
            };
            if done.is_ok() || tries >= DISCARD_TRIES {
                return done;
            }
            clock.sleep(DISCARD_DELAY).await;
        }
    }
}

/// What a call's error says to the user of a job: a refusal is the other side's own words.
fn story(error: &CallError) -> String {
    match &error.kind {
        CallErrorKind::Refused(reason) => reason.clone(),
        CallErrorKind::Timeout(_)
        | CallErrorKind::Disconnected { .. }
        | CallErrorKind::Malformed(_) => error.to_string(),
    }
}

pub(super) fn cause(action: &str, error: &CallError) -> FailureCause {
    match &error.kind {
        CallErrorKind::Refused(reason) => FailureCause::new(FailureKind::Host, reason.as_str()),
        CallErrorKind::Disconnected { reason } => {
            let message = format!("{action}: {} is lost: {reason}", error.peer);
            FailureCause::new(FailureKind::Lost, message)
        }
        CallErrorKind::Timeout(_) | CallErrorKind::Malformed(_) => {
            FailureCause::new(FailureKind::Host, format!("{action}: {error}"))
        }
    }
}
