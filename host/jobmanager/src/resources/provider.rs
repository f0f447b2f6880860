//! Where TaskManagers come from: by themselves, or started here when slots are missing.
//!
//! The ResourceManager asks its provider now and then, and gives those that it names nothing more to do.
//! Invariant: a provider never waits, and never stops a TaskManager that it has not started.

mod process;

use std::fmt;
use std::time::Duration;

use wasmill_types::id::TaskManagerId;

pub use process::{ProcessOptions, ProcessProvider};

/// The resources of the cluster, as a provider sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// How many slots are missing to serve all jobs that wait.
    pub missing_slots: usize,
    /// The TaskManagers that are registered.
    pub registered: Vec<TaskManagerId>,
    /// Those of them that no job uses, and since when.
    pub idle: Vec<(TaskManagerId, Duration)>,
    /// The time, on the clock of the idle ones.
    pub now: Duration,
}

/// Brings TaskManagers, and lets them go.
pub trait ResourceProvider: Send + fmt::Debug + 'static {
    /// Looks at the cluster and does something about it; the TaskManagers that are about to go.
    fn update(&mut self, picture: &Picture) -> Vec<TaskManagerId>;

    /// Whether it wants to be asked again without anything having happened.
    fn is_active(&self) -> bool;

    /// Tells all that it has started to end.
    fn stop(&mut self);

    /// Whether all that it has started has ended.
    fn has_stopped(&mut self) -> bool;
}

/// TaskManagers come and go by themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standalone;

impl ResourceProvider for Standalone {
    fn update(&mut self, _: &Picture) -> Vec<TaskManagerId> {
        Vec::new()
    }

    fn is_active(&self) -> bool {
        false
    }

    fn stop(&mut self) {}

    fn has_stopped(&mut self) -> bool {
        true
    }
}
