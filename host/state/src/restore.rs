//! Opens the state of one subtask: empty, or with what snapshots hold.
//!
//! The task describes itself with an [`Opening`] and gets a backend and timers. A subtask may be given the
//! snapshots of several earlier ones, when the parallelism has changed; it takes the key groups that it
//! owns from each (semantics §5.5). Invariants: what is restored is what was saved, whatever the backends;
//! a snapshot is checked before anything of it is kept; a failure leaves nothing behind.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::PathBuf;

use wasmill_actor::CancelToken;

use crate::backend::KeyedBackend;
use crate::canonical::{CanonicalReader, Head};
use crate::error::StateError;
use crate::memory::MemoryBackend;
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::rocks::{DirectoryReader, RocksBackend, RocksPlace};
use crate::row::Row;
use crate::snapshot::{GroupReader, Item, TIMERS_FILE};
use crate::timers::TimerService;
use crate::ttl::{Expiry, TimedBackend, split_stamp, stamped};

/// Where a task keeps its rows.
#[derive(Debug, Clone)]
pub enum BackendChoice {
    /// In memory.
    Memory,
    /// In a database on local disk.
    Rocks(RocksPlace),
}

/// What the state of one subtask is like.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The key groups of the subtask.
    pub groups: OwnedGroups,
    /// What it may keep.
    pub options: Options,
    /// Which of its states expire.
    pub expiry: Expiry,
    /// Where it keeps rows.
    pub backend: BackendChoice,
    /// The number of each state by its number in the snapshots, if some have changed; rows of states that
    /// are not there are left out then.
    pub renumbered: BTreeMap<u32, u32>,
}

/// The keyed state and the timers of one subtask.
#[derive(Debug)]
pub struct Opened {
    /// The rows.
    pub backend: Box<dyn KeyedBackend>,
    /// The timers.
    pub timers: TimerService,
    /// Whether the backend goes on with the files of the one native snapshot that was restored: if so,
    /// shared files of that snapshot need not be saved again under their names.
    pub keeps_files: bool,
}

/// A stream that can be read from any position.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// The snapshot of one subtask.
pub enum Source {
    /// The files of [`crate::KeyedSnapshot::native_files`], under their names in one directory. Neither
    /// the directory nor its files are changed, and they are not needed any more afterwards.
    Native(PathBuf),
    /// What [`crate::KeyedSnapshot::write_canonical`] wrote.
    Canonical(Box<dyn ReadSeek>),
}

/// A snapshot that is open.
pub(crate) struct Open {
    pub(crate) head: Head,
    /// The rows' directory, of a native snapshot.
    pub(crate) directory: Option<PathBuf>,
    /// Everything, or the timers of a native snapshot.
    pub(crate) stream: CanonicalReader<Box<dyn ReadSeek>>,
}

impl Opening {
    /// Opens without rows and timers.
    ///
    /// # Errors
    /// When the backend cannot be made.
    pub fn fresh(self) -> Result<Opened, StateError> {
        self.restore(Vec::new(), &CancelToken::new())
    }

    /// Opens with what snapshots hold for the subtask's key groups.
    ///
    /// # Errors
    /// When a snapshot is damaged or does not fit, or the backend cannot be made;
    /// [`StateError::Cancelled`].
    pub fn restore(self, sources: Vec<Source>, cancel: &CancelToken) -> Result<Opened, StateError> {
        let mut sources: Vec<Open> = sources
            .into_iter()
            .map(Source::open)
            .collect::<Result<_, _>>()?;
        self.check(&sources)?;
        sources.retain(|source| !self.shared_groups(&source.head).is_empty());
        let mut timers = TimerService::new(self.groups.clone(), &self.options);
        let mut transfer = Transfer {
            opening: &self,
            timers: &mut timers,
            cancel,
        };
        let (backend, keeps_files): (Box<dyn KeyedBackend>, _) = match &self.backend {
            BackendChoice::Memory => (Box::new(transfer.fill_memory(&mut sources)?), false),
            BackendChoice::Rocks(place) => {
                let (backend, keeps_files) = transfer.fill_rocks(place.clone(), &mut sources)?;
                (Box::new(backend), keeps_files)
            }
        };
        Ok(Opened {
            backend: TimedBackend::around(backend, self.expiry),
            timers,
            keeps_files,
        })
    }

    fn check(&self, sources: &[Open]) -> Result<(), StateError> {
        let max = self.groups.max_parallelism();
        for (index, source) in sources.iter().enumerate() {
            let head = &source.head;
            if head.max_parallelism != max {
                return Err(StateError::Mismatch(format!(
                    "the snapshot has {} key groups, the operator {max}; set its max parallelism to that \
                     of the snapshot",
                    head.max_parallelism
                )));
            }
            if head.groups.end > max {
                return Err(StateError::Corrupt(format!(
                    "key groups up to {} of {max}",
                    head.groups.end
                )));
            }
            let mut earlier = sources[..index].iter().map(|other| &other.head.groups);
            if let Some(other) = earlier.find(|other| !overlap(other, &head.groups).is_empty()) {
                return Err(StateError::Mismatch(format!(
                    "two snapshots have the same key groups: {other:?} and {:?}; give each once",
                    head.groups
                )));
            }
        }
        Ok(())
    }

