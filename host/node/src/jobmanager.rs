//! `wasmill jobmanager`: the process that accepts jobs and runs them on TaskManagers.
//!
//! Wiring only: the cluster's keys, the socket that TaskManagers come to, the actors of
//! `wasmill_jobmanager`, REST over their handle. Invariant: when it can be reached, its addresses stand in
//! the data directory.

mod cluster;
mod describe;
mod nodes;
mod options;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_jobmanager::{
    Handle, Parts, ProcessOptions, ProcessProvider, ResourceProvider, Standalone, Uploads,
};
use wasmill_network::endpoint::lease::LeaseListener;
use wasmill_network::endpoint::{self, Endpoint, Listener, OpenError};
use wasmill_network::identity::Authority;
use wasmill_rest::Server;
use wasmill_rpc::{control, join};
use wasmill_types::id::TaskManagerId;

use crate::addresses::Addresses;
use crate::cli::JobManagerArgs;
use crate::config::{Config, Provider};
use crate::failure::{Exit, Failure, story, unusable_address};
use crate::lifetime::{self, Keeper};
use crate::places::{self, Held};
use crate::programs;
use crate::screen::Screen;
use cluster::OverHandle;
use describe::InChildren;

/// How long TaskManagers that this process starts may join: as long as it can be expected to run.
const PROVIDED_TTL: Duration = Duration::from_hours(24 * 365);

/// How many ports that the machine chooses are tried until one is free for both UDP and TCP.
const PORTS: u32 = 16;

/// Runs a JobManager until it is told to end.
pub(crate) fn perform(
    args: &JobManagerArgs,
    clock: Clock,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let config = config(args)?;
    options::check_checkpoint_dir(&config)?;
    let place = places::hold(places::job_manager(&config.jobmanager.data_dir)?)?;
    Addresses::forget(&place.path);
    let wired = clock.clone();
    lifetime::live(
        Keeper::of_flag(args.with_parent),
        &clock,
        |stop| async move {
            let node = Start {
                config,
                config_file: args.config.as_deref(),
                place,
                clock: wired,
                screen,
            };
            node.run(stop).await
        },
    )
}

/// The configuration with the flags on top.
fn config(args: &JobManagerArgs) -> Result<Config, Failure> {
    let path = |path: &PathBuf| path.display().to_string();
    let flags = [
        ("jobmanager.data-dir", args.data_dir.as_ref().map(path)),
        (
            "jobmanager.rest",
            args.rest.map(|address| address.to_string()),
        ),
        (
            "jobmanager.rpc",
            args.rpc.map(|address| address.to_string()),
        ),
        ("jobmanager.checkpoint-dir", args.checkpoint_dir.clone()),
    ];
    let flags: Vec<_> = flags
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    Config::read(args.config.as_deref(), &flags)
}

/// Where checkpoints go that name no directory.
fn checkpoint_dir(config: &Config, data_dir: &Path) -> String {
    match config.jobmanager.checkpoint_dir.as_str() {
        "" => data_dir.join("checkpoints").display().to_string(),
        chosen => chosen.to_owned(),
    }
}

/// A JobManager that starts.
struct Start<'a> {
    config: Config,
    /// Where it was read from, for the TaskManagers that this process starts.
    config_file: Option<&'a Path>,
    place: Held,
    clock: Clock,
    screen: &'a Screen,
}

/// Where TaskManagers come to.
struct Listening {
    endpoint: Endpoint,
    listener: Listener,
    leases: LeaseListener,
}

