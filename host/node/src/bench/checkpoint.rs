//! `wasmill bench checkpoint`: what checkpoints cost a job with much state of which little changes.
//!
//! The job first makes its values, then changes one in [`ONE_CHANGES_IN`] of them all the time; runs with and
//! without checkpoints take turns. Invariant: only the changes are measured that the program says it counts
//! (its checksum), and only checkpoints that were triggered meanwhile.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use wasmill_actor::CancelToken;
use wasmill_checkpoint::statistics::{CheckpointRecord, Outcome};
use wasmill_jobmanager::view::JobView;
use wasmill_types::size::ByteSize;

use super::report::{MIB, median};
use super::state::{Place, Taken};
use super::{BenchArgs, Job, contenders, counter, default_records, measure};
use crate::cli::BackendArg;
use crate::failure::Exit;
use crate::interrupt::Interrupt;

/// The size of a value, in bytes.
const VALUE_BYTES: u64 = 1_000;

/// One value in so many changes.
const ONE_CHANGES_IN: u64 = 100;

/// How often a checkpoint is taken if nothing else is said.
const INTERVAL: Duration = Duration::from_secs(1);

/// Changes and checkpoints of one run.
struct Measured {
    /// Changes per second.
    rate: f64,
    /// What the checkpoints were like.
    taken: Taken,
    /// The most that one of them uploaded, in bytes.
    uploaded_max: u64,
    peak_rss: u64,
}

/// The fields of `--json`; medians of the runs, unless a name says otherwise.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    records: u64,
    /// The state at the last checkpoint.
    state_bytes: u64,
    records_per_second: f64,
    records_per_second_without_checkpoints: f64,
    /// The first ÷ the second, of runs that followed each other.
    throughput_ratio: f64,
    checkpoints: u64,
    checkpoint_p50_ms: f64,
    /// What one uploaded.
    checkpoint_bytes: u64,
    /// That in parts of the state.
    uploaded_share_p50: f64,
    uploaded_share_mean: f64,
    uploaded_share_max: f64,
    /// For how long a subtask stood still at one.
    checkpoint_sync_p50_ms: f64,
    checkpoint_sync_max_ms: f64,
    peak_rss_bytes: u64,
}

/// What the program is told besides the number of changes.
pub(super) fn program_args(state: ByteSize) -> [String; 3] {
    let keys = (state.0 / VALUE_BYTES).max(ONE_CHANGES_IN);
    [
        format!("--keys={keys}"),
        format!("--changed={}", keys / ONE_CHANGES_IN),
        format!("--value-bytes={VALUE_BYTES}"),
    ]
}

/// Runs the command.
pub(super) fn run(args: &BenchArgs, interrupt: &Interrupt) -> Result<Exit> {
    ensure!(
        args.parallelism() == 1,
        "`checkpoint` measures one subtask; leave `--parallelism` out"
    );
    let records = args.records.unwrap_or_else(|| default_records(args));
    let program = super::program_args(args, "", records);
    let (contenders, spec, graph, settings) = contenders(args, &program)?;
    let sandboxed = &contenders[1].program;
    let cancel = CancelToken::new();
    interrupt.running(cancel.clone());
    let job = |interval| -> Result<Job> {
        Ok(Job {
            spec: spec.clone(),
            graph: graph.clone(),
            args: program.clone(),
            settings: settings.clone(),
            place: Place::new(BackendArg::Rocksdb, interval)?,
        })
    };
    let mut runs: [Vec<Measured>; 2] = [Vec::new(), Vec::new()];
    for round in 0..args.rounds {
        let interval = args.checkpoint_interval.unwrap_or(INTERVAL);
        for (runs, interval) in runs.iter_mut().zip([None, Some(interval)]) {
            tracing::info!(round, ?interval, "run");
            let run = measure(&job(interval)?, sandboxed, &cancel);
            let Some((run, view)) = run.context("run `checkpoint`")? else {
                return Ok(Exit::Cancelled);
            };
            runs.push(measured(run.peak_rss, &view)?);
        }
    }
    print(&figures(records, &runs), args.json)?;
    Ok(Exit::Finished)
}

