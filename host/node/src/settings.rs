//! The settings of a job in this process: what the command line chooses, and the crates' own defaults
//! for the rest.
//!
//! `run`, `inspect` and `bench` make one of their flags; each crate's options come out of it. Invariant:
//! options of different crates that must agree are derived from one value here.

use std::env;
use std::path::PathBuf;
use std::thread;

use wasmill_actor::Clock;
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::size::ByteSize;
use wasmill_wasm::{EngineOptions, Limits};

/// The environment variable with the directory of compiled code.
const CACHE_VARIABLE: &str = "WASMILL_CACHE_DIR";

/// The largest state cache, in bytes: a quarter of what a 32-bit address can reach, because a guest also
/// needs room for records and for values that are being changed.
pub(crate) const MAX_CACHE_BYTES: u64 = MAX_MEMORY_BYTES / MEMORY_PER_CACHE;

/// All that a 32-bit address can reach.
const MAX_MEMORY_BYTES: u64 = 4 << 30;

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

    /// What an instance may cost. Its memory grows with the cache that it is told to keep.
    pub(crate) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let cache = self.task().cache_bytes;
        let memory_bytes = defaults
            .memory_bytes
            .max(cache.saturating_mul(MEMORY_PER_CACHE));
        Limits {
            memory_bytes: memory_bytes.min(MAX_MEMORY_BYTES),
            ..defaults
        }
    }

    /// How the tasks work.
    pub(crate) fn task(&self) -> wasmill_task::Options {
        let defaults = wasmill_task::Options::default();
        wasmill_task::Options {
            cache_bytes: self.cache_bytes.map_or(defaults.cache_bytes, |size| size.0),
            on_bad_record: self.on_bad_record.unwrap_or(defaults.on_bad_record),
            max_record_bytes: Limits::default().record_bytes,
            ..defaults
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
        for (cache, memory) in [
            (None, default),
            (Some(0), default),
            (Some(default / 4 + 1), default + 4),
            (Some(MAX_CACHE_BYTES), 4 << 30),
            (Some(u64::MAX), 4 << 30),
        ] {
            let settings = Settings {
                cache_bytes: cache.map(ByteSize),
                ..Settings::default()
            };
            assert_eq!(settings.limits().memory_bytes, memory, "{cache:?}");
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
