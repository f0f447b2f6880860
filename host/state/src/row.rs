//! The canonical form of a row of keyed state.
//!
//! A row's place is key group (16 bits) ∥ state (32 bits) ∥ key length (32 bits) ∥ key ∥ sub-key, numbers
//! big-endian. Snapshots list rows in the order of these bytes. Invariant: comparing two rows and
//! comparing their encoded places is the same, so all rows of a key group lie together, then all of a
//! state, then all of a key, in ascending order of the sub-key.

use std::cmp::Ordering;

/// One row, borrowed from its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The key group of the key.
    pub key_group: u16,
    /// The state's id within its operator.
    pub state: u32,
    /// The key.
    pub key: &'a [u8],
    /// The sub-key; empty for states with one value per key.
    pub sub_key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl Row<'_> {
    /// Appends the row's place to `to`.
    pub fn encode_place(&self, to: &mut Vec<u8>) {
        encode_key(to, self.key_group, self.state, self.key);
        to.extend_from_slice(self.sub_key);
    }

    /// Compares the places of two rows.
    pub fn compare_place(&self, other: &Self) -> Ordering {
        let head = |row: &Self| (row.key_group, row.state, row.key.len());
        head(self)
            .cmp(&head(other))
            .then_with(|| self.key.cmp(other.key))
            .then_with(|| self.sub_key.cmp(other.sub_key))
    }
}

/// The bytes of a place before the key.
const HEAD_BYTES: usize = 10;

/// Appends what the places of all rows of a key begin with.
pub(crate) fn encode_key(to: &mut Vec<u8>, key_group: u16, state: u32, key: &[u8]) {
    let key_len = u32::try_from(key.len()).expect("keys come from columns with 32-bit ends");
    to.extend_from_slice(&key_group.to_be_bytes());
    to.extend_from_slice(&state.to_be_bytes());
    to.extend_from_slice(&key_len.to_be_bytes());
    to.extend_from_slice(key);
}

/// The row at a place; none if there can be no such place.
pub(crate) fn decode<'a>(place: &'a [u8], value: &'a [u8]) -> Option<Row<'a>> {
    let (head, rest) = place.split_first_chunk::<HEAD_BYTES>()?;
    let [g0, g1, s0, s1, s2, s3, k0, k1, k2, k3] = *head;
    let key_len = u32::from_be_bytes([k0, k1, k2, k3]) as usize;
    let (key, sub_key) = rest.split_at_checked(key_len)?;
    Some(Row {
        key_group: u16::from_be_bytes([g0, g1]),
        state: u32::from_be_bytes([s0, s1, s2, s3]),
        key,
        sub_key,
        value,
    })
}

/// The smallest byte string that is greater than all that begin with `prefix`.
///
/// There is one, for key groups, with which all places begin, are below 2¹⁵.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX);
    let last = last.expect("places do not begin with 0xff");
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_compare_as_their_encoded_places_do() {
        let mut rows = Vec::new();
        for key_group in [0, 1, 256] {
            for state in [0, 1, 256] {
                for key in [&b""[..], b"a", b"b", b"aa", b"\xff"] {
                    for sub_key in [&b""[..], b"\0", b"a", b"aa"] {
                        rows.push(Row {
                            key_group,
                            state,
                            key,
                            sub_key,
                            value: b"",
                        });
                    }
                }
            }
        }
        let place = |row: &Row<'_>| {
            let mut bytes = Vec::new();
            row.encode_place(&mut bytes);
            bytes
        };
        for one in &rows {
            for other in &rows {
                assert_eq!(one.compare_place(other), place(one).cmp(&place(other)));
            }
        }
    }

    #[test]
    fn a_place_is_laid_out_as_documented_and_reads_back() {
        let row = Row {
            key_group: 0x0102,
            state: 3,
            key: b"key",
            sub_key: b"sub",
            value: b"value",
        };
        let mut bytes = Vec::new();
        row.encode_place(&mut bytes);
        assert_eq!(bytes, b"\x01\x02\0\0\0\x03\0\0\0\x03keysub");
        assert_eq!(decode(&bytes, b"value"), Some(row));
        assert_eq!(decode(&bytes[..12], b"value"), None, "the key is cut off");
        assert_eq!(decode(&bytes[..9], b"value"), None, "the head is cut off");
    }

    #[test]
    fn what_follows_a_prefix_is_greater_than_all_that_begin_with_it() {
        for (prefix, after) in [
            (&b"a"[..], &b"b"[..]),
            (b"a\xff", b"b"),
            (b"\0\x01\xff\xff", b"\0\x02"),
        ] {
            assert_eq!(after_prefix(prefix), after);
            assert!([prefix, &[0xff; 9]].concat().as_slice() < after);
        }
    }
}
