//! What can be asked of the program: its commands, flags and help texts.
//!
//! Invariant: only shapes and texts; what a command does is in its own file.

mod cluster;
mod snapshots;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use serde::Deserialize;
use wasmill_types::key_group::MAX_PARALLELISM;
use wasmill_types::size::ByteSize;

pub(crate) use cluster::{
    CancelArgs, ClusterArgs, ClusterCommand, ClusterStartArgs, ConfigArgs, JobManagerArgs,
    ListArgs, LogsArgs, Role, StatusArgs, TaskManagerArgs, TaskManagersArgs, TokenArgs,
    TokenCommand, TokenCreateArgs, TokenJoinArgs, UploadArgs,
};

pub(crate) use snapshots::{
    CheckpointArgs, CheckpointCommand, DisposeArgs, InspectCheckpointArgs, ListCheckpointsArgs,
    RescaleArgs, SavepointArgs, SavepointCommand, StateArgs, StopArgs,
};

use crate::bench::BenchArgs;
use crate::bench::exchange::WorkerArgs;
use crate::internal::InternalArgs;
use crate::settings::{MAX_CACHE_BYTES, MAX_MEMORY_BYTES};
use crate::{checkpointing, quantity};

/// Run stream programs whose operators are WebAssembly components.
///
/// A job is a Rust crate; `wasmill build` compiles it into a bundle, one file that runs anywhere;
/// `wasmill run --local` runs the bundle in this process, sandboxed; `wasmill run` runs it on a cluster of
/// one `wasmill jobmanager` and any number of `wasmill taskmanager`s.
#[derive(Debug, Parser)]
#[command(name = "wasmill", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

const EXAMPLES: &str = "\
Examples:
  wasmill new word-count                make a crate with a job that counts words
  cd word-count && wasmill build        compile it into target/wasmill/word-count.wasm
  wasmill run --local target/wasmill/word-count.wasm -- --input texts --output counts
  wasmill inspect target/wasmill/word-count.wasm -- --input texts --output counts
  wasmill connectors                    what sources and sinks there are
  wasmill cluster start                 run a cluster on this machine
  wasmill run word-count.wasm -- --input texts --output counts    run a job on it";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a crate with a job that builds and tests at once
    New(NewArgs),
    /// Compile a job's crate into a bundle
    Build(BuildArgs),
    /// Show what is in a bundle, and the graph that it describes
    Inspect(InspectArgs),
    /// Run a bundle, in this process or on a cluster
    Run(RunArgs),
    /// Upload a bundle to a cluster
    Upload(UploadArgs),
    /// List the jobs of a cluster
    List(ListArgs),
    /// Show a job: its vertices, counters and last failure
    Status(StatusArgs),
    /// Cancel a job and wait for its end
    Cancel(CancelArgs),
    /// Stop a job with a savepoint, from which it can go on
    Stop(StopArgs),
    /// Change the parallelism of a job that runs
    Rescale(RescaleArgs),
    /// Take a savepoint of a job, or remove one
    Savepoint(SavepointArgs),
    /// Look at the checkpoints of a job, or into one
    Checkpoint(CheckpointArgs),
    /// Look up what a job that runs keeps for a key
    State(StateArgs),
    /// Print what the tasks of a job have logged
    Logs(LogsArgs),
    /// List the TaskManagers of a cluster
    #[command(name = "taskmanagers")]
    TaskManagers(TaskManagersArgs),
    /// Run a JobManager
    #[command(name = "jobmanager")]
    JobManager(JobManagerArgs),
    /// Run a TaskManager
    #[command(name = "taskmanager")]
    TaskManager(TaskManagerArgs),
    /// Run a whole cluster on this machine, for trying things
    Cluster(ClusterArgs),
    /// Make the tokens with which TaskManagers join and clients ask
    Token(TokenArgs),
    /// Print the configuration: every key with its default and what it means
    Config(ConfigArgs),
    /// List the built-in sources and sinks with their options
    Connectors(ConnectorsArgs),
    /// Measure a workload in the sandbox and compiled natively, or the exchange between processes
    Bench(BenchArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
    /// What a node does with a bundle in a process of its own
    #[command(hide = true)]
    Internal(InternalArgs),
    /// A TaskManager process of `bench exchange`
    #[command(hide = true)]
    InternalExchange(WorkerArgs),
}

