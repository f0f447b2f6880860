//! Timers in numbered slots, of which a snapshot can be taken without copying them.
//!
//! Slots are in chunks that a snapshot shares; a chunk that changes while a snapshot has it is copied first.
//! So a snapshot takes one count per chunk, and whatever happens to the timers later, it keeps them as they
//! were.

use std::sync::Arc;

use super::timer::Timer;

/// How many slots a chunk has: what is copied at once.
const CHUNK: usize = 128;

type Chunk = [Option<Timer>; CHUNK];

/// Timers by the number of their slot.
#[derive(Debug, Default)]
pub(super) struct Slots {
    chunks: Vec<Arc<Chunk>>,
    free: Vec<u32>,
    taken: usize,
}

/// The timers as they were at one moment.
#[derive(Debug)]
pub(crate) struct FrozenSlots {
    chunks: Vec<Arc<Chunk>>,
    taken: usize,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Puts a timer into a free slot; which.
    pub(super) fn put(&mut self, timer: Timer) -> u32 {
        if self.free.is_empty() {
            let first = self.chunks.len() * CHUNK;
            self.chunks.push(Arc::new(std::array::from_fn(|_| None)));
            // The lowest is taken first.
            self.free
                .extend((first..first + CHUNK).rev().map(|slot| slot as u32));
        }
        let slot = self.free.pop().expect("a chunk was added");
        *self.at(slot) = Some(timer);
        self.taken += 1;
        slot
    }

    /// The timer in a taken slot.
    pub(super) fn get(&self, slot: u32) -> &Timer {
        let (chunk, place) = (slot as usize / CHUNK, slot as usize % CHUNK);
        let timer = self.chunks[chunk][place].as_ref();
        timer.expect("the slot is taken")
    }

    /// Empties a taken slot.
    pub(super) fn take(&mut self, slot: u32) -> Timer {
        let timer = self.at(slot).take().expect("the slot is taken");
        self.free.push(slot);
        self.taken -= 1;
        timer
    }

    fn at(&mut self, slot: u32) -> &mut Option<Timer> {
        let (chunk, place) = (slot as usize / CHUNK, slot as usize % CHUNK);
        &mut Arc::make_mut(&mut self.chunks[chunk])[place]
    }

    pub(super) fn freeze(&self) -> FrozenSlots {
        FrozenSlots {
            chunks: self.chunks.clone(),
            taken: self.taken,
        }
    }
}

impl FrozenSlots {
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Timer> {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        slots.flatten()
    }
}
