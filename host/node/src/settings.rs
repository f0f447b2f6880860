//! The settings of a job in this process: what the command line chooses, and the crates' own defaults
//! for the rest.
//!
//! `run`, `inspect` and `bench` make one of their flags; each crate's options come out of it. Invariant:
//! options of different crates that must agree are derived from one value here.

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_rpc::protocol::JobSettings;
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::size::ByteSize;
use wasmill_wasm::{CACHE_VARIABLE, EngineOptions, Limits};

/// The largest state cache, in bytes: a quarter of what a 32-bit address can reach, because a guest also
/// needs room for records and for values that are being changed.
pub(crate) const MAX_CACHE_BYTES: u64 = MAX_MEMORY_BYTES / MEMORY_PER_CACHE;

/// All that a 32-bit address can reach.
pub(crate) const MAX_MEMORY_BYTES: u64 = 4 << 30;

/// The memory of an instance for each byte of its state cache; the defaults have this ratio.
const MEMORY_PER_CACHE: u64 = 4;

/// What the command line chooses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The parallelism of operators that name none; the number of cores when absent.
    pub(crate) parallelism: Option<u32>,
    /// What to do with records that cannot be decoded.
    pub(crate) on_bad_record: Option<BadRecordPolicy>,
    /// How much keyed state each subtask caches in the guest's memory.
    pub(crate) cache_bytes: Option<ByteSize>,
    /// The linear memory of an instance; with it the cache is at most a quarter of it.
    pub(crate) max_memory: Option<ByteSize>,
    /// How long one call into the guest may run.
    pub(crate) call_timeout: Option<Duration>,
    /// How long a record waits for others to share its frame.
    pub(crate) buffer_timeout: Option<Duration>,
}

impl Settings {
    /// How bundles are compiled and run.
    pub(crate) fn engine(clock: Clock) -> EngineOptions {
        EngineOptions {
            cache_dir: cache_dir(),
            clock,
            ..EngineOptions::default()
        }
    }

    /// What an instance may cost. Unless its memory was chosen, it grows with the cache that the instance
    /// is told to keep.
    pub(crate) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let for_cache = || {
            let cache = self.task().cache_bytes;
            let needed = cache.saturating_mul(MEMORY_PER_CACHE);
            needed.max(defaults.memory_bytes)
        };
        let memory_bytes = self.max_memory.map_or_else(for_cache, |size| size.0);
        Limits {
            memory_bytes: memory_bytes.min(MAX_MEMORY_BYTES),
            call_deadline: self.call_timeout.unwrap_or(defaults.call_deadline),
            ..defaults
        }
    }

    /// How the tasks work.
    pub(crate) fn task(&self) -> wasmill_task::Options {
        let defaults = wasmill_task::Options::default();
        let cache_bytes = self.cache_bytes.map_or(defaults.cache_bytes, |size| size.0);
        let most = self
            .max_memory
            .map_or(u64::MAX, |memory| memory.0 / MEMORY_PER_CACHE);
        wasmill_task::Options {
            cache_bytes: cache_bytes.min(most),
            buffer_timeout: self.buffer_timeout.unwrap_or(defaults.buffer_timeout),
            on_bad_record: self.on_bad_record.unwrap_or(defaults.on_bad_record),
            max_record_bytes: Limits::default().record_bytes,
            ..defaults
        }
    }

    /// What the JobManager and TaskManagers are told; everything that a TaskManager would choose is in it.
    pub(crate) fn job(&self, seed: u64) -> JobSettings {
        let (limits, task) = (self.limits(), self.task());
        let call_timeout = limits.call_deadline.as_millis();
        JobSettings {
            parallelism: self.graph().parallelism,
            on_bad_record: task.on_bad_record,
            cache_bytes: Some(task.cache_bytes),
            memory_bytes: Some(limits.memory_bytes),
            call_timeout_ms: Some(u64::try_from(call_timeout).unwrap_or(u64::MAX)),
            seed,
            checkpoints: wasmill_checkpoint::Options::default(),
            backend: None,
            restore: None,
        }
    }

    /// How the described graph is completed.
    pub(crate) fn graph(&self) -> wasmill_graph::Options {
        let parallelism = self.parallelism.unwrap_or_else(cores);
        wasmill_graph::Options {
            parallelism,
            ..wasmill_graph::Options::default()
        }
    }
}

/// The number of cores that this process may use.
pub(crate) fn cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// Where compiled code is kept; nowhere when the user has no such place.
fn cache_dir() -> Option<PathBuf> {
    let chosen = env::var_os(CACHE_VARIABLE).filter(|dir| !dir.is_empty());
    let dir = chosen
        .map(PathBuf::from)
        .or_else(|| Some(dirs::cache_dir()?.join("wasmill")));
    if dir.is_none() {
        tracing::warn!(
            "there is no home directory, so compiled code is not cached; set {CACHE_VARIABLE}"
        );
    }
    dir
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_guest_grows_with_its_cache_up_to_what_it_can_address() {
        let default = Limits::default().memory_bytes;
        for (cache, chosen, memory) in [
            (None, None, default),
            (Some(0), None, default),
            (Some(default / 4 + 1), None, default + 4),
            (Some(MAX_CACHE_BYTES), None, 4 << 30),
            (Some(u64::MAX), None, 4 << 30),
            (None, Some(1 << 20), 1 << 20),
            (Some(MAX_CACHE_BYTES), Some(1 << 20), 1 << 20),
            (None, Some(1 << 30), 1 << 30),
        ] {
            let settings = Settings {
                cache_bytes: cache.map(ByteSize),
                max_memory: chosen.map(ByteSize),
                ..Settings::default()
            };
            assert_eq!(
                settings.limits().memory_bytes,
                memory,
                "{cache:?} {chosen:?}"
            );
            let cached = settings.task().cache_bytes;
            assert!(
                chosen.is_none_or(|chosen| cached <= chosen / 4),
                "{cache:?} {chosen:?}"
            );
        }
    }

    #[test]
    fn a_call_may_run_as_long_as_was_chosen() {
        for (chosen, deadline) in [
            (None, Limits::default().call_deadline),
            (Some(Duration::from_millis(5)), Duration::from_millis(5)),
        ] {
            let settings = Settings {
                call_timeout: chosen,
                ..Settings::default()
            };
            assert_eq!(settings.limits().call_deadline, deadline);
        }
    }

    #[test]
    fn a_record_has_the_same_limit_everywhere() {
        let settings = Settings::default();
        assert_eq!(
            settings.limits().record_bytes,
            settings.task().max_record_bytes
        );
    }
}
