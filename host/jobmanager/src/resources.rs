//! The ResourceManager: knows the TaskManagers that are there, and who uses their slots.
//!
//! TaskManagers register and send heartbeats through the handle; JobMasters ask for slots. The actor
//! decides nothing itself: slots are the table's (`slots`), losses the heartbeat monitor's, more
//! TaskManagers the provider's. Invariants: a TaskManager's name has at most one registration; what a
//! replaced registration says is stale; a TaskManager's loss is told once to each job that has slots there.

mod members;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{Address, Clock, Mailbox, Reply, Rng};
use wasmill_network::endpoint::CloseCode;
use wasmill_rpc::Gateway;
use wasmill_rpc::heartbeat::Monitor;
use wasmill_rpc::protocol::{Heartbeat, Register, Registered, ToTaskManager};
use wasmill_types::id::{JobId, RegistrationId, TaskManagerId};

use crate::master;
use crate::options::Options;
use crate::slots::{Granted, SlotRef, SlotRequest, Table};
use crate::view::TaskManagerView;

pub(crate) use members::Member;
use members::Members;
pub use provider::{Picture, ProcessOptions, ProcessProvider, ResourceProvider, Standalone};

/// How many messages may wait for the ResourceManager.
pub(crate) const MAILBOX: usize = 4_096;
/// The shortest time between two pictures that differ in numbers only.
const PICTURE_INTERVAL: Duration = Duration::from_millis(200);
/// How often the provider is asked while it has something to watch.
const PROVIDER_INTERVAL: Duration = Duration::from_millis(500);
/// How long the processes of the provider may take to end with the JobManager.
const STOP_PATIENCE: Duration = Duration::from_secs(8);
/// How often it is asked meanwhile.
const STOP_POLL: Duration = Duration::from_millis(50);
/// The most slots of one TaskManager: more are a mistake.
const MAX_SLOTS: u32 = 4_096;

/// The pictures of the TaskManagers.
pub(crate) type TaskManagerViews = Arc<Vec<Arc<TaskManagerView>>>;

/// What the ResourceManager can be told and asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// A TaskManager offers its slots.
    Register(
        Box<Register>,
        Gateway<ToTaskManager>,
        Reply<Result<Registered, String>>,
    ),
    /// A TaskManager is alive and runs so many tasks; answers whether it is known.
    Heartbeat(Box<Heartbeat>, u32, Reply<bool>),
    /// A TaskManager has gone; the text says why, as part of a sentence.
    Gone(RegistrationId, String),
    /// A TaskManager ends in good order.
    Withdrawn(RegistrationId),
    /// The process of the TaskManager of this name has ended, if it has this registration.
    Lost(TaskManagerId, RegistrationId, String),
    /// A job wants slots; it is told at this address.
    Request(SlotRequest, Address<master::Message>),
    /// It does not any more.
    Withdraw(JobId, u32),
    /// A job gives slots back.
    Return(JobId, Vec<SlotRef>),
    /// A job gives up a slot whose task does not stop.
    GiveUp(JobId, SlotRef),
    /// A job has ended: its slots are free.
    JobEnded(JobId),
    /// All TaskManagers.
    Members(Reply<Vec<Arc<Member>>>),
    /// Ends the actor, and what its provider has started.
    Stop(Reply<()>),
}

/// What the actor is made of.
pub(crate) struct Setup {
    pub(crate) options: Arc<Options>,
    pub(crate) provider: Box<dyn ResourceProvider>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) views: watch::Sender<TaskManagerViews>,
}