    fn shared_groups(&self, head: &Head) -> Range<u32> {
        overlap(&self.groups.range(), &head.groups)
    }

    /// Which source's files a database can be opened on: that with the most of the owned key groups.
    fn base(&self, sources: &[Open]) -> Option<usize> {
        if !self.renumbered.is_empty() {
            return None;
        }
        let timed = self.expiry.timed();
        let fitting = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.directory.is_some() && source.head.timed == timed);
        fitting
            .max_by_key(|(_, source)| self.shared_groups(&source.head).len())
            .map(|(index, _)| index)
    }
}

/// Carries what snapshots hold into a new backend and the timers.
struct Transfer<'a> {
    opening: &'a Opening,
    timers: &'a mut TimerService,
    cancel: &'a CancelToken,
}

impl Transfer<'_> {
    fn fill_memory(&mut self, sources: &mut [Open]) -> Result<MemoryBackend, StateError> {
        let Opening {
            groups, options, ..
        } = self.opening;
        let mut backend = MemoryBackend::new(groups.clone(), options);
        for source in sources {
            self.rows(source, &mut |row| backend.restore(row))?;
            self.timers(source)?;
        }
        Ok(backend)
    }

    fn fill_rocks(
        &mut self,
        place: RocksPlace,
        sources: &mut [Open],
    ) -> Result<(RocksBackend, bool), StateError> {
        let Opening {
            groups,
            options,
            expiry,
            ..
        } = self.opening;
        let base = self.opening.base(sources);
        let backend = match base.map(|index| &sources[index]) {
            Some(Open {
                directory: Some(directory),
                head,
                ..
            }) => {
                let from = (directory.as_path(), &head.groups);
                RocksBackend::adopt(place, groups.clone(), options, expiry, from)?
            }
            _ => RocksBackend::create(place, groups.clone(), options, expiry)?,
        };
        for (index, source) in sources.iter_mut().enumerate() {
            if Some(index) != base {
                backend.ingest(&mut |take| self.rows(source, take))?;
            }
            self.timers(source)?;
        }
        Ok((backend, base.is_some() && sources.len() == 1))
    }

    /// Passes the rows of owned key groups on, with values as this task keeps them.
    fn rows(
        &self,
        source: &mut Open,
        take: &mut dyn FnMut(&Row<'_>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let mut files;
        let reader: &mut dyn GroupReader = match &source.directory {
            Some(directory) => {
                files = DirectoryReader::open(directory)?;
                &mut files
            }
            None => &mut source.stream,
        };
        let (groups, expiry) = (&self.opening.groups, &self.opening.expiry);
        let (was_timed, is_timed) = (&source.head.timed, expiry.timed());
        let now = expiry.now();
        let renumbered = &self.opening.renumbered;
        for group in self.opening.shared_groups(&source.head) {
            let group = u16::try_from(group).expect("key groups fit in 16 bits");
            reader.read(group, &mut |item| {
                if self.cancel.is_cancelled() {
                    return Err(StateError::Cancelled);
                }
                let Item::Row(row) = item else {
                    return Ok(());
                };
                if groups.group_of(row.key) != group {
                    let problem = format!("a row of another key group is in key group {group}");
                    return Err(StateError::Corrupt(problem));
                }
                let was_timed = was_timed.contains(&row.state);
                let row = match renumbered.get(&row.state) {
                    Some(&state) => Row { state, ..row },
                    None if renumbered.is_empty() => row,
                    None => return Ok(()),
                };
                match (was_timed, is_timed.contains(&row.state)) {
                    (false, true) => take(&Row {
                        value: &stamped(now, row.value),
                        ..row
                    }),
                    (true, false) => take(&Row {
                        value: split_stamp(row.value).1,
                        ..row
                    }),
                    _ => take(&row),
                }
            })?;
        }
        Ok(())
    }

    fn timers(&mut self, source: &mut Open) -> Result<(), StateError> {
        for group in self.opening.shared_groups(&source.head) {
            let group = u16::try_from(group).expect("key groups fit in 16 bits");
            source.stream.read(group, &mut |item| match item {
                Item::Row(_) => Ok(()),
                Item::Timer(timer) => self.timers.restore(&timer),
            })?;
        }
        Ok(())
    }
}

impl Source {
    pub(crate) fn open(self) -> Result<Open, StateError> {
        let (directory, stream): (_, Box<dyn ReadSeek>) = match self {
            Self::Canonical(stream) => (None, stream),
            Self::Native(directory) => {
                let path = directory.join(TIMERS_FILE);
                let file = File::open(&path).map_err(StateError::io("open", &path))?;
                (Some(directory), Box::new(BufReader::new(file)))
            }
        };
        let stream = CanonicalReader::open(stream)?;
        Ok(Open {
            head: stream.head().clone(),
            directory,
            stream,
        })
    }
}

fn overlap(one: &Range<u32>, other: &Range<u32>) -> Range<u32> {
    let start = one.start.max(other.start);
    start..one.end.min(other.end).max(start)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(directory) => f.debug_tuple("Native").field(directory).finish(),
            Self::Canonical(_) => f.write_str("Canonical"),
        }
    }
}

#[cfg(test)]
mod tests;
