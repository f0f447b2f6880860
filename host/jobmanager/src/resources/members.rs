//! The TaskManagers that are registered.
//!
//! Invariant: each has one registration, which everything it says must carry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmill_rpc::Gateway;
use wasmill_rpc::heartbeat::Monitor;
use wasmill_rpc::protocol::{Heartbeat, Peer, Register, ToTaskManager};
use wasmill_types::id::{RegistrationId, TaskManagerId};

use crate::slots::{SlotRef, SlotState, Table};
use crate::view::{Location, TaskManagerView};

/// A TaskManager, as JobMasters reach it.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) id: TaskManagerId,
    /// Its registration.
    pub(crate) registration: RegistrationId,
    /// What reaches it.
    pub(crate) gateway: Gateway<ToTaskManager>,
    /// How others reach its data plane.
    pub(crate) peer: Peer,
    /// Its host and port, for people.
    pub(crate) endpoint: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Members {
    known: BTreeMap<RegistrationId, Known>,
}

#[derive(Debug)]
struct Known {
    member: Arc<Member>,
    monitor: Monitor,
    register: Register,
    tasks: u32,
    last_heartbeat_ms: i64,
    resident_bytes: u64,
    network_buffers: (u32, u32),
}

impl Member {
    /// A place on it, for people.
    pub(crate) fn location(&self, slot: SlotRef) -> Location {
        Location {
            task_manager: self.id.clone(),
            endpoint: self.endpoint.clone(),
            slot: slot.slot,
        }
    }
}

impl Members {
    pub(super) fn add(
        &mut self,
        register: Register,
        registration: RegistrationId,
        gateway: Gateway<ToTaskManager>,
        monitor: Monitor,
        now_ms: i64,
    ) {
        let endpoint = match register.data {
            Some(data) => format!("{}:{}", register.host, data.port()),
            None => register.host.clone(),
        };
        let member = Member {
            id: register.id.clone(),
            registration,
            gateway,
            peer: Peer {
                id: register.id.clone(),
                data: register.data,
            },
            endpoint,
        };
        let known = Known {
            member: Arc::new(member),
            monitor,
            register,
            tasks: 0,
            last_heartbeat_ms: now_ms,
            resident_bytes: 0,
            network_buffers: (0, 0),
        };
        self.known.insert(registration, known);
    }

    pub(super) fn remove(&mut self, registration: RegistrationId) -> Option<Arc<Member>> {
        self.known.remove(&registration).map(|known| known.member)
    }

    pub(super) fn by_name(&self, id: &TaskManagerId) -> Option<RegistrationId> {
        let mut known = self.known.iter();
        known.find_map(|(registration, known)| (known.member.id == *id).then_some(*registration))
    }

    /// Whether a TaskManager is the one that has this registration, and comes back; another one of the same
    /// name must wait for its end, or they would push each other out for ever.
    pub(super) fn may_replace(
        &self,
        old: RegistrationId,
        register: &Register,
    ) -> Result<(), String> {
        let old = self.known.get(&old).map(|known| &known.register);
        match old {
            Some(old) if (&old.host, old.pid) != (&register.host, register.pid) => Err(format!(
                "a TaskManager `{}` is there already, process {} on `{}`; stop that one, or give this one \
                 another name with `--name` or a data directory of its own",
                old.id, old.pid, old.host
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn get(&self, registration: RegistrationId) -> Option<Arc<Member>> {
        self.known
            .get(&registration)
            .map(|known| Arc::clone(&known.member))
    }

    pub(super) fn all(&self) -> Vec<Arc<Member>> {
        self.known
            .values()
            .map(|known| Arc::clone(&known.member))
            .collect()
    }

    pub(super) fn names(&self) -> Vec<TaskManagerId> {
        self.known
            .values()
            .map(|known| known.member.id.clone())
            .collect()
    }

    /// Notes a heartbeat; whether its registration is known.
    pub(super) fn heard(
        &mut self,
        heartbeat: &Heartbeat,
        tasks: u32,
        now: Duration,
        now_ms: i64,
    ) -> bool {
        let Some(known) = self.known.get_mut(&heartbeat.registration) else {
            return false;
        };
        known.monitor.heard(now);
        known.tasks = tasks;
        known.last_heartbeat_ms = now_ms;
        known.resident_bytes = heartbeat.resident_bytes;
        known.network_buffers = heartbeat.network_buffers;
        true
    }

    /// Those that have been silent for too long, and why that means that they are lost.
    pub(super) fn lost(&mut self, now: Duration) -> Vec<(RegistrationId, String)> {
        let lost = self.known.iter_mut().filter_map(|(registration, known)| {
            let loss = known.monitor.check(now)?;
            Some((*registration, loss.to_string()))
        });
        lost.collect()
    }

    /// When [`Members::lost`] is worth asking next.
    pub(super) fn due(&self) -> Option<Duration> {
        self.known.values().map(|known| known.monitor.due()).min()
    }

    pub(super) fn views(&self, table: &Table) -> Vec<Arc<TaskManagerView>> {
        let mut views: Vec<_> = self.known.values().map(|known| known.view(table)).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }
}

impl Known {
    fn view(&self, table: &Table) -> Arc<TaskManagerView> {
        let register = &self.register;
        let slots = table.slots(self.member.registration).iter();
        Arc::new(TaskManagerView {
            id: register.id.clone(),
            host: register.host.clone(),
            data: register.data,
            version: register.version.clone(),
            pid: register.pid,
            hardware: register.hardware,
            memory: register.memory,
            slots: slots.map(|slot| SlotState::user(*slot)).collect(),
            tasks: self.tasks,
            last_heartbeat_ms: self.last_heartbeat_ms,
            resident_bytes: self.resident_bytes,
            network_buffers: self.network_buffers,
        })
    }
}
