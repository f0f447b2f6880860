//! `wasmill bench`: an ordinary guest and the same code compiled natively, through the same data path.
//!
//! The two run in turn within one process, so that a machine whose speed drifts slows both; the *sandbox
//! tax* is the ratio of the processor time they use. Invariant: both must compute the same checksum,
//! else the figures mean nothing and the command fails. The workload [`exchange`] has no guest: it
//! measures the way between TaskManagers.

mod backpressure;
mod checkpoint;
pub(crate) mod exchange;
mod latency;
mod native;
mod process;
mod report;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use wasmill::env::Main;
use wasmill_actor::{CancelToken, Clock};
use wasmill_connectors::Access;
use wasmill_graph::{JobGraph, LogicalGraph};
use wasmill_jobmanager::view::JobView;
use wasmill_rpc::protocol::JobDescription;
use wasmill_taskmanager::Program;
use wasmill_taskmanager::programs::Loaded;
use wasmill_toolchain::BuildOptions;
use wasmill_types::JobStatus;
use wasmill_types::id::{Digest, JobId, TenantId};
use wasmill_types::job::JobSpec;
use wasmill_types::size::ByteSize;
use wasmill_wasm::{Bundle, Engine, EngineOptions};

use crate::cli::BackendArg;
use crate::embedded::{self, Embedded};
use crate::failure::{Exit, Failure, story};
use crate::interrupt::Interrupt;
use crate::lifetime::{self, Keeper};
use crate::quantity;
use crate::screen::Screen;
use crate::settings::Settings;
use crate::stdout;
use report::Report;
use state::{Place, Taken};

/// Measure a benchmark workload in the sandbox and natively.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wasmill bench map-filter\n  \
    wasmill bench map-filter --variant exchange --parallelism 2\n  \
    wasmill bench word-count --parallelism 2 --json\n  \
    wasmill bench keyed-count --keys 10000000 --cache-bytes '64 MiB'\n  \
    wasmill bench keyed-count --backend rocksdb --checkpoint-interval 1s\n  \
    wasmill bench tumbling-window --octaves 20\n  \
    wasmill bench nexmark --query q7 --parallelism 2 --json\n  \
    wasmill bench checkpoint --state-bytes '2 GiB'\n  \
    wasmill bench backpressure\n  \
    wasmill bench latency --buffer-timeout 0s\n  \
    wasmill bench exchange --parallelism 2")]