impl Start<'_> {
    async fn run(mut self, stop: CancelToken) -> Result<Exit, Failure> {
        let authority = Authority::open(&self.place.path, self.clock.now_ms());
        let authority = Arc::new(authority.map_err(|error| Failure::failed(story(&error)))?);
        let Listening {
            endpoint,
            listener,
            leases,
        } = self.listen(&authority).await?;
        let rpc = leases.local_addr();
        let parts = self.parts(&authority, rpc)?;
        let (handle, mut actors) =
            Handle::start(parts).map_err(|error| Failure::failed(story(&error)))?;
        let desk = join::Desk::new(Arc::clone(&authority), self.clock.clone());
        nodes::serve(listener, desk, handle.clone(), self.clock.clone());
        let leases = nodes::watch(leases, handle.clone());

        let ask_to_stop = CancelToken::new();
        let checkpoints = checkpoint_dir(&self.config, &self.place.path);
        let cluster = OverHandle::new(
            handle.clone(),
            authority,
            ask_to_stop.clone(),
            self.clock.clone(),
            Some(checkpoints),
        );
        let server = Server::bind(self.rest(), Arc::new(cluster), self.clock.clone()).await;
        let server = server.map_err(|error| Failure::failed(story(&error)))?;
        let addresses = Addresses {
            rest: server.address(),
            rpc,
            pid: std::process::id(),
        };
        let written = addresses.write(&self.place.path);
        written.map_err(|error| {
            let dir = self.place.path.display();
            Failure::failed(format!("write the addresses to `{dir}`: {error}"))
        })?;
        self.place.keep();
        self.screen.say(&format!(
            "JobManager runs: REST at http://{}, TaskManagers join at {rpc}",
            addresses.rest
        ));

        let drain = CancelToken::new();
        let mut rest = actors::spawn(ActorKind::Rest, "", server.serve(drain.clone()));
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Exit::Finished),
            () = ask_to_stop.cancelled() => Ok(Exit::Finished),
            ended = actors.join() => match ended {
                Ok(()) => Ok(Exit::Finished),
                Err(panicked) => Err(Failure::failed(story(&panicked))),
            },
            ended = rest.join() => match ended {
                Ok(()) => Ok(Exit::Finished),
                Err(panicked) => Err(Failure::failed(story(&panicked))),
            }
        };
        Addresses::forget(&self.place.path);
        handle.shutdown().await;
        drain.cancel();
        let _ended = rest.join().await;
        leases.abort();
        endpoint.close("the JobManager ends").await;
        ended
    }

    /// What the JobManager's actors are made of.
    fn parts(&self, authority: &Authority, rpc: SocketAddr) -> Result<Parts, Failure> {
        let wasm = &self.config.wasm;
        let programs = programs::Options {
            program: programs::Options::this_program().map_err(Failure::failed)?,
            cache_dir: self.place.path.join("compiled"),
            memory: wasm.compile_memory,
            timeout: wasm.compile_timeout.0,
            bundle_limit: wasm.bundle,
        };
        let programs = programs::Programs::new(programs, self.clock.clone());
        Ok(Parts {
            options: options::job_manager(&self.config)?,
            uploads: Some(Uploads {
                data_dir: self.place.path.clone(),
                programs: Arc::new(InChildren(programs)),
            }),
            provider: self.provider(authority, rpc)?,
            clock: self.clock.clone(),
            rng: Rng::from_entropy(),
        })
    }

    /// Where TaskManagers come from.
    fn provider(
        &self,
        authority: &Authority,
        rpc: SocketAddr,
    ) -> Result<Box<dyn ResourceProvider>, Failure> {
        if self.config.jobmanager.provider == Provider::Standalone {
            return Ok(Box::new(Standalone));
        }
        let section = &self.config.provider;
        let program = programs::Options::this_program().map_err(Failure::failed)?;
        let home = self.place.path.join("taskmanagers");
        let token = authority
            .tokens()
            .issue(self.clock.now_ms(), PROVIDED_TTL)
            .reveal();
        let slots = section.slots;
        let rpc = from_here(rpc);
        let config = self.config_file.map(Path::to_owned);
        let command = move |id: &TaskManagerId| {
            let mut command = Command::new(&program);
            // The pipe's other end is this process's as long as it lives.
            command.stdin(Stdio::piped()).stdout(Stdio::null());
            command.args(["taskmanager", "--with-parent"]);
            command.args(["--jobmanager", &rpc.to_string(), "--join", &token]);
            if let Some(config) = &config {
                command.arg("--config").arg(config);
            }
            command.args([
                "--name",
                id.as_str(),
                "--slots",
                &slots.to_string(),
                "--data-dir",
            ]);
            command.arg(home.join(id.as_str()));
            command
        };
        let options = ProcessOptions {
            max_task_managers: section.max_taskmanagers as usize,
            slots: section.slots as usize,
            idle_timeout: section.idle_timeout.0,
            command: Box::new(command),
        };
        Ok(Box::new(ProcessProvider::new(options)))
    }

    /// Listens for QUIC and for leases, on the same port of UDP and TCP.
    async fn listen(&self, authority: &Authority) -> Result<Listening, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::failed(story(error));
        let identity = authority.job_manager(self.clock.now_ms());
        let identity = identity.map_err(|error| failed(&error))?;
        let heartbeat = self.config.heartbeat.options()?;
        // Control first: the first protocol's transport settings hold for all connections that come in.
        let protocols = [control::protocol(&heartbeat), join::protocol()];
        let address = self.config.jobmanager.rpc;
        let mut attempts = if address.port() == 0 { PORTS } else { 1 };
        loop {
            attempts -= 1;
            let listening = Endpoint::listen(
                address,
                identity.clone(),
                &protocols,
                endpoint::Options::default(),
                &self.clock,
            );
            let (endpoint, listener) =
                listening.map_err(|error| unusable_address(&error, "--rpc", "jobmanager.rpc"))?;
            let bound = endpoint
                .local_addr()
                .map_err(|error| Failure::failed(format!("ask for the rpc address: {error}")))?;
            match LeaseListener::bind(bound, &identity, &self.clock) {
                Ok(leases) => {
                    return Ok(Listening {
                        endpoint,
                        listener,
                        leases,
                    });
                }
                // The machine has chosen a port that is free for UDP only.
                Err(OpenError::InUse { .. }) if attempts > 0 => {
                    endpoint.close("the port is taken for TCP").await;
                }
                Err(error) => return Err(unusable_address(&error, "--rpc", "jobmanager.rpc")),
            }
        }
    }

    fn rest(&self) -> wasmill_rest::Options {
        wasmill_rest::Options {
            address: self.config.jobmanager.rest,
            data_dir: self.place.path.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: option_env!("WASMILL_REVISION")
                .unwrap_or("unknown")
                .to_owned(),
            configuration: self.config.entries.clone(),
            limits: options::rest_limits(&self.config),
        }
    }
}

/// The address of a socket of this machine for processes on it: they are neighbours, also when it listens
/// on all addresses.
fn from_here(mut bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        bound.set_ip(match bound {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_this_machine_come_over_loopback_where_they_can() {
        for (bound, expected) in [
            ("0.0.0.0:7", "127.0.0.1:7"),
            ("[::]:7", "[::1]:7"),
            ("10.0.0.1:7", "10.0.0.1:7"),
        ] {
            assert_eq!(from_here(bound.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
