//! The commands about checkpoints and savepoints, and those that stop jobs with one.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum, value_parser};
use wasmill_types::id::JobId;

use super::PARALLELISM;
use super::cluster::ServerArgs;

/// Where a savepoint goes, and how it is written.
#[derive(Debug, Args)]
pub(crate) struct SavepointPlace {
    /// Where the savepoint's directory is made: a directory that the cluster's machines share, or a URL
    /// like `s3://bucket/savepoints` [default: the job's `execution.checkpointing.savepoint-dir`]
    #[arg(long, value_name = "DIR", value_parser = place)]
    pub(crate) savepoint_dir: Option<String>,
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "canonical")]
    pub(crate) format: SavepointFormat,
}

/// How a savepoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SavepointFormat {
    /// The same for all backends, so that a job can start from it with another one
    Canonical,
    /// The backend's own, which is faster; for the same backend only
    Native,
}

impl SavepointFormat {
    /// The name over REST.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Canonical => "CANONICAL",
            Self::Native => "NATIVE",
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Sources stop, a savepoint is taken, all output up to it becomes visible, and the job is FINISHED. It goes on \
with `wasmill run --from-savepoint PATH`, at any parallelism up to the maximum. With --drain the job ends as \
if its input had: timers fire and windows close, so start from such a savepoint only to look at its state.

Examples:
  wasmill stop JOB --savepoint-dir /data/savepoints
  wasmill run --from-savepoint $(wasmill stop JOB --savepoint-dir /data/savepoints) --parallelism 8 job.wasm")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
    #[command(flatten)]
    pub(crate) place: SavepointPlace,
    /// Finish as if the input had ended: timers fire, and all results are complete
    #[arg(long)]
    pub(crate) drain: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The job stops with a savepoint, which goes where its savepoints or checkpoints go, and starts again from it \
under the same id; how long that took is the downtime. It can be as large as the maximum parallelism, with which the \
job has started, and needs as many slots.

Example:
  wasmill rescale JOB --parallelism 8")]
pub(crate) struct RescaleArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
    /// The parallelism of operators that name none
    #[arg(short, long, value_name = "N", value_parser = value_parser!(u32).range(PARALLELISM))]
    pub(crate) parallelism: u32,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
The job goes on. To stop it with a savepoint use `wasmill stop`, which loses and repeats nothing.

Examples:
  wasmill savepoint JOB --savepoint-dir s3://backups/savepoints
  wasmill savepoint dispose s3://backups/savepoints/savepoint-1a2b3c-0123456789ab"
)]
pub(crate) struct SavepointArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SavepointCommand>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    #[arg(required = true)]
    pub(crate) job: Option<JobId>,
    #[command(flatten)]
    pub(crate) place: SavepointPlace,
    /// Cancel the job once the savepoint is complete; output that becomes visible in between would be
    /// repeated by a job that starts from it
    #[arg(long)]
    pub(crate) cancel: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SavepointCommand {
    /// Remove a savepoint, or a checkpoint that was kept, with all of its files
    Dispose(DisposeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DisposeArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Its directory, or its file `_metadata`
    #[arg(value_parser = place)]
    pub(crate) path: String,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    #[command(subcommand)]
    pub(crate) command: CheckpointCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Show what is in a checkpoint or savepoint, without a cluster
    Inspect(InspectCheckpointArgs),
    /// List the latest checkpoints and savepoints of a job
    List(ListCheckpointsArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Clouds are reached with what the environment says, as AWS_ACCESS_KEY_ID.

Example:
  wasmill checkpoint inspect /data/savepoints/savepoint-1a2b3c-0123456789ab")]
pub(crate) struct InspectCheckpointArgs {
    /// Its directory, or its file `_metadata`; a path or a URL
    #[arg(value_parser = place)]
    pub(crate) path: String,
    /// Print one JSON object: job, checkpoint, kind, format, triggered-ms, self-contained, state-bytes,
    /// operators
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListCheckpointsArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
}

/// A path that means the same to the cluster's processes, which run elsewhere; a URL stays as it is.
pub(super) fn place(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains("://") || Path::new(text).is_absolute() {
        return Ok(text.to_owned());
    }
    let absolute = std::path::absolute(text).map_err(|error| error.to_string())?;
    Ok(absolute.display().to_string())
}

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
    /// The operator's uid, or its id in hexadecimal digits
    pub(crate) uid: String,
    /// The state's name
    pub(crate) state: String,
    /// The key as JSON; a text has quotation marks: --key '"a"'
    #[arg(long, value_name = "JSON", required_unless_present = "key_hex")]
    pub(crate) key: Option<String>,
    /// The key as the bundle encodes it, in hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "key")]
    pub(crate) key_hex: Option<String>,
    /// The key in a map; without one all entries are shown
    #[arg(long, value_name = "JSON")]
    pub(crate) sub_key: Option<String>,
    /// The key in a map, in hexadecimal digits
    #[arg(long, value_name = "HEX", conflicts_with = "sub_key")]
    pub(crate) sub_key_hex: Option<String>,
    /// How many entries of a map at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,
}
