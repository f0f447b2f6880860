//! One timer: a time, and the key and namespace that it belongs to.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;

/// Key and namespace up to so many bytes are kept where the timer is: those of a window and a short key.
const INLINE: usize = 24;

/// A timer. Ordered by time first; the rest makes the order total and the same in every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timer {
    pub(super) time: i64,
    key_len: u32,
    /// Key ∥ namespace.
    bytes: SmallVec<[u8; INLINE]>,
}

impl Timer {
    pub(super) fn new(time: i64, key: &[u8], namespace: &[u8]) -> Self {
        let mut bytes = SmallVec::with_capacity(key.len() + namespace.len());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(namespace);
        Self {
            time,
            key_len: u32::try_from(key.len()).expect("keys come from columns with 32-bit ends"),
            bytes,
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.key_len as usize]
    }

    pub(super) fn namespace(&self) -> &[u8] {
        &self.bytes[self.key_len as usize..]
    }

    /// How many bytes key and namespace have.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What the order among timers of one time begins with: timers that differ here are in its order.
    pub(super) fn prefix(&self) -> (u32, u64) {
        let mut first = [0; 8];
        let len = self.bytes.len().min(first.len());
        first[..len].copy_from_slice(&self.bytes[..len]);
        (self.key_len, u64::from_be_bytes(first))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |it: &Self| (it.time, it.key_len);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Timer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_i64(self.time);
        state.write_u32(self.key_len);
        state.write(&self.bytes);
    }
}
