//! `wasmill bench backpressure`: how long checkpoints take while every channel is full, with barriers that wait
//! for the records before them (aligned) and with such that overtake them (unaligned).
//!
//! The sink works for [`WORK`] steps on each record, which is about a hundred times what the rest of the job
//! takes. Both kinds run in turn. Invariant: a run without a completed checkpoint is an error, not a figure.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use wasmill_actor::CancelToken;

use super::report::median;
use super::state::Place;
use super::{BenchArgs, Job, Run, contenders, default_records, measure};
use crate::failure::Exit;
use crate::interrupt::Interrupt;

/// The steps of the sink for each record: 43 000 records a second on a machine that makes 4.5 million without.
const WORK: u64 = 5_000;

/// How often a checkpoint is taken if nothing else is said.
const INTERVAL: Duration = Duration::from_millis(500);

/// The fields of `--json`; medians of the runs, the largest of all where a name says so.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    records: u64,
    aligned: Kind,
    unaligned: Kind,
}

/// One kind of checkpoints.
#[derive(Debug, Serialize)]
struct Kind {
    records_per_second: f64,
    checkpoints: u64,
    checkpoint_p50_ms: f64,
    checkpoint_max_ms: f64,
    checkpoint_bytes: u64,
}

/// What the program is told besides the number of records.
pub(super) fn program_args(keys: u64) -> [String; 2] {
    [format!("--keys={keys}"), format!("--work={WORK}")]
}

/// Runs the command.
pub(super) fn run(args: &BenchArgs, interrupt: &Interrupt) -> Result<Exit> {
    let records = args.records.unwrap_or_else(|| default_records(args));
    let program = super::program_args(args, "", records);
    let (contenders, spec, graph, settings) = contenders(args, &program)?;
    let sandboxed = &contenders[1].program;
    let cancel = CancelToken::new();
    interrupt.running(cancel.clone());
    let interval = args.checkpoint_interval.unwrap_or(INTERVAL);
    let mut runs: [Vec<Run>; 2] = [Vec::new(), Vec::new()];
    for round in 0..args.rounds {
        for (runs, unaligned) in runs.iter_mut().zip([false, true]) {
            tracing::info!(round, unaligned, "run");
            let job = Job {
                spec: spec.clone(),
                graph: graph.clone(),
                args: program.clone(),
                settings: settings.clone(),
                place: Place::new(args.backend, Some(interval))?.unaligned(unaligned),
            };
            let run = measure(&job, sandboxed, &cancel);
            let Some((run, _)) = run.context("run `backpressure`")? else {
                return Ok(Exit::Cancelled);
            };
            ensure!(
                run.checkpoints.count > 0,
                "no checkpoint was complete before the job was; have more records, with `--records`"
            );
            runs.push(run);
        }
    }
    let [aligned, unaligned] = runs.map(|runs| kind(records, &runs));
    let figures = Figures {
        name: "backpressure",
        records,
        aligned,
        unaligned,
    };
    print(&figures, args.json)?;
    Ok(Exit::Finished)
}

fn kind(records: u64, runs: &[Run]) -> Kind {
    let of = |value: fn(&Run) -> f64| median(runs.iter().map(value));
    let longest = runs.iter().map(|run| run.checkpoints.duration_max_ms);
    Kind {
        records_per_second: records as f64 / of(|run| run.wall.as_secs_f64()),
        checkpoints: of(|run| run.checkpoints.count as f64) as u64,
        checkpoint_p50_ms: of(|run| run.checkpoints.duration_p50_ms),
        checkpoint_max_ms: longest.fold(0.0, f64::max),
        checkpoint_bytes: of(|run| run.checkpoints.uploaded_p50) as u64,
    }
}

fn print(figures: &Figures, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(figures)?)?;
        return Ok(());
    }
    writeln!(out, "backpressure, {} records", figures.records)?;
    for (name, kind) in [
        ("aligned", &figures.aligned),
        ("unaligned", &figures.unaligned),
    ] {
        writeln!(
            out,
            "  {name:9}  {:5.0} ms for a checkpoint, {:5.0} ms at most, {:3} of them, {:7.0} bytes each, {:7.0} records/s",
            kind.checkpoint_p50_ms,
            kind.checkpoint_max_ms,
            kind.checkpoints,
            kind.checkpoint_bytes,
            kind.records_per_second,
        )?;
    }
    Ok(())
}
