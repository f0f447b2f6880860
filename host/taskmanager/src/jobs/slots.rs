//! Which job has which slot. Pure.
//!
//! Invariant: a slot changes hands only when nothing lives in it.

use wasmill_rpc::protocol::SlotUse;
use wasmill_types::id::{JobId, SlotId};

use super::Refused;

/// All slots.
#[derive(Debug)]
pub(super) struct Slots(Vec<Slot>);

#[derive(Debug, Clone, Default)]
struct Slot {
    /// Who has it, until it is released or another job needs it.
    holder: Option<JobId>,
    /// How many tasks live in it.
    live: u32,
    /// How many threads in it were given up and have not ended.
    abandoned: u32,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        Self(vec![Slot::default(); count as usize])
    }

    /// Whether a job may use a slot.
    pub(super) fn check(&self, id: SlotId, job: JobId) -> Result<(), Refused> {
        let missing = || Refused::NoSuchSlot {
            slot: id,
            slots: self.0.len() as u32,
        };
        let slot = self.0.get(id.0 as usize).ok_or_else(missing)?;
        match slot.holder {
            _ if slot.abandoned > 0 => Err(Refused::SlotLost(id)),
            Some(holder) if holder != job && slot.live > 0 => {
                Err(Refused::SlotTaken { slot: id, holder })
            }
            _ => Ok(()),
        }
    }

    /// A task of a job begins to live in a slot, which was checked.
    pub(super) fn enter(&mut self, id: SlotId, job: JobId) {
        let slot = &mut self.0[id.0 as usize];
        slot.holder = Some(job);
        slot.live += 1;
    }

    /// A task has ended, or the thread of one that was given up.
    pub(super) fn leave(&mut self, id: SlotId, was_abandoned: bool) {
        let slot = &mut self.0[id.0 as usize];
        let count = if was_abandoned {
            &mut slot.abandoned
        } else {
            &mut slot.live
        };
        *count = count.saturating_sub(1);
    }

    /// The thread of a task is given up.
    pub(super) fn lose(&mut self, id: SlotId) {
        let slot = &mut self.0[id.0 as usize];
        slot.live = slot.live.saturating_sub(1);
        slot.abandoned += 1;
    }

    /// A job needs its slots no longer; those with something in them are free when it has ended.
    pub(super) fn release(&mut self, job: JobId) {
        for slot in &mut self.0 {
            if slot.holder == Some(job) && slot.live + slot.abandoned == 0 {
                slot.holder = None;
            }
        }
    }

    pub(super) fn in_use(&self) -> Vec<SlotUse> {
        let slots = self.0.iter().enumerate();
        let used = slots.filter_map(|(index, slot)| {
            Some(SlotUse {
                slot: SlotId(index as u32),
                job: slot.holder?,
            })
        });
        used.collect()
    }
}
