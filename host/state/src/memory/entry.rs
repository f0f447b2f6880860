//! The rows of one key of one state, in as little memory as they need.
//!
//! A key with only the empty sub-key, the common case, is one table entry and one allocation, so a read
//! touches little memory; other keys have an ordered map. Used by the memory backend's table alone.
//! Invariants: allocations have the exact size of the bytes they hold, and [`Entry::bytes`] is not below
//! what the entry really takes, so a limit on the one bounds the other.

use std::collections::BTreeMap;
use std::ops::Bound;

/// What a key with one row under the empty sub-key takes besides key and value: its share of a table
/// that has just doubled, and an allocation's header.
const ROW_OVERHEAD: u64 = 64;
/// What a key with a map takes besides its rows: share of the table, the map's first node, allocations.
const MAP_OVERHEAD: u64 = 512;
/// What a row in a map takes besides sub-key and value: its share of a half-full node, two allocations.
const MAP_ROW_OVERHEAD: u64 = 128;

/// Where to look: an owned key of a state, its key group's table, and the hash in it.
pub(super) struct Located<'a> {
    pub(super) state: u32,
    pub(super) key: &'a [u8],
    pub(super) hash: u64,
    /// The key group, counted from the first owned one.
    pub(super) group: u32,
}

/// The rows of one key of one state; at least one.
#[derive(Clone)]
pub(super) struct Entry {
    state: u32,
    key_len: u32,
    rows: Rows,
}

#[derive(Clone)]
enum Rows {
    /// The row with the empty sub-key alone: key ∥ value.
    One(Box<[u8]>),
    /// Any rows.
    Many(Box<Many>),
}

#[derive(Clone)]
struct Many {
    key: Box<[u8]>,
    values: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

// A cache line holds more than two entries.
const _: () = assert!(size_of::<Entry>() <= 24);

/// What a deletion did.
pub(super) enum Removed {
    /// There was no such row.
    Nothing,
    /// A row is gone, and with it these bytes of [`Entry::bytes`].
    Row { bytes: u64 },
    /// The row was the last one: it is still there, and the entry has to go.
    LastRow,
}

impl Entry {
    /// An entry with one row.
    pub(super) fn new(at: &Located<'_>, sub_key: &[u8], value: &[u8]) -> Self {
        let rows = if sub_key.is_empty() {
            Rows::One(joined(at.key, value))
        } else {
            Rows::Many(Box::new(Many {
                key: at.key.into(),
                values: BTreeMap::from([(sub_key.into(), value.into())]),
            }))
        };
        let key_len = at.key.len();
        Self {
            state: at.state,
            key_len: u32::try_from(key_len).expect("keys come from columns with 32-bit ends"),
            rows,
        }
    }

    pub(super) fn state(&self) -> u32 {
        self.state
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        match &self.rows {
            Rows::One(bytes) => &bytes[..self.key_len as usize],
            Rows::Many(many) => &many.key,
        }
    }

    /// Whether this is the entry of the key that is looked for.
    #[inline]
    pub(super) fn is(&self, at: &Located<'_>) -> bool {
        // The numbers lie in the table itself; the key costs another memory access.
        self.state == at.state && self.key_len as usize == at.key.len() && self.key() == at.key
    }

    /// The value of a row.
    #[inline]
    pub(super) fn get(&self, sub_key: &[u8]) -> Option<&[u8]> {
        match &self.rows {
            Rows::One(bytes) => sub_key.is_empty().then(|| &bytes[self.key_len as usize..]),
            Rows::Many(many) => many.values.get(sub_key).map(|value| &**value),
        }
    }

    /// The rows whose sub-key is greater than `after`, as sub-key and value in ascending order.
    pub(super) fn rows_after<'a>(
        &'a self,
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (one, many) = match &self.rows {
            // The empty sub-key comes before all others, so it is after nothing.
            Rows::One(bytes) => {
                let row = (&[][..], &bytes[self.key_len as usize..]);
                (after.is_none().then_some(row), None)
            }
            Rows::Many(many) => {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                let rows = many.values.range::<[u8], _>((from, Bound::Unbounded));
                (
                    None,
                    Some(rows.map(|(sub_key, value)| (&**sub_key, &**value))),
                )
            }
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// The bytes that the entry takes, with overhead.
    pub(super) fn bytes(&self) -> u64 {
        match &self.rows {
            Rows::One(bytes) => bytes.len() as u64 + ROW_OVERHEAD,
            Rows::Many(many) => {
                let rows = many.values.iter().map(|(s, v)| map_row_bytes(s, v));
                many.key.len() as u64 + MAP_OVERHEAD + rows.sum::<u64>()
            }
        }
    }

    /// Which bytes of [`Entry::bytes`] go and which come when this row is put.
    pub(super) fn exchange(&self, sub_key: &[u8], value: &[u8]) -> (u64, u64) {
        match &self.rows {
            Rows::One(bytes) if sub_key.is_empty() => {
                let old_len = bytes.len() - self.key_len as usize;
                (old_len as u64, value.len() as u64)
            }
            Rows::One(_) => {
                let empty_row = map_row_bytes(&[], &[]);
                let new_row = map_row_bytes(sub_key, value);
                (ROW_OVERHEAD, MAP_OVERHEAD + empty_row + new_row)
            }
            Rows::Many(many) => {
                let old = many.values.get(sub_key);
                let old_row = old.map_or(0, |old| map_row_bytes(sub_key, old));
                (old_row, map_row_bytes(sub_key, value))
            }
        }
    }

    /// Sets a row.
    pub(super) fn put(&mut self, sub_key: &[u8], value: &[u8]) {
        let key_len = self.key_len as usize;
        match &mut self.rows {
            Rows::One(bytes) if sub_key.is_empty() => {
                if bytes.len() == key_len + value.len() {
                    bytes[key_len..].copy_from_slice(value);
                } else {
                    *bytes = joined(&bytes[..key_len], value);
                }
            }
            Rows::One(bytes) => {
                let (key, empty_value) = bytes.split_at(key_len);
                let many = Many {
                    key: key.into(),
                    values: BTreeMap::from([
                        (Box::default(), empty_value.into()),
                        (sub_key.into(), value.into()),
                    ]),
                };
                self.rows = Rows::Many(Box::new(many));
            }
            Rows::Many(many) => match many.values.get_mut(sub_key) {
                Some(old) if old.len() == value.len() => old.copy_from_slice(value),
                Some(old) => *old = value.into(),
                None => {
                    many.values.insert(sub_key.into(), value.into());
                }
            },
        }
    }

    /// Removes a row, unless it is the last one.
    pub(super) fn delete(&mut self, sub_key: &[u8]) -> Removed {
        match &mut self.rows {
            Rows::One(_) if sub_key.is_empty() => Removed::LastRow,
            Rows::One(_) => Removed::Nothing,
            Rows::Many(many) if many.values.len() == 1 => {
                if many.values.contains_key(sub_key) {
                    Removed::LastRow
                } else {
                    Removed::Nothing
                }
            }
            Rows::Many(many) => match many.values.remove(sub_key) {
                Some(value) => Removed::Row {
                    bytes: map_row_bytes(sub_key, &value),
                },
                None => Removed::Nothing,
            },
        }
    }
}

fn map_row_bytes(sub_key: &[u8], value: &[u8]) -> u64 {
    (sub_key.len() + value.len()) as u64 + MAP_ROW_OVERHEAD
}

/// One allocation of the exact size.
fn joined(key: &[u8], value: &[u8]) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(key.len() + value.len());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes.into_boxed_slice()
}
