//! All slots of the cluster, and the jobs that wait for some.
//!
//! The ResourceManager feeds it with what happens and carries out what it grants. Invariants: a slot has at
//! most one user; a request gets all of its slots or none; requests are served in the order of their
//! arrival, but one that does not fit does not hold up smaller ones, whose wait is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use wasmill_rpc::protocol::{SlotMemory, SlotUse};
use wasmill_types::id::{JobId, RegistrationId, SlotId, TaskManagerId};

use super::choose::{self, Candidate, Placement};
use super::{Demand, SlotRef};

/// The slots of all TaskManagers.
#[derive(Debug)]
pub(crate) struct Table {
    placement: Placement,
    /// By the order of their registration.
    task_managers: BTreeMap<u64, Entry>,
    next_entry: u64,
    waiting: VecDeque<SlotRequest>,
}

#[derive(Debug)]
struct Entry {
    id: TaskManagerId,
    registration: RegistrationId,
    memory: SlotMemory,
    slots: Vec<SlotState>,
    /// It is about to end and gets nothing more.
    is_leaving: bool,
    idle_since: Option<Duration>,
}

/// What a slot is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// For nothing.
    Free,
    /// For a job.
    Used(JobId),
    /// For a task of the job that did not stop; free again when the TaskManager says so.
    GivenUp(JobId),
}

/// A job's wish for slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotRequest {
    /// The job.
    pub(crate) job: JobId,
    /// The number of the request within the job.
    pub(crate) number: u32,
    /// How many slots.
    pub(crate) slots: usize,
    /// How many the job has already.
    pub(crate) held: usize,
    /// What each must offer.
    pub(crate) demand: Demand,
    /// When it fails, in monotonic time.
    pub(crate) deadline: Duration,
}

/// Slots for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The request.
    pub(crate) request: SlotRequest,
    /// The slots.
    pub(crate) slots: Vec<SlotRef>,
}

impl Table {
    pub(crate) fn new(placement: Placement) -> Self {
        Self {
            placement,
            task_managers: BTreeMap::new(),
            next_entry: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Adds a TaskManager; its name must not be registered.
    pub(crate) fn register(
        &mut self,
        id: TaskManagerId,
        registration: RegistrationId,
        slots: u32,
        memory: SlotMemory,
        now: Duration,
    ) {
        let entry = Entry {
            id,
            registration,
            memory,
            slots: vec![SlotState::Free; slots as usize],
            is_leaving: false,
            idle_since: Some(now),
        };
        self.task_managers.insert(self.next_entry, entry);
        self.next_entry += 1;
    }

    /// Removes a TaskManager; the jobs that used its slots.
    pub(crate) fn remove(&mut self, registration: RegistrationId) -> Vec<JobId> {
        let is_it =
            |(key, entry): (&u64, &Entry)| (entry.registration == registration).then_some(*key);
        let Some(key) = self.task_managers.iter().find_map(is_it) else {
            return Vec::new();
        };
        let entry = self.task_managers.remove(&key);
        let slots = entry.into_iter().flat_map(|entry| entry.slots);
        let mut jobs: Vec<_> = slots.filter_map(SlotState::user).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// Queues a wish.
    pub(crate) fn request(&mut self, request: SlotRequest) {
        self.waiting.push_back(request);
    }

    /// Takes a wish back.
    pub(crate) fn withdraw(&mut self, job: JobId, number: u32) {
        let is_other = |it: &SlotRequest| it.job != job || it.number != number;
        self.waiting.retain(is_other);
    }

    /// Gives slots back that a job got.
    pub(crate) fn give_back(&mut self, job: JobId, slots: &[SlotRef], now: Duration) {
        for slot in slots {
            self.turn(*slot, SlotState::Used(job), SlotState::Free, now);
        }
    }

    /// Sets a slot aside whose task does not stop.
    pub(crate) fn give_up(&mut self, job: JobId, slot: SlotRef, now: Duration) {
        self.turn(slot, SlotState::Used(job), SlotState::GivenUp(job), now);
    }

    /// Forgets a job.
    pub(crate) fn job_ended(&mut self, job: JobId, now: Duration) {
        self.waiting.retain(|it| it.job != job);
        for entry in self.task_managers.values_mut() {
            for slot in &mut entry.slots {
                if *slot == SlotState::Used(job) {
                    *slot = SlotState::Free;
                }
            }
            entry.note_idle(now);
        }
    }

    /// What a TaskManager says is in use; frees the slots that were given up and are not any more.
    pub(crate) fn in_use(&mut self, registration: RegistrationId, uses: &[SlotUse], now: Duration) {
        let Some(entry) = self.entry_mut(registration) else {
            return;
        };
        for (index, slot) in entry.slots.iter_mut().enumerate() {
            let is_used = uses.iter().any(|it| it.slot.0 as usize == index);
            if matches!(slot, SlotState::GivenUp(_)) && !is_used {
                *slot = SlotState::Free;
            }
        }
        entry.note_idle(now);
    }

    /// Gives a TaskManager nothing more.
    pub(crate) fn drain(&mut self, id: &TaskManagerId) {
        let entries = self.task_managers.values_mut();
        for entry in entries.filter(|entry| entry.id == *id) {
            entry.is_leaving = true;
        }
    }

    /// Serves what can be served now.
    pub(crate) fn grant(&mut self) -> Vec<Granted> {
        let mut granted = Vec::new();
        let mut index = 0;
        while let Some(request) = self.waiting.get(index) {
            let candidates = self.candidates(&request.demand);
            let Some(slots) = choose::choose(self.placement, candidates, request.slots) else {
                index += 1;
                continue;
            };
            let Some(request) = self.waiting.remove(index) else {
                break;
            };
            for slot in &slots {
                let used = SlotState::Used(request.job);
                // The time does not matter: a slot in use is not idle.
                self.turn(*slot, SlotState::Free, used, Duration::ZERO);
            }
            granted.push(Granted { request, slots });
        }
        granted
    }

    /// Takes out the wishes whose time is over, with what was missing.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<(SlotRequest, String)> {
        let (late, waiting): (VecDeque<_>, _) =
            self.waiting.drain(..).partition(|it| it.deadline <= now);
        self.waiting = waiting;
        let explained = late.into_iter().map(|it| {
            let missing = self.explain(&it);
            (it, missing)
        });
        explained.collect()
    }

    /// When [`Table::expire`] is worth calling next.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.waiting.iter().map(|it| it.deadline).min()
    }

    /// Those who wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &SlotRequest> {
        self.waiting.iter()
    }

