//! The records of `wit/` as they cross the border, and their way from and to the words of `types`.
//!
//! Columns go to the guest as slices, one copy each, and come from the guest's calls as [`WasmList`]s,
//! which are looked at in place (design decision D3). What the guest *returns* is copied, for the guest
//! frees it before the call ends. Invariant: the shapes are those of `wit/`; the sandbox compares them
//! when a bundle is loaded.

use wasmill_types::batch::{BatchView, Blobs, BlobsView};
use wasmill_types::failure::GuestFailure;
use wasmill_types::operator::{self, ChangeKind, LogLevel, PollStatus, TimeDomain};
use wasmtime::StoreContext;
use wasmtime::component::{ComponentType, Lift, Lower, WasmList};

use crate::limits::Limits;
use crate::text;

pub(crate) mod context;
pub(crate) mod graph;

#[cfg(target_endian = "big")]
compile_error!("columns are shared with guests as they are in memory, which is little-endian");

/// Records for the guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct BatchParam<'a> {
    timestamps: &'a [i64],
    hashes: &'a [u32],
    ends: &'a [u32],
    data: &'a [u8],
}

impl<'a> From<&BatchView<'a>> for BatchParam<'a> {
    fn from(batch: &BatchView<'a>) -> Self {
        Self {
            timestamps: batch.timestamps,
            hashes: batch.hashes,
            ends: batch.ends,
            data: batch.data,
        }
    }
}

/// Byte strings for the guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct BlobsParam<'a> {
    ends: &'a [u32],
    data: &'a [u8],
}

impl<'a> From<&'a Blobs> for BlobsParam<'a> {
    fn from(blobs: &'a Blobs) -> Self {
        Self {
            ends: &blobs.ends,
            data: &blobs.data,
        }
    }
}

/// Records in the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct BatchList {
    timestamps: WasmList<i64>,
    hashes: WasmList<u32>,
    ends: WasmList<u32>,
    data: WasmList<u8>,
}

impl BatchList {
    /// The columns in place, unchecked.
    pub(crate) fn view<'a, T: 'static>(&self, store: &'a StoreContext<'_, T>) -> BatchView<'a> {
        BatchView {
            timestamps: self.timestamps.as_le_slice(store),
            hashes: self.hashes.as_le_slice(store),
            ends: self.ends.as_le_slice(store),
            data: self.data.as_le_slice(store),
        }
    }

    /// The number of records, and the bytes of all columns.
    pub(crate) fn size(&self) -> (usize, usize) {
        let records = self.ends.len();
        let bytes = self.data.len()
            + records * size_of::<u32>()
            + self.hashes.len() * size_of::<u32>()
            + self.timestamps.len() * size_of::<i64>();
        (records, bytes)
    }
}

/// Byte strings in the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct BlobsList {
    ends: WasmList<u32>,
    data: WasmList<u8>,
}

impl BlobsList {
    /// The columns in place, unchecked.
    pub(crate) fn view<'a, T: 'static>(&self, store: &'a StoreContext<'_, T>) -> BlobsView<'a> {
        BlobsView {
            ends: self.ends.as_le_slice(store),
            data: self.data.as_le_slice(store),
        }
    }
}

/// Bytes in the guest's memory.
pub(crate) fn bytes<'a, T: 'static>(
    list: &WasmList<u8>,
    store: &'a StoreContext<'_, T>,
) -> &'a [u8] {
    list.as_le_slice(store)
}

/// Byte strings that cross as a copy: results of the host, and of the guest.
#[derive(ComponentType, Lower, Lift)]
#[component(record)]
pub(crate) struct BlobsCopy {
    ends: Vec<u32>,
    data: Vec<u8>,
}

impl From<Blobs> for BlobsCopy {
    fn from(blobs: Blobs) -> Self {
        Self {
            ends: blobs.ends,
            data: blobs.data,
        }
    }
}

