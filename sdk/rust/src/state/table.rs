//! The keys in the cache, each in a numbered slot.
//!
//! Columns of state are indexed by the slot, so a record costs one lookup however many states its
//! operator keeps.

use std::borrow::Borrow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use hashbrown::HashTable;
use serde::Serialize;

use crate::codec::to_postcard;
use crate::keyed::key_hash;

/// What a slot costs besides the key: the index entry and the clock bit, in bytes.
const SLOT_OVERHEAD: usize = 16;

/// Slots for keys.
pub(crate) struct Table<K> {
    index: HashTable<u32>,
    slots: Vec<Slot<K>>,
    free: Vec<u32>,
    /// Encoded bytes of all keys in the table.
    key_bytes: usize,
    /// Where the search for a victim goes on.
    hand: usize,
    scratch: Vec<u8>,
}

struct Slot<K> {
    /// None while the slot is free.
    key: Option<K>,
    hash: u32,
    bytes: u32,
    /// Whether the slot was used since the hand passed it.
    used: Cell<bool>,
}

impl<K: Serialize + Eq> Table<K> {
    pub(crate) fn new() -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            key_bytes: 0,
            hand: 0,
            scratch: Vec::new(),
        }
    }

    /// The slot of a key, taken if the key is new. `hash` is the key's hash where it is known.
    #[inline]
    pub(crate) fn slot<Q>(&mut self, hash: Option<u32>, key: &Q) -> u32
    where
        Q: ?Sized + Eq + Serialize + ToOwned<Owned = K>,
        K: Borrow<Q>,
    {
        let hash = hash.unwrap_or_else(|| self.hash(key));
        let slots = &self.slots;
        let known = self.index.find(spread(hash), |&slot| {
            let slot = &slots[slot as usize];
            slot.hash == hash && slot.key.as_ref().is_some_and(|known| known.borrow() == key)
        });
        match known {
            Some(&slot) => {
                slots[slot as usize].used.set(true);
                slot
            }
            None => self.insert(hash, key),
        }
    }

    fn hash<Q: ?Sized + Serialize>(&mut self, key: &Q) -> u32 {
        self.scratch.clear();
        // A key that does not encode was refused by the upstream, which had to hash it.
        let _ = to_postcard(key, &mut self.scratch);
        key_hash(&self.scratch)
    }

    #[cold]
    fn insert<Q>(&mut self, hash: u32, key: &Q) -> u32
    where
        Q: ?Sized + Serialize + ToOwned<Owned = K>,
    {
        self.hash(key);
        let bytes = self.scratch.len() as u32;
        self.key_bytes += bytes as usize;
        let new = Slot {
            key: Some(key.to_owned()),
            hash,
            bytes,
            used: Cell::new(true),
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = new;
                slot
            }
            None => {
                self.slots.push(new);
                self.slots.len() as u32 - 1
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(spread(hash), slot, |&slot| {
            spread(slots[slot as usize].hash)
        });
        slot
    }

    /// The key in a slot that is taken.
    #[inline]
    pub(crate) fn key(&self, slot: u32) -> &K {
        self.slots[slot as usize]
            .key
            .as_ref()
            .expect("the slot of a record is taken")
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key_bytes + self.len() * (size_of::<Slot<K>>() + SLOT_OVERHEAD)
    }

    /// The next slot that was not used for a round of the clock.
    pub(crate) fn victim(&mut self) -> Option<u32> {
        // Two rounds suffice: the first clears all marks.
        for _ in 0..2 * self.slots.len() {
            self.hand = if self.hand + 1 < self.slots.len() {
                self.hand + 1
            } else {
                0
            };
            let slot = &self.slots[self.hand];
            if slot.key.is_some() && !slot.used.replace(false) {
                return Some(self.hand as u32);
            }
        }
        None
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        let freed = &mut self.slots[slot as usize];
        self.key_bytes -= freed.bytes as usize;
        freed.key = None;
        let hash = spread(freed.hash);
        if let Ok(entry) = self.index.find_entry(hash, |&known| known == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }
}

/// Keys of one subtask share the residue of their hash, and so its low bits. The index takes the place
/// of a key from the low bits: after the product all bits count for the high half, so that is folded in.
#[inline]
fn spread(hash: u32) -> u64 {
    let product = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// Encodes the keys of slots.
pub(crate) trait Keys {
    /// Appends the encoded key of a taken slot.
    fn encode(&self, slot: u32, out: &mut Vec<u8>) -> Result<(), String>;
}

impl<K: Serialize + Eq> Keys for RefCell<Table<K>> {
    fn encode(&self, slot: u32, out: &mut Vec<u8>) -> Result<(), String> {
        to_postcard(self.borrow().key(slot), out)
    }
}

/// Which key the states are about now; shared by the cache and all state handles.
pub(crate) struct Cursor {
    slot: Cell<u32>,
    /// Whether what is not in the cache is nowhere: nothing was restored, nothing evicted.
    complete: Cell<bool>,
    keys: OnceCell<Rc<dyn Keys>>,
    /// Whether somebody asked for the key while there was none.
    missed: Cell<bool>,
}

impl Cursor {
    pub(crate) fn new(complete: bool) -> Rc<Self> {
        let (slot, complete) = (Cell::new(u32::MAX), Cell::new(complete));
        Rc::new(Self {
            slot,
            complete,
            keys: OnceCell::new(),
            missed: Cell::new(false),
        })
    }

    pub(crate) fn attach(&self, keys: Rc<dyn Keys>) {
        // A second attachment cannot happen: the states of an operator belong to one cache.
        let _ = self.keys.set(keys);
    }

    #[inline]
    pub(crate) fn enter(&self, slot: u32) {
        self.slot.set(slot);
    }

    /// The slot of the current record's key.
    ///
    /// # Errors
    /// Outside the processing of a record there is none.
    #[inline]
    pub(crate) fn slot(&self) -> anyhow::Result<usize> {
        let slot = self.slot.get();
        if slot == u32::MAX {
            self.missed.set(true);
            anyhow::bail!(
                "keyed state is only available while a record of a keyed stream is processed"
            );
        }
        Ok(slot as usize)
    }

    /// Whether somebody has asked for the key, since this was asked last, while there was none.
    pub(crate) fn take_missed(&self) -> bool {
        self.missed.take()
    }

    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.get()
    }

    pub(crate) fn set_incomplete(&self) {
        self.complete.set(false);
    }

    /// The encoded key of the current record.
    pub(crate) fn key(&self) -> anyhow::Result<Vec<u8>> {
        let slot = self.slot()? as u32;
        let keys = self
            .keys
            .get()
            .ok_or_else(|| anyhow::anyhow!("no record has been processed"))?;
        let mut key = Vec::new();
        keys.encode(slot, &mut key).map_err(anyhow::Error::msg)?;
        Ok(key)
    }
}