    /// How many slots are missing to serve all that wait.
    pub(crate) fn missing(&self) -> usize {
        let wanted: usize = self.waiting.iter().map(|it| it.slots).sum();
        let slots = self.task_managers.values().filter(|it| !it.is_leaving);
        let free: usize = slots.map(Entry::free).sum();
        wanted.saturating_sub(free)
    }

    /// What a request misses, and what to do about it.
    pub(crate) fn explain(&self, request: &SlotRequest) -> String {
        let needed = request.slots + request.held;
        let staying = || self.task_managers.values().filter(|it| !it.is_leaving);
        let fitting = || staying().filter(|it| request.demand.fits(&it.memory));
        let total: usize = fitting().map(|it| it.slots.len()).sum();
        let free: usize = fitting().map(Entry::free).sum();
        let all: usize = staying().map(|it| it.slots.len()).sum();
        if total < all {
            return format!(
                "needs {needed} slots with {} each, {total} such slots are there, {free} of them free, \
                 of {all} in all: add TaskManagers with larger slots, or lower the job's memory or \
                 parallelism",
                request.demand
            );
        }
        format!(
            "needs {needed} slots, {total} are there, {free} of them free: add TaskManagers or lower \
             the parallelism"
        )
    }

    /// The slots of a TaskManager.
    pub(crate) fn slots(&self, registration: RegistrationId) -> &[SlotState] {
        let mut entries = self.task_managers.values();
        let entry = entries.find(|it| it.registration == registration);
        entry.map_or(&[], |it| it.slots.as_slice())
    }

    /// The TaskManagers that nobody uses, and since when.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (&TaskManagerId, Duration)> {
        let entries = self.task_managers.values().filter(|it| !it.is_leaving);
        entries.filter_map(|it| Some((&it.id, it.idle_since?)))
    }

    fn candidates(&self, demand: &Demand) -> Vec<Candidate> {
        let entries = self.task_managers.values();
        let fitting = entries.filter(|it| !it.is_leaving && demand.fits(&it.memory));
        fitting.map(Entry::candidate).collect()
    }

    fn turn(&mut self, slot: SlotRef, from: SlotState, to: SlotState, now: Duration) {
        let Some(entry) = self.entry_mut(slot.registration) else {
            return;
        };
        if let Some(state) = entry.slots.get_mut(slot.slot.0 as usize)
            && *state == from
        {
            *state = to;
        }
        entry.note_idle(now);
    }

    fn entry_mut(&mut self, registration: RegistrationId) -> Option<&mut Entry> {
        let mut entries = self.task_managers.values_mut();
        entries.find(|it| it.registration == registration)
    }
}

impl Entry {
    fn free(&self) -> usize {
        let is_free = |slot: &&SlotState| **slot == SlotState::Free;
        self.slots.iter().filter(is_free).count()
    }

    fn note_idle(&mut self, now: Duration) {
        let is_idle = self.free() == self.slots.len();
        self.idle_since = is_idle.then(|| self.idle_since.unwrap_or(now));
    }

    fn candidate(&self) -> Candidate {
        let slots = self.slots.iter().enumerate();
        let free = slots.filter(|(_, state)| **state == SlotState::Free);
        let registration = self.registration;
        let slot = |(index, _)| SlotRef {
            registration,
            slot: SlotId(index as u32),
        };
        Candidate {
            free: free.map(slot).collect(),
            total: self.slots.len(),
        }
    }
}

impl SlotState {
    /// The job that the slot is used for.
    pub(crate) fn user(self) -> Option<JobId> {
        match self {
            Self::Free => None,
            Self::Used(job) | Self::GivenUp(job) => Some(job),
        }
    }
}