pub(crate) struct BenchArgs {
    /// The workload.
    workload: Workload,
    /// How the operators of `map-filter` are arranged.
    #[arg(long, value_enum, default_value_t)]
    variant: Variant,
    /// How many records (lines, for `word-count`) each run processes; each workload has a default.
    #[arg(long, visible_alias = "events", value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,
    /// The query of `nexmark`, q0 to q22.
    #[arg(long, default_value = "q5")]
    query: String,
    /// `tumbling-window` has so many powers of two of keys.
    #[arg(long, default_value_t = 17, value_parser = clap::value_parser!(u32).range(1..=32))]
    octaves: u32,
    /// How many subtasks each operator has; on each TaskManager, for `exchange`. One, or two for `latency`.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    parallelism: Option<u32>,
    /// How long a run of `latency` takes; the first sixth is left out.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The one buffer timeout with which `latency` runs, for instance `1ms`; with 100 ms, the default of 1 ms, and 0
    /// if left out.
    #[arg(long, value_parser = quantity::parse_time, value_name = "TIME")]
    buffer_timeout: Option<Duration>,
    /// How often each of the programs runs.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How many keys `keyed-count` has.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// How much keyed state each subtask may cache, for instance `4 MiB`.
    #[arg(long, default_value = "64 MiB")]
    cache_bytes: ByteSize,
    /// Where workloads with keyed state keep what is not in the caches.
    #[arg(long, value_enum, default_value = "memory")]
    backend: BackendArg,
    /// How often workloads with keyed state take an exactly-once checkpoint, for instance `1s`; not at all if left out.
    #[arg(long, value_parser = quantity::parse_time, value_name = "TIME")]
    checkpoint_interval: Option<Duration>,
    /// How much state `checkpoint` makes.
    #[arg(long, default_value = "500 MiB")]
    state_bytes: ByteSize,
    /// How many TaskManager processes `exchange` has.
    #[arg(long = "taskmanagers", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=16))]
    task_managers: u32,
    /// How large the records of `exchange` are, in bytes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    record_bytes: u32,
    /// How much network memory each TaskManager of `exchange` has.
    #[arg(long, default_value = "64 MiB")]
    network_memory: ByteSize,
    /// Print one JSON object, as the last line.
    #[arg(long)]
    json: bool,
    /// The folder of the benchmark guest; the one of this checkout by default.
    #[arg(long)]
    guest: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// 100-byte records: change a number, drop half.
    MapFilter,
    /// Lines of ten words: count each word.
    WordCount,
    /// 64-bit keys: count each key.
    KeyedCount,
    /// Bids in windows of ten seconds: count and add up each auction's.
    TumblingWindow,
    /// A query over the events of an auction site.
    Nexmark,
    /// Values of 1000 bytes in RocksDB of which one in a hundred changes: with checkpoints, and without.
    Checkpoint,
    /// A sink at a hundredth of the rate: aligned and unaligned checkpoints while all channels are full.
    Backpressure,
    /// Keys counted at 50 000 records a second: how late the counts are.
    Latency,
    /// Records from all TaskManager processes to all others, by key; beside raw QUIC.
    Exchange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Variant {
    /// Source and sink of the host around the guest: every record crosses the border.
    #[default]
    Boundary,
    /// Everything in one chain in the guest: nothing leaves it.
    Fused,
    /// Rebalance between a source and a map in the guest.
    Exchange,
}

impl BenchArgs {
    fn parallelism(&self) -> u32 {
        let default = if self.workload == Workload::Latency {
            2
        } else {
            1
        };
        self.parallelism.unwrap_or(default)
    }
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::MapFilter => "map-filter",
            Self::WordCount => "word-count",
            Self::KeyedCount => "keyed-count",
            Self::TumblingWindow => "tumbling-window",
            Self::Nexmark => "nexmark",
            Self::Checkpoint => "checkpoint",
            Self::Backpressure => "backpressure",
            Self::Latency => "latency",
            Self::Exchange => "exchange",
        }
    }

    /// How many figures one record of the source stands for: word-count's are words.
    fn units(self) -> u64 {
        if self == Self::WordCount { 10 } else { 1 }
    }
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Boundary => "boundary",
            Self::Fused => "fused",
            Self::Exchange => "exchange",
        }
    }
}

/// What one run used.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall: Duration,
    cpu: Duration,
    peak_rss: u64,
    checksum: u64,
    checkpoints: Taken,
}

/// One way to run the workload's code.
struct Contender {
    name: &'static str,
    program: Arc<dyn Program>,
    runs: Vec<Run>,
}

/// What all of them run.
struct Job {
    spec: JobSpec,
    graph: JobGraph,
    args: Vec<String>,
    settings: Settings,
    place: Place,
}

/// Runs the command.
pub(crate) fn perform(args: &BenchArgs, clock: &Clock, screen: &Screen) -> Result<Exit, Failure> {
    let failed = |error: anyhow::Error| Failure::failed(story(error.as_ref()));
    let interrupt = || Interrupt::install(screen.clone(), clock.clone(), || ());
    match args.workload {
        Workload::Exchange => {}
        Workload::Checkpoint => return checkpoint::run(args, &interrupt()).map_err(failed),
        Workload::Latency => return latency::run(args, &interrupt()).map_err(failed),
        Workload::Backpressure => return backpressure::run(args, &interrupt()).map_err(failed),
        Workload::MapFilter
        | Workload::WordCount
        | Workload::KeyedCount
        | Workload::TumblingWindow
        | Workload::Nexmark => return run(args, &interrupt()).map_err(failed),
    }
    variant_name(args).map_err(failed)?;
    let settings = exchange::Settings {
        taskmanagers: args.task_managers,
        parallelism: args.parallelism(),
        record_bytes: args.record_bytes,
        records: args.records.unwrap_or_else(|| default_records(args)),
        rounds: args.rounds,
        network_memory: args.network_memory,
        json: args.json,
    };
    lifetime::live(Keeper::User, clock, |stop| async {
        match exchange::run(settings, clock.clone(), stop).await {
            Ok(Some(figures)) => stdout::print(&figures).map(|()| Exit::Finished),
            Ok(None) => Ok(Exit::Cancelled),
            Err(error) => Err(failed(error)),
        }
    })
}

