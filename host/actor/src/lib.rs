//! The seams between the engine's decisions and the machine: time, randomness, threads, and how one
//! thread wakes or stops another.
//!
//! Read in this order: [`clock`] and [`rng`] (what a replay must be able to dictate), [`signal`] (the one
//! thing that a thread waits on), [`cancel`] (how a thread is asked to stop), [`threads`] (who runs, and
//! what its panic does). Invariant: nothing outside this crate reads the machine's clock, draws entropy
//! or starts a thread; `clippy.toml` forbids it.

pub mod cancel;
pub mod clock;
pub mod rng;
pub mod signal;
pub mod threads;

pub use cancel::{CancelGuard, CancelToken};
pub use clock::Clock;
pub use rng::Rng;
pub use signal::{Signal, Woken};
pub use threads::{Panicked, SpawnError, ThreadKind, Worker};