impl Command {
    /// The configuration file that a node was given; nothing for commands that are no node.
    pub(crate) fn configuration(&self) -> Option<Option<&Path>> {
        let file = match self {
            Self::JobManager(args) => &args.config,
            Self::TaskManager(args) => &args.config,
            Self::Cluster(ClusterArgs {
                command: ClusterCommand::Start(args),
            }) => &args.config,
            _ => return None,
        };
        Some(file.as_deref())
    }
}

/// What is logged to standard error, and how.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Which log lines to show: off, error, warn, info, debug, trace, or directives like
    /// `warn,guest=debug`, where `guest` is what jobs log themselves [default: $WASMILL_LOG, else of a
    /// node `log.filter` of its configuration, else warn, and info for jobs]
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Log")]
    pub(crate) log_level: Option<String>,
    /// How log lines look [default: of a node `log.format` of its configuration, else text]
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Log")]
    pub(crate) log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object per line
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wasmill new word-count
  cd word-count
  cargo test
  wasmill build")]
pub(crate) struct NewArgs {
    /// The name of the crate and of its new directory
    #[arg(value_name = "NAME")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The bundle is target/wasmill/NAME.wasm in cargo's target directory of the crate. Needed are Rust and \
its standard library for wasm32-unknown-unknown; if that is missing it is installed, with rustup or \
from Debian's packages. WASMILL_WASM_STD=rustup, =debian or =DIRECTORY chooses.

Examples:
  wasmill build
  wasmill build guest-examples/word-count
  wasmill run --local $(wasmill build --quiet) -- --input texts --output counts")]
pub(crate) struct BuildArgs {
    /// The directory of the job's crate, with its Cargo.toml
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Put the bundle into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Turn features of the crate on, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Print the bundle's path only, and cargo's output only when it fails
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The graph depends on the program's arguments: give those that it will run with.

Examples:
  wasmill inspect word-count.wasm -- --input texts --output counts
  wasmill inspect --dot word-count.wasm -- --input texts --output counts | dot -Tsvg > graph.svg
  wasmill inspect --json word-count.wasm -- --input texts --output counts | jq .graph.operators")]
pub(crate) struct InspectArgs {
    /// The bundle's file
    pub(crate) bundle: PathBuf,
    /// Print one JSON object: path, digest, bytes, imports, exports, graph, plan, error
    #[arg(long, conflicts_with = "dot")]
    pub(crate) json: bool,
    /// Print the graph in the language of Graphviz
    #[arg(long)]
    pub(crate) dot: bool,
    /// The parallelism of operators that name none [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = value_parser!(u32).range(PARALLELISM))]
    pub(crate) parallelism: Option<u32>,
    /// The program's arguments
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Everything after `--` is for the program. Output becomes visible when the whole job has finished; a \
job that fails or is cancelled leaves none. Exit codes: 0 finished, 1 failed, 2 wrong usage or a \
bundle that cannot be used, 130 cancelled.

Examples:
  wasmill run --local word-count.wasm -- --input texts --output counts
  wasmill run --local --parallelism 1 --json word-count.wasm -- --input a.txt --output counts
  wasmill run --local --on-bad-record skip events.wasm -- --input 'logs/*.jsonl' --output clean
  wasmill run --parallelism 4 word-count.wasm -- --input /data/texts --output /data/counts
  wasmill run --detach --json --jobmanager http://10.0.0.1:8081 events.wasm -- --output /data/clean")]
pub(crate) struct RunArgs {
    /// Run in this process, with the rights of this user
    #[arg(long, conflicts_with_all = ["jobmanager", "detach"])]
    pub(crate) local: bool,
    /// The REST address of the cluster to run on [default: $WASMILL_URL, else `url` in
    /// wasmill/context.toml of the user's configuration directory, else http://127.0.0.1:8081]
    #[arg(long, value_name = "URL")]
    pub(crate) jobmanager: Option<String>,
    /// Do not wait for the job's end: print its id when it was accepted
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// The parallelism of operators that name none [default: the number of cores; on a cluster 1]
    #[arg(short, long, value_name = "N", value_parser = value_parser!(u32).range(PARALLELISM))]
    pub(crate) parallelism: Option<u32>,
    /// What to do with a record that cannot be read
    #[arg(long, value_name = "POLICY", default_value = "fail")]
    pub(crate) on_bad_record: OnBadRecord,
    /// Keyed state that each subtask keeps in the sandbox's memory, at most 1 GiB; the rest is kept
    /// outside, which is slower
    /// [default: 64 MiB, or what the slot allows]
    #[arg(long, value_name = "SIZE", value_parser = cache_size)]
    pub(crate) cache_bytes: Option<ByteSize>,
    /// Memory that an instance of the bundle may use, from 1 MiB to 4 GiB; there is one instance per
    /// subtask, and its state cache takes at most a quarter [default: 256 MiB, or four times
    /// --cache-bytes if that is more]
    #[arg(long, value_name = "SIZE", value_parser = memory_size, help_heading = SANDBOX)]
    pub(crate) max_memory: Option<ByteSize>,
    /// How much processor time one call into the bundle may use before the job fails, as `500ms`, `30s`,
    /// `5min` or `1h`, at most a day; a call gets a batch of records [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = call_timeout, help_heading = SANDBOX)]
    pub(crate) call_timeout: Option<Duration>,
    /// An option of the job on a cluster, as REST takes it in `flinkConfiguration`: for instance
    /// `restart-strategy.type=fixed-delay` and `restart-strategy.fixed-delay.attempts=3`; may be given
    /// more than once
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = option, conflicts_with = "local")]
    pub(crate) options: Vec<(String, String)>,
    /// Take a checkpoint this often, as `500ms` or `10s`: after a failure the job goes on from the last
    /// one, and sinks make their output visible at each [default: never]
    #[arg(long, value_name = "DURATION", value_parser = checkpoint_interval, help_heading = STATE)]
    pub(crate) checkpoint_interval: Option<Duration>,
    /// Where checkpoints go: a directory, or a URL like `s3://bucket/checkpoints` [default: the
    /// JobManager's]
    #[arg(long, value_name = "URL", value_parser = snapshots::place, help_heading = STATE)]
    pub(crate) checkpoint_dir: Option<String>,
    /// Where keyed state is kept that the sandbox does not cache [default: what the TaskManager says]
    #[arg(long, value_name = "BACKEND", help_heading = STATE)]
    pub(crate) backend: Option<BackendArg>,
    /// Start from a savepoint, or from a checkpoint that was kept
    #[arg(long, value_name = "PATH", value_parser = snapshots::place, help_heading = STATE)]
    pub(crate) from_savepoint: Option<String>,
    /// Leave state behind that no operator of the program takes
    #[arg(long, requires = "from_savepoint", help_heading = STATE)]
    pub(crate) allow_non_restored_state: bool,
    /// Print one JSON object as the last line: job, jobid, tenant, state, records_in, bytes_in,
    /// records_out, bad_records, seconds, first_record_ms, error; without a usable bundle, job and jobid
    /// are null
    #[arg(long)]
    pub(crate) json: bool,
    /// Show neither progress nor summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The bundle's file
    pub(crate) bundle: PathBuf,
    /// The program's arguments
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

impl RunArgs {
    /// What is chosen about checkpoints and state, by Flink's keys.
    pub(crate) fn state_options(&self) -> BTreeMap<String, String> {
        let interval = self.checkpoint_interval;
        let backend = self.backend.map(|backend| match backend {
            BackendArg::Memory => "memory",
            BackendArg::Rocksdb => "rocksdb",
        });
        let allowed = self.allow_non_restored_state.then_some("true");
        let options = [
            (
                checkpointing::INTERVAL,
                interval.map(|time| format!("{}ms", time.as_millis())),
            ),
            (checkpointing::DIRECTORY, self.checkpoint_dir.clone()),
            (checkpointing::BACKEND, backend.map(str::to_owned)),
            (checkpointing::SAVEPOINT_PATH, self.from_savepoint.clone()),
            (
                checkpointing::ALLOW_NON_RESTORED,
                allowed.map(str::to_owned),
            ),
        ];
        let chosen = options
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        chosen.collect()
    }
}

/// Where keyed state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    /// In memory
    Memory,
    /// In RocksDB, on the TaskManager's disk
    Rocksdb,
}

/// What to do with records that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadRecord {
    /// The job fails
    Fail,
    /// It is left out and counted
    Skip,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wasmill connectors
  wasmill connectors file")]
pub(crate) struct ConnectorsArgs {
    /// Only the connectors of this name
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wasmill completions bash > ~/.local/share/bash-completion/completions/wasmill
  wasmill completions fish > ~/.config/fish/completions/wasmill.fish
  wasmill completions zsh > ~/.zfunc/_wasmill")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

const PARALLELISM: RangeInclusive<i64> = 1..=MAX_PARALLELISM as i64;

/// The heading of the flags that set the sandbox's limits.
const SANDBOX: &str = "Limits of the sandbox";

/// The heading of the flags about state.
const STATE: &str = "State and checkpoints";

/// Less than this no bundle of the SDK starts with: its stack alone has it.
const MIN_MEMORY_BYTES: u64 = 1 << 20;

/// The longest time that a call may be given: what runs longer is no batch any more.
const MAX_CALL_TIMEOUT: Duration = Duration::from_hours(24);

fn memory_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error| format!("{error}"))?;
    if !(MIN_MEMORY_BYTES..=MAX_MEMORY_BYTES).contains(&size.0) {
        let [least, most] = [MIN_MEMORY_BYTES, MAX_MEMORY_BYTES].map(ByteSize);
        return Err(format!("it must be from {least} to {most}"));
    }
    Ok(size)
}