/// Measures guests. A signal cancels the job that runs, so that its files go.
fn run(args: &BenchArgs, interrupt: &Interrupt) -> Result<Exit> {
    let variant = variant_name(args)?;
    let records = args.records.unwrap_or_else(|| default_records(args));
    let program = program_args(args, variant, records);
    let (mut contenders, spec, graph, settings) = contenders(args, &program)?;
    let cancel = CancelToken::new();
    interrupt.running(cancel.clone());
    let job = Job {
        spec,
        graph,
        args: program,
        settings,
        place: Place::new(args.backend, args.checkpoint_interval)?,
    };
    for round in 0..args.rounds {
        for contender in &mut contenders {
            tracing::info!(round, contender = contender.name, "run");
            let run = measure(&job, &contender.program, &cancel)
                .with_context(|| format!("run `{}` {}", args.workload.name(), contender.name))?;
            let Some((run, _)) = run else {
                return Ok(Exit::Cancelled);
            };
            contender.runs.push(run);
        }
    }
    let checksums = contenders
        .iter()
        .flat_map(|c| c.runs.iter().map(|run| run.checksum));
    let mut distinct: Vec<u64> = checksums.collect();
    distinct.sort_unstable();
    distinct.dedup();
    ensure!(
        distinct.len() == 1,
        "the sandbox and native code computed different checksums: {distinct:?}"
    );
    let [native, sandboxed, uninterrupted] = [0, 1, 2].map(|i| contenders[i].runs.as_slice());
    let report = Report {
        name: args.workload.name(),
        variant,
        parallelism: args.parallelism(),
        records: records * args.workload.units(),
        native,
        sandboxed,
        uninterrupted,
    };
    report.print(args.json)?;
    Ok(Exit::Finished)
}

fn variant_name(args: &BenchArgs) -> Result<&str> {
    let has_state = matches!(
        args.workload,
        Workload::KeyedCount | Workload::TumblingWindow | Workload::Nexmark | Workload::Checkpoint
    );
    let wants_state = args.backend != BackendArg::Memory || args.checkpoint_interval.is_some();
    ensure!(
        has_state || !wants_state,
        "`--backend` and `--checkpoint-interval` are options of `keyed-count`, `tumbling-window` and \
         `nexmark`; leave them out"
    );
    if args.workload == Workload::MapFilter {
        return Ok(args.variant.name());
    }
    if args.variant != Variant::Boundary {
        bail!(
            "`{}` has no variants; leave `--variant` out",
            args.workload.name()
        );
    }
    Ok(match args.workload {
        Workload::Nexmark => &args.query,
        _ => "shuffle",
    })
}

fn default_records(args: &BenchArgs) -> u64 {
    match (args.workload, args.variant) {
        (Workload::MapFilter, Variant::Boundary) => 20_000_000,
        (Workload::MapFilter, Variant::Fused) => 200_000_000,
        (Workload::MapFilter, Variant::Exchange) => 20_000_000,
        (Workload::WordCount, _) => 2_000_000,
        (Workload::KeyedCount | Workload::TumblingWindow, _) => 20_000_000,
        (Workload::Nexmark, _) => 10_000_000,
        (Workload::Checkpoint, _) => 100_000_000,
        (Workload::Backpressure, _) => 300_000,
        (Workload::Latency, _) => args.seconds * latency::RATE,
        (Workload::Exchange, _) => (500 << 20) / u64::from(args.record_bytes),
    }
}

fn program_args(args: &BenchArgs, variant: &str, records: u64) -> Vec<String> {
    if args.workload == Workload::Nexmark {
        return vec![
            format!("--query={}", args.query),
            format!("--events={records}"),
        ];
    }
    let workload = match args.workload {
        Workload::MapFilter => format!("map-filter-{variant}"),
        other => other.name().to_owned(),
    };
    let mut program = vec![
        "--workload".to_owned(),
        workload,
        format!("--records={records}"),
    ];
    if args.workload == Workload::KeyedCount {
        program.push(format!("--keys={}", args.keys));
    }
    if args.workload == Workload::TumblingWindow {
        program.push(format!("--octaves={}", args.octaves));
    }
    if args.workload == Workload::Backpressure {
        program.extend(backpressure::program_args(args.keys));
    }
    if args.workload == Workload::Latency {
        let of_split = records / u64::from(args.parallelism());
        program.extend(latency::program_args(args.keys, of_split));
    }
    if args.workload == Workload::Checkpoint {
        program.extend(checkpoint::program_args(args.state_bytes));
    }
    program
}

