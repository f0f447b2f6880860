//! The way to the JobManager: over the network, or in the same process.
//!
//! `link` connects and keeps the connection. Invariant: a call that fails may have been done, so each of
//! them may be made again.

use std::future::{self, Future};
use std::pin::Pin;

use wasmill_rpc::Gateway;
use wasmill_rpc::protocol::ToJobManager;
use wasmill_types::id::RegistrationId;

/// Work that is going on; dropping it gives it up.
pub type Going<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A JobManager that this TaskManager is connected with.
pub type JobManager = Gateway<ToJobManager>;

/// Connects with the JobManager.
pub trait Connect: Send + Sync + 'static {
    /// Connects; the error is for people.
    fn connect(&self) -> Going<Result<JobManager, String>>;

    /// Holds what ends at once with the JobManager's process, and lets it know at once when ours ends, for
    /// this registration; answers with the reason when it has ended. Where there is no such thing, as in
    /// one process, or it cannot be had, this never answers, and heartbeats are what remains.
    fn hold(&self, _registration: RegistrationId) -> Going<String> {
        Box::pin(future::pending())
    }
}
