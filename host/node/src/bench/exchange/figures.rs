//! The figures of the exchange benchmark, for people and for programs.
//!
//! Invariant: a ratio is the median of the ratios of rounds that followed each other, so that it does not
//! depend on how the machine's speed drifts.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::Settings;
use super::protocol::Moved;
use crate::bench::report::median;

/// How fast one round was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Megabytes of records per second.
    megabytes: f64,
    /// Nanoseconds of processor time of all processes per kilobyte of records.
    cost: f64,
}

/// What the round showed whose consumers were held up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    /// From when they went on.
    pub(super) resumed: Rate,
    /// What the resident memory of the process that grew most had grown by, in bytes.
    pub(super) growth: u64,
    /// The most buffers that a process used.
    pub(super) buffers: u32,
}

/// The fields of `--json`; medians of the rounds.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    name: &'static str,
    taskmanagers: u32,
    parallelism: u32,
    record_bytes: u32,
    records: u64,
    /// Between the processes, over the data plane.
    megabytes_per_second: f64,
    records_per_second: f64,
    ns_per_kilobyte: f64,
    /// The same bytes over raw QUIC streams.
    raw_megabytes_per_second: f64,
    raw_ns_per_kilobyte: f64,
    ratio_to_raw: f64,
    /// Processor time of raw QUIC ÷ processor time of the data plane.
    processor_ratio_to_raw: f64,
    /// Within the processes.
    local_megabytes_per_second: f64,
    local_ratio: f64,
    /// With consumers that take nothing: how much more memory a process used than when it had started.
    network_memory_bytes: u64,
    stalled_growth_bytes: u64,
    stalled_buffers: u32,
    /// The rate of that round from when they went on ÷ that of the others.
    resumed_ratio: f64,
}

impl Rate {
    pub(super) fn of(moved: &Moved, took: Duration) -> Self {
        let bytes = moved.taken.bytes as f64;
        Self {
            megabytes: bytes / 1e6 / took.as_secs_f64(),
            cost: moved.processor_ns as f64 * 1e3 / bytes,
        }
    }
}

impl Figures {
    pub(super) fn new(
        settings: &Settings,
        raw: &[Rate],
        remote: &[Rate],
        local: &[Rate],
        stall: &Stall,
    ) -> Self {
        let middle = |rates: &[Rate], figure: fn(&Rate) -> f64| median(rates.iter().map(figure));
        let megabytes = middle(remote, |rate| rate.megabytes);
        let pairs = |rates: &[Rate], ratio: fn(&Rate, &Rate) -> f64| {
            let pairs = rates.iter().zip(remote);
            median(pairs.map(|(other, remote)| ratio(other, remote)))
        };
        Self {
            name: "exchange",
            taskmanagers: settings.taskmanagers,
            parallelism: settings.parallelism,
            record_bytes: settings.record_bytes,
            records: settings.records,
            megabytes_per_second: megabytes,
            records_per_second: megabytes * 1e6 / f64::from(settings.record_bytes),
            ns_per_kilobyte: middle(remote, |rate| rate.cost),
            raw_megabytes_per_second: middle(raw, |rate| rate.megabytes),
            raw_ns_per_kilobyte: middle(raw, |rate| rate.cost),
            ratio_to_raw: pairs(raw, |raw, remote| remote.megabytes / raw.megabytes),
            processor_ratio_to_raw: pairs(raw, |raw, remote| raw.cost / remote.cost),
            local_megabytes_per_second: middle(local, |rate| rate.megabytes),
            local_ratio: pairs(local, |local, remote| local.megabytes / remote.megabytes),
            network_memory_bytes: settings.network_memory.0,
            stalled_growth_bytes: stall.growth,
            stalled_buffers: stall.buffers,
            resumed_ratio: stall.resumed.megabytes / megabytes,
        }
    }

    /// The figures as JSON or as text.
    pub(super) fn show(&self, json: bool) -> Result<String> {
        if json {
            return Ok(serde_json::to_string(self)?);
        }
        let mut text = format!(
            "exchange between {} TaskManagers, parallelism {} on each, records of {} bytes\n",
            self.taskmanagers, self.parallelism, self.record_bytes
        );
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        let lines = [
            (self.megabytes_per_second, "MB/s over QUIC"),
            (self.records_per_second / 1e6, "M records/s over QUIC"),
            (self.raw_megabytes_per_second, "MB/s of raw QUIC"),
            (self.ratio_to_raw, "of raw QUIC"),
            (self.processor_ratio_to_raw, "of raw QUIC by processor time"),
            (self.local_megabytes_per_second, "MB/s in memory"),
            (self.local_ratio, "times QUIC in memory"),
            (
                mebibytes(self.stalled_growth_bytes),
                "MiB more memory with consumers that take nothing",
            ),
            (
                mebibytes(self.network_memory_bytes),
                "MiB of network memory allowed",
            ),
            (self.resumed_ratio, "of the rate once they go on"),
        ];
        for (figure, what) in lines {
            writeln!(text, "  {figure:>10.2} {what}")?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_types::size::ByteSize;

    #[test]
    fn ratios_are_those_of_rounds_that_followed_each_other() {
        let rate = |megabytes, cost| Rate { megabytes, cost };
        let settings = Settings {
            taskmanagers: 2,
            parallelism: 1,
            record_bytes: 100,
            records: 1,
            rounds: 3,
            network_memory: ByteSize(1 << 20),
            json: true,
        };
        let raw = [rate(100.0, 8.0), rate(1_000.0, 9.0), rate(500.0, 8.0)];
        let remote = [rate(80.0, 10.0), rate(900.0, 10.0), rate(350.0, 10.0)];
        let local = [rate(800.0, 1.0), rate(4_500.0, 1.0), rate(3_500.0, 1.0)];
        let stall = Stall {
            resumed: rate(175.0, 1.0),
            growth: 3,
            buffers: 4,
        };
        let figures = Figures::new(&settings, &raw, &remote, &local, &stall);
        for (found, expected) in [
            (figures.ratio_to_raw, 0.8),
            (figures.processor_ratio_to_raw, 0.8),
            (figures.local_ratio, 10.0),
            (figures.resumed_ratio, 0.5),
            (figures.records_per_second, 3.5e6),
        ] {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }
}