/// The actor.
struct ResourceManager {
    setup: Setup,
    address: Address<Message>,
    table: Table,
    members: Members,
    /// The jobs that wait for slots or have some.
    jobs: BTreeMap<JobId, Address<master::Message>>,
    /// Whether the pictures are old, and in more than numbers.
    picture: Stale,
    pictured_at: Duration,
    provided_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stale {
    No,
    Numbers,
    Slots,
}

/// Runs the ResourceManager until it is told to stop.
pub(crate) async fn run(setup: Setup, mut mailbox: Mailbox<Message>, address: Address<Message>) {
    let mut manager = ResourceManager {
        table: Table::new(setup.options.placement),
        members: Members::default(),
        jobs: BTreeMap::new(),
        picture: Stale::No,
        pictured_at: Duration::ZERO,
        provided_at: None,
        setup,
        address,
    };
    loop {
        let due = manager.due();
        let clock = manager.setup.clock.clone();
        // Both arms may be dropped without loss.
        let message = tokio::select! {
            biased;
            message = mailbox.next() => message,
            () = clock.sleep_until(due) => None,
        };
        let mut next = message;
        while let Some(message) = next {
            if let Message::Stop(reply) = message {
                manager.stop().await;
                return reply.give(());
            }
            manager.handle(message);
            next = mailbox.take();
        }
        manager.proceed();
    }
}

impl ResourceManager {
    fn handle(&mut self, message: Message) {
        let now = self.setup.clock.monotonic();
        match message {
            Message::Register(register, gateway, reply) => {
                reply.give(self.register(*register, gateway));
            }
            Message::Heartbeat(heartbeat, tasks, reply) => {
                let now_ms = self.setup.clock.now_ms();
                let is_known = self.members.heard(&heartbeat, tasks, now, now_ms);
                if is_known {
                    let registration = heartbeat.registration;
                    self.table.in_use(registration, &heartbeat.slots, now);
                    self.touch(Stale::Numbers);
                }
                reply.give(is_known);
            }
            Message::Gone(registration, reason) => self.lose(registration, &reason),
            Message::Withdrawn(registration) => self.withdraw(registration),
            Message::Lost(id, registration, reason) => {
                if self.members.by_name(&id) == Some(registration) {
                    self.lose(registration, &reason);
                }
            }
            Message::Request(request, master) => {
                self.jobs.insert(request.job, master);
                let (job, number) = (request.job, request.number);
                let missing = self.table.explain(&request);
                self.table.request(request);
                self.serve();
                if self
                    .table
                    .waiting()
                    .any(|it| it.job == job && it.number == number)
                {
                    self.tell(job, master::Message::SlotsMissing { number, missing });
                }
            }
            Message::Withdraw(job, number) => self.table.withdraw(job, number),
            Message::Return(job, slots) => self.table.give_back(job, &slots, now),
            Message::GiveUp(job, slot) => self.table.give_up(job, slot, now),
            Message::JobEnded(job) => {
                self.table.job_ended(job, now);
                self.jobs.remove(&job);
                self.touch(Stale::Slots);
            }
            Message::Members(reply) => reply.give(self.members.all()),
            Message::Stop(_) => unreachable!("the loop has handled it"),
        }
    }

    fn register(
        &mut self,
        register: Register,
        gateway: Gateway<ToTaskManager>,
    ) -> Result<Registered, String> {
        if register.slots == 0 || register.slots > MAX_SLOTS {
            let slots = register.slots;
            return Err(format!(
                "a TaskManager has 1 to {MAX_SLOTS} slots, and this one offers {slots}"
            ));
        }
        if let Some(old) = self.members.by_name(&register.id) {
            self.members.may_replace(old, &register)?;
            self.lose(old, "it has registered anew");
        }
        let options = Arc::clone(&self.setup.options);
        let registration = RegistrationId(self.setup.rng.next_u64());
        let clock = &self.setup.clock;
        let now = clock.monotonic();
        let (id, slots, memory) = (register.id.clone(), register.slots, register.memory);
        tracing::info!(tm = %id, slots, "TaskManager registered");
        self.table.register(id, registration, slots, memory, now);
        let monitor = Monitor::new(&options.heartbeat, now);
        let now_ms = clock.now_ms();
        self.members
            .add(register, registration, gateway.clone(), monitor, now_ms);
        let address = self.address.clone();
        let watch = async move {
            let reason = gateway.closed().await;
            // Nobody is there to be told when the ResourceManager has ended.
            let _told = address.send(Message::Gone(registration, reason)).await;
        };
        let _ends_with_the_connection = actors::spawn(ActorKind::Errand, "watch", watch);
        self.touch(Stale::Slots);
        Ok(Registered {
            registration,
            heartbeat_interval_ms: options.heartbeat.interval().as_millis() as u64,
            heartbeat_timeout_ms: options.heartbeat.timeout().as_millis() as u64,
        })
    }

