//! The sections of the configuration as types: what `default.toml` has, key by key.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use wasmill_checkpoint::storage;
use wasmill_connectors::Access;
use wasmill_rpc::heartbeat;
use wasmill_rpc::protocol::Backend;
use wasmill_state::{Compression, RocksOptions};
use wasmill_types::size::ByteSize;
use wasmill_wasm::Limits;

use crate::cli::LogFormat;
use crate::failure::{Failure, story};
use crate::quantity;

/// The configuration of a node.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) log: LogSection,
    pub(crate) jobmanager: JobManagerSection,
    pub(crate) provider: ProviderSection,
    pub(crate) heartbeat: HeartbeatSection,
    pub(crate) restart: RestartSection,
    pub(crate) rest: RestSection,
    pub(crate) taskmanager: TaskManagerSection,
    pub(crate) network: NetworkSection,
    pub(crate) state: StateSection,
    pub(crate) checkpoint_storage: CheckpointStorageSection,
    pub(crate) wasm: WasmSection,
    pub(crate) connectors: ConnectorsSection,
    /// All keys as texts, for those who want to see them.
    #[serde(skip)]
    pub(crate) entries: Vec<(String, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct LogSection {
    pub(crate) format: LogFormat,
    /// Nothing for what the format shows by default.
    pub(crate) filter: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct JobManagerSection {
    pub(crate) data_dir: PathBuf,
    pub(crate) rest: SocketAddr,
    pub(crate) rpc: SocketAddr,
    pub(crate) checkpoint_dir: String,
    pub(crate) slot_strategy: SlotStrategy,
    pub(crate) slot_timeout: Time,
    pub(crate) cancellation_timeout: Time,
    pub(crate) kept_jobs: usize,
    pub(crate) kept_jobs_time: Time,
    pub(crate) provider: Provider,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SlotStrategy {
    Spread,
    Pack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    Standalone,
    Process,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ProviderSection {
    pub(crate) max_taskmanagers: u32,
    pub(crate) slots: u32,
    pub(crate) idle_timeout: Time,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct HeartbeatSection {
    pub(crate) interval: Time,
    pub(crate) timeout: Time,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RestartSection {
    pub(crate) strategy: RestartStrategy,
    pub(crate) fixed_delay_attempts: u32,
    pub(crate) fixed_delay_delay: Time,
    pub(crate) failure_rate_max_failures: u32,
    pub(crate) failure_rate_interval: Time,
    pub(crate) failure_rate_delay: Time,
    pub(crate) exponential_delay_initial: Time,
    pub(crate) exponential_delay_max: Time,
    pub(crate) exponential_delay_multiplier: f64,
    pub(crate) exponential_delay_jitter: f64,
    pub(crate) exponential_delay_reset: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RestartStrategy {
    None,
    FixedDelay,
    FailureRate,
    ExponentialDelay,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RestSection {
    pub(crate) max_upload: ByteSize,
    pub(crate) max_request: ByteSize,
    pub(crate) max_connections: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TaskManagerSection {
    /// A name and a port, or an address.
    pub(crate) jobmanager: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) name: String,
    pub(crate) slots: u32,
    pub(crate) memory: ByteSize,
    pub(crate) data: SocketAddr,
    pub(crate) registration_timeout: Time,
    pub(crate) task_niceness: u8,
    /// An address, or nothing for no metrics.
    #[serde(deserialize_with = "address_or_nothing")]
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) metrics_token: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NetworkSection {
    pub(crate) memory: ByteSize,
    pub(crate) frame_bytes: ByteSize,
    pub(crate) channel_capacity: NonZeroUsize,
    pub(crate) buffer_timeout: Time,
    pub(crate) connections: NonZeroUsize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct StateSection {
    pub(crate) cache_bytes: ByteSize,
    pub(crate) backend: Backend,
    pub(crate) max_disk_bytes: ByteSize,
    pub(crate) local_recovery: bool,
    rocksdb_write_buffer_percent: u8,
    rocksdb_block_size: ByteSize,
    rocksdb_file_size: ByteSize,
    rocksdb_bloom_bits: u8,
    rocksdb_compression: RocksCompression,
    rocksdb_background_jobs: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RocksCompression {
    None,
    Lz4,
    Zstd,
}

impl StateSection {
    /// How RocksDB is set up; its memory is the slot's.
    pub(crate) fn rocksdb(&self) -> RocksOptions {
        RocksOptions {
            write_buffer_percent: self.rocksdb_write_buffer_percent,
            block_size: self.rocksdb_block_size,
            file_size: self.rocksdb_file_size,
            bloom_bits: self.rocksdb_bloom_bits,
            compression: match self.rocksdb_compression {
                RocksCompression::None => Compression::None,
                RocksCompression::Lz4 => Compression::Lz4,
                RocksCompression::Zstd => Compression::Zstd,
            },
            background_jobs: self.rocksdb_background_jobs,
            ..RocksOptions::default()
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CheckpointStorageSection {
    attempts: u32,
    budget: Time,
    request_timeout: Time,
    part_size: ByteSize,
}

impl CheckpointStorageSection {
    /// How checkpoint storage is used.
    pub(crate) fn options(&self) -> storage::Options {
        storage::Options {
            attempts: self.attempts,
            budget: self.budget.0,
            request_timeout: self.request_timeout.0,
            part_bytes: self.part_size.0,
            ..storage::Options::default()
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WasmSection {
    pub(crate) bundle: ByteSize,
    pub(crate) memory: ByteSize,
    pub(crate) call_deadline: Time,
    pub(crate) describe_deadline: Time,
    pub(crate) record: ByteSize,
    pub(crate) log_rate: ByteSize,
    pub(crate) compile_memory: ByteSize,
    pub(crate) compile_timeout: Time,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ConnectorsSection {
    pub(crate) file: FileSection,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FileSection {
    pub(crate) roots: Vec<PathBuf>,
}

impl HeartbeatSection {
    /// How often, and after which silence.
    pub(crate) fn options(&self) -> Result<heartbeat::Options, Failure> {
        let options = heartbeat::Options::new(self.interval.0, self.timeout.0);
        options.map_err(|error| Failure::unusable(format!("section `heartbeat`: {error}")))
    }
}

impl FileSection {
    /// Stands for everything where the JobManager is on the same machine, and for nothing elsewhere.
    const LOCAL: &str = "local";

    /// What connectors may touch on a TaskManager.
    pub(crate) fn access(&self, job_manager: IpAddr) -> Result<Access, Failure> {
        let is_local = |root: &&PathBuf| root.as_os_str() == Self::LOCAL;
        if job_manager.is_loopback() && self.roots.iter().any(|root| is_local(&root)) {
            return Ok(Access::unrestricted());
        }
        let roots = self.roots.iter().filter(|root| !is_local(root)).cloned();
        Access::within(roots)
            .map_err(|error| Failure::unusable(format!("connectors.file.roots: {}", story(&error))))
    }
}

impl WasmSection {
    /// What a bundle may cost.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            bundle_bytes: self.bundle.0,
            memory_bytes: self.memory.0,
            call_deadline: self.call_deadline.0,
            describe_deadline: self.describe_deadline.0,
            record_bytes: u32::try_from(self.record.0).unwrap_or(u32::MAX),
            log_bytes_per_second: self.log_rate.0,
            ..Limits::default()
        }
    }
}

fn address_or_nothing<'de, D: Deserializer<'de>>(value: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(value)?;
    let address = (!text.is_empty()).then(|| text.parse());
    address
        .transpose()
        .map_err(|_| D::Error::custom(format!("`{text}` is not an address like 127.0.0.1:9249")))
}

/// A time with its unit, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(pub(crate) Duration);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        quantity::parse_time(&text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT, Layers};
    use super::*;

    #[test]
    fn the_shipped_defaults_are_a_whole_configuration() {
        let layers = Layers::new(DEFAULT);
        let config: Config = layers.read().unwrap();
        assert_eq!(config.heartbeat.timeout.0, Duration::from_secs(5));
        assert_eq!(config.taskmanager.memory.0, 4 << 30);
    }

    #[test]
    fn every_key_has_a_comment() {
        let mut is_explained = false;
        for line in DEFAULT.lines() {
            let is_key = line.contains(" = ") && !line.starts_with('#');
            assert!(!is_key || is_explained, "`{line}` needs a comment");
            is_explained = line.starts_with('#') || (is_key && is_explained);
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused() {
        for (key, text) in [
            ("jobmanager.rest", "localhost"),
            ("jobmanager.provider", "kubernetes"),
            ("restart.strategy", "sometimes"),
            ("heartbeat.interval", "1"),
            ("network.memory", "much"),
            ("taskmanager.metrics", "9249"),
            ("taskmanager.task-niceness", "-1"),
            ("log.format", "xml"),
        ] {
            let mut layers = Layers::new(DEFAULT);
            layers.text(key, text).unwrap();
            let error = layers.read::<Config>().unwrap_err();
            assert!(
                error.starts_with("the configuration cannot be used: "),
                "{error}"
            );
        }
    }
}
