//! Slots: which subtasks of a job share one, what a slot must offer, and which job gets which.
//!
//! [`SharedSlots`] is computed once per job by its scheduler; the [`Table`] belongs to the ResourceManager.
//! Invariant: a shared slot has at most one subtask of each vertex, all of one slot-sharing group, and all
//! subtasks of equal index in the group, which keeps every co-location constraint (semantics §6.4–5).

mod choose;
mod table;

use std::collections::BTreeMap;

use wasmill_graph::{JobGraph, Subtask};
use wasmill_rpc::protocol::{JobSettings, SlotMemory};
use wasmill_types::id::{RegistrationId, SlotId};
use wasmill_types::size::ByteSize;

pub use choose::Placement;
pub(crate) use table::{Granted, SlotRequest, SlotState, Table};

/// A slot of a registered TaskManager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SlotRef {
    /// The registration of the TaskManager.
    pub(crate) registration: RegistrationId,
    /// The slot.
    pub(crate) slot: SlotId,
}

/// The slots that a job needs, and who runs in which.
#[derive(Debug)]
pub(crate) struct SharedSlots {
    /// The subtasks in each.
    slots: Vec<Vec<Subtask>>,
    /// By slot-sharing group, the index of its first slot.
    first: BTreeMap<String, usize>,
}

/// How many slots a job needs.
pub fn slots_needed(graph: &JobGraph) -> u32 {
    u32::try_from(SharedSlots::of(graph).len()).unwrap_or(u32::MAX)
}

/// What a slot must offer to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Demand {
    /// Memory for the instances of the bundle, in bytes.
    pub(crate) guest: u64,
    /// Of it, the state that they cache.
    pub(crate) cache: u64,
}

impl SharedSlots {
    /// The slots of a job: per slot-sharing group as many as its widest vertex has subtasks.
    pub(crate) fn of(graph: &JobGraph) -> Self {
        let mut widest: BTreeMap<&str, u32> = BTreeMap::new();
        for vertex in &graph.vertices {
            let slots = widest.entry(&vertex.slot_sharing_group).or_default();
            *slots = (*slots).max(vertex.parallelism);
        }
        let mut first = BTreeMap::new();
        let mut count = 0;
        for (group, slots) in widest {
            first.insert(group.to_owned(), count);
            count += slots as usize;
        }
        let mut shared = Self {
            slots: vec![Vec::new(); count],
            first,
        };
        for vertex in &graph.vertices {
            for index in 0..vertex.parallelism {
                let slot = shared.slot_of(&vertex.slot_sharing_group, index);
                shared.slots[slot].push(Subtask {
                    vertex: vertex.id,
                    index,
                });
            }
        }
        shared
    }

    /// The slot of a subtask, by its group and index.
    pub(crate) fn slot_of(&self, group: &str, index: u32) -> usize {
        self.first[group] + index as usize
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What each of them must offer, as far as the submitter has set it: without a setting a job takes
    /// what the slot has.
    pub(crate) fn demand(&self, graph: &JobGraph, settings: &JobSettings) -> Demand {
        let is_guest = |subtask: &&Subtask| {
            let operators = &graph.vertex(subtask.vertex).operators;
            operators
                .iter()
                .any(|id| graph.operator(*id).kind.is_guest())
        };
        let guests = |slot: &Vec<Subtask>| slot.iter().filter(is_guest).count() as u64;
        let guests = self.slots.iter().map(guests).max().unwrap_or_default();
        let each = |bytes: Option<u64>| bytes.unwrap_or_default().saturating_mul(guests);
        Demand {
            guest: each(settings.memory_bytes),
            cache: each(settings.cache_bytes),
        }
    }
}

impl Demand {
    /// Whether a slot offers enough.
    pub(crate) fn fits(&self, memory: &SlotMemory) -> bool {
        self.guest <= memory.guest && self.cache <= memory.cache
    }
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guest, cache } = *self;
        write!(f, "{} of memory for bundles", ByteSize(guest))?;
        if cache > 0 {
            write!(f, " and {} of state cache", ByteSize(cache))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