fn measured(peak_rss: u64, view: &Arc<JobView>) -> Result<Measured> {
    let (began, ended) = (counter(view, "began-ms"), counter(view, "ended-ms"));
    ensure!(
        began > 0 && ended > began,
        "the changes took no time that can be measured; have more of them, with `--records`"
    );
    let [began_ms, ended_ms] = [began, ended].map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let taken_meanwhile: Vec<&CheckpointRecord> = view
        .checkpoints
        .statistics
        .history()
        .map(AsRef::as_ref)
        .filter(|it| matches!(it.outcome, Outcome::Completed { .. }))
        .filter(|it| (began_ms..ended_ms).contains(&it.triggered_ms))
        .collect();
    let uploaded = taken_meanwhile.iter().map(|it| it.totals.checkpointed_size);
    Ok(Measured {
        rate: counter(view, "checksum") as f64 * 1e3 / (ended - began) as f64,
        uploaded_max: uploaded.max().unwrap_or_default(),
        taken: Taken::over(&taken_meanwhile),
        peak_rss,
    })
}

fn figures(records: u64, [without, with]: &[Vec<Measured>; 2]) -> Figures {
    let of = |value: fn(&Measured) -> f64| median(with.iter().map(value));
    let pairs = with.iter().zip(without);
    fn share(run: &Measured, bytes: f64) -> f64 {
        bytes / run.taken.state_bytes.max(1) as f64
    }
    Figures {
        name: "checkpoint",
        records,
        state_bytes: of(|run| run.taken.state_bytes as f64) as u64,
        records_per_second: of(|run| run.rate),
        records_per_second_without_checkpoints: median(without.iter().map(|run| run.rate)),
        throughput_ratio: median(pairs.map(|(with, without)| with.rate / without.rate)),
        checkpoints: of(|run| run.taken.count as f64) as u64,
        checkpoint_p50_ms: of(|run| run.taken.duration_p50_ms),
        checkpoint_bytes: of(|run| run.taken.uploaded_p50) as u64,
        uploaded_share_p50: of(|run| share(run, run.taken.uploaded_p50)),
        uploaded_share_mean: of(|run| {
            share(
                run,
                run.taken.uploaded as f64 / run.taken.count.max(1) as f64,
            )
        }),
        uploaded_share_max: of(|run| share(run, run.uploaded_max as f64)),
        checkpoint_sync_p50_ms: of(|run| run.taken.sync_p50_ms),
        checkpoint_sync_max_ms: of(|run| run.taken.sync_max_ms),
        peak_rss_bytes: of(|run| run.peak_rss as f64) as u64,
    }
}

fn print(figures: &Figures, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(figures)?)?;
        return Ok(());
    }
    let mib = |bytes: u64| bytes as f64 / MIB;
    let percent = |share: f64| share * 100.0;
    let without = figures.records_per_second_without_checkpoints;
    writeln!(
        out,
        "checkpoint, {:.0} MiB of state",
        mib(figures.state_bytes)
    )?;
    for (value, what) in [
        (
            figures.records_per_second / 1e6,
            "M changes/s with checkpoints",
        ),
        (without / 1e6, "M changes/s without"),
        (figures.throughput_ratio, "of the throughput without"),
        (figures.checkpoints as f64, "checkpoints"),
        (figures.checkpoint_p50_ms, "ms for one"),
        (
            figures.checkpoint_sync_p50_ms,
            "ms of them without processing",
        ),
        (figures.checkpoint_sync_max_ms, "ms of them at most"),
        (mib(figures.checkpoint_bytes), "MiB uploaded for one"),
        (percent(figures.uploaded_share_p50), "% of the state"),
        (percent(figures.uploaded_share_mean), "% on average"),
        (percent(figures.uploaded_share_max), "% at most"),
        (mib(figures.peak_rss_bytes), "MiB peak resident memory"),
    ] {
        writeln!(out, "  {value:>10.2} {what}")?;
    }
    Ok(())
}
