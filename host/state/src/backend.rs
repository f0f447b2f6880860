//! The door to the keyed state of one subtask.
//!
//! A task opens one [`KeyedBackend`] and passes the guest's calls on to it, with columns as the guest
//! sent them. Invariant: every backend gives the same answers for the same calls and keeps the same
//! limits, so that a job may change its backend; what a row counts besides its bytes is the backend's.

use std::fmt;

use wasmill_types::operator::{Changes, OptionalBlobs, Page};
use wasmill_types::{BlobsView, TaskFailure};

use crate::error::StateError;
use crate::snapshot::FrozenRows;

/// Whether a value of a state has expired.
pub type IsExpired<'a> = dyn Fn(u32, &[u8]) -> bool + 'a;

/// Rows by state, key and sub-key (`wit/state.wit`).
///
/// Every method fails with [`TaskFailure::Contract`] on malformed columns and on keys of other subtasks;
/// after a failure the backend is dropped, so a write may have happened in part.
pub trait KeyedBackend: Send + fmt::Debug {
    /// Reads one row per key; `sub_keys` has as many elements, or none for empty ones.
    ///
    /// # Errors
    /// [`TaskFailure::Limit`] too, when the values exceed `state.max-read-bytes`.
    fn get(
        &self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure>;

    /// Applies changes in order.
    ///
    /// # Errors
    /// [`TaskFailure::Limit`] too, when the rows would exceed `state.max-bytes`, or on disk
    /// `state.max-disk-bytes`.
    fn write(&mut self, state: u32, changes: &Changes<'_>) -> Result<(), TaskFailure>;

    /// Reads rows of one key, those after `after` only, in ascending order of the sub-key; at most
    /// `limit`, and no more than fit in `state.max-read-bytes`, but at least one unless `limit` is 0.
    ///
    /// # Errors
    /// As the trait says.
    fn scan(
        &self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure>;

    /// What the rows count against the limit that [`Self::write`] names: not less than the memory or disk they take.
    fn bytes(&self) -> u64;

    /// The rows as they are now, for the checkpoint with this number; reading them does not hold up
    /// what comes after.
    ///
    /// # Errors
    /// When the rows cannot be kept.
    fn snapshot(&mut self, checkpoint: u64) -> Result<Box<dyn FrozenRows>, StateError>;

    /// Looks at about this many entries and removes those that have expired, going on where the last
    /// call ended. Nothing to do for a backend that removes them on its own.
    fn sweep(&mut self, _entries: usize, _is_expired: &IsExpired<'_>) {}

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.bytes() == 0
    }
}
