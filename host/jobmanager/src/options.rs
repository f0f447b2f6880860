//! What can be chosen about a JobManager; `node` fills it from the configuration.

use std::time::Duration;

use wasmill_checkpoint::storage;
use wasmill_graph::Limits;
use wasmill_rpc::heartbeat;

use crate::restart::Strategy;
use crate::slots::Placement;

/// The JobManager's options. The defaults are those of a small cluster.
#[derive(Debug, Clone)]
pub struct Options {
    /// How slots are chosen.
    pub placement: Placement,
    /// How long a job waits for slots until it fails (semantics §11.8).
    pub slot_timeout: Duration,
    /// How long a task may take to stop until its slot is given up.
    pub cancellation_timeout: Duration,
    /// What happens to jobs that fail and name no strategy.
    pub restart: Strategy,
    /// How often TaskManagers say that they are alive, and when they are lost.
    pub heartbeat: heartbeat::Options,
    /// How many jobs that have ended are kept to be looked at; the oldest go first.
    pub kept_jobs: usize,
    /// How long they are kept.
    pub kept_for: Duration,
    /// How many jobs may run at a time.
    pub max_jobs: usize,
    /// How many bundles are kept, of all tenants.
    pub max_bundles: usize,
    /// How large a bundle may be, in bytes.
    pub max_bundle_bytes: u64,
    /// How large a job may be.
    pub graph: Limits,
    /// How long the sources and sinks of a job may take to be prepared.
    pub prepare_timeout: Duration,
    /// How long a TaskManager may take to start tasks, compiling the bundle included.
    pub deploy_timeout: Duration,
    /// How long one try to make the output of a sink visible, or to remove it, may take.
    pub commit_timeout: Duration,
    /// How often the output of a sink is tried to be made visible.
    pub commit_tries: u32,
    /// The time before the second of these tries; each further one waits twice as long.
    pub commit_delay: Duration,
    /// How checkpoint storage is used.
    pub storage: storage::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            placement: Placement::default(),
            slot_timeout: Duration::from_secs(300),
            cancellation_timeout: Duration::from_secs(30),
            restart: Strategy::None,
            heartbeat: heartbeat::Options::default(),
            kept_jobs: 1_000,
            kept_for: Duration::from_secs(3_600),
            max_jobs: 10_000,
            max_bundles: 10_000,
            max_bundle_bytes: 256 << 20,
            graph: Limits::default(),
            prepare_timeout: Duration::from_secs(120),
            deploy_timeout: Duration::from_secs(180),
            commit_timeout: Duration::from_secs(300),
            commit_tries: 4,
            commit_delay: Duration::from_millis(250),
            storage: storage::Options::default(),
        }
    }
}
