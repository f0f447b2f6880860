//! What a snapshot of one subtask has for one key: state that is looked at from outside while the job runs.
//!
//! Called on a thread that may block. Invariants: nothing of the snapshot is changed; of a stream only the
//! key's group is read, of a directory only the key's rows; what is returned is bounded by
//! [`Wanted::max_rows`] and [`Wanted::max_bytes`], and the rest is said to be there.

use std::cmp::Ordering;
use std::path::Path;

use crate::error::StateError;
use crate::restore::{Open, Source};
use crate::rocks::DirectoryReader;
use crate::row::Row;
use crate::snapshot::{GroupReader as _, Item};
use crate::ttl::split_stamp;

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The state's number in the snapshot.
    pub state: u32,
    /// The number of key groups of the operator.
    pub max_parallelism: u32,
    /// The encoded key.
    pub key: Vec<u8>,
    /// The encoded key in a map; without one all entries are wanted.
    pub sub_key: Option<Vec<u8>>,
    /// When values were written that have expired since, in milliseconds since the epoch: all at this time and
    /// before. None when the state's values do not expire.
    pub expired_at_ms: Option<i64>,
    /// The most rows.
    pub max_rows: usize,
    /// The most bytes of sub-keys and values; the first row comes whatever its size.
    pub max_bytes: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Sub-keys and values, ascending by the encoded sub-key.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether there are more.
    pub is_more: bool,
}

/// Looks for rows in a snapshot.
///
/// # Errors
/// When the snapshot cannot be read, is damaged, or is of another number of key groups.
pub fn lookup(source: Source, wanted: &Wanted) -> Result<Found, StateError> {
    let mut open = source.open()?;
    let max = open.head.max_parallelism;
    if max != wanted.max_parallelism {
        let problem = format!(
            "the snapshot has {max} key groups, not {}",
            wanted.max_parallelism
        );
        return Err(StateError::Mismatch(problem));
    }
    let hash = wasmill_types::key_group::hash(&wanted.key);
    let group = wasmill_types::key_group::of_hash(hash, max);
    let group = u16::try_from(group).expect("key groups fit in 16 bits");
    let mut search = Search {
        wanted,
        is_timed: open.head.timed.contains(&wanted.state),
        bytes: 0,
        found: Found::default(),
    };
    match open.directory.take() {
        Some(directory) => in_directory(&directory, group, &mut search)?,
        None => in_stream(&mut open, group, &mut search)?,
    }
    Ok(search.found)
}

fn in_directory(directory: &Path, group: u16, search: &mut Search<'_>) -> Result<(), StateError> {
    let reader = DirectoryReader::open(directory)?;
    let (state, key) = (search.wanted.state, search.wanted.key.as_slice());
    let place = Row {
        key_group: group,
        state,
        key,
        sub_key: search.wanted.sub_key.as_deref().unwrap_or_default(),
        value: &[],
    };
    reader.of_key(&place, &mut |row| search.take(row))
}

fn in_stream(open: &mut Open, group: u16, search: &mut Search<'_>) -> Result<(), StateError> {
    let mut goes_on = true;
    let read = open.stream.read(group, &mut |item| {
        // Rows are in order, so behind the key there is nothing for it; timers come last.
        if let Item::Row(row) = item {
            let wanted = search.wanted;
            let head = (row.state, row.key.len(), row.key);
            let order = head.cmp(&(wanted.state, wanted.key.len(), wanted.key.as_slice()));
            goes_on = match order {
                Ordering::Less => true,
                Ordering::Equal => search.take(&row),
                Ordering::Greater => false,
            };
        }
        match goes_on {
            true => Ok(()),
            false => Err(StateError::Cancelled),
        }
    });
    match read {
        Err(StateError::Cancelled) if !goes_on => Ok(()),
        read => read,
    }
}

/// A search under way.
struct Search<'a> {
    wanted: &'a Wanted,
    /// Whether values begin with when they were written.
    is_timed: bool,
    bytes: usize,
    found: Found,
}

impl Search<'_> {
    /// Takes a row of the key; says whether more are wanted.
    fn take(&mut self, row: &Row<'_>) -> bool {
        let wanted = self.wanted;
        if let Some(sub_key) = &wanted.sub_key {
            match row.sub_key.cmp(sub_key) {
                Ordering::Less => return true,
                Ordering::Equal => {}
                Ordering::Greater => return false,
            }
        }
        let value = match self.is_timed {
            true => {
                let (written, value) = split_stamp(row.value);
                if wanted
                    .expired_at_ms
                    .is_some_and(|expired| written <= expired)
                {
                    return true;
                }
                value
            }
            false => row.value,
        };
        let bytes = self.bytes.saturating_add(row.sub_key.len() + value.len());
        let is_full = self.found.rows.len() >= wanted.max_rows || bytes > wanted.max_bytes;
        if is_full && !self.found.rows.is_empty() {
            self.found.is_more = true;
            return false;
        }
        self.bytes = bytes;
        self.found.rows.push((row.sub_key.to_vec(), value.to_vec()));
        true
    }
}

#[cfg(test)]
mod tests;