    fn lose(&mut self, registration: RegistrationId, reason: &str) {
        if let Some(member) = self.members.remove(registration) {
            tracing::warn!(tm = %member.id, reason, "TaskManager lost");
            self.forget(member.registration, reason);
            member.gateway.close(CloseCode::Lost, reason);
        }
    }

    fn withdraw(&mut self, registration: RegistrationId) {
        if let Some(member) = self.members.remove(registration) {
            tracing::info!(tm = %member.id, "TaskManager has ended in good order");
            // It closes the connection itself, once it has the answer.
            self.forget(member.registration, "it has ended in good order");
        }
    }

    fn forget(&mut self, registration: RegistrationId, reason: &str) {
        for job in self.table.remove(registration) {
            let reason = reason.to_owned();
            self.tell(job, master::Message::TaskManagerLost(registration, reason));
        }
        self.touch(Stale::Slots);
    }

    /// Does what is due, and what has become possible.
    fn proceed(&mut self) {
        let now = self.setup.clock.monotonic();
        for (registration, reason) in self.members.lost(now) {
            self.lose(registration, &reason);
        }
        self.serve();
        for (request, missing) in self.table.expire(now) {
            let number = request.number;
            self.tell(
                request.job,
                master::Message::SlotsRefused { number, missing },
            );
        }
        self.provide(now);
        if self.picture_due().is_some_and(|due| due <= now) {
            self.publish(now);
        }
    }

    fn serve(&mut self) {
        for Granted { request, slots } in self.table.grant() {
            let member = |slot: SlotRef| Some((slot, self.members.get(slot.registration)?));
            let slots: Vec<_> = slots.into_iter().filter_map(member).collect();
            let number = request.number;
            self.tell(request.job, master::Message::SlotsGranted { number, slots });
            self.touch(Stale::Slots);
        }
    }

    fn provide(&mut self, now: Duration) {
        if self
            .provided_at
            .is_some_and(|at| now < at + PROVIDER_INTERVAL)
        {
            return;
        }
        self.provided_at = Some(now);
        let picture = Picture {
            missing_slots: self.table.missing(),
            registered: self.members.names(),
            idle: self
                .table
                .idle()
                .map(|(id, since)| (id.clone(), since))
                .collect(),
            now,
        };
        for id in self.setup.provider.update(&picture) {
            self.table.drain(&id);
        }
    }

    fn due(&self) -> Duration {
        let provider = self.setup.provider.is_active();
        let provided_at = self.provided_at.unwrap_or_default();
        let provider = provider.then_some(provided_at + PROVIDER_INTERVAL);
        let dues = [
            self.table.due(),
            self.members.due(),
            self.picture_due(),
            provider,
        ];
        dues.into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::MAX / 4)
    }

    fn touch(&mut self, stale: Stale) {
        self.picture = self.picture.max(stale);
    }

    fn picture_due(&self) -> Option<Duration> {
        match self.picture {
            Stale::No => None,
            Stale::Numbers => Some(self.pictured_at + PICTURE_INTERVAL),
            Stale::Slots => Some(self.pictured_at),
        }
    }

    fn publish(&mut self, now: Duration) {
        self.picture = Stale::No;
        self.pictured_at = now;
        let views = self.members.views(&self.table);
        self.setup.views.send_replace(Arc::new(views));
    }

    /// Ends what the provider has started; what does not end in time is killed with the provider.
    async fn stop(&mut self) {
        let clock = &self.setup.clock;
        let deadline = clock.monotonic() + STOP_PATIENCE;
        self.setup.provider.stop();
        while !self.setup.provider.has_stopped() && clock.monotonic() < deadline {
            clock.sleep(STOP_POLL).await;
        }
    }

    /// Tells a job without waiting for it; a job that is busy is told by an errand.
    fn tell(&self, job: JobId, message: master::Message) {
        if let Some(master) = self.jobs.get(&job) {
            master.post(message);
        }
    }
}
