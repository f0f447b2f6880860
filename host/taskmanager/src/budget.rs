//! What a task may use of its slot. Pure.
//!
//! `deploy` asks. Invariant: the instances in a slot together never get more memory than the slot has,
//! and no task gets more than its job asks for.

use wasmill_rpc::protocol::{JobSettings, SlotMemory};

/// The memory of an instance for each byte of its state cache: the rest is for records, and for values
/// that are being changed.
const MEMORY_PER_CACHE: u64 = 4;

/// All that a 32-bit address can reach.
const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// The fewest elements of a channel: one is filled while the other is processed.
const MIN_CHANNEL_CAPACITY: usize = 2;

/// What the guest of one task may use, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestBudget {
    /// The linear memory of its instance.
    pub memory_bytes: u64,
    /// Of that, the keyed state that it caches.
    pub cache_bytes: u64,
}

/// The share of one of `guests` tasks with guest code in a slot.
pub fn guest(slot: &SlotMemory, guests: u32, settings: &JobSettings) -> GuestBudget {
    let share = |bytes: u64| bytes / u64::from(guests.max(1));
    let memory = share(slot.guest).min(MAX_MEMORY_BYTES);
    let memory_bytes = settings
        .memory_bytes
        .map_or(memory, |chosen| chosen.min(memory));
    let cache = share(slot.cache);
    let cache = settings
        .cache_bytes
        .map_or(cache, |chosen| chosen.min(cache));
    GuestBudget {
        memory_bytes,
        cache_bytes: cache.min(memory_bytes / MEMORY_PER_CACHE),
    }
}

/// How many elements each of a slot's channels holds, of frames of this size.
pub fn channel_capacity(
    slot: &SlotMemory,
    channels: usize,
    frame_bytes: u32,
    most: usize,
) -> usize {
    let frames = slot.network / u64::from(frame_bytes.max(1));
    let fitting = usize::try_from(frames).unwrap_or(usize::MAX) / channels.max(1);
    fitting.min(most).max(MIN_CHANNEL_CAPACITY)
}

#[cfg(test)]
mod tests {
    use wasmill_types::operator::BadRecordPolicy;

    use super::*;

    const MIB: u64 = 1 << 20;

    const SLOT: SlotMemory = SlotMemory {
        guest: 512 * MIB,
        cache: 128 * MIB,
        network: 16 * MIB,
        state: 0,
    };

    #[test]
    fn the_guests_of_a_slot_share_it_and_a_job_may_want_less() {
        for (guests, memory, cache, expected) in [
            (1, None, None, (512, 128)),
            (0, None, None, (512, 128)),
            (4, None, None, (128, 32)),
            (4, Some(64), None, (64, 16)),
            (4, Some(1024), None, (128, 32)),
            (2, None, Some(8), (256, 8)),
            (2, None, Some(999), (256, 64)),
            (1, Some(16), Some(8), (16, 4)),
        ] {
            let settings = JobSettings {
                parallelism: 1,
                on_bad_record: BadRecordPolicy::Fail,
                cache_bytes: cache.map(|mib: u64| mib * MIB),
                memory_bytes: memory.map(|mib: u64| mib * MIB),
                call_timeout_ms: None,
                seed: 0,
                checkpoints: wasmill_checkpoint::Options::default(),
                backend: None,
                restore: None,
            };
            let budget = guest(&SLOT, guests, &settings);
            let found = (budget.memory_bytes / MIB, budget.cache_bytes / MIB);
            assert_eq!(found, expected, "{guests} {memory:?} {cache:?}");
        }
    }

    #[test]
    fn channels_share_the_slots_buffers() {
        for (channels, expected) in [
            (0, 10),
            (1, 10),
            (51, 10),
            (64, 8),
            (1_000, 2),
            (1 << 20, 2),
        ] {
            assert_eq!(
                channel_capacity(&SLOT, channels, 32 << 10, 10),
                expected,
                "{channels}"
            );
        }
    }
}