impl From<BlobsCopy> for Blobs {
    fn from(blobs: BlobsCopy) -> Self {
        Self {
            ends: blobs.ends,
            data: blobs.data,
        }
    }
}

/// `types.optional-blobs`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct OptionalBlobs {
    present: Vec<bool>,
    values: BlobsCopy,
}

impl From<operator::OptionalBlobs> for OptionalBlobs {
    fn from(blobs: operator::OptionalBlobs) -> Self {
        Self {
            present: blobs.present,
            values: blobs.values.into(),
        }
    }
}

/// `state.page`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Page {
    #[component(name = "sub-keys")]
    sub_keys: BlobsCopy,
    values: BlobsCopy,
    more: bool,
}

impl From<operator::Page> for Page {
    fn from(page: operator::Page) -> Self {
        Self {
            sub_keys: page.sub_keys.into(),
            values: page.values.into(),
            more: page.more,
        }
    }
}

/// `state.changes`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Changes {
    pub(crate) kinds: Vec<Change>,
    pub(crate) keys: BlobsList,
    #[component(name = "sub-keys")]
    pub(crate) sub_keys: BlobsList,
    pub(crate) values: BlobsList,
}

/// `state.change-kind`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them of their numbers")]
#[repr(u8)]
pub(crate) enum Change {
    #[component(name = "put")]
    Put,
    #[component(name = "delete")]
    Delete,
    #[component(name = "clear")]
    Clear,
}

impl From<Change> for ChangeKind {
    fn from(change: Change) -> Self {
        match change {
            Change::Put => Self::Put,
            Change::Delete => Self::Delete,
            Change::Clear => Self::Clear,
        }
    }
}

/// `types.time-domain`.
#[derive(ComponentType, Lower, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Domain {
    #[component(name = "event")]
    Event,
    #[component(name = "processing")]
    Processing,
}

impl From<TimeDomain> for Domain {
    fn from(domain: TimeDomain) -> Self {
        match domain {
            TimeDomain::Event => Self::Event,
            TimeDomain::Processing => Self::Processing,
        }
    }
}

impl From<Domain> for TimeDomain {
    fn from(domain: Domain) -> Self {
        match domain {
            Domain::Event => Self::Event,
            Domain::Processing => Self::Processing,
        }
    }
}

/// `context.level`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them of their numbers")]
#[repr(u8)]
pub(crate) enum Level {
    #[component(name = "error")]
    Error,
    #[component(name = "warn")]
    Warn,
    #[component(name = "info")]
    Info,
    #[component(name = "debug")]
    Debug,
    #[component(name = "trace")]
    Trace,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

/// `types.failure`.
#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum Failure {
    #[component(name = "user")]
    User(String),
    #[component(name = "bad-record")]
    BadRecord(BadRecord),
    #[component(name = "other")]
    Other(String),
}

/// `types.bad-record`.
#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct BadRecord {
    index: u32,
    message: String,
}

impl Failure {
    /// The failure with texts of bounded length.
    pub(crate) fn bounded(self, limits: &Limits) -> GuestFailure {
        let bounded = |message: String| text::message(&message, limits.failure_bytes);
        match self {
            Self::User(message) => GuestFailure::User(bounded(message)),
            Self::BadRecord(BadRecord { index, message }) => GuestFailure::BadRecord {
                index,
                message: bounded(message),
                location: None,
            },
            Self::Other(message) => GuestFailure::Other(bounded(message)),
        }
    }
}

/// `source.poll-status`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(variant)]
pub(crate) enum Poll {
    #[component(name = "ready")]
    Ready,
    #[component(name = "idle-until")]
    IdleUntil(i64),
    #[component(name = "finished")]
    Finished,
}

impl From<Poll> for PollStatus {
    fn from(status: Poll) -> Self {
        match status {
            Poll::Ready => Self::Ready,
            Poll::IdleUntil(time) => Self::IdleUntil(time),
            Poll::Finished => Self::Finished,
        }
    }
}
