//! The key groups that a subtask owns, and the check that a key is among them.
//!
//! Backend and timer service ask it about every key that a guest names. Invariant: a row or timer of a
//! foreign key group is never kept, so no two subtasks ever hold the same key.

use std::ops::Range;

use wasmill_types::TaskFailure;
use wasmill_types::key_group;

/// The key groups of one subtask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedGroups {
    range: Range<u32>,
    max_parallelism: u32,
}

impl OwnedGroups {
    /// The groups of subtask `subtask` of `parallelism`.
    ///
    /// # Panics
    /// If the three numbers do not go together; the job graph guarantees that they do.
    pub fn new(subtask: u32, parallelism: u32, max_parallelism: u32) -> Self {
        assert!(subtask < parallelism);
        assert!(parallelism <= max_parallelism);
        assert!(max_parallelism <= key_group::MAX_PARALLELISM);
        Self {
            range: key_group::range(subtask, parallelism, max_parallelism),
            max_parallelism,
        }
    }

    /// The group of a key, owned or not.
    pub fn group_of(&self, key: &[u8]) -> u16 {
        let group = key_group::of_hash(key_group::hash(key), self.max_parallelism);
        u16::try_from(group).expect("the largest max parallelism fits in 16 bits")
    }

    /// The groups that the subtask owns.
    pub fn range(&self) -> Range<u32> {
        self.range.clone()
    }

    /// The number of key groups of all subtasks.
    pub fn max_parallelism(&self) -> u32 {
        self.max_parallelism
    }

    /// The group of a key among the owned ones, counted from 0.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] when it belongs to another subtask.
    #[inline]
    pub(crate) fn index_of(&self, key: &[u8]) -> Result<u32, TaskFailure> {
        let group = key_group::of_hash(key_group::hash(key), self.max_parallelism);
        if self.range.contains(&group) {
            return Ok(group - self.range.start);
        }
        Err(self.foreign(key, group))
    }

    /// Checks that a key is owned.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] when it belongs to another subtask.
    pub fn check(&self, key: &[u8]) -> Result<(), TaskFailure> {
        // The only subtask owns everything, so the hash need not be computed.
        if self.range.len() == self.max_parallelism as usize {
            return Ok(());
        }
        self.index_of(key).map(drop)
    }

    fn foreign(&self, key: &[u8], group: u32) -> TaskFailure {
        let (first, last) = (self.range.start, self.range.end - 1);
        TaskFailure::Contract(format!(
            "key {} is in key group {group}, this subtask owns {first} to {last}; \
             route records to it by the low 32 bits of XXH3-64 over the encoded key",
            shown(key)
        ))
    }
}

/// The beginning of a key, readable whatever its bytes are.
fn shown(key: &[u8]) -> String {
    const SHOWN_BYTES: usize = 32;
    let start = &key[..key.len().min(SHOWN_BYTES)];
    let dots = if start.len() < key.len() { "…" } else { "" };
    format!("`{}{dots}`", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_owned_by_exactly_one_subtask() {
        for parallelism in [1, 2, 3, 128] {
            let owners: Vec<_> = (0..parallelism)
                .map(|subtask| OwnedGroups::new(subtask, parallelism, 128))
                .collect();
            for key in [&b""[..], b"a", b"the", &[0xff; 100]] {
                let count = owners
                    .iter()
                    .filter(|groups| groups.check(key).is_ok())
                    .count();
                assert_eq!(count, 1, "{key:?} among {parallelism}");
            }
        }
    }

    #[test]
    fn a_foreign_key_is_named_with_its_group() {
        let groups = OwnedGroups::new(0, 2, 128);
        let key = (0_u8..)
            .map(|b| [b, b'\n'])
            .find(|k| groups.group_of(k) == 100)
            .unwrap();
        let shown = key.escape_ascii().to_string();
        assert_eq!(
            groups.check(&key).unwrap_err().to_string(),
            format!(
                "the bundle broke the contract: key `{shown}` is in key group 100, this subtask owns 0 \
                 to 63; route records to it by the low 32 bits of XXH3-64 over the encoded key"
            )
        );
    }

    #[test]
    fn a_long_key_is_shown_by_its_beginning() {
        assert_eq!(shown(b"short"), "`short`");
        assert_eq!(shown(&[b'x'; 40]), format!("`{}…`", "x".repeat(32)));
    }
}
