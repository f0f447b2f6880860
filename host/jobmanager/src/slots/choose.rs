//! Which of the free slots a job gets: spread over the TaskManagers, or packed into few.
//!
//! Called by the slot table. Invariant: the answer follows from the free slots and the order of the
//! TaskManagers alone.

use super::SlotRef;

/// How slots are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// Each next slot is on the TaskManager with the smallest share of slots in use.
    #[default]
    Spread,
    /// The TaskManagers with the fewest free slots are filled first.
    Pack,
}

/// A TaskManager whose slots fit.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its free slots, in the order in which they are given.
    pub(super) free: Vec<SlotRef>,
    /// How many slots it has.
    pub(super) total: usize,
}

/// Chooses `count` slots; none when there are not so many.
pub(super) fn choose(
    placement: Placement,
    mut candidates: Vec<Candidate>,
    count: usize,
) -> Option<Vec<SlotRef>> {
    let free: usize = candidates.iter().map(|it| it.free.len()).sum();
    if free < count {
        return None;
    }
    candidates.retain(|it| !it.free.is_empty());
    match placement {
        Placement::Pack => {
            candidates.sort_by_key(|it| it.free.len());
            let slots = candidates.into_iter().flat_map(|it| it.free);
            Some(slots.take(count).collect())
        }
        Placement::Spread => Some(spread(candidates, count)),
    }
}

fn spread(candidates: Vec<Candidate>, count: usize) -> Vec<SlotRef> {
    // Each slot has a rank: the share of its TaskManager's slots in use once it is taken. The slots with
    // the lowest ranks are those that taking the emptiest TaskManager each time would find.
    let mut ranked = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let used = candidate.total - candidate.free.len();
        for (index, slot) in candidate.free.iter().enumerate() {
            // Shares as whole numbers: totals are slots of one machine, far below this factor.
            let share =
                ((used + index + 1) as u64).saturating_mul(1 << 32) / candidate.total as u64;
            ranked.push((share, place, *slot));
        }
    }
    ranked.sort_unstable();
    let slots = ranked.into_iter().map(|(_, _, slot)| slot);
    slots.take(count).collect()
}
