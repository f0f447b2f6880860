//! The limit on the size of files (`ulimit -f`): a write beyond it is an error and not the end.
//!
//! `main` calls it once, before the command. Invariant: a job that meets the limit fails in good order, as on a full
//! disk.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

/// Outlives the signal that comes with a write beyond the limit; the write then fails with `EFBIG`.
///
/// A handler that does nothing, for an ignored signal stays ignored in the programs that this one starts.
pub(crate) fn outlive_limit() {
    let nobody_looks = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, nobody_looks) {
        tracing::warn!(%error, "take over SIGXFSZ; a file beyond the limit of `ulimit -f` will end the process");
    }
}
