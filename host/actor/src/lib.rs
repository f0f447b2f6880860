//! The seams between the engine's decisions and the machine: time, randomness, threads, actors, and how
//! one wakes or stops another.
//!
//! Read in this order: [`clock`] and [`rng`] (what a replay must be able to dictate), [`signal`] (the one
//! thing that a thread waits on), [`cancel`] (how it is asked to stop), [`threads`] and [`actors`] (who
//! runs, and what its panic does), [`mailbox`] (how an actor is reached). Tasks, which run guest code,
//! are threads; the control plane and the network are actors on one runtime. Invariant: nothing outside
//! this crate reads the machine's clock, draws entropy, starts a thread or spawns a future; `clippy.toml`
//! forbids it.

pub mod actors;
pub mod cancel;
pub mod clock;
pub mod mailbox;
pub mod rng;
pub mod signal;
pub mod threads;

pub use actors::{Actor, ActorKind};
pub use cancel::{CancelGuard, CancelToken};
pub use clock::{Clock, Elapsed};
pub use mailbox::{Address, Gone, Mailbox, Reply, mailbox};
pub use rng::Rng;
pub use signal::{Signal, Woken};
pub use threads::{Panicked, SpawnError, ThreadKind, Worker};