/// The native twin, the sandbox, and the sandbox without interruption, in this order.
fn contenders(
    args: &BenchArgs,
    program: &[String],
) -> Result<(Vec<Contender>, JobSpec, JobGraph, Settings)> {
    let (guest, main): (&str, Main) = match args.workload {
        Workload::Nexmark => ("nexmark", nexmark::nexmark),
        _ => ("bench", bench::bench),
    };
    let path = build_guest(guest, args.guest.as_deref())?;
    let settings = Settings {
        parallelism: Some(args.parallelism()),
        cache_bytes: Some(args.cache_bytes),
        ..Settings::default()
    };
    let limits = settings.limits();
    let load = |interruption| -> Result<Bundle> {
        let options = EngineOptions {
            interruption,
            ..EngineOptions::default()
        };
        let engine = Engine::new(options)?;
        Ok(Bundle::load(&engine, path.as_path(), &limits)?)
    };
    let (bundle, uninterrupted) = (load(true)?, load(false)?);
    let spec = bundle.describe(program, &limits)?;
    let graph = JobGraph::from_logical(&LogicalGraph::check(spec.clone(), &settings.graph())?);
    let sandboxed = |bundle| {
        let limits = limits.clone();
        Arc::new(Loaded { bundle, limits }) as Arc<dyn Program>
    };
    let contender = |name, program| Contender {
        name,
        program,
        runs: Vec::new(),
    };
    let contenders = vec![
        contender(
            "natively",
            Arc::new(native::Twin { main }) as Arc<dyn Program>,
        ),
        contender("in the sandbox", sandboxed(bundle)),
        contender(
            "in the sandbox without interruption",
            sandboxed(uninterrupted),
        ),
    ];
    Ok((contenders, spec, graph, settings))
}

fn build_guest(name: &str, guest: Option<&Path>) -> Result<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-examples");
    let checkout = examples.join(name);
    let dir = guest.unwrap_or(&checkout);
    let built = wasmill_toolchain::build(&BuildOptions::new(dir).quiet(true), &mut |_| {});
    let built =
        built.with_context(|| format!("build the benchmark guest in `{}`", dir.display()))?;
    Ok(built.bundle)
}

/// Runs the job once; nothing if it was cancelled.
fn measure(
    job: &Job,
    program: &Arc<dyn Program>,
    cancel: &CancelToken,
) -> Result<Option<(Run, Arc<JobView>)>> {
    process::reset_peak();
    let clock = Clock::system();
    let (wall, cpu) = (clock.monotonic(), process::cpu_time());
    let embedded = Embedded {
        description: JobDescription {
            job: JobId(0),
            tenant: TenantId::default(),
            spec: job.spec.clone(),
            // Names the program, whatever it is.
            bundle: Some(Digest([0; 32])),
            args: job.args.clone(),
            settings: job.place.settings(job.settings.job(1)),
        },
        graph: job.graph.clone(),
        program: Arc::clone(program),
        access: Access::unrestricted(),
        task: job.settings.task(),
        state_directory: Some(job.place.state_directory()),
        clock: clock.clone(),
    };
    let ended = embedded::run(embedded, cancel, drop);
    let view = ended.map_err(|failure| anyhow!(failure.message))?.view;
    if cancel.is_cancelled() {
        return Ok(None);
    }
    if view.status != JobStatus::Finished {
        let cause = view.exceptions.first().map(|it| it.cause.to_string());
        bail!("the job is {}: {}", view.status, cause.unwrap_or_default());
    }
    let run = Run {
        wall: clock.monotonic() - wall,
        cpu: process::cpu_time() - cpu,
        peak_rss: process::peak_rss(),
        checksum: counter(&view, "checksum"),
        checkpoints: Taken::of(&view.checkpoints.statistics),
    };
    Ok(Some((run, view)))
}

/// The sum over all subtasks of what the guest has counted under a name.
fn counter(view: &JobView, name: &str) -> u64 {
    let subtasks = view.vertices.iter().flat_map(|vertex| &vertex.subtasks);
    let counters = subtasks.flat_map(|subtask| &subtask.current.counters.custom);
    let named = counters.filter(|(counter, _)| counter == name);
    named.map(|(_, count)| count).sum()
}
