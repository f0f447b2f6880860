//! The figures of a benchmark, for people and for programs.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::Run;
use super::state::Taken;

pub(super) const MIB: f64 = 1048576.0;

/// The runs of one benchmark, and what they were runs of.
pub(crate) struct Report<'a> {
    pub(crate) name: &'a str,
    pub(crate) variant: &'a str,
    pub(crate) parallelism: u32,
    /// How many records (words, for word-count) one run processes.
    pub(crate) records: u64,
    pub(crate) native: &'a [Run],
    pub(crate) sandboxed: &'a [Run],
    pub(crate) uninterrupted: &'a [Run],
}

/// The fields of `--json`. Unless a name says otherwise, they are about the sandbox with interruption,
/// and the median of the runs.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    name: &'a str,
    variant: &'a str,
    parallelism: u32,
    records: u64,
    seconds: f64,
    records_per_second: f64,
    /// Processor time of the whole process per record.
    ns_per_record_core: f64,
    /// Processor time in the sandbox ÷ processor time of the same code compiled natively.
    sandbox_tax: f64,
    sandbox_tax_without_interruption: f64,
    native_ns_per_record_core: f64,
    peak_rss_bytes: u64,
    /// How many checkpoints a run completed; the other figures of checkpoints are 0 without any.
    checkpoints: u64,
    checkpoint_p50_ms: f64,
    /// What one uploaded.
    checkpoint_bytes: u64,
    /// The state at the last one.
    state_bytes: u64,
    /// For how long a subtask stood still at one.
    checkpoint_sync_p50_ms: f64,
    checkpoint_sync_max_ms: f64,
}

impl Report<'_> {
    /// Prints the figures to the standard output.
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        let figures = self.figures();
        let mut out = std::io::stdout().lock();
        if json {
            writeln!(out, "{}", serde_json::to_string(&figures)?)?;
            return Ok(());
        }
        let per_core = 1e9 / figures.ns_per_record_core;
        writeln!(
            out,
            "{} {}, parallelism {}",
            self.name, self.variant, self.parallelism
        )?;
        writeln!(
            out,
            "  {:>10.2} M records/s ({:.2} s)",
            figures.records_per_second / 1e6,
            figures.seconds
        )?;
        writeln!(out, "  {:>10.2} M records/s per core used", per_core / 1e6)?;
        writeln!(
            out,
            "  {:>10.1} ns per record and core",
            figures.ns_per_record_core
        )?;
        writeln!(
            out,
            "  {:>10.1} ns natively",
            figures.native_ns_per_record_core
        )?;
        writeln!(out, "  {:>10.3} sandbox tax", figures.sandbox_tax)?;
        writeln!(
            out,
            "  {:>10.3} sandbox tax without interruption",
            figures.sandbox_tax_without_interruption
        )?;
        writeln!(
            out,
            "  {:>10.1} MiB peak resident memory",
            figures.peak_rss_bytes as f64 / MIB
        )?;
        if figures.checkpoints > 0 {
            figures.print_checkpoints(&mut out)?;
        }
        Ok(())
    }

    fn figures(&self) -> Figures<'_> {
        let seconds = median(self.sandboxed.iter().map(|run| run.wall.as_secs_f64()));
        let per_record = |cpu: f64| cpu * 1e9 / self.records.max(1) as f64;
        Figures {
            name: self.name,
            variant: self.variant,
            parallelism: self.parallelism,
            records: self.records,
            seconds,
            records_per_second: self.records as f64 / seconds,
            ns_per_record_core: per_record(median(self.sandboxed.iter().map(cpu))),
            sandbox_tax: tax(self.sandboxed, self.native),
            sandbox_tax_without_interruption: tax(self.uninterrupted, self.native),
            native_ns_per_record_core: per_record(median(self.native.iter().map(cpu))),
            peak_rss_bytes: self
                .sandboxed
                .iter()
                .map(|run| run.peak_rss)
                .max()
                .unwrap_or(0),
            checkpoints: self.of_checkpoints(|it| it.count as f64) as u64,
            checkpoint_p50_ms: self.of_checkpoints(|it| it.duration_p50_ms),
            checkpoint_bytes: self.of_checkpoints(|it| it.uploaded_p50) as u64,
            state_bytes: self.of_checkpoints(|it| it.state_bytes as f64) as u64,
            checkpoint_sync_p50_ms: self.of_checkpoints(|it| it.sync_p50_ms),
            checkpoint_sync_max_ms: self.of_checkpoints(|it| it.sync_max_ms),
        }
    }

    fn of_checkpoints(&self, value: fn(&Taken) -> f64) -> f64 {
        median(self.sandboxed.iter().map(|run| value(&run.checkpoints)))
    }
}

impl Figures<'_> {
    fn print_checkpoints(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "  {:>10} checkpoints", self.checkpoints)?;
        writeln!(out, "  {:>10.0} ms for one", self.checkpoint_p50_ms)?;
        writeln!(
            out,
            "  {:>10.1} ms of them without processing, at most {:.1} ms",
            self.checkpoint_sync_p50_ms, self.checkpoint_sync_max_ms
        )?;
        writeln!(
            out,
            "  {:>10.1} MiB uploaded for one, of {:.1} MiB of state",
            self.checkpoint_bytes as f64 / MIB,
            self.state_bytes as f64 / MIB
        )?;
        Ok(())
    }
}

fn cpu(run: &Run) -> f64 {
    run.cpu.max(Duration::from_nanos(1)).as_secs_f64()
}

/// The median of the ratios of runs that followed each other.
fn tax(sandboxed: &[Run], native: &[Run]) -> f64 {
    median(
        sandboxed
            .iter()
            .zip(native)
            .map(|(sandboxed, native)| cpu(sandboxed) / cpu(native)),
    )
}

/// The middle one; not a number when there is none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tax_is_the_median_of_the_pairs_ratios() {
        let run = |cpu| Run {
            wall: Duration::from_secs(1),
            cpu: Duration::from_millis(cpu),
            peak_rss: 0,
            checksum: 0,
            checkpoints: Taken::default(),
        };
        let (native, sandboxed) = (
            [run(100), run(200), run(100)],
            [run(110), run(300), run(130)],
        );
        assert!((tax(&sandboxed, &native) - 1.3).abs() < 1e-9);
        assert!((median([1.0, 4.0].into_iter()) - 2.5).abs() < 1e-9);
    }
}
