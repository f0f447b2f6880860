//! Where a benchmark keeps its state and its checkpoints, and what became of them.
//!
//! Invariant: everything lies in one temporary directory, which is gone when the benchmark has ended,
//! however it ended.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wasmill_checkpoint::statistics::{CheckpointRecord, Outcome, Statistics};
use wasmill_rpc::protocol::{Backend, JobSettings};

use super::report::median;
use crate::cli::BackendArg;

/// How many checkpoints of a run the figures are over; of a longer run, the latest ones.
const REMEMBERED: std::num::NonZeroU32 =
    const { std::num::NonZeroU32::new(1_000).expect("a thousand is not zero") };

/// The place of a benchmark's state and checkpoints.
#[derive(Debug)]
pub(super) struct Place {
    backend: BackendArg,
    interval: Option<Duration>,
    unaligned: bool,
    directory: TempDir,
}

/// What a run's completed checkpoints were like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Taken {
    /// How many there were.
    pub(super) count: u64,
    /// From trigger to completion, in milliseconds; the median.
    pub(super) duration_p50_ms: f64,
    /// The longest of them.
    pub(super) duration_max_ms: f64,
    /// What was uploaded for each, in bytes; the median.
    pub(super) uploaded_p50: f64,
    /// All that was uploaded, in bytes.
    pub(super) uploaded: u64,
    /// The size of the state at the last one, in bytes.
    pub(super) state_bytes: u64,
    /// For how long a subtask stood still, in milliseconds; the median of the longest at each.
    pub(super) sync_p50_ms: f64,
    /// The longest of all.
    pub(super) sync_max_ms: f64,
}

impl Place {
    pub(super) fn new(backend: BackendArg, interval: Option<Duration>) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("wasmill-bench-").tempdir();
        Ok(Self {
            backend,
            interval,
            unaligned: false,
            directory: directory.context("make a temporary directory for state")?,
        })
    }

    /// Lets barriers overtake records, or not.
    pub(super) fn unaligned(self, unaligned: bool) -> Self {
        Self { unaligned, ..self }
    }

    /// A job's settings, with its state and its checkpoints here.
    pub(super) fn settings(&self, settings: JobSettings) -> JobSettings {
        let checkpoints = self.directory.path().join("checkpoints");
        JobSettings {
            checkpoints: wasmill_checkpoint::Options {
                interval: self.interval,
                directory: self.interval.map(|_| checkpoints.display().to_string()),
                history: REMEMBERED,
                unaligned: self.unaligned,
                ..settings.checkpoints
            },
            backend: Some(match self.backend {
                BackendArg::Memory => Backend::Memory,
                BackendArg::Rocksdb => Backend::Rocksdb,
            }),
            ..settings
        }
    }

    /// Where a backend has its files.
    pub(super) fn state_directory(&self) -> PathBuf {
        self.directory.path().join("state")
    }
}

impl Taken {
    /// What the statistics say of all that they remember.
    pub(super) fn of(statistics: &Statistics) -> Self {
        let is_complete =
            |record: &&CheckpointRecord| matches!(record.outcome, Outcome::Completed { .. });
        let records = statistics.history().map(AsRef::as_ref);
        Self {
            count: statistics.counts().completed,
            ..Self::over(&records.filter(is_complete).collect::<Vec<_>>())
        }
    }

    /// What these were like, newest first.
    pub(super) fn over(records: &[&CheckpointRecord]) -> Self {
        let Some(newest) = records.first() else {
            return Self::default();
        };
        let over = |value: fn(&CheckpointRecord) -> f64| records.iter().map(move |it| value(it));
        Self {
            count: records.len() as u64,
            duration_p50_ms: median(over(|it| it.duration_ms(it.triggered_ms) as f64)),
            duration_max_ms: over(|it| it.duration_ms(it.triggered_ms) as f64).fold(0.0, f64::max),
            uploaded_p50: median(over(|it| it.totals.checkpointed_size as f64)),
            uploaded: records.iter().map(|it| it.totals.checkpointed_size).sum(),
            state_bytes: newest.totals.state_size,
            sync_p50_ms: median(over(sync_ms)),
            sync_max_ms: over(sync_ms).fold(0.0, f64::max),
        }
    }
}

/// The longest that a subtask stood still for a checkpoint, in milliseconds.
fn sync_ms(record: &CheckpointRecord) -> f64 {
    let vertices = record.vertices.iter();
    let subtasks = vertices.flat_map(|vertex| vertex.subtasks.iter().flatten());
    let sync = subtasks.map(|it| it.metrics.sync).max();
    sync.unwrap_or_default().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn state_and_checkpoints_lie_in_a_directory_that_goes() {
        let interval = Some(Duration::from_secs(1));
        let place = Place::new(BackendArg::Rocksdb, interval).unwrap();
        let directory = place.directory.path().to_owned();
        let settings = place.settings(Settings::default().job(1));
        let checkpoints = settings.checkpoints.directory.unwrap();
        assert!(checkpoints.starts_with(&directory.display().to_string()));
        assert!(place.state_directory().starts_with(&directory));
        assert_eq!(settings.checkpoints.interval, interval);
        assert_eq!(settings.backend, Some(Backend::Rocksdb));
        assert!(directory.exists());
        drop(place);
        assert!(!directory.exists());
    }

    #[test]
    fn a_run_without_checkpoints_has_none_in_its_figures() {
        let statistics = Statistics::new(REMEMBERED);
        assert_eq!(Taken::of(&statistics), Taken::default());
    }
}
