//! What a TaskManager offers, and how long it waits. `node` fills it from the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_checkpoint::storage;
use wasmill_rpc::protocol::{Backend, Hardware, Register, SlotMemory};
use wasmill_state::RocksOptions;
use wasmill_types::id::TaskManagerId;

/// The settings of a TaskManager; each field names its key.
#[derive(Debug, Clone)]
pub struct Options {
    /// `taskmanager.id`: its name.
    pub id: TaskManagerId,
    /// The name of its host, for people.
    pub host: String,
    /// Where its data plane listens, as others reach it; none for the embedded one.
    pub data: Option<SocketAddr>,
    /// The version of the software.
    pub version: String,
    /// `taskmanager.slots`: how many slots it has, at least 1.
    pub slots: u32,
    /// What each slot may use.
    pub memory: SlotMemory,
    /// The machine.
    pub hardware: Hardware,
    /// `state.backend`: where keyed state is kept, as far as the job does not choose.
    pub backend: Backend,
    /// `state.rocksdb`: how RocksDB is set up; its memory is the slot's.
    pub rocks: RocksOptions,
    /// `checkpoint.storage`: how checkpoint storage is used.
    pub storage: storage::Options,
    /// `state.local-recovery`: whether state files of the last checkpoint are kept here for tasks that start again.
    pub local_recovery: bool,
    /// A directory for the state of the tasks that run here.
    pub state_directory: PathBuf,
    /// How tasks work, as far as the job does not choose.
    pub task: wasmill_task::Options,
    /// `taskmanager.cancel-timeout`: how long a cancelled task may take to end before its thread is
    /// abandoned and its slot lost.
    pub cancel_timeout: Duration,
    /// `taskmanager.registration-timeout`: how long tasks run on without a JobManager.
    pub registration_timeout: Duration,
    /// `taskmanager.call-timeout`: how long the JobManager may take to answer.
    pub call_timeout: Duration,
    /// The shortest and longest pause before it connects or tells again.
    pub retry: (Duration, Duration),
}

impl Options {
    /// The defaults of a TaskManager with this name.
    pub fn named(id: TaskManagerId) -> Self {
        Self {
            id,
            host: "localhost".to_owned(),
            data: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: 1,
            memory: SlotMemory {
                guest: 1 << 30,
                cache: 256 << 20,
                network: 64 << 20,
                state: 0,
            },
            hardware: Hardware::default(),
            backend: Backend::default(),
            rocks: RocksOptions::default(),
            storage: storage::Options::default(),
            local_recovery: true,
            state_directory: std::env::temp_dir().join("wasmill-state"),
            task: wasmill_task::Options::default(),
            cancel_timeout: Duration::from_secs(30),
            registration_timeout: Duration::from_secs(30),
            call_timeout: Duration::from_secs(10),
            retry: (Duration::from_millis(100), Duration::from_secs(10)),
        }
    }

    /// What it says when it registers.
    pub(crate) fn register(&self) -> Register {
        Register {
            id: self.id.clone(),
            host: self.host.clone(),
            data: self.data,
            version: self.version.clone(),
            pid: std::process::id(),
            slots: self.slots,
            memory: self.memory,
            hardware: self.hardware,
        }
    }

    /// The pause after this many failures in a row: twice as long each time, and of that a random part
    /// between a half and the whole, so that many TaskManagers do not come back at once.
    pub(crate) fn pause(&self, failures: u32, rng: &mut wasmill_actor::Rng) -> Duration {
        let (shortest, longest) = self.retry;
        let doubled = shortest.saturating_mul(1 << failures.min(16));
        let pause = doubled.min(longest);
        let half = u64::try_from(pause.as_micros() / 2).unwrap_or(u64::MAX - 1);
        Duration::from_micros(half + rng.below(half + 1))
    }
}

#[cfg(test)]
mod tests {
    use wasmill_actor::Rng;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary_by_half() {
        let options = Options::named("tm".parse().unwrap());
        let mut rng = Rng::seeded(1);
        for (failures, longest) in [
            (0, 100),
            (1, 200),
            (3, 800),
            (7, 10_000),
            (u32::MAX, 10_000),
        ] {
            for _ in 0..50 {
                let pause = options.pause(failures, &mut rng).as_millis();
                assert!(
                    (longest / 2..=longest).contains(&pause),
                    "{failures}: {pause}"
                );
            }
        }
    }
}