fn call_timeout(text: &str) -> Result<Duration, String> {
    let time = quantity::parse_time(text)?;
    if time.is_zero() || time > MAX_CALL_TIMEOUT {
        return Err("it must be from 1ms to 24h".to_owned());
    }
    Ok(time)
}

fn checkpoint_interval(text: &str) -> Result<Duration, String> {
    let time = quantity::parse_time(text)?;
    if time < Duration::from_millis(10) {
        return Err("it must be at least 10ms".to_owned());
    }
    Ok(time)
}

fn cache_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error| format!("{error}"))?;
    if size.0 > MAX_CACHE_BYTES {
        return Err(format!("it can be at most {}", ByteSize(MAX_CACHE_BYTES)));
    }
    Ok(size)
}

fn option(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = parts.ok_or("it must be a key and a value, as `key=value`")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_shapes_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_read_or_refused() {
        for (line, is_fine) in [
            ("run --local a.wasm", true),
            ("run --local -p 8 a.wasm -- --input x --output y", true),
            ("run --local a.wasm --input x", false),
            ("run --local --parallelism 0 a.wasm", false),
            ("run --local --parallelism 32768 a.wasm", true),
            ("run --local --parallelism 32769 a.wasm", false),
            ("run --local --cache-bytes 1GiB a.wasm", true),
            ("run --local --cache-bytes 2GiB a.wasm", false),
            ("run --local --max-memory 1MiB a.wasm", true),
            ("run --local --max-memory 4GiB a.wasm", true),
            ("run --local --max-memory 1023KiB a.wasm", false),
            ("run --local --max-memory 5GiB a.wasm", false),
            ("run --local --call-timeout 500ms a.wasm", true),
            ("run --local --call-timeout 24h a.wasm", true),
            ("run --local --call-timeout 25h a.wasm", false),
            ("run --local --call-timeout 0s a.wasm", false),
            ("run --local --call-timeout soon a.wasm", false),
            ("bench map-filter --records 1", true),
            ("bench map-filter --records 0", false),
            ("run --local --on-bad-record ignore a.wasm", false),
            ("run --local", false),
            ("inspect --json --dot a.wasm", false),
            ("inspect a.wasm --log-level debug", true),
            ("stop 00112233445566778899aabbccddeeff --drain", true),
            ("stop", false),
            (
                "savepoint 00112233445566778899aabbccddeeff --format native",
                true,
            ),
            (
                "savepoint 00112233445566778899aabbccddeeff --format best",
                false,
            ),
            ("savepoint", false),
            ("savepoint dispose /s", true),
            ("savepoint dispose", false),
            ("checkpoint inspect /s --json", true),
            ("checkpoint", false),
            ("", false),
        ] {
            let words = ["wasmill"].into_iter().chain(line.split_whitespace());
            assert_eq!(Cli::try_parse_from(words).is_ok(), is_fine, "{line}");
        }
    }
}
