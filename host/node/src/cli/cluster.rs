//! The commands of a cluster: its processes, its tokens, and what clients ask of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::size::ByteSize;

use crate::quantity;

/// Which JobManager is asked.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The JobManager's REST address [default: $WASMILL_URL, else `url` in wasmill/context.toml of the
    /// user's configuration directory, else http://127.0.0.1:8081]
    #[arg(long, value_name = "URL")]
    pub(crate) jobmanager: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It accepts jobs over REST and runs them on the TaskManagers that join it. The keys of the cluster are made \
in the data directory at the first start. Without tokens REST listens on loopback addresses only; make \
tokens with `wasmill token create`. SIGTERM ends it in good order.

Example:
  wasmill jobmanager --data-dir /var/lib/wasmill --rest 127.0.0.1:8081 --rpc 0.0.0.0:6123 \\
    --checkpoint-dir file:///var/lib/wasmill/checkpoints")]
pub(crate) struct JobManagerArgs {
    /// Where the cluster's keys, bundles and jobs are kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where REST listens
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rest: Option<SocketAddr>,
    /// Where TaskManagers reach it (QUIC and leases, a UDP and a TCP port)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rpc: Option<SocketAddr>,
    /// Where the checkpoints of jobs go that name no directory [default: `checkpoints` in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) checkpoint_dir: Option<String>,
    /// A configuration file; `wasmill config` shows all keys
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// End when standard input does: for processes that start this one and may be killed
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It runs the tasks of jobs. With a join token, from `wasmill token join` at the JobManager, it gets its \
certificate; a later start with the same data directory needs none. SIGTERM moves its tasks elsewhere and \
ends it.

Example:
  wasmill taskmanager --jobmanager 10.0.0.1:6123 --join TOKEN --slots 4 --data-dir /var/lib/wasmill")]
pub(crate) struct TaskManagerArgs {
    /// The JobManager's rpc address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) jobmanager: Option<String>,
    /// The join token
    #[arg(long, value_name = "TOKEN")]
    pub(crate) join: Option<String>,
    /// How many slots it offers
    #[arg(long, value_name = "N")]
    pub(crate) slots: Option<u32>,
    /// Where its key, bundles and compiled code are kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Its name [default: made from the host's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The memory that its slots share
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,
    /// Where other TaskManagers reach it (QUIC, a UDP port)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) data: Option<SocketAddr>,
    /// Where Prometheus reads its metrics, as GET /metrics [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// A configuration file; `wasmill config` shows all keys
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// End when standard input does: for processes that start this one and may be killed
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Run a JobManager and TaskManagers as processes on this machine, until Ctrl-C
    Start(ClusterStartArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
For trying things: everything listens on loopback, and the data directory is a temporary one unless one is \
given.

Example:
  wasmill cluster start --taskmanagers 2 &
  wasmill run word-count.wasm -- --input texts --output counts")]
pub(crate) struct ClusterStartArgs {
    /// How many TaskManagers
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) taskmanagers: u32,
    /// How many slots each has
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) slots: u32,
    /// Where REST listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub(crate) rest: SocketAddr,
    /// Where everything is kept [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A configuration file; `wasmill config` shows all keys
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a token with which TaskManagers join the cluster
    Join(TokenJoinArgs),
    /// Make a token with which a client may use REST; it is shown once
    Create(TokenCreateArgs),
    /// List the tokens of clients
    List(TokenListArgs),
    /// Take a client's token back
    Revoke(TokenRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokenJoinArgs {
    /// How long it can be used
    #[arg(long, value_name = "DURATION", default_value = "720h", value_parser = quantity::parse_time)]
    pub(crate) ttl: Duration,
    /// The JobManager's data directory; without it the running JobManager is asked
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Look at the tenant's jobs
    Viewer,
    /// Upload, run and cancel jobs too
    Submitter,
    /// Everything, for all tenants
    Admin,
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// Whose jobs
    #[arg(long, default_value_t)]
    pub(crate) tenant: TenantId,
    /// What may be done
    #[arg(long, default_value = "submitter")]
    pub(crate) role: Role,
    /// The JobManager's data directory [default: the configured one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenListArgs {
    /// The JobManager's data directory [default: the configured one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRevokeArgs {
    /// The token's id, from `wasmill token list`
    pub(crate) id: String,
    /// The JobManager's data directory [default: the configured one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The bundle's file
    pub(crate) bundle: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Also those that have ended
    #[arg(long, short)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The job's id
    pub(crate) job: JobId,
    /// How many lines at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) lines: u32,
}

#[derive(Debug, Args)]
pub(crate) struct TaskManagersArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Show what holds after this file and the environment, instead of the defaults with their comments
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
