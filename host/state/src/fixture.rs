//! Backends to test with, and their rows as text.
//!
//! Used by tests that hold for every backend. Invariant: everything of a [`Bench`] is in one directory,
//! which goes with it.

use std::cell::Cell;
use std::io::Cursor;
use std::path::PathBuf;

use tempfile::TempDir;
use wasmill_actor::{CancelToken, Clock};
use wasmill_types::Blobs;
use wasmill_types::job::StateSpec;
use wasmill_types::operator::{ChangeKind, Changes};
use wasmill_types::size::ByteSize;

use crate::backend::KeyedBackend;
use crate::canonical::CanonicalReader;
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::restore::{BackendChoice, Opened, Opening, Source};
use crate::rocks::{RocksOptions, RocksPlace, SharedMemory};
use crate::snapshot::{GroupReader as _, Item, KeyedSnapshot};
use crate::ttl::Expiry;

/// The number of key groups in these tests.
pub(crate) const GROUPS: u32 = 16;

/// A kind of backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Rocks,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Rocks];
}

/// What the backends of one test have in common.
pub(crate) struct Bench {
    pub(crate) kind: Kind,
    pub(crate) clock: Clock,
    expiry: Expiry,
    directory: TempDir,
    memory: SharedMemory,
    rocks: RocksOptions,
    made: Cell<u32>,
}

impl Bench {
    pub(crate) fn new(kind: Kind, states: &[StateSpec]) -> Self {
        let clock = Clock::manual(1_000_000);
        let rocks = RocksOptions {
            memory: ByteSize(16 << 20),
            file_size: ByteSize(64 << 10),
            ..RocksOptions::default()
        };
        Self {
            kind,
            expiry: Expiry::new(clock.clone(), states),
            clock,
            directory: TempDir::new().unwrap(),
            memory: SharedMemory::new(&rocks),
            rocks,
            made: Cell::new(0),
        }
    }

    /// A path that nothing else uses.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.directory
            .path()
            .join(format!("{name}-{}", self.made.get()))
    }

    pub(crate) fn place(&self) -> RocksPlace {
        RocksPlace {
            directory: self.path("rocks"),
            memory: self.memory.clone(),
            options: self.rocks,
        }
    }

    pub(crate) fn expiry(&self) -> &Expiry {
        &self.expiry
    }

    pub(crate) fn opening(&self, kind: Kind, subtask: u32, parallelism: u32) -> Opening {
        Opening {
            renumbered: Default::default(),
            groups: OwnedGroups::new(subtask, parallelism, GROUPS),
            options: Options::default(),
            expiry: self.expiry.clone(),
            backend: match kind {
                Kind::Memory => BackendChoice::Memory,
                Kind::Rocks => BackendChoice::Rocks(self.place()),
            },
        }
    }

    /// The only subtask, without rows.
    pub(crate) fn open(&self) -> Opened {
        self.opening(self.kind, 0, 1).fresh().unwrap()
    }

    pub(crate) fn snapshot(&self, opened: &mut Opened, checkpoint: u64) -> KeyedSnapshot {
        let (backend, timers) = (&mut *opened.backend, &mut opened.timers);
        KeyedSnapshot::take(checkpoint, backend, timers, &self.expiry).unwrap()
    }

    /// What an upload and a download make of a native snapshot.
    pub(crate) fn saved_files(&self, snapshot: &KeyedSnapshot) -> Option<Source> {
        let files = snapshot.native_files(&CancelToken::new()).unwrap()?;
        let directory = self.path("saved");
        std::fs::create_dir(&directory).unwrap();
        for file in files {
            let bytes = std::fs::copy(&file.path, directory.join(&file.name)).unwrap();
            assert_eq!(bytes, file.bytes, "{}", file.name);
        }
        Some(Source::Native(directory))
    }
}

pub(crate) fn put(
    backend: &mut dyn KeyedBackend,
    state: u32,
    key: &str,
    sub_key: &str,
    value: &str,
) {
    write(backend, state, &[(ChangeKind::Put, key, sub_key, value)]);
}

pub(crate) fn value(
    backend: &dyn KeyedBackend,
    state: u32,
    key: &str,
    sub_key: &str,
) -> Option<String> {
    let (keys, sub_keys) = (blobs(&[key]), blobs(&[sub_key]));
    let found = backend.get(state, keys.view(), sub_keys.view()).unwrap();
    found.present[0].then(|| text(found.values.view().get(0)))
}

/// A page as text: `sub-key=value …, more`.
pub(crate) fn scan(
    backend: &dyn KeyedBackend,
    state: u32,
    key: &str,
    after: Option<&str>,
    limit: u32,
) -> String {
    let after = after.map(str::as_bytes);
    let page = backend.scan(state, key.as_bytes(), after, limit).unwrap();
    let (sub_keys, values) = (page.sub_keys.view(), page.values.view());
    let rows = sub_keys.iter().zip(values.iter());
    let rows: Vec<_> = rows
        .map(|(sub_key, value)| format!("{}={}", text(sub_key), text(value)))
        .collect();
    let more = if page.more { ", more" } else { "" };
    format!("{}{more}", rows.join(" "))
}

/// A change as text.
pub(crate) type Change<'a> = (ChangeKind, &'a str, &'a str, &'a str);

pub(crate) fn write(backend: &mut dyn KeyedBackend, state: u32, changes: &[Change<'_>]) {
    let column = |of: fn(&Change<'_>) -> Vec<u8>| {
        let strings: Vec<_> = changes.iter().map(of).collect();
        strings.iter().map(Vec::as_slice).collect::<Blobs>()
    };
    let keys = column(|c| c.1.into());
    let sub_keys = column(|c| c.2.into());
    let values = column(|c| c.3.into());
    let changes = Changes {
        kinds: changes.iter().map(|c| c.0).collect(),
        keys: keys.view(),
        sub_keys: sub_keys.view(),
        values: values.view(),
    };
    backend.write(state, &changes).unwrap();
}

pub(crate) fn blobs(strings: &[&str]) -> Blobs {
    strings.iter().map(|s| s.as_bytes()).collect()
}

/// A snapshot's canonical stream.
pub(crate) fn canonical(snapshot: &KeyedSnapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = snapshot.write_canonical(&mut bytes, &CancelToken::new());
    assert_eq!(summary.unwrap().bytes, bytes.len() as u64);
    bytes
}

pub(crate) fn source(stream: &[u8]) -> Source {
    Source::Canonical(Box::new(Cursor::new(stream.to_vec())))
}

/// The items of canonical streams as sorted text: `state/key/sub-key=value` and `time:key.namespace`.
pub(crate) fn items(streams: &[Vec<u8>]) -> Vec<String> {
    let mut items = Vec::new();
    for stream in streams {
        let mut reader = CanonicalReader::open(Cursor::new(stream)).unwrap();
        for group in 0..GROUPS as u16 {
            let visit = &mut |item: Item<'_>| {
                items.push(match item {
                    Item::Row(row) => {
                        let (key, sub_key) = (text(row.key), text(row.sub_key));
                        format!("{}/{key}/{sub_key}={}", row.state, text(row.value))
                    }
                    Item::Timer(timer) => {
                        let name = format!("{}.{}", text(timer.key), text(timer.namespace));
                        format!("{:?} {}:{name}", timer.domain, timer.time)
                    }
                });
                Ok(())
            };
            reader.read(group, visit).unwrap();
        }
    }
    items.sort();
    items
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
