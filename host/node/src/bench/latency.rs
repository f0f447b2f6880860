//! `wasmill bench latency`: how late a running count is, of records that come at a steady rate.
//!
//! The host makes each record when it is due and looks at the clock when its count comes to the sink, after a
//! shuffle between the subtasks; a guest's clock tells milliseconds only. The job runs once for each buffer
//! timeout. Invariant: a run in which nothing was measured is an error, not a figure.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use wasmill_actor::CancelToken;
use wasmill_connectors::{Latencies, take_latencies};

use super::state::Place;
use super::{BenchArgs, Job, contenders, default_records, measure};
use crate::failure::Exit;
use crate::interrupt::Interrupt;

/// How many records are due in a second, over all subtasks.
pub(super) const RATE: u64 = 50_000;

/// Which part of the records is left out, from the beginning.
const WARM_UP: u64 = 6;

/// The buffer timeouts if none was chosen: Flink's default, the default here, and none.
const TIMEOUTS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(1),
    Duration::ZERO,
];

/// The fields of `--json`.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    parallelism: u32,
    records_per_second: u64,
    seconds: u64,
    runs: Vec<Measured>,
}

/// One run.
#[derive(Debug, Serialize)]
struct Measured {
    buffer_timeout_ms: f64,
    /// How many records were measured.
    records: u64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Processor time of the whole process, in cores.
    cores: f64,
}

/// What the program is told besides the number of records.
pub(super) fn program_args(keys: u64, records_of_split: u64) -> [String; 3] {
    let skip = records_of_split / WARM_UP;
    [
        format!("--keys={keys}"),
        format!("--rate={RATE}"),
        format!("--skip={skip}"),
    ]
}

/// Runs the command.
pub(super) fn run(args: &BenchArgs, interrupt: &Interrupt) -> Result<Exit> {
    ensure!(
        args.records.is_none(),
        "`latency` makes {RATE} records a second; say for how long with `--seconds` instead of `--records`"
    );
    let program = super::program_args(args, "", default_records(args));
    let (contenders, spec, graph, settings) = contenders(args, &program)?;
    let sandboxed = &contenders[1].program;
    let cancel = CancelToken::new();
    interrupt.running(cancel.clone());
    let timeouts = match args.buffer_timeout {
        Some(timeout) => vec![timeout],
        None => TIMEOUTS.to_vec(),
    };
    let mut runs = Vec::new();
    for timeout in timeouts {
        tracing::info!(?timeout, "run");
        let mut settings = settings.clone();
        settings.buffer_timeout = Some(timeout);
        let job = Job {
            spec: spec.clone(),
            graph: graph.clone(),
            args: program.clone(),
            settings,
            place: Place::new(args.backend, args.checkpoint_interval)?,
        };
        drop(take_latencies());
        let ran = measure(&job, sandboxed, &cancel).context("run `latency`")?;
        let Some((run, _)) = ran else {
            return Ok(Exit::Cancelled);
        };
        let cores = run.cpu.as_secs_f64() / run.wall.as_secs_f64();
        runs.push(measured(timeout, cores, &take_latencies())?);
    }
    let figures = Figures {
        name: "latency",
        parallelism: args.parallelism(),
        records_per_second: RATE,
        seconds: args.seconds,
        runs,
    };
    print(&figures, args.json)?;
    Ok(Exit::Finished)
}

fn measured(timeout: Duration, cores: f64, latencies: &Latencies) -> Result<Measured> {
    ensure!(
        latencies.count() > 0,
        "no record was measured; let it take longer, with `--seconds`"
    );
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(Measured {
        buffer_timeout_ms: ms(timeout),
        records: latencies.count(),
        p50_ms: ms(latencies.quantile(0.5)),
        p99_ms: ms(latencies.quantile(0.99)),
        max_ms: ms(latencies.max()),
        cores,
    })
}

fn print(figures: &Figures, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(figures)?)?;
        return Ok(());
    }
    writeln!(
        out,
        "latency at {} records/s for {} s, parallelism {}",
        figures.records_per_second, figures.seconds, figures.parallelism
    )?;
    for run in &figures.runs {
        writeln!(
            out,
            "  buffer timeout {:5.1} ms: {:8.3} ms p50, {:8.3} ms p99, {:8.3} ms max, {:.2} cores",
            run.buffer_timeout_ms, run.p50_ms, run.p99_ms, run.max_ms, run.cores
        )?;
    }
    Ok(())
}
