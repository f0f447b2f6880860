//! Changes on their way into a database: first collected, then written in the order of their places.
//!
//! A database takes rows that come in ascending order several times faster than rows in any order, for each
//! then goes where the last one went. [`Staged`] collects what the task writes, up to a bound; [`Handover`]
//! is how a snapshot gets it, so that its thread does the writing. Invariants: of changes to one row the
//! later one wins; what was handed over is in the database before anybody reads or writes there.

use std::sync::{Arc, Mutex, PoisonError};

use rocksdb::{DB, WriteBatch, WriteOptions};

/// How many bytes of changes go into the database at a time.
const BATCH_BYTES: usize = 1 << 20;

/// What begins a place, by which most places are told apart.
type Start = u64;

/// What one change takes besides its place and its value.
const CHANGE_BYTES: usize = size_of::<Change>() + size_of::<(Start, u32)>();

/// Changes that are not in the database; less than 4 GiB of them.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// Places and values, back to back.
    bytes: Vec<u8>,
    changes: Vec<Change>,
}

/// One change; its bytes begin where those of the one before end.
#[derive(Debug, Clone, Copy)]
struct Change {
    place_end: u32,
    end: u32,
    is_delete: bool,
}

/// Changes that whoever needs them first writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Handover(Arc<Mutex<Handed>>);

#[derive(Debug, Default)]
enum Handed {
    /// Nobody has written them.
    Waiting(Staged),
    /// There are none any more.
    #[default]
    Written,
    Failed(rocksdb::Error),
}

impl Staged {
    /// The memory that a change takes.
    pub(super) fn bytes_of(place: &[u8], value: Option<&[u8]>) -> usize {
        place.len() + value.map_or(0, <[u8]>::len) + CHANGE_BYTES
    }

    /// Sets the row at a place, or removes it.
    pub(super) fn push(&mut self, place: &[u8], value: Option<&[u8]>) {
        self.bytes.extend_from_slice(place);
        let place_end = self.end();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.changes.push(Change {
            place_end,
            end: self.end(),
            is_delete: value.is_none(),
        });
    }

    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("the backend writes what would be more")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The memory that the changes take until they are in the database.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.changes.len() * CHANGE_BYTES
    }

    /// Writes all changes, in the order of their places.
    pub(super) fn write(self, db: &DB, options: &WriteOptions) -> Result<(), rocksdb::Error> {
        let mut batch = WriteBatch::default();
        for index in self.sorted() {
            let change = self.changes[index];
            let (place, value) = self.get(index);
            match change.is_delete {
                true => batch.delete(place),
                false => batch.put(place, value),
            }
            if batch.size_in_bytes() >= BATCH_BYTES {
                db.write_opt(std::mem::take(&mut batch), options)?;
            }
        }
        match batch.is_empty() {
            true => Ok(()),
            false => db.write_opt(batch, options),
        }
    }

    /// The changes by their places, and those of one place as they came.
    fn sorted(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.changes.len();
        let entry = |index| (start(self.get(index).0), index as u32);
        let mut order: Vec<(Start, u32)> = all.map(entry).collect();
        order.sort_unstable_by(|(one_start, one), (other_start, other)| {
            let place = |index: &u32| self.get(*index as usize).0;
            let places = || place(one).cmp(place(other));
            let order = one_start.cmp(other_start).then_with(places);
            order.then(one.cmp(other))
        });
        order.into_iter().map(|(_, index)| index as usize)
    }

    fn get(&self, index: usize) -> (&[u8], &[u8]) {
        let start = index.checked_sub(1);
        let start = start.map_or(0, |before| self.changes[before].end) as usize;
        let (place_end, end) = (self.changes[index].place_end, self.changes[index].end);
        let (place_end, end) = (place_end as usize, end as usize);
        (&self.bytes[start..place_end], &self.bytes[place_end..end])
    }
}

impl Handover {
    pub(super) fn of(staged: Staged) -> Self {
        let handed = match staged.is_empty() {
            true => Handed::Written,
            false => Handed::Waiting(staged),
        };
        Self(Arc::new(Mutex::new(handed)))
    }

    /// Writes the changes, unless that is done; whoever comes second waits for the first.
    pub(super) fn write(&self, db: &DB, options: &WriteOptions) -> Result<(), rocksdb::Error> {
        let mut handed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *handed = match std::mem::take(&mut *handed) {
            Handed::Waiting(staged) => match staged.write(db, options) {
                Ok(()) => Handed::Written,
                Err(error) => Handed::Failed(error),
            },
            ended => ended,
        };
        match &*handed {
            Handed::Failed(error) => Err(error.clone()),
            Handed::Waiting(_) | Handed::Written => Ok(()),
        }
    }
}

/// The largest state and key length that [`start`] tells apart.
const TOLD_APART: u32 = 254;

/// A number that never falls from one place to the next: key group, state and key length, which are small as
/// a rule, and the first bytes of the key. What it does not tell apart is compared as a whole.
fn start(place: &[u8]) -> Start {
    let Some((head, key)) = place.split_first_chunk::<10>() else {
        return 0;
    };
    let [g0, g1, s0, s1, s2, s3, k0, k1, k2, k3] = *head;
    let state = u32::from_be_bytes([s0, s1, s2, s3]);
    let key_len = u32::from_be_bytes([k0, k1, k2, k3]);
    let small = |number: u32| number.min(TOLD_APART + 1) as u8;
    let mut bytes = [g0, g1, small(state), 0, 0, 0, 0, 0];
    if state <= TOLD_APART {
        bytes[3] = small(key_len);
        if key_len <= TOLD_APART {
            for (to, from) in bytes[4..].iter_mut().zip(key) {
                *to = *from;
            }
        }
    }
    Start::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;

    #[test]
    fn changes_are_ordered_by_place_and_of_one_place_by_time() {
        let mut rows = Vec::new();
        for group in [300, 1, 0] {
            for state in [70_000, 256, 255, 254, 1, 0] {
                for key in [
                    "b",
                    "a",
                    "",
                    "aaaab",
                    "aaaaa",
                    &"k".repeat(255),
                    &"k".repeat(254),
                ] {
                    for sub_key in ["y", "x", ""] {
                        let mut place = Vec::new();
                        row::encode_key(&mut place, group, state, key.as_bytes());
                        place.extend_from_slice(sub_key.as_bytes());
                        rows.push(place);
                    }
                }
            }
        }
        let mut staged = Staged::default();
        assert!(staged.is_empty());
        for (index, place) in rows.iter().chain(&rows).enumerate() {
            let value = index.to_string();
            staged.push(place, (index < rows.len()).then_some(value.as_bytes()));
        }
        let order: Vec<usize> = staged.sorted().collect();
        let mut expected: Vec<usize> = (0..2 * rows.len()).collect();
        expected.sort_by_key(|index| (&rows[index % rows.len()], *index));
        assert_eq!(order, expected);
        assert_eq!(staged.get(3), (&rows[3][..], &b"3"[..]));
        let removed = rows.len() + 3;
        assert_eq!(staged.get(removed), (&rows[3][..], &b""[..]));
        assert!(staged.changes[removed].is_delete);
    }
}
