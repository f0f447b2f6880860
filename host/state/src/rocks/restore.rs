//! Opens a database on the files of an earlier one, and gives it rows of others.
//!
//! Called by [`crate::restore`]. Invariant: a restored database has rows of owned key groups only.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::error::StateError;
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::rocks::RocksBackend;
use crate::rocks::database::{self, Tuning};
use crate::rocks::home::{Home, RocksPlace, link_or_copy};
use crate::rocks::ingest::Ingest;
use crate::row::Row;
use crate::snapshot::TIMERS_FILE;
use crate::ttl::Expiry;

/// Passes rows on in ascending order.
pub(crate) type Feed<'a> =
    dyn FnMut(&mut dyn FnMut(&Row<'_>) -> Result<(), StateError>) -> Result<(), StateError> + 'a;

impl RocksBackend {
    /// A backend with the rows of a native snapshot that are in owned key groups.
    ///
    /// `groups_there` are the key groups that the snapshot has.
    pub(crate) fn adopt(
        place: RocksPlace,
        groups: OwnedGroups,
        options: &Options,
        expiry: &Expiry,
        from: (&Path, &Range<u32>),
    ) -> Result<Self, StateError> {
        let (directory, groups_there) = from;
        let home = Home::create(place.directory)?;
        let database = home.database();
        fs::create_dir_all(&database).map_err(StateError::io("make", &database))?;
        let entries = directory.read_dir();
        let failed = || StateError::io("list the files of the snapshot", directory);
        for entry in entries.map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let to = database.join(&name);
            if name.to_string_lossy().ends_with(".sst") {
                link_or_copy(&entry.path(), &to)?;
            } else if name != TIMERS_FILE {
                // The database appends to these, so a link would change the snapshot.
                let copied = fs::copy(entry.path(), &to);
                copied.map_err(StateError::io("copy", entry.path()))?;
            }
        }
        let tuning = Tuning::new(&place.options, place.memory, expiry);
        let backend = Self::open(home, groups, *options, tuning)?;
        backend.clip(groups_there)?;
        Ok(backend)
    }

    /// Adopts rows that are not there yet.
    pub(crate) fn ingest(&self, feed: &mut Feed<'_>) -> Result<(), StateError> {
        let mut ingest = Ingest::new(&self.tuning, &self.home);
        feed(&mut |row| ingest.push(row))?;
        ingest.finish(&self.db)?;
        let checked = self.check_size();
        checked.map_err(|failure| StateError::Refused(Box::new(failure)))
    }

    /// Removes the rows of key groups that are not owned.
    fn clip(&self, groups_there: &Range<u32>) -> Result<(), StateError> {
        let owned = self.groups.range();
        for foreign in [
            groups_there.start..owned.start.min(groups_there.end),
            owned.end.max(groups_there.start)..groups_there.end,
        ] {
            if foreign.is_empty() {
                continue;
            }
            let failed = || StateError::rocks("clip", self.home.path());
            let (from, to) = (bound(foreign.start), bound(foreign.end));
            // Whole files first, which costs nothing; then what is left, which later compactions remove.
            let removed = self.db.delete_file_in_range(from, to);
            removed.map_err(failed())?;
            let rows = database::rows(&self.db);
            let removed = self.db.delete_range_cf_opt(rows, from, to, &self.write);
            removed.map_err(failed())?;
        }
        Ok(())
    }
}

/// The smallest place of a key group; there is one after the last too.
fn bound(group: u32) -> [u8; 2] {
    let group = u16::try_from(group).expect("the largest max parallelism fits in 16 bits");
    group.to_be_bytes()
}
